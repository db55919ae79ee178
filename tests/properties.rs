//! What holds of every decision, whatever the policy: over all the corpora.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the core reads no files; tests of it do"
)]

mod support;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
};

use countersign::{
    Step, evaluate,
    evidence::Budget,
    policy::Policy,
    time::Time,
    wire::{Answer, Bytes, Decision, EvidenceItem, Fetch, Outcome, Request, UnavailableReason},
};
use serde_json::{Value, json};
use support::{Case, layout::Layout};

/// A case of the corpora that this build can judge, with what its decision consumed.
struct Judged {
    case: Case,
    policy: Policy,
    layout: Layout,
    request: Request,
    now: Time,
    evidence: Vec<EvidenceItem>,
    decision: Decision,
}

fn judged() -> Vec<Judged> {
    let judged: Vec<_> = support::cases()
        .into_iter()
        .filter_map(|case| {
            let policy = Policy::parse(&case.policy).ok()?;
            let layout = support::open(&case.reference);
            let request = support::request(layout.reference());
            let (decision, evidence) =
                support::decide(&policy, &request, &case.now, |fetch| layout.answer(fetch));
            let now = Time::parse(&case.now).unwrap();
            Some(Judged { case, policy, layout, request, now, evidence, decision })
        })
        .collect();
    assert!(judged.len() >= 105, "the corpora have shrunk");
    judged
}

impl Judged {
    fn step(&self, evidence: &[EvidenceItem]) -> Step {
        evaluate(&self.policy, &self.request, evidence, self.now, Budget::default())
    }

    fn decided(&self, evidence: &[EvidenceItem]) -> Decision {
        match self.step(evidence) {
            Step::Decision(decision) => *decision,
            Step::Need(needs) => panic!("{}: still in need of {needs:?}", self.case.id),
        }
    }

    /// The decision with other answers; what they do not say, the layout does.
    fn decide_with(&self, other: impl Fn(&Fetch) -> Option<Answer>) -> Decision {
        support::decide(&self.policy, &self.request, &self.case.now, |fetch| {
            other(fetch).unwrap_or_else(|| self.layout.answer(fetch))
        })
        .0
    }
}

fn bytes_of(decision: &Decision) -> Vec<u8> {
    serde_json::to_vec(decision).unwrap()
}

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

#[test]
fn the_order_of_evidence_does_not_matter() {
    let mut random = Random(0x5eed);
    for judged in judged() {
        let expected = bytes_of(&judged.decision);
        let mut evidence = judged.evidence.clone();
        evidence.reverse();
        for _ in 0..8 {
            let decision = judged.decided(&evidence);
            assert!(bytes_of(&decision) == expected, "{}", judged.case.id);
            random.shuffle(&mut evidence);
        }
    }
}

#[test]
fn what_is_there_twice_counts_once() {
    for judged in judged() {
        let twice = [&judged.evidence[..], &judged.evidence[..]].concat();
        let decision = judged.decided(&twice);
        assert!(bytes_of(&decision) == bytes_of(&judged.decision), "{}", judged.case.id);
    }
}

/// Two answers to one fetch that disagree: the host is at fault, and neither counts, in whatever
/// order they come.
#[test]
fn answers_that_disagree_are_no_answer() {
    for judged in judged() {
        for (at, item) in judged.evidence.iter().enumerate() {
            let mut other = item.clone();
            other.answer = match &item.answer {
                Answer::Absent { .. } => Answer::Denied { message: String::new() },
                _ => Answer::Absent { message: "gone".into() },
            };
            let first = [&[other.clone()], &judged.evidence[..]].concat();
            let last = [&judged.evidence[..], &[other]].concat();
            let (first, last) = (judged.step(&first), judged.step(&last));
            assert!(first == last, "{} #{at}: the order decides", judged.case.id);
            if let (Step::Decision(decision), true) =
                (first, judged.decision.outcome != Outcome::Allow)
            {
                assert_ne!(decision.outcome, Outcome::Allow, "{}", judged.case.id);
            }
        }
    }
}

#[test]
fn a_decision_is_a_function_of_what_it_is_given() {
    for judged in judged() {
        let again = judged.decided(&judged.evidence);
        assert!(bytes_of(&again) == bytes_of(&judged.decision), "{}", judged.case.id);
        // What a record of it says is the same.
        let record = serde_json::to_vec(&judged.evidence).unwrap();
        let replayed: Vec<EvidenceItem> = serde_json::from_slice(&record).unwrap();
        let replayed = judged.decided(&replayed);
        assert!(bytes_of(&replayed) == bytes_of(&judged.decision), "{}", judged.case.id);
    }
}

/// `support::decide` fails on a fetch that is asked for twice, on an empty need and after eight
/// rounds; this says how many there are.
#[test]
fn needs_converge() {
    let mut most = 0;
    for judged in judged() {
        let mut evidence: Vec<EvidenceItem> = Vec::new();
        let mut rounds = 1;
        while let Step::Need(needs) = judged.step(&evidence) {
            for fetch in needs {
                assert!(evidence.iter().all(|e| e.fetch != fetch), "{fetch:?} twice");
                let answer = judged.layout.answer(&fetch);
                evidence.push(EvidenceItem { fetch, answer });
            }
            rounds += 1;
            assert!(rounds <= support::MOST_ROUNDS, "{}", judged.case.id);
        }
        most = most.max(rounds);
    }
    println!("properties: at most {most} rounds");
}

fn absences() -> Vec<Answer> {
    let message = String::new;
    let mut all =
        vec![Answer::Absent { message: message() }, Answer::Denied { message: message() }];
    all.extend(
        [
            UnavailableReason::Garbled,
            UnavailableReason::TooLarge,
            UnavailableReason::Transport,
            UnavailableReason::Unsupported,
        ]
        .map(|reason| Answer::Unavailable { reason, message: message() }),
    );
    all
}

#[test]
fn what_is_withheld_never_allows() {
    let mut random = Random(0xdead);
    let mut decisions = 0;
    for judged in judged() {
        let is_allowed = judged.decision.outcome == Outcome::Allow;
        let mut check = |withheld: &BTreeMap<&Fetch, Answer>| {
            let decision = judged.decide_with(|fetch| withheld.get(fetch).cloned());
            decisions += 1;
            assert!(
                is_allowed || decision.outcome != Outcome::Allow,
                "{}: allowed without {withheld:?}",
                judged.case.id
            );
        };
        for item in &judged.evidence {
            for answer in absences() {
                check(&BTreeMap::from([(&item.fetch, answer)]));
            }
        }
        // Several at once.
        for _ in 0..20 {
            let mut withheld = BTreeMap::new();
            for item in &judged.evidence {
                if random.below(2) == 0 {
                    withheld.insert(&item.fetch, absences().swap_remove(random.below(6)));
                }
            }
            check(&withheld);
        }
    }
    println!("properties: {decisions} decisions with something withheld");
}

fn list_name(fetch: &Fetch) -> Option<&'static str> {
    match fetch {
        Fetch::Referrers { .. } => Some("manifests"),
        Fetch::Tag { tag, .. } if tag.ends_with(".sig") || tag.ends_with(".att") => Some("layers"),
        Fetch::Tag { .. } => Some("manifests"),
        _ => None,
    }
}

fn found(bytes: Vec<u8>) -> Answer {
    Answer::Found { bytes: Bytes(bytes), media_type: None, reserialised: false }
}

/// Every list of candidates grows by those of other images and by rubbish.
#[test]
fn what_does_not_belong_changes_nothing() {
    let all = judged();
    // By digest: it does not matter of which repository.
    let mut store: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut lists: BTreeMap<&str, Vec<(String, Value)>> = BTreeMap::new();
    for judged in &all {
        let image = judged.decision.images[0].digest.clone().unwrap_or_default();
        for item in &judged.evidence {
            let Answer::Found { bytes, .. } = &item.answer else {
                continue;
            };
            if let Fetch::Manifest { digest, .. } | Fetch::Blob { digest, .. } = &item.fetch {
                store.insert(digest.clone(), bytes.0.clone());
            }
            if let Some(list) = list_name(&item.fetch) {
                let document: Value = serde_json::from_slice(&bytes.0).unwrap();
                let kind = match &item.fetch {
                    Fetch::Tag { tag, .. } if tag.ends_with(".sig") => "sig",
                    Fetch::Tag { tag, .. } if tag.ends_with(".att") => "att",
                    _ => "index",
                };
                for element in document[list].as_array().into_iter().flatten() {
                    lists.entry(kind).or_default().push((image.clone(), element.clone()));
                }
            }
        }
    }
    for list in lists.values_mut() {
        let mut seen = BTreeSet::new();
        list.retain(|(_, element)| seen.insert(element["digest"].to_string()));
        assert!(!list.is_empty());
    }
    let rubbish = b"<html>not a manifest</html>".to_vec();
    let garbage = countersign::reference::Digest::sha256(&rubbish).to_string();
    store.insert(garbage.clone(), rubbish);
    let mut random = Random(0xfeed);
    let mut changed = 0;
    for judged in &all {
        let image = judged.decision.images[0].digest.clone().unwrap_or_default();
        let seed = Cell::new(random.below(1 << 30) as u64 + 1);
        let grown = |fetch: &Fetch| -> Option<Answer> {
            let own = judged.layout.answer(fetch);
            if let (
                Fetch::Manifest { digest, .. } | Fetch::Blob { digest, .. },
                Answer::Absent { .. },
            ) = (fetch, &own)
            {
                return store.get(digest).map(|bytes| found(bytes.clone()));
            }
            let list = list_name(fetch)?;
            let kind = match fetch {
                Fetch::Tag { tag, .. } if tag.ends_with(".sig") => "sig",
                Fetch::Tag { tag, .. } if tag.ends_with(".att") => "att",
                _ => "index",
            };
            let mut document: Value = match own {
                Answer::Found { bytes, .. } => serde_json::from_slice(&bytes.0).unwrap(),
                // A list that is not there is the fallback tag's to give.
                Answer::Absent { .. } if kind == "index" => return None,
                Answer::Absent { .. } => json!({ "config": { "digest": "" }, "layers": [] }),
                _ => return None,
            };
            let mut others: Vec<_> = lists[kind]
                .iter()
                .filter(|(of, _)| *of != image)
                .map(|(_, element)| element.clone())
                .collect();
            let mut random = Random(seed.get());
            random.shuffle(&mut others);
            others.truncate(12);
            others.push(json!({ "mediaType": "text/html", "digest": garbage, "size": 1 }));
            others.push(json!({ "mediaType": "x/y", "digest": "sha256:no digest", "size": 1 }));
            let elements = document[list].as_array_mut()?;
            elements.extend(others);
            random.shuffle(elements);
            Some(found(document.to_string().into_bytes()))
        };
        for _ in 0..3 {
            let decision = judged.decide_with(grown);
            let (before, after) = (judged.decision.outcome, decision.outcome);
            assert_eq!(
                before == Outcome::Allow,
                after == Outcome::Allow,
                "{}: {before:?} became {after:?}: {:?}",
                judged.case.id,
                decision.images[0].reason
            );
            let code = |d: &Decision| d.images[0].reason.as_ref().map(|r| r.code);
            changed += usize::from(code(&judged.decision) != code(&decision));
            seed.set(seed.get() + 1);
        }
        // Evidence that nobody asked for.
        let mut more = judged.evidence.clone();
        for other in &all {
            more.extend(other.evidence.iter().cloned());
        }
        let own = |item: &EvidenceItem| judged.evidence.iter().all(|e| e.fetch != item.fetch);
        let (kept, rest) = more.split_at(judged.evidence.len());
        let rest = rest.iter().filter(|item| own(item)).cloned().collect::<Vec<_>>();
        let decision = judged.decided(&[kept, &rest].concat());
        assert!(bytes_of(&decision) == bytes_of(&judged.decision), "{}", judged.case.id);
    }
    println!("properties: {changed} refusals for another reason");
    assert!(changed > 0, "what was added was not looked at");
}

/// Every tree of a few shapes over the authorities of a layout, on every subset of its candidates:
/// what a subset satisfies, every larger one does.
#[test]
fn less_evidence_never_satisfies_more() {
    let mut compared = 0;
    for name in ["a-two", "a-att", "b-sc", "d-both", "d-nested-jws", "d-tagschema"] {
        let reference = format!("oci-layout:layouts/{name}:1");
        let layout = support::open(&reference);
        let (spec, leaves, now) = authorities(&reference);
        let candidates = candidates(&spec, &leaves, &layout, &now);
        let known = RefCell::new(BTreeMap::new());
        let answer = |fetch: &Fetch| -> Answer {
            let mut known = known.borrow_mut();
            let answer = known.entry(fetch.clone()).or_insert_with(|| layout.answer(fetch));
            answer.clone()
        };
        assert!(!candidates.is_empty(), "{name} has no candidates");
        let subsets = 1_u32 << candidates.len();
        for tree in trees(&leaves) {
            let Ok(policy) = Policy::parse(&document(&spec, &tree)) else {
                continue;
            };
            for is_listed in [false, true] {
                let allowed: Vec<bool> = (0..subsets)
                    .map(|subset| {
                        let without = |digest: &str| {
                            let at = candidates.iter().position(|c| c == digest);
                            at.is_some_and(|at| subset >> at & 1 == 0)
                        };
                        let (decision, _) = support::decide(
                            &policy,
                            &support::request(layout.reference()),
                            &now,
                            |f| withheld(answer(f), f, is_listed, &without),
                        );
                        decision.outcome == Outcome::Allow
                    })
                    .collect();
                for smaller in 0..subsets {
                    for larger in 0..subsets {
                        if smaller & larger == smaller {
                            compared += 1;
                            assert!(
                                !allowed[smaller as usize] || allowed[larger as usize],
                                "{name}: {tree} holds with {smaller:b} and not with {larger:b}"
                            );
                        }
                    }
                }
            }
        }
    }
    println!("properties: {compared} pairs of evidence compared");
    assert!(compared > 10_000);
}

/// The authorities and trust of every case of a layout, under names of their own.
fn authorities(reference: &str) -> (Value, Vec<Value>, String) {
    let mut authorities = BTreeMap::new();
    let mut trust = BTreeMap::new();
    let mut attestations = Vec::new();
    let mut seen = BTreeSet::new();
    let mut now = String::new();
    for (index, case) in support::cases().into_iter().enumerate() {
        if case.reference != reference || Policy::parse(&case.policy).is_err() {
            continue;
        }
        now = case.now;
        let spec = &case.policy["spec"];
        for (name, authority) in spec["authorities"].as_object().into_iter().flatten() {
            let material = authority["cosign"]["trust"].as_str();
            let material = material.or_else(|| authority["notation"]["trust"].as_str());
            let key =
                format!("{authority}{}", material.map_or(&Value::Null, |m| &spec["trust"][m]));
            if authorities.len() == 4 || !seen.insert(key) {
                continue;
            }
            let mut authority = authority.clone();
            let family = if authority["cosign"].is_null() { "notation" } else { "cosign" };
            if let Some(material) = material {
                let unique = format!("t{index}-{material}");
                trust.insert(unique.clone(), spec["trust"][material].clone());
                authority[family]["trust"] = unique.into();
            }
            let unique = format!("a{index}-{name}");
            if let Some(attestation) = spec["rules"][0]["require"].get("attestation") {
                let mut attestation = attestation.clone();
                attestation["signedBy"] = unique.clone().into();
                attestations.push(json!({ "attestation": attestation }));
            }
            authorities.insert(unique, authority);
        }
    }
    let mut leaves: Vec<Value> = authorities.keys().map(|name| json!(name)).collect();
    // Keys that signed nothing here.
    for file in ["ecp384.pub", "rsa2048.pub"] {
        let pem = std::fs::read_to_string(support::corpora().join("trust").join(file)).unwrap();
        if leaves.len() < 3 {
            authorities.insert(file.to_owned(), json!({ "cosign": { "keys": [pem] } }));
            leaves.push(json!(file));
        }
    }
    attestations.truncate(2);
    leaves.extend(attestations);
    leaves.truncate(5);
    (json!({ "authorities": authorities, "trust": trust }), leaves, now)
}

fn document(spec: &Value, tree: &Value) -> Value {
    let mut spec = spec.clone();
    spec["rules"] = json!([{ "images": ["**"], "require": tree }]);
    if spec["trust"].as_object().is_some_and(serde_json::Map::is_empty) {
        spec.as_object_mut().unwrap().remove("trust");
    }
    json!({ "apiVersion": "countersign.dev/v1", "kind": "ImagePolicy", "spec": spec })
}

fn trees(leaves: &[Value]) -> Vec<Value> {
    let mut trees: Vec<Value> = leaves.iter().map(|leaf| json!({ "all": [leaf] })).collect();
    for (at, x) in leaves.iter().enumerate() {
        for (later, y) in leaves.iter().enumerate().skip(at + 1) {
            trees.push(json!({ "any": [x, y] }));
            trees.push(json!({ "all": [x, y] }));
            trees.push(json!({ "atLeast": 2, "of": [x, y] }));
            for (last, z) in leaves.iter().enumerate() {
                if last > later {
                    trees.push(json!({ "atLeast": 2, "of": [x, y, z] }));
                }
                if z != x && z != y {
                    trees.push(json!({ "any": [{ "all": [x, y] }, z] }));
                    trees.push(json!({ "all": [{ "any": [x, y] }, z] }));
                    trees.push(
                        json!({ "atLeast": 2, "of": [{ "all": [x, y] }, { "any": [y, z] }, z] }),
                    );
                }
            }
        }
    }
    trees
}

/// The digests that the lists of an image name, at most four.
fn candidates(spec: &Value, leaves: &[Value], layout: &Layout, now: &str) -> Vec<String> {
    let mut digests = BTreeSet::new();
    for leaf in leaves {
        let Ok(policy) = Policy::parse(&document(spec, leaf)) else {
            continue;
        };
        let request = support::request(layout.reference());
        let (_, evidence) = support::decide(&policy, &request, now, |f| layout.answer(f));
        for item in evidence {
            let (Some(list), Answer::Found { bytes, .. }) = (list_name(&item.fetch), &item.answer)
            else {
                continue;
            };
            let document: Value = serde_json::from_slice(&bytes.0).unwrap();
            for element in document[list].as_array().into_iter().flatten() {
                digests.insert(element["digest"].as_str().unwrap().to_owned());
            }
        }
    }
    digests.into_iter().take(4).collect()
}

/// The answer without some digests: not listed any more, or listed and not to be had.
fn withheld(
    answer: Answer,
    fetch: &Fetch,
    is_listed: bool,
    without: &impl Fn(&str) -> bool,
) -> Answer {
    match (fetch, answer) {
        (Fetch::Manifest { digest, .. } | Fetch::Blob { digest, .. }, _)
            if is_listed && without(digest) =>
        {
            Answer::Unavailable { reason: UnavailableReason::Transport, message: String::new() }
        }
        (fetch, Answer::Found { bytes, .. }) if !is_listed && list_name(fetch).is_some() => {
            let list = list_name(fetch).unwrap();
            let mut document: Value = serde_json::from_slice(&bytes.0).unwrap();
            if let Some(elements) = document[list].as_array_mut() {
                elements.retain(|e| !without(e["digest"].as_str().unwrap_or_default()));
            }
            found(document.to_string().into_bytes())
        }
        (_, answer) => answer,
    }
}
