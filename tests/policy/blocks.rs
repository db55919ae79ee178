//! `block`: first, and waived by nothing.

use countersign::x509::Certificate;
use serde_json::{Value, json};

use crate::{
    registry::{
        INDEX, MANIFEST, Registry, ask, attested_by, by_digest, digest, image, key, policy, scan,
        signed_by,
    },
    sigstore::{
        IDENTITY, ISSUER, Sigstore,
        instant::{SIGNED, rfc3339},
        keys::{hex, sha256},
    },
};

fn blocking(block: Value, rule: Value) -> Value {
    let mut whole = json!({ "images": ["**"] });
    whole.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
    policy(json!({ "rules": [whole], "block": block }))
}

fn fingerprint(name: &str) -> String {
    hex(&sha256(&key(name).spki()))
}

#[test]
fn a_blocked_image_is_refused_whatever_the_rules_say() {
    let registry = Registry::with(&[signed_by("ci", &image("app"))]);
    let own = digest(&image("app"));
    let other = digest(&image("other"));
    for (rule, right) in [
        (json!({ "require": "ci" }), "allow"),
        (json!({ "static": "allow" }), "allow"),
        (json!({ "static": "deny" }), "image.staticDeny"),
        (json!({ "require": "security" }), "key.hintMismatch"),
        (json!({ "images": ["other.test/**"], "require": "ci" }), "image.unmatched"),
    ] {
        for asked in [by_digest(), ask("reg.test/app:1")] {
            let blocked = blocking(json!({ "digests": [own] }), rule.clone());
            let found = registry.decide_on(&blocked, &asked).verdict();
            assert_eq!(found, "image.blocked", "{rule}");
            let passed = blocking(json!({ "digests": [other] }), rule.clone());
            assert_eq!(registry.decide_on(&passed, &asked).verdict(), right, "{rule}");
        }
    }
    // Allowed for want of a rule.
    let mut unmatched =
        blocking(json!({ "digests": [own] }), json!({ "images": ["x.y/**"], "require": "ci" }));
    unmatched["spec"]["unmatched"] = json!("allow");
    assert_eq!(registry.decide(&unmatched).verdict(), "image.blocked");
    unmatched["spec"]["block"] = json!({ "digests": [other] });
    assert_eq!(registry.decide(&unmatched).verdict(), "allow");
}

/// What cannot be resolved may be on the list.
#[test]
fn an_image_that_cannot_be_held_against_the_list_is_unknown() {
    let mut registry = Registry::new();
    let answer = crate::registry::unavailable(countersign::wire::UnavailableReason::Transport);
    registry.answers.insert("reg.test/app:1".to_owned(), answer);
    let mut blocked =
        blocking(json!({ "digests": [digest(&image("other"))] }), json!({ "static": "allow" }));
    let asked = ask("reg.test/app:1");
    assert_eq!(registry.decide_on(&blocked, &asked).verdict(), "evidence.unavailable");
    blocked["spec"]["undetermined"] = json!("warn");
    assert_eq!(registry.decide_on(&blocked, &asked).verdict(), "evidence.unavailable");
    blocked["spec"]["block"]["digests"] = json!([]);
    assert_eq!(registry.decide_on(&blocked, &asked).verdict(), "allow");
}

#[test]
fn an_index_is_refused_for_a_child() {
    let child = image("app");
    let index = json!({
        "schemaVersion": 2, "mediaType": INDEX,
        "manifests": [
            { "mediaType": MANIFEST, "digest": digest(&image("first")), "size": 1 },
            { "mediaType": MANIFEST, "digest": digest(&child), "size": child.len() },
        ],
    })
    .to_string()
    .into_bytes();
    let mut registry = Registry::new();
    registry.tag("index", &index);
    registry.attach_to(&index, &signed_by("ci", &index));
    let asked = ask("reg.test/app:index");
    let verdict = |of: &[u8]| {
        let policy = blocking(json!({ "digests": [digest(of)] }), json!({ "require": "ci" }));
        registry.decide_on(&policy, &asked).verdict()
    };
    assert_eq!(verdict(&child), "image.blocked");
    assert_eq!(verdict(&index), "image.blocked");
    assert_eq!(verdict(&image("third")), "allow");
}

#[test]
fn a_blocked_key_has_not_signed() {
    let block = |keys: Value| json!({ "keys": keys });
    let registry = Registry::with(&[signed_by("ci", &image("app"))]);
    for (keys, expected) in [
        (json!([fingerprint("ci")]), "signer.blocked"),
        (json!([format!("sha256:{}", fingerprint("ci"))]), "signer.blocked"),
        (json!([fingerprint("security")]), "allow"),
        (json!([]), "allow"),
    ] {
        let policy = blocking(block(keys.clone()), json!({ "require": "ci" }));
        assert_eq!(registry.decide(&policy).verdict(), expected, "{keys}");
    }
    // Nor attested.
    let attested = Registry::with(&[attested_by("ci", scan(&image("app"), 1, true))]);
    let require = json!({ "require": { "attestation": { "type": "vuln", "signedBy": "ci" } } });
    let policy = blocking(block(json!([fingerprint("ci")])), require.clone());
    assert_eq!(attested.decide(&policy).verdict(), "signer.blocked");
    let policy = blocking(block(json!([fingerprint("security")])), require);
    assert_eq!(attested.decide(&policy).verdict(), "allow");
}

/// One bad candidate harms no other.
#[test]
fn another_signature_still_counts() {
    let registry =
        Registry::with(&[signed_by("ci", &image("app")), signed_by("security", &image("app"))]);
    let verdict = |require: Value| {
        let block = json!({ "keys": [fingerprint("ci")] });
        registry.decide(&blocking(block, json!({ "require": require }))).verdict()
    };
    assert_eq!(verdict(json!({ "any": ["ci", "security"] })), "allow");
    assert_eq!(verdict(json!({ "all": ["ci", "security"] })), "signer.blocked");
    assert_eq!(verdict(json!({ "atLeast": 1, "of": ["ci", "security"] })), "allow");
    assert_eq!(verdict(json!({ "atLeast": 2, "of": ["ci", "security"] })), "threshold.unmet");
}

/// A keyless signature of the image, and its certificate.
fn keyless() -> (Registry, Vec<u8>) {
    let sigstore = Sigstore::new();
    let bundle = sigstore.sign(&sigstore.signing(&image("app")));
    let certificate = bundle.certificate().unwrap().to_vec();
    (Registry::with(&[bundle.json()]), certificate)
}

#[test]
fn a_blocked_certificate_or_identity_has_not_signed() {
    let (registry, certificate) = keyless();
    let leaf = Certificate::from_der(&certificate).unwrap();
    let issuer = countersign::trust::identity::subject_line(leaf.issuer());
    let serial = hex(leaf.serial());
    let colons: Vec<_> =
        serial.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap()).collect();
    let spki = fingerprint("signer");
    let blocked = "signer.blocked";
    for (block, expected) in [
        (json!({}), "allow"),
        (json!({ "certificates": [hex(&sha256(&certificate))] }), blocked),
        (json!({ "certificates": [format!("sha256:{}", hex(&sha256(&certificate)))] }), blocked),
        (json!({ "certificates": ["0".repeat(64)] }), "allow"),
        (json!({ "certificates": [{ "issuer": issuer, "serial": serial }] }), blocked),
        (
            json!({ "certificates": [{ "issuer": issuer, "serial": colons.join(":").to_uppercase() }] }),
            blocked,
        ),
        (
            json!({ "certificates": [{ "issuer": issuer, "serial": format!("0000{serial}") }] }),
            blocked,
        ),
        (json!({ "certificates": [{ "issuer": issuer, "serial": "01" }] }), "allow"),
        (json!({ "certificates": [{ "issuer": "CN=other", "serial": serial }] }), "allow"),
        (json!({ "keys": [spki] }), blocked),
        (json!({ "identities": [{ "subject": IDENTITY }] }), blocked),
        (json!({ "identities": [{ "issuer": ISSUER }] }), blocked),
        (json!({ "identities": [{ "issuer": ISSUER, "subject": IDENTITY }] }), blocked),
        (
            json!({ "identities": [{ "issuer": "https://other.test", "subject": IDENTITY }] }),
            "allow",
        ),
        (json!({ "identities": [{ "issuer": ISSUER, "subject": "a@acme.test" }] }), "allow"),
        (json!({ "identities": [{ "subjectRegExp": "https://github[.]com/acme/.*" }] }), blocked),
        // Anchored at both ends.
        (json!({ "identities": [{ "subjectRegExp": "github[.]com" }] }), "allow"),
        (json!({ "identities": [{ "issuerRegExp": "https://token[.].*" }] }), blocked),
    ] {
        let policy = blocking(block.clone(), json!({ "require": "workflow" }));
        assert_eq!(registry.decide(&policy).verdict(), expected, "{block}");
    }
}

/// Only a time that somebody else has signed spares anything.
#[test]
fn what_is_proven_to_be_older_is_spared() {
    let (registry, _) = keyless();
    let block = |since: i64| {
        let block = json!({ "identities": [{ "subject": IDENTITY }], "since": rfc3339(since) });
        blocking(block, json!({ "require": "workflow" }))
    };
    assert_eq!(registry.decide(&block(SIGNED + 3600)).verdict(), "allow");
    assert_eq!(registry.decide(&block(SIGNED - 3600)).verdict(), "signer.blocked");
    // A key's signature proves no time.
    let registry = Registry::with(&[signed_by("ci", &image("app"))]);
    let block = json!({ "keys": [fingerprint("ci")], "since": "2090-01-01" });
    let policy = blocking(block, json!({ "require": "ci" }));
    assert_eq!(registry.decide(&policy).verdict(), "signer.blocked");
    // Nor does a digest have one.
    let block = json!({ "digests": [digest(&image("app"))], "since": "2090-01-01" });
    let policy = blocking(block, json!({ "require": "ci" }));
    assert_eq!(registry.decide(&policy).verdict(), "image.blocked");
}
