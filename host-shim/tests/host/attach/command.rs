//! `countersign attach`, as it is run.

use std::{
    path::Path,
    process::{Command, Output},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign_host::copy::{self, ArchiveWriter, Store};
use serde_json::Value;

use super::{BUNDLE, Files, NOTATION, bare};
use crate::{
    copy::{client, options, reader, remote, start, text, writer},
    corpora::corpora,
    road::embeds_a_module,
    scratch::Scratch,
};

fn attach(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(["attach"]).args(arguments);
    let Output { status, stdout, stderr } =
        command.env("SOURCE_DATE_EPOCH", "1795228997").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The layer of a layout's signature, payload and annotations in files.
fn apart(layout: &Path, scratch: &Scratch) -> Value {
    let files = Files(layout);
    let manifests = files.manifests();
    let (_, _, manifest) = manifests.iter().find(|(tag, ..)| tag.ends_with(".sig")).unwrap();
    let layer = manifest["layers"][0].clone();
    scratch.write("payload.json", files.blob(&layer["digest"]));
    let signature = text(&layer["annotations"]["dev.cosignproject.cosign/signature"]);
    scratch.write("payload.sig", STANDARD.decode(signature).unwrap());
    for (name, file) in [("certificate", "leaf.pem"), ("chain", "chain.pem")] {
        if let Some(pem) = layer["annotations"][format!("dev.sigstore.cosign/{name}")].as_str() {
            // As `openssl ca` writes it.
            scratch.write(file, format!("Certificate:\n    Data:\n{pem}"));
        }
    }
    layer
}

#[test]
fn a_signature_that_openssl_made_is_attached_and_verified() {
    let Some(corpora) = corpora().filter(|_| embeds_a_module()) else { return };
    let scratch = Scratch::new();
    let layout = corpora.join("layouts/a-ca");
    apart(&layout, &scratch);
    let file = |name: &str| path(&scratch.path().join(name)).to_owned();
    let (client, registry) = (client(), start(true));
    bare(&layout, &remote(&client, &registry, "app"));
    let image = format!("{}:1", registry.repository("app"));
    let arguments = [
        "cosign",
        "--payload",
        &file("payload.json"),
        "--signature",
        &file("payload.sig"),
        "--certificate",
        &file("leaf.pem"),
        "--certificate-chain",
        &file("chain.pem"),
        "--plain-http",
        &image,
    ];
    let (code, out, err) = attach(&arguments);
    assert_eq!((code, &*err), (Some(0), ""), "{out}");
    assert!(out.contains(" attached to sha256:") && out.contains(".sig\n"), "{out}");
    let (code, out, _) = attach(&arguments);
    assert_eq!(code, Some(0));
    assert!(out.contains("is attached already"), "{out}");
    let policy = serde_json::json!({
        "apiVersion": "countersign.dev/v1", "kind": "ImagePolicy", "metadata": { "name": "ca" },
        "spec": {
            "trust": { "ca": { "x509": { "roots":
                [std::fs::read_to_string(corpora.join("trust/ca-root.pem")).unwrap()] } } },
            "authorities": { "signer": { "cosign": { "trust": "ca",
                "certificate": { "subject": "signer@acme.test" } } } },
            "rules": [{ "images": ["**"], "require": { "any": ["signer"] } }],
        },
    });
    let policy = scratch.write("policy.json", policy.to_string());
    let verified = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args([
            "verify",
            "--plain-http",
            "--now",
            "2026-11-21T03:00:00Z",
            "--policy",
            path(&policy),
        ])
        .arg(&image)
        .output()
        .unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[test]
fn bundles_attestations_and_envelopes_are_attached_to_layouts_and_archives() {
    let Some(corpora) = corpora() else { return };
    let scratch = Scratch::new();
    for (name, kind) in [("b-default", BUNDLE), ("d-p256-jws", NOTATION), ("a-att", "")] {
        let source = corpora.join("layouts").join(name);
        let files = Files(&source);
        let manifests = files.manifests();
        let is_it = |tag: &str, manifest: &Value| match kind {
            "" => tag.ends_with(".att"),
            kind => manifest["artifactType"] == kind || manifest["config"]["mediaType"] == kind,
        };
        let (_, _, manifest) = manifests.iter().find(|(tag, _, m)| is_it(tag, m)).unwrap();
        let file = scratch.write("file", files.blob(&manifest["layers"][0]["digest"]));
        let arguments: &[&str] = match kind {
            BUNDLE => &["bundle", path(&file)],
            NOTATION => &["notation", "--envelope", path(&file)],
            _ => &["attestation", "--dsse", path(&file)],
        };
        let layout = scratch.path().join(name);
        bare(&source, &writer(&layout));
        let to = format!("oci-layout:{}", layout.display());
        let (code, out, err) = attach(&[arguments, &["--output", "json", &to]].concat());
        assert_eq!(code, Some(0), "{name}: {err}");
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["apiVersion"], "countersign.dev/attach/v1");
        assert_eq!(report["there"], false);
        let digest = text(&report["manifest"]["digest"]);
        assert!(reader(&layout).has_manifest(digest).unwrap(), "{name}");

        let archive = scratch.path().join(format!("{name}.tar"));
        let packed = ArchiveWriter::open(&archive).unwrap();
        let alone = copy::Options { attached: false, ..options("1") };
        copy::copy(&reader(&source), &packed, &alone).unwrap();
        drop(packed);
        let to = format!("oci-archive:{}", archive.display());
        let (code, out, err) = attach(&[arguments, &["--output", "json", &to]].concat());
        assert_eq!(code, Some(0), "{name}: {err}");
        let again: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(again["manifest"], report["manifest"], "{name}: SOURCE_DATE_EPOCH is the time");
        let (_, out, _) = attach(&[arguments, &["--output", "json", &to]].concat());
        let again: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(again["there"], true, "{name}: it is in the archive");
    }
}

#[test]
fn exit_codes_tell_another_image_from_a_broken_file() {
    let Some(corpora) = corpora() else { return };
    let scratch = Scratch::new();
    apart(&corpora.join("layouts/a-cosign-p256"), &scratch);
    let layout = scratch.path().join("layout");
    bare(&corpora.join("layouts/a-unsigned"), &writer(&layout));
    let (payload, signature) =
        (scratch.path().join("payload.json"), scratch.path().join("payload.sig"));
    let code = |payload: &Path, image: &str| {
        let (code, out, err) =
            attach(&["cosign", "--payload", path(payload), "--signature", path(&signature), image]);
        assert!(out.is_empty() && err.starts_with("error: "), "{out} {err}");
        code
    };
    let to = format!("oci-layout:{}:1", layout.display());
    assert_eq!(code(&payload, &to), Some(1), "about another image");
    assert_eq!(code(&payload, &format!("oci-layout:{}:2", layout.display())), Some(1), "no image");
    assert_eq!(code(&payload, "127.0.0.1:1/app:1"), Some(2));
    assert_eq!(code(&signature, &to), Some(3), "no payload");
    assert_eq!(code(&scratch.path().join("none"), &to), Some(3), "no file");
    assert_eq!(attach(&["cosign", &to]).0, Some(3), "usage");
}
