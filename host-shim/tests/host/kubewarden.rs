//! `countersign kubewarden`: what Kubewarden's tools are given.

mod documents;
mod package;
mod push;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use countersign_host::policy::Document;
use serde_json::Value;

/// Exit code, standard output, standard error.
struct Ran(Option<i32>, String, String);

fn run(arguments: &[&str]) -> Ran {
    run_with(arguments, "")
}

fn run_with(arguments: &[&str], input: &str) -> Ran {
    use std::io::Write;
    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without reading.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran(status.code(), text(stdout), text(stderr))
}

fn annotate(metadata: &Path, out: &Path, more: &[&str], module: &Path) -> Ran {
    let fixed =
        ["kubewarden", "annotate", "--metadata-path", text(metadata), "--output-path", text(out)];
    run(&[&fixed[..], more, &[text(module)]].concat())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn yaml(text: &str) -> Value {
    Document::parse("output", text).unwrap_or_else(|e| panic!("{e}: {text}")).value
}
