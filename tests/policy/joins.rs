//! Conditions that read other attestations: `attestations.<name>`.

use serde_json::{Value, json};

use crate::registry::{
    PROVENANCE, Registry, VULN, attested_by, digest, hours_ago, image, policy, statement,
};

fn scanned(hours: i64, run: &str) -> Vec<u8> {
    let predicate = json!({ "run": run, "metadata": { "scanFinishedOn": hours_ago(hours) } });
    statement(&image("app"), VULN, &predicate)
}

fn built(hours: i64, run: &str) -> Vec<u8> {
    let predicate = json!({
        "run": run, "runDetails": { "metadata": { "finishedOn": hours_ago(hours) } },
    });
    statement(&image("app"), PROVENANCE, &predicate)
}

/// `scan` by `ci` and `build` by `ci`, each with more fields.
fn joining(scan: Value, build: Value, rule: Value) -> Value {
    let named = |name: &str, kind: &str, fields: Value| {
        let mut all = json!({ "name": name, "type": kind, "signedBy": "ci", "maxAge": "7d" });
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "attestation": all })
    };
    let mut whole = json!({
        "images": ["**"],
        "require": [named("scan", "vuln", scan), named("build", "slsaprovenance1", build)],
    });
    whole.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
    policy(json!({ "rules": [whole] }))
}

fn by_ci(all: &[Vec<u8>]) -> Registry {
    Registry::with(&all.iter().map(|s| attested_by("ci", s.clone())).collect::<Vec<_>>())
}

fn in_scan(cel: &str) -> Value {
    joining(json!({ "conditions": [{ "cel": cel }] }), json!({}), json!({}))
}

fn in_rule(cel: &str) -> Value {
    joining(json!({}), json!({}), json!({ "conditions": [{ "cel": cel }] }))
}

#[test]
fn two_attestations_are_of_the_same_run() {
    let same = [
        in_scan("attestations.build.exists(b, b.predicate.run == predicate.run)"),
        in_rule(
            "attestations.scan.all(s, attestations.build.exists(b, b.predicate.run == s.predicate.run))",
        ),
    ];
    for policy in &same {
        let found = by_ci(&[scanned(1, "7"), built(2, "7")]).decide(policy).verdict();
        assert_eq!(found, "allow");
        let found = by_ci(&[scanned(1, "7"), built(2, "8")]).decide(policy).verdict();
        assert_eq!(found, "condition.unmet");
    }
}

/// What is joined went through the same steps: signature, subject, type, age.
#[test]
fn what_is_not_verified_is_not_joined() {
    let same = in_scan("attestations.build.exists(b, b.predicate.run == '7')");
    let other = |payload: Vec<u8>| {
        let mut statement: Value = serde_json::from_slice(&payload).unwrap();
        statement["subject"][0]["digest"]["sha256"] = json!("0".repeat(64));
        statement.to_string().into_bytes()
    };
    for (name, build, expected) in [
        ("right", attested_by("ci", built(2, "7")), "allow"),
        ("by another", attested_by("mallory", built(2, "7")), "condition.unmet"),
        ("too old", attested_by("ci", built(8 * 24, "7")), "condition.unmet"),
        ("of another image", attested_by("ci", other(built(2, "7"))), "condition.unmet"),
    ] {
        let registry = Registry::with(&[
            attested_by("ci", scanned(1, "7")),
            attested_by("ci", built(3, "8")),
            build,
        ]);
        assert_eq!(registry.decide(&same).verdict(), expected, "{name}");
    }
}

/// One that could not be looked at may be the one that counts: then nothing is known of all.
#[test]
fn what_is_withheld_makes_the_join_unknown() {
    for policy in [
        in_scan("attestations.build.exists(b, b.predicate.run == predicate.run)"),
        in_rule("size(attestations.build) > 0 && size(attestations.scan) > 0"),
    ] {
        let mut registry = by_ci(&[scanned(1, "7"), built(2, "7")]);
        assert_eq!(registry.decide(&policy).verdict(), "allow");
        let withheld = attested_by("ci", built(1, "9"));
        registry.attach(&withheld);
        registry.withhold(&digest(&withheld));
        assert_eq!(registry.decide(&policy).verdict(), "evidence.unavailable");
    }
}

#[test]
fn they_come_by_time_and_only_those_that_are_selected() {
    let registry =
        by_ci(&[scanned(1, "young"), scanned(5, "old"), scanned(3, "middle"), built(1, "")]);
    let runs = "attestations.scan.map(s, s.predicate.run)";
    for (select, expected) in [
        ("any", "['old', 'middle', 'young']"),
        ("all", "['old', 'middle', 'young']"),
        ("latest", "['young']"),
    ] {
        let rule = json!({ "conditions": [{ "cel": format!("{runs} == {expected}") }] });
        let policy = joining(json!({ "select": select }), json!({}), rule);
        assert_eq!(registry.decide(&policy).verdict(), "allow", "{select}");
        let rule = json!({ "conditions": [{ "cel": format!("{runs} != {expected}") }] });
        let policy = joining(json!({ "select": select }), json!({}), rule);
        assert_eq!(registry.decide(&policy).verdict(), "condition.unmet", "{select}");
    }
}

#[test]
fn they_are_statements() {
    let registry = by_ci(&[scanned(1, "7"), built(2, "7")]);
    let whole = format!(
        "attestations.build[0].predicateType == '{PROVENANCE}' && \
         attestations.build[0].subject[0].digest.sha256 == '{}'",
        digest(&image("app")).trim_start_matches("sha256:")
    );
    assert_eq!(registry.decide(&in_rule(&whole)).verdict(), "allow");
    assert_eq!(
        registry.decide(&in_rule("attestations.build[1] == 1")).verdict(),
        "condition.error"
    );
}
