//! From a layout to the decision: what `cosign attest` has signed, by either way of storing it.

use countersign::wire::Outcome;
use serde_json::{Value, json};

use crate::support;

/// The decision of a case of the corpora with more in its requirement: nothing where it is allowed,
/// else the reason.
fn denied(id: &str, fields: &Value) -> Option<&'static str> {
    let mut case = support::cases().into_iter().find(|case| case.id == id).unwrap();
    let pointer = "/spec/rules/0/require/attestation";
    let attestation = case.policy.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap();
    attestation.extend(fields.as_object().unwrap().clone());
    let (decision, _) = support::decide_case(&case).unwrap();
    let reason = decision.images[0].reason.as_ref().map(|reason| reason.code.as_str());
    assert_eq!(decision.outcome == Outcome::Allow, reason.is_none());
    reason
}

fn table(ids: &[&str], cases: &[(Value, Option<&str>)]) {
    for id in ids {
        for (fields, expected) in cases {
            assert_eq!(denied(id, fields), *expected, "{id} {fields}");
        }
    }
}

#[test]
fn signed_provenance_decides() {
    let generator = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v2.0.0";
    let with = |fields: Value| json!({ "provenance": fields });
    table(
        &[
            "attestation-a-att-slsaprovenance1",
            "attestation-b-sc-slsaprovenance1",
            "keyless-provenance",
        ],
        &[
            (with(json!({ "builder": generator, "level": 3 })), None),
            (with(json!({ "source": "git+https://github.com/acme/app" })), None),
            (
                with(
                    json!({ "source": "git+https://github.com/acme/app@refs/heads/main", "commit": "0123456789abcdef0123456789abcdef01234567" }),
                ),
                None,
            ),
            (
                with(json!({ "source": "git+https://github.com/evil/app" })),
                Some("provenance.source"),
            ),
            (
                with(json!({ "source": "git+https://github.com/acme/app@refs/heads/dev" })),
                Some("provenance.ref"),
            ),
            (with(json!({ "builder": "https://github.com/acme/**" })), Some("provenance.builder")),
            (with(json!({ "level": 3, "levels": { "**": 2 } })), Some("provenance.level")),
        ],
    );
    table(
        &["attestation-a-att-slsaprovenance"],
        &[
            (
                with(
                    json!({ "builder": "https://tekton.dev/chains/v2", "source": "github.com/acme/app" }),
                ),
                None,
            ),
            (with(json!({ "source": "github.com/evil/app" })), Some("provenance.source")),
            (with(json!({ "ref": "refs/heads/main" })), Some("provenance.ref")),
        ],
    );
    let aged = |age: &str| json!({ "maxAge": age, "provenance": { "builder": "**" } });
    let ids = ["attestation-a-att-slsaprovenance1", "attestation-a-att-slsaprovenance"];
    table(&ids, &[(aged("17h"), None), (aged("16h"), Some("attestation.stale"))]);
}

#[test]
fn signed_sboms_decide() {
    let with = |fields: Value| json!({ "maxAge": "30d", "sbom": fields });
    let package = json!({ "package": "pkg:deb/*/openssl", "versions": "<3.0.14" });
    table(
        &[
            "attestation-a-att-spdxjson",
            "attestation-a-att-cyclonedx",
            "attestation-b-sc-spdxjson",
            "attestation-b-sc-cyclonedx",
        ],
        &[
            (with(json!({})), None),
            (with(json!({ "minComponents": 2 })), Some("sbom.incomplete")),
            (with(json!({ "deny": { "packages": [package] } })), Some("sbom.denied")),
            (with(json!({ "deny": { "packages": ["log4j-core"], "licenses": ["AGPL-*"] } })), None),
            (with(json!({ "deny": { "licenses": ["Apache-2.0"] } })), Some("sbom.denied")),
            (
                with(
                    json!({ "allow": { "licenses": ["Apache-2.0"] }, "require": { "packages": ["openssl"], "fields": ["version", "purl", "license"] } }),
                ),
                None,
            ),
            (with(json!({ "require": { "packages": ["zlib"] } })), Some("sbom.required")),
        ],
    );
}

/// Cosign puts `custom` as a text into `Data`, with the time beside it.
#[test]
fn signed_approvals_decide() {
    let with = |fields: Value| json!({ "approvals": fields });
    let cases = [
        (with(json!({ "atLeast": 1, "approver": "/by", "when": { "/approved": true } })), None),
        (with(json!({ "atLeast": 1, "approver": "/by", "from": "*@acme.test" })), None),
        (
            with(json!({ "atLeast": 1, "approver": "/by", "from": "*@evil.test" })),
            Some("approvals.tooFew"),
        ),
        (
            with(json!({ "atLeast": 1, "approver": "/by", "when": { "/level": 4 } })),
            Some("approvals.tooFew"),
        ),
    ];
    table(&["attestation-a-att-custom", "attestation-a-att-gate", "attestation-b-sc-gate"], &cases);
    table(
        &["attestation-a-att-custom"],
        &[
            (json!({ "maxAge": "17m" }), None),
            (json!({ "maxAge": "16m" }), Some("attestation.stale")),
        ],
    );
    table(&["attestation-a-att-gate"], &[(json!({ "maxAge": "9w" }), Some("attestation.undated"))]);
}

#[test]
fn a_check_of_another_type_never_holds() {
    let ids = ["attestation-a-att-vuln", "attestation-a-att-openvex"];
    table(
        &ids,
        &[
            (json!({ "provenance": { "builder": "**" } }), Some("predicate.unsupported")),
            (json!({ "sbom": { "minComponents": 0 } }), Some("predicate.unsupported")),
            (json!({ "vsa": { "verifier": "**" } }), Some("predicate.unsupported")),
            (json!({ "approvals": { "atLeast": 1 } }), Some("approvals.tooFew")),
        ],
    );
}
