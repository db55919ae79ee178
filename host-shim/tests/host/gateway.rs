//! The example of a gateway, from outside.

#[path = "../../examples/gateway/gateway.rs"]
mod example;

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use countersign_host::{
    driver::Evaluator,
    http::{Call, Http, Options as HttpOptions, Reply, Url},
    registry::{Options, Registry},
    runtime::{Outcome, RuntimeError},
};
use example::{Gateway, router};
use loopback_registry::{Fault, Options as Kind, Registry as Upstream, What};
use serde_json::{Value, json};

use crate::{
    corpora,
    scratch::{MANIFEST, Scratch},
};

/// The core without its module, which the gateway cannot tell from it.
struct Native;

impl Evaluator for Native {
    fn step(&self, request: &[u8]) -> Result<Outcome, RuntimeError> {
        Ok(countersign::step_json(request).into())
    }
}

/// A gateway on a free port, and the registry behind it with a signed and an unsigned image.
struct Stage {
    base: Url,
    http: Http,
    upstream: Upstream,
}

const CASE: &str = "cosign-a-cosign-p256-right-key";

fn now() -> String {
    "2026-11-21T03:00:00Z".to_owned()
}

impl Stage {
    /// Nothing without the corpora.
    fn new() -> Option<Self> {
        Self::at(now)
    }

    fn at(clock: fn() -> String) -> Option<Self> {
        let corpora = corpora::corpora()?;
        let cases: Vec<Value> =
            serde_json::from_slice(&fs::read(corpora.join("cases.json")).unwrap()).unwrap();
        let case = cases.iter().find(|case| case["id"] == CASE).unwrap();
        let upstream = Upstream::start(Kind::default());
        upstream.load(&corpora.join("layouts/a-cosign-p256"), "acme/app").unwrap();
        let config = upstream.push_blob("acme/other", b"{}");
        let part = json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2 });
        let image =
            json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": part, "layers": [part] });
        upstream.push_manifest("acme/other", Some("1"), MANIFEST, image.to_string().as_bytes());
        let scratch = Scratch::new();
        let options = Options {
            plain_http: true,
            auth: crate::registry::auth(&scratch),
            ..Options::default()
        };
        let gateway = Gateway {
            upstream: upstream.host.clone(),
            policy: case["policy"].clone(),
            evaluator: Box::new(Native),
            registry: Registry::new(&options),
            clock,
            known: Mutex::default(),
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let base = format!("http://{}/v2/", listener.local_addr().unwrap()).parse().unwrap();
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, router(Arc::new(gateway))).await.unwrap();
            });
        });
        let http = Http::new(&HttpOptions { plain_http: true, ..HttpOptions::default() });
        Some(Self { base, http, upstream })
    }

    fn get(&self, path: &str) -> Reply {
        let url = self.base.join(path).unwrap();
        self.http.send(&mut Call::get(&url)).unwrap()
    }
}

#[test]
fn a_signed_image_is_handed_out_whole() {
    let Some(stage) = Stage::new() else { return };
    assert_eq!(stage.get("").status, 200);
    let manifest = stage.get("acme/app/manifests/1");
    assert_eq!(manifest.status, 200, "{}", manifest.message());
    let manifest: Value = serde_json::from_slice(&manifest.bytes).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    assert!(!layers.is_empty());
    for part in layers.iter().chain([&manifest["config"]]) {
        let blob = stage.get(&format!("acme/app/blobs/{}", part["digest"].as_str().unwrap()));
        assert_eq!((blob.status, blob.bytes.len() as u64), (200, part["size"].as_u64().unwrap()));
    }
}

#[test]
fn an_unsigned_image_is_refused_with_its_reason_and_its_blobs_with_it() {
    let Some(stage) = Stage::new() else { return };
    let refused = stage.get("acme/other/manifests/1");
    assert_eq!(refused.status, 403);
    assert!(refused.message().contains("DENIED"), "{}", refused.message());
    assert!(refused.message().contains("no signatures found"), "{}", refused.message());
    let blob = stage.upstream.push_blob("acme/other", b"{}");
    assert_eq!(stage.get(&format!("acme/other/blobs/{blob}")).status, 403);
}

#[test]
fn what_was_allowed_is_decided_on_anew_after_a_while() {
    static LATER: AtomicI64 = AtomicI64::new(0);
    let clock = || {
        let start = countersign::time::Time::parse(&now()).unwrap().unix();
        countersign::time::Time::from_unix(start + LATER.load(Ordering::Relaxed)).to_string()
    };
    let Some(stage) = Stage::at(clock) else { return };
    let manifest = stage.get("acme/app/manifests/1");
    let digest = countersign_host::registry::sha256_of(&manifest.bytes);
    let manifest: Value = serde_json::from_slice(&manifest.bytes).unwrap();
    let blob = format!("acme/app/blobs/{}", manifest["config"]["digest"].as_str().unwrap());
    assert_eq!(stage.get(&blob).status, 200);
    LATER.store(3600, Ordering::Relaxed);
    assert_eq!(stage.get(&blob).status, 403);
    assert_eq!(stage.get(&format!("acme/app/manifests/{digest}")).status, 200);
    assert_eq!(stage.get(&blob).status, 200, "its manifest was allowed again");
}

#[test]
fn a_registry_that_is_down_is_no_bad_signature() {
    let Some(stage) = Stage::new() else { return };
    stage.upstream.fault(Fault::on("GET", "*.sig", What::status(500)));
    let refused = stage.get("acme/app/manifests/1");
    assert_eq!(refused.status, 503, "{}", refused.message());
}

#[test]
fn what_is_not_there_is_not_there_and_what_is_no_path_is_none() {
    let Some(stage) = Stage::new() else { return };
    for path in ["acme/app/tags/list", "x", "acme/app/uploads/1"] {
        assert_eq!(stage.get(path).status, 404, "{path}");
    }
    assert_ne!(stage.get("acme/nowhere/manifests/1").status, 200);
}
