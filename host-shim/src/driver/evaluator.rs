//! What makes the steps of a decision: the module on an instance, or anything else that speaks the
//! contract.

use std::sync::Arc;

use countersign::{
    evidence::Budget,
    wire::{EvidenceItem, Request, STEP_VERSION},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    Question,
    session::{Prepared, Session},
};
use crate::runtime::{Call, Limits, Module, NoCallbacks, Outcome, RuntimeError};

/// Something that makes one step. The tests compare several; the command only has the module.
pub trait Evaluator {
    /// A `StepRequest` in, a `StepResponse` out, both as JSON.
    fn step(&self, request: &[u8]) -> Result<Outcome, RuntimeError>;

    /// A decision that is made on what the rounds before it have left. `None` where there is
    /// nothing to keep: each round is then a [`step`](Self::step) with all of the evidence.
    fn open<'a>(
        &'a self,
        question: &'a Question<'_>,
    ) -> Result<Option<Box<dyn Rounds + 'a>>, RuntimeError> {
        let _ = question;
        Ok(None)
    }
}

/// One decision, round by round. Dropping it gives the decision up.
pub trait Rounds {
    /// The module's next answer: a `StepResponse`. Of all the evidence so far the last `new` items
    /// came since the last round.
    fn next(&mut self, evidence: &[EvidenceItem], new: usize) -> Result<Outcome, RuntimeError>;

    /// Nothing more is asked: the last answer was the decision, or it is known from before.
    fn done(self: Box<Self>) {}
}

/// The module as an evaluator: a fresh instance for every decision.
#[derive(Clone)]
pub struct ModuleEvaluator {
    /// The module.
    pub module: Module,
    /// What each decision may spend.
    pub limits: Limits,
    /// The guest's clock, in nanoseconds since the Unix epoch.
    pub now: u64,
}

impl Evaluator for ModuleEvaluator {
    fn step(&self, request: &[u8]) -> Result<Outcome, RuntimeError> {
        self.module.call(&Call {
            operation: "evaluate",
            payload: request,
            now: self.now,
            limits: self.limits,
            callbacks: Arc::new(NoCallbacks),
        })
    }

    fn open<'a>(
        &'a self,
        question: &'a Question<'_>,
    ) -> Result<Option<Box<dyn Rounds + 'a>>, RuntimeError> {
        let instance = self.module.instantiate(self.limits, self.now, Arc::new(NoCallbacks))?;
        let prepared = Prepared::new(instance, question.policy)?;
        Ok(Some(Box::new(Session::new(prepared, question))))
    }
}

/// Rounds of an evaluator that keeps nothing.
pub(super) struct Steps<'a> {
    pub(super) evaluator: &'a dyn Evaluator,
    pub(super) question: &'a Question<'a>,
}

impl Rounds for Steps<'_> {
    fn next(&mut self, evidence: &[EvidenceItem], _new: usize) -> Result<Outcome, RuntimeError> {
        self.evaluator.step(&whole(self.question, evidence)?)
    }
}

/// A step that has everything in it: a `StepRequest`.
pub(super) fn whole(
    question: &Question<'_>,
    evidence: &[EvidenceItem],
) -> Result<Vec<u8>, RuntimeError> {
    json(&Whole {
        api_version: STEP_VERSION,
        policy: question.policy,
        request: question.request,
        evidence,
        now: question.now,
        budget: question.budget,
    })
}

/// `countersign::wire::StepRequest`, borrowed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a> {
    api_version: &'a str,
    policy: &'a Value,
    request: &'a Request,
    evidence: &'a [EvidenceItem],
    now: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<Budget>,
}

/// What is sent to the module.
pub(super) fn json(payload: &impl Serialize) -> Result<Vec<u8>, RuntimeError> {
    let unwritable = |e: serde_json::Error| RuntimeError::Protocol(e.to_string());
    serde_json::to_vec(payload).map_err(unwritable)
}
