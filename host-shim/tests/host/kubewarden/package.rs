//! The module's metadata, and what is made of it.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::{Ran, annotate, root, run, text, yaml};
use crate::{guest::answering, scratch::Scratch};

const METADATA: &str = "\
rules:
  - resources: [pods]
    operations: [CREATE, UPDATE]
    apiGroups: ['']
    apiVersions: [v1]
mutating: true
hostCapabilities: [oci/v1/oci_manifest, oci/v1/manifest_digest]
annotations:
  io.kubewarden.policy.title: x
  io.kubewarden.kwctl: somebody
";

/// The contents of the only custom section of this name at the end of a module.
fn section(wasm: &[u8]) -> String {
    let name = b"io.kubewarden.metadata";
    let at = wasm.windows(name.len()).rposition(|w| w == name).unwrap();
    String::from_utf8(wasm[at + name.len()..].to_vec()).unwrap()
}

#[test]
fn the_section_is_what_kwctl_writes() {
    let scratch = Scratch::new();
    let module = scratch.write("policy.wasm", answering(b"\"v1\""));
    let metadata = scratch.write("metadata.yml", METADATA);
    let usage = scratch.write("README.md", "two\nlines\n");
    let annotated = scratch.path().join("annotated.wasm");
    let annotate = |more: &[&str], from: &Path| annotate(&metadata, &annotated, more, from);
    let Ran(code, _, said) =
        annotate(&["--usage-path", text(&usage), "--kwctl-version", "1.36.0"], &module);
    assert_eq!(code, Some(0), "{said}");
    let wasm = fs::read(&annotated).unwrap();
    assert!(wasm.starts_with(&fs::read(&module).unwrap()), "the module itself is left as it is");
    // kwctl serialises its struct: protocolVersion first, annotations and capabilities sorted.
    assert_eq!(
        section(&wasm),
        r#"{"protocolVersion":"v1","rules":[{"apiGroups":[""],"apiVersions":["v1"],"resources":["pods"],"operations":["CREATE","UPDATE"]}],"annotations":{"io.kubewarden.kwctl":"1.36.0","io.kubewarden.policy.title":"x","io.kubewarden.policy.usage":"two\nlines\n"},"mutating":true,"backgroundAudit":true,"executionMode":"kubewarden-wapc","policyType":"kubernetes","contextAwareResources":[],"hostCapabilities":["oci/v1/manifest_digest","oci/v1/oci_manifest"]}"#
    );
    let Ran(code, _, said) = annotate(&[], &annotated);
    assert_eq!(code, Some(3));
    assert!(said.contains("annotated already"), "{said}");
    // Nobody else has written it.
    annotate(&[], &module);
    assert!(!section(&fs::read(&annotated).unwrap()).contains("kwctl"));
}

#[test]
fn a_module_that_speaks_another_protocol_is_not_annotated() {
    let scratch = Scratch::new();
    let metadata = scratch.write("metadata.yml", METADATA);
    for (name, bytes, words) in [
        ("v2.wasm", answering(b"\"v2\""), "protocol version"),
        ("text.wasm", b"hello".to_vec(), "not a wasm module"),
    ] {
        let module = scratch.write(name, bytes);
        let out = scratch.path().join("out.wasm");
        let Ran(code, _, said) = annotate(&metadata, &out, &[], &module);
        assert_eq!(code, Some(3), "{name}");
        assert!(said.contains(words) && !out.exists(), "{said}");
    }
}

/// `make artifacthub-pkg.yml` writes it.
#[test]
fn the_package_of_artifact_hub_follows_from_the_metadata() {
    let path = |name: &str| root().join(name);
    let committed = fs::read_to_string(path("artifacthub-pkg.yml")).unwrap();
    let created = yaml(&committed)["createdAt"].as_str().unwrap().to_owned();
    let Ran(code, out, said) = run(&[
        "kubewarden",
        "artifacthub",
        "--metadata-path",
        text(&path("metadata.yml")),
        "--questions-path",
        text(&path("questions-ui.yml")),
        "--created-at",
        &created,
    ]);
    assert_eq!(code, Some(0), "{said}");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path("artifacthub-pkg.yml"), &out).unwrap();
        return;
    }
    assert_eq!(out, committed, "`make artifacthub-pkg.yml` writes it anew");
    let package = yaml(&out);
    let metadata = yaml(&fs::read_to_string(path("metadata.yml")).unwrap());
    let rules = package["annotations"]["kubewarden/rules"].as_str().unwrap();
    assert_eq!(yaml(rules), metadata["rules"]);
    let questions = package["annotations"]["kubewarden/questions-ui"].as_str().unwrap();
    assert_eq!(questions, fs::read_to_string(path("questions-ui.yml")).unwrap());
}

/// What Rancher's form makes is a policy, once it is filled in.
#[test]
fn the_questions_lead_to_settings() {
    let questions = yaml(&fs::read_to_string(root().join("questions-ui.yml")).unwrap());
    let variables: Vec<_> = questions["questions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|question| {
            for field in ["default", "group", "label", "type", "variable"] {
                assert!(question.get(field).is_some(), "{field} of {question}");
            }
            question["variable"].as_str().unwrap()
        })
        .collect();
    assert!(variables.contains(&"signatures"), "{variables:?}");
    let filled = json!({
        "description": null, "rule": "PublicKey", "modifyImagesWithDigest": true,
        "signatures": [{ "image": "*", "githubActions": { "owner": "acme", "repo": "" } }],
    });
    let known: Vec<_> = filled.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(variables.iter().all(|variable| known.contains(variable)), "{variables:?}");
}

/// What is missing of a package is said.
#[test]
fn metadata_without_what_a_package_needs_is_refused() {
    let scratch = Scratch::new();
    let whole = yaml(&fs::read_to_string(root().join("metadata.yml")).unwrap());
    for (annotation, value) in [
        ("io.kubewarden.policy.version", Value::Null),
        ("io.kubewarden.policy.version", json!("one")),
        ("io.kubewarden.policy.ociUrl", Value::Null),
        ("io.artifacthub.displayName", Value::Null),
        ("io.artifacthub.keywords", json!("a,,b")),
        ("io.kubewarden.policy.author", json!("nobody")),
    ] {
        let mut metadata = whole.clone();
        let annotations = metadata["annotations"].as_object_mut().unwrap();
        match &value {
            Value::Null => drop(annotations.remove(annotation)),
            value => drop(annotations.insert(annotation.to_owned(), value.clone())),
        }
        let path = scratch.write("metadata.json", metadata.to_string());
        let Ran(code, out, said) =
            run(&["kubewarden", "artifacthub", "--metadata-path", text(&path)]);
        assert_eq!((code, out.as_str()), (Some(3), ""), "{annotation} {value}");
        assert!(said.contains("metadata.json"), "{said}");
    }
}
