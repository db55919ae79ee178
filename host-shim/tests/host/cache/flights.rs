//! Many who ask at once, and the instances that decide for them.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use countersign::wire::{
    Answer, Decision, EvidenceItem, Fetch, Outcome, StepRequest, StepResponse,
};
use countersign_host::{
    cache::{CachedJudgement, DecisionFigures},
    driver::{Evaluator, Question, Rounds},
    runtime::{Outcome as Answered, RuntimeError},
    source::{EvidenceSource, Traffic},
};
use serde_json::json;

use super::decisions::{Ask, Counted, Native, age, in_memory, signed};
use crate::{
    signed::{HOUR, NOW, by_digest, digest, image, policy, requiring},
    sigstore::instant::rfc3339,
};

fn asked() -> Ask {
    Ask::of(requiring(&json!("ci")), by_digest())
}

/// Waits until so many have asked for the image's manifest, and a moment longer, in which they come to
/// wait for each other.
fn gathered(source: &Counted, count: usize) {
    let until = Instant::now() + Duration::from_secs(20);
    let named = digest(&image("app"));
    let manifest =
        |fetch: &Fetch| matches!(fetch, Fetch::Manifest { digest, .. } if *digest == named);
    while source.has_asked(manifest) < count && Instant::now() < until {
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(Duration::from_millis(200));
}

/// Withholds blobs until so many are there, and says when it does.
struct Gathering {
    source: Counted,
    count: usize,
    withholds: AtomicBool,
}

impl Gathering {
    fn of(count: usize) -> Self {
        Self { source: signed(), count, withholds: AtomicBool::new(false) }
    }
}

impl EvidenceSource for Gathering {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        if matches!(fetch, Fetch::Blob { .. }) {
            self.withholds.store(true, Ordering::SeqCst);
            gathered(&self.source, self.count);
        }
        self.source.fetch(fetch)
    }
}

#[test]
fn of_many_who_ask_at_once_one_decides() {
    let (source, decisions) = (Gathering::of(8), in_memory());
    let ask = Ask::of(requiring(&json!("ci")), by_digest());
    let judged: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| ask.ask(&decisions, &source))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let blobs = |fetch: &&Fetch| matches!(fetch, Fetch::Blob { .. });
    assert_eq!(source.source.asked().iter().filter(blobs).count(), 1);
    let DecisionFigures { hits, shared, misses, .. } = decisions.figures();
    assert_eq!((misses, hits + shared), (1, 7));
    assert!(shared > 0, "{hits} {shared}");
    let first = &judged[0].judgement.response;
    assert!(judged.iter().all(|one| one.judgement.response == *first));
    let in_flight = judged.iter().filter_map(|one| one.hit.as_ref());
    assert!(in_flight.filter(|hit| hit.source == "in flight").all(|hit| !hit.evidence.is_empty()));
}

#[test]
fn one_that_fails_fails_for_all_who_wait_and_is_not_kept() {
    /// Fails at its second step, when all are there.
    struct Faulty<'a>(&'a Counted, AtomicUsize);
    impl Evaluator for Faulty<'_> {
        fn step(&self, request: &[u8]) -> Result<Answered, RuntimeError> {
            let response = countersign::step_json(request);
            let parsed: StepResponse = serde_json::from_slice(&response).unwrap();
            if parsed.need.is_some_and(|need| need.iter().any(|f| matches!(f, Fetch::Blob { .. })))
            {
                self.1.fetch_add(1, Ordering::SeqCst);
                gathered(self.0, 4);
                return Err(RuntimeError::Trap("as the test wants".to_owned()));
            }
            Ok(response.into())
        }
    }
    let (source, decisions) = (signed(), in_memory());
    let faulty = Faulty(&source, AtomicUsize::new(0));
    let ask = Ask::of(requiring(&json!("ci")), by_digest());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(ask.with(&faulty, &decisions, &source).is_err()));
        }
    });
    assert!(faulty.1.load(Ordering::SeqCst) < 4);
    assert_eq!(ask.ask(&decisions, &source).hit, None);
}

#[test]
fn a_leader_that_panics_leaves_nobody_waiting() {
    /// Panics once, when a blob is asked for.
    struct Panics<'a>(&'a Counted, AtomicUsize);
    impl EvidenceSource for Panics<'_> {
        fn fetch(&self, fetch: &Fetch) -> Answer {
            self.0.fetch(fetch)
        }

        fn traffic(&self) -> Traffic {
            // The driver asks for it in the thread that decides.
            let asked = self.0.has_asked(|f| matches!(f, Fetch::Blob { .. })) > 0;
            if asked && self.1.fetch_add(1, Ordering::SeqCst) == 0 {
                panic!("as the test wants");
            }
            Traffic::default()
        }
    }
    let (source, decisions) = (signed(), in_memory());
    let panics = Panics(&source, AtomicUsize::new(0));
    let ask = Ask::of(requiring(&json!("ci")), by_digest());
    let ended: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| ask.ask(&decisions, &panics))).collect();
        all.into_iter().map(|one| one.join().is_ok()).collect()
    });
    assert_eq!(ended.iter().filter(|ok| !**ok).count(), 1);
}

#[test]
fn nobody_gets_a_decision_that_is_made_for_another_time() {
    let ending = policy(json!({
        "rules": [{ "images": ["**"], "require": "security" }],
        "exceptions": [{
            "images": ["**"], "waive": ["*"], "until": rfc3339(NOW + 2), "owner": "a", "reason": "b",
        }],
    }));
    for (ask, after, outcome) in [
        (asked(), HOUR, Outcome::Allow),
        (asked(), -HOUR, Outcome::Allow),
        // Near enough, and past its end.
        (Ask::of(ending, by_digest()), 2, Outcome::Deny),
    ] {
        let (source, decisions) = (Gathering::of(2), in_memory());
        let later = ask.after(after);
        thread::scope(|scope| {
            let leader = scope.spawn(|| ask.ask(&decisions, &source));
            while !source.withholds.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            let CachedJudgement { judgement, hit } = later.ask(&decisions, &source);
            let Decision { outcome: found, now, .. } = judgement.decision;
            assert_eq!((hit, found, now), (None, outcome, rfc3339(NOW + after)));
            let leader = leader.join().unwrap().judgement.decision;
            assert_eq!((leader.outcome, leader.now), (Outcome::Allow, rfc3339(NOW)));
        });
    }
}

/// An evaluator of which one instance may be at work in a thread, as with a pool of one.
#[derive(Default)]
struct Pool {
    /// Out, and given back.
    counts: Mutex<(usize, usize)>,
}

struct OfPool<'a>(&'a Pool, &'a Question<'a>);

impl Rounds for OfPool<'_> {
    fn next(&mut self, evidence: &[EvidenceItem], _: usize) -> Result<Answered, RuntimeError> {
        let step = StepRequest {
            api_version: "countersign.dev/step/v1".to_owned(),
            policy: self.1.policy.clone(),
            request: self.1.request.clone(),
            evidence: evidence.to_vec(),
            now: self.1.now.to_owned(),
            budget: self.1.budget,
        };
        Native.step(&serde_json::to_vec(&step).unwrap())
    }

    fn done(self: Box<Self>) {
        self.0.counts.lock().unwrap().1 += 1;
    }
}

impl Drop for OfPool<'_> {
    fn drop(&mut self) {
        self.0.counts.lock().unwrap().0 -= 1;
    }
}

impl Evaluator for Pool {
    fn step(&self, _: &[u8]) -> Result<Answered, RuntimeError> {
        Err(RuntimeError::Protocol("not asked for".to_owned()))
    }

    fn open<'a>(
        &'a self,
        question: &'a Question<'_>,
    ) -> Result<Option<Box<dyn Rounds + 'a>>, RuntimeError> {
        let mut counts = self.counts.lock().unwrap();
        if counts.0 > 0 {
            return Err(RuntimeError::Busy("one is at work".to_owned()));
        }
        counts.0 += 1;
        Ok(Some(Box::new(OfPool(self, question))))
    }
}

#[test]
fn an_instance_is_given_back_while_the_cache_and_others_are_waited_for() {
    let (source, decisions, pool) = (signed(), in_memory(), Pool::default());
    let made = asked().with(&pool, &decisions, &source).unwrap();
    assert_eq!(made.judgement.decision, asked().uncached(&source));
    assert_eq!(*pool.counts.lock().unwrap(), (0, 2), "one to ask, one to decide");
    let found = asked().with(&pool, &decisions, &source).unwrap();
    assert_eq!((age(&found), *pool.counts.lock().unwrap()), (Some(0), (0, 3)), "and it is whole");
}
