//! `countersign policy`, `countersign replay`, and what of a decision is written out.

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::guest::answering;

mod context;
mod examples;
mod explain;
mod lint;
mod replay;
mod test;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(arguments)
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

const NOW: &str = "2026-11-21T03:00:00Z";

fn decision(outcome: &str) -> Value {
    json!({
        "outcome": outcome, "mode": "enforce", "now": NOW,
        "images": [{ "reference": "a/b:1", "digest": "sha256:00", "outcome": outcome,
            "explanation": { "kind": "image", "name": "x", "mark": "pass" } }],
        "usage": { "evidenceBytes": 0, "candidates": 0, "signatureOperations": 0 },
    })
}

/// A module that always decides so.
fn deciding(decision: &Value) -> Vec<u8> {
    let response = json!({ "apiVersion": "countersign.dev/step/v1", "decision": decision });
    answering(response.to_string().as_bytes())
}
