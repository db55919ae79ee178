//! What a policy says of whole references: `match.references`, tags that are not pinned, and updates.

use countersign::{
    admission::{self, Admission},
    policy::Policy,
};
use serde_json::{Value, json};

use crate::registry::{Registry, digest, image, pod, policy, signed_by};

fn asking(references: &Value) -> Value {
    policy(json!({
        "rules": [{ "images": ["reg.test/**"], "match": { "references": references }, "require": "ci" }],
        "unmatched": "allow",
    }))
}

#[test]
fn a_rule_is_for_the_references_that_it_names_however_they_are_written() {
    let at = format!("@{}", digest(&image("app")));
    for (references, asked, is_for) in [
        (json!(["*"]), "reg.test/app:1", true),
        (json!(["reg.test/app:1"]), "reg.test/app:1", true),
        (json!(["reg.test/app:2"]), "reg.test/app:1", false),
        (json!(["reg.test/app:2", "reg.test/app:1"]), "reg.test/app:1", true),
        (json!(["reg.test/app:?"]), "REG.test:443/app:1", true),
        (json!(["REG.test/app:?"]), "reg.test/app:1", false),
        (json!(["reg.test/app:1"]), &format!("reg.test/app:1{at}"), true),
        (json!(["*@sha256:*"]), "reg.test/app:1", false),
        (json!(["*@sha256:*"]), &format!("reg.test/app{at}"), true),
    ] {
        let verdict = Registry::new().decide_on(&asking(&references), &pod(asked, true)).verdict();
        let expected = if is_for { "signatures.none" } else { "allow" };
        assert_eq!(verdict, expected, "{references} {asked}");
    }
}

/// It is one of several that must hold.
#[test]
fn the_other_fields_of_match_must_hold_too() {
    let with = |kind: &str| {
        let mut document = asking(&json!(["*"]));
        document["spec"]["rules"][0]["match"]["kinds"] = json!([kind]);
        Registry::new().decide_on(&document, &pod("reg.test/app:1", true)).verdict()
    };
    assert_eq!(with("Pod"), "signatures.none");
    assert_eq!(with("Deployment"), "allow");
}

#[test]
fn a_tag_that_is_not_pinned_is_refused_unless_the_policy_says_never() {
    let registry = Registry::with(&[signed_by("ci", &image("app"))]);
    let decided = |digests: Value, can_patch: bool| {
        let document = policy(json!({
            "rules": [{ "images": ["**"], "require": "ci" }], "digests": digests,
        }));
        registry.decide_on(&document, &pod("reg.test/app:1", can_patch))
    };
    let auto = decided(json!({ "pin": "none" }), true);
    assert_eq!(auto.verdict(), "digest.unpinned");
    for can_patch in [true, false] {
        let never = decided(json!({ "pin": "none", "require": "never" }), can_patch);
        assert_eq!(never.verdict(), "allow");
        assert!(never.0.patches.is_empty());
        assert!(
            never.0.warnings.iter().any(|w| w.contains("another image")),
            "{:?}",
            never.0.warnings
        );
    }
    // Where it can be pinned, it is.
    assert_eq!(decided(json!({ "require": "never" }), true).0.patches.len(), 1);
    assert_eq!(decided(json!({ "require": "never" }), false).verdict(), "allow");
    assert_eq!(decided(json!({ "require": "auto" }), false).verdict(), "digest.unpinned");
}

#[test]
fn all_images_of_an_update_are_judged_where_the_policy_says_so() {
    let object =
        json!({ "kind": "Pod", "spec": { "containers": [{ "name": "a", "image": "a:1" }] } });
    let request = json!({
        "operation": "UPDATE", "kind": { "group": "", "version": "v1", "kind": "Pod" },
        "object": object, "oldObject": object,
    });
    for (updates, judged) in [(None, false), (Some("changed"), false), (Some("all"), true)] {
        let mut spec = json!({ "rules": [{ "images": ["**"], "require": "ci" }] });
        if let Some(updates) = updates {
            spec["updates"] = json!(updates);
        }
        let policy = Policy::parse(&policy(spec)).unwrap();
        let read = admission::read(&request, &policy.kinds, true).unwrap();
        assert_eq!(matches!(read, Admission::Judge(_)), judged, "{updates:?}");
    }
}
