//! Instances that are kept, and those that are not: with guests that count their decisions.

use std::{
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use countersign::wire::{Answer, Fetch, Request};
use countersign_host::{
    driver::{DriverError, Judgement, Keep, Question, Warm, decide},
    runtime::{Engine, Limits, Module, Profile, RuntimeError, Slots},
    source::{EvidenceSource, Nothing},
};
use serde_json::{Value, json};

use crate::guest::with_body;

const STEP: &str = "countersign.dev/step/v1";

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(Profile::Wide).unwrap())
}

/// A guest that keeps a count: `$prepare` and what else its text names are the calls of it.
fn guest(body: &str) -> Vec<u8> {
    let prepared = json!({ "apiVersion": STEP, "errors": [] }).to_string();
    let need = json!({ "apiVersion": STEP, "need": [{ "resolve": { "reference": "r.io/a:1" } }] });
    let need = need.to_string();
    let usage = json!({ "evidenceBytes": 0, "candidates": 0, "signatureOperations": 0 });
    let decision = json!({
        "outcome": "allow", "mode": "enforce", "images": [], "now": "000", "usage": usage,
    });
    let decision = json!({ "apiVersion": STEP, "decision": decision }).to_string();
    let parts = [&prepared, &need, &decision];
    let at = |n: usize| 1024 + parts[..n].iter().map(|part| part.len()).sum::<usize>();
    let answer = |n: usize| {
        let length = parts[n].len();
        format!(
            "(call $response (i32.const {}) (i32.const {length})) (return (i32.const 1))",
            at(n)
        )
    };
    // The three digits of the decision's `now` are the count.
    let now = at(2) + decision.find("000").unwrap();
    let digit = |n: usize, by: usize| {
        format!(
            "(i32.store8 (i32.const {}) (i32.add (i32.const 48) (i32.rem_u
               (i32.div_u (i32.load (i32.const 16)) (i32.const {by})) (i32.const 10))))",
            now + n
        )
    };
    let count = format!(
        "(i32.store (i32.const 16) (i32.add (i32.load (i32.const 16)) (i32.const 1))) {} {} {}",
        digit(0, 100),
        digit(1, 10),
        digit(2, 1)
    );
    let body = body
        .replace("$prepared", &answer(0))
        .replace("$need", &answer(1))
        .replace("$decision", &format!("{count} {}", answer(2)));
    with_body(&format!("{body} i32.const 0"), parts.map(String::as_str).concat().as_bytes())
}

/// By the lengths of the operations' names.
fn on(operation: &str, body: &str) -> String {
    let length = operation.len();
    format!("(if (i32.eq (local.get $op) (i32.const {length})) (then {body}))")
}

/// Decides at once, and does something else when it is asked for the second time.
fn second(body: &str) -> Vec<u8> {
    let twice = format!("(if (i32.eq (i32.load (i32.const 16)) (i32.const 1)) (then {body}))");
    guest(&(on("prepare", "$prepared") + &on("begin", &format!("{twice} $decision"))))
}

fn warm(wasm: &[u8], limits: Limits, keep: Keep) -> Warm {
    Warm::new(Module::compile(engine(), wasm).unwrap(), limits, keep)
}

fn judge_by(
    warm: &Warm,
    source: &dyn EvidenceSource,
    policy: &Value,
) -> Result<Judgement, DriverError> {
    let request = Request::default();
    let now = "2026-11-21T03:00:00Z";
    decide(warm, source, &Question { policy, request: &request, now, budget: None })
}

/// How many decisions the instance has made with this one.
fn judge(warm: &Warm, policy: &str) -> Result<u32, DriverError> {
    let judgement = judge_by(warm, &Nothing, &json!({ "name": policy }))?;
    Ok(judgement.decision.now.parse().unwrap())
}

#[test]
fn an_instance_makes_decisions_under_its_policy_as_long_as_it_may() {
    let keep = Keep { decisions: 3, ..Keep::default() };
    let warm = warm(&second(""), Limits::default(), keep);
    let counts: Vec<_> = (0..7).map(|_| judge(&warm, "a").unwrap()).collect();
    assert_eq!(counts, [1, 2, 3, 1, 2, 3, 1]);
    assert_eq!(warm.idle(), 1);
}

#[test]
fn every_policy_has_an_instance_of_its_own_and_the_oldest_makes_room() {
    let keep = Keep { instances: 2, ..Keep::default() };
    let warm = warm(&second(""), Limits::default(), keep);
    for (policy, count) in [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 3)] {
        assert_eq!(judge(&warm, policy), Ok(count), "{policy}");
    }
    // It takes the place of `b`, which was used before `a` was.
    assert_eq!(judge(&warm, "c"), Ok(1));
    assert_eq!(judge(&warm, "a"), Ok(4));
    assert_eq!(judge(&warm, "b"), Ok(1));
    assert_eq!(warm.idle(), 2);
}

#[test]
fn no_more_are_kept_than_may_wait() {
    let keep = Keep { idle: 1, ..Keep::default() };
    let warm = warm(&second(""), Limits::default(), keep);
    for (policy, count) in [("a", 1), ("a", 2), ("b", 1), ("a", 1)] {
        assert_eq!(judge(&warm, policy), Ok(count), "{policy}");
    }
    let none = Keep { idle: 0, ..Keep::default() };
    let warm = self::warm(&second(""), Limits::default(), none);
    assert_eq!((judge(&warm, "a"), judge(&warm, "a")), (Ok(1), Ok(1)));
}

#[test]
fn one_that_was_stopped_is_thrown_away() {
    let forever = "(loop $again (br $again))";
    let deadline = Duration::from_millis(100);
    let short = Limits { deadline, fuel: u64::MAX, ..Limits::default() };
    let poor = Limits { fuel: 10_000, ..Limits::default() };
    let grow = "(if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable))";
    let small = Limits { memory: 8 << 20, ..Limits::default() };
    for (what, limits, error) in [
        (forever, short, RuntimeError::Deadline(deadline)),
        (forever, poor, RuntimeError::Fuel(10_000)),
        (grow, small, RuntimeError::Memory(8 << 20)),
        ("(call $exit (i32.const 3))", small, RuntimeError::Exit(3)),
        ("(return (i32.const 0))", small, RuntimeError::Guest(String::new())),
    ] {
        let warm = warm(&second(what), limits, Keep::default());
        assert_eq!(judge(&warm, "a"), Ok(1), "{what}");
        assert_eq!(judge(&warm, "a"), Err(DriverError::Runtime(error)), "{what}");
        assert_eq!(warm.idle(), 0, "{what}");
        assert_eq!(judge(&warm, "a"), Ok(1), "{what}");
    }
}

#[test]
fn one_that_grew_too_large_is_thrown_away() {
    let grow = second("(drop (memory.grow (i32.const 100)))");
    let keep = Keep { memory: 4 << 20, ..Keep::default() };
    let warm = warm(&grow, Limits::default(), keep);
    assert_eq!((judge(&warm, "a"), judge(&warm, "a")), (Ok(1), Ok(2)));
    assert_eq!(judge(&warm, "a"), Ok(1));
}

#[test]
fn one_that_gave_a_decision_up_is_thrown_away() {
    let endless =
        guest(&(on("prepare", "$prepared") + &on("begin", "$need") + &on("resume", "$need")));
    let warm = warm(&endless, Limits::default(), Keep::default());
    assert!(matches!(judge(&warm, "a"), Err(DriverError::NoProgress(_))));
    let garbled = guest(&(on("prepare", "$prepared") + &on("begin", "$prepared")));
    let warm2 = self::warm(&garbled, Limits::default(), Keep::default());
    assert!(matches!(judge(&warm2, "a"), Err(DriverError::Malformed(_))));
    assert_eq!((warm.idle(), warm2.idle()), (0, 0));
}

#[test]
fn a_module_that_keeps_nothing_is_asked_with_everything() {
    let older = guest(&on("evaluate", "$decision"));
    let warm = warm(&older, Limits::default(), Keep::default());
    assert_eq!((judge(&warm, "a"), judge(&warm, "a")), (Ok(1), Ok(2)));
}

/// Makes another decision while the first one waits for it.
struct Nested<'a> {
    warm: &'a Warm,
    seen: Mutex<Vec<Result<u32, DriverError>>>,
}

impl EvidenceSource for Nested<'_> {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        let inner = judge(self.warm, "a");
        self.seen.lock().unwrap().push(inner);
        Nothing.fetch(fetch)
    }
}

#[test]
fn a_decision_waits_its_turn_and_not_for_ever() {
    let asks =
        guest(&(on("prepare", "$prepared") + &on("begin", "$need") + &on("resume", "$decision")));
    for (instances, busy) in [(1, true), (2, false)] {
        let keep = Keep { instances, wait: Duration::from_millis(50), ..Keep::default() };
        let warm = warm(&asks, Limits::default(), keep);
        let source = Nested { warm: &warm, seen: Mutex::default() };
        let outer = judge_by(&warm, &source, &json!({ "name": "a" }));
        assert_eq!(outer.unwrap().decision.now, "001", "{instances}");
        let seen = source.seen.into_inner().unwrap();
        match &seen[..] {
            [Err(DriverError::Runtime(RuntimeError::Busy(message)))] if busy => {
                assert_eq!(message, "all 1 were at work for 50ms");
            }
            [Ok(1)] if !busy => {}
            other => panic!("{instances}: {other:?}"),
        }
        // Whoever was turned away has taken nobody's place.
        assert!(judge(&warm, "a").is_ok());
    }
}

#[test]
fn many_threads_share_the_slots_of_a_pool() {
    let slots = Slots { instances: 3, memory: 1 << 20 };
    let pooled = Engine::pooled(Profile::Wide, slots).unwrap();
    assert_eq!(pooled.remark(), None);
    let module = Module::compile(&pooled, &second("")).unwrap();
    let keep = Keep {
        instances: 3,
        idle: 2,
        decisions: 5,
        wait: Duration::from_secs(60),
        ..Keep::default()
    };
    let warm = Warm::new(module, Limits::default(), keep);
    let made = AtomicUsize::new(0);
    thread::scope(|scope| {
        for t in 0..8 {
            let (warm, made) = (&warm, &made);
            scope.spawn(move || {
                for n in 0..100 {
                    let policy = ["a", "b", "c", "d"][(t + n) % 4];
                    assert!(judge(warm, policy).unwrap() <= 5);
                    made.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(made.into_inner(), 800);
    assert!(warm.idle() <= 2);
}
