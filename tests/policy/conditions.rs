//! Conditions: true, false, wrong, and too dear.

use countersign::{evidence::Budget, wire::UnavailableReason};
use serde_json::{Value, json};

use crate::registry::{
    INDEX, Registry, VULN, ask, attestation, attested_by, by_digest, config, digest, hours_ago,
    image, pod, policy, requiring, signed_by, statement, unavailable,
};

const UNMET: &str = "condition.unmet";
const ERROR: &str = "condition.error";

fn registry() -> Registry {
    let predicate = json!({
        "good": true,
        "bad": false,
        "level": 3,
        "name": "scan",
        "list": [1, 2, 3],
        "metadata": { "scanFinishedOn": hours_ago(1) },
    });
    Registry::with(&[
        attested_by("ci", statement(&image("app"), VULN, &predicate)),
        signed_by("ci", &image("app")),
    ])
}

fn judged(cel: &str) -> String {
    registry().decide(&attestation(json!({ "conditions": [{ "cel": cel }] }))).verdict()
}

#[test]
fn a_condition_is_true_or_it_fails() {
    for (cel, expected) in [
        ("true", "allow"),
        ("false", UNMET),
        ("predicate.good", "allow"),
        ("predicate.bad", UNMET),
        ("!predicate.bad", "allow"),
        ("predicate.level >= 3", "allow"),
        ("predicate.level > 3", UNMET),
        ("predicate.list.all(n, n < 4)", "allow"),
        ("predicate.list.exists(n, n > 3)", UNMET),
        // Not a boolean.
        ("1", ERROR),
        ("'true'", ERROR),
        ("null", ERROR),
        ("predicate.level", ERROR),
        ("predicate.list", ERROR),
        ("[true]", ERROR),
        // Not there, or not of the type.
        ("predicate.nothing", ERROR),
        ("predicate.nothing.at.all == 1", ERROR),
        ("predicate.name > 1", ERROR),
        ("predicate.list[3] == 1", ERROR),
        ("1 / 0 == 1", ERROR),
        ("int('a') == 1", ERROR),
        ("has(predicate.nothing)", UNMET),
        ("!has(predicate.nothing)", "allow"),
        ("predicate.nothing || true", "allow"),
        ("predicate.nothing && false", UNMET),
        ("predicate.nothing || false", ERROR),
    ] {
        assert_eq!(judged(cel), expected, "{cel}");
    }
}

#[test]
fn every_condition_of_a_list_must_hold() {
    for (list, expected) in [
        (["true", "true"], "allow"),
        (["true", "false"], UNMET),
        (["false", "true"], UNMET),
        (["true", "1"], ERROR),
    ] {
        let list = list.map(|cel| json!({ "cel": cel }));
        let found = registry().decide(&attestation(json!({ "conditions": list }))).verdict();
        assert_eq!(found, expected, "{list:?}");
    }
}

#[test]
fn conditions_see_what_was_verified_and_what_is_asked() {
    let tagged = "reg.test/app:1";
    let of_attestation = |cel: &str| attestation(json!({ "conditions": [{ "cel": cel }] }));
    let of_rule = |cel: &str| {
        policy(json!({ "rules": [{
            "images": ["**"], "require": "ci", "conditions": [{ "cel": cel }],
        }] }))
    };
    let sha256 = digest(&image("app"));
    let is_digest = format!("image.digest == '{sha256}'");
    let both: &[(&str, &str)] = &[
        (&is_digest, "allow"),
        ("image.registry == 'reg.test' && image.path == 'app'", "allow"),
        ("image.repository == 'reg.test/app' && image.tag == '1'", "allow"),
        ("image.name == 'reg.test/app:1'", "allow"),
        ("image.registry == 'docker.io'", UNMET),
        ("imageConfig.config.User == '1000'", "allow"),
        ("imageConfig.config.User == '0'", UNMET),
        ("imageConfig.config.Labels.team == request.object.metadata.labels.team", "allow"),
        ("request.namespace == 'a' && request.kind == 'Pod'", "allow"),
        ("request.namespace == 'b'", UNMET),
        ("request.operation == 'CREATE'", "allow"),
        ("request.images == []", ERROR),
        ("now == timestamp('2025-06-02T12:00:00Z')", "allow"),
        ("now < timestamp('2025-06-02T12:00:00Z')", UNMET),
    ];
    for (cel, expected) in both {
        for policy in [of_attestation(cel), of_rule(cel)] {
            let found = registry().decide_on(&policy, &pod(tagged, true)).verdict();
            assert_eq!(found, *expected, "{cel}");
        }
    }
    for (cel, expected) in [
        ("statement.predicateType.startsWith('https://cosign.sigstore.dev/')", "allow"),
        ("statement.subject[0].digest.sha256 == 'x'", UNMET),
        ("statement.predicate == predicate", "allow"),
    ] {
        let found = registry().decide_on(&of_attestation(cel), &pod(tagged, true)).verdict();
        assert_eq!(found, expected, "{cel}");
    }
}

#[test]
fn the_policys_own_words_are_said_where_it_is_false() {
    let decide = |cel: &str| {
        let conditions = json!([{ "cel": cel, "message": "scan it\nagain" }]);
        registry().decide(&attestation(json!({ "conditions": conditions }))).0
    };
    let reason = decide("predicate .  bad").images[0].reason.clone().unwrap();
    assert_eq!(reason.code.as_str(), UNMET);
    assert_eq!(reason.message, "scan it\nagain");
    // The expression, in one line.
    assert_eq!(reason.expected.as_deref(), Some("predicate . bad"));
    // An error is not what the message is about.
    let reason = decide("predicate.nothing").images[0].reason.clone().unwrap();
    assert_eq!(reason.code.as_str(), ERROR);
    assert_ne!(reason.message, "scan it\nagain");
    assert_eq!(reason.expected.as_deref(), Some("predicate.nothing"));
    assert!(reason.found.is_some());
}

/// Steps are counted over the whole decision; what has no more of them is unknown, never false.
#[test]
fn a_condition_that_is_too_dear_is_unknown() {
    let dear = "[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, a + b > 0))";
    let within = |cel: &str, steps: u64| {
        let budget = Budget { steps, ..Budget::default() };
        let policy = attestation(json!({ "conditions": [{ "cel": cel }] }));
        registry().decide_within(&policy, &by_digest(), budget).verdict()
    };
    assert_eq!(within(dear, Budget::default().steps), "allow");
    assert_eq!(within(dear, 20), "budget.conditions");
    assert_eq!(within(&format!("!{dear}"), 20), "budget.conditions");
    assert_eq!(within(&format!("{dear} || true"), 20), "budget.conditions");
    assert_eq!(within("true", 0), "budget.conditions");
    // No host can raise the limit.
    assert_eq!(within("true", u64::MAX), "allow");
    let lists = "[0,1,2,3,4,5,6,7,8,9]";
    let hard = (0..8).fold("true".to_owned(), |inner, n| format!("{lists}.all(v{n}, {inner})"));
    assert_eq!(within(&hard, u64::MAX), "budget.conditions");
}

#[test]
fn the_configuration_is_hashed_bytes_or_nothing() {
    let cel = "imageConfig.config.User == '1000'";
    let policy = attestation(json!({ "conditions": [{ "cel": cel }] }));
    assert_eq!(registry().decide(&policy).verdict(), "allow");
    let mut withheld = registry();
    withheld.withhold(&digest(&config()));
    assert_eq!(withheld.decide(&policy).verdict(), "evidence.unavailable");
    let mut other = registry();
    let forged = crate::registry::found(br#"{"config":{"User":"1000"}}"#.to_vec());
    other.answers.insert(digest(&config()), forged);
    assert_eq!(other.decide(&policy).verdict(), "evidence.digestMismatch");
    // The host's word is enough where the policy says so, for the configuration and nothing else.
    let mut rewritten = registry();
    let word = countersign::wire::Answer::Found {
        bytes: countersign::wire::Bytes(br#"{"config":{"User":"1000"}}"#.to_vec()),
        media_type: None,
        reserialised: true,
    };
    rewritten.answers.insert(digest(&config()), word);
    assert_eq!(rewritten.decide(&policy).verdict(), "evidence.hostAsserted");
    let mut trusting = policy;
    trusting["spec"]["trustHost"] = json!(["imageConfig"]);
    let decided = rewritten.decide(&trusting);
    assert_eq!(decided.verdict(), "allow");
    assert!(decided.warns_of("imageConfig (trustHost)"), "{:?}", decided.0.warnings);
    assert!(!registry().decide(&trusting).warns_of("trustHost"), "hashed bytes are nobody's word");
    other.answers.insert(digest(&config()), crate::registry::found(b"{}".to_vec()));
    assert_eq!(other.decide(&trusting).verdict(), "evidence.digestMismatch");
    // Who does not look at it does not need it.
    let without = attestation(json!({ "conditions": [{ "cel": "true" }] }));
    assert_eq!(withheld.decide(&without).verdict(), "allow");
}

#[test]
fn an_index_has_no_configuration() {
    let child = image("app");
    let index = json!({
        "schemaVersion": 2, "mediaType": INDEX,
        "manifests": [{
            "mediaType": crate::registry::MANIFEST, "digest": digest(&child), "size": child.len(),
            "platform": { "os": "linux", "architecture": "amd64" },
        }],
    })
    .to_string()
    .into_bytes();
    let mut registry = Registry::new();
    registry.tag("index", &index);
    registry.attach_to(&index, &signed_by("ci", &index));
    let policy = |cel: &str| {
        policy(json!({ "rules": [{
            "images": ["**"], "require": "ci", "conditions": [{ "cel": cel }],
        }] }))
    };
    let asked = ask("reg.test/app:index");
    assert_eq!(registry.decide_on(&policy("image.tag == 'index'"), &asked).verdict(), "allow");
    let config = policy("imageConfig.config.User == '1000'");
    assert_eq!(registry.decide_on(&config, &asked).verdict(), ERROR);
}

/// The conditions of a rule come after its requirement, and cannot make up for it.
#[test]
fn the_conditions_of_a_rule_do_not_stand_for_its_requirement() {
    let policy = |require: Value, cel: &str| {
        policy(json!({ "rules": [{
            "images": ["**"], "require": require, "conditions": [{ "cel": cel }],
        }] }))
    };
    let verdict =
        |require: &str, cel: &str| registry().decide(&policy(json!(require), cel)).verdict();
    assert_eq!(verdict("ci", "true"), "allow");
    assert_eq!(verdict("ci", "false"), UNMET);
    assert_eq!(verdict("security", "true"), "key.hintMismatch");
    let mut withheld = registry();
    let list = format!("referrers of {}", digest(&image("app")));
    withheld.answers.insert(list, unavailable(UnavailableReason::Transport));
    let found = withheld.decide(&policy(json!("ci"), "false")).verdict();
    assert_eq!(found, "evidence.unavailable");
}

/// All fields hold on the same attestation.
#[test]
fn two_attestations_do_not_share_their_virtues() {
    let say = |n: i64, a: bool, b: bool| {
        let predicate = json!({ "a": a, "b": b, "metadata": { "scanFinishedOn": hours_ago(n) } });
        attested_by("ci", statement(&image("app"), VULN, &predicate))
    };
    let conditions = json!([{ "cel": "predicate.a" }, { "cel": "predicate.b" }]);
    let policy = attestation(json!({ "conditions": conditions }));
    let apart = Registry::with(&[say(1, true, false), say(2, false, true)]);
    assert_eq!(apart.decide(&policy).verdict(), UNMET);
    let together = Registry::with(&[say(1, false, false), say(2, true, true)]);
    assert_eq!(together.decide(&policy).verdict(), "allow");
    let aged = attestation(json!({
        "maxAge": "90m", "conditions": [{ "cel": "predicate.a" }],
    }));
    let old = Registry::with(&[say(1, false, false), say(2, true, true)]);
    assert_ne!(old.decide(&aged).verdict(), "allow");
    let young = requiring(&json!({ "attestation": {
        "type": "vuln", "signedBy": "ci", "maxAge": "90m", "conditions": [{ "cel": "!predicate.a" }],
    } }));
    assert_eq!(old.decide(&young).verdict(), "allow");
}
