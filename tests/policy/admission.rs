//! What an admission request asks: kinds that are ignored, images in custom resources, and which
//! updates are looked at (design: an update is spared only where nothing that the policy reads has
//! changed).

use countersign::{
    admission::{self, Admission},
    policy::Policy,
};
use serde_json::{Value, json};

use crate::registry::policy;

/// The references that are judged, in order; `passes` or the code of an error.
fn asked(policy: &Value, request: &Value) -> Vec<String> {
    let policy = Policy::parse(policy).unwrap();
    match admission::read(request, &policy.kinds, true) {
        Ok(Admission::Pass) => vec!["passes".to_owned()],
        Ok(Admission::Judge(request)) => {
            request.images.into_iter().map(|image| image.reference).collect()
        }
        Err(errors) => errors.into_iter().map(|error| error.code).collect(),
    }
}

fn with(spec: Value) -> Value {
    let mut whole = json!({ "rules": [{ "images": ["**"], "require": "ci" }] });
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    policy(whole)
}

fn create(group: &str, kind: &str, object: &Value) -> Value {
    json!({
        "operation": "CREATE", "kind": { "group": group, "version": "v1", "kind": kind }, "object": object,
    })
}

#[test]
fn kinds_that_are_ignored_pass_and_no_others() {
    let widget = |group: &str| create(group, "Widget", &json!({}));
    for (ignored, group, expected) in [
        (json!([]), "acme.test", "kind.unknown"),
        (json!(["Widget"]), "acme.test", "passes"),
        (json!(["Widget"]), "other.test", "passes"),
        (json!(["acme.test/Widget"]), "acme.test", "passes"),
        (json!(["acme.test/Widget"]), "other.test", "kind.unknown"),
        (json!(["Gadget"]), "acme.test", "kind.unknown"),
    ] {
        let policy = with(json!({ "ignoreKinds": ignored }));
        assert_eq!(asked(&policy, &widget(group)), [expected], "{ignored} {group}");
        // In every mode.
        let policy = with(json!({ "ignoreKinds": ignored, "mode": "audit" }));
        assert_eq!(asked(&policy, &widget(group)), [expected], "{ignored} {group}");
    }
    // Also one that is built in, since somebody says so.
    let pod =
        create("", "Pod", &json!({ "spec": { "containers": [{ "name": "a", "image": "x:1" }] } }));
    assert_eq!(asked(&with(json!({ "ignoreKinds": ["Pod"] })), &pod), ["passes"]);
    assert_eq!(asked(&with(json!({})), &pod), ["x:1"]);
}

#[test]
fn images_stand_where_the_policy_says() {
    let resources = |optional: bool| {
        with(json!({ "resources": [{
            "group": "acme.test", "kind": "App", "optional": optional,
            "images": ["/spec/image", "/spec/steps/*/image", "/spec/named/*/image"],
        }] }))
    };
    for (object, optional, expected) in [
        (json!({ "spec": { "image": "a:1" } }), false, vec!["a:1"]),
        (
            json!({ "spec": { "steps": [{ "image": "b:1" }, { "run": "x" }, { "image": "c:1" }] } }),
            false,
            vec!["b:1", "c:1"],
        ),
        (json!({ "spec": { "named": { "x": { "image": "d:1" } } } }), false, vec!["d:1"]),
        (
            json!({ "spec": { "image": "a:1", "steps": [{ "image": "b:1" }] } }),
            false,
            vec!["a:1", "b:1"],
        ),
        // None.
        (json!({ "spec": {} }), false, vec!["request.malformed"]),
        (json!({ "spec": {} }), true, vec!["passes"]),
        (json!({ "spec": { "image": null } }), true, vec!["passes"]),
        // Something else in its place is never passed over.
        (json!({ "spec": { "image": 1 } }), true, vec!["request.malformed"]),
        (json!({ "spec": { "image": ["a:1"] } }), true, vec!["request.malformed"]),
        (json!({ "spec": { "image": { "name": "a:1" } } }), true, vec!["request.malformed"]),
        (json!({ "spec": { "steps": [{ "image": {} }] } }), true, vec!["request.malformed"]),
    ] {
        let request = create("acme.test", "App", &object);
        assert_eq!(asked(&resources(optional), &request), expected, "{object}");
    }
    // Of another group it is another kind.
    let request = create("other.test", "App", &json!({ "spec": { "image": "a:1" } }));
    assert_eq!(asked(&resources(true), &request), ["kind.unknown"]);
}

fn pod(labels: Value, images: &[(&str, &str)]) -> Value {
    let containers: Vec<_> =
        images.iter().map(|(name, image)| json!({ "name": name, "image": image })).collect();
    json!({ "kind": "Pod", "metadata": { "labels": labels }, "spec": { "containers": containers } })
}

fn update(old: &Value, new: &Value) -> Value {
    json!({
        "operation": "UPDATE", "kind": { "group": "", "version": "v1", "kind": "Pod" },
        "oldObject": old, "object": new, "namespace": "a",
    })
}

#[test]
fn an_update_is_spared_where_nothing_has_changed_that_the_policy_reads() {
    let one = || pod(json!({ "team": "a" }), &[("a", "x:1"), ("b", "y:1")]);
    let relabelled = || pod(json!({ "team": "b" }), &[("a", "x:1"), ("b", "y:1")]);
    let newer = || pod(json!({ "team": "a" }), &[("a", "x:1"), ("b", "y:2")]);
    let both = vec!["x:1", "y:1"];
    let rule = |fields: Value| {
        let mut rule = json!({ "images": ["**"], "require": "ci" });
        rule.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "rules": [rule] })
    };
    let labels = || json!({ "matchLabels": { "team": "a" } });
    let scan = json!({ "attestation": {
        "type": "vuln", "signedBy": "ci", "conditions": [{ "cel": "request.namespace == 'a'" }],
    } });
    let blind = json!({ "attestation": {
        "type": "vuln", "signedBy": "ci", "conditions": [{ "cel": "image.registry == 'a'" }],
    } });
    // The policy; what is judged of an unchanged, a relabelled and a changed Pod.
    let passes = || vec!["passes"];
    let changed = || vec!["y:2"];
    let all = || vec!["x:1", "y:2"];
    for (spec, same, labelled, other) in [
        (json!({}), passes(), passes(), changed()),
        (rule(json!({ "match": { "kinds": ["Pod"] } })), passes(), passes(), changed()),
        (rule(json!({ "match": { "namespaces": ["a"] } })), passes(), passes(), changed()),
        (rule(json!({ "match": { "labels": labels() } })), passes(), both.clone(), changed()),
        // What the namespace was labelled with then, nobody says.
        (
            rule(json!({ "match": { "namespaceLabels": labels() } })),
            both.clone(),
            both.clone(),
            all(),
        ),
        (
            rule(json!({ "match": { "cel": "request.name == 'a'" } })),
            both.clone(),
            both.clone(),
            all(),
        ),
        (
            rule(json!({ "match": { "cel": "image.registry == 'a'" } })),
            passes(),
            passes(),
            changed(),
        ),
        (
            rule(json!({ "conditions": [{ "cel": "request.name == 'a'" }] })),
            both.clone(),
            both.clone(),
            all(),
        ),
        (
            rule(json!({ "conditions": [{ "cel": "image.registry == 'a'" }] })),
            passes(),
            passes(),
            changed(),
        ),
        (rule(json!({ "require": scan })), both.clone(), both.clone(), all()),
        (rule(json!({ "require": blind })), passes(), passes(), changed()),
        // What ran before may be on the list now.
        (
            json!({ "block": { "digests": [format!("sha256:{}", "0".repeat(64))] } }),
            both.clone(),
            both.clone(),
            all(),
        ),
        (json!({ "block": { "keys": ["0".repeat(64)] } }), both.clone(), both.clone(), all()),
        (json!({ "block": { "keys": [] } }), passes(), passes(), changed()),
    ] {
        let policy = with(spec.clone());
        assert_eq!(asked(&policy, &update(&one(), &one())), same, "{spec}");
        assert_eq!(asked(&policy, &update(&one(), &relabelled())), labelled, "{spec}");
        assert_eq!(asked(&policy, &update(&one(), &newer())), other, "{spec}");
    }
}

#[test]
fn an_image_is_the_same_in_the_same_place_alone() {
    let policy = with(json!({}));
    let old = pod(json!({}), &[("a", "x:1"), ("b", "y:1")]);
    let verdict = |new: &Value| asked(&policy, &update(&old, new));
    assert_eq!(verdict(&pod(json!({}), &[("b", "y:1"), ("a", "x:1")])), ["passes"]);
    assert_eq!(verdict(&pod(json!({}), &[("a", "y:1"), ("b", "x:1")])), ["y:1", "x:1"]);
    assert_eq!(verdict(&pod(json!({}), &[("a", "x:1"), ("c", "y:1")])), ["y:1"]);
    let mut init = old.clone();
    init["spec"]["initContainers"] = json!([{ "name": "a", "image": "x:1" }]);
    assert_eq!(verdict(&init), ["x:1"], "in another list");
    let mut ephemeral = old.clone();
    ephemeral["spec"]["ephemeralContainers"] = json!([{ "name": "debug", "image": "z:1" }]);
    assert_eq!(verdict(&ephemeral), ["z:1"], "kubectl debug");
    let mut of_another_kind = old.clone();
    of_another_kind["kind"] = json!("Job");
    assert_eq!(asked(&policy, &update(&of_another_kind, &old)), ["x:1", "y:1"]);
    let mut request = update(&old, &old);
    request.as_object_mut().unwrap().remove("oldObject");
    assert_eq!(asked(&policy, &request), ["x:1", "y:1"]);
    request["operation"] = json!("DELETE");
    assert_eq!(asked(&policy, &request), ["passes"]);
}

#[test]
fn a_custom_resource_is_spared_in_the_same_way() {
    let policy = with(json!({ "resources": [{
        "group": "acme.test", "kind": "App", "images": ["/spec/steps/*/image"],
    }] }));
    let app = |images: &[&str]| {
        let steps: Vec<_> = images.iter().map(|image| json!({ "image": image })).collect();
        json!({ "kind": "App", "spec": { "steps": steps } })
    };
    let verdict = |old: &[&str], new: &[&str]| {
        let mut request = update(&app(old), &app(new));
        request["kind"] = json!({ "group": "acme.test", "version": "v1", "kind": "App" });
        asked(&policy, &request)
    };
    assert_eq!(verdict(&["a:1", "b:1"], &["a:1", "b:1"]), ["passes"]);
    assert_eq!(verdict(&["a:1", "b:1"], &["a:1", "b:2"]), ["b:2"]);
    assert_eq!(verdict(&["a:1", "b:1"], &["b:1", "a:1"]), ["b:1", "a:1"]);
}

/// What an admission request knows is what rules and conditions see.
#[test]
fn the_request_is_handed_on_whole() {
    let mut request = update(
        &pod(json!({ "team": "b" }), &[("a", "x:1")]),
        &pod(json!({ "team": "a" }), &[("a", "x:2")]),
    );
    request["name"] = json!("app");
    request["userInfo"] = json!({ "username": "u" });
    let policy = Policy::parse(&with(json!({}))).unwrap();
    let Ok(Admission::Judge(asked)) = admission::read(&request, &policy.kinds, true) else {
        panic!("not judged");
    };
    assert_eq!(asked.kind.as_deref(), Some("Pod"));
    assert_eq!(asked.group.as_deref(), Some(""));
    assert_eq!(asked.namespace.as_deref(), Some("a"));
    assert_eq!(asked.name.as_deref(), Some("app"));
    assert_eq!(asked.operation.as_deref(), Some("UPDATE"));
    assert_eq!(asked.user_info, Some(json!({ "username": "u" })));
    assert_eq!(asked.object, Some(request["object"].clone()));
    assert_eq!(asked.old_object, Some(request["oldObject"].clone()));
    assert!(asked.can_patch);
}
