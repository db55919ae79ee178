//! A decision as it is kept.

use std::{collections::BTreeSet, time::Duration};

use countersign::{
    reference::Digest,
    time::Time,
    wire::{Answer, Decision, EvidenceItem, Outcome, STEP_VERSION, StepResponse},
};

use super::DecisionAges;
use crate::driver::Judgement;

/// A decision, when it was made, and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The time that it was made for.
    pub made: Time,
    /// The module's answer, byte for byte.
    pub response: Vec<u8>,
    /// Digests of the evidence, sorted.
    pub evidence: Vec<String>,
}

impl Entry {
    pub(super) fn of(made: Time, judgement: &Judgement) -> Self {
        let (response, evidence) = (judgement.response.clone(), digests(&judgement.evidence));
        Self { made, response, evidence }
    }

    /// The decision, and until when it holds; nothing where it does not hold now. Whoever has kept
    /// it may have kept what never should be.
    pub(super) fn decision(&self, now: Time, ages: &DecisionAges) -> Option<(Decision, Time)> {
        let response: StepResponse = serde_json::from_slice(&self.response).ok()?;
        let decision = response.decision.filter(|_| response.api_version == STEP_VERSION)?;
        if response.need.is_some() || Time::parse(&decision.now)? != self.made {
            return None;
        }
        let until = own_end(&decision)?.min(self.made.plus(seconds(age(&decision, ages)?)));
        // An entry from a time to come is none that this clock has seen made.
        (self.made <= now && now < until).then_some((decision, until))
    }
}

/// The first instant at which the same evidence may lead to another decision. Nothing where it
/// cannot be read.
pub(super) fn own_end(decision: &Decision) -> Option<Time> {
    match &decision.valid_until {
        Some(text) => Time::parse(text),
        None => Some(Time::from_unix(i64::MAX)),
    }
}

/// How old the decision may be. An undetermined one may not be any older than it is.
fn age(decision: &Decision, ages: &DecisionAges) -> Option<Duration> {
    let images = decision.images.iter().flat_map(|image| [Some(image.outcome), image.raw]);
    let blobs = decision.blobs.iter().flat_map(|blob| [Some(blob.outcome), blob.raw]);
    let outcomes = images.chain(blobs).flatten().chain([decision.outcome]);
    let outcomes: BTreeSet<Outcome> = outcomes.collect();
    if outcomes.contains(&Outcome::Undetermined) || !decision.errors.is_empty() {
        return None;
    }
    let denies = outcomes.contains(&Outcome::Deny);
    Some(if denies { ages.deny.min(ages.allow) } else { ages.allow })
}

fn seconds(age: Duration) -> i64 {
    i64::try_from(age.as_secs()).unwrap_or(i64::MAX)
}

/// The digests of what was found, sorted.
fn digests(evidence: &[EvidenceItem]) -> Vec<String> {
    let digest = |item: &EvidenceItem| match &item.answer {
        Answer::Found { bytes, .. } => Some(Digest::sha256(&bytes.0).to_string()),
        Answer::Resolved { digest } => Some(digest.clone()),
        _ => None,
    };
    let digests: BTreeSet<String> = evidence.iter().filter_map(digest).collect();
    digests.into_iter().collect()
}
