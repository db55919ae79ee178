//! `examples/kwctl`: what kwctl would say to it, without a registry. `UPDATE=1` writes it anew.

use std::{env, fs, path::PathBuf};

use countersign_host::policy::Document;
use serde_json::{Value, json};

use crate::stock::{NOW, Replay, Stock, call, recorded, root};

/// A family, its layouts, and whether the first is accepted: the second never is.
const FAMILIES: &[(&str, &str, &str)] = &[
    ("cosign-key", "a-cosign-p256", "a-unsigned"),
    ("cosign-own-ca", "a-ca", "a-unsigned"),
    ("verify-image-signatures", "a-two", "a-cosign-p256"),
];

fn directory(family: &str) -> PathBuf {
    root().join("examples/kwctl").join(family)
}

fn yaml(path: PathBuf) -> Value {
    Document::load(path.to_str().unwrap()).unwrap().value
}

fn json_of(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

/// The review of a Pod with this image, as `kwctl run --request-path` reads it.
fn request(layout: &str) -> Value {
    let name = layout.strip_prefix("a-").unwrap();
    json!({
        "uid": "7b5a5a52-0000-4000-8000-000000000000",
        "kind": { "group": "", "version": "v1", "kind": "Pod" },
        "resource": { "group": "", "version": "v1", "resource": "pods" },
        "name": "app", "namespace": "default", "operation": "CREATE",
        "userInfo": { "username": "alice" },
        "object": {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": "app", "namespace": "default" },
            "spec": { "containers": [{ "name": "app", "image": format!("127.0.0.1:5001/a/{name}:1") }] },
        },
    })
}

/// Holds a file against what it should be, or writes it.
fn check(path: PathBuf, expected: &str) {
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{}: `UPDATE=1` writes it anew", path.display());
}

#[test]
fn every_example_is_answered_as_it_says() {
    for (family, signed, unsigned) in FAMILIES {
        let place = directory(family);
        let settings = yaml(place.join("settings.yaml"));
        let host = Stock::of(signed);
        assert_eq!(call("validate_settings", &settings, host, NOW), json!({ "valid": true }));
        for (which, layout, accepted) in [("signed", signed, true), ("unsigned", unsigned, false)] {
            let request = request(layout);
            check(place.join(format!("{which}-request.json")), &json_of(&request));
            let payload = json!({ "request": request, "settings": settings });
            let host = Stock::of(layout);
            let answer = call("validate", &payload, host.clone(), NOW);
            assert_eq!(answer["accepted"], json!(accepted), "{family} {which}: {answer}");
            check(place.join(format!("{which}-answer.json")), &json_of(&answer));
            let session = recorded(&host.asked.lock().unwrap());
            check(place.join(format!("{which}-session.yml")), &session);
            // The session alone leads to the same answer, and all of it is used.
            let replay = Replay::of(&session);
            assert_eq!(call("validate", &payload, replay.clone(), NOW), answer, "{family} {which}");
            assert_eq!(replay.left(), 0, "{family} {which}");
        }
    }
}

/// A session that kwctl itself has recorded, with the policies of its requests.
#[test]
fn a_session_that_kwctl_recorded_is_replayed_in_its_order() {
    let session =
        fs::read_to_string(root().join("corpora/kubewarden/recorded-legacy.yml")).unwrap();
    let replay = Replay::of(&session);
    assert!(replay.left() > 0);
    let text = Document::parse("session", &session).unwrap().value;
    for exchange in text.as_array().unwrap() {
        let request = exchange["request"].as_str().unwrap();
        let image = request.split_once("image: ").unwrap().1.trim_end();
        let operation = match request.starts_with("!OciManifestDigest") {
            true => "v1/manifest_digest",
            false => "v1/oci_manifest",
        };
        let answer = countersign_host::runtime::HostCallbacks::call(
            &*replay,
            "kubewarden",
            "oci",
            operation,
            json!(image).to_string().as_bytes(),
        );
        assert_eq!(answer.is_ok(), exchange["response"]["type"] == "Success", "{request}");
    }
    assert_eq!(replay.left(), 0);
}
