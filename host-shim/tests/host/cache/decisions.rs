//! Decisions that were made before: under which key, for how long, for whom, and how many are made.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use countersign::{
    evidence::Budget,
    time::Time,
    wire::{
        Answer, Decision, Fetch, ImageRequest, Outcome, Request, StepRequest, StepResponse,
        UnavailableReason,
    },
};
use countersign_host::{
    cache::{
        CachedJudgement, DecisionAges, DecisionFigures, DecisionStore, Decisions, Entry, Key,
        MemoryDecisions, Setting, decide_cached,
    },
    driver::{DriverError, Evaluator, Question, decide},
    runtime::{Outcome as Answered, RuntimeError},
    source::{EvidenceSource, Traffic},
};
use serde_json::{Value, json};

use super::Hand;
use crate::{
    signed::{
        HOUR, NOW, Registry, attestation, by_digest, digest, image, pod, policy, requiring,
        signed_by,
    },
    sigstore::instant::rfc3339,
};

pub(crate) const SETTING: Setting<'static> =
    Setting { module: "sha256:module", roads: "online", audience: "" };

/// What is changed, and how.
type Named<F> = (&'static str, F);

/// The core itself, in the place of the module that is made of it.
pub(crate) struct Native;

impl Evaluator for Native {
    fn step(&self, request: &[u8]) -> Result<Answered, RuntimeError> {
        Ok(countersign::step_json(request).into())
    }
}

/// A registry that counts what it is asked, and may be slow.
pub(crate) struct Counted {
    pub(crate) registry: Mutex<Registry>,
    pub(crate) asked: Mutex<Vec<Fetch>>,
    pub(crate) delay: Duration,
}

impl Counted {
    pub(crate) fn new(registry: Registry) -> Self {
        Self { registry: Mutex::new(registry), asked: Mutex::default(), delay: Duration::ZERO }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Registry)) {
        change(&mut self.registry.lock().unwrap());
    }

    /// How many of these it was asked for.
    pub(crate) fn has_asked(&self, which: impl Fn(&Fetch) -> bool) -> usize {
        self.asked.lock().unwrap().iter().filter(|fetch| which(fetch)).count()
    }

    pub(crate) fn asked(&self) -> Vec<Fetch> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl EvidenceSource for Counted {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        self.asked.lock().unwrap().push(fetch.clone());
        thread::sleep(self.delay);
        self.registry.lock().unwrap().answer(fetch)
    }

    fn traffic(&self) -> Traffic {
        Traffic { requests: self.asked.lock().unwrap().len() as u64, bytes: 0 }
    }
}

/// Everything that is asked.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) policy: Value,
    pub(crate) request: Request,
    pub(crate) now: i64,
    pub(crate) budget: Option<Budget>,
    pub(crate) setting: Setting<'static>,
}

impl Ask {
    pub(crate) fn of(policy: Value, request: Request) -> Self {
        Self { policy, request, now: NOW, budget: None, setting: SETTING }
    }

    pub(crate) fn after(&self, seconds: i64) -> Self {
        Self { now: self.now + seconds, ..self.clone() }
    }

    pub(crate) fn ask(
        &self,
        decisions: &Decisions,
        source: &dyn EvidenceSource,
    ) -> CachedJudgement {
        self.with(&Native, decisions, source).unwrap()
    }

    pub(crate) fn with(
        &self,
        evaluator: &dyn Evaluator,
        decisions: &Decisions,
        source: &dyn EvidenceSource,
    ) -> Result<CachedJudgement, DriverError> {
        let now = rfc3339(self.now);
        let question = Question {
            policy: &self.policy,
            request: &self.request,
            now: &now,
            budget: self.budget,
        };
        decide_cached(decisions, &self.setting, evaluator, source, &question)
    }

    pub(crate) fn uncached(&self, source: &dyn EvidenceSource) -> Decision {
        let now = rfc3339(self.now);
        let question =
            Question { policy: &self.policy, request: &self.request, now: &now, budget: None };
        decide(&Native, source, &question).unwrap().decision
    }
}

/// By a clock that stands still: this machine may be busy for longer than a decision lasts.
pub(crate) fn in_memory() -> Decisions {
    let store = MemoryDecisions::with_clock(64, 1 << 20, Arc::new(Hand::default()));
    Decisions::new(vec![Arc::new(store)], DecisionAges::default())
}

/// `reg.test/app`, signed by `ci`.
pub(crate) fn signed() -> Counted {
    Counted::new(Registry::with(&[signed_by("ci", &image("app"))]))
}

fn by_tag(tag: &str) -> Request {
    let reference = format!("reg.test/app:{tag}");
    let image = ImageRequest { reference, path: None };
    Request { images: vec![image], ..Request::default() }
}

pub(crate) fn age(judged: &CachedJudgement) -> Option<u64> {
    judged.hit.as_ref().map(|hit| hit.age)
}

#[test]
fn the_second_one_is_found_and_is_the_same_to_the_byte() {
    for (request, named) in [
        (by_tag("1"), Fetch::Resolve { reference: "reg.test/app:1".to_owned() }),
        (
            by_digest(),
            Fetch::Manifest {
                repository: "reg.test/app".to_owned(),
                digest: digest(&image("app")),
                max_bytes: Budget::default().manifest_bytes,
            },
        ),
    ] {
        let (source, decisions) = (signed(), in_memory());
        let ask = Ask::of(requiring(&json!("ci")), request);
        let made = ask.ask(&decisions, &source);
        assert_eq!((made.hit, made.judgement.decision.outcome), (None, Outcome::Allow));
        assert!(source.asked().len() > 4);
        let found = ask.after(42).ask(&decisions, &source);
        assert_eq!(source.asked(), [named], "what says which image it is, and nothing else");
        let hit = found.hit.unwrap();
        assert_eq!((hit.source, hit.age, hit.made), ("memory", 42, Time::from_unix(NOW)));
        assert_eq!(hit.until, Time::from_unix(NOW + 300));
        let expected = format!("from the cache (memory): decided 42 s ago, at {}", rfc3339(NOW));
        assert_eq!(hit.to_string(), expected);
        assert!(hit.evidence.contains(&digest(&image("app"))) && hit.evidence.is_sorted());
        assert_eq!(found.judgement.response, made.judgement.response);
        assert_eq!(found.judgement.decision, made.judgement.decision);
        let stats = found.judgement.stats;
        assert_eq!((stats.rounds, stats.fetches, stats.requests), (1, 1, 1));
        let figures = DecisionFigures { hits: 1, misses: 1, ..DecisionFigures::default() };
        assert_eq!(decisions.figures(), figures);
    }
}

#[test]
fn a_tag_that_moves_is_another_image() {
    let (source, decisions) = (signed(), in_memory());
    let ask = Ask::of(requiring(&json!("ci")), by_tag("1"));
    ask.ask(&decisions, &source);
    assert_eq!(age(&ask.ask(&decisions, &source)), Some(0));
    source.change(|registry| registry.tag("1", &image("other")));
    let moved = ask.ask(&decisions, &source);
    assert_eq!((moved.hit, moved.judgement.decision.outcome), (None, Outcome::Deny));
    source.change(|registry| registry.tag("1", &image("app")));
    let back = ask.ask(&decisions, &source);
    assert_eq!((age(&back), back.judgement.decision.outcome), (Some(0), Outcome::Allow));
    // Another tag of the same image is another reference.
    source.change(|registry| registry.tag("2", &image("app")));
    assert_eq!(age(&Ask::of(requiring(&json!("ci")), by_tag("2")).ask(&decisions, &source)), None);
}

#[test]
fn who_may_not_read_the_repository_is_told_nothing() {
    let decisions = in_memory();
    for request in [by_tag("1"), by_digest()] {
        let ask = Ask::of(requiring(&json!("ci")), request);
        ask.ask(&decisions, &signed());
        for answer in [
            Answer::Denied { message: "no".to_owned() },
            Answer::Absent { message: "gone".to_owned() },
            Answer::Unavailable {
                reason: UnavailableReason::Transport,
                message: "down".to_owned(),
            },
        ] {
            let source = signed();
            let manifest = digest(&image("app"));
            source.change(|registry| {
                registry.answers.insert(manifest, answer.clone());
                registry.answers.insert("reg.test/app:1".to_owned(), answer);
            });
            let judged = ask.ask(&decisions, &source);
            assert_eq!(judged.hit, None);
            assert_ne!(judged.judgement.decision.outcome, Outcome::Allow);
            assert_eq!(judged.judgement.decision, ask.uncached(&source));
        }
        assert_eq!(age(&ask.ask(&decisions, &signed())), Some(0), "nothing of that was kept");
    }
    assert_eq!(decisions.figures().passed, 6, "the cache was not asked at all");
}

/// What a rule for Pods in namespace `a`, and a condition on the operation, make of a Pod.
fn admission() -> Ask {
    let rule = json!({
        "images": ["**"], "require": "ci",
        "match": { "kinds": ["Pod"], "namespaces": ["a"] },
        "conditions": [{ "cel": "request.operation == 'CREATE'" }],
    });
    let reference = format!("reg.test/app@{}", digest(&image("app")));
    Ask::of(policy(json!({ "rules": [rule] })), pod(&reference, true))
}

#[test]
fn everything_that_a_decision_depends_on_is_in_its_key() {
    let base = admission();
    let changes: [Named<fn(&mut Ask)>; 16] = [
        ("the module", |ask| ask.setting.module = "sha256:other"),
        ("the roads", |ask| ask.setting.roads = "offline"),
        ("the audience", |ask| ask.setting.audience = "tenant"),
        ("a part that slides into the next", |ask| {
            (ask.setting.module, ask.setting.roads) = ("sha256:moduleo", "nline");
        }),
        ("the policy", |ask| ask.policy["spec"]["mode"] = json!("warn")),
        ("a key of an authority that no rule names", |ask| {
            let spec = &mut ask.policy["spec"]["authorities"];
            spec["security"] = spec["ci"].clone();
        }),
        ("a trusted root", |ask| {
            let trust = &mut ask.policy["spec"]["trust"];
            trust["other"] = trust["test"].clone();
        }),
        ("the budget", |ask| {
            ask.budget = Some(Budget { candidates: 3, ..Budget::default() });
        }),
        ("the namespace", |ask| ask.request.namespace = Some("b".to_owned())),
        ("the kind", |ask| ask.request.kind = Some("Job".to_owned())),
        ("the operation", |ask| ask.request.operation = Some("UPDATE".to_owned())),
        ("where the image stands", |ask| {
            ask.request.images[0].path = Some("/spec/containers/1/image".to_owned());
        }),
        ("whether a patch can be made", |ask| ask.request.can_patch = false),
        ("how the image is written", |ask| {
            let reference = &mut ask.request.images[0].reference;
            *reference = reference.replace("app@", "app:1@");
        }),
        ("another image beside it", |ask| {
            let image = ask.request.images[0].clone();
            ask.request.images.push(image);
        }),
        ("the group", |ask| ask.request.group = Some("apps".to_owned())),
    ];
    for (name, change) in changes {
        let (source, decisions) = (signed(), in_memory());
        base.ask(&decisions, &source);
        let mut other = base.clone();
        change(&mut other);
        assert_eq!(age(&other.ask(&decisions, &source)), None, "{name}");
        assert_eq!(age(&base.ask(&decisions, &source)), Some(0), "{name}");
    }
}

#[test]
fn what_the_policy_does_not_read_is_not_in_the_key() {
    let (source, decisions) = (signed(), in_memory());
    let base = admission();
    let made = base.ask(&decisions, &source);
    let changes: [fn(&mut Request); 5] = [
        |request| request.name = Some("another".to_owned()),
        |request| request.object = None,
        |request| request.old_object = Some(json!({ "a": 1 })),
        |request| request.user_info = Some(json!({ "username": "u" })),
        |request| request.namespace_labels = Some(json!({ "a": "b" })),
    ];
    for change in changes {
        let mut other = base.clone();
        change(&mut other.request);
        let found = other.ask(&decisions, &source);
        assert_eq!(age(&found), Some(0));
        // And it is what would be decided.
        assert_eq!(found.judgement.decision, other.uncached(&source));
        assert_eq!(found.judgement.decision, made.judgement.decision);
    }
}

#[test]
fn a_decision_is_as_old_as_its_outcome_may_be() {
    for (authority, outcome, most) in [("ci", Outcome::Allow, 300), ("security", Outcome::Deny, 30)]
    {
        let (source, decisions) = (signed(), in_memory());
        let ask = Ask::of(requiring(&json!(authority)), by_digest());
        assert_eq!(ask.ask(&decisions, &source).judgement.decision.outcome, outcome);
        let last = ask.after(most - 1).ask(&decisions, &source);
        assert_eq!(age(&last), Some(most as u64 - 1));
        let anew = ask.after(most).ask(&decisions, &source);
        assert_eq!(age(&anew), None);
        assert_eq!(anew.judgement.decision.now, rfc3339(NOW + most));
        let of_anew = ask.after(most + 5).ask(&decisions, &source);
        assert_eq!(age(&of_anew), Some(5));
        // A clock that is behind has not seen it made.
        assert_eq!(age(&ask.after(-1).ask(&decisions, &source)), None);
    }
}

#[test]
fn a_decision_ends_with_what_it_rests_on() {
    let excepting = |left: i64| {
        policy(json!({
            "rules": [{ "images": ["**"], "require": "security" }],
            "exceptions": [{
                "images": ["**"], "waive": ["*"], "until": rfc3339(NOW + left),
                "owner": "a", "reason": "b",
            }],
        }))
    };
    for left in [1, 2, 29] {
        let (source, decisions) = (signed(), in_memory());
        let ask = Ask::of(excepting(left), by_digest());
        assert_eq!(ask.ask(&decisions, &source).judgement.decision.outcome, Outcome::Allow);
        let last = ask.after(left - 1).ask(&decisions, &source);
        assert_eq!(age(&last), Some(left as u64 - 1));
        assert_eq!(last.hit.unwrap().until, Time::from_unix(NOW + left));
        let ended = ask.after(left).ask(&decisions, &source);
        assert_eq!((ended.hit, ended.judgement.decision.outcome), (None, Outcome::Deny), "{left}");
    }
}

#[test]
fn one_that_an_exception_lets_pass_is_no_older_than_a_denial() {
    let excepting = policy(json!({
        "rules": [{ "images": ["**"], "require": "security" }],
        "exceptions": [{
            "images": ["**"], "waive": ["*"], "until": rfc3339(NOW + HOUR), "owner": "a", "reason": "b",
        }],
    }));
    let (source, decisions) = (signed(), in_memory());
    let ask = Ask::of(excepting, by_digest());
    assert_eq!(ask.ask(&decisions, &source).judgement.decision.outcome, Outcome::Allow);
    assert_eq!(age(&ask.after(29).ask(&decisions, &source)), Some(29));
    assert_eq!(age(&ask.after(30).ask(&decisions, &source)), None);
}

#[test]
fn what_is_undetermined_in_any_part_is_never_kept() {
    let withheld = || {
        let mut registry = Registry::new();
        let blob = registry.attach(&signed_by("ci", &image("app")));
        registry.withhold(&blob);
        Counted::new(registry)
    };
    let rule = |fields: Value| {
        let mut rule = json!({ "images": ["**"], "require": "ci" });
        rule.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        policy(json!({ "rules": [rule] }))
    };
    for (document, outcome) in [
        (rule(json!({})), Outcome::Undetermined),
        (rule(json!({ "undetermined": "warn" })), Outcome::Allow),
        (rule(json!({ "mode": "audit" })), Outcome::Undetermined),
    ] {
        let (source, decisions) = (withheld(), in_memory());
        let ask = Ask::of(document, by_digest());
        for _ in 0..2 {
            let judged = ask.ask(&decisions, &source);
            assert_eq!((judged.hit, judged.judgement.decision.outcome), (None, outcome));
        }
        assert_eq!(decisions.figures().misses, 2);
    }
}

#[test]
fn what_needs_nothing_and_what_is_wrong_is_not_kept() {
    let decisions = in_memory();
    let allows = policy(json!({ "rules": [{ "images": ["**"], "static": "allow" }] }));
    let wrong = json!({ "apiVersion": "countersign.dev/v1", "kind": "ImagePolicy" });
    for document in [allows, wrong] {
        let source = signed();
        let ask = Ask::of(document, by_tag("1"));
        for _ in 0..2 {
            assert_eq!(ask.ask(&decisions, &source).hit, None);
            assert!(source.asked().is_empty(), "nothing is fetched that is not needed");
        }
    }
    assert_eq!(decisions.figures().passed, 4);
}

/// A module of before there was `reads`.
struct Older;

impl Evaluator for Older {
    fn step(&self, request: &[u8]) -> Result<Answered, RuntimeError> {
        let response = countersign::step_json(request);
        let mut response: StepResponse = serde_json::from_slice(&response).unwrap();
        response.reads = None;
        Ok(serde_json::to_vec(&response).unwrap().into())
    }
}

#[test]
fn a_module_that_does_not_say_what_it_reads_decides_each_time() {
    let (source, decisions) = (signed(), in_memory());
    let ask = Ask::of(requiring(&json!("ci")), by_digest());
    for _ in 0..2 {
        let judged = ask.with(&Older, &decisions, &source).unwrap();
        assert_eq!((judged.hit, judged.judgement.decision.outcome), (None, Outcome::Allow));
        assert_eq!(judged.judgement.decision, ask.uncached(&source));
    }
}

#[test]
fn a_clock_that_is_set_back_makes_no_decision_older_than_it_may_be() {
    let (source, clock) = (signed(), Arc::new(Hand::default()));
    let store = MemoryDecisions::with_clock(16, 1 << 20, clock.clone());
    let decisions = Decisions::new(vec![Arc::new(store)], DecisionAges::default());
    let ask = Ask::of(requiring(&json!("ci")), by_digest());
    ask.ask(&decisions, &source);
    clock.forward(Duration::from_secs(299));
    assert_eq!(
        age(&ask.after(4).ask(&decisions, &source)),
        Some(4),
        "by the clock that was set back"
    );
    clock.forward(Duration::from_secs(1));
    assert_eq!(age(&ask.after(5).ask(&decisions, &source)), None);
    assert_eq!(age(&ask.after(5).ask(&decisions, &source)), Some(0));
}

/// Needs one thing more than the core does, before it decides.
struct Further(Fetch);

impl Evaluator for Further {
    fn step(&self, request: &[u8]) -> Result<Answered, RuntimeError> {
        let response = countersign::step_json(request);
        let step: StepRequest = serde_json::from_slice(request).unwrap();
        let mut answer: StepResponse = serde_json::from_slice(&response).unwrap();
        if answer.decision.is_none() || step.evidence.iter().any(|item| item.fetch == self.0) {
            return Ok(response.into());
        }
        answer.decision = None;
        answer.need = Some(vec![self.0.clone()]);
        Ok(serde_json::to_vec(&answer).unwrap().into())
    }
}

#[test]
fn a_decision_that_rests_on_what_nobody_asked_first_is_not_kept() {
    let repository = |name: &str| format!("reg.test/{name}");
    let tag =
        |name: &str| Fetch::Tag { repository: repository(name), tag: "x".to_owned(), max_bytes: 9 };
    let blob = |name: &str| Fetch::Blob {
        repository: repository(name),
        digest: digest(b""),
        max_bytes: 9,
    };
    for (fetch, kept) in [
        (tag("app"), true),
        (blob("app"), true),
        (Fetch::Crl { url: "http://crl.test/".to_owned(), max_bytes: 9 }, true),
        (tag("other"), false),
        (blob("app/other"), false),
        (Fetch::Resolve { reference: "reg.test/app:2".to_owned() }, false),
    ] {
        let (source, decisions) = (signed(), in_memory());
        let ask = Ask::of(requiring(&json!("ci")), by_digest());
        let ask = || ask.with(&Further(fetch.clone()), &decisions, &source).unwrap();
        assert_eq!(ask().judgement.decision.outcome, Outcome::Allow);
        assert_eq!(age(&ask()).is_some(), kept, "{fetch:?}");
    }
}

#[test]
fn memory_is_bounded() {
    let source = signed();
    let store = Arc::new(MemoryDecisions::new(2, 1 << 20));
    let decisions = Decisions::new(vec![store], DecisionAges::default());
    let asks: Vec<_> = ["a", "b", "c"]
        .iter()
        .map(|namespace| {
            let mut ask = admission();
            ask.policy["spec"]["rules"][0]["match"]["namespaces"] = json!(["*"]);
            ask.request.namespace = Some((*namespace).to_owned());
            ask
        })
        .collect();
    for ask in &asks {
        ask.ask(&decisions, &source);
    }
    assert_eq!(age(&asks[2].ask(&decisions, &source)), Some(0));
    assert_eq!(age(&asks[1].ask(&decisions, &source)), Some(0));
    assert_eq!(age(&asks[0].ask(&decisions, &source)), None);
    let small = Arc::new(MemoryDecisions::new(100, 100));
    let decisions = Decisions::new(vec![small], DecisionAges::default());
    for _ in 0..2 {
        assert_eq!(age(&asks[0].ask(&decisions, &source)), None, "too large for it");
    }
}

/// A store that anybody may write to.
#[derive(Default)]
pub(crate) struct Open(pub(crate) Mutex<BTreeMap<Key, Entry>>);

impl DecisionStore for Open {
    fn name(&self) -> &'static str {
        "open"
    }

    fn get(&self, key: &Key) -> Option<Entry> {
        self.0.lock().unwrap().get(key).cloned()
    }

    fn put(&self, key: &Key, entry: &Entry, _: Duration) {
        self.0.lock().unwrap().insert(*key, entry.clone());
    }
}

#[test]
fn what_is_found_further_away_is_kept_nearer() {
    let (source, far) = (signed(), Arc::new(Open::default()));
    let ask = Ask::of(requiring(&json!("ci")), by_digest());
    let tiers = || {
        let near: Arc<dyn DecisionStore> = Arc::new(MemoryDecisions::default());
        Decisions::new(vec![near, far.clone()], DecisionAges::default())
    };
    ask.ask(&tiers(), &source);
    let other = tiers();
    assert_eq!(ask.after(7).ask(&other, &source).hit.unwrap().source, "open");
    far.0.lock().unwrap().clear();
    let near = ask.after(9).ask(&other, &source).hit.unwrap();
    assert_eq!((near.source, near.age), ("memory", 9));
}

#[test]
fn an_entry_that_should_not_be_there_is_not_used() {
    let source = signed();
    let ask = Ask::of(requiring(&json!("ci")), by_digest());
    let changes: [Named<fn(&mut Entry)>; 7] = [
        ("not a response", |entry| entry.response = b"{".to_vec()),
        ("no decision", |entry| {
            entry.response = br#"{"apiVersion":"countersign.dev/step/v1"}"#.to_vec();
        }),
        ("another version", |entry| replace(entry, "step/v1", "step/v0")),
        ("a younger time", |entry| entry.made = Time::from_unix(NOW + 100)),
        ("an older time", |entry| entry.made = Time::from_unix(NOW - 100)),
        ("undetermined", |entry| replace(entry, "\"allow\"", "\"undetermined\"")),
        ("an error", |entry| {
            let error = r#""errors":[{"code":"internal","path":"","message":""}],"mode""#;
            replace(entry, "\"mode\"", error);
        }),
    ];
    for (name, change) in changes {
        let store = Arc::new(Open::default());
        let decisions = Decisions::new(vec![store.clone()], DecisionAges::default());
        ask.ask(&decisions, &source);
        store.0.lock().unwrap().values_mut().for_each(change);
        assert_eq!(age(&ask.after(10).ask(&decisions, &source)), None, "{name}");
        assert_eq!(age(&ask.after(11).ask(&decisions, &source)), Some(1), "{name}: made anew");
    }
}

fn replace(entry: &mut Entry, from: &str, to: &str) {
    let text = String::from_utf8(entry.response.clone()).unwrap();
    assert!(text.contains(from));
    entry.response = text.replace(from, to).into_bytes();
}

#[test]
fn a_host_with_shorter_ages_asks_for_younger_decisions() {
    let (source, store) = (signed(), Arc::new(Open::default()));
    let ask = Ask::of(requiring(&json!("ci")), by_digest());
    let with = |seconds| {
        let ages = DecisionAges { allow: Duration::from_secs(seconds), ..DecisionAges::default() };
        Decisions::new(vec![store.clone()], ages)
    };
    ask.ask(&with(300), &source);
    assert_eq!(age(&ask.after(59).ask(&with(60), &source)), Some(59));
    assert_eq!(age(&ask.after(60).ask(&with(60), &source)), None);
    let never = with(0);
    for _ in 0..2 {
        assert_eq!(age(&ask.ask(&never, &source)), None);
    }
}

#[test]
fn attestations_that_age_end_a_decision() {
    use crate::signed::{VULN, attested_by, statement};
    let predicate = json!({ "metadata": { "scanFinishedOn": rfc3339(NOW - 100) } });
    let bundle = attested_by("ci", statement(&image("app"), VULN, &predicate));
    let source = Counted::new(Registry::with(&[bundle]));
    let decisions = in_memory();
    let ask = Ask::of(attestation(json!({ "maxAge": "2m" })), by_digest());
    assert_eq!(ask.ask(&decisions, &source).judgement.decision.outcome, Outcome::Allow);
    assert_eq!(age(&ask.after(20).ask(&decisions, &source)), Some(20));
    let stale = ask.after(21).ask(&decisions, &source);
    assert_eq!((stale.hit, stale.judgement.decision.outcome), (None, Outcome::Deny));
}
