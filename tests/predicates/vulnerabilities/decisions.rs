//! From a layout to the decision: what `cosign attest --type vuln` has signed.

use countersign::wire::Outcome;
use serde_json::{Value, json};

use crate::support;

/// The decision of a case of the corpora with a check in its requirement, and its reasons.
fn decide(fields: &Value) -> (Outcome, Vec<&'static str>, String) {
    let mut case = support::cases().into_iter().find(|c| c.id == "attestation-b-sc-vuln").unwrap();
    let pointer = "/spec/rules/0/require/attestation";
    let attestation = case.policy.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap();
    attestation.insert("maxAge".into(), json!("7d"));
    attestation.insert("vulnerabilities".into(), fields.clone());
    let (decision, _) = support::decide_case(&case).unwrap();
    let image = &decision.images[0];
    let codes = image.reason.iter().map(|reason| reason.code.as_str()).collect();
    (decision.outcome, codes, serde_json::to_string(&image.explanation).unwrap())
}

/// Its scan has an openssl with a high and a zlib with a critical vulnerability, and no fixes.
#[test]
fn a_signed_scan_decides_about_an_image() {
    let (outcome, codes, explained) = decide(&json!({ "allowUpTo": "critical" }));
    assert_eq!((outcome, codes), (Outcome::Allow, vec![]));
    assert!(explained.contains("2 vulnerabilities, at worst `critical`"), "{explained}");
    let (outcome, codes, explained) = decide(&json!({ "allowUpTo": "high" }));
    assert_eq!((outcome, codes), (Outcome::Deny, vec!["vulnerability.found"]));
    assert!(explained.contains("`CVE-2026-0002` in `zlib`: critical"), "{explained}");
    let ignored = json!([{ "id": "CVE-2026-0002", "until": "2026-12-01", "reason": "x" }]);
    let (outcome, ..) = decide(&json!({ "allowUpTo": "high", "ignore": ignored }));
    assert_eq!(outcome, Outcome::Allow);
    let (outcome, ..) = decide(&json!({ "allowUpTo": "none", "onlyFixed": true }));
    assert_eq!(outcome, Outcome::Allow);
    let (outcome, codes, _) = decide(&json!({ "allowUpTo": "critical", "databaseMaxAge": "9w" }));
    assert_eq!((outcome, codes), (Outcome::Deny, vec!["vulnerability.database"]));
    let scanner = json!([{ "name": "trivy", "minVersion": "0.61" }]);
    let (outcome, codes, _) = decide(&json!({ "allowUpTo": "critical", "scanners": scanner }));
    assert_eq!((outcome, codes), (Outcome::Deny, vec!["vulnerability.scanner"]));
}
