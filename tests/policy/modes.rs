//! `mode` and `undetermined`, of the document and of each rule: what a front does, and never what
//! is true.

use std::collections::BTreeSet;

use countersign::{
    evidence::Budget,
    verdict::ALL_CODES,
    wire::{Answer, Outcome, UnavailableReason},
};
use serde_json::{Value, json};

use crate::registry::{
    Registry, attestation, attested_by, by_digest, digest, found, image, pod, policy, scan,
    signed_by, unavailable,
};

const MODES: [&str; 3] = ["enforce", "warn", "audit"];

fn registry() -> Registry {
    Registry::with(&[signed_by("ci", &image("app"))])
}

/// Rules as (mode, require).
fn of(document: &str, rules: &[(Option<&str>, Value)]) -> Value {
    let rules: Vec<_> = rules
        .iter()
        .map(|(mode, action)| {
            let mut rule = json!({ "images": ["**"] });
            rule.as_object_mut().unwrap().extend(action.as_object().unwrap().clone());
            if let Some(mode) = mode {
                rule["mode"] = json!(mode);
            }
            rule
        })
        .collect();
    policy(json!({ "mode": document, "rules": rules }))
}

fn good() -> Value {
    json!({ "require": "ci" })
}

fn bad() -> Value {
    json!({ "require": "security" })
}

#[test]
fn a_mode_changes_what_is_done_and_never_the_outcome() {
    for document in MODES {
        for rule in [None, Some("enforce"), Some("warn"), Some("audit")] {
            let mode = rule.unwrap_or(document);
            for (action, outcome) in [
                (good(), Outcome::Allow),
                (bad(), Outcome::Deny),
                (json!({ "static": "deny" }), Outcome::Deny),
                (json!({ "static": "allow" }), Outcome::Allow),
            ] {
                let what = format!("{document} {rule:?} {action}");
                let decided = registry().decide(&of(document, &[(rule, action)])).0;
                assert_eq!(decided.outcome, outcome, "{what}");
                assert_eq!(decided.mode, document, "{what}");
                let passes = mode != "enforce" || outcome == Outcome::Allow;
                let done = if passes { Outcome::Allow } else { outcome };
                assert_eq!(decided.enforced(), done, "{what}");
                let differs = (done != outcome).then_some(done);
                assert_eq!(decided.effective, differs, "{what}");
                assert_eq!(decided.images[0].effective, differs, "{what}");
                assert_eq!(decided.images[0].raw, None, "{what}");
            }
        }
    }
}

/// Of several rules those are enforced that say so.
#[test]
fn each_rule_is_enforced_as_it_says() {
    for (rules, outcome, done) in [
        (vec![(Some("warn"), bad()), (None, good())], Outcome::Deny, Outcome::Allow),
        (vec![(Some("warn"), good()), (None, bad())], Outcome::Deny, Outcome::Deny),
        (vec![(Some("warn"), bad()), (Some("audit"), bad())], Outcome::Deny, Outcome::Allow),
        (vec![(Some("warn"), bad()), (Some("enforce"), bad())], Outcome::Deny, Outcome::Deny),
        (
            vec![(Some("warn"), json!({ "static": "deny" })), (None, good())],
            Outcome::Deny,
            Outcome::Allow,
        ),
        (
            vec![(Some("warn"), json!({ "static": "deny" })), (None, json!({ "static": "deny" }))],
            Outcome::Deny,
            Outcome::Deny,
        ),
    ] {
        let decided = registry().decide(&of("enforce", &rules)).0;
        assert_eq!((decided.outcome, decided.enforced()), (outcome, done), "{rules:?}");
    }
}

/// Nothing that is only watched lets anything pass that an enforced rule would refuse.
#[test]
fn a_rule_that_is_watched_does_not_weaken_one_that_is_enforced() {
    let watched = json!({ "static": "deny" });
    let decided = registry().decide(&of("enforce", &[(Some("warn"), watched), (None, bad())])).0;
    assert_eq!(decided.enforced(), Outcome::Deny);
    // The block list is enforced as strictly as any rule that is for the image.
    let mut policy = of("warn", &[(Some("enforce"), good())]);
    assert_eq!(registry().decide(&policy).0.enforced(), Outcome::Allow);
    policy["spec"]["block"] = json!({ "digests": [digest(&image("app"))] });
    let decided = registry().decide(&policy).0;
    assert_eq!((decided.outcome, decided.enforced()), (Outcome::Deny, Outcome::Deny));
    // So is an expression that cannot be told to be for the image.
    let mut policy = of("warn", &[(Some("enforce"), good())]);
    policy["spec"]["rules"][0]["match"] = json!({ "cel": "request.nothing.at.all" });
    let decided = registry().decide(&policy).0;
    assert_eq!((decided.outcome, decided.enforced()), (Outcome::Deny, Outcome::Deny));
}

/// A bad request is refused in every mode.
#[test]
fn what_is_no_request_is_refused_in_every_mode() {
    for mode in MODES {
        let policy = of(mode, &[(None, good())]);
        let decided = registry().decide_on(&policy, &crate::registry::ask("not a reference")).0;
        assert_eq!((decided.outcome, decided.enforced()), (Outcome::Deny, Outcome::Deny));
        assert!(!decided.errors.is_empty());
    }
}

#[test]
fn only_what_is_enforced_is_pinned() {
    let asked = pod("reg.test/app:1", true);
    for (mode, pins) in [("enforce", 1), ("warn", 0), ("audit", 0)] {
        for policy in [of(mode, &[(None, good())]), of("enforce", &[(Some(mode), good())])] {
            let decided = registry().decide_on(&policy, &asked).0;
            assert_eq!(decided.patches.len(), pins, "{mode}");
            assert_eq!(decided.outcome, Outcome::Allow, "{mode}");
        }
    }
    // One that is enforced is enough.
    let both = of("warn", &[(None, good()), (Some("enforce"), good())]);
    assert_eq!(registry().decide_on(&both, &asked).0.patches.len(), 1);
}

/// What an enforced rule has verified is what runs, whatever a rule that is only watched says.
#[test]
fn a_tag_that_is_admitted_under_an_enforced_rule_is_pinned() {
    let asked = pod("reg.test/app:1", true);
    let watched = of("enforce", &[(None, good()), (Some("warn"), bad())]);
    let decided = registry().decide_on(&watched, &asked).0;
    assert_eq!(decided.outcome, Outcome::Deny);
    let admitted_unpinned = decided.enforced() == Outcome::Allow && decided.patches.is_empty();
    assert!(!admitted_unpinned, "{decided:?}");
}

/// A rule that is only watched does not pin for one that asks for nothing, nor refuse.
#[test]
fn what_only_a_watched_rule_has_verified_is_not_pinned() {
    for action in [good(), bad()] {
        let allowed = json!({ "static": "allow" });
        let policy = of("enforce", &[(None, allowed), (Some("warn"), action)]);
        for can_patch in [true, false] {
            let decided = registry().decide_on(&policy, &pod("reg.test/app:1", can_patch)).0;
            assert_eq!(decided.enforced(), Outcome::Allow);
            assert!(decided.patches.is_empty());
        }
    }
}

/// Every code that makes a verdict undetermined, and how it comes about here.
fn undetermined() -> Vec<(&'static str, Registry, Budget)> {
    let app = digest(&image("app"));
    let list = format!("referrers of {app}");
    let with = |at: &str, answer: Answer| {
        let mut registry = registry();
        registry.answers.insert(at.to_owned(), answer);
        registry
    };
    let limited = |limit: fn(&mut Budget)| {
        let mut budget = Budget::default();
        limit(&mut budget);
        budget
    };
    let all = Budget::default();
    let blob = digest(&signed_by("ci", &image("app")));
    let reserialised = Answer::Found {
        bytes: countersign::wire::Bytes(image("app")),
        media_type: None,
        reserialised: true,
    };
    use UnavailableReason::{Deadline, Garbled, NotPacked, TooLarge, Transport, Unsupported};
    vec![
        ("evidence.unavailable", with(&list, unavailable(Transport)), all),
        ("evidence.unavailable", with(&app, unavailable(Transport)), all),
        ("evidence.unavailable", with(&blob, unavailable(Transport)), all),
        ("evidence.garbled", with(&list, unavailable(Garbled)), all),
        ("evidence.garbled", with(&blob, unavailable(Garbled)), all),
        ("evidence.garbled", with(&list, found(b"<html>".to_vec())), all),
        ("evidence.unsupported", with(&blob, unavailable(Unsupported)), all),
        ("pack.stale", with(&blob, unavailable(NotPacked)), all),
        ("budget.time", with(&blob, unavailable(Deadline)), all),
        ("evidence.denied", with(&app, Answer::Denied { message: String::new() }), all),
        ("evidence.denied", with(&blob, Answer::Denied { message: String::new() }), all),
        ("evidence.digestMismatch", with(&app, found(image("other"))), all),
        ("evidence.digestMismatch", with(&blob, found(b"{}".to_vec())), all),
        ("evidence.hostAsserted", with(&app, reserialised), all),
        ("budget.bytes", with(&blob, unavailable(TooLarge)), all),
        ("budget.bytes", registry(), limited(|b| b.blob_bytes = 1)),
        ("budget.signatures", registry(), limited(|b| b.signatures = 0)),
        ("budget.candidates", registry(), limited(|b| b.candidates = 0)),
    ]
}

/// Here elsewhere, or not to be had through a whole decision of images.
const NOT_HERE: &[&str] = &[
    // See `conditions`.
    "budget.conditions",
    // An error of the request.
    "budget.images",
    // tests/sigstore, thresholds.
    "budget.search",
    "internal",
    // tests/bad_input, evidence.
    "payload.undeliverable",
    // tests/notation.
    "revocation.pending",
    "revocation.plugin",
    "revocation.unknown",
];

#[test]
fn nothing_but_a_registry_that_cannot_be_reached_is_tolerated() {
    let mut seen: BTreeSet<&str> = NOT_HERE.iter().copied().collect();
    for (n, (code, registry, budget)) in undetermined().into_iter().enumerate() {
        seen.insert(code);
        for (document, rule, warns) in [
            ("deny", None, false),
            ("warn", None, true),
            ("deny", Some("warn"), true),
            ("warn", Some("deny"), false),
        ] {
            let mut policy = of("enforce", &[(None, good())]);
            policy["spec"]["undetermined"] = json!(document);
            if let Some(rule) = rule {
                policy["spec"]["rules"][0]["undetermined"] = json!(rule);
            }
            let what = format!("{n} {code} {document} {rule:?}");
            let decided = registry.decide_within(&policy, &by_digest(), budget);
            let tolerated = warns && code == "evidence.unavailable";
            let expected = if tolerated { "allow" } else { code };
            assert_eq!(decided.verdict(), expected, "{what}");
            let raw = tolerated.then_some(Outcome::Undetermined);
            assert_eq!(decided.0.images[0].raw, raw, "{what}");
            assert_eq!(decided.warns_of("evidence.unavailable"), tolerated, "{what}");
        }
    }
    let all: BTreeSet<&str> =
        ALL_CODES.iter().filter(|c| c.is_undetermined()).map(|c| c.as_str()).collect();
    assert_eq!(seen, all);
}

/// Something else beside it that is not known, or that fails, is not tolerated.
#[test]
fn it_is_tolerated_only_where_it_stands_alone() {
    let warn = |require: Value| {
        policy(
            json!({ "rules": [{ "images": ["**"], "require": require }], "undetermined": "warn" }),
        )
    };
    let mut registry = registry();
    let withheld = signed_by("security", &image("app"));
    registry.attach(&withheld);
    registry.withhold(&digest(&withheld));
    let both = registry.decide(&warn(json!(["ci", "security"])));
    assert_eq!(both.verdict(), "allow");
    assert_eq!(both.0.images[0].raw, Some(Outcome::Undetermined));
    let either = registry.decide(&warn(json!({ "any": ["ci", "security"] })));
    assert_eq!((either.verdict().as_str(), either.0.images[0].raw), ("allow", None));
    // A requirement that fails for sure.
    let scanned = json!(["security", { "attestation": { "type": "vuln", "signedBy": "logged" } }]);
    let mut attested = registry.clone();
    attested.attach(&attested_by("mallory", scan(&image("app"), 1, true)));
    let found = attested.decide(&warn(scanned));
    assert_eq!(found.verdict(), "allow", "what is withheld may be the scan as well");
    // Another reason not to know.
    let garbled = signed_by("logged", &image("app"));
    registry.attach(&garbled);
    registry.answers.insert(digest(&garbled), unavailable(UnavailableReason::Garbled));
    assert_ne!(registry.decide(&warn(json!("security"))).verdict(), "allow");
}

/// A bad scan that is there is not made good by another that is withheld.
#[test]
fn a_failure_that_is_certain_is_not_tolerated() {
    let mut policy = attestation(json!({
        "select": "all", "maxAge": "7d", "conditions": [{ "cel": "predicate.good" }],
    }));
    policy["spec"]["undetermined"] = json!("warn");
    for (good, expected) in [(true, "allow"), (false, "condition.unmet")] {
        let mut registry = Registry::with(&[attested_by("ci", scan(&image("app"), 2, good))]);
        let withheld = attested_by("ci", scan(&image("app"), 1, true));
        registry.attach(&withheld);
        registry.withhold(&digest(&withheld));
        assert_eq!(registry.decide(&policy).verdict(), expected);
    }
}
