//! The policies to start from are policies.
#![allow(clippy::disallowed_methods, reason = "tests read files")]

use std::{fs, path::Path};

use countersign::policy::Policy;
use countersign_host::policy::Document;

#[test]
fn every_example_is_a_policy() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/policies");
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy().into_owned();
        let document = Document::load_policy(&name).unwrap();
        let errors = Policy::parse(&document.value).err().unwrap_or_default();
        assert!(errors.is_empty(), "{name}: {errors:?}");
        names.push(name);
    }
    assert!(names.len() >= 10, "{names:?}");
}
