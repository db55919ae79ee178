//! Authorities that are written where they are required.

use countersign::policy::Policy;
use serde_json::{Value, json};

use crate::{
    registry::{
        Registry, VULN, attestation, attested_by, attested_by_workflow, image, key, requiring,
        scan, signed_by, statement,
    },
    sigstore::{IDENTITY, ISSUER},
};

fn inline(name: &str) -> Value {
    json!({ "cosign": { "keys": [key(name).public_pem()] } })
}

fn keyless(subject: &str) -> Value {
    json!({ "cosign": { "trust": "test", "keyless": [{ "issuer": ISSUER, "subject": subject }] } })
}

fn signed(names: &[&str]) -> Registry {
    let bundles: Vec<_> = names.iter().map(|name| signed_by(name, &image("app"))).collect();
    Registry::with(&bundles)
}

/// Where a name may stand, what it names may.
#[test]
fn an_authority_may_stand_in_place_of_its_name() {
    type Tree = fn(Value, Value) -> Value;
    let trees: [Tree; 6] = [
        |a, _| a,
        |a, _| json!([a]),
        |a, b| json!({ "any": [a, b] }),
        |a, b| json!({ "all": [a, b] }),
        |a, b| json!({ "atLeast": 2, "of": [a, b] }),
        |a, b| json!({ "any": [{ "all": [a, b] }, { "all": [b], "subject": "resolved" }] }),
    ];
    for signers in [vec![], vec!["ci"], vec!["security"], vec!["ci", "security"], vec!["x"]] {
        let registry = signed(&signers);
        for tree in trees {
            let named = requiring(&tree(json!("ci"), json!("security")));
            let holds = registry.decide(&named).verdict() == "allow";
            for (a, b) in [
                (inline("ci"), json!("security")),
                (json!("ci"), inline("security")),
                (inline("ci"), inline("security")),
            ] {
                let require = tree(a, b);
                let found = registry.decide(&requiring(&require)).verdict();
                assert_eq!(found == "allow", holds, "{signers:?}: {require}: {found}");
            }
        }
    }
}

#[test]
fn it_is_somebody_elses_key() {
    let registry = signed(&["ci"]);
    assert_eq!(registry.decide(&requiring(&inline("ci"))).verdict(), "allow");
    let other = requiring(&inline("security"));
    assert_eq!(registry.decide(&other).verdict(), "key.hintMismatch");
}

/// Whoever is written twice is one signer.
#[test]
fn it_does_not_count_twice_beside_its_name() {
    let two = |a: &Value, b: &Value| requiring(&json!({ "atLeast": 2, "of": [a, b] }));
    let registry = signed(&["ci", "security"]);
    for (a, b, expected) in [
        (json!("ci"), inline("ci"), "threshold.sameSigner"),
        (inline("ci"), inline("ci"), "threshold.sameSigner"),
        (json!("ci"), inline("security"), "allow"),
        (inline("ci"), inline("security"), "allow"),
        (json!("ci"), inline("third"), "threshold.unmet"),
    ] {
        assert_eq!(registry.decide(&two(&a, &b)).verdict(), expected, "{a}, {b}");
    }
}

/// What one rule writes is not another's.
#[test]
fn each_is_its_own() {
    let rules = |first: Value, second: Value| {
        let rule = |require| json!({ "images": ["**"], "require": require });
        crate::registry::policy(json!({ "rules": [rule(first), rule(second)] }))
    };
    let registry = signed(&["ci"]);
    let verdict = |a, b| registry.decide(&rules(a, b)).verdict();
    assert_eq!(verdict(inline("ci"), inline("ci")), "allow");
    assert_eq!(verdict(inline("ci"), inline("security")), "key.hintMismatch");
    assert_eq!(verdict(inline("security"), inline("ci")), "key.hintMismatch");
}

#[test]
fn an_attestation_is_signed_by_one() {
    let own = Registry::with(&[attested_by("ci", scan(&image("app"), 1, true))]);
    let of_other = Registry::with(&[attested_by("ci", scan(&image("other"), 1, true))]);
    for (signed_by, expected) in [
        (inline("ci"), "allow"),
        (json!({ "any": [inline("security"), inline("ci")] }), "allow"),
        (json!({ "any": ["security", inline("ci")] }), "allow"),
        (inline("security"), "key.hintMismatch"),
        (json!({ "all": [inline("ci"), "security"] }), "key.hintMismatch"),
    ] {
        let policy = attestation(json!({ "signedBy": signed_by }));
        assert_eq!(own.decide(&policy).verdict(), expected);
        let other = of_other.decide(&policy).verdict();
        assert_ne!(other, "allow", "{signed_by}");
    }
}

/// All of them sign the same statement.
#[test]
fn several_sign_the_same_statement() {
    let both = json!({ "all": [inline("ci"), inline("security")] });
    let policy = attestation(json!({ "signedBy": both }));
    let (one, other) = (scan(&image("app"), 1, true), scan(&image("app"), 2, true));
    let same = [attested_by("ci", one.clone()), attested_by("security", one.clone())];
    assert_eq!(Registry::with(&same).decide(&policy).verdict(), "allow");
    let apart = [attested_by("ci", one), attested_by("security", other)];
    assert_eq!(Registry::with(&apart).decide(&policy).verdict(), "key.hintMismatch");
}

/// Its trust is named as anywhere.
#[test]
fn it_believes_what_the_policy_trusts() {
    let bundle = attested_by_workflow(statement(&image("app"), VULN, &json!({})));
    let registry = Registry::with(&[bundle]);
    let elsewhere = format!("{IDENTITY}x");
    for (subject, expected) in [(IDENTITY, "allow"), (&elsewhere, "identity.mismatch")] {
        let policy = attestation(json!({ "signedBy": keyless(subject) }));
        assert_eq!(registry.decide(&policy).verdict(), expected);
    }
}

#[test]
fn what_is_no_authority_is_refused_where_it_stands() {
    let root = "/spec/rules/0/require";
    let with = |field: &str, value: Value| {
        let mut wrong = inline("ci");
        wrong["cosign"][field] = value;
        wrong
    };
    let beside = |field: &str, value: Value| {
        let mut wrong = inline("ci");
        wrong[field] = value;
        wrong
    };
    let signed_by = |tree: Value| json!({ "attestation": { "type": "vuln", "signedBy": tree } });
    let attested = signed_by(json!("ci"));
    Policy::parse(&requiring(&with("annotations", json!({ "a": "b" })))).unwrap();
    Policy::parse(&requiring(&signed_by(inline("ci")))).unwrap();
    for (require, code, path) in [
        (with("key", json!([])), "policy.unknownField", "/cosign/key"),
        (with("keys", json!([])), "policy.invalidValue", "/cosign/keys"),
        (with("keys", json!(["ci"])), "policy.invalidValue", "/cosign/keys/0"),
        (with("trust", json!("tset")), "policy.unknownName", "/cosign/trust"),
        (json!({ "cosign": {} }), "policy.missingField", "/cosign"),
        (beside("subject", json!("platforms")), "policy.unknownField", "/subject"),
        (beside("any", json!(["ci"])), "policy.unknownField", "/any"),
        (
            json!({ "all": ["ci", with("key", json!([]))] }),
            "policy.unknownField",
            "/all/1/cosign/key",
        ),
        (
            signed_by(with("key", json!([]))),
            "policy.unknownField",
            "/attestation/signedBy/cosign/key",
        ),
        (signed_by(json!({ "any": [attested] })), "policy.invalidValue", "/attestation/signedBy"),
        (
            signed_by(json!({ "any": [inline("ci")], "subject": "platforms" })),
            "policy.invalidValue",
            "/attestation/signedBy",
        ),
    ] {
        let errors = Policy::parse(&requiring(&require)).unwrap_err();
        let first = &errors[0];
        let found = (first.code.as_str(), first.path.as_str());
        assert_eq!(found, (code, format!("{root}{path}").as_str()), "{first:?}");
    }
    // Two families are two authorities.
    let errors = Policy::parse(&requiring(&beside("notation", json!({})))).unwrap_err();
    assert!(errors.iter().any(|e| e.path.starts_with(root)), "{errors:?}");
}
