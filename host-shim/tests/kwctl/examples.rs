//! `examples/kwctl`: sessions that kwctl has recorded, replayed without it and without a registry. `UPDATE=1`
//! writes the answers anew; `make -C interop kwctl-sessions` records the sessions.

use std::{env, fs, path::PathBuf};

use countersign_host::policy::Document;
use serde_json::{Value, json};

use crate::stock::{NOW, Replay, call, root};

/// The least families of signatures that there are.
const FAMILIES: usize = 7;

fn families() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("examples/kwctl")).unwrap();
    let mut places: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    places.retain(|path| path.is_dir());
    places.sort();
    assert!(places.len() >= FAMILIES, "{places:?}");
    places
}

fn yaml(path: PathBuf) -> Value {
    Document::load(path.to_str().unwrap()).unwrap().value
}

/// Holds a file against what it should be, or writes it.
fn check(path: PathBuf, expected: &Value) {
    let expected = serde_json::to_string_pretty(expected).unwrap() + "\n";
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{}: `UPDATE=1` writes it anew", path.display());
}

#[test]
fn every_session_of_kwctl_leads_to_the_answer_that_is_kept_with_it() {
    for place in families() {
        let settings = yaml(place.join("settings.yaml"));
        let nobody = Replay::of("[]");
        assert_eq!(call("validate_settings", &settings, nobody, NOW), json!({ "valid": true }));
        for (which, accepted) in [("signed", true), ("unsigned", false)] {
            let of_it = |what: &str| place.join(format!("{which}-{what}"));
            let request = yaml(of_it("request.json"));
            let payload = json!({ "request": request, "settings": settings });
            let replay = Replay::of(&fs::read_to_string(of_it("session.yml")).unwrap());
            assert!(replay.left() > 1, "{}", place.display());
            let answer = call("validate", &payload, replay.clone(), NOW);
            assert_eq!(
                answer["accepted"],
                json!(accepted),
                "{} {which}: {answer}",
                place.display()
            );
            assert_eq!(replay.left(), 0, "{} {which}: all of it is used", place.display());
            check(of_it("answer.json"), &answer);
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
