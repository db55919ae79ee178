//! The module as a Kubewarden policy, on the callbacks of a stock host.
//!
//! Two hosts: one replays what a real host (kwctl 1.36, `corpora/kubewarden`) answered; one serves
//! an OCI layout the way that host does ([`stock`]).

mod packs;
mod roads;
mod stock;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};

use countersign_host::runtime::{Call, Embedded, Engine, HostCallbacks, Limits, Module, Profile};
use serde_json::{Value, json};
use stock::Stock;

/// 2026-11-21T03:00:00Z, the clock of the corpora.
const NOW: u64 = 1_795_230_000_000_000_000;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn corpora() -> PathBuf {
    root().join("corpora")
}

/// Without wide arithmetic: the bytes and the profile that a stock Kubewarden runs. Compiled once.
fn module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(compile)
}

fn compile() -> Module {
    let engine = Engine::new(Profile::Portable).unwrap();
    let directory = env::var_os("COUNTERSIGN_MODULE_DIR")
        .map_or_else(|| root().join("target/module"), PathBuf::from);
    let wasm = fs::read(directory.join("policy.wasm")).expect("run `make countersign`");
    let embedded = Embedded { wasm: Some(wasm.leak()), compiled: None, matched: false };
    // The engine's ticker must outlive the module.
    let (module, _) = Module::embedded(Box::leak(Box::new(engine)), embedded).unwrap();
    module
}

fn call(module: &Module, operation: &str, payload: &Value, host: Arc<dyn HostCallbacks>) -> Value {
    call_at(module, operation, payload, host, NOW)
}

fn call_at(
    module: &Module,
    operation: &str,
    payload: &Value,
    host: Arc<dyn HostCallbacks>,
    now: u64,
) -> Value {
    let outcome = module
        .call(&Call {
            operation,
            payload: payload.to_string().as_bytes(),
            now,
            limits: Limits::default(),
            callbacks: host,
        })
        .unwrap();
    serde_json::from_slice(&outcome.response).unwrap()
}

/// Answers recorded from the real host, by operation and image; anything else was never asked.
struct Recorded {
    answers: BTreeMap<(String, String), Result<String, String>>,
    asked: Mutex<Vec<String>>,
}

impl Recorded {
    fn new() -> Self {
        let mut answers = BTreeMap::new();
        for file in ["answers-1.json", "answers-3.json"] {
            let bytes = fs::read(corpora().join("kubewarden").join(file)).unwrap();
            let document: Value = serde_json::from_slice(&bytes).unwrap();
            for call in document["calls"].as_array().unwrap() {
                let text = |member: &str| call[member].as_str().map(str::to_owned);
                let answer = match (text("ok"), text("err")) {
                    (Some(ok), _) => Ok(ok),
                    // As the host says it; the guest's library puts `Host error: ` before it.
                    (None, Some(err)) => Err(err.trim_start_matches("Host error: ").to_owned()),
                    (None, None) => continue,
                };
                answers.insert((text("op").unwrap(), text("id").unwrap()), answer);
            }
        }
        Self { answers, asked: Mutex::default() }
    }
}

impl HostCallbacks for Recorded {
    fn call(
        &self,
        binding: &str,
        namespace: &str,
        operation: &str,
        payload: &[u8],
    ) -> Result<Vec<u8>, String> {
        assert_eq!((binding, namespace), ("kubewarden", "oci"));
        let image: String = serde_json::from_slice(payload).unwrap();
        self.asked.lock().unwrap().push(format!("{operation} {image}"));
        match self.answers.get(&(operation.to_owned(), image.clone())) {
            Some(answer) => answer.clone().map(String::into_bytes),
            None => Err(format!(
                "Callback evaluation failure: Fail to interact with OCI registry: \
                 Registry error: url {image}, envelope: OCI API errors: [OCI API error: manifest unknown]"
            )),
        }
    }
}

fn settings(case: &str) -> Value {
    let cases: Vec<Value> =
        serde_json::from_slice(&fs::read(corpora().join("cases.json")).unwrap()).unwrap();
    cases.into_iter().find(|c| c["id"] == case).unwrap()["policy"].clone()
}

fn with_key(pem: &str) -> Value {
    let mut settings = settings("cosign-a-cosign-p256-right-key");
    settings["spec"]["authorities"]["signer"]["cosign"]["keys"] = json!([pem]);
    settings
}

fn pod(image: &str) -> Value {
    json!({
        "uid": "1", "operation": "CREATE", "namespace": "default",
        "kind": { "group": "", "version": "v1", "kind": "Pod" },
        "object": {
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p" },
            "spec": { "containers": [ { "name": "c", "image": image } ] },
        },
    })
}

fn validate(request: &Value, settings: &Value, host: Arc<dyn HostCallbacks>) -> Value {
    let payload = json!({ "request": request, "settings": settings });
    call(module(), "validate", &payload, host)
}

fn recorded_key() -> String {
    let bytes = fs::read(corpora().join("kubewarden/request-5.json")).unwrap();
    let request: Value = serde_json::from_slice(&bytes).unwrap();
    request["calls"][0]["pem"].as_str().unwrap().to_owned()
}

#[test]
fn the_protocol_is_version_1() {
    let answer = call(module(), "protocol_version", &json!(null), Arc::new(Recorded::new()));
    assert_eq!(answer, json!("v1"));
}

#[test]
fn settings_are_valid_or_every_error_is_said_with_its_path() {
    let host = Arc::new(Recorded::new());
    let good = settings("cosign-a-cosign-p256-right-key");
    let module = module();
    assert_eq!(call(module, "validate_settings", &good, host.clone()), json!({ "valid": true }));
    let mut bad = good;
    bad["spec"]["ruls"] = bad["spec"]["rules"].take();
    bad["spec"]["mode"] = json!("enforced");
    let answer = call(module, "validate_settings", &bad, host);
    assert_eq!(answer["valid"], json!(false));
    let message = answer["message"].as_str().unwrap();
    for part in ["/spec/ruls", "did you mean `rules`?", "/spec/mode", "did you mean `enforce`?"] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn a_signed_pod_is_accepted_and_its_tag_pinned_on_the_recorded_host() {
    let settings = with_key(&recorded_key());
    for registry in ["127.0.0.1:5101", "127.0.0.1:5102"] {
        let host = Arc::new(Recorded::new());
        let answer = validate(&pod(&format!("{registry}/t/app:1")), &settings, host.clone());
        assert_eq!(answer["accepted"], json!(true), "{answer}");
        let pinned = &answer["mutated_object"]["spec"]["containers"][0]["image"];
        assert_eq!(
            pinned.as_str().unwrap(),
            format!(
                "{registry}/t/app:1@sha256:752793544d5c66f3685885ee2410e13fb4edb25b77d1c17268efda53f416ac4f"
            )
        );
        let asked = host.asked.lock().unwrap().clone();
        println!("{registry}: {} callbacks", asked.len());
        assert!(asked.len() <= 10, "{asked:#?}");
        for (i, question) in asked.iter().enumerate() {
            assert!(!asked[..i].contains(question), "{question} twice");
        }
    }
}

#[test]
fn a_pod_signed_by_another_key_is_refused_on_the_recorded_host() {
    let settings = settings("cosign-a-cosign-p256-right-key");
    let answer = validate(&pod("127.0.0.1:5101/t/app:1"), &settings, Arc::new(Recorded::new()));
    assert_eq!(answer["accepted"], json!(false), "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("127.0.0.1:5101/t/app:1"), "{answer}");
    assert_eq!(answer.get("mutated_object"), None);
}

#[test]
fn every_recorded_failure_of_a_registry_is_refused_with_its_own_reason() {
    let settings = with_key(&recorded_key());
    for (image, reason) in [
        ("127.0.0.1:5101/t/app:missing", "evidence.absent"),
        ("127.0.0.1:5102/no/such:1", "evidence.absent"),
        ("127.0.0.1:5108/x/y:1", "evidence.absent"),
        ("127.0.0.1:5103/x/y:1", "evidence.denied"),
        ("127.0.0.1:5110/x/y:1", "evidence.denied"),
        ("127.0.0.1:5105/x/y:1", "evidence.unavailable"),
        ("127.0.0.1:5106/x/y:1", "evidence.unavailable"),
        ("127.0.0.1:5109/x/y:1", "evidence.unavailable"),
        (
            "127.0.0.1:5111/x/y@sha256:1111111111111111111111111111111111111111111111111111111111111111",
            "evidence.garbled",
        ),
    ] {
        let answer = validate(&pod(image), &settings, Arc::new(Recorded::new()));
        assert_eq!(answer["accepted"], json!(false), "{image}: {answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains(&format!("({reason})")), "{image}: {message}");
    }
}

#[test]
fn legacy_signatures_are_verified_on_a_stock_host_over_the_corpora() {
    for (case, layout, accepted) in [
        ("cosign-a-cosign-p256-right-key", "a-cosign-p256", true),
        ("cosign-a-cosign-p256-other-key", "a-cosign-p256", false),
        ("cosign-a-rsa2048-right-key", "a-rsa2048", true),
        ("cosign-a-ecp384-right-key", "a-ecp384", true),
        ("cosign-a-ecp521-right-key", "a-ecp521", true),
        ("cosign-a-ed25519-right-key", "a-ed25519", true),
        ("cosign-a-rsa4096-right-key", "a-rsa4096", true),
        ("cosign-a-two-all", "a-two", true),
        ("cosign-a-own-ca", "a-ca", true),
        ("cosign-a-own-ca-wrong-san", "a-ca", false),
        ("cosign-a-index", "a-index", true),
        ("cosign-a-unsigned", "a-unsigned", false),
    ] {
        let repository = format!("127.0.0.1:5001/{}", layout.replacen('-', "/", 1));
        let host = Stock::open(layout, &repository);
        let answer = validate(&pod(&format!("{repository}:1")), &settings(case), host);
        assert_eq!(answer["accepted"], json!(accepted), "{case}: {answer}");
    }
}

#[test]
fn what_a_stock_host_cannot_deliver_is_undetermined_and_says_so() {
    for (case, layout, reason) in [
        ("cosign-b-cosign-p256-right-key", "b-sc", "evidence.unsupported"),
        ("attestation-b-sc-vuln", "b-sc", "evidence.unsupported"),
        ("attestation-a-att-vuln", "a-att", "evidence.unsupported"),
        ("notation-jws-p256", "d-p256-jws", "evidence.unsupported"),
        // Signed with values that only the payload has.
        ("cosign-a-annotation-mismatch", "a-annot", "payload.undeliverable"),
    ] {
        let repository = format!("127.0.0.1:5001/{}", layout.replacen('-', "/", 1));
        let host = Stock::open(layout, &repository);
        let answer = validate(&pod(&format!("{repository}:1")), &settings(case), host);
        assert_eq!(answer["accepted"], json!(false), "{case}: {answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains("undetermined"), "{case}: {message}");
        assert!(message.contains(&format!("({reason})")), "{case}: {message}");
    }
}

#[test]
fn workloads_are_judged_and_left_as_they_are_and_deletions_pass() {
    let repository = "127.0.0.1:5001/a/cosign-p256";
    let settings = settings("cosign-a-cosign-p256-right-key");
    let workload = |kind: &str, image: &str| {
        let spec = json!({ "containers": [ { "name": "c", "image": image } ] });
        let template = json!({ "spec": { "template": { "spec": spec } } });
        let object = match kind {
            "CronJob" => json!({ "spec": { "jobTemplate": template } }),
            "PodTemplate" => json!({ "template": { "spec": spec } }),
            _ => template,
        };
        json!({ "operation": "CREATE", "kind": { "kind": kind }, "object": object })
    };
    for kind in [
        "Deployment",
        "ReplicaSet",
        "StatefulSet",
        "DaemonSet",
        "Job",
        "CronJob",
        "ReplicationController",
        "PodTemplate",
    ] {
        let host = Stock::open("a-cosign-p256", repository);
        let good = validate(&workload(kind, &format!("{repository}:1")), &settings, host);
        assert_eq!(good["accepted"], json!(true), "{kind}: {good}");
        assert_eq!(good.get("mutated_object"), None, "{kind}");
        let host = Stock::open("a-unsigned", repository);
        let bad = validate(&workload(kind, &format!("{repository}:1")), &settings, host);
        assert_eq!(bad["accepted"], json!(false), "{kind}: {bad}");
    }
    let deletion = json!({ "operation": "DELETE", "kind": { "kind": "Pod" } });
    let answer = validate(&deletion, &settings, Arc::new(Recorded::new()));
    assert_eq!(answer["accepted"], json!(true));
    let unknown = json!({ "operation": "CREATE", "kind": { "kind": "Widget" }, "object": {} });
    let answer = validate(&unknown, &settings, Arc::new(Recorded::new()));
    assert_eq!(answer["accepted"], json!(false));
    assert!(answer["message"].as_str().unwrap().contains("kind.unknown"), "{answer}");
}

#[test]
fn init_and_ephemeral_containers_are_judged_too() {
    let repository = "127.0.0.1:5001/a/cosign-p256";
    let settings = settings("cosign-a-cosign-p256-right-key");
    for list in ["initContainers", "ephemeralContainers"] {
        let mut request = pod(&format!("{repository}:1"));
        request["object"]["spec"][list] =
            json!([{ "name": "x", "image": format!("{repository}:missing") }]);
        let answer = validate(&request, &settings, Stock::open("a-cosign-p256", repository));
        assert_eq!(answer["accepted"], json!(false), "{list}: {answer}");
        request["object"]["spec"][list][0]["image"] = json!(format!("{repository}:1"));
        let answer = validate(&request, &settings, Stock::open("a-cosign-p256", repository));
        assert_eq!(answer["accepted"], json!(true), "{list}: {answer}");
        let pinned = answer["mutated_object"]["spec"][list][0]["image"].as_str().unwrap();
        assert!(pinned.contains("@sha256:"), "{list}: {pinned}");
    }
}

#[test]
fn warn_mode_lets_pass_and_says_what_would_be_refused() {
    let repository = "127.0.0.1:5001/a/unsigned";
    let mut settings = settings("cosign-a-unsigned");
    settings["spec"]["mode"] = json!("warn");
    let host = Stock::open("a-unsigned", repository);
    let answer = validate(&pod(&format!("{repository}:1")), &settings, host);
    assert_eq!(answer["accepted"], json!(true), "{answer}");
    assert_eq!(answer.get("mutated_object"), None);
    let warnings = answer["warnings"].to_string();
    assert!(warnings.contains("would be refused"), "{warnings}");
    // A bad policy or request is refused in every mode.
    let bad = validate(&json!({ "operation": "CREATE" }), &settings, Arc::new(Recorded::new()));
    assert_eq!(bad["accepted"], json!(false));
}
