//! One case, and how it is run.

use std::{sync::Arc, time::Instant};

use countersign::{
    time::Time,
    wire::{Decision, Outcome, PolicyError, Request, Usage},
};
use serde_json::Value;

use super::super::super::report::complaint;
use super::{expect::Expect, offline::Offline};
use crate::{
    driver::{Question, Warm, decide},
    policy::Document,
    record::describe,
};

/// A case, ready to be run.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) policy: Policy,
    pub(super) asked: Asked,
    pub(super) evidence: Offline,
    pub(super) now: Time,
    pub(super) expect: Expect,
}

/// A policy, and where its parts stand.
#[derive(Clone)]
pub(super) enum Policy {
    File(Arc<Document>),
    Inline(Arc<Value>),
}

/// What an admission front would ask the module, if anything.
pub(super) enum Asked {
    Judge(Box<Request>),
    /// Nothing of the object is judged.
    Pass,
    /// The object is refused before anything is judged.
    Refused(Vec<PolicyError>),
}

/// A case that has run.
pub(super) struct Ran {
    /// What is not as expected; empty where it passes.
    pub(super) failures: Vec<String>,
    pub(super) decision: Option<Decision>,
    /// What is wrong with the policy, and where.
    pub(super) errors: Vec<String>,
    pub(super) seconds: f64,
}

impl Case {
    /// Decides. An error is the module's, not the policy's.
    pub(super) fn run(&self, evaluator: &Warm) -> Result<Ran, String> {
        let start = Instant::now();
        let decision = match &self.asked {
            Asked::Judge(request) => self.decide(evaluator, request)?,
            Asked::Pass => self.without_module(Vec::new()),
            Asked::Refused(errors) => self.without_module(errors.clone()),
        };
        let lack = self.evidence.lacking.missing();
        let mut failures: Vec<_> = lack
            .iter()
            .map(|fetch| {
                format!("evidence: there is no {}", describe(fetch).trim_start_matches("the "))
            })
            .collect();
        if !lack.is_empty() {
            failures.push("record it again, with `countersign policy test --record`".to_owned());
        }
        failures.extend(self.expect.check(&decision));
        let locate = |pointer: &str| match &self.policy {
            Policy::File(document) => document.locate(pointer),
            Policy::Inline(_) => "policy".to_owned(),
        };
        let errors = decision.errors.iter().map(|e| complaint(e, "request", &locate)).collect();
        let seconds = start.elapsed().as_secs_f64();
        Ok(Ran { failures, decision: Some(decision), errors, seconds })
    }

    fn decide(&self, evaluator: &Warm, request: &Request) -> Result<Decision, String> {
        let (policy, now) = (self.policy.value(), self.now.to_string());
        let question = Question { policy, request, now: &now, budget: None };
        let judged = decide(evaluator, &self.evidence, &question);
        judged.map(|judgement| judgement.decision).map_err(|e| e.to_string())
    }

    /// What an admission front answers by itself.
    fn without_module(&self, errors: Vec<PolicyError>) -> Decision {
        Decision {
            outcome: if errors.is_empty() { Outcome::Allow } else { Outcome::Deny },
            errors,
            mode: "enforce".to_owned(),
            effective: None,
            images: Vec::new(),
            blobs: Vec::new(),
            patches: Vec::new(),
            warnings: Vec::new(),
            now: self.now.to_string(),
            valid_until: None,
            usage: Usage::default(),
        }
    }
}

impl Policy {
    pub(super) fn value(&self) -> &Value {
        match self {
            Self::File(document) => &document.value,
            Self::Inline(value) => value,
        }
    }
}
