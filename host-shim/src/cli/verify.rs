//! `countersign verify`.

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};
use countersign::{
    time::Time,
    wire::{Decision, ImageRequest, Outcome, PolicyError, Request},
};
use serde::Serialize;

use super::{
    Exit,
    clock::{self, Clock},
    explanation::{clean, render},
    module::Choice,
    output::{note, print},
    style::{Style, When},
    target::{self, Registries, Target},
};
use crate::{
    driver::{Judgement, ModuleEvaluator, Question, Stats, decide},
    policy::Document,
    runtime::{Limits, Modules},
    source::Options,
};

const API_VERSION: &str = "countersign.dev/verify/v1";

const EXAMPLES: &str = "\
References: HOST/REPO:TAG, HOST/REPO@DIGEST, oci-layout:DIR[:TAG|@DIGEST]

Examples:
  countersign verify --policy policy.yaml ghcr.io/acme/app:1.0
  countersign verify --policy policy.yaml --image ghcr.io/acme/app oci-layout:build/image
  countersign verify --policy policy.yaml --output json IMAGE | jq -r '.results[].decision.outcome'";

/// Verifies images against a policy
#[derive(Debug, Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", super::EXIT_CODES))]
pub(super) struct Verify {
    /// The policy document, YAML or JSON; `-` for standard input
    #[arg(long, value_name = "FILE")]
    policy: String,
    /// Decide as of this time instead of the clock's
    #[arg(long, value_name = "RFC3339", value_parser = clock::parse)]
    now: Option<Time>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    /// The name that the policy's rules match for images in layouts
    #[arg(long, value_name = "NAME", value_parser = target::parse_name)]
    image: Option<String>,
    /// Speak plain HTTP to registries on this machine
    #[arg(long)]
    plain_http: bool,
    #[command(flatten)]
    module: Choice,
    /// Say what the decision cost
    #[arg(long)]
    stats: bool,
    /// When to use colour
    #[arg(long, value_enum, default_value_t)]
    color: When,
    /// The images to decide on
    #[arg(value_name = "REF", required = true)]
    references: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A tree that explains the verdict.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    api_version: &'static str,
    module: ModuleReport,
    now: String,
    now_overridden: bool,
    results: Vec<Entry>,
}

#[derive(Serialize)]
struct ModuleReport {
    digest: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Decision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<Stats>,
}

impl Verify {
    pub(super) fn run(self, modules: Modules) -> Exit {
        let document = match Document::load(&self.policy) {
            Ok(document) => document,
            Err(e) => return refuse(&e.to_string()),
        };
        let module = match self.module.load(modules) {
            Ok(module) => module,
            Err(e) => return refuse(&e.to_string()),
        };
        let clock = Clock::new(self.now);
        let mut report = Report {
            api_version: API_VERSION,
            module: ModuleReport { digest: module.digest().to_owned() },
            now: clock.now.to_string(),
            now_overridden: clock.overridden,
            results: Vec::new(),
        };
        let evaluator =
            ModuleEvaluator { module, limits: Limits::default(), now: clock.nanoseconds() };
        let plain_http = self.plain_http;
        let registries = Registries::new(Options { plain_http, ..Options::default() });
        let mut said = BTreeSet::new();
        let mut exit = Exit::Allow;
        for reference in &self.references {
            let entry =
                match self.decide(reference, &document, &report.now, &evaluator, &registries) {
                    Ok(judgement) => {
                        exit = exit.worst(exit_of(&judgement.decision));
                        complain(&judgement.decision.errors, &document, reference, &mut said);
                        Entry {
                            reference: reference.clone(),
                            stats: self.stats.then_some(judgement.stats),
                            decision: Some(judgement.decision),
                            error: None,
                        }
                    }
                    Err(message) => {
                        exit = Exit::BadInput;
                        note(&format!("error: {}: {}", clean(reference), clean(&message)));
                        let reference = reference.clone();
                        Entry { reference, decision: None, error: Some(message), stats: None }
                    }
                };
            report.results.push(entry);
        }
        match self.write(&report) {
            Ok(()) => exit,
            Err(e) => refuse(&format!("the verdict cannot be written: {e}")),
        }
    }

    fn decide(
        &self,
        reference: &str,
        document: &Document,
        now: &str,
        evaluator: &ModuleEvaluator,
        registries: &Registries,
    ) -> Result<Judgement, String> {
        let target = Target::open(reference, self.image.as_deref(), registries)?;
        let image = ImageRequest { reference: target.reference.clone(), path: None };
        let request = Request { images: vec![image], ..Request::default() };
        let question = Question { policy: &document.value, request: &request, now, budget: None };
        decide(evaluator, target.source(), &question).map_err(|e| e.to_string())
    }

    fn write(&self, report: &Report) -> std::io::Result<()> {
        if self.output == Format::Json {
            let mut text = serde_json::to_string_pretty(report)?;
            text.push('\n');
            return print(&text);
        }
        let style = Style::new(self.color);
        let mut text = String::new();
        for entry in &report.results {
            let Some(decision) = &entry.decision else {
                continue;
            };
            // With errors nothing was verified, and they have been said.
            if decision.errors.is_empty() {
                text.extend(decision.images.iter().map(|image| render(image, style)));
            }
            for warning in &decision.warnings {
                text.push_str(&format!("warning: {}\n", clean(warning)));
            }
            if decision.mode != "enforce" && decision.errors.is_empty() {
                let mode = clean(&decision.mode);
                text.push_str(&format!("mode: {mode} (the exit code does not heed it)\n"));
            }
            if let Some(stats) = &entry.stats {
                note(&figures(stats));
            }
        }
        if report.now_overridden && !text.is_empty() {
            text.push_str(&format!("clock: overridden, decided as of {}\n", report.now));
        }
        print(&text)
    }
}

fn exit_of(decision: &Decision) -> Exit {
    if !decision.errors.is_empty() {
        return Exit::BadInput;
    }
    match decision.outcome {
        Outcome::Allow => Exit::Allow,
        Outcome::Deny => Exit::Deny,
        Outcome::Undetermined => Exit::Undetermined,
    }
}

/// Says what is wrong with the policy, once, and with the request.
fn complain(
    errors: &[PolicyError],
    document: &Document,
    reference: &str,
    said: &mut BTreeSet<String>,
) {
    for error in errors {
        let place = if error.path == "/request" || error.path.starts_with("/request/") {
            clean(reference)
        } else {
            document.locate(&error.path)
        };
        let path = if error.path.is_empty() { "/" } else { &error.path };
        let mut line =
            format!("{place}: {} ({}) at {}", clean(&error.message), error.code, clean(path));
        if let Some(suggestion) = &error.suggestion {
            line.push_str(&format!("\n  did you mean {}?", clean(suggestion)));
        }
        if said.insert(line.clone()) {
            note(&line);
        }
    }
}

fn figures(stats: &Stats) -> String {
    format!(
        "stats: {} rounds, {} fetches, {} requests, {} bytes, {} fuel, {} KiB of memory",
        stats.rounds,
        stats.fetches,
        stats.requests,
        stats.bytes,
        stats.fuel,
        stats.memory >> 10
    )
}

fn refuse(message: &str) -> Exit {
    note(&format!("error: {}", clean(message)));
    Exit::BadInput
}
