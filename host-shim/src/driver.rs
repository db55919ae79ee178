//! The loop: ask the module, fetch what it needs, ask again, until there is a decision.

mod evaluator;
mod session;
mod warm;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use countersign::{
    evidence::Budget,
    wire::{
        Answer, Decision, EvidenceItem, Fetch, Request, RequestField, STEP_VERSION, StepResponse,
        UnavailableReason,
    },
};
use serde_json::Value;

use evaluator::Steps;
pub use evaluator::{Evaluator, ModuleEvaluator, Rounds};
pub use warm::{Keep, Warm};

use crate::{
    runtime::RuntimeError,
    source::{EvidenceSource, Traffic},
};

/// Referrers of referrers that are followed ([`Budget::referrers`]), at the worst each of the one
/// before it.
const REFERRERS: u32 = 16;
/// Rounds until all signatures are there: the tag; manifest, tags and referrers; fallback tag;
/// manifests. Of each referrer that is an attestation: its referrers, its fallback tag, their
/// manifests. At last the envelopes.
const DISCOVERY: u32 = 4 + 3 * (1 + REFERRERS) + 1;
/// Rounds about revocation: OCSP; CRLs and their deltas, of responders' own certificates first, one
/// responder after the other; as many CRLs at a time as there is room for. A decision asks for no
/// more OCSP responses and CRLs than these, and in each round for one at least.
const REVOCATION: u32 = 100;
/// Times that the module is asked for one decision. Most take four to seven; the last brings the
/// decision.
pub const MAX_ROUNDS: u32 = DISCOVERY + REVOCATION + 1;
/// Fetches in flight at once.
const MAX_PARALLEL: usize = 8;
/// Fetches of one decision.
const MAX_FETCHES: usize = 4096;

/// What a decision is asked about.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The policy document.
    pub policy: &'a Value,
    /// The images.
    pub request: &'a Request,
    /// RFC 3339 in UTC.
    pub now: &'a str,
    /// Lower limits than the module's own.
    pub budget: Option<Budget>,
}

/// A decision and what it took.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The decision.
    pub decision: Decision,
    /// The last answer of the module, byte for byte.
    pub response: Vec<u8>,
    /// Everything that the decision rests on.
    pub evidence: Vec<EvidenceItem>,
    /// Figures.
    pub stats: Stats,
}

/// What a decision took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Times that the module was asked.
    pub rounds: u32,
    /// Fetches that it needed.
    pub fetches: u64,
    /// Requests that went over the wire.
    pub requests: u64,
    /// Bytes that came back.
    pub bytes: u64,
    /// Fuel of all rounds, and of reading the policy where that was not done before.
    pub fuel: u64,
    /// Bytes of linear memory that the instance has at the end.
    pub memory: usize,
}

/// Why there is no decision. Whoever asked must refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriverError {
    /// The module's answer is not a step response.
    Malformed(String),
    /// The module asks for what it has, or goes on for ever.
    NoProgress(String),
    /// The module gave no answer.
    Runtime(RuntimeError),
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(e) => write!(f, "the module's answer is not a step response: {e}"),
            Self::NoProgress(e) => write!(f, "the module makes no progress: {e}"),
            Self::Runtime(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for DriverError {}

/// Goes round until there is a decision.
pub fn decide(
    evaluator: &dyn Evaluator,
    source: &dyn EvidenceSource,
    question: &Question<'_>,
) -> Result<Judgement, DriverError> {
    Run::start(source).finish(evaluator, question)
}

/// A decision under way: what was fetched for it, and what that took.
#[derive(Clone)]
pub(crate) struct Run<'a> {
    source: &'a dyn EvidenceSource,
    before: Traffic,
    evidence: Vec<EvidenceItem>,
    asked: BTreeSet<Fetch>,
    stats: Stats,
}

/// What the module says to a question, before anything is fetched.
pub(crate) enum Asked {
    /// This, whatever there is to be fetched.
    Decision(Box<Judgement>),
    /// What it needs, and what of the request it looks at.
    Need { need: Vec<Fetch>, reads: Option<Vec<RequestField>> },
}

impl<'a> Run<'a> {
    /// Nothing was asked yet.
    pub(crate) fn start(source: &'a dyn EvidenceSource) -> Self {
        let (before, evidence) = (source.traffic(), Vec::new());
        Self { source, before, evidence, asked: BTreeSet::new(), stats: Stats::default() }
    }

    /// Asks the module once, on an instance that is free again when this returns.
    pub(crate) fn ask(
        &mut self,
        evaluator: &dyn Evaluator,
        question: &Question<'_>,
    ) -> Result<Asked, DriverError> {
        let mut rounds = open(evaluator, question)?;
        let next = self.step(&mut *rounds, self.evidence.len())?;
        rounds.done();
        Ok(match next {
            Next::Decision(decision, response) => {
                let (evidence, stats) = (self.evidence.clone(), self.stats());
                Asked::Decision(Box::new(Judgement { decision, response, evidence, stats }))
            }
            Next::Need(need, reads) => Asked::Need { need, reads },
        })
    }

    /// Goes on with what was fetched already, until there is a decision.
    pub(crate) fn finish(
        mut self,
        evaluator: &dyn Evaluator,
        question: &Question<'_>,
    ) -> Result<Judgement, DriverError> {
        let mut rounds = open(evaluator, question)?;
        let mut new = self.evidence.len();
        loop {
            match self.step(&mut *rounds, new)? {
                Next::Decision(decision, response) => {
                    rounds.done();
                    let stats = self.stats();
                    return Ok(Judgement { decision, response, evidence: self.evidence, stats });
                }
                Next::Need(need, _) => new = self.fetch(need)?.len(),
            }
        }
    }

    /// Fetches what the module needs. What came.
    pub(crate) fn fetch(&mut self, need: Vec<Fetch>) -> Result<&[EvidenceItem], DriverError> {
        let need = fresh(need, &mut self.asked)?;
        self.stats.fetches += need.len() as u64;
        let known = self.evidence.len();
        self.evidence.extend(fetch_all(self.source, need));
        Ok(self.evidence.get(known..).unwrap_or_default())
    }

    /// What it has taken so far.
    pub(crate) fn stats(&self) -> Stats {
        let mut stats = self.stats;
        stats.add_traffic(self.before, self.source.traffic());
        stats
    }

    /// One round. Of the evidence the last `new` items came since the one before.
    fn step(&mut self, rounds: &mut dyn Rounds, new: usize) -> Result<Next, DriverError> {
        if self.stats.rounds == MAX_ROUNDS {
            let message = format!("no decision after {MAX_ROUNDS} rounds");
            return Err(DriverError::NoProgress(message));
        }
        let outcome = rounds.next(&self.evidence, new).map_err(DriverError::Runtime)?;
        self.stats.rounds += 1;
        self.stats.fuel += outcome.fuel;
        self.stats.memory = self.stats.memory.max(outcome.memory);
        parse(outcome.response)
    }
}

fn open<'a>(
    evaluator: &'a dyn Evaluator,
    question: &'a Question<'_>,
) -> Result<Box<dyn Rounds + 'a>, DriverError> {
    let kept = evaluator.open(question).map_err(DriverError::Runtime)?;
    Ok(kept.unwrap_or_else(|| Box::new(Steps { evaluator, question })))
}

impl Stats {
    fn add_traffic(&mut self, before: Traffic, after: Traffic) {
        self.requests = after.requests.saturating_sub(before.requests);
        self.bytes = after.bytes.saturating_sub(before.bytes);
    }
}

enum Next {
    /// And the answer that it stands in.
    Decision(Decision, Vec<u8>),
    Need(Vec<Fetch>, Option<Vec<RequestField>>),
}

fn parse(answer: Vec<u8>) -> Result<Next, DriverError> {
    let malformed = |e: &str| DriverError::Malformed(e.to_owned());
    let response: StepResponse =
        serde_json::from_slice(&answer).map_err(|e| malformed(&e.to_string()))?;
    if response.api_version != STEP_VERSION {
        return Err(malformed(&format!("apiVersion is `{}`", response.api_version)));
    }
    match (response.need, response.decision) {
        (None, Some(decision)) => Ok(Next::Decision(decision, answer)),
        (Some(need), None) if !need.is_empty() => Ok(Next::Need(need, response.reads)),
        (Some(_), None) => Err(malformed("`need` is empty")),
        (Some(_), Some(_)) => Err(malformed("both `need` and `decision` are there")),
        (None, None) => Err(malformed("neither `need` nor `decision` is there")),
    }
}

/// The needs, each once. None may have been asked for in an earlier round: it was answered.
fn fresh(need: Vec<Fetch>, asked: &mut BTreeSet<Fetch>) -> Result<Vec<Fetch>, DriverError> {
    let mut fresh = BTreeSet::new();
    for fetch in need {
        if asked.contains(&fetch) {
            return Err(DriverError::NoProgress(format!("it asks again for {fetch:?}")));
        }
        fresh.insert(fetch);
    }
    asked.extend(fresh.iter().cloned());
    if asked.len() > MAX_FETCHES {
        return Err(DriverError::NoProgress(format!("it asks for more than {MAX_FETCHES} things")));
    }
    Ok(fresh.into_iter().collect())
}

/// All at once, as far as [`MAX_PARALLEL`] allows; each gets an answer.
pub(crate) fn fetch_all(source: &dyn EvidenceSource, need: Vec<Fetch>) -> Vec<EvidenceItem> {
    let answers: Vec<Mutex<Option<Answer>>> = need.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((fetch, slot)) = {
            let i = next.fetch_add(1, Ordering::Relaxed);
            need.get(i).zip(answers.get(i))
        } {
            let answer = source.fetch(fetch);
            *slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(answer);
        }
    };
    thread::scope(|scope| {
        let helpers: Vec<_> = (1..need.len().min(MAX_PARALLEL))
            // Without a thread the work is done here.
            .filter_map(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
            .collect();
        work();
        for helper in helpers {
            // A panic leaves its slot empty, which is answered below.
            let _ = helper.join();
        }
    });
    need.into_iter()
        .zip(answers)
        .map(|(fetch, slot)| {
            let answer = slot.into_inner().ok().flatten().unwrap_or_else(|| Answer::Unavailable {
                reason: UnavailableReason::Transport,
                message: "the host failed to ask".to_owned(),
            });
            EvidenceItem { fetch, answer }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_go_with_the_budget() {
        assert_eq!(Budget::default().referrers, u64::from(REFERRERS));
    }
}
