//! CycloneDX documents that were verified as VEX.

use serde_json::{Value, json};

use super::setup::*;

/// A document that excuses the finding, changed.
fn document(change: &[(&str, Option<Value>)]) -> Value {
    let mut document = cyclonedx(vec![json!({
        "id": "CVE-2026-1",
        "affects": [{ "ref": "curl" }],
        "analysis": { "state": "not_affected", "justification": "code_not_reachable" },
    })]);
    for (pointer, value) in change {
        document = with(&document, pointer, value.clone());
    }
    document
}

fn excused(documents: Vec<Value>) -> bool {
    let mut check = setup(json!({ "allowUpTo": "low" }));
    for document in documents {
        check = check.vex(CYCLONEDX, document);
    }
    check.holds(CUSTOM, &grype(vec![grype_finding("CVE-2026-1", "Critical")]))
}

const ANALYSIS: &str = "/vulnerabilities/0/analysis";

#[test]
fn an_analysis_excuses_only_if_it_says_why() {
    for (analysis, expected) in [
        (json!({ "state": "not_affected", "justification": "code_not_reachable" }), true),
        (json!({ "state": "not_affected", "detail": "never called" }), true),
        (json!({ "state": "false_positive", "detail": "another curl" }), true),
        (json!({ "state": "resolved" }), true),
        (json!({ "state": "resolved_with_pedigree" }), true),
        (json!({ "state": "not_affected" }), false),
        (json!({ "state": "not_affected", "detail": "" }), false),
        (json!({ "state": "false_positive" }), false),
        (json!({ "state": "exploitable" }), false),
        (json!({ "state": "in_triage", "justification": "code_not_reachable" }), false),
        (json!({ "state": "fixed" }), false),
        (json!({ "detail": "x" }), false),
        (json!({}), false),
    ] {
        assert_eq!(
            excused(vec![document(&[(ANALYSIS, Some(analysis.clone()))])]),
            expected,
            "{analysis}"
        );
    }
    assert!(!excused(vec![document(&[(ANALYSIS, None)])]));
}

#[test]
fn references_are_followed_inside_of_the_image_and_nowhere_else() {
    let affects = "/vulnerabilities/0/affects";
    let one = |reference: &str| json!([{ "ref": reference }]);
    let serial = "3e671687-395b-41f5-a30f-a58921a69b79";
    let versions = |versions: Value| json!([{ "ref": "curl", "versions": versions }]);
    for (name, value, expected) in [
        ("the package", Some(one("curl")), true),
        ("the whole", Some(one("root")), true),
        ("the whole, by digest", Some(one(&format!("pkg:oci/app@{DIGEST}"))), true),
        ("nothing: the whole", None, true),
        ("an empty list", Some(json!([])), true),
        ("one of two", Some(json!([{ "ref": "bash" }, { "ref": "curl" }])), true),
        ("a link to this document", Some(one(&format!("urn:cdx:{serial}/1#curl"))), true),
        ("another package", Some(one("bash")), false),
        ("nowhere", Some(one("zlib")), false),
        ("another version of this document", Some(one(&format!("urn:cdx:{serial}/2#curl"))), false),
        (
            "another document",
            Some(one("urn:cdx:00000000-0000-4000-8000-000000000000/1#curl")),
            false,
        ),
        ("a package URL that no component has", Some(one("pkg:deb/debian/curl@7.88.1-10")), false),
        ("another image", Some(one(&format!("pkg:oci/app@{OTHER_DIGEST}"))), false),
        ("its version", Some(versions(json!([{ "version": "7.88.1-10" }]))), true),
        ("no versions", Some(versions(json!([]))), true),
        ("another version", Some(versions(json!([{ "version": "7.88.1-9" }]))), false),
        ("a range", Some(versions(json!([{ "range": "vers:deb/<8" }]))), false),
        (
            "a version of unknown status",
            Some(versions(json!([{ "version": "7.88.1-10", "status": "unknown" }]))),
            false,
        ),
    ] {
        assert_eq!(excused(vec![document(&[(affects, value)])]), expected, "{name}");
    }
    let of_root = json!([{ "ref": "root", "versions": [{ "version": "1" }] }]);
    assert!(!excused(vec![document(&[(affects, Some(of_root))])]), "which version the image is");
    let exploitable = [
        (affects, Some(versions(json!([{ "version": "7.88.1-9" }])))),
        (ANALYSIS, Some(json!({ "state": "exploitable" }))),
    ];
    assert!(!excused(vec![document(&[]), document(&exploitable)]), "bad news of any version");
    let twice = json!({ "bom-ref": "curl", "purl": "pkg:deb/debian/bash@5" });
    assert!(!excused(vec![document(&[("/components/1", Some(twice))])]), "two of one reference");
    assert!(!excused(vec![document(&[("/components/0/purl", None)])]), "no package URL");
}

#[test]
fn a_document_about_another_artifact_excuses_nothing() {
    let component = "/metadata/component";
    for (name, value, expected) in [
        ("no component: the subject", None, true),
        ("no digest: the subject", Some(json!({ "bom-ref": "root", "name": "app" })), true),
        (
            "its digest",
            Some(json!({ "name": "app", "purl": format!("pkg:oci/app@{DIGEST}") })),
            true,
        ),
        ("another version", Some(json!({ "name": "app", "version": OTHER_DIGEST })), false),
        (
            "another package URL",
            Some(json!({ "name": "app", "purl": format!("pkg:oci/app@{OTHER_DIGEST}") })),
            false,
        ),
        (
            "another hash",
            Some(json!({ "hashes": [{ "alg": "SHA-256", "content": &OTHER_DIGEST[7..] }] })),
            false,
        ),
        ("two that disagree", Some(json!({ "bom-ref": OTHER_DIGEST, "version": DIGEST })), false),
    ] {
        assert_eq!(excused(vec![document(&[(component, value)])]), expected, "{name}");
    }
}

#[test]
fn the_newest_analysis_counts_of_either_format() {
    let at = |state: &str, time: &str| {
        let analysis = json!({ "state": state, "detail": "x", "lastUpdated": time });
        document(&[(ANALYSIS, Some(analysis))])
    };
    let first_issued = json!({ "state": "resolved", "firstIssued": "2026-11-01T00:00:00Z" });
    let undated = [("/metadata/timestamp", None)];
    let openvex = |status: &str, time: &str| {
        json!({
            "@context": OPENVEX, "timestamp": time, "statements": [{
                "vulnerability": { "name": "CVE-2026-1" }, "status": status,
            }],
        })
    };
    let (old, new) = ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z");
    for (name, documents, expected) in [
        ("resolved after exploitable", vec![at("exploitable", old), at("resolved", new)], true),
        ("exploitable after resolved", vec![at("resolved", old), at("exploitable", new)], false),
        ("at once", vec![at("resolved", new), at("exploitable", new)], false),
        (
            "first issued",
            vec![document(&[(ANALYSIS, Some(first_issued))]), at("exploitable", new)],
            false,
        ),
        ("without a date", vec![document(&undated)], false),
        ("OpenVEX is newer and bad", vec![at("resolved", old), openvex("affected", new)], false),
        ("OpenVEX is newer and good", vec![at("exploitable", old), openvex("fixed", new)], true),
        ("OpenVEX is older", vec![at("exploitable", new), openvex("fixed", old)], false),
    ] {
        assert_eq!(excused(documents), expected, "{name}");
    }
}

#[test]
fn what_is_broken_excuses_nothing_and_an_sbom_says_nothing() {
    for (pointer, value) in [
        ("/specVersion", Some(json!("1.2"))),
        ("/vulnerabilities", Some(json!({}))),
        ("/vulnerabilities/0", Some(Value::Null)),
        ("/vulnerabilities/0/id", None),
        ("/vulnerabilities/0/affects/0", Some(json!("curl"))),
        ("/vulnerabilities/0/analysis", Some(json!("not_affected"))),
        ("/vulnerabilities/0/analysis/state", Some(json!(7))),
        ("/metadata/timestamp", Some(json!("x"))),
        ("/components", Some(json!("x"))),
    ] {
        assert!(!excused(vec![document(&[(pointer, value.clone())])]), "{pointer}");
        assert!(excused(vec![document(&[(pointer, value)]), document(&[])]), "{pointer}");
    }
    let sbom = document(&[("/vulnerabilities", None)]);
    assert!(!excused(vec![sbom.clone()]) && excused(vec![sbom, document(&[])]));
}

/// Its signer is trusted to scan; whom the policy trusts with VEX is another question.
#[test]
fn the_analysis_inside_of_a_report_counts_only_as_vex() {
    let finding = json!({
        "id": "CVE-2026-1",
        "ratings": [{ "severity": "critical" }],
        "affects": [{ "ref": "curl" }],
        "analysis": { "state": "not_affected", "justification": "code_not_reachable" },
    });
    let report = cyclonedx(vec![finding]);
    let check = setup(json!({ "allowUpTo": "low" }));
    assert!(!check.holds(CYCLONEDX, &report));
    assert!(check.vex(CYCLONEDX, report.clone()).holds(CYCLONEDX, &report));
}
