//! What is far too large, through both builds of the module: a clean refusal, inside the memory and
//! the fuel that a host gives.

use std::{env, fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign::wire::{Decision, Outcome, StepResponse};
use countersign_host::{
    driver::{Evaluator, ModuleEvaluator},
    runtime::{Compiled, Embedded, Engine, Limits, Module, Profile},
};
use serde_json::{Value, json};

/// A keyless attestation of the corpora, with a log entry and a timestamp.
const BUNDLE: &str = "layouts/c-mock-rekor2/blobs/sha256/aee83cfc4e5d2d660bd457e9dd062fcb033e550f50dc47bbfa89afc4a36fe8af";
const ARTIFACT: &str = "sha256:4e01cb3c15d917679712c818fb9351dd19615478a77953b573858a3e4e8a932e";
/// `countersign`'s limit for a module's memory.
const MOST_MEMORY: usize = 256 << 20;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn evaluator(name: &str, profile: Profile) -> (Engine, ModuleEvaluator) {
    let directory = env::var_os("COUNTERSIGN_MODULE_DIR")
        .map_or_else(|| root().join("target/module"), Into::into);
    let read = |suffix: &str| -> &'static [u8] {
        let path = directory.join(format!("{name}.{suffix}"));
        let bytes = fs::read(&path);
        bytes.unwrap_or_else(|e| panic!("{}: {e}: run `make countersign`", path.display())).leak()
    };
    let engine = Engine::new(profile).unwrap();
    let embedded = Embedded {
        wasm: Some(read("wasm")),
        compiled: Some(unsafe { Compiled::new(read("cwasm")) }),
        matched: false,
    };
    let (module, _) = Module::embedded(&engine, embedded).unwrap();
    (engine, ModuleEvaluator { module, limits: Limits::default(), now: 0 })
}

/// The case's own trust and identity, for a blob.
fn policy() -> Value {
    let cases = fs::read(root().join("corpora/cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&cases).unwrap();
    let case = cases.into_iter().find(|case| case["id"] == "keyless-provenance").unwrap();
    let mut policy = case["policy"].clone();
    let require = policy["spec"]["rules"][0]["require"].clone();
    policy["spec"]["rules"] = json!([{ "blobs": ["**"], "require": require }]);
    policy
}

fn request(bundle: &[u8]) -> Vec<u8> {
    let request = json!({
        "apiVersion": "countersign.dev/step/v1",
        "policy": policy(),
        "now": "2026-11-21T03:00:00Z",
        "request": { "blobs": [{
            "name": "app",
            "digests": [ARTIFACT],
            "signatures": [{
                "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "content": STANDARD.encode(bundle),
            }],
        }] },
    });
    serde_json::to_vec(&request).unwrap()
}

fn edited(bundle: &Value, edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut bundle = bundle.clone();
    edit(&mut bundle);
    serde_json::to_vec(&bundle).unwrap()
}

fn with_statement(bundle: &Value, edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    edited(bundle, |bundle| {
        let payload = &mut bundle["dsseEnvelope"]["payload"];
        let statement = STANDARD.decode(payload.as_str().unwrap()).unwrap();
        let mut statement: Value = serde_json::from_slice(&statement).unwrap();
        edit(&mut statement);
        *payload = json!(STANDARD.encode(statement.to_string()));
    })
}

fn repeat(list: &mut Value, times: usize) {
    *list = Value::Array(vec![list[0].clone(); times]);
}

/// What, and the bundle.
fn cases(bundle: &Value) -> Vec<(&'static str, Vec<u8>)> {
    let text = bundle.to_string();
    let spaces = " ".repeat(50 << 20);
    vec![
        ("50 MB, of which most is white space", format!("{{{spaces}{}", &text[1..]).into_bytes()),
        (
            "50 MB of payload",
            edited(bundle, |b| b["dsseEnvelope"]["payload"] = json!("A".repeat(50 << 20))),
        ),
        ("10,000 subjects", with_statement(bundle, |s| repeat(&mut s["subject"], 10_000))),
        (
            "10,000 log entries",
            edited(bundle, |b| {
                let entries = &mut b["verificationMaterial"]["tlogEntries"];
                entries[0]["canonicalizedBody"] = json!("");
                repeat(entries, 10_000);
            }),
        ),
        (
            "1,000,000 checkpoint signature lines",
            edited(bundle, |b| {
                let entry = &mut b["verificationMaterial"]["tlogEntries"][0];
                let note = &mut entry["inclusionProof"]["checkpoint"]["envelope"];
                *note =
                    json!(note.as_str().unwrap().to_owned() + &"— w AAAAAAE=\n".repeat(1_000_000));
            }),
        ),
        (
            "nesting 100,000 deep",
            text.replacen(
                '{',
                &format!("{{\"x\":{}{},", "[".repeat(100_000), "]".repeat(100_000)),
                1,
            )
            .into_bytes(),
        ),
        (
            "a predicate nested 100,000 deep",
            edited(bundle, |b| {
                let deep = format!(
                    r#"{{"_type":"https://in-toto.io/Statement/v1","predicateType":"t","subject":[],"predicate":{}{}}}"#,
                    "[".repeat(100_000),
                    "]".repeat(100_000)
                );
                b["dsseEnvelope"]["payload"] = json!(STANDARD.encode(deep));
            }),
        ),
    ]
}

fn decision(response: &[u8]) -> Decision {
    let response: StepResponse = serde_json::from_slice(response).unwrap();
    response.decision.unwrap()
}

#[test]
fn what_is_far_too_large_is_refused_inside_the_limits() {
    let bundle: Value =
        serde_json::from_slice(&fs::read(root().join("corpora").join(BUNDLE)).unwrap()).unwrap();
    for (name, profile) in [("policy", Profile::Portable), ("policy-wide", Profile::Wide)] {
        let (_engine, evaluator) = evaluator(name, profile);
        let good = evaluator.step(&request(bundle.to_string().as_bytes())).unwrap();
        assert_eq!(decision(&good.response).outcome, Outcome::Allow);
        for (what, bundle) in cases(&bundle) {
            let outcome = evaluator.step(&request(&bundle));
            let outcome = outcome.unwrap_or_else(|error| panic!("{name}: {what}: {error}"));
            let decision = decision(&outcome.response);
            let reason = decision.blobs.first().and_then(|blob| blob.reason.as_ref());
            let code = reason.map(|reason| reason.code.to_string());
            println!(
                "{name}: {what}: {:?} {}, {} MiB, {} million fuel",
                decision.outcome,
                code.as_deref().unwrap_or("-"),
                outcome.memory >> 20,
                outcome.fuel / 1_000_000
            );
            assert_ne!(decision.outcome, Outcome::Allow, "{what}");
            assert!(code.is_some(), "{what}: no reason");
            assert!(outcome.memory < MOST_MEMORY, "{what}: {} bytes", outcome.memory);
        }
    }
}
