use std::{fs, path::PathBuf};

use countersign::wire::{EvidenceItem, StepRequest};
use serde_json::{Value, json};

use super::{NOW, code, deciding, decision, err, out, run, text};
use crate::{corpora::corpora, road::embeds_a_module, scratch::Scratch};

/// A directory and a module that always allows `a/b:1`.
struct Stage {
    scratch: Scratch,
    module: String,
}

fn stage() -> Stage {
    let scratch = Scratch::new();
    let module = scratch.write("guest.wasm", deciding(&decision("allow")));
    Stage { module: text(&module).to_owned(), scratch }
}

impl Stage {
    fn write(&self, name: &str, cases: &str) -> String {
        let head = "apiVersion: countersign.dev/test/v1\npolicy: {}\nnow: 2026-11-21T03:00:00Z\n\
                    request: { images: ['a/b:1'] }\n";
        text(&self.scratch.write(name, format!("{head}{cases}"))).to_owned()
    }

    fn test(&self, more: &[&str]) -> std::process::Output {
        run(&[&["policy", "test", "--module", &self.module], more].concat())
    }
}

const CASES: &str = "\
cases:
  - { name: good, expect: { outcome: allow, images: [{ reference: 'a/b:1', digest: 'sha256:00' }] } }
  - { name: 'bad <&>', expect: { outcome: deny, reason: image.unmatched, warnings: [x] } }
";

#[test]
fn says_what_was_expected_and_what_was_found() {
    let stage = stage();
    let file = stage.write("a.test.yaml", CASES);
    let output = stage.test(&[&file]);
    assert_eq!((code(&output), err(&output).as_str()), (1, ""));
    let expected = format!(
        "ok   {file}: good\n\
         FAIL {file}: bad <&>\n     \
         outcome: expected deny, found allow\n     \
         reason: expected `image.unmatched`, found none\n     \
         warnings: expected one with `x`, found none\n     \
         ALLOW a/b:1@sha256:00\n\
         1 passed, 1 failed\n"
    );
    assert_eq!(out(&output), expected);
    let output = stage.test(&["--run", "good", &file]);
    assert_eq!((code(&output), out(&output).ends_with("\n1 passed, 0 failed\n")), (0, true));
    let output = stage.test(&["--run", "*bad*", "--output", "json", &file]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["passed"], &report["failed"]), (&json!(0), &json!(1)));
    assert_eq!(report["cases"][0]["name"], "bad <&>");
    assert_eq!(report["cases"][0]["decision"]["outcome"], "allow");
    assert_eq!(code(&stage.test(&["--run", "nothing", &file])), 3);
}

#[test]
fn junit_says_the_same() {
    let stage = stage();
    let file = stage.write("a.test.yaml", CASES);
    stage.scratch.write("b.test.yaml", "no: test\n");
    let junit = stage.scratch.path().join("out.xml");
    let output = stage.test(&["--junit", text(&junit), text(stage.scratch.path())]);
    assert_eq!(code(&output), 3);
    let xml = fs::read_to_string(junit).unwrap();
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"countersign\" \
                tests=\"3\" failures=\"1\" errors=\"1\" time=\"";
    assert!(xml.starts_with(head), "{xml}");
    for part in [
        &format!("<testsuite name=\"{file}\" tests=\"2\" failures=\"1\" errors=\"0\""),
        "name=\"good\" time=\"",
        "name=\"bad &lt;&amp;&gt;\"",
        "<failure message=\"outcome: expected deny, found allow; reason: ",
        "<error message=\"",
    ] {
        assert!(xml.contains(part), "{part} is not in\n{xml}");
    }
    assert_eq!(unclosed(&xml), Vec::<String>::new(), "{xml}");
}

/// Names of elements that are opened and not closed, of text without comments.
fn unclosed(xml: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    for tag in xml.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        match tag {
            _ if tag.starts_with('?') || tag.ends_with('/') => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop().as_deref(), Some(name)),
            _ => open.push(name.to_owned()),
        }
    }
    open
}

#[test]
fn directories_are_searched_for_what_is_named_like_a_test() {
    let stage = stage();
    let one = "expect: { outcome: allow }\n";
    for name in ["x.test.yaml", "sub/y.test.yml", "sub/z.yaml", ".git/w.test.yaml"] {
        stage.write(name, one);
    }
    let output = stage.test(&["--output", "json", text(stage.scratch.path())]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let files = report["cases"].as_array().unwrap().iter().map(|c| c["file"].as_str().unwrap());
    let names: Vec<_> = files.map(|f| f.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["y.test.yml", "x.test.yaml"]);
    let empty = Scratch::new();
    let output = stage.test(&[text(empty.path())]);
    assert_eq!(code(&output), 3);
    assert!(err(&output).contains("no test in"), "{}", err(&output));
}

#[test]
fn what_is_no_test_is_refused_with_its_place() {
    let stage = stage();
    for (cases, words) in [
        ("cases: []\n", ":5:1: `cases` is a list of at least one"),
        ("expects: { outcome: allow }\n", "unknown field `expects`"),
        ("cases:\n  - { name: a }\n", ":6:5: `expect` is missing"),
        ("cases:\n  - { expect: { outcome: allow } }\n", ":6:5: `name` is missing"),
        ("expect: { outcome: maybe }\n", "unknown variant `maybe`"),
        ("expect: { outcome: deny, reason: no.such }\n", ":5:1: `no.such` is not a reason code"),
        ("evidence: no/such\nexpect: { outcome: allow }\n", ":5:1: "),
        (
            "cases:\n  - { name: a, expect: { outcome: allow } }\n  - { name: a, expect: { outcome: \
             allow } }\n",
            ":7:7: two cases have this name",
        ),
    ] {
        let file = stage.write("bad.test.yaml", cases);
        let output = stage.test(&[&file]);
        assert_eq!(code(&output), 3, "{cases}");
        assert!(out(&output).contains(words), "{words} is not in {}", out(&output));
    }
    let file = stage.scratch.write("v.test.yaml", "apiVersion: v2\n");
    assert!(out(&stage.test(&[text(&file)])).contains(":1:1: not a test: `apiVersion`"));
}

#[test]
fn an_object_is_asked_about_as_an_admission_front_would() {
    let stage = stage();
    let cases = "\
cases:
  - name: unknown kinds are refused
    request: { object: { kind: Gadget } }
    expect: { outcome: deny, reason: kind.unknown }
  - name: deletions pass
    request: { object: { kind: Gadget }, operation: DELETE }
    expect: { outcome: allow }
  - name: a pod is judged
    request:
      object: { kind: Pod, spec: { containers: [ { name: a, image: 'a/b:1' } ] } }
    expect: { outcome: allow, images: [ { reference: 'a/b:1' } ] }
";
    let file = stage.write("a.test.yaml", cases);
    let output = stage.test(&[&file]);
    assert_eq!(code(&output), 0, "{}", out(&output));
}

/// A place for a live decision on a layout that a real tool signed.
fn live() -> Option<(Scratch, PathBuf, String)> {
    let corpora = corpora().filter(|_| embeds_a_module())?;
    let scratch = Scratch::new();
    let policy = fs::read(corpora.join("../examples/policies/cosign-key.yaml")).unwrap();
    let policy = scratch.write("policies/p.yaml", policy);
    fs::create_dir_all(scratch.path().join("tests")).unwrap();
    let layout = format!("oci-layout:{}:1", corpora.join("layouts/a-cosign-p256").display());
    Some((scratch, policy, layout))
}

#[test]
fn a_live_decision_becomes_a_test_that_needs_no_registry() {
    let Some((scratch, policy, layout)) = live() else { return };
    let test = scratch.path().join("tests/app.test.yaml");
    let name = ["--image", "ghcr.io/acme/app"];
    let fixed = ["policy", "test", "--record", "--policy", text(&policy), "--out", text(&test)];
    let record = [&fixed[..], &name, &["--now", NOW, &layout]].concat();
    let output = run(&record);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert!(err(&run(&record)).contains("--force writes over it"));
    assert_eq!(code(&run(&[&record[..], &["--force"]].concat())), 0);
    let output = run(&["policy", "test", text(scratch.path())]);
    assert_eq!(code(&output), 0, "{}", out(&output));
    let kept = scratch.path().join("tests/app.record.json");
    assert_eq!(code(&run(&["replay", text(&kept)])), 0);

    // Another policy, and the evidence of then.
    let document = fs::read_to_string(&policy).unwrap();
    fs::write(
        &policy,
        document.replace("'**'", "'quay.io/**'").replace("\"**\"", "\"quay.io/**\""),
    )
    .unwrap();
    let output = run(&["policy", "test", text(&test)]);
    assert_eq!(code(&output), 1);
    assert!(out(&output).contains("outcome: expected allow, found deny"), "{}", out(&output));
    fs::write(&policy, document).unwrap();

    // What is missing is named, whatever the outcome.
    let mut record: Value = serde_json::from_slice(&fs::read(&kept).unwrap()).unwrap();
    let gone = record["evidence"].as_array_mut().unwrap().pop().unwrap();
    fs::write(&kept, record.to_string()).unwrap();
    let output = run(&["policy", "test", text(&test)]);
    assert_eq!(code(&output), 1);
    let digest = gone["fetch"]["blob"]["digest"].as_str().unwrap();
    let line = format!("evidence: there is no blob ghcr.io/acme/app@{digest}");
    assert!(out(&output).contains(&line), "{line} is not in {}", out(&output));
    assert!(out(&output).contains("policy test --record"), "{}", out(&output));
    let output = run(&["replay", text(&kept)]);
    assert_eq!(code(&output), 3);
    assert!(err(&output).contains("is not in the record"), "{}", err(&output));
}

#[test]
fn a_layout_is_evidence_too() {
    let Some((scratch, _, layout)) = live() else { return };
    let place = layout.trim_start_matches("oci-layout:");
    let test = format!(
        "apiVersion: countersign.dev/test/v1\npolicy: ../policies/p.yaml\nnow: {NOW}\ncases:\n  \
         - {{ name: its own name, evidence: 'oci-layout:{place}', expect: {{ outcome: allow }} }}\n  \
         - {{ name: another, evidence: {{ layout: '{place}', image: ghcr.io/acme/app }}, expect: {{ \
         outcome: allow, images: [ {{ reference: 'ghcr.io/acme/app:1' }} ] }} }}\n  \
         - {{ name: elsewhere, evidence: {{ layout: '{place}', image: ghcr.io/acme/app }}, request: {{ \
         images: ['ghcr.io/acme/other:1'] }}, expect: {{ outcome: undetermined }} }}\n"
    );
    let path = scratch.write("tests/layout.test.yaml", test);
    let output = run(&["policy", "test", text(&path)]);
    assert_eq!(code(&output), 1, "{} {}", out(&output), err(&output));
    let said = out(&output);
    assert!(said.contains("2 passed, 1 failed"), "{said}");
    assert!(said.contains("evidence: there is no digest of ghcr.io/acme/other:1"), "{said}");
}

#[test]
fn the_evidence_of_a_record_is_what_the_module_was_given() {
    let Some((scratch, policy, layout)) = live() else { return };
    let record = scratch.path().join("r.json");
    let fixed = ["verify", "--policy", text(&policy), "--now", NOW, "--record", text(&record)];
    assert_eq!(code(&run(&[&fixed[..], &[&layout]].concat())), 0);
    let record: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    let evidence: Vec<EvidenceItem> = serde_json::from_value(record["evidence"].clone()).unwrap();
    assert!(evidence.len() > 3);
    let step = json!({
        "apiVersion": "countersign.dev/step/v1", "policy": record["policy"],
        "request": record["request"], "evidence": record["evidence"], "now": record["now"],
    });
    let step: StepRequest = serde_json::from_value(step).unwrap();
    let response = countersign::step_json(&serde_json::to_vec(&step).unwrap());
    let response: Value = serde_json::from_slice(&response).unwrap();
    assert_eq!(response["decision"]["outcome"], record["decision"]["outcome"]);
}
