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
            respond(refuse(vec![error], "enforce", Time::from_unix(0)))
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
        Err(error) => return respond(refuse(vec![error], "enforce", Time::from_unix(0))),
    };
    let budget = question.budget.unwrap_or_default();
    respond(match policy {
        Ok(policy) => evaluate(policy, &question.request, &question.evidence, now, budget),
        Err(errors) => refuse(errors.clone(), "enforce", now),
    })
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

fn respond(step: Step) -> StepResponse {
    let (need, decision) = match step {
        Step::Need(need) => (Some(need), None),
        Step::Decision(decision) => (None, Some(*decision)),
    };
    StepResponse { api_version: STEP_VERSION.to_owned(), need, decision }
}
