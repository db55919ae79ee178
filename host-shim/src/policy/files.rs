//! `{ file: PATH }` in a policy file: PEM and trusted roots that lie beside it. The module never
//! reads a file, so they are put in place here.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{Document, DocumentError, positions::escape};

/// Bytes of one PEM file.
const MOST_PEM: u64 = 1 << 20;
/// Files of one policy, and so some bound on what it takes to read them.
const MOST_FILES: usize = 512;

/// Where a file may stand, as JSON pointers: `*` is any name, `#` any item of a list.
const PEM: &[&str] = &[
    "/spec/authorities/*/cosign/keys/#",
    "/spec/trust/*/notation/ca/#",
    "/spec/trust/*/notation/signingAuthority/#",
    "/spec/trust/*/notation/tsa/#",
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
const TRUSTED_ROOT: &str = "/spec/trust/*/sigstore/trustedRoot";

/// A file that was put in place, so that messages can name it.
#[derive(Clone, Debug)]
pub(super) struct Inlined {
    /// Where it stands.
    pub(super) pointer: String,
    pub(super) file: File,
}

#[derive(Clone, Debug)]
pub(super) enum File {
    /// Places are in it.
    Document(Box<Document>),
    /// Its name.
    Pem(String),
}

/// Puts every file in its place. Paths are relative to `directory`.
pub(super) fn inline(document: &mut Document, directory: &Path) -> Result<(), DocumentError> {
    let mut found = Vec::new();
    for pattern in PEM.iter().chain([&TRUSTED_ROOT]) {
        let steps: Vec<&str> = pattern.split('/').skip(1).collect();
        places(&document.value, String::new(), &steps, &mut |pointer, value| {
            if let Some(path) = file_of(value) {
                found.push((pointer, path, *pattern == TRUSTED_ROOT));
            }
        });
    }
    for (pointer, path, is_root) in found {
        let place = document.positions.nearest(&pointer);
        let error = |message: String| DocumentError {
            name: document.name.clone(),
            position: place,
            message,
        };
        let path = path.map_err(|()| error("`file` stands alone, and is a path".to_owned()))?;
        if document.files.len() == MOST_FILES {
            return Err(error(format!("more than {MOST_FILES} files")));
        }
        let path = directory.join(path);
        let (value, file) = if is_root {
            let mut root =
                Document::load(&path.to_string_lossy()).map_err(|e| match e.position {
                    Some(_) => e,
                    None => error(format!("`{}` {}", e.name, e.message)),
                })?;
            (root.value.take(), File::Document(Box::new(root)))
        } else {
            let text = pem(&path).map_err(|e| error(format!("`{}` {e}", path.display())))?;
            (Value::String(text), File::Pem(path.display().to_string()))
        };
        if let Some(place) = document.value.pointer_mut(&pointer) {
            *place = value;
        }
        document.files.push(Inlined { pointer, file });
    }
    Ok(())
}

/// Calls `visit` with every value that the steps lead to.
fn places(value: &Value, pointer: String, steps: &[&str], visit: &mut dyn FnMut(String, &Value)) {
    let Some((step, rest)) = steps.split_first() else {
        return visit(pointer, value);
    };
    match (value, *step) {
        (Value::Object(members), "*") => {
            for (name, value) in members {
                places(value, format!("{pointer}/{}", escape(name)), rest, visit);
            }
        }
        (Value::Array(items), "#") => {
            for (i, value) in items.iter().enumerate() {
                places(value, format!("{pointer}/{i}"), rest, visit);
            }
        }
        (Value::Object(members), name) => {
            if let Some(value) = members.get(name) {
                places(value, format!("{pointer}/{name}"), rest, visit);
            }
        }
        _ => {}
    }
}

/// The path of `{ file: PATH }`, or that it is not one although it has a `file`.
fn file_of(value: &Value) -> Option<Result<PathBuf, ()>> {
    let members = value.as_object()?;
    let path = members.get("file")?.as_str().filter(|path| !path.is_empty());
    Some(path.filter(|_| members.len() == 1).map(PathBuf::from).ok_or(()))
}

fn pem(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|f| f.take(MOST_PEM + 1).read_to_string(&mut text))
        .map_err(|e| format!("cannot be read: {e}"))?;
    if text.len() as u64 > MOST_PEM {
        return Err(format!("is larger than {} MiB", MOST_PEM >> 20));
    }
    Ok(text)
}
