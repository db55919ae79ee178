//! The layouts that real tools wrote, read as the host reads them.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use countersign::wire::{Answer, Fetch};
use countersign_host::source::Layout;
use serde_json::Value;

/// Where test data is that is not committed.
fn beside() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    env::var_os("COUNTERSIGN_SHARED").map_or(beside, PathBuf::from)
}

/// A directory of the public vectors.
pub(crate) fn vectors(name: &str) -> Option<PathBuf> {
    Some(beside().join("vectors").join(name)).filter(|path| path.is_dir())
}

/// The test data, in the repository or beside it; nothing, and a word about it, without them.
pub(crate) fn corpora() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let shared = beside();
    let places = [root.join("corpora"), shared.join("corpora")];
    let found = places.into_iter().find(|place| place.join("layouts").is_dir());
    if found.is_none() {
        not_run(&format!("there are no corpora in `{}`", shared.display()));
    }
    found
}

/// Says that data is not there, and leaves a file to be counted by `make test`; an error where
/// nothing may be left out.
pub(crate) fn not_run(what: &str) {
    println!("NOT RUN: {what}");
    if let Some(directory) = env::var_os("NOT_RUN_DIR") {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("test").replace("::", ".");
        let path = Path::new(&directory).join(format!("{}-{test}", std::process::id()));
        fs::write(path, format!("{test}: {what}\n")).unwrap();
    }
    assert!(env::var_os("CI").is_none(), "{what}");
}

#[test]
fn every_layout_opens_resolves_and_shows_its_referrers() {
    let Some(corpora) = corpora() else { return };
    let mut layouts = 0;
    let mut with_referrers = 0;
    for entry in fs::read_dir(corpora.join("layouts")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(layout) = Layout::open(&path, None, None) else {
            continue;
        };
        layouts += 1;
        let reference = layout.reference().to_owned();
        let digest = match layout.answer(&Fetch::Resolve { reference: reference.clone() }) {
            Answer::Resolved { digest } => digest,
            other => panic!("{reference}: {other:?}"),
        };
        let repository = "localhost/x".to_owned();
        let max_bytes = 4 << 20;
        let fetch =
            Fetch::Manifest { repository: repository.clone(), digest: digest.clone(), max_bytes };
        assert!(matches!(layout.answer(&fetch), Answer::Found { .. }), "{reference}");
        let fetch = Fetch::Referrers { repository, digest, max_bytes };
        if let Answer::Found { bytes, .. } = layout.answer(&fetch) {
            let index: Value = serde_json::from_slice(&bytes.0).unwrap();
            for descriptor in index["manifests"].as_array().unwrap() {
                assert!(descriptor["artifactType"].is_string(), "{reference}: {descriptor}");
            }
            with_referrers += 1;
        }
    }
    assert!(layouts > 50 && with_referrers > 10, "{layouts} layouts, {with_referrers} referrers");
}
