//! One step, as fronts call it: the words of the wire around [`evaluate`].

use super::{Step, evaluate, refuse, request_error};
use crate::{
    policy::Policy,
    time::Time,
    wire::{BeginRequest, PolicyError, STEP_VERSION, StepRequest, StepResponse},
};

/// One step over JSON: what the module exports. Never fails: what is wrong with the request is in
/// the decision.
pub fn step_json(request: &[u8]) -> Vec<u8> {
    let response = match serde_json::from_slice::<StepRequest>(request) {
        Ok(request) => {
            let (document, question) = request.split();
            step_with(Policy::parse(&document).as_ref(), &question)
        }
        Err(error) => {
            let error = request_error("/request", format!("not a step request: {error}"));
            respond(refuse(vec![error], "enforce", Time::from_unix(0)), None)
        }
    };
    response.to_json()
}

/// One step under a policy that was read before, or under what is wrong with it: the answer of
/// [`step_json`].
pub fn step_with(
    policy: Result<&Policy, &Vec<PolicyError>>,
    question: &BeginRequest<'_>,
) -> StepResponse {
    let now = match time_of(question) {
        Ok(now) => now,
        Err(error) => return respond(refuse(vec![error], "enforce", Time::from_unix(0)), None),
    };
    let budget = question.budget.unwrap_or_default();
    match policy {
        Ok(policy) => {
            let step = evaluate(policy, &question.request, &question.evidence, now, budget);
            respond(step, Some(policy))
        }
        Err(errors) => respond(refuse(errors.clone(), "enforce", now), None),
    }
}

/// When the decision is made; an error where the question is in words of another version.
fn time_of(question: &BeginRequest<'_>) -> Result<Time, PolicyError> {
    let (version, now) = (&question.api_version, &question.now);
    if *version != STEP_VERSION {
        let message = format!("`apiVersion` is `{version}`, not `{STEP_VERSION}`");
        return Err(request_error("/apiVersion", message));
    }
    Time::parse(now).ok_or_else(|| {
        let message = format!("`now` is `{now}`, not RFC 3339 such as 2026-11-21T03:00:00Z");
        request_error("/now", message)
    })
}

/// `policy` is there where the request could be read.
fn respond(step: Step, policy: Option<&Policy>) -> StepResponse {
    let api_version = STEP_VERSION.to_owned();
    match step {
        Step::Need(need) => {
            let reads = policy.map(Policy::reads);
            StepResponse { api_version, need: Some(need), reads, decision: None }
        }
        Step::Decision(decision) => {
            StepResponse { api_version, need: None, reads: None, decision: Some(*decision) }
        }
    }
}
