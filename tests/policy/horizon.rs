//! `validUntil` to the second, and `reads`: that no decision holds for longer, or rests on more, is asserted of every
//! decision that these tests make (`promises.rs`).

use countersign::{
    evidence::Budget,
    policy::Policy,
    time::Time,
    wire::{Outcome, Request, RequestField},
};
use serde_json::{Value, json};

use crate::{
    promises::Made,
    registry::{
        DAY, HOUR, NOW, Registry, VULN, attestation, attested_by, attested_by_workflow, by_digest,
        image, pod, policy, requiring, signed_by, statement,
    },
    sigstore::instant::rfc3339,
};

/// Until when it holds, in seconds from now.
fn until(registry: &Registry, policy: &Value) -> Option<i64> {
    let decision = registry.decide(policy).0;
    decision.valid_until.map(|text| Time::parse(&text).unwrap().unix() - NOW)
}

fn scanned(finished: i64) -> Registry {
    let predicate = json!({ "metadata": { "scanFinishedOn": rfc3339(finished) } });
    Registry::with(&[attested_by("ci", statement(&image("app"), VULN, &predicate))])
}

fn with_exceptions(ends: &[i64]) -> Value {
    let exceptions: Vec<_> = ends
        .iter()
        .map(|end| {
            json!({
                "images": ["**"], "waive": ["*"], "until": rfc3339(NOW + end),
                "owner": "a", "reason": "b",
            })
        })
        .collect();
    policy(json!({
        "rules": [{ "images": ["reg.test/**"], "require": "security" }],
        "exceptions": exceptions,
    }))
}

#[test]
fn a_key_alone_holds_for_ever() {
    let registry = Registry::with(&[signed_by("ci", &image("app"))]);
    assert_eq!(until(&registry, &requiring(&json!("ci"))), None);
    assert_eq!(until(&registry, &requiring(&json!("security"))), None, "so does its absence");
    let allows = policy(json!({ "rules": [{ "images": ["**"], "static": "allow" }] }));
    assert_eq!(until(&registry, &allows), None);
}

#[test]
fn an_exception_holds_until_it_ends() {
    let registry = Registry::with(&[]);
    assert_eq!(until(&registry, &with_exceptions(&[HOUR, DAY])), Some(HOUR));
    assert_eq!(until(&registry, &with_exceptions(&[-HOUR, DAY])), Some(DAY));
    assert_eq!(until(&registry, &with_exceptions(&[-HOUR, 0])), None);
    assert_eq!(until(&registry, &with_exceptions(&[1])), Some(1));
}

#[test]
fn an_attestation_holds_until_it_is_too_old_or_has_come() {
    for (finished, expected) in [
        (NOW, Some(7 * DAY + 1)),
        (NOW - 7 * DAY, Some(1)),
        (NOW - 7 * DAY - 1, None),
        (NOW + 300, Some(7 * DAY + 301)),
        // It is refused until clocks may differ by so much.
        (NOW + 301, Some(1)),
        (NOW + DAY, Some(DAY - 300)),
    ] {
        let fields = attestation(json!({ "maxAge": "7d" }));
        assert_eq!(until(&scanned(finished), &fields), expected, "{}", finished - NOW);
    }
}

#[test]
fn what_a_condition_makes_of_the_time_nobody_knows() {
    let condition = |cel: &str| attestation(json!({ "conditions": [{ "cel": cel }] }));
    let registry = scanned(NOW);
    assert_eq!(until(&registry, &condition("now > timestamp('2020-01-01T00:00:00Z')")), Some(1));
    assert_eq!(until(&registry, &condition("true || now == now")), Some(1));
    assert_eq!(until(&registry, &condition("true")), None);
    // Of a macro's own name nothing is read.
    assert_eq!(until(&registry, &condition("[1].all(now, now == 1)")), None);
}

#[test]
fn a_certificate_that_was_good_when_it_was_used_ends_nothing() {
    let bundle = attested_by_workflow(statement(&image("app"), VULN, &json!({})));
    let registry = Registry::with(&[bundle]);
    let wanted = attestation(json!({ "signedBy": "workflow" }));
    let decision = registry.decide(&wanted).0;
    assert_eq!((decision.outcome, decision.valid_until), (Outcome::Allow, None));
}

/// A policy with one rule over everything, and other fields.
fn rule(fields: Value) -> Value {
    let mut rule = json!({ "images": ["**"], "require": "ci" });
    rule.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    policy(json!({ "rules": [rule] }))
}

fn reads(document: &Value) -> Vec<RequestField> {
    Policy::parse(document).unwrap_or_else(|errors| panic!("{errors:#?}")).reads()
}

#[test]
fn a_policy_says_what_of_the_request_it_reads() {
    use RequestField::*;
    let cel = |cel: &str| rule(json!({ "conditions": [{ "cel": cel }] }));
    let matching = |fields: Value| rule(json!({ "match": fields }));
    for (document, expected) in [
        (rule(json!({})), vec![Kind]),
        (matching(json!({ "kinds": ["Pod"] })), vec![Group, Kind]),
        (matching(json!({ "namespaces": ["a"] })), vec![Kind, Namespace]),
        (matching(json!({ "labels": { "matchLabels": { "a": "b" } } })), vec![Kind, ObjectLabels]),
        (
            matching(json!({ "namespaceLabels": { "matchLabels": { "a": "b" } } })),
            vec![Kind, NamespaceLabels],
        ),
        (matching(json!({ "cel": "request.name == 'a'" })), vec![Kind, Name]),
        (matching(json!({ "cel": "image.name == 'a'" })), vec![Kind]),
        (cel("request.object.spec.hostNetwork != true"), vec![Kind, Object]),
        (cel("request['userInfo'].username == 'a'"), vec![Kind, UserInfo]),
        (cel("has(request.oldObject)"), vec![Kind, OldObject]),
        (cel("request.?operation.orValue('') == 'CREATE'"), vec![Kind, Operation]),
        (cel("request.nothing == 1"), vec![Kind]),
        (cel("size(request) > 0"), RequestField::ALL.to_vec()),
        (cel("request[image.tag] == 'a'"), RequestField::ALL.to_vec()),
        (
            attestation(json!({ "conditions": [{ "cel": "request.name == 'a'" }] })),
            vec![Kind, Name],
        ),
    ] {
        assert_eq!(reads(&document), expected, "{document}");
    }
    let mut excepting = with_exceptions(&[HOUR]);
    assert_eq!(reads(&excepting), [Kind]);
    excepting["spec"]["exceptions"][0]["namespaces"] = json!(["a"]);
    assert_eq!(reads(&excepting), [Kind, Namespace]);
}

/// A request with everything in it, and one whose every part is another.
fn full(mark: &str) -> Request {
    let mut request = pod("reg.test/app:1", true);
    request.images = by_digest().images;
    Request {
        kind: Some(format!("Pod{mark}")),
        group: Some(format!("group{mark}")),
        name: Some(format!("name{mark}")),
        namespace: Some(format!("a{mark}")),
        operation: Some(format!("CREATE{mark}")),
        object: Some(
            json!({ "metadata": { "labels": { "team": format!("a{mark}") } }, "x": mark }),
        ),
        old_object: Some(json!({ "x": mark })),
        user_info: Some(json!({ "username": format!("u{mark}") })),
        namespace_labels: Some(json!({ "env": format!("prod{mark}") })),
        ..request
    }
}

#[test]
fn what_is_not_read_makes_no_difference_and_what_is_does() {
    let registry = Registry::with(&[signed_by("ci", &image("app"))]);
    for (fields, moved) in [
        (json!({ "match": { "kinds": ["Pod"] } }), RequestField::Kind),
        (json!({ "match": { "namespaces": ["a"] } }), RequestField::Namespace),
        (
            json!({ "match": { "labels": { "matchLabels": { "team": "a" } } } }),
            RequestField::ObjectLabels,
        ),
        (
            json!({ "match": { "namespaceLabels": { "matchLabels": { "env": "prod" } } } }),
            RequestField::NamespaceLabels,
        ),
        (json!({ "match": { "cel": "request.group == 'group'" } }), RequestField::Group),
        (json!({ "match": { "cel": "request.name == 'name'" } }), RequestField::Name),
        (
            json!({ "conditions": [{ "cel": "request.operation == 'CREATE'" }] }),
            RequestField::Operation,
        ),
        (json!({ "conditions": [{ "cel": "request.object.x == ''" }] }), RequestField::Object),
        (
            json!({ "conditions": [{ "cel": "request.oldObject.x == ''" }] }),
            RequestField::OldObject,
        ),
        (
            json!({ "conditions": [{ "cel": "request.userInfo.username == 'u'" }] }),
            RequestField::UserInfo,
        ),
    ] {
        let document = rule(fields);
        let (good, other) = (full(""), full("-other"));
        let allowed = registry.decide_on(&document, &good).0;
        assert_eq!(allowed.outcome, Outcome::Allow, "{document}");
        assert_eq!(registry.decide_on(&document, &other).0.outcome, Outcome::Deny, "{document}");
        // The other request, with the part that is read as it was: the same decision.
        let mut fields = RequestField::ALL.to_vec();
        fields.retain(|field| !reads(&document).contains(field));
        let mut mixed = other.only(&fields);
        let read = good.only(&reads(&document));
        mixed.kind = read.kind.or(mixed.kind);
        mixed.group = read.group.or(mixed.group);
        mixed.name = read.name.or(mixed.name);
        mixed.namespace = read.namespace.or(mixed.namespace);
        mixed.operation = read.operation.or(mixed.operation);
        mixed.object = read.object.or(mixed.object);
        mixed.old_object = read.old_object.or(mixed.old_object);
        mixed.user_info = read.user_info.or(mixed.user_info);
        mixed.namespace_labels = read.namespace_labels.or(mixed.namespace_labels);
        assert_eq!(registry.decide_on(&document, &mixed).0, allowed, "{document}");
        assert!(reads(&document).contains(&moved));
    }
}

#[test]
fn only_leaves_out_what_it_is_not_told() {
    let request = full("");
    let nothing = request.only(&[]);
    let bare = Request {
        images: request.images.clone(),
        can_patch: request.can_patch,
        ..Request::default()
    };
    assert_eq!(nothing, bare);
    assert_eq!(request.only(&RequestField::ALL), request);
    let labels = request.only(&[RequestField::ObjectLabels]).object;
    assert_eq!(labels, Some(json!({ "metadata": { "labels": { "team": "a" } } })));
    let without = Request { object: Some(json!({ "spec": {} })), ..Request::default() };
    assert_eq!(without.only(&[RequestField::ObjectLabels]).object, Some(json!({})));
    for field in RequestField::ALL {
        let name = serde_json::to_value(field).unwrap();
        let known = RequestField::of(name.as_str().unwrap());
        assert_eq!(known, Some(field).filter(|f| *f != RequestField::ObjectLabels));
    }
}

#[test]
fn a_decision_that_lies_about_its_end_is_found_out() {
    let registry = Registry::with(&[]);
    let document = with_exceptions(&[HOUR]);
    let mut decision = registry.decide(&document).0;
    decision.valid_until = Some(rfc3339(NOW + HOUR + 1));
    let policy = Policy::parse(&document).unwrap();
    let request = by_digest();
    let evidence = registry.evidence(&policy, &request);
    let (now, budget) = (Time::from_unix(NOW), Budget::default());
    let made = Made { policy: &policy, request: &request, evidence: &evidence, now, budget };
    let lies = std::panic::AssertUnwindSafe(|| made.holds(&decision));
    assert!(std::panic::catch_unwind(lies).is_err());
}
