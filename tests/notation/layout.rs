//! OCI image layouts and where the data is.

use std::{
    fs,
    path::{Path, PathBuf},
};

pub(crate) use crate::shared::not_run;
use countersign::{
    crypto::{hex, sha256},
    verify::Target,
};
use serde_json::Value;

/// Data that belongs to the repository: in it, or beside it.
pub(crate) fn corpora() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    [here.join("corpora"), here.join("../shared/corpora")].into_iter().find(|path| path.is_dir())
}

/// One Notation signature of a layout.
pub(crate) struct Signature {
    pub(crate) media_type: String,
    pub(crate) envelope: Vec<u8>,
    /// The artifact that its manifest names, as its raw bytes describe it.
    pub(crate) target: Target,
    /// True where that artifact is the one of the layout's tag.
    pub(crate) of_the_image: bool,
}

/// Every Notation signature in a layout.
pub(crate) fn signatures(layout: &Path) -> Vec<Signature> {
    let index: Value =
        serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let image = index["manifests"][0]["digest"].as_str().unwrap_or_default().to_owned();
    let mut files: Vec<_> =
        fs::read_dir(layout.join("blobs/sha256")).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let mut found = Vec::new();
    for file in files {
        let Ok(manifest) = serde_json::from_slice::<Value>(&fs::read(&file).unwrap()) else {
            continue;
        };
        let kind = [&manifest["artifactType"], &manifest["config"]["mediaType"]];
        if !kind.iter().any(|k| **k == "application/vnd.cncf.notary.signature") {
            continue;
        }
        let [layer] = manifest["layers"].as_array().unwrap().as_slice() else {
            panic!("{}: one layer", file.display());
        };
        found.push(Signature {
            media_type: layer["mediaType"].as_str().unwrap().to_owned(),
            envelope: blob(layout, layer["digest"].as_str().unwrap()),
            target: target(layout, manifest["subject"]["digest"].as_str().unwrap()),
            of_the_image: manifest["subject"]["digest"] == image.as_str(),
        });
    }
    found
}

fn blob(layout: &Path, digest: &str) -> Vec<u8> {
    fs::read(layout.join("blobs/sha256").join(digest.strip_prefix("sha256:").unwrap())).unwrap()
}

fn target(layout: &Path, digest: &str) -> Target {
    let bytes = blob(layout, digest);
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    Target {
        digest: format!("sha256:{}", hex(&sha256(&bytes))),
        media_type: manifest["mediaType"].as_str().map(str::to_owned),
        size: Some(bytes.len() as u64),
        bytes: Some(bytes),
        digests: countersign::crypto::HexDigests::default(),
    }
}

/// The public vectors of this test.
pub(crate) fn vectors() -> Option<PathBuf> {
    crate::shared::vectors("notation")
}
