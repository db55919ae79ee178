//! The operations `prepare`, `begin` and `resume`: each part of a decision is sent once. A module
//! that does not have them is asked by `evaluate`, with everything, on the same instance.

use std::borrow::Cow;

use countersign::wire::{BeginRequest, EvidenceItem, PrepareRequest, ResumeRequest, STEP_VERSION};
use serde_json::Value;

use super::{
    Question, Rounds,
    evaluator::{json, whole},
};
use crate::runtime::{Instance, Outcome, RuntimeError};

/// An instance that was given a policy.
pub(super) struct Prepared {
    pub(super) instance: Instance,
    /// The module keeps the policy.
    keeps: bool,
    /// Fuel that reading it took, until a decision has paid for it.
    fuel: u64,
}

impl Prepared {
    pub(super) fn new(mut instance: Instance, policy: &Value) -> Result<Self, RuntimeError> {
        let api_version = Cow::Borrowed(STEP_VERSION);
        let request = json(&PrepareRequest { api_version, policy: Cow::Borrowed(policy) })?;
        match instance.call("prepare", &request) {
            Ok(outcome) => Ok(Self { instance, keeps: true, fuel: outcome.fuel }),
            // An older module; or a document that is no policy to `prepare`. What is wrong with it
            // is for `evaluate` to say.
            Err(RuntimeError::Guest(_)) => Ok(Self { instance, keeps: false, fuel: 0 }),
            Err(e) => Err(e),
        }
    }
}

/// One decision on such an instance.
pub(super) struct Session<'a> {
    prepared: Prepared,
    question: &'a Question<'a>,
    begun: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(prepared: Prepared, question: &'a Question<'_>) -> Self {
        Self { prepared, question, begun: false }
    }

    /// The instance, for the next decision under the same policy.
    pub(super) fn into_prepared(self) -> Prepared {
        self.prepared
    }

    fn request(&self, evidence: &[EvidenceItem], new: usize) -> Result<Vec<u8>, RuntimeError> {
        let api_version = Cow::Borrowed(STEP_VERSION);
        if !self.prepared.keeps {
            return whole(self.question, evidence);
        }
        if self.begun {
            let unknown = evidence.len().saturating_sub(new);
            let evidence = Cow::Borrowed(evidence.get(unknown..).unwrap_or_default());
            return json(&ResumeRequest { api_version, evidence });
        }
        json(&BeginRequest {
            api_version,
            request: Cow::Borrowed(self.question.request),
            evidence: Cow::Borrowed(evidence),
            now: Cow::Borrowed(self.question.now),
            budget: self.question.budget,
        })
    }
}

impl Rounds for Session<'_> {
    fn next(&mut self, evidence: &[EvidenceItem], new: usize) -> Result<Outcome, RuntimeError> {
        let request = self.request(evidence, new)?;
        let operation = match (self.prepared.keeps, self.begun) {
            (false, _) => "evaluate",
            (true, false) => "begin",
            (true, true) => "resume",
        };
        let mut outcome = self.prepared.instance.call(operation, &request)?;
        self.begun = true;
        outcome.fuel += std::mem::take(&mut self.prepared.fuel);
        Ok(outcome)
    }
}
