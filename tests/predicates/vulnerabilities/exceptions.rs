//! What a policy says of single vulnerabilities, and how verdicts name them.

use serde_json::{Value, json};

use super::setup::*;

/// The one finding of Grype, changed.
fn one(change: impl FnOnce(&mut Value)) -> Value {
    let mut finding = grype_finding("CVE-2026-1", "High");
    change(&mut finding);
    grype(vec![finding])
}

#[test]
fn what_is_denied_is_refused_whatever_else_is_said() {
    let everything = |deny: &str| {
        setup(json!({
            "allowUpTo": "unknown",
            "deny": [deny],
            "ignore": [{ "id": "CVE-2026-99", "until": "2030-01-01", "reason": "x" }],
            "onlyFixed": true,
            "fixedLeeway": "9w",
        }))
        .vex(
            OPENVEX,
            json!({
                "@context": OPENVEX, "timestamp": "2026-11-20T00:00:00Z", "statements": [
                    { "vulnerability": { "name": "CVE-2026-1" }, "status": "fixed" },
                ],
            }),
        )
    };
    let names = |id: &str, others: &[&str]| {
        one(|f| {
            f["vulnerability"]["id"] = json!(id);
            f["vulnerability"]["severity"] = json!("Low");
            let related: Vec<_> = others.iter().map(|id| json!({ "id": id })).collect();
            f["relatedVulnerabilities"] = json!(related);
            f["vulnerability"]["fix"] = json!({ "versions": [], "state": "not-fixed" });
        })
    };
    for (deny, report, refused) in [
        ("CVE-2026-1", names("CVE-2026-1", &[]), true),
        ("cve-2026-1", names("CVE-2026-1", &[]), true),
        ("CVE-2026-1", names(" cve-2026-1 ", &[]), true),
        ("CVE-2026-1", names("CVE-2026-11", &[]), false),
        ("CVE-2026-1", names("GHSA-aaaa-bbbb-cccc", &["CVE-2026-1"]), true),
        ("CVE-2026-1", names("ELSA-2026-1", &["CVE-2026-7", "CVE-2026-1"]), true),
        ("GHSA-aaaa-bbbb-cccc", names("CVE-2026-1", &["GHSA-AAAA-bbbb-cccc"]), true),
        ("CVE-2026-2", names("CVE-2026-1", &["GHSA-aaaa-bbbb-cccc"]), false),
    ] {
        assert_eq!(everything(deny).holds(CUSTOM, &report), !refused, "{deny} {report}");
    }
    let reasons = everything("CVE-2026-1").run(CUSTOM, &names("CVE-2026-1", &[])).unwrap_err();
    assert_eq!(reasons[0].expected.as_deref(), Some("any severity, and nothing of `deny`"));
    assert!(reasons[0].found.as_deref().unwrap().contains("denied by name"));
    let spaced = with(&trivy_finding("CVE-1", "LOW"), "/VendorIDs", Some(json!([" GHSA-a "])));
    assert!(!everything("GHSA-a").holds(CUSTOM, &trivy(vec![spaced])));
    let dsa = with(&trivy_finding("CVE-1", "LOW"), "/VendorIDs", Some(json!(["DSA-4884-1"])));
    assert!(!everything("DSA-4884-1").holds(CUSTOM, &trivy(vec![dsa])));
}

#[test]
fn what_is_ignored_is_ignored_by_name_in_its_package_and_for_a_while() {
    let purl = "pkg:deb/debian/curl";
    let aliases = |id: &str, others: &[&str]| {
        one(|f| {
            f["vulnerability"]["id"] = json!(id);
            f["relatedVulnerabilities"] = others.iter().map(|id| json!({ "id": id })).collect();
        })
    };
    for (id, package, report, holds) in [
        ("CVE-2026-1", None, one(|_| {}), true),
        ("cve-2026-1", None, one(|_| {}), true),
        ("CVE-2026-2", None, one(|_| {}), false),
        ("CVE-2026-1", Some("curl"), one(|_| {}), true),
        ("CVE-2026-1", Some("libcurl"), one(|_| {}), false),
        ("CVE-2026-1", Some(purl), one(|_| {}), true),
        ("CVE-2026-1", Some("pkg:deb/debian/curl@7.88.1-10"), one(|_| {}), true),
        ("CVE-2026-1", Some("pkg:deb/debian/curl@7.88.1-9"), one(|_| {}), false),
        ("CVE-2026-1", Some("pkg:deb/debian/curl?distro=debian-12"), one(|_| {}), true),
        ("CVE-2026-1", Some("pkg:deb/debian/curl?distro=debian-11"), one(|_| {}), false),
        ("CVE-2026-1", Some(purl), one(|f| f["artifact"]["purl"] = json!("")), false),
        ("CVE-2026-1", Some("curl"), one(|f| f["artifact"]["name"] = Value::Null), false),
        ("GHSA-aaaa-bbbb-cccc", None, aliases("CVE-2026-1", &["GHSA-aaaa-bbbb-cccc"]), true),
        ("CVE-2026-1", None, aliases("GHSA-aaaa-bbbb-cccc", &["CVE-2026-1"]), true),
        ("CVE-2026-1", None, aliases("ELSA-2026-1", &["CVE-2026-1", "CVE-2026-2"]), false),
        ("ELSA-2026-1", None, aliases("ELSA-2026-1", &["CVE-2026-1", "CVE-2026-2"]), true),
        ("DSA-1-1", None, aliases("CVE-2026-1", &["DSA-1-1"]), false),
    ] {
        let mut ignore = json!({ "id": id, "until": "2027-01-01", "reason": "not reachable" });
        if let Some(package) = package {
            ignore["package"] = json!(package);
        }
        let check = setup(json!({ "allowUpTo": "low", "ignore": [ignore] }));
        assert_eq!(check.holds(CUSTOM, &report), holds, "{id} {package:?}");
    }
}

#[test]
fn an_ignore_ends_at_its_moment_and_says_so() {
    for (until, now, holds) in [
        ("2026-11-21", "2026-11-20T23:59:59Z", true),
        ("2026-11-21", "2026-11-21T00:00:00Z", false),
        ("2026-11-21T03:00:01Z", NOW, true),
        ("2026-11-21T03:00:00Z", NOW, false),
        ("2026-11-21T04:30:00+01:00", NOW, true),
        ("2020-01-01", NOW, false),
    ] {
        let ignore = json!([{ "id": "CVE-2026-1", "until": until, "reason": "x" }]);
        let check = setup(json!({ "allowUpTo": "low", "ignore": ignore })).at(now);
        assert_eq!(check.holds(CUSTOM, &one(|_| {})), holds, "{until} {now}");
    }
    let ignore = json!([
        { "id": "CVE-2026-1", "until": "2026-11-20", "reason": "x" },
        { "id": "CVE-2026-1", "until": "2026-11-01", "reason": "x" },
    ]);
    let told = "the policy's `ignore` of `CVE-2026-1` has expired on 2026-11-20T00:00:00Z";
    let check = setup(json!({ "allowUpTo": "low", "ignore": ignore }));
    let reasons = check.run(CUSTOM, &one(|_| {})).unwrap_err();
    assert!(reasons[0].found.as_deref().unwrap().contains(told), "{reasons:?}");
    // Where something else lets it pass, the line of what was seen says it.
    let check = setup(json!({ "allowUpTo": "low", "ignore": ignore, "fixedLeeway": "30d" }));
    let seen = check.run(CUSTOM, &one(|_| {})).unwrap();
    assert!(seen.contains(told), "{seen}");
    let both = json!([ignore[0], { "id": "CVE-2026-1", "until": "2030-01-01", "reason": "x" }]);
    assert!(setup(json!({ "allowUpTo": "low", "ignore": both })).holds(CUSTOM, &one(|_| {})));
}

#[test]
fn what_the_scanner_suppresses_counts_where_the_policy_says_so() {
    let finding = || grype_finding("CVE-2026-1", "Critical");
    let by_grype = with(&grype(vec![]), "/ignoredMatches", Some(json!([finding()])));
    let modified = json!([
        { "Type": "vulnerability", "Status": "ignored", "Finding": trivy_finding("CVE-2026-1", "CRITICAL") },
        { "Type": "secret", "Status": "ignored", "Finding": { "RuleID": "x" } },
    ]);
    let by_trivy = with(&trivy(vec![]), "/Results/0/ExperimentalModifiedFindings", Some(modified));
    let suppressed = json!({ "ruleId": "CVE-2026-1", "suppressions": [{ "kind": "external" }] });
    let in_sarif = sarif(vec![sarif_rule("CVE-2026-1", "9.8", "CRITICAL")], vec![suppressed]);
    for report in [by_grype, by_trivy, in_sarif] {
        let seen = setup(json!({ "allowUpTo": "low" })).run(CUSTOM, &report).unwrap();
        assert!(seen.contains("no vulnerability; 1 suppressed by the scanner"), "{seen}");
        let counting = setup(json!({ "allowUpTo": "low", "countSuppressed": true }));
        assert!(!counting.holds(CUSTOM, &report), "{report}");
    }
}

#[test]
fn a_refusal_names_the_worst_few_whatever_their_order() {
    let mut findings: Vec<_> =
        (10..30).map(|n| grype_finding(&format!("CVE-{n}"), "Medium")).collect();
    findings.push(grype_finding("CVE-2", "Critical"));
    findings.push(grype_finding("CVE-1", "Unknown"));
    findings.push(grype_finding("CVE-3", "Low"));
    findings.push(grype_finding("CVE-4", "Low"));
    let check = setup(json!({ "allowUpTo": "low", "deny": ["CVE-3"] }));
    let reasons = check.run(CUSTOM, &grype(findings.clone())).unwrap_err();
    let in_curl = "in `curl` 7.88.1-10";
    let fixed = "fixed in 7.88.1-11";
    assert_eq!(
        reasons[0].found,
        Some(format!(
            "`CVE-3` {in_curl}: low, {fixed}, denied by name; `CVE-1` {in_curl}: unknown, {fixed}; \
             `CVE-2` {in_curl}: critical, {fixed}; `CVE-10` {in_curl}: medium, {fixed}; \
             `CVE-11` {in_curl}: medium, {fixed}; and 18 more"
        ))
    );
    assert_eq!(
        reasons[0].message,
        "the scan has 23 vulnerabilities that the policy does not allow"
    );
    let forward = reasons;
    findings.reverse();
    assert_eq!(check.run(CUSTOM, &grype(findings)).unwrap_err(), forward);
}

#[test]
fn all_that_is_wrong_is_told_and_what_was_found_first() {
    let check = setup(json!({
        "allowUpTo": "low", "scanners": ["trivy"], "databaseMaxAge": "1h",
    }));
    let codes = check.codes(CUSTOM, &one(|_| {}));
    assert_eq!(codes, ["vulnerability.found", "vulnerability.database", "vulnerability.scanner"]);
}

#[test]
fn texts_of_a_report_are_shown_short_and_in_one_line() {
    let report = one(|f| {
        f["vulnerability"]["id"] = json!(format!("CVE\u{1b}[2J\n{}", "x".repeat(5000)));
        f["artifact"]["name"] = json!("n\nn".repeat(5000));
        f["artifact"]["version"] = json!("\u{0}");
    });
    let reasons = setup(json!({ "allowUpTo": "low" })).run(CUSTOM, &report).unwrap_err();
    let found = reasons[0].found.as_deref().unwrap();
    assert!(found.len() < 500 && !found.chars().any(char::is_control), "{found}");
}

#[test]
fn what_was_seen_is_one_line() {
    let check = setup(json!({
        "allowUpTo": "low",
        "onlyFixed": true,
        "fixedLeeway": { "high": "30d" },
        "ignore": [{ "id": "CVE-2", "until": "2027-01-01", "reason": "x" }],
    }));
    let mut unfixed = grype_finding("CVE-4", "Critical");
    unfixed["vulnerability"]["fix"] = json!({ "versions": [], "state": "wont-fix" });
    let report = grype(vec![
        grype_finding("CVE-1", "Low"),
        grype_finding("CVE-2", "Critical"),
        grype_finding("CVE-3", "High"),
        unfixed,
    ]);
    assert_eq!(
        check.run(CUSTOM, &report).unwrap(),
        "`grype` 0.105.0: 4 vulnerabilities, at worst `critical`; 1 ignored by the policy (CVE-2); \
         1 without a fix; 1 with a fix that is recent",
    );
}
