//! `countersign tree` as it is run.

use std::process::{Command, Output};

use loopback_registry::{Fault, Options as Kind, What};
use serde_json::{Value, json};

use super::{NAME, World};
use crate::{
    corpora::corpora,
    road::embeds_a_module,
    scratch::{Scratch, image, tag},
};

const NOW: &str = "2026-11-21T03:00:00Z";

pub(crate) fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).env("NO_COLOR", "1").env("DOCKER_CONFIG", "/nowhere");
    command.env_remove("REGISTRY_AUTH_FILE").env_remove("XDG_RUNTIME_DIR");
    command.output().unwrap()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", err(output)))
}

/// The policy of a case of the corpora, in a file, and the layout of it.
pub(crate) fn case(scratch: &Scratch, id: &str) -> Option<(String, String)> {
    let corpora = corpora()?;
    let cases = std::fs::read(corpora.join("cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&cases).unwrap();
    let case = cases.iter().find(|case| case["id"] == id).unwrap_or_else(|| panic!("no {id}"));
    let policy = scratch.write("policy.json", case["policy"].to_string());
    let place = case["reference"].as_str().unwrap().strip_prefix("oci-layout:").unwrap();
    let layout = format!("oci-layout:{}/{place}", corpora.display());
    Some((policy.to_str().unwrap().to_owned(), layout))
}

/// A signature, and of each authority its name, mark and reason.
type Judged = (String, Vec<(String, String, String)>);

/// What the signatures of the image say, and what the policy makes of them.
fn verdicts(report: &Value) -> Vec<Judged> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let signatures = report["image"]["attached"].as_array().unwrap().iter();
    let signatures =
        signatures.flat_map(|a| a["signatures"].as_array().cloned().unwrap_or_default());
    signatures
        .map(|signature| {
            let verdicts = signature["verdicts"].as_array().unwrap().iter();
            let verdicts = verdicts
                .map(|v| (text(&v["authority"]), text(&v["mark"]), text(&v["reason"]["code"])));
            (text(&signature["what"]), verdicts.collect())
        })
        .collect()
}

fn judged(id: &str) -> Option<Vec<Judged>> {
    let scratch = Scratch::new();
    let (policy, layout) = case(&scratch, id).filter(|_| embeds_a_module())?;
    let fixed = ["tree", "--output", "json", "--now", NOW, "--policy", &policy];
    let output = run(&[&fixed[..], &[&layout]].concat());
    assert_eq!((code(&output), err(&output)), (0, String::new()), "{id}");
    Some(verdicts(&json_of(&output)))
}

fn verdict(authority: &str, mark: &str, code: &str) -> (String, String, String) {
    (authority.to_owned(), mark.to_owned(), code.to_owned())
}

#[test]
fn says_by_whom_and_that_nobody_has_verified_it() {
    let Some(corpora) = corpora() else { return };
    let layout = |name: &str| format!("oci-layout:{}/layouts/{name}:1", corpora.display());
    let output = run(&["tree", &layout("b-default")]);
    assert_eq!((code(&output), err(&output)), (0, String::new()));
    let expected = "\
localhost/b-default:1@sha256:c9bb0180e5a3f0678281b09aff1c19670e4e5061c8eec15ab32a07776f878319
│  Docker image, 423 B
│  referrers: by subject
└─ Sigstore bundle: image signature  sha256:bb32f6f6c77495d99eae6801f82f04cca721d1212ee57df55f9cc66b9bde4a55  887 B, created 2026-11-21T02:43:17Z, subject, fallback tag
      signed by key sha256:1e184aba2df53075d165747537afc754198e99bb36f3457058a5e4c274a0c47d, unverified
";
    assert_eq!(out(&output), expected);
    let text = out(&run(&["tree", &layout("d-unsigned")]));
    assert!(text.ends_with("nothing is attached\n"), "{text}");
    let text = out(&run(&["tree", &layout("c-mock-rekor2")]));
    let by = "signed by https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main \
              (issuer https://token.actions.githubusercontent.com), 2026-11-21T02:43:46Z by the \
              timestamp, unverified";
    assert!(text.contains(by), "{text}");
    let text = out(&run(&["tree", &layout("d-nested-cose")]));
    assert!(text.contains("Notation signature (COSE)"), "{text}");
    assert!(text.contains("signed by CN=signer"), "{text}");
}

#[test]
fn a_policy_says_who_is_verified_and_who_is_not() {
    let good = verdict("signer", "pass", "");
    let Some(found) = judged("cosign-a-cosign-p256-right-key") else { return };
    assert_eq!(found, [("Cosign signature".to_owned(), vec![good])]);
    let bad = verdict("signer", "fail", "signature.invalid");
    let found = judged("cosign-a-cosign-p256-other-key").unwrap();
    assert_eq!(found, [("Cosign signature".to_owned(), vec![bad])]);
}

#[test]
fn two_keys_over_one_payload_are_told_apart() {
    let Some(found) = judged("cosign-a-two-all") else { return };
    let [(_, one), (_, two)] = found.as_slice() else { panic!("{found:?}") };
    for verdicts in [one, two] {
        let passed = verdicts.iter().filter(|(_, mark, _)| mark == "pass").count();
        assert_eq!(passed, 1, "{found:?}");
    }
    let by = |verdicts: &[(String, String, String)]| {
        verdicts.iter().find(|(_, mark, _)| mark == "pass").unwrap().0.clone()
    };
    assert_ne!(by(one), by(two));
}

#[test]
fn attestations_that_nobody_asks_for_are_said_to_be_so() {
    let Some(found) = judged("attestation-a-att-spdxjson") else { return };
    let (asked, others): (Vec<_>, Vec<_>) =
        found.iter().partition(|(_, verdicts)| !verdicts.is_empty());
    assert!(!others.is_empty(), "{found:?}");
    let [(what, verdicts)] = asked.as_slice() else { panic!("{found:?}") };
    assert!(what.contains("SBOM (SPDX"), "{what}");
    assert!(verdicts.iter().all(|(_, mark, _)| mark == "pass"), "{verdicts:?}");
}

#[test]
fn nothing_that_is_attached_steers_the_terminal() {
    let scratch = Scratch::new();
    let subject = scratch.manifest(&image("a"), tag("1"));
    let mut referrer = image("s");
    referrer["subject"] = subject.clone();
    referrer["artifactType"] = "application/\u{1b}[2J\u{202e}evil".into();
    referrer["annotations"] = json!({ "org.opencontainers.image.created": "\u{7}now\n" });
    let referrer = scratch.manifest(&referrer, json!({}));
    scratch.index(&[subject, referrer]);
    let output = run(&["tree", &format!("oci-layout:{}:1", scratch.path().display())]);
    let text = out(&output);
    assert!(text.contains("application/\\u{1b}[2J\\u{202e}evil"), "{text}");
    assert!(text.contains("created \\u{7}now\\u{a}"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{7}']));
}

#[test]
fn exits_by_whether_the_tree_is_whole() {
    let world = World::new(Kind::default());
    let image = world.image(Some("1"), "a");
    world.attach(&image, "application/x", b"{}");
    let reference = world.registry.repository(NAME);
    let tree = |more: &[&str]| run(&[&["tree", "--plain-http"][..], more].concat());
    let output = tree(&[&format!("{reference}:1")]);
    assert_eq!((code(&output), err(&output)), (0, String::new()));
    assert!(out(&output).contains("referrers: by referrers API\n"), "{}", out(&output));

    let output = tree(&[&format!("{reference}:none")]);
    assert_eq!((code(&output), out(&output)), (2, String::new()));
    assert!(err(&output).contains("not found"), "{}", err(&output));
    let output = tree(&["UPPER CASE"]);
    assert_eq!((code(&output), out(&output)), (3, String::new()));
    assert_eq!(code(&tree(&["--depth", "17", &reference])), 3);
    assert_eq!(code(&tree(&["--now", NOW, &reference])), 3, "--now is for a policy");

    let broken = Fault::on("GET", "/v2/acme/app/referrers/*", What::status(403));
    world.registry.fault(broken);
    let output = tree(&["--output", "json", &format!("{reference}:1")]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("note: not seen: referrers of `sha256:"), "{}", err(&output));
    assert_eq!(json_of(&output)["gaps"].as_array().unwrap().len(), 1);
    assert_eq!(json_of(&output)["apiVersion"], "countersign.dev/tree/v1");
}

#[test]
fn with_a_policy_nothing_is_asked_for_twice() {
    let scratch = Scratch::new();
    let Some((policy, _)) = case(&scratch, "cosign-a-cosign-p256-right-key") else { return };
    let Some(corpora) = corpora().filter(|_| embeds_a_module()) else { return };
    let world = World::new(Kind::default());
    world.registry.load(&corpora.join("layouts/a-cosign-p256"), NAME).unwrap();
    let reference = format!("{}:1", world.registry.repository(NAME));
    let fixed = ["tree", "--plain-http", "--now", NOW, "--policy", &policy];
    let output = run(&[&fixed[..], &[&reference]].concat());
    assert!(out(&output).starts_with("ALLOW\n"), "{}{}", out(&output), err(&output));
    assert!(out(&output).contains("✓ verified by signer"), "{}", out(&output));
    let mut paths: Vec<_> = world.registry.take_log().into_iter().map(|l| l.path).collect();
    let all = paths.len();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), all, "{paths:#?}");
}
