//! `maxAge`: by what the attestation says itself, or by the certificate that signed it.

use serde_json::{Value, json};

use crate::{
    registry::{
        DAY, HOUR, NOW, Registry, VULN, attestation, attested_by, attested_by_workflow, digest,
        image, key, signed_by, statement,
    },
    sigstore::{
        Sigstore, Who,
        instant::{SIGNED, rfc3339},
        signing::IN_TOTO,
    },
};

fn said(metadata: Value) -> Vec<u8> {
    statement(&image("app"), VULN, &json!({ "metadata": metadata }))
}

fn verdict(bundle: &[u8], fields: Value) -> String {
    Registry::with(&[bundle.to_vec()]).decide(&attestation(fields)).verdict()
}

#[test]
fn what_is_said_decides_how_old_it_is_to_the_second() {
    let week = || json!({ "maxAge": "7d" });
    for (name, metadata, expected) in [
        ("now", json!({ "scanFinishedOn": rfc3339(NOW) }), "allow"),
        ("as old as may be", json!({ "scanFinishedOn": rfc3339(NOW - 7 * DAY) }), "allow"),
        (
            "a second older",
            json!({ "scanFinishedOn": rfc3339(NOW - 7 * DAY - 1) }),
            "attestation.stale",
        ),
        ("clocks that differ", json!({ "scanFinishedOn": rfc3339(NOW + 300) }), "allow"),
        ("a second more", json!({ "scanFinishedOn": rfc3339(NOW + 301) }), "attestation.future"),
        (
            "far in the future",
            json!({ "scanFinishedOn": "9999-12-31T23:59:59Z" }),
            "attestation.future",
        ),
        ("no time", json!({}), "attestation.undated"),
        ("no time at all", json!({ "scanFinishedOn": "yesterday" }), "attestation.undated"),
        ("a number", json!({ "scanFinishedOn": NOW }), "attestation.undated"),
        (
            "an end that is none, whatever the beginning",
            json!({ "scanFinishedOn": "x", "scanStartedOn": rfc3339(NOW) }),
            "attestation.undated",
        ),
        ("a beginning alone", json!({ "scanStartedOn": rfc3339(NOW) }), "allow"),
        (
            "the end before the beginning",
            json!({ "scanFinishedOn": rfc3339(NOW - 8 * DAY), "scanStartedOn": rfc3339(NOW) }),
            "attestation.stale",
        ),
        ("a time elsewhere", json!({ "created": rfc3339(NOW) }), "attestation.undated"),
    ] {
        let bundle = attested_by("ci", said(metadata));
        assert_eq!(verdict(&bundle, week()), expected, "{name}");
        // Whoever asks for no age takes all of them.
        assert_eq!(verdict(&bundle, json!({})), "allow", "{name}");
    }
}

#[test]
fn every_unit_is_what_it_says() {
    for (text, seconds) in
        [("90s", 90), ("30m", 1_800), ("12h", 12 * HOUR), ("7d", 7 * DAY), ("2w", 14 * DAY)]
    {
        for (age, expected) in [(seconds, "allow"), (seconds + 1, "attestation.stale")] {
            let bundle = attested_by("ci", said(json!({ "scanFinishedOn": rfc3339(NOW - age) })));
            assert_eq!(verdict(&bundle, json!({ "maxAge": text })), expected, "{text} {age}");
        }
    }
}

#[test]
fn a_short_lived_certificate_dates_what_says_no_time() {
    // Its certificate is a day old.
    assert_eq!(NOW - SIGNED, DAY);
    let by = |age: &str| json!({ "signedBy": "workflow", "maxAge": age });
    let undated = attested_by_workflow(said(json!({})));
    assert_eq!(verdict(&undated, by("24h")), "allow");
    assert_eq!(verdict(&undated, by("86399s")), "attestation.stale");
    // What is said comes first: a new signature makes nothing younger.
    let old = attested_by_workflow(said(json!({ "scanFinishedOn": rfc3339(NOW - 3 * DAY) })));
    assert_eq!(verdict(&old, by("24h")), "attestation.stale");
    assert_eq!(verdict(&old, by("72h")), "allow");
}

/// Verified times prove "existed before", never "made after".
#[test]
fn no_log_and_no_timestamp_makes_anything_younger() {
    let sigstore = Sigstore::new();
    let plan = sigstore.signing(b"").envelope(IN_TOTO, said(json!({}))).key(key("ci"));
    let bundle = sigstore.sign(&plan.who(Who::Key).timestamped(&sigstore)).json();
    assert_eq!(verdict(&bundle, json!({ "signedBy": "logged" })), "allow");
    let dated = verdict(&bundle, json!({ "signedBy": "logged", "maxAge": "30d" }));
    assert_eq!(dated, "attestation.undated");
}

/// A signed referrer is dated by its document, or by its manifest's annotation: both are signed.
#[test]
fn a_signed_referrer_says_how_old_it_is() {
    let kind = "application/vnd.acme.report+json";
    for (document, annotations, expected) in [
        (json!({}), json!({}), "attestation.undated"),
        (json!({}), json!({ "org.opencontainers.image.created": rfc3339(NOW - HOUR) }), "allow"),
        (
            json!({}),
            json!({ "org.opencontainers.image.created": rfc3339(NOW - 3 * HOUR) }),
            "attestation.stale",
        ),
        (
            json!({ "spdxVersion": "SPDX-2.3", "creationInfo": { "created": rfc3339(NOW) } }),
            json!({}),
            "allow",
        ),
    ] {
        let mut registry = Registry::new();
        let bytes = document.to_string().into_bytes();
        let layer = json!({ "mediaType": kind, "digest": digest(&bytes), "size": bytes.len() });
        registry.store(&bytes);
        let manifest = registry.refer(&image("app"), kind, &layer, annotations.clone());
        let signature = signed_by("ci", &manifest);
        registry.attach_to(&manifest, &signature);
        let policy = crate::registry::requiring(&json!({ "attestation": {
            "artifactType": kind, "signedBy": "ci", "maxAge": "2h",
        } }));
        let found = registry.decide(&policy).verdict();
        assert_eq!(found, expected, "{document} {annotations}");
    }
}
