//! `select`: which of the verified attestations must hold.

use countersign::wire::{Answer, Fetch, UnavailableReason};
use serde_json::{Value, json};

use crate::registry::{
    Registry, VULN, attestation, attested_by, hours_ago, image, scan, statement, unavailable,
};

fn selecting(select: &str) -> Value {
    attestation(json!({
        "select": select, "maxAge": "7d", "conditions": [{ "cel": "predicate.good" }],
    }))
}

/// Scans by `ci`: how many hours ago, and what they say.
fn scans(all: &[(i64, bool)]) -> Registry {
    let scans = all.iter().enumerate().map(|(n, (hours, good))| {
        let predicate = json!({
            "metadata": { "scanFinishedOn": hours_ago(*hours) }, "good": good, "number": n,
        });
        attested_by("ci", statement(&image("app"), VULN, &predicate))
    });
    Registry::with(&scans.collect::<Vec<_>>())
}

#[test]
fn any_all_and_the_latest() {
    let unmet = "condition.unmet";
    const STALE: i64 = 8 * 24;
    type Row = (&'static [(i64, bool)], &'static str, &'static str, &'static str);
    let rows: &[Row] = &[
        (&[], "attestations.none", "attestations.none", "attestations.none"),
        (&[(1, true)], "allow", "allow", "allow"),
        (&[(1, false)], unmet, unmet, unmet),
        (&[(1, true), (2, true)], "allow", "allow", "allow"),
        // An older good scan, and a younger bad one.
        (&[(2, true), (1, false)], "allow", unmet, unmet),
        (&[(2, false), (1, true)], "allow", unmet, "allow"),
        (&[(3, false), (2, false), (1, true)], "allow", unmet, "allow"),
        (&[(3, true), (2, true), (1, false)], "allow", unmet, unmet),
        // Of several that are as young all must hold.
        (&[(1, true), (1, false)], "allow", unmet, unmet),
        (&[(1, false), (1, true), (2, true)], "allow", unmet, unmet),
        (&[(1, true), (1, true), (2, false)], "allow", unmet, "allow"),
        // What is too old is not there.
        (&[(STALE, true)], "attestation.stale", "attestation.stale", "attestation.stale"),
        (&[(STALE, false), (1, true)], "allow", "allow", "allow"),
        (&[(STALE, true), (1, false)], unmet, unmet, unmet),
        // What comes from the future is not the youngest.
        (&[(-1, false), (1, true)], "allow", "allow", "allow"),
        (&[(-1, true), (1, false)], unmet, unmet, unmet),
    ];
    for (all, any, every, latest) in rows {
        let registry = scans(all);
        for (select, expected) in [("any", any), ("all", every), ("latest", latest)] {
            let found = registry.decide(&selecting(select)).verdict();
            assert_eq!(found, **expected, "{select} of {all:?}");
        }
    }
}

#[test]
fn the_default_is_any_without_and_latest_with_vulnerabilities() {
    let registry = scans(&[(2, true), (1, false)]);
    let cel = json!([{ "cel": "predicate.good" }]);
    let found = registry.decide(&attestation(json!({ "conditions": cel, "maxAge": "7d" })));
    assert_eq!(found.verdict(), "allow");
    let clean = |hours: i64, found: Value| {
        let predicate = json!({
            "scanner": { "uri": "grype", "result": {
                "matches": found, "descriptor": { "name": "grype", "version": "0.90.0" },
            } },
            "metadata": { "scanFinishedOn": hours_ago(hours) },
        });
        attested_by("ci", statement(&image("app"), VULN, &predicate))
    };
    let bad = json!([{
        "vulnerability": { "id": "CVE-2026-1", "severity": "Critical", "fix": { "state": "unknown", "versions": [] } },
        "artifact": { "name": "a", "version": "1", "type": "deb", "purl": "pkg:deb/debian/a@1" },
    }]);
    let policy = attestation(json!({ "maxAge": "7d", "vulnerabilities": { "allowUpTo": "high" } }));
    let verdict = |scans: &[Vec<u8>]| Registry::with(scans).decide(&policy).verdict();
    assert_eq!(verdict(&[clean(2, bad.clone()), clean(1, json!([]))]), "allow");
    assert_eq!(verdict(&[clean(2, json!([])), clean(1, bad)]), "vulnerability.found");
}

/// What is not verified never enters the selection, however young.
#[test]
fn what_is_anybodys_is_not_the_latest() {
    let other = || scan(&image("other"), 0, false);
    let own = || scan(&image("app"), 0, false);
    for (name, younger, expected) in [
        ("by another key", attested_by("mallory", own()), "allow"),
        ("by the same key", attested_by("ci", own()), "condition.unmet"),
        ("of another image", attested_by("ci", other()), "allow"),
        (
            "of another type",
            attested_by(
                "ci",
                statement(&image("app"), "https://acme.test/v1", &json!({ "good": false })),
            ),
            "allow",
        ),
    ] {
        let registry = Registry::with(&[attested_by("ci", scan(&image("app"), 1, true)), younger]);
        for select in ["all", "latest"] {
            assert_eq!(registry.decide(&selecting(select)).verdict(), expected, "{name} {select}");
        }
    }
}

/// The statement of another digest satisfies nothing, wherever it stands.
#[test]
fn an_attestation_of_another_digest_never_counts() {
    for select in ["any", "all", "latest"] {
        let bundle = attested_by("ci", scan(&image("other"), 1, true));
        let refused = Registry::with(&[bundle]).decide(&selecting(select)).verdict();
        assert_eq!(refused, "subject.mismatch", "{select}");
        let bundle = attested_by("ci", scan(&image("app"), 1, true));
        assert_eq!(Registry::with(&[bundle]).decide(&selecting(select)).verdict(), "allow");
    }
}

/// One of several that cannot be looked at may be the one that counts.
#[test]
fn what_is_withheld_leaves_any_and_makes_all_and_the_latest_unknown() {
    use UnavailableReason::{Garbled, TooLarge, Transport, Unsupported};
    let denied = || Answer::Denied { message: "403".to_owned() };
    for (answer, code) in [
        (unavailable(Transport), "evidence.unavailable"),
        (unavailable(Garbled), "evidence.garbled"),
        (unavailable(TooLarge), "budget.bytes"),
        (unavailable(Unsupported), "evidence.unsupported"),
        (denied(), "evidence.denied"),
    ] {
        for good in [true, false] {
            let mut registry = scans(&[(2, good)]);
            let blob = registry.attach(&attested_by("ci", scan(&image("app"), 1, true)));
            registry.answers.insert(blob, answer.clone());
            let verdict = |select: &str| registry.decide(&selecting(select)).verdict();
            assert_eq!(verdict("any"), if good { "allow" } else { code }, "{code}");
            // One that fails settles `all`, whatever the others say.
            assert_eq!(verdict("all"), if good { code } else { "condition.unmet" }, "{code}");
            assert_eq!(verdict("latest"), code, "{code}");
        }
    }
}

/// A list that cannot be had may have named another.
#[test]
fn a_list_that_is_withheld_is_unknown() {
    let mut registry = scans(&[(1, true)]);
    let list = format!("referrers of {}", crate::registry::digest(&image("app")));
    registry.answers.insert(list, unavailable(UnavailableReason::Transport));
    for select in ["any", "all", "latest"] {
        let found = registry.decide(&selecting(select)).verdict();
        assert_eq!(found, "evidence.unavailable", "{select}");
    }
}

/// What a part of a list names is tried, and that it names no other says nothing.
#[test]
fn a_list_of_which_only_a_part_is_there_leaves_any_and_makes_all_and_the_latest_unknown() {
    let registry = scans(&[(1, true)]);
    let list = format!("referrers of {}", crate::registry::digest(&image("app")));
    let fetch = Fetch::Referrers {
        repository: "reg.test/app".to_owned(),
        digest: crate::registry::digest(&image("app")),
        max_bytes: 1 << 20,
    };
    let Answer::Found { bytes, .. } = registry.answer(&fetch) else { panic!("no list") };
    for (reason, code) in [
        (UnavailableReason::Unsupported, "evidence.unsupported"),
        (UnavailableReason::Deadline, "budget.time"),
        (UnavailableReason::Transport, "evidence.unavailable"),
    ] {
        let (bytes, message) = (bytes.clone(), String::new());
        let mut registry = registry.clone();
        registry.answers.insert(list.clone(), Answer::Partial { bytes, reason, message });
        assert_eq!(registry.decide(&selecting("any")).verdict(), "allow", "{code}");
        for select in ["all", "latest"] {
            assert_eq!(registry.decide(&selecting(select)).verdict(), code, "{select}");
        }
        let mut none = Registry::with(&[]);
        let empty = br#"{"schemaVersion":2,"manifests":[]}"#.to_vec();
        let (bytes, message) = (countersign::wire::Bytes(empty), String::new());
        none.answers.insert(list.clone(), Answer::Partial { bytes, reason, message });
        assert_eq!(none.decide(&selecting("any")).verdict(), code);
    }
}

/// Signatures over the same statement are one attestation.
#[test]
fn a_statement_that_is_signed_twice_is_one() {
    let payload = || scan(&image("app"), 1, true);
    let registry =
        Registry::with(&[attested_by("mallory", payload()), attested_by("ci", payload())]);
    for select in ["any", "all", "latest"] {
        assert_eq!(registry.decide(&selecting(select)).verdict(), "allow", "{select}");
    }
    let both = attestation(json!({ "signedBy": ["ci", "security"] }));
    assert_eq!(registry.decide(&both).verdict(), "key.hintMismatch");
    let registry =
        Registry::with(&[attested_by("security", payload()), attested_by("ci", payload())]);
    assert_eq!(registry.decide(&both).verdict(), "allow");
    // Two statements, each with one of the signatures, are none with both.
    let apart = Registry::with(&[
        attested_by("security", scan(&image("app"), 2, true)),
        attested_by("ci", payload()),
    ]);
    assert_ne!(apart.decide(&both).verdict(), "allow");
}
