//! Policies, settings and manifests, from one to the other and back.

use std::fs;

use countersign_host::policy::Document;
use serde_json::{Value, json};

use super::{Ran, root, run, run_with, text, yaml};
use crate::{road::embeds_a_module, scratch::Scratch};

/// The examples, as the module takes them.
fn policies() -> Vec<(String, Value)> {
    let directory = root().join("examples/policies");
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "yaml") {
            let policy = Document::load_policy(text(&path)).unwrap().value;
            found.push((text(&path).to_owned(), policy));
        }
    }
    assert!(found.len() > 5);
    found
}

#[test]
fn a_policy_comes_back_from_its_settings_and_from_its_manifest() {
    for (path, policy) in policies() {
        for output in ["yaml", "json"] {
            let Ran(code, settings, said) =
                run(&["kubewarden", "settings", "--output", output, &path]);
            assert_eq!(code, Some(0), "{path}: {said}");
            assert_eq!(yaml(&settings), policy, "{path}");
            let Ran(_, back, said) =
                run_with(&["kubewarden", "settings", "--from", "-"], &settings);
            assert_eq!(yaml(&back), policy, "{path}: {said}");
            let Ran(code, manifest, said) =
                run(&["kubewarden", "manifest", "--name", "x", "--output", output, &path]);
            assert_eq!(code, Some(0), "{path}: {said}");
            // Which names the time that it has there.
            let timed = timed(&policy, "10s");
            assert_eq!(yaml(&manifest)["spec"]["settings"], timed, "{path}");
            let Ran(_, back, said) =
                run_with(&["kubewarden", "settings", "--from", "-"], &manifest);
            assert_eq!(yaml(&back), timed, "{path}: {said}");
        }
    }
}

/// A policy that names a time-out, its own or this one.
fn timed(policy: &Value, timeout: &str) -> Value {
    let mut policy = policy.clone();
    let own = policy["spec"]["evidence"]["timeout"].as_str().unwrap_or(timeout).to_owned();
    policy["spec"]["evidence"]["timeout"] = json!(own);
    policy
}

const POLICY: &str = "\
apiVersion: countersign.dev/v1
kind: ImagePolicy
metadata: { name: images }
spec:
  rules: [ { images: [ '**' ], static: deny } ]
";

fn manifest(arguments: &[&str], policy: &str) -> Ran {
    run_with(&[&["kubewarden", "manifest"], arguments, &["-"]].concat(), policy)
}

#[test]
fn a_manifest_is_complete() {
    let Ran(code, out, said) = manifest(&[], POLICY);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let found = yaml(&out);
    let metadata = yaml(&fs::read_to_string(root().join("metadata.yml")).unwrap());
    assert_eq!(found["apiVersion"], "policies.kubewarden.io/v1");
    assert_eq!(found["kind"], "ClusterAdmissionPolicy");
    assert_eq!(found["metadata"]["name"], "images");
    assert_eq!(found["metadata"].get("namespace"), None);
    let spec = &found["spec"];
    assert_eq!(spec["rules"], metadata["rules"]);
    let rules = spec["rules"].to_string();
    for resource in ["pods/ephemeralcontainers", "cronjobs", "daemonsets", "replicationcontrollers"]
    {
        assert!(rules.contains(resource), "{resource}");
    }
    assert_eq!(spec["mutating"], true);
    assert_eq!(spec["failurePolicy"], "Fail");
    assert_eq!(spec["backgroundAudit"], true);
    assert_eq!((&spec["timeoutEvalSeconds"], &spec["timeoutSeconds"]), (&json!(10), &json!(12)));
    assert!(spec["module"].as_str().unwrap().starts_with("registry://ghcr.io/"), "{spec}");
    // Which calls it makes is said to people: there is no field for it.
    for capability in metadata["hostCapabilities"].as_array().unwrap() {
        assert!(out.lines().next().unwrap().contains(capability.as_str().unwrap()), "{out}");
    }
}

#[test]
fn a_manifest_says_what_it_is_told() {
    let Ran(_, out, _) = manifest(
        &[
            "--namespace",
            "shop",
            "--mode",
            "monitor",
            "--module",
            "registry://r.test/m:1",
            "--policy-server",
            "own",
            "--timeout",
            "30",
        ],
        POLICY,
    );
    let found = yaml(&out);
    assert_eq!(found["kind"], "AdmissionPolicy");
    assert_eq!(found["metadata"]["namespace"], "shop");
    let spec = &found["spec"];
    assert_eq!((&spec["mode"], &spec["policyServer"]), (&json!("monitor"), &json!("own")));
    assert_eq!(spec["module"], "registry://r.test/m:1");
    assert_eq!((&spec["timeoutEvalSeconds"], &spec["timeoutSeconds"]), (&json!(30), &json!(30)));
    assert!(out.starts_with("# ") && out.contains("namespacedPoliciesCapabilities"), "{out}");
    // Without a pin nothing is changed, and Kubewarden need not let it.
    let Ran(_, out, _) = manifest(&[], &format!("{POLICY}  digests: {{ pin: none }}\n"));
    assert_eq!(yaml(&out)["spec"]["mutating"], false);
}

#[test]
fn the_policy_and_the_host_agree_on_the_time() {
    let own = |timeout: &str| format!("{POLICY}  evidence: {{ timeout: {timeout} }}\n");
    let old = r#"{ "signatures": [{ "image": "ghcr.io/acme/*", "githubActions": { "owner": "acme" } }] }"#;
    for (arguments, policy, seconds, told) in [
        (&[][..], POLICY.to_owned(), 10, "10s"),
        (&["--timeout", "20"], POLICY.to_owned(), 20, "20s"),
        (
            &["--timeout", "2"],
            format!("{POLICY}  evidence: {{ repository: ghcr.io/acme/evidence }}\n"),
            2,
            "2s",
        ),
        // The policy's own, unless there is to be more.
        (&[], own("4s"), 4, "4s"),
        (&["--timeout", "8"], own("4s"), 8, "4s"),
        (&["--timeout", "4"], own("4s"), 4, "4s"),
        // Settings of verify-image-signatures are written as the policy that they are.
        (&[], old.to_owned(), 10, "10s"),
        (&["--timeout", "2"], old.to_owned(), 2, "2s"),
    ] {
        let Ran(code, out, said) = manifest(arguments, &policy);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{arguments:?} {policy}");
        let spec = &yaml(&out)["spec"];
        assert_eq!(spec["timeoutEvalSeconds"], seconds, "{arguments:?} {policy}");
        assert_eq!(spec["timeoutSeconds"], seconds + 2);
        assert_eq!(spec["settings"]["spec"]["evidence"]["timeout"], told, "{arguments:?} {policy}");
    }
    let Ran(code, out, said) = manifest(&["--timeout", "5"], &own("20s"));
    assert_eq!((code, out.as_str()), (Some(3), ""));
    assert!(
        said.contains("--timeout 5") && said.contains("20 s (`spec.evidence.timeout`)"),
        "{said}"
    );
}

#[test]
fn what_kubernetes_would_not_take_is_refused() {
    for (arguments, policy, words) in [
        (&["--timeout", "1"][..], POLICY, "2 to 30"),
        (&["--timeout", "31"], POLICY, "2 to 30"),
        (&["--name", "Images"], POLICY, "lower-case"),
        (&["--namespace", "a_b"], POLICY, "lower-case"),
        (&[], "spec: {}", "missing"),
        (&[], "x: [", "<stdin>:2:"),
    ] {
        let Ran(code, out, said) = manifest(arguments, policy);
        assert_eq!((code, out.as_str()), (Some(3), ""), "{arguments:?}");
        assert!(said.contains(words), "{words}: {said}");
    }
}

const OLD: &str = "\
apiVersion: policies.kubewarden.io/v1
kind: ClusterAdmissionPolicy
metadata: { name: verify-image-signatures }
spec:
  module: ghcr.io/kubewarden/policies/verify-image-signatures:v1.0.11
  mutating: true
  rules: []
  settings:
    modifyImagesWithDigest: false
    signatures:
      - image: \"ghcr.io/acme/*\"
        githubActions:
          owner: acme
          repo: app
";

#[test]
fn settings_of_the_old_policy_become_one_of_ours() {
    let Ran(code, out, said) = run_with(&["kubewarden", "settings", "--from", "-"], OLD);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let policy = yaml(&out);
    assert_eq!(policy["kind"], "ImagePolicy");
    assert_eq!(policy["spec"]["rules"][0]["match"]["references"], json!(["ghcr.io/acme/*"]));
    assert_eq!(policy["spec"]["digests"], json!({ "pin": "none", "require": "never" }));
    let identity =
        &policy["spec"]["authorities"]["signatures[0].githubActions"]["cosign"]["keyless"][0];
    assert_eq!(identity["githubWorkflow"], json!({ "repository": "acme/app" }));
    // And that is one, for the module too.
    let Ran(code, again, said) = run_with(&["kubewarden", "settings", "-"], &out);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(yaml(&again)["spec"]["rules"], policy["spec"]["rules"]);
}

#[test]
fn what_is_wrong_with_old_settings_is_said_where_it_stands() {
    for (from, to, place, words) in [
        (
            "owner: acme",
            "owner: ''",
            "<stdin>:13:11",
            "/spec/settings/signatures/0/githubActions/owner",
        ),
        (
            "repo: app",
            "repository: app",
            "<stdin>:14:11",
            "/spec/settings/signatures/0/githubActions/repository",
        ),
        ("kind: ClusterAdmissionPolicy", "kind: PolicyServer", "", "no ClusterAdmissionPolicy"),
        ("  settings:", "  other:", "", "no `spec.settings`"),
    ] {
        let input = OLD.replace(from, to);
        let Ran(code, out, said) = run_with(&["kubewarden", "settings", "--from", "-"], &input);
        assert_eq!((code, out.as_str()), (Some(3), ""), "{to}");
        assert!(said.contains(place) && said.contains(words), "{place} {words}: {said}");
    }
}

/// Wherever a policy is, such settings are one.
#[test]
fn old_settings_are_a_policy_for_every_command() {
    let scratch = Scratch::new();
    let key = fs::read_to_string(root().join("corpora/trust/cosign-p256.pub"));
    let Ok(key) = key else { return };
    let settings = json!({ "signatures": [{ "image": "localhost/*", "pubKeys": [key] }] });
    let path = scratch.write("settings.json", settings.to_string());
    let Ran(code, out, said) = run(&["policy", "lint", text(&path)]);
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(out.contains("settings.json:1:") && out.contains("unmatched"), "{out}");
    for (image, words) in
        [("localhost/app:1", "is for localhost/app"), ("ghcr.io/a/b", "is not for ghcr.io/a/b")]
    {
        let Ran(code, out, said) = run(&["policy", "explain", text(&path), "--image", image]);
        assert_eq!(code, Some(0), "{said}");
        assert!(out.contains(words) && out.contains("signatures[0].pubKeys[0]"), "{words}: {out}");
    }
    if !embeds_a_module() {
        return;
    }
    for (layout, expected) in [("a-cosign-p256", 0), ("a-rsa2048", 1), ("a-unsigned", 1)] {
        let layout = root().join("corpora/layouts").join(layout);
        let image = format!("oci-layout:{}:1", text(&layout));
        let Ran(code, out, said) = run(&[
            "verify",
            "--now",
            "2026-11-21T03:00:00Z",
            "--image",
            "localhost/app",
            "--policy",
            text(&path),
            &image,
        ]);
        assert_eq!(code, Some(expected), "{image}: {out}{said}");
    }
}
