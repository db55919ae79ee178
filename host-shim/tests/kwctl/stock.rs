//! Hosts with the callbacks of a stock Kubewarden.

use std::{
    collections::VecDeque,
    env, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};

use countersign::wire::{Answer, Fetch};
use countersign_host::{
    policy::Document,
    runtime::{Call, Embedded, Engine, HostCallbacks, Limits, Module, Profile},
    source::{Layout, Selector},
};
use serde_json::{Value, json};

/// 2026-11-21T03:00:00Z, the clock of the corpora.
pub(crate) const NOW: u64 = 1_795_230_000_000_000_000;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| {
        let directory = env::var_os("COUNTERSIGN_MODULE_DIR")
            .map_or_else(|| root().join("target/module"), PathBuf::from);
        let wasm = fs::read(directory.join("policy.wasm")).expect("run `make countersign`");
        let engine = Box::leak(Box::new(Engine::new(Profile::Portable).unwrap()));
        let embedded = Embedded { wasm: Some(wasm.leak()), compiled: None, matched: false };
        Module::embedded(engine, embedded).unwrap().0
    })
}

pub(crate) fn call(
    operation: &str,
    payload: &Value,
    callbacks: Arc<dyn HostCallbacks>,
    now: u64,
) -> Value {
    let payload = payload.to_string();
    let call =
        Call { operation, payload: payload.as_bytes(), now, limits: Limits::default(), callbacks };
    serde_json::from_slice(&module().call(&call).unwrap().response).unwrap()
}

/// One layout for every name; without blobs and referrers.
pub(crate) struct Stock(Layout);

impl Stock {
    pub(crate) fn of(layout: &str) -> Arc<Self> {
        let directory = root().join("corpora/layouts").join(layout);
        let tag = Selector::Tag("1".to_owned());
        let layout = Layout::open(&directory, Some(tag), Some("127.0.0.1:5001/a")).unwrap();
        Arc::new(Self(layout))
    }

    fn answer(&self, operation: &str, image: &str) -> Result<String, String> {
        let max_bytes = 4 << 20;
        let fetch = match (operation, image.split_once('@'), image.rsplit_once(':')) {
            ("v1/manifest_digest", None, _) => Fetch::Resolve { reference: image.to_owned() },
            ("v1/oci_manifest", Some((repository, digest)), _) => Fetch::Manifest {
                repository: repository.to_owned(),
                digest: digest.to_owned(),
                max_bytes,
            },
            ("v1/oci_manifest", None, Some((repository, tag))) => {
                Fetch::Tag { repository: repository.to_owned(), tag: tag.to_owned(), max_bytes }
            }
            _ => return Err(unknown(image)),
        };
        match self.0.answer(&fetch) {
            Answer::Resolved { digest } => Ok(json!({ "digest": digest }).to_string()),
            Answer::Found { bytes, .. } => Ok(String::from_utf8(bytes.0).unwrap()),
            _ => Err(unknown(image)),
        }
    }
}

/// As a registry says it through the host.
fn unknown(image: &str) -> String {
    let (name, of) = image.split_once('/').unwrap_or(("", image));
    format!(
        "Fail to interact with OCI registry: Registry error: url http://{name}/v2/{of}, \
         envelope: OCI API errors: [OCI API error: manifest unknown]"
    )
}

fn failed(message: &str) -> String {
    format!("Callback evaluation failure: {message}")
}

impl HostCallbacks for Stock {
    fn call(&self, _: &str, _: &str, operation: &str, payload: &[u8]) -> Result<Vec<u8>, String> {
        let image: String = serde_json::from_slice(payload).map_err(|e| e.to_string())?;
        self.answer(operation, &image).map(String::into_bytes).map_err(|e| failed(&e))
    }
}

/// The host's requests by the guest's operations.
const REQUESTS: [(&str, &str); 3] = [
    ("v1/manifest_digest", "OciManifestDigest"),
    ("v1/oci_manifest", "OciManifest"),
    ("v1/oci_manifest_config", "OciManifestAndConfig"),
];

/// As `kwctl run --replay-host-capabilities-interactions`: in order, and nothing else.
pub(crate) struct Replay(Mutex<VecDeque<Value>>);

impl Replay {
    pub(crate) fn of(session: &str) -> Arc<Self> {
        let session = Document::parse("session", session).unwrap().value;
        Arc::new(Self(Mutex::new(session.as_array().unwrap().iter().cloned().collect())))
    }

    pub(crate) fn left(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl HostCallbacks for Replay {
    fn call(&self, _: &str, _: &str, operation: &str, payload: &[u8]) -> Result<Vec<u8>, String> {
        let image: String = serde_json::from_slice(payload).map_err(|e| e.to_string())?;
        let next = self.0.lock().unwrap().pop_front();
        let Some(next) = next else {
            return Err(failed("the list of recorded responses is empty"));
        };
        let kind = REQUESTS.iter().find(|(name, _)| *name == operation).map(|(_, kind)| *kind);
        let asked = format!("!{}\nimage: {image}\n", kind.unwrap_or(operation));
        if next["request"] != json!(asked) {
            return Err(failed("Replay error: unexpected request"));
        }
        let text = |name: &str| next["response"][name].as_str().map(str::to_owned);
        match (text("payload"), text("message")) {
            (Some(payload), _) => Ok(payload.into_bytes()),
            (None, message) => Err(failed(&message.unwrap())),
        }
    }
}
