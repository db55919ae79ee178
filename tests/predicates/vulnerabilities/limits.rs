//! What a policy asks of a report: bound, scanner, database, exceptions.

use serde_json::{Value, json};

use super::setup::*;

const SEVERITIES: [&str; 7] =
    ["none", "negligible", "low", "medium", "high", "critical", "unknown"];

/// The one finding of Grype, changed.
fn one(change: impl FnOnce(&mut Value)) -> Value {
    let mut finding = grype_finding("CVE-2026-1", "High");
    change(&mut finding);
    grype(vec![finding])
}

#[test]
fn what_is_worse_than_the_bound_is_refused_and_unknown_is_worst() {
    for (rank, bound) in SEVERITIES.iter().enumerate() {
        let check = setup(json!({ "allowUpTo": bound }));
        for (found, severity) in SEVERITIES.iter().enumerate() {
            let report = grype(vec![grype_finding("CVE-1", severity)]);
            assert_eq!(check.holds(CUSTOM, &report), found <= rank, "{severity} up to {bound}");
        }
    }
}

#[test]
fn the_scanner_is_one_of_the_policys() {
    let named = |uri: Value, version: Value| {
        let report = with(&cosign(grype(vec![])), "/scanner/uri", Some(uri));
        with(&report, "/scanner/version", Some(version))
    };
    let own = || named(json!("https://ci.acme.test/scan"), json!("7"));
    for (scanners, predicate_type, report, accepted) in [
        (json!(["trivy"]), CUSTOM, trivy(vec![]), true),
        (json!(["TRIVY"]), CUSTOM, trivy(vec![]), true),
        (json!(["grype"]), CUSTOM, trivy(vec![]), false),
        (json!(["grype", "trivy"]), CUSTOM, trivy(vec![]), true),
        (json!(["grype"]), CUSTOM, grype(vec![]), true),
        (json!(["Trivy"]), CUSTOM, sarif(vec![], vec![]), true),
        (json!(["grype"]), CYCLONEDX, cyclonedx(vec![]), true),
        (json!(["syft"]), CYCLONEDX, cyclonedx(vec![]), false),
        (json!(["trivy"]), IN_TOTO_2, in_toto(json!([])), true),
        (json!(["pkg:github/aquasecurity/trivy@*"]), IN_TOTO_2, in_toto(json!([])), true),
        (json!(["pkg:github/acme/trivy@*"]), IN_TOTO_2, in_toto(json!([])), false),
        (json!(["https://ci.acme.test/**"]), COSIGN, own(), true),
        (json!(["grype"]), COSIGN, own(), true),
        (json!(["trivy"]), COSIGN, own(), false),
        (json!(["trivy"]), IN_TOTO_2, with(&in_toto(json!([])), "/scanner/uri", None), false),
        (json!([{ "name": "trivy", "minVersion": "0.68" }]), CUSTOM, trivy(vec![]), true),
        (json!([{ "name": "trivy", "minVersion": "v0.68.1" }]), CUSTOM, trivy(vec![]), false),
        (json!([{ "name": "trivy" }]), CUSTOM, trivy(vec![]), true),
        (
            json!([{ "name": "trivy", "minVersion": "0.1" }]),
            CUSTOM,
            with(&trivy(vec![]), "/Trivy", None),
            false,
        ),
        (
            json!([{ "name": "grype", "minVersion": "0.106" }, "https://ci.acme.test/scan"]),
            COSIGN,
            own(),
            true,
        ),
    ] {
        let check = setup(json!({ "allowUpTo": "critical", "scanners": scanners }));
        let codes = check.codes(predicate_type, &report);
        let expected: &[&str] = if accepted { &[] } else { &["vulnerability.scanner"] };
        assert_eq!(codes, expected, "{scanners} {report}");
    }
    let check = setup(json!({
        "allowUpTo": "critical", "scanners": ["grype", { "name": "trivy", "minVersion": "1.0" }],
    }));
    let reasons = check.run(CUSTOM, &trivy(vec![])).unwrap_err();
    assert_eq!(reasons[0].expected.as_deref(), Some("`grype` or `trivy` 1.0 or newer"));
    assert_eq!(reasons[0].found.as_deref(), Some("`trivy` 0.68.0"));
}

#[test]
fn the_database_was_recent_at_the_scan() {
    let status = "/descriptor/db/status/built";
    let fifth =
        with(&grype(vec![]), "/descriptor/db", Some(json!({ "built": "2026-11-19T08:00:00Z" })));
    let older = |pointer: &str, built: &str| with(&grype(vec![]), pointer, Some(json!(built)));
    let update =
        |text: &str| with(&cosign(grype(vec![])), "/scanner/db/lastUpdate", Some(json!(text)));
    let scanned = |text: &str| with(&grype(vec![]), "/descriptor/timestamp", Some(json!(text)));
    for (name, predicate_type, report, holds) in [
        ("a day old", CUSTOM, grype(vec![]), true),
        ("to the second", CUSTOM, older(status, "2026-11-18T09:00:00Z"), true),
        ("a second too old", CUSTOM, older(status, "2026-11-18T08:59:59Z"), false),
        ("never made", CUSTOM, older(status, "0001-01-01T00:00:00Z"), false),
        ("of the fifth schema", CUSTOM, fifth, true),
        ("without a date", CUSTOM, with(&grype(vec![]), status, None), false),
        ("an empty date", CUSTOM, older(status, ""), false),
        ("without a database", CUSTOM, with(&grype(vec![]), "/descriptor/db", None), false),
        ("made after the scan", CUSTOM, older(status, "2026-11-20T09:05:01Z"), false),
        ("clocks that differ", CUSTOM, older(status, "2026-11-20T09:05:00Z"), true),
        ("a later scan", CUSTOM, scanned("2026-11-21T08:00:00Z"), true),
        ("scanned too late", CUSTOM, scanned("2026-11-21T08:00:01Z"), false),
        ("Trivy does not say", CUSTOM, trivy(vec![]), false),
        ("SARIF cannot say", CUSTOM, sarif(vec![], vec![]), false),
        ("CycloneDX cannot say", CYCLONEDX, cyclonedx(vec![]), false),
        ("the record says", COSIGN, cosign(trivy(vec![])), true),
        ("the record without it", COSIGN, with(&cosign(trivy(vec![])), "/scanner/db", None), false),
        ("the older of two counts", COSIGN, update("2026-11-10T08:00:00Z"), false),
        ("the older of two counts, again", COSIGN, update("2026-11-20T08:00:00Z"), true),
        ("in-toto", IN_TOTO_2, in_toto(json!([])), true),
        ("the later scan of two counts", COSIGN, cosign(scanned("2026-11-21T08:00:01Z")), false),
        (
            "the later scan of two counts, again",
            COSIGN,
            with(
                &cosign(grype(vec![])),
                "/metadata/scanFinishedOn",
                Some(json!("2026-11-21T08:00:01Z")),
            ),
            false,
        ),
    ] {
        let check = setup(json!({ "allowUpTo": "critical", "databaseMaxAge": "2d" }));
        let expected: &[&str] = if holds { &[] } else { &["vulnerability.database"] };
        assert_eq!(check.codes(predicate_type, &report), expected, "{name}");
        assert!(setup(json!({ "allowUpTo": "critical" })).holds(predicate_type, &report), "{name}");
    }
}

#[test]
fn without_a_time_of_the_scan_it_is_that_of_the_attestation_or_the_decision() {
    let undated = with(&grype(vec![]), "/descriptor/timestamp", None);
    let fields = json!({ "allowUpTo": "critical", "databaseMaxAge": "2d" });
    // The database is of 2026-11-19T08:00:00Z.
    for (made, now, holds) in [
        (None, "2026-11-21T08:00:00Z", true),
        (None, "2026-11-21T08:00:01Z", false),
        (Some("2026-11-20T00:00:00Z"), "2026-12-24T00:00:00Z", true),
        (Some("2026-11-21T08:00:01Z"), "2026-12-24T00:00:00Z", false),
    ] {
        let check = setup(fields.clone()).at(now);
        let check = if let Some(made) = made { check.made(made) } else { check };
        assert_eq!(check.codes(CUSTOM, &undated).is_empty(), holds, "{made:?} {now}");
    }
}

#[test]
fn only_what_has_a_fix_may_count() {
    let fix = |fix: Value| one(|f| f["vulnerability"]["fix"] = fix);
    let check = setup(json!({ "allowUpTo": "low", "onlyFixed": true }));
    let trivy_without = |fixed: Value| {
        trivy(vec![with(&trivy_finding("CVE-1", "HIGH"), "/FixedVersion", Some(fixed))])
    };
    for (name, predicate_type, report, holds) in [
        ("a version", CUSTOM, fix(json!({ "versions": ["1"], "state": "fixed" })), false),
        ("fixed somewhere", CUSTOM, fix(json!({ "versions": [], "state": "fixed" })), false),
        (
            "a version, whatever the state",
            CUSTOM,
            fix(json!({ "versions": ["1"], "state": "unknown" })),
            false,
        ),
        ("not fixed", CUSTOM, fix(json!({ "versions": [], "state": "not-fixed" })), true),
        ("will not be", CUSTOM, fix(json!({ "versions": [], "state": "wont-fix" })), true),
        ("none known", CUSTOM, fix(json!({ "versions": [], "state": "unknown" })), true),
        (
            "a state that nobody knows",
            CUSTOM,
            fix(json!({ "versions": [], "state": "maybe" })),
            false,
        ),
        (
            "nothing said",
            CUSTOM,
            one(|f| {
                f["vulnerability"]["fix"] = Value::Null;
            }),
            false,
        ),
        ("Trivy with one", CUSTOM, trivy_without(json!("1")), false),
        ("Trivy with an empty one", CUSTOM, trivy_without(json!("")), true),
        ("Trivy without", CUSTOM, trivy_without(Value::Null), true),
        (
            "SARIF cannot say",
            CUSTOM,
            sarif(vec![sarif_rule("CVE-1", "7.5", "HIGH")], vec![json!({ "ruleId": "CVE-1" })]),
            false,
        ),
        (
            "CycloneDX cannot say",
            CYCLONEDX,
            cyclonedx(vec![cyclonedx_finding("CVE-1", "high")]),
            false,
        ),
        (
            "in-toto cannot say",
            IN_TOTO_2,
            in_toto(json!([in_toto_finding("CVE-1", "high")])),
            false,
        ),
    ] {
        assert_eq!(check.holds(predicate_type, &report), holds, "{name}");
    }
    let without = setup(json!({ "allowUpTo": "low", "onlyFixed": false }));
    assert!(!without.holds(CUSTOM, &trivy_without(Value::Null)));
}

#[test]
fn a_recent_fix_may_wait_and_an_unknown_date_does_not() {
    let available = |dates: Value| one(|f| f["vulnerability"]["fix"]["available"] = dates);
    let published = |date: Value| {
        trivy(vec![with(&trivy_finding("CVE-1", "HIGH"), "/PublishedDate", Some(date))])
    };
    let severe = |severity: &str| one(|f| f["vulnerability"]["severity"] = json!(severity));
    for (name, leeway, report, holds) in [
        ("of three weeks", json!("21d"), one(|_| {}), true),
        // The fix is of 2026-11-01, 20 days and 3 hours ago.
        ("to the second", json!("1738801s"), one(|_| {}), true),
        ("a second later", json!("1738800s"), one(|_| {}), false),
        ("of two weeks", json!("2w"), one(|_| {}), false),
        (
            "the first of two",
            json!("2w"),
            available(json!([{ "date": "2026-11-20" }, { "date": "2026-11-01" }])),
            false,
        ),
        (
            "both recent",
            json!("2w"),
            available(json!([{ "date": "2026-11-20" }, { "date": "2026-11-19" }])),
            true,
        ),
        (
            "one without a date",
            json!("2w"),
            available(json!([{ "date": "2026-11-20" }, {}])),
            false,
        ),
        ("a date that is none", json!("2w"), available(json!([{ "date": "yesterday" }])), false),
        ("no date", json!("2w"), available(json!([])), false),
        ("a date to come", json!("2w"), available(json!([{ "date": "2026-11-22" }])), false),
        (
            "no fix",
            json!("2w"),
            one(
                |f| f["vulnerability"]["fix"] = json!({ "versions": [], "state": "not-fixed", "available": [{ "date": "2026-11-20" }] }),
            ),
            false,
        ),
        ("published, of Trivy", json!("2w"), published(json!("2026-11-20T10:15:00Z")), true),
        ("published long ago", json!("2w"), published(json!("2021-11-20T10:15:00Z")), false),
        ("not dated", json!("2w"), published(Value::Null), false),
        ("by severity", json!({ "high": "30d" }), severe("High"), true),
        ("of another severity", json!({ "high": "30d" }), severe("Critical"), false),
        ("of each severity", json!({ "high": "30d", "critical": "2d" }), severe("Critical"), false),
        ("of unknown severity", json!({ "unknown": "30d" }), severe("?"), true),
    ] {
        let check = setup(json!({ "allowUpTo": "low", "fixedLeeway": leeway }));
        assert_eq!(check.holds(CUSTOM, &report), holds, "{name}");
    }
    let bom = cyclonedx(vec![with(
        &cyclonedx_finding("CVE-1", "high"),
        "/published",
        Some(json!("2026-11-20T00:00:00Z")),
    )]);
    assert!(!setup(json!({ "allowUpTo": "low", "fixedLeeway": "2w" })).holds(CYCLONEDX, &bom));
}
