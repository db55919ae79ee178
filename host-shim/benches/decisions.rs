//! What one decision costs: fuel, memory, rounds and fetches (the same on every machine), and
//! milliseconds on this one. Prints the tables of docs/benchmarks.md.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use countersign::wire::{ImageRequest, Request};
use countersign_host::{
    blob::{self, Artifact, Expectation, Identity, Root, Signer},
    driver::{Evaluator, Judgement, ModuleEvaluator, Question, decide},
    runtime::{Compiled, Embedded, Engine, Limits, Module, Outcome, Profile, RuntimeError},
    source::{Layout, Nothing, Selector},
};
use serde_json::Value;

/// One case a family and algorithm.
const CASES: &[&str] = &[
    "cosign-a-unsigned",
    "cosign-a-cosign-p256-right-key",
    "cosign-a-ecp384-right-key",
    "cosign-a-ecp521-right-key",
    "cosign-a-rsa2048-right-key",
    "cosign-a-rsa4096-right-key",
    "cosign-a-ed25519-right-key",
    "cosign-a-own-ca",
    "cosign-a-two-all",
    "cosign-b-cosign-p256-right-key",
    "attestation-a-att-vuln",
    "attestation-b-sc-vuln",
    "notation-jws-p256",
    "notation-cose-p256",
    "notation-jws-rsa4096",
    "notation-jws-p521",
    "notation-nested-sbom",
    "keyless-exact",
    "bundle-tsa",
];

/// What real instances of Sigstore signed: assets of sigstore-conformance, and what is in them.
const BUNDLES: &[(&str, &str)] = &[
    ("happy-path-v0.3", "keyless, Rekor v1"),
    ("happy-path-intoto-in-dsse-v3", "keyless, DSSE, Rekor v1"),
    ("rekor2-happy-path", "keyless, Rekor v2, timestamp"),
    ("rekor2-dsse-happy-path", "keyless, DSSE, Rekor v2, timestamp"),
    ("managed-key-and-trusted-root", "key, Rekor v1"),
    ("managed-key-happy-path", "key, Rekor v1, timestamp"),
];

const NOW: &str = "2026-11-21T03:00:00Z";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

struct Native;

impl Evaluator for Native {
    fn step(&self, request: &[u8]) -> Result<Outcome, RuntimeError> {
        Ok(Outcome::from(countersign::step_json(request)))
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

fn measure<T>(mut work: impl FnMut() -> T) -> f64 {
    median(
        (0..15)
            .map(|_| {
                let start = Instant::now();
                work();
                start.elapsed()
            })
            .collect(),
    )
}

fn load(name: &str, profile: Profile) -> (Engine, ModuleEvaluator) {
    let directory = root().join("target/module");
    let read = |suffix: &str| -> &'static [u8] {
        let path = directory.join(format!("{name}.{suffix}"));
        fs::read(path).expect("run `make countersign`").leak()
    };
    let (wasm, compiled) = (read("wasm"), read("cwasm"));
    println!("| {name}.wasm | {} |", wasm.len());
    println!("| {name}.cwasm (compiled ahead of time) | {} |", compiled.len());
    let engine = Engine::new(profile).unwrap();
    let embedded = Embedded {
        wasm: Some(wasm),
        compiled: Some(unsafe { Compiled::new(compiled) }),
        matched: false,
    };
    let (module, _) = Module::embedded(&engine, embedded).unwrap();
    (engine, ModuleEvaluator { module, limits: Limits::default(), now: 0 })
}

fn main() {
    println!("| module | bytes |\n|---|--:|");
    let (_portable, portable) = load("policy", Profile::Portable);
    let (_wide, wide) = load("policy-wide", Profile::Wide);
    let cases: Vec<Value> =
        serde_json::from_slice(&fs::read(root().join("corpora/cases.json")).unwrap()).unwrap();
    println!(
        "\n| case | fuel, portable | fuel, wide | signature operations | rounds | fetches \
         | memory KiB | portable ms | wide ms | native ms | wide/native |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for id in CASES {
        let case = cases.iter().find(|c| c["id"] == *id).unwrap();
        let place = case["reference"].as_str().unwrap().trim_start_matches("oci-layout:");
        let (directory, tag) = place.rsplit_once(':').unwrap();
        let directory = root().join("corpora").join(directory);
        let layout = Layout::open(&directory, Some(Selector::Tag(tag.to_owned())), None).unwrap();
        let request = Request {
            images: vec![ImageRequest { reference: layout.reference().to_owned(), path: None }],
            ..Request::default()
        };
        let now = case["now"].as_str().unwrap();
        let question = Question { policy: &case["policy"], request: &request, now, budget: None };
        let judge = |evaluator: &dyn Evaluator| -> Judgement {
            decide(evaluator, &layout, &question).unwrap()
        };
        let judgement = judge(&portable);
        let (stats, usage) = (judgement.stats, judgement.decision.usage);
        let wide_fuel = judge(&wide).stats.fuel;
        let portable_ms = measure(|| judge(&portable));
        let wide_ms = measure(|| judge(&wide));
        let native_ms = measure(|| judge(&Native));
        println!(
            "| {id} | {} | {wide_fuel} | {} | {} | {} | {} | {portable_ms:.2} | {wide_ms:.2} \
             | {native_ms:.2} | {:.1} |",
            stats.fuel,
            usage.signature_operations,
            stats.rounds,
            stats.fetches,
            stats.memory / 1024,
            wide_ms / native_ms
        );
    }
    bundles(&portable, &wide);
    process(&cases);
}

fn bundles(portable: &ModuleEvaluator, wide: &ModuleEvaluator) {
    let shared =
        env::var_os("COUNTERSIGN_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let directory = shared.join("vectors/sigstore-conformance");
    if !directory.is_dir() {
        println!("\nNOT RUN: there is no `{}`", directory.display());
        return;
    }
    println!(
        "\n| bundle | what | fuel, portable | fuel, wide | signature operations | memory KiB \
         | portable ms | wide ms | native ms | wide/native |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for (name, what) in BUNDLES {
        let asset = directory.join(name);
        let policy = expectation(&asset).policy();
        let bundle = fs::read(asset.join("bundle.sigstore.json")).unwrap();
        let own = asset.join("artifact");
        let artifact = if own.is_file() { own } else { directory.join("a.txt") };
        let artifact = Artifact::open(artifact.to_str().unwrap()).unwrap();
        let judge = |evaluator: &dyn Evaluator| -> Judgement {
            let bundles = vec![blob::bundle(bundle.clone())];
            blob::decide(evaluator, &Nothing, &policy, artifact.clone(), bundles, NOW).unwrap()
        };
        let judgement = judge(portable);
        assert_eq!(judgement.decision.outcome, countersign::wire::Outcome::Allow, "{name}");
        let (stats, usage) = (judgement.stats, judgement.decision.usage);
        let wide_fuel = judge(wide).stats.fuel;
        let portable_ms = measure(|| judge(portable));
        let wide_ms = measure(|| judge(wide));
        let native_ms = measure(|| judge(&Native));
        println!(
            "| {name} | {what} | {} | {wide_fuel} | {} | {} | {portable_ms:.2} | {wide_ms:.2} \
             | {native_ms:.2} | {:.1} |",
            stats.fuel,
            usage.signature_operations,
            stats.memory / 1024,
            wide_ms / native_ms
        );
    }
}

/// What `countersign verify-bundle` expects of an asset.
fn expectation(asset: &Path) -> Expectation {
    let signer = match fs::read_to_string(asset.join("key.pub")) {
        Ok(key) => Signer::Key(key),
        Err(_) => Signer::Keyless {
            issuer: Identity::Exact("https://token.actions.githubusercontent.com".to_owned()),
            subject: Identity::RegExp("https://github[.]com/.+".to_owned()),
        },
    };
    let root = match fs::read(asset.join("trusted_root.json")) {
        Ok(bytes) => Root::Document(serde_json::from_slice(&bytes).unwrap()),
        Err(_) => Root::PublicGood,
    };
    let (ignore_log, need_timestamp) = (false, false);
    Expectation { signer, root, predicate_type: None, ignore_log, need_timestamp }
}

/// The whole process, from start to verdict on a layout.
fn process(cases: &[Value]) {
    let binary = root().join("target/release/countersign");
    let policy = env::temp_dir().join(format!("countersign-bench-{}.json", std::process::id()));
    fs::write(&policy, cases[0]["policy"].to_string()).unwrap();
    let run = |arguments: &[&str]| {
        let status = Command::new(&binary)
            .args(arguments)
            .current_dir(root().join("corpora"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("run `make countersign`");
        assert!(status.success());
    };
    let policy_path = policy.to_str().unwrap();
    let verify = [
        "verify",
        "--policy",
        policy_path,
        "--now",
        "2026-11-21T03:00:00Z",
        cases[0]["reference"].as_str().unwrap(),
    ];
    println!("\n| process | ms |\n|---|--:|");
    println!("| `countersign --version` | {:.1} |", measure(|| run(&["--version"])));
    println!("| `countersign verify` (P-256, layout) | {:.1} |", measure(|| run(&verify)));
    fs::remove_file(&policy).unwrap();
}
