//! Exceptions: what they waive, where and until when; and what they never waive.

use countersign::wire::{Node, Outcome};
use serde_json::{Value, json};

use crate::{
    registry::{
        HOUR, NOW, Registry, attested_by, by_digest, digest, image, key, pod, policy, scan,
        signed_by,
    },
    sigstore::{
        instant::rfc3339,
        keys::{hex, sha256},
    },
};

/// Signed by `ci`, and not scanned.
fn registry() -> Registry {
    Registry::with(&[signed_by("ci", &image("app"))])
}

fn rule() -> Value {
    json!({
        "name": "app",
        "images": ["reg.test/**"],
        "require": ["ci", { "attestation": { "name": "scan", "type": "vuln", "signedBy": "ci" } }],
    })
}

/// An exception for everything that waives `scan`, with other fields.
fn exception(fields: Value) -> Value {
    let mut exception = json!({
        "images": ["**"], "waive": ["scan"], "until": rfc3339(NOW + HOUR),
        "owner": "team-a", "reason": "the scanner is down",
    });
    exception.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    exception
}

fn excepting(exception: Value) -> Value {
    policy(json!({ "rules": [rule()], "exceptions": [exception] }))
}

fn verdict(fields: Value) -> String {
    registry().decide(&excepting(exception(fields))).verdict()
}

/// What is there is a signature.
const NONE: &str = "payload.notAttestation";

#[test]
fn a_requirement_is_waived_by_name_by_type_by_code_or_with_all() {
    assert_eq!(registry().decide(&policy(json!({ "rules": [rule()] }))).verdict(), NONE);
    for (waive, expected) in [
        (json!(["scan"]), "allow"),
        (json!(["vuln"]), "allow"),
        (json!([NONE]), "allow"),
        (json!(["*"]), "allow"),
        (json!(["ci", "scan"]), "allow"),
        (json!(["ci"]), NONE),
        (json!(["signatures.none"]), NONE),
        (json!(["attestation.stale"]), NONE),
    ] {
        assert_eq!(verdict(json!({ "waive": waive })), expected, "{waive}");
    }
}

#[test]
fn it_ends_when_it_says() {
    for (until, expected) in [
        (rfc3339(NOW + 1), "allow"),
        (rfc3339(NOW), NONE),
        (rfc3339(NOW - 1), NONE),
        // A bare date ends as it begins: it is noon of the second.
        ("2025-06-03".to_owned(), "allow"),
        ("2025-06-02".to_owned(), NONE),
    ] {
        let policy = excepting(exception(json!({ "until": until })));
        let decided = registry().decide(&policy);
        assert_eq!(decided.verdict(), expected, "{until}");
        // That it has ended is said, so that nobody looks for it.
        assert_eq!(decided.warns_of("an exception has ended"), expected == NONE, "{until}");
    }
}

#[test]
fn it_is_for_its_images_alone() {
    let own = digest(&image("app"));
    let other = digest(&image("other"));
    for (images, expected) in [
        (json!(["reg.test/app"]), "allow"),
        (json!(["reg.test/**"]), "allow"),
        (json!(["other.test/**"]), NONE),
        (json!(["reg.test/**", "!reg.test/app"]), NONE),
        (json!([own]), "allow"),
        (json!([other]), NONE),
        (json!([format!("reg.test/app@{own}")]), "allow"),
        (json!([format!("reg.test/other@{own}")]), NONE),
        (json!([format!("reg.test/app@{other}")]), NONE),
        (json!([other, "reg.test/*"]), "allow"),
    ] {
        assert_eq!(verdict(json!({ "images": images })), expected, "{images}");
    }
}

#[test]
fn it_is_for_its_namespaces_alone() {
    let reference = format!("reg.test/app@{}", digest(&image("app")));
    for (namespaces, expected) in [
        (json!(["a"]), "allow"),
        (json!(["b", "a"]), "allow"),
        (json!(["b"]), NONE),
        (json!(["A"]), NONE),
        // Byte for byte: no globs.
        (json!(["*"]), NONE),
    ] {
        let policy = excepting(exception(json!({ "namespaces": namespaces })));
        let found = registry().decide_on(&policy, &pod(&reference, true)).verdict();
        assert_eq!(found, expected, "{namespaces}");
        // Without a namespace it is for nobody.
        assert_eq!(registry().decide_on(&policy, &by_digest()).verdict(), NONE);
    }
}

#[test]
fn it_is_for_its_rules_alone() {
    let mut other = rule();
    other["name"] = json!("other");
    let decide = |rules: Value| {
        let exceptions = json!([exception(json!({ "rules": rules }))]);
        let both = policy(json!({ "rules": [rule(), other], "exceptions": exceptions }));
        registry().decide(&both).verdict()
    };
    assert_eq!(decide(json!(["app"])), NONE);
    assert_eq!(decide(json!(["other"])), NONE);
    assert_eq!(decide(json!(["app", "other"])), "allow");
}

/// Whoever waives an authority does not let anybody attest in its place.
#[test]
fn who_signs_an_attestation_is_never_waived() {
    let registry = Registry::with(&[
        signed_by("ci", &image("app")),
        attested_by("mallory", scan(&image("app"), 1, true)),
    ]);
    let decide =
        |waive: Value| registry.decide(&excepting(exception(json!({ "waive": waive })))).verdict();
    assert_eq!(decide(json!(["ci"])), "key.hintMismatch");
    // The attestation as a whole is: then nobody says that it was scanned.
    assert_eq!(decide(json!(["scan"])), "allow");
}

#[test]
fn what_comes_first_is_never_waived() {
    let with = |spec: Value| {
        let mut whole = json!({
            "rules": [rule()], "exceptions": [exception(json!({ "waive": ["*"] }))],
        });
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        policy(whole)
    };
    let verdict = |spec: Value| registry().decide(&with(spec)).verdict();
    assert_eq!(verdict(json!({})), "allow");
    let own = digest(&image("app"));
    assert_eq!(verdict(json!({ "block": { "digests": [own] } })), "image.blocked");
    let key = hex(&sha256(&key("ci").spki()));
    assert_eq!(verdict(json!({ "block": { "keys": [key] } })), "signer.blocked");
    let deny = json!([rule(), { "images": ["**"], "static": "deny" }]);
    assert_eq!(verdict(json!({ "rules": deny })), "image.staticDeny");
    let elsewhere = json!([{ "images": ["other.test/**"], "require": "ci" }]);
    assert_eq!(verdict(json!({ "rules": elsewhere })), "image.unmatched");
    // A Pod runs the digest that was judged.
    let asked = pod("reg.test/app:1", false);
    assert_eq!(registry().decide_on(&with(json!({})), &asked).verdict(), "digest.unpinned");
    let asked = pod("reg.test/app:1", true);
    let decided = registry().decide_on(&with(json!({})), &asked);
    assert_eq!(decided.verdict(), "allow");
    assert_eq!(decided.0.patches.len(), 1);
}

/// What is waived counts for nobody.
#[test]
fn a_waived_requirement_is_no_signer() {
    let threshold = |count: usize| {
        let mut rule = rule();
        rule["require"] = json!({ "atLeast": count, "of": ["ci", "security"] });
        let exceptions = json!([exception(json!({ "waive": ["security"] }))]);
        let policy = policy(json!({ "rules": [rule], "exceptions": exceptions }));
        registry().decide(&policy).verdict()
    };
    assert_eq!(threshold(1), "allow");
    assert_ne!(threshold(2), "allow");
}

/// A threshold, and the conditions of a rule, have no name: they are waived by their reasons.
#[test]
fn what_has_no_name_is_waived_by_its_reason() {
    let verdict = |fields: Value, waive: Value| {
        let mut rule = json!({ "name": "app", "images": ["**"], "require": "ci" });
        rule.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let exceptions = json!([exception(json!({ "waive": waive }))]);
        let policy = policy(json!({ "rules": [rule], "exceptions": exceptions }));
        registry().decide(&policy).verdict()
    };
    let threshold = || json!({ "require": { "atLeast": 2, "of": ["ci", "security"] } });
    assert_eq!(verdict(threshold(), json!(["threshold.unmet"])), "allow");
    assert_eq!(verdict(threshold(), json!(["*"])), "allow");
    assert_eq!(verdict(threshold(), json!(["condition.unmet"])), "threshold.unmet");
    let conditions = |all: &[&str]| {
        let all: Vec<_> = all.iter().map(|cel| json!({ "cel": cel })).collect();
        json!({ "conditions": all })
    };
    assert_eq!(verdict(conditions(&["false"]), json!(["condition.unmet"])), "allow");
    assert_eq!(verdict(conditions(&["false"]), json!(["*"])), "allow");
    assert_eq!(verdict(conditions(&["false"]), json!(["condition.error"])), "condition.unmet");
    // One of two reasons is not both.
    let both = || conditions(&["false", "1"]);
    assert_eq!(verdict(both(), json!(["condition.unmet"])), "condition.error");
    assert_eq!(verdict(both(), json!(["condition.error"])), "condition.unmet");
    assert_eq!(verdict(both(), json!(["condition.error", "condition.unmet"])), "allow");
}

fn details<'n>(node: &'n Node, found: &mut Vec<&'n str>) {
    found.extend(node.detail.as_deref());
    node.children.iter().for_each(|child| details(child, found));
}

#[test]
fn it_is_shown_with_what_would_have_been() {
    let decided = registry().decide(&excepting(exception(json!({}))));
    let image = &decided.0.images[0];
    assert_eq!((image.outcome, image.raw), (Outcome::Allow, Some(Outcome::Deny)));
    assert_eq!(image.effective, None);
    assert!(decided.warns_of("exception.applied"), "{:?}", decided.0.warnings);
    assert!(decided.warns_of("team-a: the scanner is down"), "{:?}", decided.0.warnings);
    let mut found = Vec::new();
    details(&image.explanation, &mut found);
    let said = format!("exception until {}, team-a: the scanner is down", rfc3339(NOW + HOUR));
    assert!(found.contains(&said.as_str()), "{found:?}");
    // Where nothing fails nothing is waived.
    let scanned = Registry::with(&[
        signed_by("ci", &crate::registry::image("app")),
        attested_by("ci", scan(&crate::registry::image("app"), 1, true)),
    ]);
    let decided = scanned.decide(&excepting(exception(json!({ "waive": ["*"] }))));
    assert_eq!(decided.verdict(), "allow");
    assert_eq!(decided.0.images[0].raw, None);
    assert!(!decided.warns_of("exception"), "{:?}", decided.0.warnings);
}

/// An exception for a registry that is down, by its code.
#[test]
fn what_could_not_be_told_can_be_waived_too() {
    let mut registry = registry();
    let list = format!("referrers of {}", digest(&image("app")));
    let answer = crate::registry::unavailable(countersign::wire::UnavailableReason::Transport);
    registry.answers.insert(list, answer);
    let decide = |code: &str| registry.decide(&excepting(exception(json!({ "waive": [code] }))));
    assert_eq!(decide("evidence.unavailable").verdict(), "allow");
    assert_eq!(decide("evidence.denied").verdict(), "evidence.unavailable");
}
