//! `countersign policy test --record`: a test of a live decision.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use serde_json::{Value, json};

use super::super::super::{
    Exit,
    clock::Clock,
    explanation::clean,
    module,
    output::print,
    report::word,
    revocation::say_notes,
    target::Registries,
    verify::{Place, decide_recorded},
};
use super::{Live, expect::Expect, file::TEST_VERSION};
use crate::{
    driver::Question, policy::Document, record::Record, runtime::Modules, source::Sources,
};

const ENDING: &str = ".test.yaml";

/// Decides on each image, and writes the records and one test of them.
pub(super) fn run(
    live: &Live,
    choice: &module::Choice,
    modules: Modules,
    images: &[String],
) -> Result<Exit, String> {
    let (Some(policy), Some(out)) = (&live.policy, &live.out) else {
        return Err("--record needs --policy and --out".to_owned());
    };
    if policy == "-" {
        return Err("--record needs a policy that the test can name, no standard input".to_owned());
    }
    if images.is_empty() {
        return Err("--record needs an image".to_owned());
    }
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let Some(stem) = name.strip_suffix(ENDING).filter(|stem| !stem.is_empty()) else {
        return Err(format!("--out {}: tests are named *{ENDING}", out.display()));
    };
    let records: Vec<_> = (1..=images.len()).map(|n| record_name(out, stem, n)).collect();
    if let Some(there) = records.iter().chain([out]).find(|p| p.exists() && !live.force) {
        return Err(format!("{} is there: --force writes over it", there.display()));
    }
    let document = Document::load_policy(policy).map_err(|e| e.to_string())?;
    let context = live.context.request()?;
    let evaluator = choice.load(modules).map_err(|e| e.to_string())?;
    let clock = Clock::new(live.now);
    let (digest, now) = (evaluator.module().digest().to_owned(), clock.now.to_string());
    let registries = Registries::new(live.plain_http, &live.credentials)?;
    let revocation = live.revocation.source();
    let place = Place { image: live.image.as_deref(), registries: &registries };
    let (mut cases, mut text) = (Vec::new(), String::new());
    for (image, path) in images.iter().zip(&records) {
        let (target, request) = place.open(image, &context)?;
        let source = Sources { images: target.source(), revocation: &revocation };
        let (value, request) = (&document.value, &request);
        let question = Question { policy: value, request, now: &now, budget: None };
        let (judgement, record) = decide_recorded(&evaluator, &source, &question, &digest)
            .map_err(|e| format!("{image}: {e}"))?;
        write(path, &record.to_json())?;
        let outcome = word(judgement.decision.outcome);
        text.push_str(&format!("{}: {outcome} {}\n", path.display(), clean(image)));
        cases.push(case(image, path, &record, &Expect::of(&judgement.decision), cases.len()));
    }
    registries.say_notes();
    say_notes(&revocation);
    let policy = relative(out.parent().unwrap_or_else(|| Path::new("")), Path::new(policy));
    write(out, &test(&policy, &now, &digest, &cases))?;
    text.push_str(&format!("{}: {} cases\n", out.display(), cases.len()));
    print(&text).map_err(|e| format!("it cannot be said: {e}"))?;
    Ok(Exit::Allow)
}

fn record_name(out: &Path, stem: &str, n: usize) -> PathBuf {
    let number = if n == 1 { String::new() } else { format!("-{n}") };
    out.with_file_name(format!("{stem}{number}.record.json"))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("`{}` cannot be written: {e}", path.display()))
}

fn case(image: &str, path: &Path, record: &Record, expect: &Expect, n: usize) -> Value {
    let asked = record.request.images.first().map_or(image, |image| &image.reference);
    let number = if n == 0 { String::new() } else { format!(" ({})", n + 1) };
    json!({
        "name": format!("{asked}{number}"),
        "evidence": path.file_name().unwrap_or_default().to_string_lossy(),
        "expect": expect,
    })
}

/// The test as YAML, in an order for people. Strings are written as JSON, which YAML reads.
fn test(policy: &str, now: &str, module: &str, cases: &[Value]) -> String {
    let mut text = format!(
        "# Recorded as of {now} by module {module}.\n\
         # The policy is the file of today; request, time and evidence are those of the records.\n\
         apiVersion: {TEST_VERSION}\npolicy: {}\ncases:\n",
        Value::from(policy)
    );
    for case in cases {
        text.push_str(&format!("  - name: {}\n", case["name"]));
        text.push_str(&format!("    evidence: {}\n    expect:\n", case["evidence"]));
        for field in ["outcome", "effective", "reason"] {
            if let Some(value) = case["expect"].get(field) {
                text.push_str(&format!("      {field}: {value}\n"));
            }
        }
        let images = case["expect"]["images"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !images.is_empty() {
            text.push_str("      images:\n");
            text.extend(images.iter().map(|image| format!("        - {image}\n")));
        }
    }
    text
}

/// A path from a directory, where both are here; else as it is.
fn relative(directory: &Path, path: &Path) -> String {
    let here = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let as_written = || path.to_string_lossy().into_owned();
    let (Ok(from), Ok(to)) = (here.canonicalize(), path.canonicalize()) else {
        return as_written();
    };
    if path.is_absolute() {
        return as_written();
    }
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n(Component::ParentDir, from.len() - common);
    let steps: PathBuf = up.chain(to[common..].iter().copied()).collect();
    steps.to_string_lossy().into_owned()
}
