//! The corpora, and a native driver of the contract.
#![allow(dead_code, reason = "each test takes what it needs")]

#[allow(unreachable_pub, reason = "as in the host, from where it comes")]
pub(crate) mod layout;
pub(crate) mod promises;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use countersign::{
    Step, evaluate,
    evidence::Budget,
    policy::Policy,
    time::Time,
    wire::{Decision, EvidenceItem, Fetch, ImageRequest, Request},
};
use layout::{Layout, Selector};
use promises::Made;
use serde::Deserialize;
use serde_json::Value;

/// Rounds that no decision needs more of.
pub(crate) const MOST_ROUNDS: usize = 157;

/// One case of `corpora/cases.json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) reference: String,
    pub(crate) now: String,
    pub(crate) expect: String,
    pub(crate) policy: Value,
}

pub(crate) fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora")
}

pub(crate) fn cases() -> Vec<Case> {
    let bytes = std::fs::read(corpora().join("cases.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// A two-column table of a test: id and text.
pub(crate) fn table(name: &str) -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name);
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (id, text) = line.split_once('\t').unwrap();
            (id.to_owned(), text.to_owned())
        })
        .collect()
}

/// `oci-layout:layouts/NAME:TAG` of the corpora.
pub(crate) fn open(reference: &str) -> Layout {
    let rest = reference.strip_prefix("oci-layout:").unwrap();
    let (directory, tag) = rest.rsplit_once(':').unwrap();
    Layout::open(&corpora().join(directory), Some(Selector::Tag(tag.to_owned())), None).unwrap()
}

pub(crate) fn request(reference: &str) -> Request {
    Request {
        images: vec![ImageRequest { reference: reference.to_owned(), path: None }],
        can_patch: false,
        kind: None,
        ..Request::default()
    }
}

/// Drives the contract natively to the decision; returns the evidence that it took too.
pub(crate) fn decide(
    policy: &Policy,
    request: &Request,
    now: &str,
    mut answer: impl FnMut(&Fetch) -> countersign::wire::Answer,
) -> (Decision, Vec<EvidenceItem>) {
    let now = Time::parse(now).unwrap();
    let mut evidence: Vec<EvidenceItem> = Vec::new();
    for _ in 0..MOST_ROUNDS {
        match evaluate(policy, request, &evidence, now, Budget::default()) {
            Step::Decision(decision) => {
                let budget = Budget::default();
                Made { policy, request, evidence: &evidence, now, budget }.holds(&decision);
                return (*decision, evidence);
            }
            Step::Need(needs) => {
                assert!(!needs.is_empty(), "an empty need");
                for fetch in needs {
                    assert!(evidence.iter().all(|e| e.fetch != fetch), "{fetch:?} twice");
                    let answer = answer(&fetch);
                    evidence.push(EvidenceItem { fetch, answer });
                }
            }
        }
    }
    panic!("no decision after {MOST_ROUNDS} rounds");
}

/// A case's decision with the evidence that it took.
pub(crate) fn decide_case(case: &Case) -> Result<(Decision, Vec<EvidenceItem>), Vec<String>> {
    let policy = Policy::parse(&case.policy)
        .map_err(|errors| errors.into_iter().map(|e| e.code).collect::<Vec<_>>())?;
    let layout = open(&case.reference);
    let request = request(layout.reference());
    Ok(decide(&policy, &request, &case.now, |fetch| layout.answer(fetch)))
}
