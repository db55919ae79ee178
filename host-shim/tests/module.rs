//! The two builds of the module: imports, size and price; and every case of the corpora through both.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use countersign::wire::{ImageRequest, Request};
use countersign_host::{
    driver::{Evaluator, Judgement, ModuleEvaluator, Question, decide},
    runtime::{Embedded, Engine, Limits, Module, Outcome, Profile, RuntimeError},
    source::{Layout, Selector},
};
use serde_json::Value;

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
        most_bytes: 3_450_000,
        most_fuel: 56_000_000,
    },
    Build {
        name: "policy-wide",
        profile: Profile::Wide,
        most_bytes: 3_370_000,
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
        let engine = Engine::new(self.profile).unwrap();
        let compiled: &'static [u8] = built(&format!("{}.cwasm", self.name)).leak();
        let embedded = Embedded { wasm: Some(self.wasm().leak()), compiled: Some(compiled) };
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

fn judge(evaluator: &dyn Evaluator, case: &Value) -> Judgement {
    let place = text(case, "reference").trim_start_matches("oci-layout:").to_owned();
    let (directory, tag) = place.rsplit_once(':').unwrap();
    let directory = root().join("corpora").join(directory);
    let layout = Layout::open(&directory, Some(Selector::Tag(tag.to_owned())), None).unwrap();
    let request = Request {
        images: vec![ImageRequest { reference: layout.reference().to_owned(), path: None }],
        ..Request::default()
    };
    let now = text(case, "now");
    let question = Question { policy: &case["policy"], request: &request, now, budget: None };
    decide(evaluator, &layout, &question).unwrap()
}

#[test]
fn native_and_wasm_decisions_are_equal_to_the_byte() {
    let modules: Vec<_> = BUILDS.iter().map(|build| (build.name, build.load())).collect();
    let mut bytes = 0;
    for case in cases() {
        let native = judge(&Native, &case);
        for (name, (_engine, evaluator)) in &modules {
            let wasm = judge(evaluator, &case);
            assert_eq!(wasm.response, native.response, "{} {name}", text(&case, "id"));
        }
        bytes += native.response.len();
    }
    println!("{} decisions, {bytes} bytes, of {} modules", cases().len(), modules.len());
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
