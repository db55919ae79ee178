//! `{ file: PATH }` in a policy file: PEM, trusted roots and Notation's own files that lie beside
//! it. The module never reads a file, so they are put in place here.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    Document, DocumentError, References, notation,
    positions::{Position, escape},
    references,
};

/// Bytes of one file of keys or certificates.
const MOST_PEM: u64 = 1 << 20;
/// Files of one policy, and so some bound on what it takes to read them.
const MOST_FILES: usize = 512;

/// Where a file may stand, as JSON pointers: `*` is any name, `#` any item of a list. Trust stores of
/// Notation are read elsewhere ([`notation`]).
pub(super) const PEM: &[&str] = &[
    "/spec/authorities/*/cosign/certificate/pem",
    "/spec/authorities/*/cosign/keys/#",
    "/spec/trust/*/sigstore/certificateAuthorities/#",
    "/spec/trust/*/sigstore/certificateAuthorities/#/certChain",
    "/spec/trust/*/sigstore/ctlogs/#",
    "/spec/trust/*/sigstore/ctlogs/#/publicKey",
    "/spec/trust/*/sigstore/timestampAuthorities/#",
    "/spec/trust/*/sigstore/timestampAuthorities/#/certChain",
    "/spec/trust/*/sigstore/tlogs/#",
    "/spec/trust/*/sigstore/tlogs/#/publicKey",
    "/spec/trust/*/x509/intermediates/#",
    "/spec/trust/*/x509/roots/#",
];
pub(super) const TRUSTED_ROOT: &str = "/spec/trust/*/sigstore/trustedRoot";

/// Something that was put in place, so that messages can name where it is from.
#[derive(Clone, Debug)]
pub(super) struct Inlined {
    /// Where it stands.
    pub(super) pointer: String,
    /// Where the policy asks for it.
    pub(super) position: Option<Position>,
    pub(super) from: Origin,
}

#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A file with places in it.
    Document(Box<Document>),
    /// A file or directory of this name.
    Named(String),
    /// The policy itself, at another place.
    Policy,
}

/// Puts every file in its place, and what else the policy names. Paths are relative to `directory`.
pub(super) fn inline(
    document: &mut Document,
    directory: &Path,
    references: &References,
) -> Result<(), DocumentError> {
    let mut files = Files { directory, ..Files::new(document) };
    for pattern in PEM {
        for pointer in files.places(pattern) {
            let Some(path) = files.named(&pointer, "file")? else { continue };
            let text = files.pem(&pointer, &path)?;
            files.put(pointer, Value::String(text), Origin::Named(path.display().to_string()));
        }
    }
    for pointer in files.places(TRUSTED_ROOT) {
        let Some(path) = files.named(&pointer, "file")? else { continue };
        files.count(&pointer)?;
        let root = Document::load(&path.to_string_lossy());
        let mut root = root.map_err(|e| files.beside(&pointer, e))?;
        files.put(pointer, root.value.take(), Origin::Document(Box::new(root)));
    }
    references::inline(&mut files, references)?;
    notation::inline(&mut files)
}

/// A document on its way to be whole.
pub(super) struct Files<'d> {
    pub(super) document: &'d mut Document,
    directory: &'d Path,
    count: usize,
}

impl<'d> Files<'d> {
    pub(super) fn new(document: &'d mut Document) -> Self {
        Self { document, directory: Path::new(""), count: 0 }
    }
    /// What stands at a pointer.
    pub(super) fn value(&self, pointer: &str) -> Option<&Value> {
        self.document.value.pointer(pointer)
    }

    /// The pointers that a pattern leads to.
    pub(super) fn places(&self, pattern: &str) -> Vec<String> {
        let steps: Vec<&str> = pattern.split('/').skip(1).collect();
        let mut found = Vec::new();
        visit(&self.document.value, String::new(), &steps, &mut found);
        found
    }

    /// The path of `{ file: PATH }` or `{ directory: PATH }`, if that is what stands there.
    pub(super) fn named(
        &self,
        pointer: &str,
        member: &str,
    ) -> Result<Option<PathBuf>, DocumentError> {
        Ok(self.written(pointer, member)?.map(|path| self.path(path)))
    }

    /// The same as it is written.
    pub(super) fn written(
        &self,
        pointer: &str,
        member: &str,
    ) -> Result<Option<&str>, DocumentError> {
        let Some((members, path)) =
            self.value(pointer).and_then(Value::as_object).and_then(|m| Some((m, m.get(member)?)))
        else {
            return Ok(None);
        };
        match path.as_str() {
            Some(path) if members.len() == 1 && !path.is_empty() => Ok(Some(path)),
            _ => Err(self.error(pointer, format!("`{member}` stands alone, and is a path"))),
        }
    }

    /// A path as the policy writes it.
    pub(super) fn path(&self, written: impl AsRef<Path>) -> PathBuf {
        self.directory.join(written)
    }

    /// The contents of a file of keys or certificates.
    pub(super) fn bytes(&mut self, pointer: &str, path: &Path) -> Result<Vec<u8>, DocumentError> {
        self.count(pointer)?;
        let mut bytes = Vec::new();
        let read = fs::File::open(path).and_then(|f| f.take(MOST_PEM + 1).read_to_end(&mut bytes));
        let complaint = match read {
            Err(e) => format!("`{}` cannot be read: {e}", path.display()),
            Ok(length) if length as u64 > MOST_PEM => {
                format!("`{}` is larger than {} MiB", path.display(), MOST_PEM >> 20)
            }
            Ok(_) => return Ok(bytes),
        };
        Err(self.error(pointer, complaint))
    }

    fn pem(&mut self, pointer: &str, path: &Path) -> Result<String, DocumentError> {
        let bytes = self.bytes(pointer, path)?;
        String::from_utf8(bytes)
            .map_err(|_| self.error(pointer, format!("`{}` is not UTF-8", path.display())))
    }

    /// One file more.
    pub(super) fn count(&mut self, pointer: &str) -> Result<(), DocumentError> {
        self.count += 1;
        match self.count {
            0..=MOST_FILES => Ok(()),
            _ => Err(self.error(pointer, format!("more than {MOST_FILES} files"))),
        }
    }

    /// Puts a value in place.
    pub(super) fn set(&mut self, pointer: &str, value: Value) {
        if let Some(place) = self.document.value.pointer_mut(pointer) {
            *place = value;
        }
    }

    /// Puts a value in place, and remembers where it is from.
    pub(super) fn put(&mut self, pointer: String, value: Value, from: Origin) {
        self.set(&pointer, value);
        let position = self.position(&pointer);
        self.document.files.push(Inlined { pointer, position, from });
    }

    pub(super) fn position(&self, pointer: &str) -> Option<Position> {
        self.document.positions.nearest(pointer)
    }

    pub(super) fn error(&self, pointer: &str, message: String) -> DocumentError {
        let position = self.position(pointer);
        DocumentError { name: self.document.name.clone(), position, message }
    }

    /// What is wrong with a file that the policy names: where in the file, else where in the policy.
    pub(super) fn beside(&self, pointer: &str, error: DocumentError) -> DocumentError {
        match error.position {
            Some(_) => error,
            None => self.error(pointer, format!("`{}` {}", error.name, error.message)),
        }
    }
}

/// Finds every pointer that the steps lead to.
fn visit(value: &Value, pointer: String, steps: &[&str], found: &mut Vec<String>) {
    let Some((step, rest)) = steps.split_first() else {
        return found.push(pointer);
    };
    match (value, *step) {
        (Value::Object(members), "*") => {
            for (name, value) in members {
                visit(value, format!("{pointer}/{}", escape(name)), rest, found);
            }
        }
        (Value::Array(items), "#") => {
            for (i, value) in items.iter().enumerate() {
                visit(value, format!("{pointer}/{i}"), rest, found);
            }
        }
        (Value::Object(members), name) => {
            if let Some(value) = members.get(name) {
                visit(value, format!("{pointer}/{name}"), rest, found);
            }
        }
        _ => {}
    }
}
