//! Settings of Kubewarden's verify-image-signatures, given to the module as Kubewarden gives them.

use std::fs;

use serde_json::{Value, json};

use crate::stock::{NOW, Stock, call, root};

const YEAR: u64 = 31_557_600_000_000_000;

/// The name under which each layout was signed.
fn name(layout: &str) -> String {
    format!("127.0.0.1:5001/a/{}:1", layout.strip_prefix("a-").unwrap_or(layout))
}

fn admit_at(settings: &Value, layout: &str, image: &str, now: u64) -> Value {
    let request = json!({
        "uid": "1", "operation": "CREATE", "namespace": "default",
        "kind": { "group": "apps", "version": "v1", "kind": "Deployment" },
        "object": { "apiVersion": "apps/v1", "kind": "Deployment", "spec": { "template": { "spec": {
            "containers": [{ "name": "c", "image": image }],
        } } } },
    });
    let payload = json!({ "request": request, "settings": settings });
    call("validate", &payload, Stock::of(layout), now)
}

fn admit(settings: &Value, layout: &str) -> Value {
    admit_at(settings, layout, &name(layout), NOW)
}

fn file(name: &str) -> String {
    fs::read_to_string(root().join("corpora/trust").join(name)).unwrap()
}

fn keys(names: &[&str]) -> Value {
    let keys: Vec<_> = names.iter().map(|name| file(&format!("{name}.pub"))).collect();
    json!({ "signatures": [{ "image": "127.0.0.1:*", "pubKeys": keys }] })
}

fn accepted(answer: &Value) -> bool {
    answer["accepted"].as_bool().unwrap()
}

#[test]
fn every_key_of_an_entry_must_have_signed() {
    for (layout, names, expected) in [
        ("a-cosign-p256", &["cosign-p256"][..], true),
        ("a-cosign-p256", &["ecp384"], false),
        ("a-cosign-p256", &["cosign-p256", "ecp384"], false),
        ("a-two", &["cosign-p256", "cosign-other"], true),
        ("a-two", &["cosign-p256", "cosign-other", "rsa2048"], false),
        ("a-rsa2048", &["rsa2048"], true),
        ("a-ed25519", &["ed25519"], true),
        ("a-unsigned", &["cosign-p256"], false),
    ] {
        let answer = admit(&keys(names), layout);
        assert_eq!(accepted(&answer), expected, "{layout} {names:?}: {answer}");
    }
}

/// What is signed is rebuilt from them, as this host delivers no blobs: who names only some of them
/// needs an evidence pack.
#[test]
fn annotations_must_be_signed_and_all_be_named() {
    let all = json!({ "commit": "deadbeef", "env": "prod", "team": "core" });
    let mut other = all.clone();
    other["env"] = json!("dev");
    for (annotations, expected) in [(all, true), (other, false), (json!({ "env": "prod" }), false)]
    {
        let mut settings = keys(&["cosign-p256"]);
        settings["signatures"][0]["annotations"] = annotations.clone();
        let answer = admit(&settings, "a-annot");
        assert_eq!(accepted(&answer), expected, "{annotations}: {answer}");
        if !expected {
            let message = answer["message"].as_str().unwrap();
            assert!(message.contains("payload.undeliverable"), "{message}");
        }
    }
}

#[test]
fn a_workload_is_pinned_unless_the_settings_say_otherwise() {
    for (modify, expected) in [(json!(true), true), (json!(false), false)] {
        let mut settings = keys(&["cosign-p256"]);
        settings["modifyImagesWithDigest"] = modify.clone();
        let answer = admit(&settings, "a-cosign-p256");
        assert!(accepted(&answer), "{answer}");
        let image = &answer["mutated_object"]["spec"]["template"]["spec"]["containers"][0]["image"];
        let pinned = image.as_str().is_some_and(|i| i.contains(":1@sha256:"));
        assert_eq!(pinned, expected, "{modify}: {answer}");
    }
}

#[test]
fn images_that_no_entry_is_for_are_accepted_as_they_are() {
    let settings = keys(&["ecp384"]);
    let answer = admit_at(&settings, "a-unsigned", "registry.test/other:1", NOW);
    assert!(accepted(&answer) && answer.get("mutated_object").is_none(), "{answer}");
    assert!(!accepted(&admit_at(&settings, "a-unsigned", "127.0.0.1:5001/a/unsigned:1", NOW)));
}

#[test]
fn certificates_are_held_against_their_chain() {
    let settings = |chain: &[&str], rekor: bool| {
        let chain: Vec<_> = chain.iter().map(|name| file(name)).collect();
        json!({ "signatures": [{
            "image": "*", "certificates": [file("ca-leaf.pem")], "certificateChain": chain,
            "requireRekorBundle": rekor,
        }] })
    };
    let good = settings(&["ca-int.pem", "ca-root.pem"], false);
    let answer = admit(&good, "a-ca");
    assert!(accepted(&answer), "{answer}");
    // Two years later the certificate has expired.
    assert!(!accepted(&admit_at(&good, "a-ca", &name("a-ca"), NOW + 2 * YEAR)));
    let wrong = settings(&["notation-root.pem"], false);
    let answer = call("validate_settings", &wrong, Stock::of("a-ca"), NOW);
    assert_eq!(answer["valid"], json!(false));
    let message = answer["message"].as_str().unwrap();
    assert!(message.starts_with("/signatures/0/certificates/0: "), "{message}");
    for (settings, layout) in [
        (wrong, "a-ca"),
        (settings(&["ca-int.pem", "ca-root.pem"], true), "a-ca"),
        (good, "a-cosign-p256"),
    ] {
        let answer = admit(&settings, layout);
        assert!(!accepted(&answer), "{answer}");
    }
}

#[test]
fn who_has_no_identity_is_nobody_by_whatever_entry() {
    let issuer = "https://token.actions.githubusercontent.com";
    for entry in [
        json!({ "keyless": [{ "issuer": issuer, "subject": "kubewarden" }] }),
        json!({ "keylessPrefix": [{ "issuer": issuer, "urlPrefix": "https://github.com/kubewarden/" }] }),
        json!({ "githubActions": { "owner": "kubewarden", "repo": "app-example" } }),
    ] {
        let mut entry = entry;
        entry["image"] = json!("*");
        let settings = json!({ "signatures": [entry] });
        assert_eq!(
            call("validate_settings", &settings, Stock::of("a-ca"), NOW),
            json!({ "valid": true })
        );
        let answer = admit(&settings, "a-cosign-p256");
        assert!(!accepted(&answer), "{answer}");
    }
}

#[test]
fn bad_settings_are_refused_with_their_place_and_admit_nothing() {
    let mut settings = keys(&["cosign-p256"]);
    settings["signatures"][0]["pubKeys"][0] = json!("hello");
    settings["signatures"][0]["anotations"] = json!({ "env": "prod" });
    let answer = call("validate_settings", &settings, Stock::of("a-ca"), NOW);
    assert_eq!(answer["valid"], json!(false));
    let message = answer["message"].as_str().unwrap();
    for part in ["/signatures/0/anotations", "did you mean `annotations`?"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let admitted = admit(&settings, "a-cosign-p256");
    assert!(!accepted(&admitted), "{admitted}");
}
