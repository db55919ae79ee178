//! Notation's own files: trust policy documents, and trust stores, which are directories of
//! certificates ([directory structure](https://notaryproject.dev/docs/user-guides/how-to/directory-structure/)).
//!
//! ```text
//! notation/
//! ├── trustpolicy.oci.json    before it trustpolicy.json
//! ├── trustpolicy.blob.json
//! └── truststore/x509/{ca,signingAuthority,tsa}/NAME/…
//! ```

use std::{
    collections::BTreeSet,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{
    Document, DocumentError,
    files::{Files, Inlined, Origin},
    positions::Position,
};
use crate::der::{SEQUENCE, element};

const POLICY: &str = "/spec/notationTrustPolicy";
const STORES: &str = "/spec/notationTrustPolicy/stores";
const TYPES: [&str; 3] = ["ca", "signingAuthority", "tsa"];
/// The trust stores of a configuration directory.
const TRUST_STORES: &str = "truststore/x509";
/// What stands for an image's document, the first that is there.
const OF_IMAGES: [&str; 2] = ["trustpolicy.oci.json", "trustpolicy.json"];
const OF_BLOBS: &str = "trustpolicy.blob.json";
/// How PEM begins.
const BEGIN: &[u8] = b"-----BEGIN ";
/// Bytes of one document; the largest that is read has thousands of statements.
const MOST_DOCUMENT: u64 = 8 << 20;

/// What a policy is to be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Artifacts {
    /// Files.
    Blobs,
    /// Images of registries and layouts.
    Images,
}

/// The policy that stands in a configuration directory of Notation, for images or for blobs; each
/// without regard to the other's document, as Notation reads them.
pub(super) fn policy_of(directory: &str, artifacts: Artifacts) -> Result<Value, String> {
    let mut members = Map::new();
    let found = match artifacts {
        Artifacts::Images => images(Path::new(""), directory, &mut members),
        Artifacts::Blobs => blobs(Path::new(""), directory, &mut members),
    };
    if !found {
        return Err(match artifacts {
            Artifacts::Images => format!("has no {} and no {}", OF_IMAGES[0], OF_IMAGES[1]),
            Artifacts::Blobs => format!("has no {OF_BLOBS}"),
        });
    }
    stores_of(Path::new(""), directory, &mut members);
    Ok(json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "spec": { "notationTrustPolicy": members },
    }))
}

/// Puts all of it in place.
pub(super) fn inline(files: &mut Files<'_>) -> Result<(), DocumentError> {
    configuration(files)?;
    for member in ["document", "blobDocument"] {
        document(files, &format!("{POLICY}/{member}"))?;
    }
    stores(files)?;
    for kind in TYPES {
        for pattern in [format!("/spec/trust/*/notation/{kind}"), format!("{STORES}/{kind}/*")] {
            for pointer in files.places(&pattern) {
                store(files, pointer)?;
            }
        }
    }
    Ok(())
}

/// `notationTrustPolicy: { directory: PATH }`, which becomes the documents and stores that are there.
fn configuration(files: &mut Files<'_>) -> Result<(), DocumentError> {
    let Some(members) = files.value(POLICY).and_then(Value::as_object) else {
        return Ok(());
    };
    let Some(directory) = members.get("directory") else {
        return Ok(());
    };
    let at = format!("{POLICY}/directory");
    let Some(directory) = directory.as_str().filter(|path| !path.is_empty()).map(str::to_owned)
    else {
        return Err(files.error(&at, "`directory` is a path".to_owned()));
    };
    let mut members = members.clone();
    members.remove("directory");
    if ["document", "blobDocument", "stores"].iter().any(|member| members.contains_key(*member)) {
        let message = "`directory` stands for `document`, `blobDocument` and `stores`";
        return Err(files.error(&at, message.to_owned()));
    }
    let base = files.path("");
    let found = [images(&base, &directory, &mut members), blobs(&base, &directory, &mut members)];
    if found == [false, false] {
        let message =
            format!("`{directory}` has no {}, {} and {OF_BLOBS}", OF_IMAGES[0], OF_IMAGES[1]);
        return Err(files.error(&at, message));
    }
    stores_of(&base, &directory, &mut members);
    files.set(POLICY, Value::Object(members));
    Ok(())
}

/// A file that is there stands for the document. Whether there is one.
fn images(base: &Path, directory: &str, members: &mut Map<String, Value>) -> bool {
    let found = OF_IMAGES.iter().find_map(|name| entry(base, directory, name));
    found.map(|path| members.insert("document".to_owned(), json!({ "file": path }))).is_some()
}

fn blobs(base: &Path, directory: &str, members: &mut Map<String, Value>) -> bool {
    let found = entry(base, directory, OF_BLOBS);
    found.map(|path| members.insert("blobDocument".to_owned(), json!({ "file": path }))).is_some()
}

fn stores_of(base: &Path, directory: &str, members: &mut Map<String, Value>) {
    if let Some(path) = entry(base, directory, TRUST_STORES) {
        members.insert("stores".to_owned(), json!({ "directory": path }));
    }
}

/// The path of an entry, unless it is not there. What cannot be looked at will not be read either.
fn entry(base: &Path, directory: &str, name: &str) -> Option<String> {
    let path = Path::new(directory).join(name);
    match fs::symlink_metadata(base.join(&path)) {
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => None,
        _ => Some(path.to_string_lossy().into_owned()),
    }
}

/// `{ file: PATH }` in place of a document. In the profile `compat` the module reads the text itself,
/// as leniently as Go does.
fn document(files: &mut Files<'_>, pointer: &str) -> Result<(), DocumentError> {
    let Some(path) = files.named(pointer, "file")? else {
        return Ok(());
    };
    files.count(pointer)?;
    let is_compat =
        files.value(&format!("{POLICY}/profile")).and_then(Value::as_str) == Some("compat");
    let name = path.display().to_string();
    let text = Document::text(&name, MOST_DOCUMENT).map_err(|e| files.beside(pointer, e))?;
    let read = if is_compat {
        let positions = Document::parse(&name, &text).map(|known| known.positions);
        let value = Value::String(text);
        Document { name, value, positions: positions.unwrap_or_default(), files: Vec::new() }
    } else {
        Document::parse_json(&name, &text).map_err(|e| files.beside(pointer, e))?
    };
    let value = read.value.clone();
    let places = Document { value: Value::Null, ..read };
    files.put(pointer.to_owned(), value, Origin::Document(Box::new(places)));
    Ok(())
}

/// `stores: { directory: PATH }`: the stores that the documents name. Others need not be good.
fn stores(files: &mut Files<'_>) -> Result<(), DocumentError> {
    let Some(directory) = files.written(STORES, "directory")?.map(PathBuf::from) else {
        return Ok(());
    };
    if !files.path(&directory).is_dir() {
        let message = format!("`{}` is not a directory", files.path(&directory).display());
        return Err(files.error(STORES, message));
    }
    let documents = ["document", "blobDocument"];
    let documents = documents.iter().filter_map(|name| files.value(&format!("{POLICY}/{name}")));
    let mut stores = json!({});
    for (kind, name) in documents.flat_map(named_stores).collect::<BTreeSet<_>>() {
        let path = directory.join(&kind).join(&name);
        // What is named and not there, the module says with its place.
        if fs::symlink_metadata(files.path(&path)).is_ok() {
            stores[kind][name] = json!({ "directory": path.to_string_lossy() });
        }
    }
    files.set(STORES, stores);
    Ok(())
}

/// Type and name of the stores that a document names, as an object or, in `compat`, as a text.
fn named_stores(document: &Value) -> Vec<(String, String)> {
    if let Value::String(text) = document {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        return match values.next() {
            Some(Ok(document @ Value::Object(_))) => named_stores(&document),
            _ => Vec::new(),
        };
    }
    // Go's decoder takes the names of members in any case, and nothing is lost by it.
    let items = |value: &Value, name: &str| -> Vec<Value> {
        let members = value.as_object().into_iter().flatten();
        let named = members.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.filter_map(|(_, value)| value.as_array()).flatten().cloned().collect()
    };
    let statements = items(document, "trustPolicies");
    let named = statements.iter().flat_map(|statement| items(statement, "trustStores"));
    named
        .filter_map(|store| {
            let (kind, name) = store.as_str()?.split_once(':')?;
            let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
            let is_store = TYPES.contains(&kind) && is_name && !["", ".", ".."].contains(&name);
            is_store.then(|| (kind.to_owned(), name.to_owned()))
        })
        .collect()
}

/// One trust store: a list with files and directories in it, or one directory.
fn store(files: &mut Files<'_>, pointer: String) -> Result<(), DocumentError> {
    let places: Vec<String> = match files.value(&pointer) {
        Some(Value::Array(items)) if items.iter().any(Value::is_object) => {
            (0..items.len()).map(|i| format!("{pointer}/{i}")).collect()
        }
        Some(Value::Object(_)) => vec![pointer.clone()],
        _ => return Ok(()),
    };
    let mut items: Vec<(Value, Option<Position>, Origin)> = Vec::new();
    for place in places {
        let position = files.position(&place);
        let paths = match (files.named(&place, "file")?, files.named(&place, "directory")?) {
            (Some(path), _) => vec![path],
            (None, Some(directory)) => {
                let listed = list(&directory);
                listed.map_err(|message| files.error(&place, message))?
            }
            (None, None) => {
                let own = files.value(&place).cloned().unwrap_or_default();
                items.push((own, position, Origin::Policy));
                continue;
            }
        };
        for path in paths {
            let bytes = files.bytes(&place, &path)?;
            let name = path.display().to_string();
            let pem = pem(&bytes);
            let pem = pem.ok_or_else(|| {
                files.error(&place, format!("`{name}` is neither PEM nor DER of certificates"))
            })?;
            items.push((Value::String(pem), position, Origin::Named(name)));
        }
    }
    let directory = files.named(&pointer, "directory")?;
    let list = items.iter().map(|(value, ..)| value.clone()).collect();
    files.set(&pointer, Value::Array(list));
    for (i, (_, position, from)) in items.into_iter().enumerate() {
        let pointer = format!("{pointer}/{i}");
        files.document.files.push(Inlined { pointer, position, from });
    }
    if let Some(directory) = directory {
        let position = files.position(&pointer);
        let from = Origin::Named(directory.display().to_string());
        files.document.files.push(Inlined { pointer, position, from });
    }
    Ok(())
}

/// The files of a named store, by name.
///
/// spec: TP §Trust Store "Symlinks are not supported for the named store directories or certificate
/// files. Implementation MUST validate that the named store directory or certificate files are not
/// symlinks, and fail if it does not meet this condition."
fn list(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let shown = directory.display();
    let metadata = fs::symlink_metadata(directory);
    if !metadata.map_err(|e| format!("`{shown}` cannot be read: {e}"))?.is_dir() {
        return Err(format!("`{shown}` is not a directory, and links are not followed"));
    }
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut paths = Vec::new();
    for entry in entries.map_err(|e| format!("`{shown}` cannot be read: {e}"))? {
        let path = entry.path();
        if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let path = path.display();
            return Err(format!("`{path}` is not a regular file, and links are not followed"));
        }
        paths.push(path);
    }
    if paths.is_empty() {
        return Err(format!("`{shown}` has no certificates"));
    }
    paths.sort();
    Ok(paths)
}

/// A file of certificates as PEM: Notation reads PEM and, one after the other, DER.
fn pem(bytes: &[u8]) -> Option<String> {
    if bytes.windows(BEGIN.len()).any(|window| window == BEGIN) {
        // Text around the blocks may be in any encoding.
        return Some(String::from_utf8_lossy(bytes).into_owned());
    }
    let mut text = String::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (tag, _, after) = element(rest)?;
        let der = rest.get(..rest.len().checked_sub(after.len())?)?;
        if tag != SEQUENCE {
            return None;
        }
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        text.push_str(&STANDARD.encode(der));
        text.push_str("\n-----END CERTIFICATE-----\n");
        rest = after;
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn der_becomes_pem_certificate_by_certificate() {
        let text = pem(b"\x30\x01\x00\x30\x02\x05\x00").unwrap();
        let blocks = countersign::pem::blocks(&text, "CERTIFICATE", 9).unwrap();
        assert_eq!(blocks, [&b"\x30\x01\x00"[..], b"\x30\x02\x05\x00"]);
        for bad in [&b""[..], b"a text", b"\x30\x05\x00", b"\x30\x01\x00\x31\x00", b"\x30"] {
            assert_eq!(pem(bad), None, "{bad:?}");
        }
        assert_eq!(pem(b"\xff\n-----BEGIN X").unwrap(), "\u{fffd}\n-----BEGIN X");
    }

    #[test]
    fn the_stores_of_a_document_are_those_that_may_be_paths() {
        let document = json!({ "trustPolicies": [
            { "trustStores": ["ca:acme", "tsa:a.b-c_D", "ca:../../etc", "ca:..", "ca:", "x:y", 7] },
            { "TRUSTSTORES": ["signingAuthority:acme"] },
            "text",
        ] });
        let pair = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
        let expected =
            [pair("ca", "acme"), pair("tsa", "a.b-c_D"), pair("signingAuthority", "acme")];
        assert_eq!(named_stores(&document), expected);
        let text = Value::String(format!("{document} and more"));
        assert_eq!(named_stores(&text), expected);
        assert_eq!(named_stores(&json!("[")), []);
    }
}
