//! `verify --namespace --object --honor-mode`.

use serde_json::{Value, json};

use super::{code, deciding, decision, err, out, run, text};
use crate::{
    road::embeds_a_module,
    scratch::{Scratch, image, tag},
};

#[test]
fn the_exit_code_heeds_the_mode_where_it_is_asked_to() {
    let scratch = Scratch::new();
    let policy = scratch.write("policy.yaml", "a: 1\n");
    scratch.index(&[scratch.manifest(&image("a"), tag("1"))]);
    let layout = format!("oci-layout:{}", text(scratch.path()));
    let mut warned = decision("deny");
    warned["mode"] = "warn".into();
    warned["effective"] = "allow".into();
    warned["images"][0]["effective"] = "allow".into();
    let module = scratch.write("guest.wasm", deciding(&warned));
    let fixed = ["verify", "--policy", text(&policy), "--module", text(&module), &layout];
    let output = run(&fixed);
    assert_eq!(code(&output), 1);
    let expected = "DENY a/b:1@sha256:00  effective: allow\n\
                    mode: warn, effective: allow (the exit code does not heed it)\n";
    assert_eq!(out(&output), expected);
    let output = run(&[&fixed[..], &["--honor-mode"]].concat());
    assert_eq!(code(&output), 0);
    assert!(out(&output).ends_with("(the exit code heeds it)\n"), "{}", out(&output));
}

const POLICY: &str = "\
apiVersion: countersign.dev/v1
kind: ImagePolicy
spec:
  rules:
    - images: ['**']
      match: { namespaces: [shop], kinds: [Pod] }
      static: allow
";

/// The reason of the first image, or `allow`.
fn reason(arguments: &[&str]) -> String {
    let output = run(&[arguments, &["--output", "json"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let image = &report["results"][0]["decision"]["images"][0];
    match (&image["outcome"], &image["reason"]["code"]) {
        (Value::String(outcome), Value::Null) => outcome.clone(),
        (_, Value::String(code)) => code.clone(),
        _ => err(&output),
    }
}

#[test]
fn rules_see_the_namespace_and_the_object() {
    if !embeds_a_module() {
        return;
    }
    let scratch = Scratch::new();
    let policy = scratch.write("policy.yaml", POLICY);
    scratch.index(&[scratch.manifest(&image("a"), tag("1"))]);
    let layout = format!("oci-layout:{}", text(scratch.path()));
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p", "namespace": "shop" },
        "spec": { "containers": [{ "name": "a", "image": "ghcr.io/acme/app@sha256:\
            b450d7296dfc04aa28a9336a876a8120c903da239fd03a02c95f8c8fcb269223" }] },
    });
    let object = scratch.write("pod.json", pod.to_string());
    let fixed = ["verify", "--policy", text(&policy)];
    let with = |more: &[&str]| reason(&[&fixed[..], more].concat());
    assert_eq!(with(&["--object", text(&object), &layout]), "allow");
    let elsewhere = ["--object", text(&object), "--namespace", "other"];
    assert_eq!(with(&[&elsewhere[..], &[&layout]].concat()), "image.unmatched");
    // Its own images, of which the rule asks for nothing.
    assert_eq!(with(&["--object", text(&object)]), "allow");
    assert_eq!(with(&elsewhere), "image.unmatched");
    let unknown = scratch.write("gadget.json", r#"{"kind": "Gadget"}"#);
    let found = with(&["--object", text(&unknown)]);
    assert!(found.contains("(kind.unknown)"), "{found}");
}
