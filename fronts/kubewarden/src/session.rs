//! `prepare`, `begin` and `resume`: a policy that this instance keeps, and one decision at a time
//! under it. Of a decision nothing is left once it is made or another one begins.

use std::cell::RefCell;

use countersign::{
    policy::Policy,
    step_with,
    wire::{
        BeginRequest, PolicyError, PrepareRequest, PrepareResponse, ResumeRequest, STEP_VERSION,
        StepResponse,
    },
};
use wapc_guest::CallResult;

thread_local! {
    static SESSION: RefCell<Option<Session>> = const { RefCell::new(None) };
}

/// What an instance keeps.
struct Session {
    policy: Result<Policy, Vec<PolicyError>>,
    /// The decision that waits for evidence.
    open: Option<BeginRequest<'static>>,
}

impl Session {
    fn step(&mut self, question: BeginRequest<'static>) -> StepResponse {
        let response = step_with(self.policy.as_ref(), &question);
        if response.need.is_some() {
            self.open = Some(question);
        }
        response
    }
}

/// Reads a policy, to be kept in place of the last.
pub(crate) fn prepare(payload: &[u8]) -> CallResult {
    // One that cannot be read leaves no other in its place.
    SESSION.take();
    let request = PrepareRequest::read(payload)?;
    check(&request.api_version)?;
    let policy = Policy::parse(&request.policy);
    let errors = policy.as_ref().err().cloned().unwrap_or_default();
    SESSION.set(Some(Session { policy, open: None }));
    Ok(PrepareResponse { api_version: STEP_VERSION.to_owned(), errors }.to_json())
}

/// The first step of a decision. One that is open is given up.
pub(crate) fn begin(payload: &[u8]) -> CallResult {
    respond(|session| {
        session.open = None;
        Ok(session.step(BeginRequest::read(payload)?))
    })
}

/// The next step, with the answers to what the last one needed.
pub(crate) fn resume(payload: &[u8]) -> CallResult {
    respond(|session| {
        let mut question = session.open.take().ok_or("no decision is open: call `begin`")?;
        let answers = ResumeRequest::read(payload)?;
        check(&answers.api_version)?;
        question.evidence.to_mut().extend(answers.evidence.into_owned());
        Ok(session.step(question))
    })
}

type Error = Box<dyn std::error::Error + Sync + Send>;

fn respond(step: impl FnOnce(&mut Session) -> Result<StepResponse, Error>) -> CallResult {
    SESSION.with_borrow_mut(|session| {
        let session = session.as_mut().ok_or("no policy is kept: call `prepare`")?;
        Ok(step(session)?.to_json())
    })
}

fn check(version: &str) -> Result<(), String> {
    if version == STEP_VERSION {
        return Ok(());
    }
    Err(format!("`apiVersion` is `{version}`, not `{STEP_VERSION}`"))
}

#[cfg(test)]
mod tests {
    use countersign::step_json;
    use serde_json::{Value, json};

    use super::*;

    const NOW: &str = "2026-11-21T03:00:00Z";

    fn policy() -> Value {
        let cases = include_bytes!("../../../corpora/cases.json");
        let cases: Value = serde_json::from_slice(cases).unwrap();
        cases[0]["policy"].clone()
    }

    fn call(operation: fn(&[u8]) -> CallResult, payload: &Value) -> Result<Value, String> {
        let answer = operation(payload.to_string().as_bytes()).map_err(|e| e.to_string())?;
        Ok(serde_json::from_slice(&answer).unwrap())
    }

    fn prepared(policy: &Value) -> Value {
        call(prepare, &json!({ "apiVersion": STEP_VERSION, "policy": policy })).unwrap()
    }

    fn question(reference: &str) -> Value {
        let request = json!({ "images": [{ "reference": reference }] });
        json!({ "apiVersion": STEP_VERSION, "request": request, "now": NOW })
    }

    fn answers(need: &Value) -> Vec<Value> {
        let answer = |fetch: &Value| {
            let answer = match fetch.get("resolve") {
                Some(_) => json!({ "resolved": { "digest": format!("sha256:{:064}", 1) } }),
                None => json!({ "absent": { "message": "manifest unknown" } }),
            };
            json!({ "fetch": fetch, "answer": answer })
        };
        need.as_array().unwrap().iter().map(answer).collect()
    }

    /// What `evaluate` says of the same.
    fn cold(policy: &Value, question: &Value, evidence: &[Value]) -> Value {
        let mut step = question.clone();
        step["policy"] = policy.clone();
        step["evidence"] = json!(evidence);
        serde_json::from_slice(&step_json(step.to_string().as_bytes())).unwrap()
    }

    fn resume_with(evidence: &[Value]) -> Result<Value, String> {
        call(resume, &json!({ "apiVersion": STEP_VERSION, "evidence": evidence }))
    }

    /// Decides, and holds each answer against that of `evaluate`; the rounds.
    fn decide(policy: &Value, reference: &str) -> usize {
        let question = question(reference);
        let mut response = call(begin, &question).unwrap();
        let mut evidence = Vec::new();
        for round in 1.. {
            assert_eq!(response, cold(policy, &question, &evidence), "round {round}");
            if response.get("decision").is_some() {
                return round;
            }
            let new = answers(&response["need"]);
            response = resume_with(&new).unwrap();
            evidence.extend(new);
        }
        unreachable!()
    }

    #[test]
    fn decisions_are_those_of_evaluate_one_after_the_other() {
        let policy = policy();
        assert_eq!(prepared(&policy)["errors"], json!([]));
        assert!(decide(&policy, "r.io/a:1") > 2);
        assert!(decide(&policy, "r.io/b:2") > 2, "nothing of the first is known");
        assert_eq!(decide(&policy, "not a reference"), 1);
    }

    #[test]
    fn a_policy_that_is_refused_says_so_and_denies() {
        prepared(&policy());
        let bad = json!({ "apiVersion": "countersign.dev/v1", "kind": "Nothing" });
        assert_ne!(prepared(&bad)["errors"], json!([]));
        assert_eq!(decide(&bad, "r.io/a:1"), 1);
        // The last one is not fallen back to.
        assert!(
            prepare(br#"{"apiVersion":"countersign.dev/step/v1","policy":{"a":1,"a":2}}"#).is_err()
        );
        let error = call(begin, &question("r.io/a:1")).unwrap_err();
        assert_eq!(error, "no policy is kept: call `prepare`");
    }

    #[test]
    fn answers_without_a_decision_that_waits_for_them_are_refused() {
        let nothing = "no decision is open: call `begin`";
        prepared(&policy());
        assert_eq!(resume_with(&[]).unwrap_err(), nothing);
        let need = call(begin, &question("r.io/a:1")).unwrap()["need"].clone();
        // A policy that is read anew, and a question that cannot be, give the open one up.
        prepared(&policy());
        assert_eq!(resume_with(&answers(&need)).unwrap_err(), nothing);
        call(begin, &question("r.io/a:1")).unwrap();
        assert!(begin(b"{}").is_err());
        assert_eq!(resume_with(&answers(&need)).unwrap_err(), nothing);
        assert_eq!(decide(&policy(), "not a reference"), 1);
        assert_eq!(resume_with(&[]).unwrap_err(), nothing, "it is decided");
    }

    #[test]
    fn words_of_another_version_are_refused() {
        for (operation, payload) in [
            (prepare as fn(&[u8]) -> CallResult, json!({ "apiVersion": "v0", "policy": {} })),
            (resume, json!({ "apiVersion": "v0", "evidence": [] })),
        ] {
            prepared(&policy());
            call(begin, &question("r.io/a:1")).unwrap();
            assert_eq!(
                call(operation, &payload).unwrap_err(),
                "`apiVersion` is `v0`, not `countersign.dev/step/v1`"
            );
        }
        let mut other = question("r.io/a:1");
        other["apiVersion"] = json!("v0");
        prepared(&policy());
        assert_eq!(call(begin, &other).unwrap(), cold(&policy(), &other, &[]));
        let mut late = question("r.io/a:1");
        late["now"] = json!("later");
        assert_eq!(call(begin, &late).unwrap(), cold(&policy(), &late, &[]));
    }
}
