//! What has no room of its own.

use countersign::wire::Outcome;
use serde_json::{Value, json};

use crate::{
    registry::{
        Registry, attested_by, by_digest, digest, image, key, pod, policy, requiring, signed_by,
        statement, wanted,
    },
    sigstore::{IDENTITY, ISSUER, Sigstore},
};

#[test]
fn signers_may_be_required_by_name_beside_a_threshold() {
    let authority = |name: &str| json!({ "cosign": { "keys": [key(name).public_pem()] } });
    let authorities = json!({
        "release": authority("release"), "security": authority("security"), "third": authority("third"),
    });
    let two = json!({ "atLeast": 2, "of": ["release", "security", "third"] });
    let named = json!({ "all": ["release", two] });
    for (signers, of_two, of_named) in [
        (&["release", "security"], true, true),
        (&["third", "release"], true, true),
        // Two, and not the one that is named.
        (&["security", "third"], true, false),
        (&["release", "release"], false, false),
    ] {
        let image = image("app");
        let registry = Registry::with(&signers.map(|name| signed_by(name, &image)));
        for (require, expected) in [(&two, of_two), (&named, of_named)] {
            let rule = json!({ "images": ["**"], "require": require });
            let policy = policy(json!({ "authorities": authorities, "rules": [rule] }));
            let verdict = registry.decide(&policy).verdict();
            assert_eq!(verdict == "allow", expected, "{signers:?}, {require}: {verdict}");
        }
    }
}

#[test]
fn one_of_several_instances_vouches_for_everything() {
    let (one, two) = (Sigstore::named("one"), Sigstore::named("two"));
    let root = |of: &Sigstore| json!({ "sigstore": { "trustedRoot": of.trusted_root().value() } });
    let policy = |trust: Value| {
        policy(json!({
            "trust": { "one": root(&one), "two": root(&two) },
            "authorities": { "workflow": { "cosign": {
                "trust": trust, "keyless": [{ "issuer": ISSUER, "subject": IDENTITY }],
            } } },
            "rules": [{ "images": ["**"], "require": "workflow" }],
        }))
    };
    let signed = |by: &Sigstore| Registry::with(&[by.sign(&by.signing(&image("app"))).json()]);
    for (instance, name, other) in [(&one, "one", "two"), (&two, "two", "one")] {
        let registry = signed(instance);
        assert_eq!(registry.decide(&policy(json!([other, name]))).verdict(), "allow", "{name}");
        assert_eq!(registry.decide(&policy(json!(name))).verdict(), "allow", "{name}");
        assert_ne!(registry.decide(&policy(json!(other))).verdict(), "allow", "{name}");
    }
}

#[test]
fn pinning_can_be_turned_off_and_then_a_digest_is_required() {
    let of = |digests: Value| {
        policy(json!({
            "digests": digests, "rules": [{ "images": ["**"], "require": "ci" }],
        }))
    };
    let mut registry = Registry::with(&[signed_by("ci", &image("app"))]);
    registry.tag("1", &image("app"));
    let by_tag = pod("reg.test/app:1", true);
    let pinned = registry.decide_on(&of(json!({ "pin": "pods" })), &by_tag).0;
    assert_eq!((pinned.outcome, pinned.patches.len()), (Outcome::Allow, 1));
    let off = of(json!({ "pin": "none" }));
    let decided = registry.decide_on(&off, &by_tag);
    assert!(decided.0.patches.is_empty());
    assert_eq!(decided.verdict(), "digest.unpinned");
    let by_digest = pod(&format!("reg.test/app@{}", digest(&image("app"))), true);
    assert_eq!(registry.decide_on(&off, &by_digest).verdict(), "allow");
}

#[test]
fn a_signed_verification_summary_decides() {
    const VSA: &str = "https://slsa.dev/verification_summary/v1";
    let summary = |result: &str, level: &str| {
        json!({
            "verifier": { "id": "https://verify.acme.test" },
            "timeVerified": "2025-06-02T00:00:00Z",
            "resourceUri": format!("reg.test/app@{}", digest(&image("app"))),
            "policy": { "uri": "https://acme.test/policy" },
            "verificationResult": result,
            "verifiedLevels": [level],
        })
    };
    let fields = wanted(json!({
        "type": "vsa", "vsa": { "verifier": "https://verify.acme.test", "level": 2 },
    }));
    let policy = requiring(&json!({ "attestation": fields }));
    for (signer, result, level, expected) in [
        ("ci", "PASSED", "SLSA_BUILD_LEVEL_3", "allow"),
        ("ci", "FAILED", "SLSA_BUILD_LEVEL_3", "vsa.result"),
        ("ci", "PASSED", "SLSA_BUILD_LEVEL_1", "vsa.level"),
        ("security", "PASSED", "SLSA_BUILD_LEVEL_3", "key.hintMismatch"),
    ] {
        let said = statement(&image("app"), VSA, &summary(result, level));
        let decided = Registry::with(&[attested_by(signer, said)]).decide_on(&policy, &by_digest());
        assert_eq!(decided.verdict(), expected, "{signer} {result} {level}");
    }
}
