//! OpenVEX documents that were verified: which of them excuse a finding.

use serde_json::{Value, json};

use super::setup::*;

const OLD: &str = "2026-11-01T00:00:00Z";
const NEW: &str = "2026-11-10T00:00:00Z";

fn document(statements: Vec<Value>) -> Value {
    json!({
        "@context": OPENVEX,
        "@id": "https://acme.test/vex/1",
        "author": "security@acme.test",
        "timestamp": OLD,
        "version": 1,
        "statements": statements,
    })
}

/// A statement that excuses the finding, changed.
fn statement(change: Value) -> Value {
    let mut statement = json!({
        "vulnerability": { "name": "CVE-2026-1" },
        "products": [{ "@id": format!("pkg:oci/app@{DIGEST}?repository_url=ghcr.io/acme/app") }],
        "status": "not_affected",
        "justification": "vulnerable_code_not_in_execute_path",
    });
    for (name, value) in change.as_object().unwrap() {
        statement[name] = value.clone();
    }
    statement
}

fn without(names: &[&str], change: Value) -> Value {
    let mut statement = statement(change);
    for name in names {
        statement.as_object_mut().unwrap().remove(*name);
    }
    statement
}

fn finding() -> Value {
    grype_finding("CVE-2026-1", "Critical")
}

fn holds_with(documents: Vec<Value>, finding: Value) -> bool {
    let mut check = setup(json!({ "allowUpTo": "low" }));
    for document in documents {
        check = check.vex(OPENVEX, document);
    }
    check.holds(CUSTOM, &grype(vec![finding]))
}

fn excused(statements: Vec<Value>) -> bool {
    holds_with(vec![document(statements)], finding())
}

#[test]
fn without_vex_nothing_is_excused_and_with_it_the_verdict_says_so() {
    assert!(!holds_with(vec![], finding()));
    assert!(!excused(vec![]));
    let check =
        setup(json!({ "allowUpTo": "low" })).vex(OPENVEX, document(vec![statement(json!({}))]));
    let seen = check.run(CUSTOM, &grype(vec![finding()])).unwrap();
    assert!(seen.ends_with("; 1 excused by VEX (CVE-2026-1)"), "{seen}");
}

#[test]
fn a_status_excuses_only_if_it_says_why() {
    let impact = || json!({ "impact_statement": "never called" });
    for (name, statement, expected) in [
        ("not affected, justified", statement(json!({})), true),
        (
            "component_not_present",
            statement(json!({ "justification": "component_not_present" })),
            true,
        ),
        (
            "vulnerable_code_not_present",
            statement(json!({ "justification": "vulnerable_code_not_present" })),
            true,
        ),
        (
            "cannot be controlled",
            statement(
                json!({ "justification": "vulnerable_code_cannot_be_controlled_by_adversary" }),
            ),
            true,
        ),
        (
            "inline mitigations",
            statement(json!({ "justification": "inline_mitigations_already_exist" })),
            true,
        ),
        ("an impact statement", without(&["justification"], impact()), true),
        ("no justification", without(&["justification"], json!({})), false),
        ("an empty justification", statement(json!({ "justification": "" })), false),
        ("a null justification", statement(json!({ "justification": null })), false),
        (
            "an empty impact statement",
            without(&["justification"], json!({ "impact_statement": " " })),
            false,
        ),
        ("an unknown justification", statement(json!({ "justification": "trust_me" })), false),
        (
            "an unknown one and an impact statement",
            statement(json!({ "justification": "trust_me", "impact_statement": "x" })),
            false,
        ),
        (
            "a justification of CycloneDX",
            statement(json!({ "justification": "code_not_reachable" })),
            false,
        ),
        ("fixed", without(&["justification"], json!({ "status": "fixed" })), true),
        ("affected", statement(json!({ "status": "affected" })), false),
        ("under investigation", statement(json!({ "status": "under_investigation" })), false),
        ("a status of CycloneDX", statement(json!({ "status": "resolved" })), false),
        ("a status in other case", statement(json!({ "status": "Fixed" })), false),
        ("no status", without(&["status"], json!({})), false),
    ] {
        assert_eq!(excused(vec![statement]), expected, "{name}");
    }
}

#[test]
fn only_statements_about_this_image_excuse() {
    let product = |product: Value| statement(json!({ "products": [product] }));
    let hashes = |hashes: Value| json!({ "@id": "pkg:oci/app", "hashes": hashes });
    let (ours, other) =
        (DIGEST.trim_start_matches("sha256:"), OTHER_DIGEST.trim_start_matches("sha256:"));
    for (name, statement, expected) in [
        ("by package URL", product(json!({ "@id": format!("pkg:oci/app@{DIGEST}") })), true),
        (
            "percent-encoded",
            product(json!({ "@id": format!("pkg:oci/app@{}", DIGEST.replace(':', "%3A")) })),
            true,
        ),
        (
            "as an identifier",
            product(json!({ "identifiers": { "purl": format!("pkg:oci/app@{DIGEST}") } })),
            true,
        ),
        ("by reference", product(json!({ "@id": format!("ghcr.io/acme/app@{DIGEST}") })), true),
        ("by digest", product(json!({ "@id": DIGEST })), true),
        ("by hash", product(hashes(json!({ "sha-256": ours }))), true),
        ("by hash, in-toto's name", product(hashes(json!({ "sha256": ours }))), true),
        ("as text, of v0.0.1", product(json!(format!("pkg:oci/app@{DIGEST}"))), true),
        ("no products: the subject", without(&["products"], json!({})), true),
        (
            "one of two",
            statement(json!({ "products": [{ "@id": "pkg:oci/x" }, { "@id": DIGEST }] })),
            true,
        ),
        ("another digest", product(json!({ "@id": format!("pkg:oci/app@{OTHER_DIGEST}") })), false),
        ("another hash", product(hashes(json!({ "sha-256": other }))), false),
        (
            "two that disagree",
            product(json!({ "@id": DIGEST, "hashes": { "sha-256": other } })),
            false,
        ),
        (
            "two that disagree, turned",
            product(json!({ "@id": OTHER_DIGEST, "hashes": { "sha-256": ours } })),
            false,
        ),
        (
            "by name alone",
            product(json!({ "@id": "pkg:oci/app?repository_url=ghcr.io/acme/app" })),
            false,
        ),
        ("by tag", product(json!({ "@id": "ghcr.io/acme/app:1" })), false),
        ("a package", product(json!({ "@id": "pkg:deb/debian/curl@7.88.1-10" })), false),
        (
            "the digest as a qualifier",
            product(json!({ "@id": format!("pkg:oci/app?digest={DIGEST}") })),
            false,
        ),
        ("a longer digest", product(json!({ "@id": format!("{DIGEST}a") })), false),
        ("another algorithm", product(hashes(json!({ "sha-512": ours }))), false),
        ("an empty list", statement(json!({ "products": [] })), false),
        ("null", statement(json!({ "products": null })), false),
        ("nothing", product(json!({})), false),
    ] {
        assert_eq!(excused(vec![statement]), expected, "{name}");
    }
}

#[test]
fn subcomponents_narrow_a_statement_to_packages() {
    let inside = |subcomponents: Value| {
        statement(json!({ "products": [{ "@id": DIGEST, "subcomponents": subcomponents }] }))
    };
    let old = |subcomponents: Value| {
        statement(json!({ "products": [DIGEST], "subcomponents": subcomponents }))
    };
    for (name, statement, expected) in [
        ("the package", inside(json!([{ "@id": "pkg:deb/debian/curl@7.88.1-10" }])), true),
        ("any version", inside(json!([{ "@id": "pkg:deb/debian/curl" }])), true),
        (
            "with qualifiers",
            inside(json!([{ "@id": "pkg:deb/debian/curl@7.88.1-10?arch=amd64" }])),
            true,
        ),
        (
            "as an identifier",
            inside(json!([{ "@id": "x", "identifiers": { "purl": "pkg:deb/debian/curl" } }])),
            true,
        ),
        (
            "one of two",
            inside(json!([{ "@id": "pkg:deb/debian/bash" }, { "@id": "pkg:deb/debian/curl" }])),
            true,
        ),
        ("none: all of it", inside(json!([])), true),
        ("beside, of v0.0.1", old(json!(["pkg:deb/debian/curl"])), true),
        ("another package", inside(json!([{ "@id": "pkg:deb/debian/bash" }])), false),
        ("another version", inside(json!([{ "@id": "pkg:deb/debian/curl@7.88.1-9" }])), false),
        ("another platform", inside(json!([{ "@id": "pkg:deb/debian/curl?arch=arm64" }])), false),
        ("another distribution", inside(json!([{ "@id": "pkg:deb/ubuntu/curl" }])), false),
        ("a part of the package", inside(json!([{ "@id": "pkg:deb/debian/curl#bin" }])), false),
        ("a name", inside(json!([{ "@id": "curl" }])), false),
        ("no name", inside(json!([{}])), false),
        ("beside, another", old(json!(["pkg:deb/debian/bash"])), false),
    ] {
        assert_eq!(excused(vec![statement]), expected, "{name}");
    }
    let narrowed = || vec![document(vec![inside(json!([{ "@id": "pkg:deb/debian/curl" }]))])];
    let mut unnamed = finding();
    unnamed["artifact"]["purl"] = Value::Null;
    assert!(!holds_with(narrowed(), unnamed.clone()), "no package URL, no match");
    assert!(holds_with(vec![document(vec![statement(json!({})),])], unnamed));
}

#[test]
fn the_newest_statement_about_a_vulnerability_of_the_image_counts() {
    let good = |at: &str| statement(json!({ "timestamp": at }));
    let bad = |at: &str| statement(json!({ "timestamp": at, "status": "affected" }));
    let investigated =
        |at: &str| statement(json!({ "timestamp": at, "status": "under_investigation" }));
    let unjustified = |at: &str| without(&["justification"], json!({ "timestamp": at }));
    let of_curl = |at: &str, status: &str| {
        let products =
            json!([{ "@id": DIGEST, "subcomponents": [{ "@id": "pkg:deb/debian/curl" }] }]);
        statement(json!({ "timestamp": at, "status": status, "products": products }))
    };
    let of_bash = |at: &str| {
        let products =
            json!([{ "@id": DIGEST, "subcomponents": [{ "@id": "pkg:deb/debian/bash" }] }]);
        statement(json!({ "timestamp": at, "status": "affected", "products": products }))
    };
    let named = |names: Value, at: &str, status: &str| {
        statement(json!({ "vulnerability": names, "timestamp": at, "status": status }))
    };
    for (name, statements, expected) in [
        ("good after bad", vec![bad(OLD), good(NEW)], true),
        ("bad after good", vec![good(OLD), bad(NEW)], false),
        ("good after an investigation", vec![investigated(OLD), good(NEW)], true),
        ("an investigation after good", vec![good(OLD), investigated(NEW)], false),
        ("no reason, after good", vec![good(OLD), unjustified(NEW)], false),
        ("good after no reason", vec![unjustified(OLD), good(NEW)], true),
        ("both at once", vec![good(NEW), bad(NEW)], false),
        ("both at once, in fractions", vec![good("2026-11-10T00:00:00.9Z"), bad(NEW)], false),
        ("both at once, in zones", vec![good("2026-11-10T01:00:00+01:00"), bad(NEW)], false),
        ("the document's time", vec![without(&["timestamp"], json!({})), bad(NEW)], false),
        (
            "the document's time is older",
            vec![without(&["timestamp"], json!({ "status": "affected" })), good(NEW)],
            true,
        ),
        (
            "updated for the worse",
            vec![
                statement(json!({ "timestamp": OLD, "last_updated": NEW, "status": "affected" })),
                good(OLD),
            ],
            false,
        ),
        (
            "updated for the better",
            vec![statement(json!({ "timestamp": OLD, "last_updated": NEW })), bad(OLD)],
            false,
        ),
        ("of the package, good", vec![bad(OLD), of_curl(NEW, "fixed")], true),
        ("of the package, bad", vec![good(OLD), of_curl(NEW, "affected")], false),
        ("of all, after the package", vec![of_curl(OLD, "affected"), good(NEW)], true),
        ("of another package", vec![good(OLD), of_bash(NEW)], true),
        (
            "of another product",
            vec![
                good(OLD),
                statement(
                    json!({ "timestamp": NEW, "status": "affected", "products": [OTHER_DIGEST] }),
                ),
            ],
            true,
        ),
        (
            "of another vulnerability",
            vec![good(OLD), named(json!({ "name": "CVE-2026-2" }), NEW, "affected")],
            true,
        ),
        (
            "bad news of an alias",
            vec![
                good(OLD),
                named(
                    json!({ "name": "GHSA-aaaa-bbbb-cccc", "aliases": ["CVE-2026-1"] }),
                    NEW,
                    "affected",
                ),
            ],
            false,
        ),
        ("in the future", vec![good("2026-11-21T03:05:01Z")], false),
        ("clocks that differ", vec![good("2026-11-21T03:05:00Z")], true),
        ("in the future, after good", vec![good(OLD), good("2027-01-01T00:00:00Z")], true),
        ("bad in the future", vec![good(NEW), bad("2027-01-01T00:00:00Z")], false),
    ] {
        let mut turned = statements.clone();
        turned.reverse();
        let mut apart: Vec<_> = statements.iter().map(|one| document(vec![one.clone()])).collect();
        assert_eq!(excused(statements), expected, "{name}");
        assert_eq!(excused(turned), expected, "{name}, turned");
        assert_eq!(holds_with(apart.clone(), finding()), expected, "{name}, in two documents");
        apart.reverse();
        assert_eq!(holds_with(apart, finding()), expected, "{name}, in two documents, turned");
    }
}

#[test]
fn what_has_no_date_is_no_excuse_and_always_a_doubt() {
    let undated = |statements| with(&document(statements), "/timestamp", None);
    let bad = || without(&[], json!({ "status": "affected" }));
    let good = || statement(json!({}));
    assert!(!holds_with(vec![undated(vec![good()])], finding()));
    assert!(holds_with(vec![document(vec![good()])], finding()));
    assert!(!holds_with(vec![document(vec![good()]), undated(vec![bad()])], finding()));
    // What is around the document may say it.
    let vex = undated(vec![good()]);
    let predicate = grype(vec![finding()]);
    let check = setup(json!({ "allowUpTo": "low" }));
    let context = |vex: &[countersign::predicate::Document<'_>]| {
        let now = countersign::time::Time::parse(NOW).unwrap().into();
        let context =
            countersign::predicate::Context { now, repository: REPOSITORY, digest: DIGEST, vex };
        let made = None;
        let report = countersign::predicate::Document {
            predicate_type: CUSTOM,
            predicate: &predicate,
            made,
        };
        check.check.check(&report, &context).is_ok()
    };
    let made = countersign::time::Time::parse(OLD);
    let vex = countersign::predicate::Document { predicate_type: OPENVEX, predicate: &vex, made };
    assert!(context(&[vex]));
}

#[test]
fn a_vulnerability_is_the_same_under_all_names_that_mean_it() {
    let names = |id: &str, others: &[&str]| {
        let mut finding = finding();
        finding["vulnerability"]["id"] = json!(id);
        finding["relatedVulnerabilities"] = others.iter().map(|id| json!({ "id": id })).collect();
        finding
    };
    let ghsa = "GHSA-aaaa-bbbb-cccc";
    for (name, vulnerability, finding, expected) in [
        ("as text", json!("CVE-2026-1"), names("CVE-2026-1", &[]), true),
        ("in other case", json!({ "name": "cve-2026-1" }), names("CVE-2026-1", &[]), true),
        (
            "an alias of the statement",
            json!({ "name": "X", "aliases": ["CVE-2026-1"] }),
            names("CVE-2026-1", &[]),
            true,
        ),
        (
            "an alias of the report",
            json!({ "name": "CVE-2026-1" }),
            names(ghsa, &["CVE-2026-1"]),
            true,
        ),
        (
            "an alias of the report, turned",
            json!({ "name": ghsa }),
            names("CVE-2026-1", &[ghsa]),
            true,
        ),
        (
            "of an advisory about one",
            json!({ "name": "CVE-2026-1" }),
            names("ELSA-1", &["CVE-2026-1"]),
            true,
        ),
        (
            "of an advisory about two",
            json!({ "name": "CVE-2026-1" }),
            names("ELSA-1", &["CVE-2026-1", "CVE-2026-2"]),
            false,
        ),
        (
            "the advisory itself",
            json!({ "name": "ELSA-1" }),
            names("ELSA-1", &["CVE-2026-1", "CVE-2026-2"]),
            true,
        ),
        (
            "an advisory beside",
            json!({ "name": "CVE-2026-2", "aliases": ["DSA-1"] }),
            names("CVE-2026-1", &["DSA-1"]),
            false,
        ),
        ("another", json!({ "name": "CVE-2026-2" }), names("CVE-2026-1", &[]), false),
        ("a longer one", json!({ "name": "CVE-2026-11" }), names("CVE-2026-1", &[]), false),
        (
            "only an address",
            json!({ "@id": "https://nvd.nist.gov/vuln/detail/CVE-2026-1" }),
            names("CVE-2026-1", &[]),
            false,
        ),
    ] {
        let vex = document(vec![statement(json!({ "vulnerability": vulnerability }))]);
        assert_eq!(holds_with(vec![vex], finding), expected, "{name}");
    }
}

/// What cannot be told from others counts against all of them.
#[test]
fn bad_news_count_wherever_they_may_belong() {
    let good = || statement(json!({ "timestamp": OLD }));
    let bad = |part: Value| {
        let products = json!([{ "@id": DIGEST, "subcomponents": [part] }]);
        statement(json!({ "timestamp": NEW, "status": "affected", "products": products }))
    };
    let unnamed = || with(&finding(), "/artifact/purl", None);
    for (name, finding, part, expected) in [
        ("of a part without a package URL", finding(), json!({ "@id": "libcurl.so" }), false),
        ("of another package", finding(), json!({ "@id": "pkg:deb/debian/bash" }), true),
        (
            "of a package, and the report names none",
            unnamed(),
            json!({ "@id": "pkg:deb/debian/bash" }),
            false,
        ),
        (
            "of the same version elsewhere",
            finding(),
            json!({ "@id": "pkg:deb/debian/curl@7.88.1-10?arch=arm64" }),
            true,
        ),
        (
            "of the same version here",
            finding(),
            json!({ "@id": "pkg:deb/debian/curl@7.88.1-10?arch=amd64" }),
            false,
        ),
    ] {
        let vex = document(vec![good(), bad(part)]);
        assert_eq!(holds_with(vec![vex], finding), expected, "{name}");
    }
    let here = json!([{ "@id": DIGEST, "subcomponents": [{ "@id": "pkg:deb/debian/curl@7.88.1-10?arch=amd64" }] }]);
    let elsewhere = bad(json!({ "@id": "pkg:deb/debian/curl@7.88.1-10?arch=arm64" }));
    let here = statement(json!({ "timestamp": OLD, "products": here }));
    assert!(excused(vec![here.clone(), elsewhere.clone()]) && excused(vec![elsewhere, here]));
    // An advisory is excused under its own name, but not against news of what it is about.
    let mut advisory = finding();
    advisory["vulnerability"]["id"] = json!("ELSA-1");
    advisory["relatedVulnerabilities"] = json!([{ "id": "CVE-2026-1" }, { "id": "CVE-2026-2" }]);
    let named = |name: &str, at: &str, status: &str| {
        statement(json!({ "vulnerability": name, "timestamp": at, "status": status }))
    };
    let excuse = named("ELSA-1", OLD, "fixed");
    assert!(holds_with(vec![document(vec![excuse.clone()])], advisory.clone()));
    let news = named("CVE-2026-2", NEW, "affected");
    assert!(!holds_with(vec![document(vec![excuse, news])], advisory));
}

#[test]
fn more_spellings_of_a_package_than_are_read_excuse_nothing() {
    let spellings = |count: usize| {
        let one = |n| match n {
            0 => json!({ "@id": "pkg:deb/debian/curl@7.88.1-10?arch=amd64" }),
            n => json!({ "@id": format!("pkg:deb/debian/curl@7.88.1-10?arch=a{n}") }),
        };
        let parts: Vec<_> = (0..count).map(one).collect();
        statement(json!({ "products": [{ "@id": DIGEST, "subcomponents": parts }] }))
    };
    assert!(excused(vec![spellings(64)]));
    assert!(!excused(vec![spellings(65)]));
}

#[test]
fn a_document_that_cannot_be_read_excuses_nothing_and_spoils_no_other() {
    let good = || document(vec![statement(json!({ "timestamp": NEW }))]);
    for (pointer, value) in [
        ("/@context", None),
        ("/@context", Some(json!("https://openvex.dev/ns/v9"))),
        ("/@context", Some(json!("https://openvex.development/ns"))),
        ("/@context", Some(json!([OPENVEX]))),
        ("/statements", None),
        ("/statements", Some(Value::Null)),
        ("/statements/0", Some(Value::Null)),
        ("/statements/0/vulnerability", None),
        ("/statements/0/vulnerability", Some(json!(""))),
        ("/statements/0/vulnerability/aliases", Some(json!([1]))),
        ("/statements/0/products", Some(json!({}))),
        ("/statements/0/products/0", Some(json!(7))),
        ("/statements/0/products/0/subcomponents", Some(json!([7]))),
        ("/statements/0/status", Some(json!(7))),
        ("/statements/0/timestamp", Some(json!("yesterday"))),
        ("", Some(json!("x"))),
    ] {
        let broken = with(&good(), pointer, value.clone());
        assert!(!holds_with(vec![broken.clone()], finding()), "{pointer} {value:?}");
        assert!(holds_with(vec![broken.clone(), good()], finding()), "{pointer} {value:?}");
        let check = setup(json!({ "allowUpTo": "low" })).vex(OPENVEX, broken);
        let reasons = check.run(CUSTOM, &grype(vec![finding()])).unwrap_err();
        let found = reasons[0].found.as_deref().unwrap();
        assert!(found.contains("; a VEX document does not count: "), "{pointer}: {found}");
    }
    for context in ["", "/v0.0.1", "/v0.0.2", "/v0.2.0"] {
        let context = json!(format!("https://openvex.dev/ns{context}"));
        assert!(holds_with(vec![with(&good(), "/@context", Some(context))], finding()));
    }
}

#[test]
fn of_a_document_that_is_read_in_part_only_the_bad_news_count() {
    let broken = json!({ "vulnerability": {}, "status": "fixed" });
    let good = statement(json!({ "timestamp": NEW }));
    let bad = statement(json!({ "timestamp": NEW, "status": "affected" }));
    assert!(!excused(vec![good.clone(), broken.clone()]));
    let older = || document(vec![statement(json!({ "timestamp": OLD }))]);
    assert!(holds_with(vec![older(), document(vec![good, broken.clone()])], finding()));
    assert!(!holds_with(vec![older(), document(vec![bad, broken])], finding()));
}

#[test]
fn what_is_said_of_something_else_is_told() {
    let elsewhere = statement(json!({ "products": [{ "@id": "pkg:deb/debian/curl@7.88.1-10" }] }));
    let check = setup(json!({ "allowUpTo": "low" }))
        .vex(OPENVEX, document(vec![elsewhere.clone(), elsewhere]));
    let reasons = check.run(CUSTOM, &grype(vec![finding()])).unwrap_err();
    let found = reasons[0].found.as_deref().unwrap();
    assert!(found.ends_with("; 2 VEX statements are not about this image"), "{found}");
}
