//! Reports and VEX documents of 10 MB cost what they weigh.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::setup::*;

/// Each takes some tenths of a second; were everything in it compared with everything else, it would
/// be minutes.
const MOST: Duration = Duration::from_secs(6);

fn is_fast(name: &str, (check, predicate_type, report): (Setup, &str, Value)) {
    let vex: usize = check.vex.iter().map(|(_, vex)| vex.to_string().len()).sum();
    let bytes = report.to_string().len() + vex;
    assert!(bytes > 10_000_000, "{name}: {bytes}");
    let before = Instant::now();
    drop(check.run(predicate_type, &report));
    let took = before.elapsed();
    println!("{name}: {bytes} bytes in {took:?}");
    assert!(took < MOST, "{name}: {took:?}");
}

fn all_checks() -> Setup {
    let ignore: Vec<_> = (0..500)
        .map(|n| json!({ "id": format!("CVE-2020-{n}"), "until": "2027-01-01", "reason": "x" }))
        .collect();
    setup(json!({
        "allowUpTo": "low",
        "deny": ["CVE-2021-44228"],
        "ignore": ignore,
        "fixedLeeway": "2d",
        "onlyFixed": true,
        "scanners": ["*"],
        "databaseMaxAge": "9w",
    }))
}

#[test]
fn honest_reports_of_10_mb_cost_what_they_weigh() {
    let id = |n: usize| format!("CVE-2026-{n}");
    is_fast("trivy", {
        let count = 45_000;
        (all_checks(), CUSTOM, trivy((0..count).map(|n| trivy_finding(&id(n), "HIGH")).collect()))
    });
    is_fast("grype", {
        let count = 34_000;
        (all_checks(), CUSTOM, grype((0..count).map(|n| grype_finding(&id(n), "High")).collect()))
    });
    is_fast("sarif", {
        let count = 70_000;
        let rules = (0..count).map(|n| sarif_rule(&id(n), "7.5", "HIGH")).collect();
        let results = (0..count).map(|n| json!({ "ruleId": id(n), "ruleIndex": n })).collect();
        (all_checks(), CUSTOM, sarif(rules, results))
    });
    is_fast("cyclonedx", {
        let count = 130_000;
        let findings = (0..count).map(|n| cyclonedx_finding(&id(n), "high")).collect();
        (all_checks(), CYCLONEDX, cyclonedx(findings))
    });
    is_fast("in-toto", {
        let count = 150_000;
        let findings = (0..count).map(|n| in_toto_finding(&id(n), "high")).collect();
        (all_checks(), IN_TOTO_2, in_toto(Value::Array(findings)))
    });
}

/// What one part of a document multiplies with another part of it.
#[test]
fn hostile_reports_of_10_mb_cost_what_they_weigh() {
    is_fast("rules of one name", {
        let count = 90_000;
        let rules = (0..count).map(|_| sarif_rule("CVE-1", "7.5", "HIGH")).collect();
        let results = (0..count).map(|_| json!({ "ruleId": "CVE-1" })).collect();
        (all_checks(), CUSTOM, sarif(rules, results))
    });
    is_fast("names of a rule", {
        let count = 500_000;
        let names: Vec<_> = (0..count).map(|n| format!("CVE-{n}")).collect();
        let rule = json!({ "id": "CVE-1", "deprecatedIds": names });
        (all_checks(), CUSTOM, sarif(vec![rule], vec![json!({ "ruleId": "CVE-1" }); count]))
    });
    is_fast("names and places of a vulnerability", {
        let count = 400_000;
        let references: Vec<_> = (0..count).map(|n| json!({ "id": format!("X-{n}") })).collect();
        let affects: Vec<_> = (0..count).map(|_| json!({ "ref": "curl" })).collect();
        let one = json!({ "id": "CVE-1", "references": references, "affects": affects });
        (all_checks(), CYCLONEDX, cyclonedx(vec![one]))
    });
    is_fast("names of a finding", {
        let count = 500_000;
        let mut finding = grype_finding("ELSA-1", "High");
        finding["relatedVulnerabilities"] =
            (0..count).map(|n| json!({ "id": format!("CVE-2026-{n}") })).collect();
        (all_checks(), CUSTOM, grype(vec![finding]))
    });
    is_fast("stars and slashes", {
        let count = 10_000_000;
        let report =
            with(&grype(vec![]), "/descriptor/name", Some(json!("a/b@c".repeat(count / 5))));
        let scanners = json!({ "allowUpTo": "low", "scanners": ["**a*a/**/b*@c*z"] });
        (setup(scanners), CUSTOM, report)
    });
}

#[test]
fn vex_of_10_mb_costs_what_it_weighs() {
    let document = |statements: Vec<Value>| json!({ "@context": OPENVEX, "timestamp": "2026-11-01T00:00:00Z", "statements": statements });
    let excuse = |name: String, purl: String| {
        json!({
            "vulnerability": { "name": name },
            "products": [{ "@id": DIGEST, "subcomponents": [{ "@id": purl }] }],
            "status": "fixed",
        })
    };
    let report = |count: usize, id: fn(usize) -> String, purl: fn(usize) -> String| {
        let finding = |n| {
            let mut finding = trivy_finding(&id(n), "HIGH");
            finding["PkgIdentifier"]["PURL"] = json!(purl(n));
            finding
        };
        trivy((0..count).map(finding).collect())
    };
    type Name = fn(usize) -> String;
    let cases: [(&str, Name, Name); 4] = [
        ("distinct", |n| format!("CVE-2026-{n}"), |n| format!("pkg:deb/debian/p{n}@1")),
        ("one vulnerability", |_| "CVE-1".to_owned(), |n| format!("pkg:deb/debian/p{n}@1")),
        ("one package", |_| "CVE-1".to_owned(), |n| format!("pkg:deb/debian/p@{n}")),
        ("one version", |_| "CVE-1".to_owned(), |n| format!("pkg:deb/debian/p@1?arch={n}")),
    ];
    for (name, id, purl) in cases {
        is_fast(name, {
            let count = 26_000;
            let vex = document((0..count).map(|n| excuse(id(n), purl(n))).collect());
            let check = setup(json!({ "allowUpTo": "low" })).vex(OPENVEX, vex);
            (check, CUSTOM, report(count, id, purl))
        });
    }
    is_fast("names and products of a statement", {
        let count = 200_000;
        let names: Vec<_> = (0..count).map(|n| format!("CVE-2026-{n}")).collect();
        let products: Vec<_> = (0..count).map(|_| json!(DIGEST)).collect();
        let one = json!({
            "vulnerability": { "name": "CVE-1", "aliases": names },
            "products": products,
            "status": "fixed",
        });
        let check = setup(json!({ "allowUpTo": "low" })).vex(OPENVEX, document(vec![one]));
        (check, CUSTOM, report(10, |n| format!("CVE-{n}"), |_| "pkg:deb/debian/p@1".to_owned()))
    });
}

#[test]
fn more_vex_than_is_read_excuses_nothing() {
    let statements = |count: usize| {
        let names: Vec<_> = (0..count).map(|n| format!("CVE-2020-{n}")).collect();
        json!({ "@context": OPENVEX, "timestamp": "2026-11-01T00:00:00Z", "statements": [
            { "vulnerability": { "name": "CVE-2026-1", "aliases": names }, "status": "fixed" },
        ] })
    };
    let report = grype(vec![grype_finding("CVE-2026-1", "High")]);
    let check = |count| setup(json!({ "allowUpTo": "low" })).vex(OPENVEX, statements(count));
    assert!(check((1 << 18) - 1).holds(CUSTOM, &report));
    assert!(!check(1 << 18).holds(CUSTOM, &report));
}
