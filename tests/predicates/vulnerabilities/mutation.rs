//! Every member of a report and of a VEX document, taken away or turned into something else.

use serde_json::{Value, json};

use super::setup::*;

/// Pointers to everything inside of a document.
fn pointers(document: &Value, at: &str, found: &mut Vec<String>) {
    let inside: Vec<(String, &Value)> = match document {
        Value::Object(members) => members.iter().map(|(name, v)| (name.clone(), v)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
        _ => Vec::new(),
    };
    for (name, value) in inside {
        let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        pointers(value, &at, found);
        found.push(at);
    }
}

fn all(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    pointers(document, "", &mut found);
    found
}

fn changed() -> [Option<Value>; 7] {
    [
        None,
        Some(Value::Null),
        Some(json!("")),
        Some(json!("x")),
        Some(json!(0)),
        Some(json!([])),
        Some(json!({})),
    ]
}

/// The places that hold what was found: who empties them has another report.
fn is_list_of_findings(pointer: &str) -> bool {
    let last = pointer.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap_or_default();
    let lists = ["Vulnerabilities", "matches", "results", "vulnerabilities"];
    lists.contains(&last) || pointer == "/scanner/result" || pointer == "/scanner/result/0"
}

#[test]
fn no_change_but_of_the_findings_themselves_makes_a_report_clean() {
    let check = setup(json!({ "allowUpTo": "high" }));
    let mut tried = 0;
    for (name, predicate_type, report) in kinds(Some("critical")) {
        assert!(!check.holds(predicate_type, &report), "{name}");
        for pointer in all(&report) {
            for value in changed() {
                let what = with(&report, &pointer, value.clone());
                // A list of packages in place of a report of these is another report.
                if is_list_of_findings(&pointer) && !matches!(value, Some(Value::Null)) {
                    continue;
                }
                tried += 1;
                let codes = check.codes(predicate_type, &what);
                assert!(!codes.is_empty(), "{name}: {pointer} {value:?}");
            }
        }
    }
    assert!(tried > 2000, "{tried}");
}

#[test]
fn a_null_in_place_of_what_was_found_is_no_clean_report() {
    let check = setup(json!({ "allowUpTo": "unknown" }));
    for (name, predicate_type, report) in kinds(Some("critical")) {
        let lists: Vec<_> = all(&report).into_iter().filter(|p| is_list_of_findings(p)).collect();
        assert!(!lists.is_empty(), "{name}");
        for pointer in lists {
            let codes = check.codes(predicate_type, &with(&report, &pointer, Some(Value::Null)));
            assert_eq!(codes, ["predicate.malformed"], "{name}: {pointer}");
        }
    }
}

/// Without any of its members a document that holds does not, but for those in `idle` and what is
/// inside of them.
fn rests_on_all_but(document: &Value, idle: &[&str], holds: impl Fn(&Value) -> bool) {
    assert!(holds(document));
    for pointer in all(document) {
        let is_idle = idle.contains(&pointer.as_str());
        assert_eq!(holds(&with(document, &pointer, None)), is_idle, "{pointer}");
    }
}

fn excuses(predicate_type: &str, document: &Value) -> bool {
    let check = setup(json!({ "allowUpTo": "low" })).vex(predicate_type, document.clone());
    check.holds(CUSTOM, &grype(vec![grype_finding("CVE-2026-1", "Critical")]))
}

#[test]
fn openvex_rests_on_every_member_that_makes_it_an_excuse() {
    let document = json!({
        "@context": OPENVEX,
        "@id": "https://acme.test/vex/1",
        "author": "security@acme.test",
        "version": 1,
        "timestamp": "2026-11-01T00:00:00Z",
        "statements": [{
            "vulnerability": { "name": "CVE-2026-1", "description": "x" },
            "products": [{
                "@id": format!("pkg:oci/app@{DIGEST}"),
                "subcomponents": [{ "@id": "pkg:deb/debian/curl@7.88.1-10" }],
            }],
            "status": "not_affected",
            "justification": "component_not_present",
            "status_notes": "x",
        }],
    });
    let idle = [
        "/@id",
        "/author",
        "/version",
        "/statements/0/vulnerability/description",
        "/statements/0/status_notes",
        // Without a product it is the subject of the attestation, without a part all of it.
        "/statements/0/products",
        "/statements/0/products/0/subcomponents",
        "/statements/0/products/0/subcomponents/0",
    ];
    rests_on_all_but(&document, &idle, |document| excuses(OPENVEX, document));
}

#[test]
fn cyclonedx_rests_on_every_member_that_makes_it_an_excuse() {
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "metadata": { "timestamp": "2026-11-01T00:00:00Z" },
        "components": [{
            "bom-ref": "curl", "name": "curl", "version": "7.88.1-10",
            "purl": "pkg:deb/debian/curl@7.88.1-10",
        }],
        "vulnerabilities": [{
            "id": "CVE-2026-1",
            "description": "x",
            "affects": [{ "ref": "curl", "versions": [{ "version": "7.88.1-10" }] }],
            "analysis": { "state": "not_affected", "justification": "code_not_present" },
        }],
    });
    let idle = [
        "/components/0/name",
        "/vulnerabilities/0/description",
        // Without them it is about all of the image, or any version.
        "/vulnerabilities/0/affects",
        "/vulnerabilities/0/affects/0",
        "/vulnerabilities/0/affects/0/versions",
        "/vulnerabilities/0/affects/0/versions/0",
    ];
    rests_on_all_but(&document, &idle, |document| excuses(CYCLONEDX, document));
}

#[test]
fn a_record_rests_on_its_scanner_and_the_date_of_its_database() {
    let check = setup(json!({
        "allowUpTo": "low",
        "scanners": [{ "name": "pkg:github/aquasecurity/trivy@*", "minVersion": "0.60" }],
        "databaseMaxAge": "2d",
    }));
    let mut record = in_toto(json!([in_toto_finding("CVE-2026-1", "low")]));
    record.as_object_mut().unwrap().remove("invocation");
    let idle = [
        // The package URL has it too.
        "/scanner/version",
        "/scanner/db/uri",
        "/scanner/db/version",
        "/scanner/result/0",
        "/scanner/result/0/severity/0/method",
        // Without a time of the scan it is that of the decision.
        "/metadata",
        "/metadata/scanStartedOn",
        "/metadata/scanFinishedOn",
    ];
    rests_on_all_but(&record, &idle, |record| check.codes(IN_TOTO_2, record).is_empty());
}
