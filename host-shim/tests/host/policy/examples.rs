use std::path::Path;

use super::{code, err, out, run, text};
use crate::road::embeds_a_module;

#[test]
fn every_test_of_the_examples_passes() {
    if !embeds_a_module() {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/policy-tests");
    let output = run(&["policy", "test", text(&root)]);
    assert_eq!(code(&output), 0, "{}{}", out(&output), err(&output));
    assert!(out(&output).ends_with("9 passed, 0 failed\n"), "{}", out(&output));
}
