//! `match`: for which objects a rule is.

use countersign::{evidence::Budget, wire::Request};
use serde_json::{Value, json};

use crate::registry::{Registry, digest, image, pod, policy};

fn asked() -> Request {
    let mut request = pod(&format!("reg.test/app@{}", digest(&image("app"))), true);
    request.namespace_labels = Some(json!({ "env": "prod", "tier": "1" }));
    request
}

/// A rule with `match` that an unsigned image does not meet, and one that lets all pass.
fn guarded(matching: &Value) -> Value {
    policy(json!({ "rules": [
        { "name": "guarded", "images": ["**"], "match": matching, "require": "ci" },
        { "images": ["**"], "static": "allow" },
    ] }))
}

fn is_guarded(matching: &Value, request: &Request) -> bool {
    match Registry::new().decide_on(&guarded(matching), request).verdict().as_str() {
        "signatures.none" => true,
        "allow" => false,
        other => panic!("{matching}: {other}"),
    }
}

#[test]
fn each_field_is_for_what_it_says_and_all_must_hold() {
    let exists = |key: &str| json!({ "matchExpressions": [{ "key": key, "operator": "Exists" }] });
    let term = |operator: &str, key: &str, values: Value| json!({ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] });
    for (matching, expected) in [
        (json!({ "kinds": ["Pod"] }), true),
        (json!({ "kinds": ["Deployment"] }), false),
        (json!({ "kinds": ["Deployment", "Pod"] }), true),
        (json!({ "kinds": ["apps/Pod"] }), false),
        (json!({ "namespaces": ["a"] }), true),
        (json!({ "namespaces": ["b"] }), false),
        (json!({ "namespaces": ["*"] }), true),
        (json!({ "namespaces": ["*", "!a"] }), false),
        (json!({ "namespaces": ["A"] }), false),
        (json!({ "labels": { "matchLabels": { "team": "a" } } }), true),
        (json!({ "labels": { "matchLabels": { "team": "b" } } }), false),
        (json!({ "labels": { "matchLabels": { "team": "a", "app": "x" } } }), false),
        (json!({ "labels": exists("team") }), true),
        (json!({ "labels": exists("app") }), false),
        (json!({ "labels": term("In", "team", json!(["b", "a"])) }), true),
        (json!({ "labels": term("In", "team", json!(["b"])) }), false),
        (json!({ "labels": term("In", "app", json!(["a"])) }), false),
        (json!({ "labels": term("NotIn", "team", json!(["a"])) }), false),
        (json!({ "labels": term("NotIn", "team", json!(["b"])) }), true),
        // A label that is not there is in no list.
        (json!({ "labels": term("NotIn", "app", json!(["a"])) }), true),
        (
            json!({ "labels": { "matchExpressions": [{ "key": "app", "operator": "DoesNotExist" }] } }),
            true,
        ),
        (
            json!({ "labels": { "matchExpressions": [{ "key": "team", "operator": "DoesNotExist" }] } }),
            false,
        ),
        (json!({ "namespaceLabels": { "matchLabels": { "env": "prod" } } }), true),
        (json!({ "namespaceLabels": { "matchLabels": { "env": "dev" } } }), false),
        (json!({ "namespaceLabels": exists("tier") }), true),
        (json!({ "cel": "request.kind == 'Pod' && image.registry == 'reg.test'" }), true),
        (json!({ "cel": "request.object.spec.containers.size() > 1" }), false),
        (json!({ "cel": "request.namespaceLabels.env == 'prod'" }), true),
        (json!({ "kinds": ["Pod"], "namespaces": ["a"], "cel": "true" }), true),
        (json!({ "kinds": ["Pod"], "namespaces": ["b"], "cel": "true" }), false),
        (json!({ "kinds": ["Pod"], "namespaces": ["a"], "cel": "false" }), false),
        (
            json!({ "labels": { "matchLabels": { "team": "a" }, "matchExpressions": [{ "key": "app", "operator": "Exists" }] } }),
            false,
        ),
    ] {
        assert_eq!(is_guarded(&matching, &asked()), expected, "{matching}");
    }
}

#[test]
fn a_kind_is_of_any_group_or_of_one() {
    let mut request = asked();
    request.kind = Some("Deployment".to_owned());
    request.group = Some("apps".to_owned());
    for (kind, expected) in
        [("Deployment", true), ("apps/Deployment", true), ("extensions/Deployment", false)]
    {
        assert_eq!(is_guarded(&json!({ "kinds": [kind] }), &request), expected, "{kind}");
    }
}

/// What would tell is not there: the rule is taken to match, and that is said.
#[test]
fn a_rule_that_may_match_does_unless_it_would_let_pass() {
    let without = |change: fn(&mut Request)| {
        let mut request = asked();
        change(&mut request);
        request
    };
    for (matching, request) in [
        (json!({ "kinds": ["Deployment"] }), without(|r| r.kind = None)),
        (json!({ "namespaces": ["b"] }), without(|r| r.namespace = None)),
        (json!({ "labels": { "matchLabels": { "team": "b" } } }), without(|r| r.object = None)),
        (
            json!({ "namespaceLabels": { "matchLabels": { "env": "dev" } } }),
            without(|r| r.namespace_labels = None),
        ),
    ] {
        assert!(!is_guarded(&matching, &asked()), "{matching}");
        assert!(is_guarded(&matching, &request), "{matching}");
        let decided = Registry::new().decide_on(&guarded(&matching), &request);
        assert!(decided.warns_of("rule `guarded` is taken to match"), "{matching}");
        let decided = Registry::new().decide_on(&guarded(&matching), &asked());
        assert!(!decided.warns_of("is taken to match"), "{matching}");
        // What is known not to be is enough, whatever else is unknown.
        let mut known = matching.clone();
        known["cel"] = json!("false");
        assert!(!is_guarded(&known, &request), "{matching}");
        // A rule that allows is not taken to match; one that denies is.
        for (action, expected) in [("allow", "image.unmatched"), ("deny", "image.staticDeny")] {
            let policy = policy(json!({ "rules": [
                { "images": ["**"], "match": matching, "static": action },
            ] }));
            let found = Registry::new().decide_on(&policy, &request).verdict();
            assert_eq!(found, expected, "{matching} {action}");
        }
    }
}

/// A label selector of an object without labels.
#[test]
fn an_object_without_labels_has_none() {
    let mut request = asked();
    request.object = Some(json!({ "metadata": {} }));
    let exists =
        json!({ "labels": { "matchExpressions": [{ "key": "team", "operator": "Exists" }] } });
    assert!(!is_guarded(&exists, &request));
    let none = json!({ "labels": { "matchExpressions": [{ "key": "team", "operator": "DoesNotExist" }] } });
    assert!(is_guarded(&none, &request));
}

/// An expression that cannot be told denies, also where the rule would only let pass.
#[test]
fn an_expression_that_is_wrong_denies() {
    for action in
        [json!({ "require": "ci" }), json!({ "static": "allow" }), json!({ "static": "deny" })]
    {
        for (cel, expected) in [
            ("request.object.metadata.annotations.a == 'b'", "match.error"),
            ("1", "match.error"),
            ("request.object.metadata.labels.team == 'b'", "allow"),
            (
                "has(request.object.metadata.annotations) && request.object.metadata.annotations.a == 'b'",
                "allow",
            ),
        ] {
            let mut rule = json!({ "images": ["**"], "match": { "cel": cel } });
            rule.as_object_mut().unwrap().extend(action.as_object().unwrap().clone());
            let all = json!({ "images": ["**"], "static": "allow" });
            let policy = policy(json!({ "rules": [rule, all] }));
            let found = Registry::new().decide_on(&policy, &asked()).verdict();
            assert_eq!(found, expected, "{cel} {action}");
        }
    }
}

#[test]
fn an_expression_that_is_too_dear_is_unknown() {
    let matching =
        json!({ "cel": "[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, a + b > 0))" });
    let budget = Budget { steps: 20, ..Budget::default() };
    let found = Registry::new().decide_within(&guarded(&matching), &asked(), budget).verdict();
    assert_eq!(found, "budget.conditions");
    assert!(is_guarded(&matching, &asked()));
}

/// The expression sees the digest that is asked for, not one that is still to be resolved.
#[test]
fn before_any_evidence_a_tag_has_no_digest() {
    let matching = json!({ "cel": "has(image.digest)" });
    assert!(is_guarded(&matching, &asked()));
    assert!(!is_guarded(&matching, &pod("reg.test/app:1", true)));
}
