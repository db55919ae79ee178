//! The two builds of the module: imports, size and price; and every case of the corpora through both.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use std::{cell::RefCell, sync::Arc};

use countersign::wire::{Answer, Bytes, EvidenceItem, Fetch, ImageRequest, Request};
use countersign_host::{
    driver::{
        DriverError, Evaluator, Judgement, Keep, ModuleEvaluator, Question, Rounds, Warm, decide,
    },
    runtime::{
        Compiled, Embedded, Engine, Instance, Limits, Module, NoCallbacks, Outcome, Profile,
        RuntimeError, Slots,
    },
    source::{EvidenceSource, Layout, Selector},
};
use serde_json::{Value, json};

/// What the waPC ABI has, and of WASI what Rust's standard library links, each with its reason.
const IMPORTS: &[(&str, &str)] = &[
    ("wapc.__console_log", "waPC"),
    ("wapc.__guest_error", "waPC"),
    ("wapc.__guest_request", "waPC"),
    ("wapc.__guest_response", "waPC"),
    ("wapc.__host_call", "waPC"),
    ("wapc.__host_error", "waPC"),
    ("wapc.__host_error_len", "waPC"),
    ("wapc.__host_response", "waPC"),
    ("wapc.__host_response_len", "waPC"),
    (
        "wasi_snapshot_preview1.clock_time_get",
        "the time of a Kubewarden request; `evaluate` takes it from its input",
    ),
    ("wasi_snapshot_preview1.environ_get", "RUST_BACKTRACE, by the panic message"),
    ("wasi_snapshot_preview1.environ_sizes_get", "RUST_BACKTRACE, by the panic message"),
    ("wasi_snapshot_preview1.fd_write", "the panic message"),
    ("wasi_snapshot_preview1.proc_exit", "abort"),
    ("wasi_snapshot_preview1.random_get", "the seed of wapc-guest's table of functions"),
];

/// A build of the module.
struct Build {
    /// The stem of its files.
    name: &'static str,
    profile: Profile,
    /// The measured size and a tenth: growth is to be noticed.
    most_bytes: usize,
    /// One P-384 signature, measured and a tenth: what its limbs and its arithmetic are made for.
    most_fuel: u64,
}

const BUILDS: &[Build] = &[
    Build {
        name: "policy",
        profile: Profile::Portable,
        most_bytes: 4_100_000,
        most_fuel: 56_000_000,
    },
    Build {
        name: "policy-wide",
        profile: Profile::Wide,
        most_bytes: 4_020_000,
        most_fuel: 25_000_000,
    },
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file that `make` builds before these tests.
fn built(name: &str) -> Vec<u8> {
    let directory = env::var_os("COUNTERSIGN_MODULE_DIR")
        .map_or_else(|| root().join("target/module"), PathBuf::from);
    let path = directory.join(name);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}: run `make countersign`", path.display()))
}

impl Build {
    fn wasm(&self) -> Vec<u8> {
        built(&format!("{}.wasm", self.name))
    }

    fn load(&self) -> (Engine, ModuleEvaluator) {
        self.load_into(Engine::new(self.profile).unwrap())
    }

    fn load_into(&self, engine: Engine) -> (Engine, ModuleEvaluator) {
        assert_eq!(engine.remark(), None);
        let compiled: &'static [u8] = built(&format!("{}.cwasm", self.name)).leak();
        let embedded = Embedded {
            wasm: Some(self.wasm().leak()),
            compiled: Some(unsafe { Compiled::new(compiled) }),
            matched: false,
        };
        let (module, note) = Module::embedded(&engine, embedded).unwrap();
        assert_eq!(note, None, "compiled ahead of time");
        (engine, ModuleEvaluator { module, limits: Limits::default(), now: 0 })
    }
}

#[test]
fn the_module_imports_only_what_its_abi_needs() {
    let mut config = wasmtime::Config::new();
    let engine = wasmtime::Engine::new(config.wasm_wide_arithmetic(true)).unwrap();
    for build in BUILDS {
        let wasm = build.wasm();
        let parsed = wasmtime::Module::new(&engine, &wasm).unwrap();
        let imports: BTreeSet<_> =
            parsed.imports().map(|i| format!("{}.{}", i.module(), i.name())).collect();
        println!("{}.wasm: {} bytes", build.name, wasm.len());
        for import in &imports {
            let reason = IMPORTS.iter().find(|(name, _)| name == import).map(|(_, reason)| *reason);
            println!("  {import}: {}", reason.unwrap_or_else(|| panic!("{import} is not allowed")));
        }
        let most = build.most_bytes;
        assert!(wasm.len() <= most, "{}: {} bytes, at most {most}", build.name, wasm.len());
    }
}

#[test]
fn only_the_wide_module_needs_wide_arithmetic() {
    let engine = Engine::new(Profile::Portable).unwrap();
    for build in BUILDS {
        let runs = Module::compile(&engine, &build.wasm()).is_ok();
        assert_eq!(runs, build.profile == Profile::Portable, "{}", build.name);
    }
}

/// The core called as a library, for comparison only.
struct Native;

impl Evaluator for Native {
    fn step(&self, request: &[u8]) -> Result<Outcome, RuntimeError> {
        Ok(Outcome::from(countersign::step_json(request)))
    }
}

fn cases() -> Vec<Value> {
    serde_json::from_slice(&fs::read(root().join("corpora/cases.json")).unwrap()).unwrap()
}

fn text<'a>(case: &'a Value, member: &str) -> &'a str {
    case[member].as_str().unwrap()
}

/// The image of a case, and what is asked of it.
fn open(case: &Value) -> (Layout, Request) {
    let place = text(case, "reference").trim_start_matches("oci-layout:").to_owned();
    let (directory, tag) = place.rsplit_once(':').unwrap();
    let directory = root().join("corpora").join(directory);
    let layout = Layout::open(&directory, Some(Selector::Tag(tag.to_owned())), None).unwrap();
    let images = vec![ImageRequest { reference: layout.reference().to_owned(), path: None }];
    (layout, Request { images, ..Request::default() })
}

fn try_to_judge(evaluator: &dyn Evaluator, case: &Value) -> Result<Judgement, DriverError> {
    let (layout, request) = open(case);
    let now = text(case, "now");
    let question = Question { policy: &case["policy"], request: &request, now, budget: None };
    decide(evaluator, &layout, &question)
}

fn judge(evaluator: &dyn Evaluator, case: &Value) -> Judgement {
    try_to_judge(evaluator, case).unwrap()
}

/// A fresh instance for every call, and everything sent with each.
struct Calls<'a>(&'a ModuleEvaluator);

impl Evaluator for Calls<'_> {
    fn step(&self, request: &[u8]) -> Result<Outcome, RuntimeError> {
        self.0.step(request)
    }
}

#[test]
fn native_and_wasm_decisions_are_equal_to_the_byte() {
    let modules: Vec<_> = BUILDS.iter().map(|build| (build.name, build.load())).collect();
    let mut bytes = 0;
    for case in cases() {
        let native = judge(&Native, &case);
        for (name, (_engine, evaluator)) in &modules {
            for (how, evaluator) in
                [("calls", &Calls(evaluator) as &dyn Evaluator), ("decision", evaluator)]
            {
                let wasm = judge(evaluator, &case);
                assert_eq!(wasm.response, native.response, "{} {name} {how}", text(&case, "id"));
            }
        }
        bytes += native.response.len();
    }
    println!("{} decisions, {bytes} bytes, of {} modules", cases().len(), modules.len());
}

/// One instance for everything: every policy is read in place of the last.
struct Single(RefCell<Instance>);

struct Turn<'a>(&'a Single, &'a Question<'a>);

impl Evaluator for Single {
    fn step(&self, _request: &[u8]) -> Result<Outcome, RuntimeError> {
        unreachable!()
    }

    fn open<'a>(
        &'a self,
        question: &'a Question<'_>,
    ) -> Result<Option<Box<dyn Rounds + 'a>>, RuntimeError> {
        self.call("prepare", &json!({ "policy": question.policy }))?;
        Ok(Some(Box::new(Turn(self, question))))
    }
}

impl Single {
    fn call(&self, operation: &str, payload: &Value) -> Result<Outcome, RuntimeError> {
        let mut payload = payload.clone();
        payload["apiVersion"] = json!("countersign.dev/step/v1");
        self.0.borrow_mut().call(operation, payload.to_string().as_bytes())
    }
}

impl Rounds for Turn<'_> {
    fn next(&mut self, evidence: &[EvidenceItem], new: usize) -> Result<Outcome, RuntimeError> {
        let Self(single, question) = self;
        if evidence.is_empty() {
            let begin = json!({ "request": question.request, "now": question.now });
            return single.call("begin", &begin);
        }
        single.call("resume", &json!({ "evidence": evidence[evidence.len() - new..] }))
    }
}

#[test]
fn an_instance_that_is_kept_decides_as_a_fresh_one_does() {
    for build in BUILDS {
        let slots = Slots { instances: 4, ..Slots::default() };
        let pooled = Engine::pooled(build.profile, slots).unwrap();
        let (_pooled, evaluator) = build.load_into(pooled);
        let limits = Limits { fuel: u64::MAX, ..Limits::default() };
        let instance = evaluator.module.instantiate(limits, 0, Arc::new(NoCallbacks)).unwrap();
        let single = Single(RefCell::new(instance));
        let warm = Warm::new(
            evaluator.module.clone(),
            Limits::default(),
            Keep { idle: 2, ..Keep::default() },
        );
        for case in cases() {
            let id = format!("{} {}", build.name, text(&case, "id"));
            let expected = judge(&Native, &case).response;
            assert_eq!(judge(&single, &case).response, expected, "{id}: after other policies");
            let first = judge(&warm, &case);
            assert_eq!(first.response, expected, "{id}: beside other policies");
            assert!(warm.idle() > 0, "{id}: it is not kept");
            let again = judge(&warm, &case);
            assert_eq!(again.response, expected, "{id}: again");
            let fresh = judge(&evaluator, &case).stats.fuel;
            assert!(again.stats.fuel < fresh, "{id}: not with its policy");
        }
    }
}

/// What the tag names, and then more than there is memory for.
struct Flood(Layout);

impl EvidenceSource for Flood {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        let bytes = Bytes(vec![b'x'; 4 << 20]);
        match fetch {
            Fetch::Resolve { .. } => self.0.fetch(fetch),
            _ => Answer::Found { bytes, media_type: None, reserialised: false },
        }
    }
}

#[test]
fn after_one_that_was_stopped_a_fresh_instance_decides() {
    let cases = cases();
    let case = cases.iter().find(|case| text(case, "id") == "keyless-exact").unwrap();
    let expected = judge(&Native, case).response;
    for build in BUILDS {
        let (_engine, ModuleEvaluator { module, .. }) = build.load();
        let limits = Limits { memory: 4 << 20, ..Limits::default() };
        let warm = Warm::new(module, limits, Keep::default());
        judge(&warm, case);
        assert_eq!(warm.idle(), 1);
        let (layout, request) = open(case);
        let (policy, now) = (&case["policy"], text(case, "now"));
        let question = Question { policy, request: &request, now, budget: None };
        let stopped = decide(&warm, &Flood(layout), &question);
        let memory = RuntimeError::Memory(4 << 20);
        assert_eq!(stopped.unwrap_err(), DriverError::Runtime(memory), "{}", build.name);
        assert_eq!(warm.idle(), 0, "{}: it is thrown away", build.name);
        assert_eq!(judge(&warm, case).response, expected, "{}", build.name);
    }
}

#[test]
fn fuel_is_that_of_the_decision_and_not_of_a_round() {
    let cases = cases();
    let case = cases.iter().find(|case| text(case, "id") == "cosign-a-unsigned").unwrap();
    for build in BUILDS {
        let (_engine, evaluator) = build.load();
        let stats = judge(&evaluator, case).stats;
        assert!(stats.rounds >= 4, "{stats:?}");
        let with = |fuel: u64| {
            let limits = Limits { fuel, ..Limits::default() };
            try_to_judge(&ModuleEvaluator { limits, ..evaluator.clone() }, case)
        };
        assert!(with(stats.fuel + stats.fuel / 10).is_ok());
        let most = stats.fuel - stats.fuel / 10;
        assert_eq!(with(most).unwrap_err(), DriverError::Runtime(RuntimeError::Fuel(most)));
    }
}

#[test]
fn a_signature_costs_what_the_build_is_made_for() {
    let cases = cases();
    let case = cases.iter().find(|case| text(case, "id") == "cosign-a-ecp384-right-key").unwrap();
    for build in BUILDS {
        let (_engine, evaluator) = build.load();
        let stats = judge(&evaluator, case).stats;
        println!("{}: {} fuel", build.name, stats.fuel);
        let most = build.most_fuel;
        assert!(stats.fuel <= most, "{}: {} fuel, at most {most}", build.name, stats.fuel);
    }
}

#[test]
fn the_command_exits_with_every_cases_verdict() {
    let scratch = env::temp_dir().join(format!("countersign-cases-{}", std::process::id()));
    fs::create_dir_all(&scratch).unwrap();
    let policy = scratch.join("policy.json");
    let later = fs::read_to_string(root().join("tests/cases/not-implemented.tsv")).unwrap();
    let mut wrong = Vec::new();
    let (mut passed, mut left) = (0, 0);
    for case in cases() {
        fs::write(&policy, case["policy"].to_string()).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .current_dir(root().join("corpora"))
            .args(["verify", "--now", text(&case, "now"), "--policy"])
            .arg(&policy)
            .arg(text(&case, "reference"))
            .output()
            .unwrap();
        let id = text(&case, "id");
        let listed = later.lines().any(|l| l.split('\t').next() == Some(id));
        let expected = match (listed, text(&case, "expect")) {
            (true, _) => 3,
            (false, "allow") => 0,
            (false, "deny") => 1,
            (false, other) => panic!("{other}"),
        };
        if output.status.code() == Some(expected) {
            passed += usize::from(!listed);
            left += usize::from(listed);
        } else {
            wrong.push(format!("{id}: {:?}, not {expected}", output.status.code()));
        }
    }
    fs::remove_dir_all(&scratch).unwrap();
    println!("cases through the command: {passed} with their verdict, {left} not implemented");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[cfg(target_os = "linux")]
#[test]
fn the_command_decides_where_few_addresses_may_be_reserved() {
    let cases = cases();
    let case = cases.iter().find(|c| text(c, "id") == "cosign-a-cosign-p256-right-key").unwrap();
    let policy = env::temp_dir().join(format!("countersign-few-{}.json", std::process::id()));
    fs::write(&policy, case["policy"].to_string()).unwrap();
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 3145728 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_countersign")])
        .current_dir(root().join("corpora"))
        .args(["verify", "--now", text(case, "now"), "--policy"])
        .arg(&policy)
        .arg(text(case, "reference"))
        .output()
        .unwrap();
    fs::remove_file(&policy).unwrap();
    let notes = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{notes}");
    assert!(notes.contains("4 GiB of addresses for the module cannot be reserved"), "{notes}");
    assert!(notes.contains("the precompiled module does not fit"), "{notes}");
}
