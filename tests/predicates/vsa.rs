//! `vsa`: verification summaries, and each fault in them.

use serde_json::{Value, json};

use super::held::{
    DIGEST, MISSING, OTHER_DIGEST, REPOSITORY, UNKNOWN, VALUE, are_accepted, are_refused, held,
    matters, with,
};

const V1: &str = "https://slsa.dev/verification_summary/v1";
const V0_2: &str = "https://slsa.dev/verification_summary/v0.2";
const POLICY: &str = "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

fn summary() -> Value {
    json!({
        "verifier": { "id": "https://verify.acme.test", "version": { "ampel": "1.0" } },
        "timeVerified": "2026-11-20T10:00:00Z",
        "resourceUri": format!("pkg:oci/app@{DIGEST}?repository_url={REPOSITORY}"),
        "policy": { "uri": "https://acme.test/policy/v3", "digest": { "sha256": POLICY.split_once(':').unwrap().1 } },
        "inputAttestations": [{ "uri": "x", "digest": { "sha256": "00" } }],
        "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_3", "SLSA_SOURCE_LEVEL_2", "ACME_GATE"],
        "dependencyLevels": { "SLSA_BUILD_LEVEL_3": 4, "SLSA_BUILD_LEVEL_2": 1, "SLSA_BUILD_LEVEL_1": 0, "SLSA_SOURCE_LEVEL_0": 5 },
        "slsaVersion": "1.1",
    })
}

fn older() -> Value {
    json!({
        "verifier": { "id": "https://verify.acme.test" },
        "time_verified": "2026-11-20T10:00:00Z",
        "resource_uri": "ghcr.io/acme/app",
        "policy": { "uri": "https://acme.test/policy/v3" },
        "verification_result": "PASSED",
        "policy_level": "SLSA_LEVEL_3",
        "dependency_levels": { "SLSA_LEVEL_2": 1 },
    })
}

fn whole() -> Value {
    json!({
        "verifier": "https://verify.acme.test",
        "policy": { "uri": "https://acme.test/policy/*", "digest": POLICY },
        "level": 3,
        "levels": ["SLSA_SOURCE_LEVEL_1", "ACME_GATE"],
        "dependencyLevel": 2,
    })
}

#[test]
fn every_value_that_is_read_matters_and_no_other() {
    let mut found = matters(&held("vsa", whole()), V1, &summary());
    found.sort_unstable();
    let expected = [
        "/dependencyLevels/SLSA_BUILD_LEVEL_1",
        "/policy/digest/sha256",
        "/policy/uri",
        "/resourceUri",
        "/verificationResult",
        "/verifiedLevels/0",
        "/verifiedLevels/1",
        "/verifiedLevels/2",
        "/verifier/id",
    ];
    assert_eq!(found, expected);
    let fields = json!({ "verifier": "https://verify.acme.test", "policy": "https://acme.test/policy/v3", "levels": "SLSA_LEVEL_2" });
    let mut found = matters(&held("vsa", fields), V0_2, &older());
    found.sort_unstable();
    assert_eq!(
        found,
        ["/policy/uri", "/policy_level", "/resource_uri", "/verification_result", "/verifier/id"]
    );
}

#[test]
fn each_fault_has_its_code() {
    let check = held("vsa", whole());
    for (pointer, value, code) in [
        ("/verifier/id", json!("https://verify.evil.test"), "vsa.verifier"),
        ("/verifier/id", json!(""), "vsa.verifier"),
        ("/verifier", Value::Null, "vsa.verifier"),
        ("/verifier", json!("https://verify.acme.test"), "vsa.verifier"),
        ("/resourceUri", json!("ghcr.io/acme/other"), "vsa.resource"),
        ("/resourceUri", json!(format!("ghcr.io/acme/app@{OTHER_DIGEST}")), "vsa.resource"),
        ("/resourceUri", Value::Null, "vsa.resource"),
        ("/policy/uri", json!("https://acme.test/policy/v3/x"), "vsa.policy"),
        ("/policy/uri", Value::Null, "vsa.policy"),
        ("/policy/digest", Value::Null, "vsa.policy"),
        ("/policy/digest/sha256", json!("00"), "vsa.policy"),
        ("/policy", Value::Null, "vsa.policy"),
        ("/verificationResult", json!("FAILED"), "vsa.result"),
        ("/verificationResult", json!("passed"), "vsa.result"),
        ("/verificationResult", json!(true), "vsa.result"),
        ("/verificationResult", Value::Null, "vsa.result"),
        ("/verifiedLevels/0", json!("SLSA_BUILD_LEVEL_2"), "vsa.level"),
        ("/verifiedLevels/0", json!("SLSA_SOURCE_LEVEL_3"), "vsa.level"),
        ("/verifiedLevels/1", json!("SLSA_SOURCE_LEVEL_0"), "vsa.level"),
        ("/verifiedLevels/2", Value::Null, "vsa.level"),
        ("/verifiedLevels", json!([]), "vsa.level"),
        ("/verifiedLevels", Value::Null, "vsa.level"),
        ("/verifiedLevels", json!("SLSA_BUILD_LEVEL_3"), "predicate.malformed"),
        ("/verifiedLevels", json!([3]), "predicate.malformed"),
        ("/dependencyLevels", Value::Null, "vsa.level"),
        ("/dependencyLevels/SLSA_BUILD_LEVEL_1", json!(1), "vsa.level"),
        ("/dependencyLevels/SLSA_BUILD_LEVEL_1", json!("0"), "vsa.level"),
        ("/dependencyLevels/UNEVALUATED", json!(1), "vsa.level"),
        ("/dependencyLevels/FAILED", json!(1), "vsa.level"),
    ] {
        let codes = check.codes(V1, &with(&summary(), pointer, value.clone()));
        assert_eq!(codes, [code], "{pointer} {value}");
    }
    let bare = held("vsa", json!({ "verifier": "https://verify.acme.test" }));
    for pointer in
        ["/policy", "/verifiedLevels", "/dependencyLevels", "/slsaVersion", "/inputAttestations"]
    {
        assert_eq!(bare.codes(V1, &with(&summary(), pointer, Value::Null)), [""; 0], "{pointer}");
    }
    let none = with(&summary(), "/dependencyLevels", json!({}));
    assert_eq!(check.codes(V1, &none), [""; 0], "no dependencies at all");
}

#[test]
fn a_resource_of_the_policy_takes_the_place_of_the_image() {
    let check = held(
        "vsa",
        json!({ "verifier": "**", "resource": ["https://acme.test/releases/*", "prod"] }),
    );
    for (uri, codes) in [
        ("https://acme.test/releases/app", vec![]),
        ("prod", vec![]),
        ("https://acme.test/releases/app/x", vec!["vsa.resource"]),
        ("ghcr.io/acme/app", vec!["vsa.resource"]),
        ("", vec!["vsa.resource"]),
    ] {
        assert_eq!(check.codes(V1, &with(&summary(), "/resourceUri", json!(uri))), codes, "{uri}");
    }
}

#[test]
fn other_types_and_shapes_never_pass() {
    let check = held("vsa", json!({ "verifier": "**" }));
    for (predicate_type, predicate) in [
        ("https://slsa.dev/verification_summary/v2", summary()),
        ("https://in-toto.io/attestation/svr/v0.1", summary()),
        (V0_2, summary()),
        (V1, older()),
        (V1, json!({})),
        (V1, Value::Null),
        (V1, json!([summary()])),
    ] {
        assert!(
            !check.codes(predicate_type, &predicate).is_empty(),
            "{predicate_type} {predicate}"
        );
    }
    assert_eq!(check.codes("https://acme.test/vsa", &summary()), ["predicate.unsupported"]);
    // The levels of SLSA v0.1 are not those of the build track.
    let build = held("vsa", json!({ "verifier": "**", "level": 1 }));
    assert_eq!(build.codes(V0_2, &older()), ["vsa.level"]);
}

#[test]
fn policies_are_read_by_parser_and_schema_alike() {
    are_accepted(
        "vsa",
        &[
            whole(),
            json!({ "verifier": ["a", "b"], "policy": ["x", "y"], "resource": "**", "levels": "SLSA_LEVEL_2" }),
            json!({ "verifier": "a", "policy": { "digest": POLICY } }),
        ],
    );
    let other = |pointer: &str, value: Value| with(&whole(), pointer, value);
    are_refused(
        "vsa",
        &[
            (json!({}), MISSING, ""),
            (json!("a"), VALUE, ""),
            (other("/verifier", Value::Null), MISSING, ""),
            (other("/verifier", json!("")), VALUE, "/verifier"),
            (other("/verifier", json!({ "id": "a" })), VALUE, "/verifier"),
            (other("/verifiers", json!("a")), UNKNOWN, "/verifiers"),
            (other("/resource", json!([])), VALUE, "/resource"),
            (other("/policy", json!({})), MISSING, "/policy"),
            (other("/policy/url", json!("x")), UNKNOWN, "/policy/url"),
            (other("/policy/digest", json!("sha256:00")), VALUE, "/policy/digest"),
            (other("/policy/digest", json!({ "sha256": "00" })), VALUE, "/policy/digest"),
            (other("/level", json!(4)), VALUE, "/level"),
            (other("/level", json!(0)), VALUE, "/level"),
            (other("/levels", json!([])), VALUE, "/levels"),
            (other("/levels", json!(3)), VALUE, "/levels"),
            (other("/levels", json!("SLSA_BUILD_3")), VALUE, "/levels"),
            (other("/levels", json!("SLSA_BUILD_LEVEL_")), VALUE, "/levels"),
            (other("/dependencyLevel", json!("2")), VALUE, "/dependencyLevel"),
        ],
    );
}
