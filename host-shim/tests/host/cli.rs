use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::{
    guest::{answering, with_body},
    scratch::{Scratch, image, tag},
};

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A directory with a policy, a layout of one image and a module that always decides so.
struct Stage {
    scratch: Scratch,
    policy: String,
    module: String,
    layout: String,
}

fn stage(decision: &Value) -> Stage {
    let response = json!({ "apiVersion": "countersign.dev/step/v1", "decision": decision });
    stage_with(&answering(response.to_string().as_bytes()))
}

fn stage_with(module: &[u8]) -> Stage {
    let scratch = Scratch::new();
    let policy = scratch.write("policy.yaml", "spec:\n  rules:\n    - imagse: [a]\n");
    let module = scratch.write("guest.wasm", module);
    scratch.index(&[scratch.manifest(&image("a"), tag("1"))]);
    Stage {
        policy: text(&policy).to_owned(),
        module: text(&module).to_owned(),
        layout: format!("oci-layout:{}", text(scratch.path())),
        scratch,
    }
}

impl Stage {
    fn verify(&self, more: &[&str]) -> Output {
        let mut arguments = vec!["verify", "--policy", &self.policy, "--module", &self.module];
        arguments.extend_from_slice(more);
        run(&arguments)
    }
}

fn decision(outcome: &str) -> Value {
    let node = json!({ "kind": "image", "name": "x", "mark": "pass", "children": [
        { "kind": "rule", "name": "a/**", "mark": "pass", "detail": "holds" } ] });
    json!({
        "outcome": outcome, "mode": "enforce", "now": "2026-11-21T03:00:00Z",
        "images": [{ "reference": "a/b:1", "digest": "sha256:00", "outcome": outcome,
            "explanation": node }],
        "usage": { "evidenceBytes": 0, "candidates": 0, "signatureOperations": 0 },
    })
}

#[test]
fn usage_errors_exit_3_and_help_exits_0() {
    for arguments in [
        &[][..],
        &["nonsense"],
        &["verify"],
        &["verify", "--policy", "p"],
        &["verify", "--policy", "p", "--now", "yesterday", "x"],
        &["verify", "--policy", "p", "--image", "a:1", "x"],
        &["verify", "--policy", "p", "--output", "xml", "x"],
    ] {
        let output = run(arguments);
        assert_eq!(code(&output), 3, "{arguments:?}");
        assert_eq!(out(&output), "", "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["verify", "--help"], &["--version"]] {
        let output = run(arguments);
        assert_eq!(code(&output), 0, "{arguments:?}");
        assert_eq!(err(&output), "", "{arguments:?}");
    }
    let version = out(&run(&["--version"]));
    assert!(version.contains("\nmodule ") && version.contains("\nportable module "), "{version}");
    assert!(out(&run(&["verify", "--help"])).contains("Exit codes:"));
}

#[test]
fn a_file_that_is_no_policy_is_refused_with_its_line() {
    let stage = stage(&decision("allow"));
    let policy = stage.scratch.write("bad.yaml", "a: 1\nb: 2\na: 3\n");
    let output = run(&["verify", "--policy", text(&policy), &stage.layout]);
    assert_eq!(code(&output), 3);
    assert!(err(&output).contains("bad.yaml:3:1: the key `a` is there twice"), "{}", err(&output));
    let output = run(&["verify", "--policy", "/no/such/policy", &stage.layout]);
    assert_eq!(code(&output), 3);
    assert!(err(&output).contains("cannot be read"));
}

#[test]
fn exits_by_the_outcome_and_explains_it() {
    for (outcome, exit, word) in
        [("allow", 0, "ALLOW"), ("deny", 1, "DENY"), ("undetermined", 2, "UNDETERMINED")]
    {
        let stage = stage(&decision(outcome));
        let output = stage.verify(&[&stage.layout]);
        assert_eq!(code(&output), exit);
        let expected = format!("{word} a/b:1@sha256:00\n└─ ✓ a/**  holds\n");
        assert_eq!(out(&output), expected);
        assert_eq!(err(&output), "");
    }
}

#[test]
fn errors_of_the_policy_name_the_line_and_what_was_meant() {
    let mut decision = decision("deny");
    decision["errors"] = json!([{
        "code": "policy.unknownField", "path": "/spec/rules/0/imagse",
        "message": "the policy has a field that does not exist", "suggestion": "`images`",
    }]);
    let stage = stage(&decision);
    let output = stage.verify(&[&stage.layout, &stage.layout]);
    assert_eq!(code(&output), 3);
    let expected = format!(
        "{}:3:7: the policy has a field that does not exist (policy.unknownField) at \
         /spec/rules/0/imagse\n  did you mean `images`?\n",
        stage.policy
    );
    assert_eq!(err(&output), expected);
}

#[test]
fn the_worst_of_several_references_wins() {
    let stage = stage(&decision("allow"));
    let output = stage.verify(&[&stage.layout, "oci-layout:/no/such"]);
    assert_eq!(code(&output), 3);
    assert!(out(&output).starts_with("ALLOW"));
    assert!(err(&output).contains("oci-layout:/no/such"));
}

#[test]
fn writes_one_json_object() {
    let stage = stage(&decision("deny"));
    let now = ["--now", "2026-11-21T04:00:00+01:00"];
    let output = stage.verify(&[now[0], now[1], "--output", "json", "--stats", &stage.layout]);
    assert_eq!(code(&output), 1);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["apiVersion"], "countersign.dev/verify/v1");
    assert_eq!(report["nowOverridden"], true);
    assert_eq!(report["now"], "2026-11-21T03:00:00Z");
    assert!(report["module"]["digest"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(report["results"][0]["reference"], stage.layout);
    assert_eq!(report["results"][0]["decision"]["outcome"], "deny");
    assert_eq!(report["results"][0]["stats"]["rounds"], 1);
}

#[test]
fn says_that_the_clock_was_overridden() {
    let stage = stage(&decision("allow"));
    let output = stage.verify(&["--now", "2026-11-21T03:00:00Z", &stage.layout]);
    let text = out(&output);
    assert!(text.ends_with("clock: overridden, decided as of 2026-11-21T03:00:00Z\n"), "{text}");
}

#[test]
fn colour_is_for_terminals_unless_asked_for() {
    let stage = stage(&decision("allow"));
    let arguments = ["verify", "--policy", &stage.policy, "--module", &stage.module, &stage.layout];
    let coloured = |command: &mut Command| command.output().unwrap().stdout.contains(&0x1b);
    assert!(!coloured(&mut command(&arguments)));
    assert!(coloured(command(&arguments).env("CLICOLOR_FORCE", "1")));
    let both = [("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")];
    assert!(!coloured(command(&arguments).envs(both)));
    assert!(coloured(command(&arguments).args(["--color", "always"]).env("NO_COLOR", "1")));
}

#[test]
fn a_trap_is_a_refusal() {
    for body in ["unreachable", "(call $exit (i32.const 0)) i32.const 1", "i32.const 1"] {
        let stage = stage_with(&with_body(body, b""));
        let output = stage.verify(&[&stage.layout]);
        assert_eq!(code(&output), 3, "{body}");
        assert!(err(&output).contains("internal trap"), "{}", err(&output));
        assert_eq!(out(&output), "");
    }
}

#[test]
fn reads_a_policy_from_standard_input_and_survives_a_closed_pipe() {
    let stage = stage(&decision("allow"));
    let arguments = ["verify", "--policy", "-", "--module", &stage.module, &stage.layout];
    let mut child = command(&arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    child.stdin.take().unwrap().write_all(b"{\"a\": 1}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), err(&output).as_str()), (0, ""));
}
