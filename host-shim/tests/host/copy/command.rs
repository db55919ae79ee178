//! `countersign copy`, as it is run.

use std::process::{Command, Output};

use serde_json::Value;

use super::{image, start, text};
use crate::{corpora::corpora, road::embeds_a_module, scratch::Scratch};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).env("DOCKER_CONFIG", "/nonexistent").output().unwrap()
}

fn copy(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = run(&[&["copy", "--plain-http"], arguments].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn says_what_it_copied_and_an_archive_is_verified_like_its_image() {
    let Some(corpora) = corpora().filter(|_| embeds_a_module()) else { return };
    let scratch = Scratch::new();
    let layout = format!("oci-layout:{}:1", corpora.join("layouts/a-cosign-p256").display());
    let archive = format!("oci-archive:{}", scratch.path().join("app.tar").display());
    let (code, out, err) = copy(&[&layout, &archive]);
    assert_eq!((code, &*err), (Some(0), ""), "{out}");
    let digest = "sha256:b450d7296dfc04aa28a9336a876a8120c903da239fd03a02c95f8c8fcb269223";
    assert!(out.starts_with(&format!("copied {digest}\n")), "{out}");
    assert!(out.contains("manifests: 2 new, 0 there before"), "{out}");
    assert!(out.contains("attached: 1 .sig"), "{out}");
    let policy = corpora.join("../examples/policies/cosign-key.yaml");
    let verify = |reference: &str| {
        let fixed = ["verify", "--now", "2026-11-21T03:00:00Z", "--policy"];
        let output = run(&[&fixed[..], &[policy.to_str().unwrap(), reference]].concat());
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, words) = verify(&format!("{archive}:1"));
    assert_eq!(code, Some(0), "{words}");
    assert!(words.starts_with(&format!("ALLOW localhost/app:1@{digest}")), "{words}");
    assert_eq!(verify(&archive).0, Some(0), "the only image");
    assert_eq!(verify(&format!("{archive}:2")).0, Some(1), "no such tag");
}

#[test]
fn writes_one_json_object() {
    let scratch = Scratch::new();
    let image = image(&scratch, "image");
    let (layout, registry) = (format!("oci-layout:{}", scratch.path().display()), start(true));
    let (code, out, _) = copy(&["--output", "json", &layout, &registry.repository("app")]);
    assert_eq!(code, Some(0), "{out}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["apiVersion"], "countersign.dev/copy/v1");
    assert_eq!(report["digest"], image["digest"]);
    assert_eq!(report["tag"], "1", "a destination without a tag gets the source's");
    assert_eq!(report["manifests"][0]["role"], "image");
    assert_eq!(report["blobs"]["copied"], 2);
    assert_eq!(registry.snapshot("app").tags["1"], text(&image["digest"]));
}

#[test]
fn a_dry_run_writes_nothing() {
    let scratch = Scratch::new();
    image(&scratch, "image");
    let (layout, registry) = (format!("oci-layout:{}", scratch.path().display()), start(true));
    let (code, out, _) = copy(&["--dry-run", &layout, &registry.repository("app")]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("would copy sha256:"), "{out}");
    assert!(out.contains("blobs: 2 transferred"), "{out}");
    assert!(registry.repositories().is_empty());
    let other = scratch.path().join("other");
    let (code, ..) = copy(&["--dry-run", &layout, &format!("oci-layout:{}", other.display())]);
    assert_eq!((code, other.exists()), (Some(0), false));
}

#[test]
fn exit_codes_tell_absent_from_unavailable_from_bad_input() {
    let scratch = Scratch::new();
    let image = image(&scratch, "image");
    let (layout, registry) = (format!("oci-layout:{}", scratch.path().display()), start(true));
    let to = registry.repository("app");
    let code = |from: &str, to: &str| {
        let (code, out, err) = copy(&[from, to]);
        assert!(out.is_empty() && err.starts_with("error: "), "{out} {err}");
        code
    };
    assert_eq!(code("oci-layout:/no/such:1", &to), Some(1));
    assert_eq!(code(&format!("{layout}:2"), &to), Some(1));
    assert_eq!(code(&registry.repository("none"), &to), Some(1));
    assert_eq!(code("127.0.0.1:1/app:1", &to), Some(2));
    assert_eq!(code(&layout, "127.0.0.1:1/app:1"), Some(2));
    assert_eq!(code(&layout, &format!("oci-layout:{}", std::env::temp_dir().display())), Some(2));
    assert_eq!(code("UPPER/case", &to), Some(3));
    let other = format!("{to}@sha256:{}", "0".repeat(64));
    assert_eq!(code(&layout, &other), Some(3));
    assert!(registry.snapshot("app").manifests.is_empty());
    let by_digest = format!("{to}@{}", text(&image["digest"]));
    assert_eq!(copy(&[&layout, &by_digest]).0, Some(0));
    assert!(registry.snapshot("app").tags.is_empty(), "named by its digest, it gets no tag");
    assert_eq!(run(&["copy", &layout]).status.code(), Some(3));
}

#[test]
fn a_layout_remembers_the_registry_that_its_image_comes_from() {
    let scratch = Scratch::new();
    image(&scratch, "image");
    let (registry, to) = (start(true), scratch.path().join("to"));
    let app = format!("{}:1", registry.repository("app"));
    registry.load(scratch.path(), "app").unwrap();
    let (code, ..) = copy(&[&app, &format!("oci-layout:{}", to.display())]);
    assert_eq!(code, Some(0));
    let layout = countersign_host::source::Layout::open(&to, None, None).unwrap();
    assert_eq!(layout.reference(), app);
}
