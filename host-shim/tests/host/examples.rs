//! The policies to start from are policies, and decide as they say.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use countersign::policy::Policy;
use countersign_host::policy::Document;
use serde_json::Value;

use crate::{corpora::corpora, road::embeds_a_module};

/// Names of the examples, without `.yaml`.
fn names() -> BTreeSet<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/policies");
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let names = entries.map(|name| name.to_str().unwrap().to_owned());
    names.filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned)).collect()
}

#[test]
fn every_example_is_a_policy() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/policies");
    for name in names() {
        let path = directory.join(format!("{name}.yaml")).display().to_string();
        let document = Document::load_policy(&path).unwrap();
        let errors = Policy::parse(&document.value).err().unwrap_or_default();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
    assert!(names().len() >= 10, "{:?}", names());
}

/// Policy, layout, and what comes of it.
const IMAGES: &[(&str, &str, &str)] = &[
    ("cosign-attestation", "a-att", "allow"),
    ("cosign-attestation", "a-cosign-p256", "attestations.none"),
    ("cosign-key", "a-cosign-p256", "allow"),
    ("cosign-key", "a-wrongkey", "signature.invalid"),
    ("cosign-own-ca", "a-ca", "allow"),
    ("cosign-own-ca", "a-cosign-p256", "certificate.absent"),
    ("either", "a-cosign-p256", "allow"),
    ("either", "d-p256-jws", "allow"),
    ("either", "d-unsigned", "signatures.none"),
    // Nobody of the corpora has signed with a public instance.
    ("github", "c-app", "attestations.none"),
    ("keyless", "c-mock-rekor2", "logEntry.absent"),
    ("keyless-own-root", "c-mock-rekor2", "allow"),
    ("keyless-own-root", "c-mock-rekor0", "logEntry.absent"),
    ("notation", "d-p256-jws", "allow"),
    ("notation", "d-p256-cose", "allow"),
    ("notation", "d-rsa2048-jws", "identity.untrusted"),
    ("notation-trust-policy", "d-rsa2048-jws", "allow"),
    ("notation-trust-policy", "d-expcert-tsa-jws", "allow"),
    ("notation-trust-policy", "d-expcert-jws", "timestamp.absent"),
    ("notation-trust-policy", "d-self-cose", "authenticity.untrusted"),
    ("private-sigstore", "c-mock-rekor2", "allow"),
    ("private-sigstore", "c-mock-rekor0", "logEntry.absent"),
    ("timestamp", "b-tsa", "allow"),
    ("timestamp", "b-sc", "timestamp.absent"),
    ("two-signers", "a-two", "allow"),
    ("two-signers", "a-cosign-p256", "threshold.unmet"),
];

/// Of files: policy, options, and what comes of the policy itself as the file.
const FILES: &[(&str, &str, &str)] = &[
    ("blob", "--name app.tar.gz", "envelope.malformed"),
    ("blob", "--name app-nightly.tar.gz", "image.unmatched"),
    ("notation-trust-policy", "", "envelope.malformed"),
];

fn code(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(arguments)
        .args(["--now", "2026-11-21T03:00:00Z", "--output", "json"])
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        panic!("{arguments:?}: {e}: {}", String::from_utf8_lossy(&output.stderr));
    });
    let decision = &report["results"][0]["decision"];
    let verdicts = [&decision["images"][0], &decision["blobs"][0]];
    let reason = verdicts.iter().find_map(|verdict| verdict["reason"]["code"].as_str());
    let code = reason.unwrap_or("allow").to_owned();
    assert_eq!(output.status.code(), Some(i32::from(code != "allow")), "{arguments:?}: {code}");
    code
}

#[test]
fn every_example_decides_as_it_says() {
    let Some(corpora) = corpora().filter(|_| embeds_a_module()) else { return };
    let policy = |name: &str| {
        let path = corpora.join("../examples/policies").join(format!("{name}.yaml"));
        path.display().to_string()
    };
    let mut wrong = Vec::new();
    for (name, layout, expected) in IMAGES {
        let place = format!("oci-layout:{}:1", corpora.join("layouts").join(layout).display());
        // What the rules of some are about.
        let found =
            code(&["verify", "--policy", &policy(name), "--image", "ghcr.io/acme/app", &place]);
        if found != *expected {
            wrong.push(format!("{name} {layout}: {found}, not {expected}"));
        }
    }
    for (name, more, expected) in FILES {
        let path = policy(name);
        let mut arguments = vec!["verify-blob", "--policy", &path];
        arguments.extend(more.split_whitespace());
        let signature = if *name == "blob" { "--bundle" } else { "--signature-format=jws" };
        match signature {
            "--bundle" => arguments.extend(["--bundle", &path]),
            format => arguments.extend([format, "--signature", &path]),
        }
        arguments.push(&path);
        let found = code(&arguments);
        if found != *expected {
            wrong.push(format!("{name} {more}: {found}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let decided = IMAGES.iter().chain(FILES).map(|(name, ..)| (*name).to_owned());
    assert_eq!(decided.collect::<BTreeSet<_>>(), names(), "each is decided with");
}
