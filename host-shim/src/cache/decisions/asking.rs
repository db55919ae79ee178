//! The driver's loop, with a look into the cache once it is known what is asked about.

use std::collections::BTreeSet;

use countersign::{
    time::Time,
    wire::{Answer, EvidenceItem, Fetch},
};

use super::{CachedJudgement, Decisions, Key, Setting};
use crate::{
    driver::{Asked, DriverError, Evaluator, Judgement, Question, Run, Stats},
    source::EvidenceSource,
};

/// [`decide`](crate::driver::decide), or what was decided before.
///
/// The module is asked once, as always, and says what it needs. What of that says which images
/// these are, the digests that tags name now and the images' own manifests, is fetched in any case,
/// so that a decision about a repository is given to nobody who may not read it. Only then is the
/// cache asked.
///
/// # Errors
/// As for `decide`. A store that fails is none.
pub fn decide_cached(
    decisions: &Decisions,
    setting: &Setting<'_>,
    evaluator: &dyn Evaluator,
    source: &dyn EvidenceSource,
    question: &Question<'_>,
) -> Result<CachedJudgement, DriverError> {
    let mut run = Run::start(source);
    let (need, reads) = match run.ask(evaluator, question)? {
        Asked::Decision(judgement) => return Ok(decisions.pass(*judgement)),
        Asked::Need { need, reads } => (need, reads),
    };
    let names = |fetch: &Fetch| matches!(fetch, Fetch::Resolve { .. } | Fetch::Manifest { .. });
    let (names, rest): (Vec<_>, Vec<_>) = need.into_iter().partition(names);
    let names = named_all(run.fetch(names)?);
    // A module that does not say what it reads does not say until when it holds.
    let (Some(names), Some(reads), Some(now)) = (names, reads, Time::parse(question.now)) else {
        run.fetch(rest)?;
        return Ok(decisions.pass(run.finish(evaluator, question)?));
    };
    // What is not in the key is not there for the module either.
    let request = question.request.only(&reads);
    let question = Question { request: &request, ..question.clone() };
    let key = Key::of(setting, &question, &names);
    decisions.under(&key, now, &Named { run, rest, names, evaluator, question })
}

/// A decision under way, of which it is known which images it is about.
pub(super) struct Named<'a> {
    run: Run<'a>,
    rest: Vec<Fetch>,
    names: Vec<(Fetch, String)>,
    evaluator: &'a dyn Evaluator,
    question: Question<'a>,
}

impl Named<'_> {
    pub(super) fn decide(&self) -> Result<Judgement, DriverError> {
        let mut run = self.run.clone();
        run.fetch(self.rest.clone())?;
        run.finish(self.evaluator, &self.question)
    }

    /// What it has taken to know that.
    pub(super) fn stats(&self) -> Stats {
        self.run.stats()
    }

    /// True where the key says what all of this is about: it rests on no tag's meaning and on no
    /// repository beside those that were asked first. Whoever finds the decision has asked these.
    pub(super) fn covers(&self, evidence: &[EvidenceItem]) -> bool {
        let known = |fetch: &Fetch| self.names.iter().any(|(name, _)| name == fetch);
        let repositories: BTreeSet<&str> =
            self.names.iter().filter_map(|(fetch, _)| repository(fetch)).collect();
        evidence.iter().all(|item| match &item.fetch {
            fetch @ Fetch::Resolve { .. } => known(fetch),
            fetch => repository(fetch).is_none_or(|name| repositories.contains(name)),
        })
    }
}

/// Where on a registry; none for what is not on one.
fn repository(fetch: &Fetch) -> Option<&str> {
    match fetch {
        Fetch::Resolve { reference } => reference.rsplit_once(':').map(|(name, _)| name),
        Fetch::Manifest { repository, .. }
        | Fetch::Tag { repository, .. }
        | Fetch::Referrers { repository, .. }
        | Fetch::Blob { repository, .. } => Some(repository),
        Fetch::Ocsp { .. } | Fetch::Crl { .. } => None,
    }
}

/// What the images are, if that is known of all of them: each fetch and the digest of its answer.
fn named_all(items: &[EvidenceItem]) -> Option<Vec<(Fetch, String)>> {
    let named = |item: &EvidenceItem| match (&item.answer, &item.fetch) {
        (Answer::Resolved { digest }, fetch) => Some((fetch.clone(), digest.clone())),
        (Answer::Found { reserialised: false, .. }, Fetch::Manifest { digest, .. }) => {
            Some((item.fetch.clone(), digest.clone()))
        }
        _ => None,
    };
    items.iter().map(named).collect()
}
