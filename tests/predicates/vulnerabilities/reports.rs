//! Each kind of report: clean, dirty, broken.

use serde_json::{Value, json};

use super::setup::*;

const MALFORMED: &str = "predicate.malformed";
const UNSUPPORTED: &str = "predicate.unsupported";

#[test]
fn a_clean_report_of_each_kind_holds() {
    for (name, predicate_type, report) in kinds(None) {
        let seen = setup(json!({ "allowUpTo": "none" })).run(predicate_type, &report);
        assert!(seen.as_ref().is_ok_and(|s| s.ends_with(": no vulnerability")), "{name}: {seen:?}");
    }
}

#[test]
fn what_each_kind_has_found_is_refused_above_the_bound_and_allowed_below() {
    for (severity, above, below) in
        [("critical", "high", "critical"), ("high", "medium", "high"), ("low", "none", "low")]
    {
        for (name, predicate_type, report) in kinds(Some(severity)) {
            let refused = setup(json!({ "allowUpTo": above })).run(predicate_type, &report);
            let reasons = refused.expect_err(name);
            assert_eq!(reasons.len(), 1, "{name}: {reasons:?}");
            let reason = &reasons[0];
            assert_eq!(reason.code.as_str(), "vulnerability.found", "{name}");
            assert_eq!(reason.expected, Some(format!("nothing above `{above}`")), "{name}");
            let found = reason.found.as_deref().unwrap();
            assert!(
                found.starts_with("`CVE-2026-1`") && found.contains(severity),
                "{name}: {found}"
            );
            assert!(setup(json!({ "allowUpTo": below })).holds(predicate_type, &report), "{name}");
        }
    }
}

#[test]
fn a_finding_says_where_it_is_and_what_fixes_it() {
    let check = setup(json!({ "allowUpTo": "none" }));
    for (predicate_type, report, expected) in [
        (
            CUSTOM,
            trivy(vec![trivy_finding("CVE-1", "HIGH")]),
            "`CVE-1` in `curl` 7.88.1-10: high, fixed in 7.88.1-11",
        ),
        (
            CUSTOM,
            grype(vec![grype_finding("CVE-1", "High")]),
            "`CVE-1` in `curl` 7.88.1-10: high, fixed in 7.88.1-11",
        ),
        (
            CYCLONEDX,
            cyclonedx(vec![cyclonedx_finding("CVE-1", "high")]),
            "`CVE-1` in `curl` 7.88.1-10: high",
        ),
        (
            CUSTOM,
            sarif(
                vec![sarif_rule("CVE-2026-1-libcurl", "7.5", "")],
                vec![json!({ "ruleId": "CVE-2026-1-libcurl" })],
            ),
            "`CVE-2026-1` in `libcurl`: high",
        ),
        (IN_TOTO_2, in_toto(json!([in_toto_finding("CVE-1", "high")])), "`CVE-1`: high"),
    ] {
        let reasons = check.run(predicate_type, &report).unwrap_err();
        assert_eq!(reasons[0].found.as_deref(), Some(expected));
    }
}

/// What breaks a report: a pointer, what comes there, and the code of what comes of it.
type Faults = Vec<(&'static str, Option<Value>, &'static str)>;

/// Of every kind: what breaks it, and how that is named.
#[test]
fn what_is_broken_is_never_clean() {
    let text = || json!("x");
    let kinds: Vec<(&str, Value, Faults)> = vec![
        (
            CUSTOM,
            trivy(vec![trivy_finding("CVE-1", "LOW")]),
            vec![
                ("", Some(Value::Null), MALFORMED),
                ("", Some(json!([])), MALFORMED),
                ("", Some(text()), MALFORMED),
                ("", Some(json!({})), UNSUPPORTED),
                ("/SchemaVersion", None, UNSUPPORTED),
                ("/SchemaVersion", Some(json!(1)), UNSUPPORTED),
                ("/SchemaVersion", Some(json!(3)), UNSUPPORTED),
                ("/SchemaVersion", Some(json!("2")), UNSUPPORTED),
                ("/SchemaVersion", Some(Value::Null), UNSUPPORTED),
                ("/matches", Some(json!([])), UNSUPPORTED),
                ("/Results", None, MALFORMED),
                ("/Results", Some(Value::Null), MALFORMED),
                ("/Results", Some(json!({})), MALFORMED),
                ("/Results", Some(json!([])), UNSUPPORTED),
                ("/Results/0", Some(Value::Null), MALFORMED),
                ("/Results/0", None, UNSUPPORTED),
                ("/Results/0/Vulnerabilities", Some(Value::Null), MALFORMED),
                ("/Results/0/Vulnerabilities", Some(json!({})), MALFORMED),
                ("/Results/0/Vulnerabilities/0", Some(Value::Null), MALFORMED),
                ("/Results/0/Vulnerabilities/0/VulnerabilityID", None, MALFORMED),
                ("/Results/0/Vulnerabilities/0/VulnerabilityID", Some(json!("")), MALFORMED),
                ("/Results/0/Vulnerabilities/0/VulnerabilityID", Some(json!(7)), MALFORMED),
                ("/Results/0/Vulnerabilities/0/Severity", Some(json!(7)), MALFORMED),
                ("/Results/0/Vulnerabilities/0/PublishedDate", Some(text()), MALFORMED),
                ("/Results/0/Vulnerabilities/0/FixedVersion", Some(json!(["x"])), MALFORMED),
                ("/CreatedAt", Some(text()), MALFORMED),
                ("/Trivy", Some(text()), MALFORMED),
            ],
        ),
        (
            CUSTOM,
            grype(vec![grype_finding("CVE-1", "Low")]),
            vec![
                ("/matches", None, UNSUPPORTED),
                ("/matches", Some(Value::Null), MALFORMED),
                ("/matches", Some(json!({})), MALFORMED),
                ("/matches/0", Some(Value::Null), MALFORMED),
                ("/matches/0/vulnerability", None, MALFORMED),
                ("/matches/0/vulnerability", Some(text()), MALFORMED),
                ("/matches/0/vulnerability/id", None, MALFORMED),
                ("/matches/0/vulnerability/fix", Some(text()), MALFORMED),
                ("/matches/0/vulnerability/fix/versions", Some(text()), MALFORMED),
                ("/matches/0/artifact", None, MALFORMED),
                ("/matches/0/relatedVulnerabilities", Some(json!([1])), MALFORMED),
                ("/descriptor", None, MALFORMED),
                ("/descriptor/name", None, MALFORMED),
                ("/descriptor/db", Some(text()), MALFORMED),
                ("/descriptor/db/status/built", Some(text()), MALFORMED),
                ("/ignoredMatches", Some(text()), MALFORMED),
                ("/runs", Some(json!([])), UNSUPPORTED),
            ],
        ),
        (
            CUSTOM,
            sarif(
                vec![sarif_rule("CVE-1", "2.0", "LOW")],
                vec![json!({ "ruleId": "CVE-1", "ruleIndex": 0 })],
            ),
            vec![
                ("/version", None, UNSUPPORTED),
                ("/version", Some(json!("2.2.0")), UNSUPPORTED),
                ("/runs", Some(Value::Null), MALFORMED),
                ("/runs", Some(json!([])), MALFORMED),
                ("/runs/0", Some(Value::Null), MALFORMED),
                ("/runs/0/tool", None, MALFORMED),
                ("/runs/0/tool/driver/name", None, MALFORMED),
                ("/runs/0/tool/driver/rules", Some(text()), MALFORMED),
                ("/runs/0/tool/driver/rules/0/id", None, MALFORMED),
                ("/runs/0/results", None, MALFORMED),
                ("/runs/0/results", Some(Value::Null), MALFORMED),
                ("/runs/0/results/0", Some(Value::Null), MALFORMED),
                ("/runs/0/results/0", Some(json!({})), MALFORMED),
                ("/runs/0/results/0", Some(json!({ "ruleIndex": 1 })), MALFORMED),
                ("/runs/0/invocations", Some(json!([{ "executionSuccessful": false }])), MALFORMED),
            ],
        ),
        (
            CYCLONEDX,
            cyclonedx(vec![cyclonedx_finding("CVE-1", "low")]),
            vec![
                ("/bomFormat", None, UNSUPPORTED),
                ("/bomFormat", Some(json!("SPDX")), UNSUPPORTED),
                ("/specVersion", None, UNSUPPORTED),
                ("/specVersion", Some(json!("1.3")), UNSUPPORTED),
                ("/specVersion", Some(json!("2.0")), UNSUPPORTED),
                ("/vulnerabilities", None, MALFORMED),
                ("/vulnerabilities", Some(Value::Null), MALFORMED),
                ("/vulnerabilities", Some(json!({})), MALFORMED),
                ("/vulnerabilities/0", Some(Value::Null), MALFORMED),
                ("/vulnerabilities/0/id", None, MALFORMED),
                ("/vulnerabilities/0/ratings", Some(text()), MALFORMED),
                ("/vulnerabilities/0/affects/0/ref", None, MALFORMED),
                ("/components", Some(text()), MALFORMED),
            ],
        ),
        (
            COSIGN,
            cosign(trivy(vec![trivy_finding("CVE-1", "LOW")])),
            vec![
                ("/scanner", None, UNSUPPORTED),
                ("/scanner", Some(Value::Null), MALFORMED),
                ("/scanner/result", None, MALFORMED),
                ("/scanner/result", Some(Value::Null), MALFORMED),
                ("/scanner/result", Some(json!([])), MALFORMED),
                ("/scanner/result", Some(json!([{ "id": "CVE-1" }])), MALFORMED),
                ("/scanner/result", Some(json!("{}")), MALFORMED),
                ("/scanner/result", Some(json!({})), UNSUPPORTED),
                ("/scanner/result", Some(json!({ "vulnerabilities": [] })), UNSUPPORTED),
                ("/scanner/result/Results", Some(Value::Null), MALFORMED),
                ("/scanner/uri", Some(json!(7)), MALFORMED),
                ("/scanner/db", Some(text()), MALFORMED),
                ("/scanner/db/lastUpdate", Some(text()), MALFORMED),
                ("/metadata/scanFinishedOn", Some(text()), MALFORMED),
                ("/matches", Some(json!([])), UNSUPPORTED),
            ],
        ),
        (
            IN_TOTO_2,
            in_toto(json!([in_toto_finding("CVE-1", "low")])),
            vec![
                ("/scanner/result", None, MALFORMED),
                ("/scanner/result", Some(Value::Null), MALFORMED),
                ("/scanner/result", Some(json!({})), UNSUPPORTED),
                ("/scanner/result", Some(json!({ "vulnerabilities": null })), MALFORMED),
                ("/scanner/result/0", Some(Value::Null), MALFORMED),
                ("/scanner/result/0/id", None, MALFORMED),
                ("/scanner/result/0/severity", Some(json!("low")), MALFORMED),
                ("/scanner/result/0/severity/0", Some(json!("low")), MALFORMED),
            ],
        ),
    ];
    let check = setup(json!({ "allowUpTo": "critical" }));
    for (predicate_type, report, faults) in kinds {
        assert!(check.holds(predicate_type, &report), "{report}");
        for (pointer, value, code) in faults {
            let broken = with(&report, pointer, value.clone());
            assert_eq!(check.codes(predicate_type, &broken), [code], "{pointer} {value:?}");
        }
    }
}

#[test]
fn what_says_nothing_of_a_scan_is_no_clean_report() {
    let check = setup(json!({ "allowUpTo": "critical" }));
    let no_packages = with(&trivy(vec![]), "/Results/0", None);
    assert_eq!(check.codes(CUSTOM, &no_packages), [UNSUPPORTED]);
    let without_list = with(&trivy(vec![]), "/Results/0/Vulnerabilities", None);
    assert!(check.holds(CUSTOM, &without_list), "Trivy leaves out an empty list");
    // Trivy writes an empty list into each SBOM.
    let tool = json!({ "components": [{ "name": "trivy", "version": "0.68.0" }] });
    let sbom = with(&cyclonedx(vec![]), "/metadata/tools", Some(tool.clone()));
    let reasons = check.run(CYCLONEDX, &sbom).unwrap_err();
    assert_eq!(reasons[0].code.as_str(), UNSUPPORTED);
    assert!(reasons[0].next.as_deref().unwrap().contains("cosign-vuln"));
    let scanned = cyclonedx(vec![cyclonedx_finding("CVE-1", "low")]);
    assert!(check.holds(CYCLONEDX, &with(&scanned, "/metadata/tools", Some(tool))));
    let harbor =
        json!({ "generated_at": "x", "scanner": { "name": "Trivy" }, "vulnerabilities": [] });
    assert_eq!(check.codes(CUSTOM, &harbor), [MALFORMED]);
    for (name, document) in [
        ("Clair", json!({ "manifest_hash": DIGEST, "vulnerabilities": {} })),
        ("OSV scanner", json!({ "results": [] })),
        ("SPDX", json!({ "spdxVersion": "SPDX-2.3", "packages": [] })),
        ("VEX", json!({ "@context": OPENVEX, "statements": [] })),
    ] {
        assert_eq!(check.codes(CUSTOM, &document), [UNSUPPORTED], "{name}");
    }
}

/// One finding of each kind, in the format's own words, and the rank that it gets.
#[test]
fn severities_are_read_as_each_format_writes_them() {
    let trivy = |severity: Value| {
        let finding = with(&trivy_finding("CVE-1", "LOW"), "/Severity", Some(severity));
        (CUSTOM, trivy(vec![finding]))
    };
    let grype = |severity: &str| (CUSTOM, grype(vec![grype_finding("CVE-1", severity)]));
    let bom = |ratings: Value| {
        let finding = with(&cyclonedx_finding("CVE-1", "low"), "/ratings", Some(ratings));
        (CYCLONEDX, cyclonedx(vec![finding]))
    };
    let list =
        |severity: Value| (IN_TOTO_2, in_toto(json!([{ "id": "CVE-1", "severity": severity }])));
    let rule = |properties: Value| {
        let rule = json!({ "id": "CVE-1", "properties": properties });
        (CUSTOM, sarif(vec![rule], vec![json!({ "ruleId": "CVE-1" })]))
    };
    for ((predicate_type, report), expected) in [
        (trivy(json!("CRITICAL")), "critical"),
        (trivy(json!("LOW")), "low"),
        (trivy(json!("UNKNOWN")), "unknown"),
        (trivy(json!("")), "unknown"),
        (trivy(Value::Null), "unknown"),
        (grype("Critical"), "critical"),
        (grype("Negligible"), "negligible"),
        (grype("Unknown"), "unknown"),
        (grype("Weird"), "unknown"),
        (bom(json!([])), "unknown"),
        (bom(Value::Null), "unknown"),
        (bom(json!([{ "severity": "info" }])), "negligible"),
        (bom(json!([{ "severity": "none" }])), "none"),
        (
            bom(json!([{ "severity": "low" }, { "severity": "high" }, { "severity": "unknown" }])),
            "high",
        ),
        (bom(json!([{ "score": 9.8, "method": "CVSSv31" }])), "critical"),
        (bom(json!([{ "score": 9.8, "method": "CVSSv31", "severity": "low" }])), "critical"),
        (bom(json!([{ "score": 0.97, "method": "EPSS" }])), "unknown"),
        (bom(json!([{ "score": 1.0, "method": "other" }])), "unknown"),
        (bom(json!([{ "score": 9.8 }])), "unknown"),
        (bom(json!([{ "score": "9.8", "method": "CVSSv3" }])), "unknown"),
        (
            list(
                json!([{ "method": "nvd", "score": "medium" }, { "method": "cvss_score", "score": "5.2" }]),
            ),
            "medium",
        ),
        (
            list(
                json!([{ "method": "cvss_score", "score": "9.1" }, { "method": "x", "score": "low" }]),
            ),
            "critical",
        ),
        (list(json!({ "method": "nvd", "score": "7.0" })), "high"),
        (list(json!([{ "method": "epss", "score": "0.5" }])), "unknown"),
        (list(json!([{ "method": "nvd", "score": "11" }])), "unknown"),
        (list(json!([{ "method": "nvd" }])), "unknown"),
        (list(json!([])), "unknown"),
        (list(Value::Null), "unknown"),
        (rule(json!({ "security-severity": "7.5" })), "high"),
        (rule(json!({ "security-severity": 7.5 })), "high"),
        (rule(json!({ "security-severity": "0.0" })), "unknown"),
        (
            rule(json!({ "security-severity": "0.0", "tags": ["vulnerability", "UNKNOWN"] })),
            "unknown",
        ),
        (rule(json!({ "security-severity": "5.0", "tags": ["CRITICAL"] })), "critical"),
        (rule(json!({ "tags": ["low"] })), "unknown"),
        (rule(json!({ "security-severity": "high" })), "unknown"),
        (rule(json!({})), "unknown"),
    ] {
        let seen = setup(json!({ "allowUpTo": "unknown" })).run(predicate_type, &report).unwrap();
        assert!(seen.ends_with(&format!(": 1 vulnerability, `{expected}`")), "{report}: {seen}");
    }
}

#[test]
fn results_of_sarif_are_taken_for_what_they_are() {
    let rules = vec![
        sarif_rule("CVE-1", "9.8", "CRITICAL"),
        json!({ "id": "S", "properties": { "tags": ["secret", "security", "CRITICAL"] } }),
        json!({ "id": "CVE-2", "properties": { "tags": ["secret", "vulnerability", "HIGH"] } }),
    ];
    for (result, holds) in [
        (json!({ "ruleId": "CVE-1" }), false),
        (json!({ "rule": { "id": "CVE-1" } }), false),
        (json!({ "rule": { "index": 0 } }), false),
        (json!({ "ruleIndex": 0 }), false),
        (json!({ "ruleId": "CVE-1", "kind": "fail" }), false),
        (json!({ "ruleId": "CVE-1", "kind": "open" }), false),
        (json!({ "ruleId": "CVE-1", "kind": "pass" }), true),
        (json!({ "ruleId": "CVE-1", "kind": "notApplicable" }), true),
        (json!({ "ruleId": "S" }), true),
        (json!({ "ruleId": "CVE-2" }), false),
        (json!({ "ruleId": "CVE-9" }), false),
        (json!({ "ruleId": "CVE-9", "properties": { "security-severity": "2.0" } }), true),
        (json!({ "ruleId": "CVE-1", "properties": { "security-severity": "2.0" } }), false),
        (json!({ "ruleId": "CVE-1", "suppressions": [] }), false),
        (json!({ "ruleId": "CVE-1", "suppressions": [{ "kind": "external" }] }), true),
        (json!({ "ruleId": "CVE-1", "suppressions": [{ "status": "accepted" }] }), true),
        (json!({ "ruleId": "CVE-1", "suppressions": [{ "status": "underReview" }] }), false),
        (json!({ "ruleId": "CVE-1", "suppressions": [{}, { "status": "rejected" }] }), false),
        (json!({ "ruleId": "CVE-1", "suppressions": [null] }), false),
    ] {
        let check = setup(json!({ "allowUpTo": "low" }));
        let report = sarif(rules.clone(), vec![result.clone()]);
        assert_eq!(check.holds(CUSTOM, &report), holds, "{result}");
    }
    let twice = vec![sarif_rule("CVE-1", "2.0", "LOW"), sarif_rule("CVE-1", "9.8", "CRITICAL")];
    let report = sarif(twice, vec![json!({ "ruleId": "CVE-1", "ruleIndex": 0 })]);
    assert!(!setup(json!({ "allowUpTo": "low" })).holds(CUSTOM, &report), "the worst rule counts");
    let plain = json!({ "id": "S" });
    let report = sarif(vec![rules[1].clone(), plain], vec![json!({ "ruleId": "S" })]);
    assert!(!setup(json!({ "allowUpTo": "low" })).holds(CUSTOM, &report), "one of them may be");
}

#[test]
fn every_run_result_and_component_is_looked_at() {
    let check = setup(json!({ "allowUpTo": "low" }));
    let mut two_runs = sarif(vec![], vec![]);
    let mut second = two_runs["runs"][0].clone();
    second["results"] = json!([{ "ruleId": "CVE-1" }]);
    two_runs["runs"].as_array_mut().unwrap().push(second);
    assert!(!check.holds(CUSTOM, &two_runs));
    let language =
        json!({ "Class": "lang-pkgs", "Vulnerabilities": [trivy_finding("CVE-1", "HIGH")] });
    let mut report = trivy(vec![]);
    report["Results"].as_array_mut().unwrap().push(language);
    assert!(!check.holds(CUSTOM, &report));
    let nested = json!({ "id": "CVE-1", "ratings": [{ "severity": "high" }], "affects": [
        { "ref": "inner" }, { "ref": "curl" }, { "ref": "nowhere" },
    ] });
    let mut bom = cyclonedx(vec![nested]);
    bom["components"][0]["components"] = json!([{ "bom-ref": "inner", "name": "libcurl" }]);
    let reasons = check.run(CYCLONEDX, &bom).unwrap_err();
    assert_eq!(
        reasons[0].found.as_deref(),
        Some(
            "`CVE-1` in `curl` 7.88.1-10: high; `CVE-1` in `libcurl`: high; `CVE-1` in `nowhere`: high"
        ),
    );
}

#[test]
fn v0_1_of_in_toto_is_read_as_its_text_its_example_and_its_proto_have_it() {
    let check = setup(json!({ "allowUpTo": "medium", "databaseMaxAge": "2d" }));
    let finding = |severity| in_toto_finding("CVE-1", severity);
    for (severity, holds) in [("medium", true), ("high", false)] {
        for result in [
            json!([finding(severity)]),
            json!([{ "vulnerability": finding(severity) }]),
            json!({ "vulnerabilities": [finding(severity)] }),
        ] {
            let record = in_toto(result);
            assert_eq!(check.holds(IN_TOTO_1, &record), holds, "{record}");
            // As ProtoJSON writes the longer names.
            let mut proto = record.clone();
            let database = proto["scanner"].as_object_mut().unwrap().remove("db").unwrap();
            proto["scanner"]["database"] = database;
            let metadata = proto.as_object_mut().unwrap().remove("metadata").unwrap();
            proto["scanMetadata"] = metadata;
            assert_eq!(check.holds(IN_TOTO_1, &proto), holds, "{proto}");
        }
    }
}
