//! What an instance costs, and what one that is kept saves: fuel and memory (the same on every
//! machine) and microseconds on this one. Prints the tables of docs/benchmarks.md.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use countersign::{
    time::Time,
    wire::{Answer, Fetch, ImageRequest, Outcome as Verdict, Request},
};
use countersign_host::{
    driver::{Evaluator, Judgement, Keep, ModuleEvaluator, Question, Warm, decide},
    pack::Pack,
    runtime::{
        Call, Compiled, Embedded, Engine, HostCallbacks, Limits, Module, NoCallbacks, Outcome,
        Profile, RuntimeError, Slots,
    },
    source::{EvidenceSource, Layout, Selector},
    walk,
};
use serde_json::{Value, json};

/// What is decided: a case of the corpora, under its policy with so many rules more.
const CASES: &[(&str, usize, &str)] = &[
    ("cosign-a-unsigned", 0, "no signature"),
    ("cosign-a-cosign-p256-right-key", 0, "key, P-256"),
    ("cosign-a-cosign-p256-right-key", 1_000, "key, P-256; 1,000 rules more"),
    ("keyless-exact", 0, "keyless"),
    ("notation-jws-p256", 0, "Notation, JWS"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A case, its evidence in memory.
struct Case {
    policy: Value,
    request: Request,
    now: String,
    answers: BTreeMap<Fetch, Answer>,
}

impl EvidenceSource for Case {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        self.answers[fetch].clone()
    }
}

impl Case {
    fn load(evaluator: &dyn Evaluator, id: &str, more: usize) -> Self {
        let cases: Vec<Value> =
            serde_json::from_slice(&fs::read(root().join("corpora/cases.json")).unwrap()).unwrap();
        let case = cases.iter().find(|c| c["id"] == id).unwrap();
        let place = case["reference"].as_str().unwrap().trim_start_matches("oci-layout:");
        let (directory, tag) = place.rsplit_once(':').unwrap();
        let directory = root().join("corpora").join(directory);
        let layout = Layout::open(&directory, Some(Selector::Tag(tag.to_owned())), None).unwrap();
        let image = ImageRequest { reference: layout.reference().to_owned(), path: None };
        let request = Request { images: vec![image], ..Request::default() };
        let now = case["now"].as_str().unwrap().to_owned();
        let policy = with_more(case["policy"].clone(), more);
        let question = Question { policy: &policy, request: &request, now: &now, budget: None };
        let evidence = decide(evaluator, &layout, &question).unwrap().evidence;
        let answers = evidence.into_iter().map(|item| (item.fetch, item.answer)).collect();
        Self { policy, request, now, answers }
    }

    fn judge(&self, evaluator: &dyn Evaluator) -> Judgement {
        let (request, now) = (&self.request, &self.now);
        let question = Question { policy: &self.policy, request, now, budget: None };
        decide(evaluator, self, &question).unwrap()
    }
}

/// Rules for other images, each with an authority of its own.
fn with_more(mut policy: Value, count: usize) -> Value {
    let authorities = policy["spec"]["authorities"].as_object_mut().unwrap();
    let one = authorities.values().next().unwrap().clone();
    authorities.extend((0..count).map(|n| (format!("team-{n}"), one.clone())));
    let rule =
        |n| json!({ "images": [format!("reg.test/team-{n}/**")], "require": format!("team-{n}") });
    policy["spec"]["rules"].as_array_mut().unwrap().extend((0..count).map(rule));
    policy
}

/// A fresh instance for every call, and everything sent with each.
struct Calls<'a>(&'a ModuleEvaluator);

impl Evaluator for Calls<'_> {
    fn step(&self, request: &[u8]) -> Result<Outcome, RuntimeError> {
        self.0.step(request)
    }
}

/// Microseconds, in the median.
fn measure<T>(times: usize, mut work: impl FnMut() -> T) -> f64 {
    let mut taken: Vec<Duration> = (0..times)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    taken.sort();
    taken[taken.len() / 2].as_secs_f64() * 1e6
}

fn load(engine: &Engine) -> ModuleEvaluator {
    assert_eq!(engine.remark(), None);
    let read = |suffix: &str| -> &'static [u8] {
        let path = root().join(format!("target/module/policy-wide.{suffix}"));
        fs::read(path).expect("run `make countersign`").leak()
    };
    let embedded = Embedded {
        wasm: Some(read("wasm")),
        compiled: Some(unsafe { Compiled::new(read("cwasm")) }),
        matched: false,
    };
    let (module, note) = Module::embedded(engine, embedded).unwrap();
    assert_eq!(note, None);
    ModuleEvaluator { module, limits: Limits::default(), now: 0 }
}

/// A stock Kubewarden in memory: the digest of the image, and its evidence pack.
struct Stock {
    digest: String,
    pack: Vec<u8>,
}

impl Stock {
    fn new(id: &str) -> (Self, String) {
        let cases = fs::read(root().join("corpora/cases.json")).unwrap();
        let cases: Vec<Value> = serde_json::from_slice(&cases).unwrap();
        let case = cases.iter().find(|c| c["id"] == id).unwrap();
        let place = case["reference"].as_str().unwrap().trim_start_matches("oci-layout:");
        let (directory, tag) = place.rsplit_once(':').unwrap();
        let directory = root().join("corpora").join(directory);
        let layout = Layout::open(&directory, Some(Selector::Tag(tag.to_owned())), None).unwrap();
        let reference = layout.reference().to_owned();
        let Answer::Resolved { digest } =
            layout.fetch(&Fetch::Resolve { reference: reference.clone() })
        else {
            panic!("{id}");
        };
        let repository = reference.rsplit_once(':').unwrap().0;
        let limits = walk::Limits { unsigned_tags: false, ..walk::Limits::default() };
        let walked = walk::walk(&layout, repository, &digest, &limits);
        let pack = Pack::of(&digest, &walked.evidence).to_json();
        let pack = format!("{{\"config\":{pack},\"digest\":\"\",\"manifest\":{{}}}}").into_bytes();
        (Self { digest, pack }, reference)
    }
}

impl HostCallbacks for Stock {
    fn call(&self, _: &str, _: &str, operation: &str, _: &[u8]) -> Result<Vec<u8>, String> {
        match operation {
            "v1/manifest_digest" => Ok(json!({ "digest": self.digest }).to_string().into_bytes()),
            "v1/oci_manifest_config" => Ok(self.pack.clone()),
            _ => Err("Server error: url U, code: 404, message: none".to_owned()),
        }
    }
}

/// The policy as policy-server runs it: a fresh instance a request, without wide arithmetic.
fn kubewarden() {
    let engine = Engine::new(Profile::Portable).unwrap();
    let read = |suffix: &str| -> &'static [u8] {
        let path = root().join(format!("target/module/policy.{suffix}"));
        fs::read(path).expect("run `make countersign`").leak()
    };
    // SAFETY: `make countersign` has just compiled it.
    let compiled = Some(unsafe { Compiled::new(read("cwasm")) });
    let embedded = Embedded { wasm: Some(read("wasm")), compiled, matched: false };
    let (module, _) = Module::embedded(&engine, embedded).unwrap();
    println!(
        "\n| Kubewarden, a fresh instance a request | settings KiB | settings alone: fuel | µs | with a pack: fuel | µs |"
    );
    println!("|---|--:|--:|--:|--:|--:|");
    for (id, more, what) in CASES.iter().skip(1) {
        let cases = fs::read(root().join("corpora/cases.json")).unwrap();
        let cases: Vec<Value> = serde_json::from_slice(&cases).unwrap();
        let case = cases.iter().find(|c| c["id"] == *id).unwrap();
        let now = Time::parse(case["now"].as_str().unwrap()).unwrap().unix();
        let settings = with_more(case["policy"].clone(), *more);
        let (stock, reference) = Stock::new(id);
        let stock = Arc::new(stock);
        let call = |request: &Value| {
            let payload = json!({ "request": request, "settings": settings }).to_string();
            let call = || {
                let outcome = module.call(&Call {
                    operation: "validate",
                    payload: payload.as_bytes(),
                    now: u64::try_from(now).unwrap() * 1_000_000_000,
                    limits: Limits::default(),
                    callbacks: stock.clone(),
                });
                outcome.unwrap()
            };
            let outcome = call();
            let answer: Value = serde_json::from_slice(&outcome.response).unwrap();
            assert_eq!(answer["accepted"], json!(true), "{id}: {answer}");
            (outcome.fuel, measure(51, call))
        };
        // The settings are read in any case.
        let (fuel, time) = call(&json!({ "operation": "DELETE" }));
        let pod = json!({ "spec": { "containers": [{ "name": "c", "image": reference }] } });
        let request = json!({ "operation": "CREATE", "kind": { "kind": "Pod" }, "object": pod });
        let (whole, whole_time) = call(&request);
        let size = settings.to_string().len() as f64 / 1024.0;
        println!("| {what} | {size:.1} | {fuel} | {time:.0} | {whole} | {whole_time:.0} |");
    }
}

fn main() {
    kubewarden();
    let engine = || Engine::new(Profile::Wide).unwrap();
    let pooled = || Engine::pooled(Profile::Wide, Slots::default()).unwrap();
    let engines = [("as it starts", load(&engine())), ("pooled", load(&pooled()))];
    println!("| | as it starts, µs | pooled, µs |\n|---|--:|--:|");
    println!("| engine | {:.0} | {:.0} |", measure(21, engine), measure(21, pooled));
    let start = |evaluator: &ModuleEvaluator| {
        let ModuleEvaluator { module, limits, now } = evaluator;
        measure(501, || module.instantiate(*limits, *now, Arc::new(NoCallbacks)).unwrap())
    };
    println!("| instance | {:.0} | {:.0} |\n", start(&engines[0].1), start(&engines[1].1));

    println!("| decision | instance | fuel | memory KiB | as it starts, µs | pooled, µs |");
    println!("|---|---|--:|--:|--:|--:|");
    for (id, more, what) in CASES {
        let case = Case::load(&engines[0].1, id, *more);
        let warm: Vec<_> = engines
            .iter()
            .map(|(_, e)| Warm::new(e.module.clone(), e.limits, Keep::default()))
            .collect();
        let calls: Vec<_> = engines.iter().map(|(_, e)| Calls(e)).collect();
        let of = |instance: &str, evaluators: [&dyn Evaluator; 2]| {
            let times = evaluators.map(|e| measure(101, || case.judge(e)));
            let Judgement { decision, stats, .. } = case.judge(evaluators[0]);
            let refused = id.ends_with("unsigned");
            assert_eq!(decision.outcome, if refused { Verdict::Deny } else { Verdict::Allow });
            println!(
                "| {what} | {instance} | {} | {} | {:.0} | {:.0} |",
                stats.fuel,
                stats.memory / 1024,
                times[0],
                times[1]
            );
        };
        of("a fresh one for every call", [&calls[0], &calls[1]]);
        of("a fresh one for the decision", [&engines[0].1, &engines[1].1]);
        of("kept, with its policy", [&warm[0], &warm[1]]);
    }
}
