//! The whole road, with the module that the build embeds: registry, rounds, verdict.

use std::{
    env, fs,
    process::{Command, Output},
};

use countersign_host::source::Layout;
use serde_json::Value;

use crate::{
    corpora::{corpora, not_run},
    loopback::Loopback,
    scratch::Scratch,
};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_countersign")).args(arguments).output().unwrap()
}

/// Whether there is a module to run; a word about it where not.
pub(crate) fn embeds_a_module() -> bool {
    let version = String::from_utf8(run(&["--version"]).stdout).unwrap();
    let embedded = version.contains("module sha256:");
    if !embedded {
        not_run("this build embeds no module");
    }
    embedded
}

#[test]
fn a_registry_and_a_layout_lead_to_the_same_verdict() {
    let Some(corpora) = corpora().filter(|_| embeds_a_module()) else {
        return;
    };
    let cases: Vec<Value> =
        serde_json::from_slice(&fs::read(corpora.join("cases.json")).unwrap()).unwrap();
    let scratch = Scratch::new();
    let (mut judged, mut allowed) = (0, 0);
    for case in &cases {
        let text = |member: &str| case[member].as_str().unwrap();
        // A repository has no room for the layout's name, which some policies match.
        let matches_all = case.pointer("/policy/spec/rules/0/images/0") == Some(&"**".into());
        if !matches_all || (judged > 0 && judged % 8 != 0) {
            judged += usize::from(matches_all);
            continue;
        }
        judged += 1;
        let place = text("reference").trim_start_matches("oci-layout:");
        let (directory, tag) = place.rsplit_once(':').unwrap();
        let directory = corpora.join(directory);
        assert!(Layout::open(&directory, None, None).is_ok(), "{place}");
        let policy = scratch.write("policy.json", case["policy"].to_string());
        let policy = policy.to_str().unwrap();
        let verify = |reference: &str| {
            let fixed = ["verify", "--plain-http", "--output", "json", "--policy", policy];
            let output = run(&[&fixed[..], &["--now", text("now"), reference]].concat());
            let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            let decision = &report["results"][0]["decision"];
            (output.status.code(), decision["images"][0]["reason"]["code"].clone())
        };
        let expected = verify(&format!("oci-layout:{}:{tag}", directory.display()));
        allowed += usize::from(expected.0 == Some(0));
        for referrers_api in [true, false] {
            let registry = Loopback::layout(&directory, referrers_api);
            let found = verify(&format!("{}:{tag}", registry.repository()));
            assert_eq!(found, expected, "{} {referrers_api}", text("id"));
        }
    }
    assert!(judged > 50 && allowed > 3, "{judged} judged, {allowed} allowed");
}

#[test]
fn either_module_runs_and_says_which_it_was() {
    let Some(corpora) = corpora().filter(|_| embeds_a_module()) else {
        return;
    };
    let version = String::from_utf8(run(&["--version"]).stdout).unwrap();
    let digest = |name: &str| version.lines().find_map(|l| l.strip_prefix(name)).unwrap();
    let layout = format!("oci-layout:{}:1", corpora.join("layouts/a-cosign-p256").display());
    let policy = corpora.join("../examples/policies/cosign-key.yaml");
    let policy = policy.to_str().unwrap();
    let fixed = ["verify", "--output", "json", "--policy", policy];
    let now = ["--now", "2026-11-21T03:00:00Z"];
    let report = |more: &[&str]| -> Value {
        let output = run(&[&fixed[..], &now, more, &[&layout]].concat());
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let (wide, portable) = (report(&[]), report(&["--portable"]));
    assert_eq!(wide["module"]["digest"], digest("module "));
    assert_eq!(portable["module"]["digest"], digest("portable module "));
    assert_ne!(wide["module"], portable["module"]);
    assert_eq!(wide["results"], portable["results"]);
}
