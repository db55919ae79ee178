//! What a walk has found, so that a decision does not ask for it again.

use std::collections::BTreeMap;

use countersign::wire::{Answer, EvidenceItem, Fetch};

use crate::source::{EvidenceSource, Traffic};

/// Answers what is known, and leaves the rest to another source.
pub struct Known<'a> {
    answers: BTreeMap<Fetch, &'a Answer>,
    behind: &'a dyn EvidenceSource,
}

impl<'a> Known<'a> {
    /// Of a [`walk`](super::walk) over the same source.
    pub fn new(evidence: &'a [EvidenceItem], behind: &'a dyn EvidenceSource) -> Self {
        let known = evidence.iter().filter(|item| {
            // Another try may do where something could not be had.
            !matches!(item.answer, Answer::Unavailable { .. })
        });
        let answers = known.map(|item| (unlimited(&item.fetch), &item.answer)).collect();
        Self { answers, behind }
    }
}

impl EvidenceSource for Known<'_> {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        match self.answers.get(&unlimited(fetch)) {
            Some(Answer::Found { bytes, .. }) if bytes.0.len() as u64 > fetch.max_bytes() => {
                self.behind.fetch(fetch)
            }
            Some(answer) => (*answer).clone(),
            None => self.behind.fetch(fetch),
        }
    }

    fn traffic(&self) -> Traffic {
        self.behind.traffic()
    }
}

/// The same question, however large the answer may be.
pub(crate) fn unlimited(fetch: &Fetch) -> Fetch {
    let mut fetch = fetch.clone();
    match &mut fetch {
        Fetch::Resolve { .. } => {}
        Fetch::Manifest { max_bytes, .. }
        | Fetch::Tag { max_bytes, .. }
        | Fetch::Referrers { max_bytes, .. }
        | Fetch::Blob { max_bytes, .. }
        | Fetch::Ocsp { max_bytes, .. }
        | Fetch::Crl { max_bytes, .. } => *max_bytes = 0,
    }
    fetch
}
