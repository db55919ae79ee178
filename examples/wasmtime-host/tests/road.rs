//! The example drives the built module through the whole contract: an embedder's road.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn step(request: &Value) -> Value {
    let module = env::var_os("COUNTERSIGN_MODULE_DIR")
        .map_or_else(|| root().join("target/module"), PathBuf::from)
        .join("policy.wasm");
    let mut child = Command::new(env!("CARGO_BIN_EXE_wasmtime-host"))
        .arg(module)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Answers from the files of a layout: what an embedder does with its registry client.
fn answer(layout: &Path, fetch: &Value) -> Value {
    let index: Value =
        serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let tagged = |tag: &str| {
        index["manifests"].as_array().unwrap().iter().find_map(|m| {
            let name = &m["annotations"]["org.opencontainers.image.ref.name"];
            (name == tag).then(|| m["digest"].as_str().unwrap().to_owned())
        })
    };
    let found = |digest: &str| {
        let bytes = fs::read(layout.join("blobs").join(digest.replace(':', "/"))).unwrap();
        json!({ "found": { "bytes": base64(&bytes) } })
    };
    let absent = || json!({ "absent": { "message": "not here" } });
    let (kind, fields) = fetch.as_object().unwrap().iter().next().unwrap();
    let text = |field: &str| fields[field].as_str().unwrap();
    match kind.as_str() {
        "resolve" => match tagged(text("reference").rsplit(':').next().unwrap()) {
            Some(digest) => json!({ "resolved": { "digest": digest } }),
            None => absent(),
        },
        "tag" => tagged(text("tag")).map_or_else(absent, |digest| found(&digest)),
        "manifest" | "blob" => found(text("digest")),
        "referrers" => absent(),
        other => panic!("{other}"),
    }
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = DIGITS[(n >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

fn decide(case: &str) -> Value {
    let cases = fs::read(root().join("corpora/cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&cases).unwrap();
    let case = cases.into_iter().find(|c| c["id"] == case).unwrap();
    let place = case["reference"].as_str().unwrap().strip_prefix("oci-layout:").unwrap();
    let layout = root().join("corpora").join(place.rsplit_once(':').unwrap().0);
    let mut request = json!({
        "apiVersion": "countersign.dev/step/v1",
        "policy": case["policy"],
        "request": { "images": [ { "reference": "registry.test/app:1" } ] },
        "evidence": [],
        "now": case["now"],
    });
    for _ in 0..10 {
        let response = step(&request);
        let Some(needs) = response["need"].as_array() else { return response["decision"].clone() };
        for fetch in needs {
            let item = json!({ "fetch": fetch, "answer": answer(&layout, fetch) });
            request["evidence"].as_array_mut().unwrap().push(item);
        }
    }
    panic!("no decision");
}

#[test]
fn an_embedder_gets_to_the_verdict_by_fetching_what_is_needed() {
    assert_eq!(decide("cosign-a-cosign-p256-right-key")["outcome"], "allow");
    let denied = decide("notation-jws-other-identity");
    assert_eq!(denied["outcome"], "deny");
    assert_eq!(denied["images"][0]["reason"]["code"], "identity.untrusted");
}

#[test]
fn the_example_is_short_enough_to_copy() {
    let source = fs::read_to_string(root().join("examples/wasmtime-host/src/main.rs")).unwrap();
    assert!(source.lines().count() <= 80, "{} lines", source.lines().count());
}
