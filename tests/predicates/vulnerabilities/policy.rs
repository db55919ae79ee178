//! What a policy may say, by the parser and by the published schema.
#![allow(clippy::disallowed_methods, reason = "the core reads no files; tests of it do")]

use jsonschema::Validator;
use serde_json::{Value, json};

use super::setup::{parse, with};

const AT: &str = "/spec/rules/0/require/attestation/vulnerabilities";
const MISSING: &str = "policy.missingField";
const UNKNOWN: &str = "policy.unknownField";
const VALUE: &str = "policy.invalidValue";

fn schema() -> Validator {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/policy.v1.schema.json");
    let mut schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let root = schema.as_object_mut().unwrap();
    for name in ["type", "properties", "required", "additionalProperties"] {
        root.remove(name);
    }
    root.insert("$ref".into(), json!("#/$defs/vulnerabilities"));
    jsonschema::validator_for(&schema).unwrap()
}

/// Every field.
fn whole() -> Value {
    json!({
        "allowUpTo": "medium",
        "scanners": ["trivy", { "name": "pkg:github/anchore/grype@*", "minVersion": "v0.80.1" }, { "name": "x" }],
        "databaseMaxAge": "48h",
        "deny": ["CVE-2021-44228", "openSUSE-SU-2020:0051-1"],
        "ignore": [
            { "id": "CVE-2026-1", "until": "2027-01-01", "reason": "not reachable" },
            { "id": "GHSA-aaaa-bbbb-cccc", "package": "curl", "until": "2027-01-01T12:00:00Z", "reason": "x" },
            { "id": "CVE-2026-1", "package": "pkg:deb/debian/curl", "until": "2027-01-01T12:00:00+01:00", "reason": "y" },
        ],
        "onlyFixed": true,
        "fixedLeeway": { "critical": "2d", "high": "2w", "unknown": "12h" },
        "countSuppressed": true,
        "vex": { "signedBy": { "any": ["key"] }, "maxAge": "30d" },
    })
}

#[test]
fn every_field_is_accepted_by_parser_and_schema() {
    let schema = schema();
    for fields in [
        whole(),
        json!({ "allowUpTo": "none" }),
        with(&whole(), "/fixedLeeway", Some(json!("14d"))),
        with(&whole(), "/onlyFixed", Some(json!(false))),
    ] {
        parse(&fields).unwrap_or_else(|errors| panic!("{errors:?}"));
        let errors: Vec<_> = schema.iter_errors(&fields).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    for severity in ["none", "negligible", "low", "medium", "high", "critical", "unknown"] {
        let fields = json!({ "allowUpTo": severity, "fixedLeeway": { severity: "1d" } });
        assert!(parse(&fields).is_ok() && schema.is_valid(&fields), "{severity}");
    }
}

#[test]
fn what_is_wrong_is_an_error_with_its_place() {
    let schema = schema();
    let table: &[(&str, Option<Value>, &str, &str, &str)] = &[
        ("", Some(json!("high")), VALUE, "", "expected an object, found a string"),
        ("/allowUpTo", None, MISSING, "", "`allowUpTo` is missing"),
        ("/allowUpTo", Some(json!("hihg")), VALUE, "/allowUpTo", "`hihg` is not one of"),
        ("/allowUpTo", Some(json!("High")), VALUE, "/allowUpTo", "`High` is not one of"),
        ("/allowUpTo", Some(json!(7)), VALUE, "/allowUpTo", "expected a string, found a number"),
        ("/allowUpTo", Some(Value::Null), VALUE, "/allowUpTo", "expected a string, found null"),
        (
            "/maxSeverity",
            Some(json!("low")),
            UNKNOWN,
            "/maxSeverity",
            "unknown field `maxSeverity`",
        ),
        ("/scanner", Some(json!("trivy")), UNKNOWN, "/scanner", "unknown field `scanner`"),
        ("/scanners", Some(json!("trivy")), VALUE, "/scanners", "expected a list, found a string"),
        ("/scanners", Some(json!([])), VALUE, "/scanners", "the list is empty"),
        ("/scanners/0", Some(json!("")), VALUE, "/scanners/0", "the text is empty"),
        ("/scanners/0", Some(json!(1)), VALUE, "/scanners/0", "expected an object, found a number"),
        ("/scanners/1/name", None, MISSING, "/scanners/1", "`name` is missing"),
        ("/scanners/1/version", Some(json!("1")), UNKNOWN, "/scanners/1/version", "unknown field"),
        (
            "/scanners/1/minVersion",
            Some(json!("newest")),
            VALUE,
            "/scanners/1/minVersion",
            "`newest` is not a version",
        ),
        (
            "/scanners/1/minVersion",
            Some(json!(1.2)),
            VALUE,
            "/scanners/1/minVersion",
            "expected a string",
        ),
        (
            "/databaseMaxAge",
            Some(json!("2 days")),
            VALUE,
            "/databaseMaxAge",
            "`2 days` is not a duration",
        ),
        ("/databaseMaxAge", Some(json!(2)), VALUE, "/databaseMaxAge", "expected a string"),
        ("/deny", Some(json!([])), VALUE, "/deny", "the list is empty"),
        (
            "/deny/0",
            Some(json!("CVE-2021-44228 ")),
            VALUE,
            "/deny/0",
            "is not the name of a vulnerability",
        ),
        ("/deny/0", Some(json!("CVE-*")), VALUE, "/deny/0", "is not the name of a vulnerability"),
        ("/deny/0", Some(json!("")), VALUE, "/deny/0", "the text is empty"),
        ("/ignore", Some(json!({})), VALUE, "/ignore", "expected a list, found an object"),
        ("/ignore/0", Some(json!("CVE-2026-1")), VALUE, "/ignore/0", "expected an object"),
        ("/ignore/0/id", None, MISSING, "/ignore/0", "`id` is missing"),
        ("/ignore/0/id", Some(json!("-")), VALUE, "/ignore/0/id", "is not the name"),
        ("/ignore/0/until", None, MISSING, "/ignore/0", "`until` is missing"),
        (
            "/ignore/0/until",
            Some(json!("2027-02-30")),
            VALUE,
            "/ignore/0/until",
            "`2027-02-30` is not a date",
        ),
        ("/ignore/0/until", Some(json!("never")), VALUE, "/ignore/0/until", "is not a date"),
        (
            "/ignore/0/until",
            Some(json!("2027-01-01 12:00:00Z")),
            VALUE,
            "/ignore/0/until",
            "is not a date",
        ),
        ("/ignore/0/reason", None, MISSING, "/ignore/0", "`reason` is missing"),
        ("/ignore/0/reason", Some(json!("")), VALUE, "/ignore/0/reason", "the text is empty"),
        ("/ignore/0/package", Some(json!("")), VALUE, "/ignore/0/package", "the text is empty"),
        (
            "/ignore/0/package",
            Some(json!("pkg:deb")),
            VALUE,
            "/ignore/0/package",
            "is not a package URL",
        ),
        (
            "/ignore/0/packages",
            Some(json!(["curl"])),
            UNKNOWN,
            "/ignore/0/packages",
            "unknown field",
        ),
        (
            "/onlyFixed",
            Some(json!("true")),
            VALUE,
            "/onlyFixed",
            "expected a boolean, found a string",
        ),
        (
            "/countSuppressed",
            Some(json!(1)),
            VALUE,
            "/countSuppressed",
            "expected a boolean, found a number",
        ),
        ("/fixedLeeway", Some(json!("14")), VALUE, "/fixedLeeway", "`14` is not a duration"),
        (
            "/fixedLeeway",
            Some(json!(14)),
            VALUE,
            "/fixedLeeway",
            "expected an object, found a number",
        ),
        (
            "/fixedLeeway/severe",
            Some(json!("1d")),
            UNKNOWN,
            "/fixedLeeway/severe",
            "unknown field `severe`",
        ),
        (
            "/fixedLeeway/high",
            Some(json!("0d")),
            VALUE,
            "/fixedLeeway/high",
            "`0d` is not a duration",
        ),
    ];
    for (pointer, value, code, at, message) in table {
        let fields = with(&whole(), pointer, value.clone());
        let errors = parse(&fields).expect_err(pointer);
        assert_eq!(errors.len(), 1, "{pointer} {value:?}: {errors:?}");
        let (found, path, said, _) = &errors[0];
        assert_eq!(
            (found.as_str(), path.as_str()),
            (*code, format!("{AT}{at}").as_str()),
            "{pointer}"
        );
        assert!(said.contains(message), "{pointer}: {said}");
        // Of dates and package URLs a schema knows the shape only.
        let beyond = ["2027-02-30", "pkg:deb"].map(|text| Some(json!(text))).contains(value);
        assert_eq!(schema.is_valid(&fields), beyond, "{pointer} {value:?}");
    }
}

#[test]
fn what_was_probably_meant_is_suggested() {
    for (pointer, value, suggestion) in [
        ("/scanner", json!(["trivy"]), "scanners"),
        ("/allowUpTo", json!("hihg"), "high"),
        ("/allowUpTo", json!("Critical"), "critical"),
        ("/allowupto", json!("low"), "allowUpTo"),
        ("/fixedLeeway/hihg", json!("1d"), "high"),
        ("/ignore/0/untill", json!("2027-01-01"), "until"),
    ] {
        let errors = parse(&with(&whole(), pointer, Some(value))).unwrap_err();
        assert_eq!(errors[0].3.as_deref(), Some(suggestion), "{pointer}");
    }
}

#[test]
fn nothing_waives_what_is_denied() {
    let fields = with(&whole(), "/ignore/0/id", Some(json!("cve-2021-44228")));
    let errors = parse(&fields).unwrap_err();
    assert_eq!(
        (errors[0].0.as_str(), errors[0].1.as_str()),
        (VALUE, format!("{AT}/ignore/0").as_str())
    );
    assert!(errors[0].2.contains("`CVE-2021-44228` stands in `deny`"), "{errors:?}");
}

#[test]
fn all_errors_are_told_at_once() {
    let errors = parse(&json!({
        "allowUpTo": "x", "deny": ["*"], "ignore": [{}], "scanners": [{ "minVersion": "x" }], "onlyFixed": 1,
    }));
    assert_eq!(errors.unwrap_err().len(), 8);
}
