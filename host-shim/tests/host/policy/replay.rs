use serde_json::{Value, json};

use super::{code, deciding, decision, err, out, run, text};
use crate::scratch::{Scratch, image, tag};

/// A directory with a record, and the module that decided.
struct Stage {
    scratch: Scratch,
    record: String,
    module: String,
}

fn stage() -> Stage {
    let scratch = Scratch::new();
    let policy = scratch.write("policy.yaml", "a: 1\n");
    let module = scratch.write("guest.wasm", deciding(&decision("allow")));
    scratch.index(&[scratch.manifest(&image("a"), tag("1"))]);
    let record = scratch.path().join("a.record.json");
    let layout = format!("oci-layout:{}", text(scratch.path()));
    let (policy, record) = (text(&policy).to_owned(), text(&record).to_owned());
    let module = text(&module).to_owned();
    let fixed = ["verify", "--now", super::NOW, "--policy", &policy, "--module", &module];
    let output = run(&[&fixed[..], &["--record", &record, &layout]].concat());
    assert_eq!(code(&output), 0, "{}", err(&output));
    Stage { scratch, record, module }
}

impl Stage {
    fn record(&self) -> Value {
        serde_json::from_slice(&std::fs::read(&self.record).unwrap()).unwrap()
    }

    /// Another record, or another module.
    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        text(&self.scratch.write(name, bytes)).to_owned()
    }
}

#[test]
fn a_record_holds_what_the_decision_rests_on() {
    let stage = stage();
    let record = stage.record();
    assert_eq!(record["apiVersion"], "countersign.dev/record/v1");
    assert_eq!(record["now"], super::NOW);
    assert_eq!(record["policy"], json!({ "a": 1 }));
    assert_eq!(record["decision"], decision("allow"));
    assert!(record["module"]["digest"].as_str().unwrap().starts_with("sha256:"));
    assert!(record["request"]["images"][0]["reference"].as_str().unwrap().ends_with(":1"));
    assert_eq!(record["evidence"], json!([]));
}

#[test]
fn the_same_decision_exits_by_its_outcome() {
    let stage = stage();
    let output = run(&["replay", "--module", &stage.module, &stage.record]);
    assert_eq!((code(&output), err(&output).as_str()), (0, ""));
    let text = out(&output);
    assert!(text.starts_with("ALLOW a/b:1@sha256:00\n"), "{text}");
    assert!(text.contains("replayed: decided as of 2026-11-21T03:00:00Z, recorded by sha256:"));
    let yaml = stage.write("a.yaml", stage.record().to_string().replacen('{', "# YAML\n{", 1));
    let output = run(&["replay", "--module", &stage.module, "--output", "json", &yaml]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code(&output), &report["results"][0]["same"]), (0, &json!(true)));
    let deny = deciding(&decision("deny"));
    let module = stage.write("deny.wasm", deny);
    let mut record = stage.record();
    record["decision"] = decision("deny");
    let record = stage.write("deny.json", record.to_string());
    assert_eq!(code(&run(&["replay", "--module", &module, &record])), 1);
}

#[test]
fn another_verdict_is_an_error_and_says_where() {
    let stage = stage();
    let module = stage.write("deny.wasm", deciding(&decision("deny")));
    let output = run(&["replay", "--module", &module, &stage.record]);
    assert_eq!(code(&output), 3);
    let err = err(&output);
    assert!(err.contains("note:") && err.contains("recorded by module sha256:"), "{err}");
    assert!(err.contains(r#"/outcome: recorded "allow", found "deny""#), "{err}");
}

#[test]
fn other_words_are_a_note_of_another_module_and_an_error_of_the_same() {
    let stage = stage();
    let mut other = decision("allow");
    other["usage"]["candidates"] = 7.into();
    let module = stage.write("other.wasm", deciding(&other));
    let output = run(&["replay", "--module", &module, &stage.record]);
    assert_eq!(code(&output), 0);
    assert!(err(&output).contains("/usage/candidates: recorded 0, found 7"), "{}", err(&output));
    let mut record = stage.record();
    record["decision"]["usage"]["candidates"] = 7.into();
    let changed = stage.write("changed.json", record.to_string());
    let output = run(&["replay", "--module", &stage.module, &changed]);
    assert_eq!(code(&output), 3);
    assert!(err(&output).contains("error:"), "{}", err(&output));
}

#[test]
fn what_is_no_record_is_bad_input() {
    let stage = stage();
    let with = |member: &str, value: Value| {
        let mut record = stage.record();
        record[member] = value;
        stage.write("bad.json", record.to_string())
    };
    for (file, words) in [
        (stage.write("empty.json", "{}"), "not a record"),
        ("/no/such".to_owned(), "cannot be read"),
    ] {
        let output = run(&["replay", "--module", &stage.module, &file]);
        assert_eq!(code(&output), 3, "{file}");
        assert!(err(&output).contains(words), "{words}: {}", err(&output));
    }
    for (member, value, words) in [
        ("apiVersion", json!("countersign.dev/record/v2"), "`apiVersion` is"),
        ("now", json!("yesterday"), "not RFC 3339"),
        ("more", json!(1), "unknown field `more`"),
        ("policy", json!("no/such.yaml"), "cannot be read"),
    ] {
        let output = run(&["replay", "--module", &stage.module, &with(member, value)]);
        assert_eq!(code(&output), 3, "{member}");
        assert!(err(&output).contains(words), "{words}: {}", err(&output));
    }
}
