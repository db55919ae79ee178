//! When a document was made, and what is around it.

use countersign::{
    predicate::{asserted_time, opened, unwrapped},
    time::Time,
};
use serde_json::{Value, json};

use super::held::{leaves, with};

const T: &str = "2026-11-20T10:05:00Z";
const EARLIER: &str = "2026-11-20T10:00:00Z";
const CUSTOM: &str = "https://cosign.sigstore.dev/attestation/v1";

/// Type, document, and where the time stands that counts.
fn dated() -> Vec<(&'static str, Value, &'static str)> {
    let build = json!({ "metadata": { "buildStartedOn": EARLIER, "buildFinishedOn": T } });
    let build_1 =
        json!({ "runDetails": { "metadata": { "startedOn": EARLIER, "finishedOn": T } } });
    let scan = json!({ "metadata": { "scanStartedOn": EARLIER, "scanFinishedOn": T } });
    let spdx = json!({ "spdxVersion": "SPDX-2.3", "creationInfo": { "created": T } });
    let cyclonedx = json!({ "bomFormat": "CycloneDX", "metadata": { "timestamp": T } });
    let openvex = json!({ "@context": "https://openvex.dev/ns/v0.2.0", "timestamp": EARLIER, "last_updated": T });
    let trivy = json!({ "SchemaVersion": 2, "ArtifactName": "app", "CreatedAt": T });
    let grype = json!({ "matches": [], "descriptor": { "name": "grype", "timestamp": T } });
    let ended = |time: &str| json!({ "invocations": [{ "endTimeUtc": time }] });
    let sarif = json!({ "version": "2.1.0", "runs": [ended(T), ended("2026-11-20T11:00:00Z")] });
    vec![
        ("https://slsa.dev/provenance/v0.1", build.clone(), "/metadata/buildFinishedOn"),
        ("https://slsa.dev/provenance/v0.2", build.clone(), "/metadata/buildFinishedOn"),
        ("https://slsa.dev/provenance/v1", build_1, "/runDetails/metadata/finishedOn"),
        ("https://in-toto.io/attestation/runtime-trace/v0.1", build, "/metadata/buildFinishedOn"),
        (
            "https://cosign.sigstore.dev/attestation/vuln/v1",
            scan.clone(),
            "/metadata/scanFinishedOn",
        ),
        ("https://in-toto.io/attestation/vulns/v0.1", scan.clone(), "/metadata/scanFinishedOn"),
        ("https://in-toto.io/attestation/vulns/v0.2", scan, "/metadata/scanFinishedOn"),
        ("https://spdx.dev/Document", spdx.clone(), "/creationInfo/created"),
        ("https://spdx.dev/Document/v2.3", spdx.clone(), "/creationInfo/created"),
        ("application/spdx+json", spdx.clone(), "/creationInfo/created"),
        ("https://spdx.dev/Document", json!({ "Data": spdx }), "/Data/creationInfo/created"),
        ("https://cyclonedx.org/bom", cyclonedx.clone(), "/metadata/timestamp"),
        ("https://cyclonedx.org/bom/v1.4", cyclonedx.clone(), "/metadata/timestamp"),
        (
            "https://cyclonedx.org/bom",
            json!({ "Data": cyclonedx, "Timestamp": "" }),
            "/Data/metadata/timestamp",
        ),
        ("application/vnd.cyclonedx+json", cyclonedx, "/metadata/timestamp"),
        ("https://openvex.dev/ns", openvex.clone(), "/last_updated"),
        ("https://openvex.dev/ns/v0.2.0", openvex.clone(), "/last_updated"),
        ("https://acme.test/vex", openvex, "/last_updated"),
        ("https://slsa.dev/verification_summary/v1", json!({ "timeVerified": T }), "/timeVerified"),
        (
            "https://slsa.dev/verification_summary/v0.2",
            json!({ "time_verified": T }),
            "/time_verified",
        ),
        ("https://in-toto.io/attestation/svr/v0.1", json!({ "timeCreated": T }), "/timeCreated"),
        (CUSTOM, json!({ "Data": "x", "Timestamp": T }), "/Timestamp"),
        ("https://acme.test/scan/v1", trivy.clone(), "/CreatedAt"),
        ("application/vnd.aquasec.trivy.report.json", trivy, "/CreatedAt"),
        ("https://acme.test/scan/v1", grype, "/descriptor/timestamp"),
        ("application/sarif+json", sarif, "/runs/0/invocations/0/endTimeUtc"),
    ]
}

#[test]
fn every_type_says_when_it_was_made_in_its_own_field() {
    for (predicate_type, predicate, pointer) in dated() {
        assert_eq!(asserted_time(predicate_type, &predicate), Time::parse(T), "{predicate_type}");
        for other in ["yesterday", "2026-11-20", ""] {
            let document = with(&predicate, pointer, json!(other));
            assert_eq!(asserted_time(predicate_type, &document), None, "{predicate_type} {other}");
        }
        let document = with(&predicate, pointer, json!(1_763_633_100));
        assert_eq!(asserted_time(predicate_type, &document), None, "{predicate_type}");
        let older = with(&predicate, pointer, json!("2020-01-01T00:00:00Z"));
        assert_eq!(asserted_time(predicate_type, &older), Time::parse("2020-01-01T00:00:00Z"));
    }
}

#[test]
fn the_end_of_a_build_and_its_start_if_there_is_no_end() {
    for (predicate_type, predicate, pointer) in dated() {
        let expected = match pointer.rsplit('/').next().unwrap() {
            "buildFinishedOn" | "finishedOn" | "scanFinishedOn" | "last_updated" => {
                Time::parse(EARLIER)
            }
            _ => None,
        };
        let document = with(&predicate, pointer, Value::Null);
        assert_eq!(asserted_time(predicate_type, &document), expected, "{predicate_type}");
        let mut null = predicate.clone();
        *null.pointer_mut(pointer).unwrap() = Value::Null;
        assert_eq!(asserted_time(predicate_type, &null), expected, "{predicate_type}");
    }
}

#[test]
fn a_type_is_dated_by_its_own_field_and_not_by_another_types() {
    for (predicate_type, predicate, pointer) in dated() {
        let others = [
            "https://in-toto.io/attestation/test-result/v0.1",
            "https://in-toto.io/attestation/release/v0.1",
            "https://in-toto.io/attestation/scai/v0.3",
            "https://in-toto.io/attestation/scai/attribute-report/v0.2",
            "https://in-toto.io/Link/v1",
            "https://in-toto.io/attestation/link/v0.3",
        ];
        for other in others {
            assert_eq!(
                asserted_time(other, &predicate),
                None,
                "{other}: {predicate_type} {pointer}"
            );
        }
        assert!(leaves(&predicate).iter().any(|leaf| leaf == pointer));
    }
    for (predicate_type, predicate) in [
        ("https://slsa.dev/provenance/v1", json!({ "metadata": { "buildFinishedOn": T } })),
        (
            "https://slsa.dev/provenance/v3",
            json!({ "runDetails": { "metadata": { "finishedOn": T } } }),
        ),
        ("https://acme.test/gate/v1", json!({ "timestamp": T, "Timestamp": T, "created": T })),
        ("https://spdx.dev/Document/v3", json!({ "@graph": [{ "created": T }] })),
        ("application/sarif+json", json!({ "version": "2.1.0", "runs": [] })),
        (
            "application/sarif+json",
            json!({ "version": "2.1.0", "runs": [{ "invocations": [{ "endTimeUtc": T }] }, {}] }),
        ),
        (
            "application/sarif+json",
            json!({ "version": "2.1.0", "runs": [{ "invocations": [{ "endTimeUtc": T }, {}] }] }),
        ),
        ("application/sarif+json", json!({ "version": "2.1.0", "runs": [{ "invocations": [] }] })),
        ("https://spdx.dev/Document", Value::Null),
        ("", json!([T])),
    ] {
        assert_eq!(asserted_time(predicate_type, &predicate), None, "{predicate_type} {predicate}");
    }
}

#[test]
fn what_cosign_puts_around_custom_is_taken_off() {
    let gate = json!({ "approved": true });
    for (predicate_type, predicate, inner, open) in [
        (CUSTOM, json!({ "Data": gate, "Timestamp": T }), gate.clone(), None),
        (CUSTOM, json!({ "Data": gate }), gate.clone(), None),
        (
            CUSTOM,
            json!({ "Data": "{\"approved\":true}\n", "Timestamp": T }),
            json!("{\"approved\":true}\n"),
            Some(gate.clone()),
        ),
        (CUSTOM, json!({ "Data": "[1]", "Timestamp": T }), json!("[1]"), Some(json!([1]))),
        (CUSTOM, json!({ "Data": "approved", "Timestamp": T }), json!("approved"), None),
        // As strictly as the statement itself.
        (CUSTOM, json!({ "Data": "{\"a\":1,\"a\":2}" }), json!("{\"a\":1,\"a\":2}"), None),
        (CUSTOM, json!({ "Data": "{} {}" }), json!("{} {}"), None),
        (
            CUSTOM,
            json!({ "Data": gate, "Timestamp": T, "more": 1 }),
            json!({ "Data": gate, "Timestamp": T, "more": 1 }),
            None,
        ),
        (CUSTOM, json!({ "Timestamp": T }), json!({ "Timestamp": T }), None),
        (CUSTOM, json!("Data"), json!("Data"), None),
        (
            "https://acme.test/gate/v1",
            json!({ "Data": gate, "Timestamp": T }),
            json!({ "Data": gate, "Timestamp": T }),
            None,
        ),
        ("https://acme.test/gate/v1", json!({ "Data": "{}" }), json!({ "Data": "{}" }), None),
        ("https://spdx.dev/Document", json!({ "Data": gate }), gate.clone(), None),
        ("https://spdx.dev/Document", json!({ "Data": "{}" }), json!({ "Data": "{}" }), None),
        ("https://cyclonedx.org/bom", json!({ "Data": gate, "Timestamp": "" }), gate, None),
    ] {
        assert_eq!(unwrapped(predicate_type, &predicate), &inner, "{predicate_type} {predicate}");
        assert_eq!(opened(predicate_type, &predicate), open, "{predicate_type} {predicate}");
    }
}
