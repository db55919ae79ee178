use std::{
    cell::RefCell,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use countersign::wire::{
    Answer, Decision, Fetch, ImageRequest, Outcome as Verdict, Request, STEP_VERSION, StepRequest,
    StepResponse, Usage,
};
use countersign_host::{
    driver::{DriverError, Evaluator, Judgement, MAX_ROUNDS, Question, decide},
    runtime::{Outcome, RuntimeError},
    source::EvidenceSource,
};
use serde_json::Value;

/// Evaluates with a closure.
struct Scripted<F>(RefCell<F>);

impl<F: FnMut(StepRequest) -> Vec<u8>> Evaluator for Scripted<F> {
    fn step(&self, request: &[u8]) -> Result<Outcome, RuntimeError> {
        let request = serde_json::from_slice(request).unwrap();
        let response = (self.0.borrow_mut())(request);
        Ok(Outcome { response, fuel: 10, memory: 100, log: String::new() })
    }
}

/// Answers every fetch after a while and counts how many wait at once.
#[derive(Default)]
struct Slow {
    delay: Duration,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl EvidenceSource for Slow {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        thread::sleep(self.delay);
        self.now.fetch_sub(1, Ordering::SeqCst);
        Answer::Absent { message: format!("{fetch:?}") }
    }
}

fn fetch(n: usize) -> Fetch {
    Fetch::Resolve { reference: format!("localhost/a:{n}") }
}

fn need(need: Vec<Fetch>) -> Vec<u8> {
    let api_version = STEP_VERSION.to_owned();
    serde_json::to_vec(&StepResponse { api_version, need: Some(need), reads: None, decision: None })
        .unwrap()
}

fn decision() -> Vec<u8> {
    let decision = Decision {
        outcome: Verdict::Allow,
        effective: None,
        errors: Vec::new(),
        mode: "enforce".to_owned(),
        images: Vec::new(),
        blobs: Vec::new(),
        patches: Vec::new(),
        warnings: Vec::new(),
        now: "2026-11-21T03:00:00Z".to_owned(),
        valid_until: None,
        usage: Usage::default(),
    };
    let api_version = STEP_VERSION.to_owned();
    serde_json::to_vec(&StepResponse {
        api_version,
        need: None,
        reads: None,
        decision: Some(decision),
    })
    .unwrap()
}

fn judge(
    source: &Slow,
    script: impl FnMut(StepRequest) -> Vec<u8>,
) -> Result<Judgement, DriverError> {
    let image = ImageRequest { reference: "localhost/a:1".to_owned(), path: None };
    let request = Request { images: vec![image], ..Request::default() };
    let question = Question {
        policy: &Value::Null,
        request: &request,
        now: "2026-11-21T03:00:00Z",
        budget: None,
    };
    decide(&Scripted(RefCell::new(script)), source, &question)
}

#[test]
fn fetches_what_is_needed_in_parallel_and_answers_each() {
    let source = Slow { delay: Duration::from_millis(50), ..Slow::default() };
    let start = Instant::now();
    let judgement = judge(&source, |request| match request.evidence.len() {
        0 => need((0..16).chain(0..4).map(fetch).collect()),
        16 => need(vec![fetch(99)]),
        _ => decision(),
    })
    .unwrap();
    assert!(start.elapsed() < Duration::from_millis(600), "{:?}", start.elapsed());
    assert_eq!(source.most.load(Ordering::SeqCst), 8);
    assert_eq!(judgement.response, decision());
    assert_eq!(judgement.evidence.len(), 17);
    for item in &judgement.evidence {
        assert_eq!(item.answer, Answer::Absent { message: format!("{:?}", item.fetch) });
    }
    assert_eq!((judgement.stats.rounds, judgement.stats.fetches), (3, 17));
    assert_eq!((judgement.stats.fuel, judgement.stats.memory), (30, 100));
}

#[test]
fn stops_where_the_module_makes_no_progress() {
    let source = Slow::default();
    let again = judge(&source, |_| need(vec![fetch(1)]));
    assert!(matches!(again, Err(DriverError::NoProgress(_))));
    let mut rounds = 0;
    let endless = judge(&source, |_| {
        rounds += 1;
        need(vec![fetch(rounds)])
    });
    assert!(matches!(endless, Err(DriverError::NoProgress(_))));
    assert_eq!(rounds, MAX_ROUNDS as usize);
    let flood = judge(&source, |_| need((0..5000).map(fetch).collect()));
    assert!(matches!(flood, Err(DriverError::NoProgress(_))));
}

#[test]
fn takes_nothing_for_a_decision_that_is_none() {
    let source = Slow::default();
    for response in [
        "",
        "{}",
        r#"{"apiVersion":"countersign.dev/step/v1"}"#,
        r#"{"apiVersion":"countersign.dev/step/v1","need":[]}"#,
        r#"{"apiVersion":"countersign.dev/step/v1","allowed":true}"#,
    ] {
        let result = judge(&source, |_| response.as_bytes().to_vec());
        assert!(matches!(result, Err(DriverError::Malformed(_))), "{response}");
    }
    let older = String::from_utf8(decision()).unwrap().replace("step/v1", "step/v0");
    let result = judge(&source, |_| older.clone().into_bytes());
    assert!(matches!(result, Err(DriverError::Malformed(_))));
}
