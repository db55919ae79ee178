//! Requirements 109 to 111: what comes of OCSP responses and CRLs that were not to be had, whatever the
//! reason and however long the host has waited, and of those that answer another question.

use countersign::{
    Step, evaluate,
    evidence::Budget,
    policy::Policy,
    time::Time,
    wire::{Answer, Bytes, EvidenceItem, Fetch, UnavailableReason},
};
use serde_json::json;

use crate::{
    host::{Host, draft, image, policy},
    made::{NOW, World, with_ocsp},
};

const RESPONDER: &str = "http://o/";
const LIST: &str = "http://c/1.crl";

/// Every answer without bytes. A time-out of the host is `transport`.
fn silences() -> Vec<(&'static str, Answer)> {
    let unavailable =
        |reason, message: &str| Answer::Unavailable { reason, message: message.into() };
    vec![
        ("timed out", unavailable(UnavailableReason::Transport, "timed out after 2 s")),
        ("refused", unavailable(UnavailableReason::Transport, "connection refused")),
        ("too large", unavailable(UnavailableReason::TooLarge, "more than 20480 bytes")),
        ("garbled", unavailable(UnavailableReason::Garbled, "not HTTP")),
        ("no road", unavailable(UnavailableReason::Unsupported, "this host fetches no CRLs")),
        ("absent", Answer::Absent { message: "404".into() }),
        ("denied", Answer::Denied { message: "403".into() }),
    ]
}

#[test]
fn what_is_withheld_is_unknown_and_enforce_never_allows_it() {
    let world = World::new();
    let by_ocsp = draft(&world, &world.leaf_with_ocsp()).build();
    let by_crl = draft(&world, &world.leaf_with_crls(&[LIST])).build();
    for (name, silence) in silences() {
        for (envelope, address) in [(&by_ocsp, RESPONDER), (&by_crl, LIST)] {
            for profile in ["spec", "compat"] {
                for (word, expected) in
                    [("enforce", "revocation.unknown"), ("log", "allow"), ("skip", "allow")]
                {
                    let mut host = Host::with(std::slice::from_ref(envelope));
                    host.silence = Some(silence.clone());
                    let fields = json!({ "profile": profile, "override": { "revocation": word } });
                    let decided = host.decide(&policy(&world, fields));
                    let what = format!("{name} {address} {profile} {word}");
                    assert_eq!(decided.verdict(), expected, "{what}");
                    // Once, and not again: waiting is the host's.
                    let asked =
                        if word == "skip" { vec![] } else { vec![vec![address.to_owned()]] };
                    assert_eq!(decided.asked, asked, "{what}");
                    assert_eq!(decided.warns_of("revocation.unknown"), word == "log", "{what}");
                    if let Some(reason) = &decided.decision.images[0].reason {
                        let found = reason.found.as_deref().unwrap();
                        assert!(found.contains(address), "{what}: {found}");
                    }
                }
            }
        }
    }
}

/// The words of the host are in the reason, so that a time-out can be told from a refusal.
#[test]
fn the_reason_says_what_the_host_has_met() {
    let world = World::new();
    for (_, silence) in silences() {
        let (Answer::Unavailable { message, .. }
        | Answer::Absent { message }
        | Answer::Denied { message }) = &silence
        else {
            panic!("{silence:?}");
        };
        let message = message.clone();
        let mut host = Host::with(&[draft(&world, &world.leaf_with_ocsp()).build()]);
        host.silence = Some(silence);
        let decided = host.decide(&policy(&world, json!({})));
        let reason = decided.decision.images[0].reason.clone().unwrap();
        let found = reason.found.unwrap();
        assert!(found.contains(&message), "{found}");
    }
}

/// A responder that is slow costs no more than the road to the list; neither is a revocation.
#[test]
fn after_a_responder_that_was_too_slow_the_list_decides() {
    let world = World::new();
    let leaf = with_ocsp(world.leaf_with_crls(&[LIST]), &[RESPONDER]);
    let envelope = draft(&world, &leaf).build();
    for (name, silence) in silences() {
        let mut host = Host::with(std::slice::from_ref(&envelope)).on(LIST, world.crl().make());
        host.silence = Some(silence);
        let decided = host.decide(&policy(&world, json!({})));
        assert_eq!(decided.verdict(), "allow", "{name}");
        assert_eq!(decided.asked, [[RESPONDER], [LIST]], "{name}");
    }
}

/// An answer counts for the address and the request that it was asked with, and for no other: a host
/// cannot answer one question with another's answer, nor can a cache that mixes them up.
#[test]
fn evidence_is_found_by_address_and_request() {
    let world = World::new();
    let leaf = with_ocsp(world.leaf_with_crls(&[LIST]), &[RESPONDER]);
    let host = Host::with(&[draft(&world, &leaf).build()]).on(RESPONDER, world.response().make());
    let strict = policy(&world, json!({}));
    let decided = host.decide(&strict);
    assert_eq!(decided.verdict(), "allow");
    let policy = Policy::parse(&strict).unwrap();
    let is_ocsp = |item: &EvidenceItem| matches!(item.fetch, Fetch::Ocsp { .. });
    let asked = decided.evidence.iter().find(|item| is_ocsp(item)).unwrap().fetch.clone();
    let changes: [fn(&mut String, &mut Bytes); 4] = [
        |url, _| url.push('x'),
        |url, _| url.make_ascii_uppercase(),
        |_, request| request.0.push(0),
        |_, request| *request.0.last_mut().unwrap() ^= 1,
    ];
    for change in changes {
        let mut evidence = decided.evidence.clone();
        for item in &mut evidence {
            if let Fetch::Ocsp { url, request, .. } = &mut item.fetch {
                change(url, request);
            }
        }
        let step = evaluate(&policy, &image(), &evidence, Time::from_unix(NOW), Budget::default());
        assert_eq!(step, Step::Need(vec![asked.clone()]));
    }
    // The same of lists.
    let host = Host::with(&[draft(&world, &world.leaf_with_crls(&[LIST])).build()]);
    let decided = host.on(LIST, world.crl().make()).decide(&strict);
    assert_eq!(decided.verdict(), "allow");
    let mut evidence = decided.evidence;
    let mut asked = None;
    for item in &mut evidence {
        if let Fetch::Crl { url, .. } = &item.fetch {
            let mut other = item.fetch.clone();
            if let Fetch::Crl { url: elsewhere, .. } = &mut other {
                *elsewhere = format!("{url}?");
            }
            asked = Some(std::mem::replace(&mut item.fetch, other));
        }
    }
    let step = evaluate(&policy, &image(), &evidence, Time::from_unix(NOW), Budget::default());
    assert_eq!(step, Step::Need(vec![asked.unwrap()]));
}
