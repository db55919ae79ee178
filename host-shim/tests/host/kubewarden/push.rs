//! An annotated module on a registry.

use std::fs;

use loopback_registry::{Fault, What};
use serde_json::{Value, json};

use super::{Ran, annotate, run, text};
use crate::{copy::start, guest::answering, scratch::Scratch};

const METADATA: &str = "\
rules: []
mutating: false
annotations:
  io.kubewarden.policy.title: x
  io.kubewarden.policy.source: https://github.com/acme/x
  io.kubewarden.policy.description: \"ends with a line\\n\"
  io.kubewarden.policy.usage: \"two\\nlines\"
";

fn annotated(scratch: &Scratch) -> String {
    let module = scratch.write("policy.wasm", answering(b"\"v1\""));
    let metadata = scratch.write("metadata.yml", METADATA);
    let out = scratch.path().join("annotated.wasm");
    let Ran(code, _, said) = annotate(&metadata, &out, &[], &module);
    assert_eq!(code, Some(0), "{said}");
    text(&out).to_owned()
}

fn push(module: &str, reference: &str) -> Ran {
    run(&["kubewarden", "push", "--plain-http", "--output", "json", module, reference])
}

fn pushed(ran: &Ran) -> Value {
    assert_eq!(ran.0, Some(0), "{}", ran.2);
    serde_json::from_str(&ran.1).unwrap()
}

#[test]
fn a_module_is_stored_as_kubewarden_expects_it_and_twice_the_same() {
    let scratch = Scratch::new();
    let module = annotated(&scratch);
    let registry = start(true);
    let reference = format!("registry://{}:v1", registry.repository("policies/x"));
    let first = pushed(&push(&module, &reference));
    let layout = scratch.path().join("layout");
    registry.export("policies/x", &layout).unwrap();
    let blob = |digest: &Value| {
        fs::read(layout.join("blobs").join(digest.as_str().unwrap().replace(':', "/"))).unwrap()
    };
    let manifest: Value = serde_json::from_slice(&blob(&first["digest"])).unwrap();
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v1+json");
    assert_eq!(blob(&manifest["config"]["digest"]), b"{}");
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 1);
    assert_eq!(layers[0]["mediaType"], "application/vnd.wasm.content.layer.v1+wasm");
    assert_eq!(blob(&layers[0]["digest"]), fs::read(&module).unwrap());
    // Those of one line, and the source under OCI's name, as kwctl has it.
    assert_eq!(
        manifest["annotations"],
        json!({
            "io.kubewarden.policy.title": "x",
            "io.kubewarden.policy.source": "https://github.com/acme/x",
            "io.kubewarden.policy.description": "ends with a line",
            "org.opencontainers.image.source": "https://github.com/acme/x",
        })
    );
    let name = registry.repository("policies/x");
    assert_eq!(
        first["reference"],
        json!(format!("registry://{name}@{}", first["digest"].as_str().unwrap()))
    );
    assert_eq!(pushed(&push(&module, &reference)), first);
}

/// Registries say where an upload goes on, or where something is, in many ways; kwctl gives up on some.
#[test]
fn a_registry_may_say_places_as_it_likes() {
    let scratch = Scratch::new();
    let module = annotated(&scratch);
    for (method, path, location, taken) in [
        // Nothing is said of where the blob or the manifest is now.
        ("PUT", "/v2/*/blobs/uploads/*", None, true),
        ("PUT", "/v2/*/manifests/*", None, true),
        ("PUT", "/v2/*/manifests/*", Some("not a place"), true),
        ("PUT", "/v2/*/manifests/*", Some("http://elsewhere.test/v2/x/manifests/1"), true),
        // Nothing is said of where the upload goes on.
        ("POST", "/v2/*/blobs/uploads/", None, false),
        ("POST", "/v2/*/blobs/uploads/", Some("http://["), false),
        ("POST", "/v2/*/blobs/uploads/", Some("file:///etc/passwd"), false),
    ] {
        let registry = start(true);
        let header = What::Header("Location".to_owned(), location.map(str::to_owned));
        registry.fault(Fault::on(method, path, header));
        let Ran(code, out, said) = push(&module, &format!("{}:1", registry.repository("x")));
        let expected = if taken { Some(0) } else { Some(2) };
        assert_eq!(code, expected, "{method} {location:?}: {out}{said}");
        if !taken {
            assert!(said.contains("error:"), "{said}");
        }
    }
}

#[test]
fn uploads_go_on_at_another_place_with_what_it_says() {
    let scratch = Scratch::new();
    let module = annotated(&scratch);
    // The registry's own answer, with a query that belongs to it, and as a whole URL.
    let registry = start(true);
    let host = registry.repository("x").split('/').next().unwrap().to_owned();
    let first = push(&module, &format!("{host}/x:1"));
    assert_eq!(first.0, Some(0), "{}", first.2);
    let began = registry.take_log();
    let put =
        began.iter().find(|entry| entry.method == "PUT" && entry.path.contains("/blobs/uploads/"));
    assert!(put.unwrap().path.contains("digest=sha256"), "{put:?}");
}

#[test]
fn what_cannot_be_pushed_is_said() {
    let scratch = Scratch::new();
    let module = annotated(&scratch);
    let bare = scratch.write("bare.wasm", answering(b"\"v1\""));
    let registry = start(true);
    let name = registry.repository("x");
    let digest = format!("{name}@sha256:{}", "0".repeat(64));
    for (module, reference, code, words) in [
        (text(&bare), format!("{name}:1"), 3, "not annotated"),
        (module.as_str(), digest, 3, "a tag is needed"),
        (module.as_str(), format!("{name}:!"), 3, "not an image reference"),
        ("/nowhere.wasm", format!("{name}:1"), 3, "/nowhere.wasm"),
    ] {
        let Ran(found, _, said) = push(module, &reference);
        assert_eq!(found, Some(code), "{said}");
        assert!(said.contains(words), "{words}: {said}");
    }
    registry.fault(Fault::on("PUT", "/v2/*/manifests/*", What::status(403)));
    let Ran(code, _, said) = push(&module, &format!("{name}:1"));
    assert_eq!(code, Some(2), "{said}");
}
