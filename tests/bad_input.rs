//! Input that is broken, hostile or absurd: never allowed, always with a reason that says why.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the core reads no files; tests of it do"
)]

mod support;

#[path = "bad_input/evidence.rs"]
mod evidence;
#[path = "bad_input/language.rs"]
mod language;
#[path = "bad_input/policies.rs"]
mod policies;
#[path = "mutation/spans.rs"]
#[allow(dead_code, reason = "each test takes what it needs")]
mod spans;
#[path = "mutation/world.rs"]
#[allow(dead_code, reason = "each test takes what it needs")]
mod world;

use countersign::{
    step_json,
    wire::{Decision, Outcome, STEP_VERSION, StepResponse},
};
use serde_json::{Value, json};

const NOW: &str = "2026-11-21T03:00:00Z";

fn small() -> Value {
    json!({
        "apiVersion": STEP_VERSION,
        "policy": {
            "apiVersion": "countersign.dev/v1",
            "kind": "ImagePolicy",
            "spec": { "rules": [{ "images": ["**"], "static": "allow" }] },
        },
        "request": { "images": [{ "reference": "r.io/a:1" }] },
        "evidence": [],
        "now": NOW,
    })
}

fn step(bytes: &[u8]) -> StepResponse {
    let response: StepResponse = serde_json::from_slice(&step_json(bytes)).unwrap();
    assert_eq!(response.api_version, STEP_VERSION);
    assert_ne!(response.need.is_some(), response.decision.is_some());
    response
}

/// A request that is wrong in itself: refused at once.
fn refused(bytes: &[u8]) -> Decision {
    let decision = step(bytes).decision.expect("a decision");
    assert_eq!(decision.outcome, Outcome::Deny);
    assert!(!decision.errors.is_empty() && decision.images.is_empty());
    decision
}

#[test]
fn the_small_request_is_good() {
    let decision = step(small().to_string().as_bytes()).decision.unwrap();
    assert_eq!(decision.outcome, Outcome::Allow);
}

#[test]
fn a_request_cut_off_anywhere_is_refused() {
    let text = small().to_string();
    for end in 0..text.len() {
        let decision = refused(&text.as_bytes()[..end]);
        assert_eq!(decision.errors[0].code, "request.malformed", "{end}");
        assert_eq!(decision.errors[0].path, "/request");
    }
}

#[test]
fn bytes_that_are_no_request_are_refused() {
    let deep = |open: &str| open.repeat(100_000).into_bytes();
    let mut nested = small().to_string();
    nested =
        nested.replace("\"kind\":\"ImagePolicy\"", &format!("\"kind\":{}", "[".repeat(100_000)));
    for (name, bytes) in [
        ("empty", Vec::new()),
        ("white space", b" \n".to_vec()),
        ("not UTF-8", b"\xff\xfe{}".to_vec()),
        ("not UTF-8 inside", small().to_string().replace("r.io", "\u{1}").into_bytes()),
        ("null", b"null".to_vec()),
        ("a number", b"1".to_vec()),
        ("a text", b"\"x\"".to_vec()),
        ("a list", b"[]".to_vec()),
        ("an empty object", b"{}".to_vec()),
        ("HTML", b"<html></html>".to_vec()),
        (
            "a byte order mark",
            [b"\xef\xbb\xbf".to_vec(), small().to_string().into_bytes()].concat(),
        ),
        ("two documents", [small().to_string(), small().to_string()].concat().into_bytes()),
        ("deep lists", deep("[")),
        ("deep objects", deep("{\"a\":")),
        ("a deep policy", nested.into_bytes()),
    ] {
        let decision = refused(&bytes);
        assert_eq!(decision.errors[0].code, "request.malformed", "{name}");
    }
}

/// Pointer into the small request, the value put there, code and path of the first error.
#[test]
fn requests_with_a_wrong_member_are_refused() {
    let fetch = json!({ "blob": { "repository": "r", "digest": "d", "maxBytes": 1 } });
    let malformed = "request.malformed";
    let rows: Vec<(&str, Value, &str, &str)> = vec![
        ("/apiVersion", json!("countersign.dev/step/v2"), malformed, "/apiVersion"),
        ("/apiVersion", json!(""), malformed, "/apiVersion"),
        ("/apiVersion", json!(1), malformed, "/request"),
        ("/now", json!(""), malformed, "/now"),
        ("/now", json!("2026-11-21"), malformed, "/now"),
        ("/now", json!("2026-11-21 03:00:00Z"), malformed, "/now"),
        ("/now", json!("2026-11-21T03:00:00"), malformed, "/now"),
        ("/now", json!("2026-02-30T03:00:00Z"), malformed, "/now"),
        ("/now", json!("-2026-11-21T03:00:00Z"), malformed, "/now"),
        ("/now", json!("2026-11-21T03:00:00Z\n"), malformed, "/now"),
        ("/now", json!(1_795_230_000), malformed, "/request"),
        ("/now", json!(null), malformed, "/request"),
        ("/unknown", json!(1), malformed, "/request"),
        ("/request/unknown", json!(1), malformed, "/request"),
        ("/request/canPatch", json!("yes"), malformed, "/request"),
        ("/request/images", json!([]), malformed, "/request/images"),
        ("/request/images", json!({}), malformed, "/request"),
        ("/request/images", json!(["r.io/a"]), malformed, "/request"),
        ("/request/images", json!(null), malformed, "/request"),
        ("/request/images/0/unknown", json!(1), malformed, "/request"),
        ("/request/images/0/reference", json!(1), malformed, "/request"),
        ("/request/images/0/reference", json!(""), "reference.invalid", "/request/images/0"),
        (
            "/request/images/0/reference",
            json!("r.io/A:1"),
            "reference.invalid",
            "/request/images/0",
        ),
        ("/request/images/0/reference", json!("r.io/a:"), "reference.invalid", "/request/images/0"),
        (
            "/request/images/0/reference",
            json!("r.io/a@sha256:1"),
            "reference.invalid",
            "/request/images/0",
        ),
        (
            "/request/images/0/reference",
            json!("r.io/a@md5:1"),
            "reference.invalid",
            "/request/images/0",
        ),
        ("/request/images/0/reference", json!(" r.io/a"), "reference.invalid", "/request/images/0"),
        (
            "/request/images/0/reference",
            json!("r.io/../a"),
            "reference.invalid",
            "/request/images/0",
        ),
        (
            "/request/images/0/reference",
            json!("http://r.io/a"),
            "reference.invalid",
            "/request/images/0",
        ),
        (
            "/request/images/0/reference",
            json!("r.io/a\u{0}"),
            "reference.invalid",
            "/request/images/0",
        ),
        (
            "/request/images/0/reference",
            json!("r".repeat(1 << 20)),
            "reference.invalid",
            "/request/images/0",
        ),
        ("/evidence", json!({}), malformed, "/request"),
        ("/evidence", json!([1]), malformed, "/request"),
        ("/evidence", json!([{}]), malformed, "/request"),
        ("/evidence", json!([{ "fetch": fetch }]), malformed, "/request"),
        ("/evidence", json!([{ "fetch": fetch, "answer": {} }]), malformed, "/request"),
        ("/evidence", json!([{ "fetch": fetch, "answer": "absent" }]), malformed, "/request"),
        (
            "/evidence",
            json!([{ "fetch": fetch, "answer": { "found": { "bytes": "*" } } }]),
            malformed,
            "/request",
        ),
        (
            "/evidence",
            json!([{ "fetch": fetch, "answer": { "found": { "bytes": "AA" } } }]),
            malformed,
            "/request",
        ),
        (
            "/evidence",
            json!([{ "fetch": fetch, "answer": { "found": { "bytes": "AA==", "x": 1 } } }]),
            malformed,
            "/request",
        ),
        ("/evidence", json!([{ "fetch": fetch, "answer": { "gone": {} } }]), malformed, "/request"),
        (
            "/evidence",
            json!([{ "fetch": fetch, "answer": { "unavailable": { "reason": "why" } } }]),
            malformed,
            "/request",
        ),
        (
            "/evidence",
            json!([{ "fetch": { "blob": {} }, "answer": { "absent": {} } }]),
            malformed,
            "/request",
        ),
        (
            "/evidence",
            json!([{ "fetch": { "all": {} }, "answer": { "absent": {} } }]),
            malformed,
            "/request",
        ),
        ("/budget", json!({ "images": -1 }), malformed, "/request"),
        ("/budget", json!({ "unknown": 1 }), malformed, "/request"),
        ("/budget", json!({ "images": 0 }), "budget.images", "/request/images"),
        ("/policy", json!(null), "policy.invalidValue", ""),
        ("/policy", json!([]), "policy.invalidValue", ""),
        ("/policy", json!("x"), "policy.invalidValue", ""),
        ("/policy", json!({}), "policy.missingField", ""),
    ];
    assert!(rows.len() > 50);
    for (pointer, value, code, path) in rows {
        let mut request = small();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = request.pointer_mut(parent).unwrap();
        parent[name] = value.clone();
        let text = request.to_string();
        let what = format!("{pointer} {}", &value.to_string()[..value.to_string().len().min(60)]);
        let decision = refused(text.as_bytes());
        assert_eq!(decision.errors[0].code, code, "{what}: {:?}", decision.errors);
        assert_eq!(decision.errors[0].path, path, "{what}");
    }
}

#[test]
fn every_member_is_needed_and_none_may_be_there_twice() {
    for name in ["apiVersion", "policy", "request", "now"] {
        let mut request = small();
        request.as_object_mut().unwrap().remove(name);
        assert_eq!(refused(request.to_string().as_bytes()).errors[0].code, "request.malformed");
    }
    for (from, to) in [
        ("{\"apiVersion\"", "{\"now\":\"2020-01-01T00:00:00Z\",\"apiVersion\""),
        ("\"request\":{", "\"request\":{\"images\":[],"),
        // In the policy too: two readers would choose differently.
        ("\"static\":\"allow\"", "\"static\":\"deny\",\"static\":\"allow\""),
        ("\"kind\":\"ImagePolicy\"", "\"kind\":\"ImagePolicy\",\"k\\u0069nd\":\"ImagePolicy\""),
    ] {
        let text = small().to_string();
        assert!(text.contains(from), "{from}");
        let decision = refused(text.replacen(from, to, 1).as_bytes());
        assert_eq!(decision.errors[0].code, "request.malformed", "{to}");
    }
}

#[test]
fn too_many_images_are_refused() {
    let mut request = small();
    let image = json!({ "reference": "r.io/a:1" });
    request["request"]["images"] = vec![image; 257].into();
    let decision = refused(request.to_string().as_bytes());
    assert_eq!(decision.errors[0].code, "budget.images");
    // A host cannot raise a limit.
    request["budget"] = json!({ "images": 1_000_000 });
    let decision = refused(request.to_string().as_bytes());
    assert_eq!(decision.errors[0].code, "budget.images");
}

#[test]
fn a_policy_of_fifty_megabytes_is_refused_in_time() {
    let mut request = small();
    request["policy"]["spec"]["rules"][0]["images"] = json!(["x".repeat(50 << 20)]);
    let decision = refused(request.to_string().as_bytes());
    assert_eq!(decision.errors[0].code, "policy.invalidValue");
    assert_eq!(decision.errors[0].path, "/spec/rules/0/images/0");
    let answer = serde_json::to_vec(&decision).unwrap();
    assert!(answer.len() < 1 << 16, "the answer has {} bytes", answer.len());
}
