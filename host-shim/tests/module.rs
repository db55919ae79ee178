//! The built module: its imports and its size; and every case of the corpora through it.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use countersign::wire::{ImageRequest, Request};
use countersign_host::{
    driver::{Evaluator, ModuleEvaluator, Question, decide},
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

/// The measured size and a tenth: growth is to be noticed.
const MOST_BYTES: usize = 1_850_000;

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

pub(crate) fn module() -> (Engine, Module) {
    let engine = Engine::new(Profile::Default).unwrap();
    let leak = |bytes: Vec<u8>| -> Option<&'static [u8]> { Some(bytes.leak()) };
    let embedded =
        Embedded { wasm: leak(built("policy.wasm")), compiled: leak(built("policy.cwasm")) };
    let (module, note) = Module::embedded(&engine, embedded).unwrap();
    assert_eq!(note, None, "compiled ahead of time");
    (engine, module)
}

#[test]
fn the_module_imports_only_what_its_abi_needs() {
    let wasm = built("policy.wasm");
    let engine = wasmtime::Engine::default();
    let parsed = wasmtime::Module::new(&engine, &wasm).unwrap();
    let imports: BTreeSet<_> =
        parsed.imports().map(|i| format!("{}.{}", i.module(), i.name())).collect();
    println!("policy.wasm: {} bytes", wasm.len());
    for import in &imports {
        let reason = IMPORTS.iter().find(|(name, _)| name == import).map(|(_, reason)| *reason);
        println!("  {import}: {}", reason.unwrap_or_else(|| panic!("{import} is not allowed")));
    }
    assert!(wasm.len() <= MOST_BYTES, "{} bytes, at most {MOST_BYTES}", wasm.len());
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

#[test]
fn native_and_wasm_decisions_are_equal_to_the_byte() {
    let (_engine, module) = module();
    let mut bytes = 0;
    for case in cases() {
        let place = text(&case, "reference").trim_start_matches("oci-layout:").to_owned();
        let (directory, tag) = place.rsplit_once(':').unwrap();
        let directory = root().join("corpora").join(directory);
        let layout = Layout::open(&directory, Some(Selector::Tag(tag.to_owned())), None).unwrap();
        let request = Request {
            images: vec![ImageRequest { reference: layout.reference().to_owned(), path: None }],
            ..Request::default()
        };
        let question = Question {
            policy: &case["policy"],
            request: &request,
            now: text(&case, "now"),
            budget: None,
        };
        let evaluator =
            ModuleEvaluator { module: module.clone(), limits: Limits::default(), now: 0 };
        let wasm = decide(&evaluator, &layout, &question).unwrap();
        let native = decide(&Native, &layout, &question).unwrap();
        assert_eq!(wasm.response, native.response, "{}", text(&case, "id"));
        bytes += wasm.response.len();
    }
    println!("{} decisions, {bytes} bytes", cases().len());
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
