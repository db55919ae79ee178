//! Decisions as they are asked for, reported and turned into an exit code.

use std::{collections::BTreeSet, io};

use clap::{Args, ValueEnum};
use countersign::{
    time::Time,
    wire::{Decision, Outcome, PolicyError},
};
use serde::Serialize;

use super::{
    Exit,
    clock::{self, Clock},
    explanation::{Verdict, clean, render},
    module,
    output::{note, print},
    style::{Style, When},
};
use crate::{
    cache::{CachedJudgement, Hit},
    driver::{Judgement, Stats, Warm},
    runtime::Modules,
    trust,
};

const API_VERSION: &str = "countersign.dev/verify/v1";

/// How to decide and how to say it.
#[derive(Debug, Args)]
pub(super) struct Manner {
    #[command(flatten)]
    module: module::Choice,
    /// Decide as of this time instead of the clock's
    #[arg(long, value_name = "RFC3339", value_parser = clock::parse)]
    now: Option<Time>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    /// Say what the decision cost
    #[arg(long)]
    stats: bool,
    /// When to use colour
    #[arg(long, value_enum, default_value_t)]
    color: When,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Words for people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// The decisions of one command.
pub(super) struct Session<'a> {
    pub(super) evaluator: Warm,
    /// Exit by what a front does, not by the outcome.
    pub(super) honor_mode: bool,
    manner: &'a Manner,
    report: Report,
    exit: Exit,
    said: BTreeSet<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    api_version: &'static str,
    module: ModuleReport,
    now: String,
    now_overridden: bool,
    /// Trusted roots that stand in place of the module's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trusted_roots: Vec<trust::Report>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<FoundReport>,
}

/// That a decision was not made now.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FoundReport {
    source: &'static str,
    made: String,
    age_seconds: u64,
    valid_until: String,
    /// Digests of what it rests on.
    evidence: Vec<String>,
    #[serde(skip)]
    words: String,
}

impl From<Hit> for FoundReport {
    fn from(hit: Hit) -> Self {
        Self {
            source: hit.source,
            made: hit.made.to_string(),
            age_seconds: hit.age,
            valid_until: hit.until.to_string(),
            words: hit.to_string(),
            evidence: hit.evidence,
        }
    }
}

impl Manner {
    /// The time of the decisions.
    pub(super) fn clock(&self) -> Clock {
        Clock::new(self.now)
    }
}

impl<'a> Session<'a> {
    /// Loads the module and reads the clock.
    pub(super) fn start(manner: &'a Manner, modules: Modules) -> Result<Self, String> {
        let evaluator = manner.module.load(modules).map_err(|e| e.to_string())?;
        let clock = manner.clock();
        let report = Report {
            api_version: API_VERSION,
            module: ModuleReport { digest: evaluator.module().digest().to_owned() },
            now: clock.now.to_string(),
            now_overridden: clock.overridden,
            trusted_roots: Vec::new(),
            results: Vec::new(),
        };
        let (exit, said) = (Exit::default(), BTreeSet::new());
        Ok(Self { evaluator, honor_mode: false, manner, report, exit, said })
    }

    /// Says which trusted roots are not the module's.
    pub(super) fn believes(&mut self, trusted_roots: Vec<trust::Report>) {
        self.report.trusted_roots = trusted_roots;
    }

    /// The module that decides.
    pub(super) fn module(&self) -> &str {
        &self.report.module.digest
    }

    /// The time of the decisions.
    pub(super) fn now(&self) -> &str {
        &self.report.now
    }

    /// Takes a decision, or why there is none. `locate` says where a JSON pointer of the policy is.
    pub(super) fn add(
        &mut self,
        reference: &str,
        judged: Result<Judgement, String>,
        locate: &dyn Fn(&str) -> String,
    ) {
        let judged = judged.map(|judgement| CachedJudgement { judgement, hit: None });
        self.add_found(reference, judged, locate);
    }

    /// The same, of a decision that may have been made before.
    pub(super) fn add_found(
        &mut self,
        reference: &str,
        judged: Result<CachedJudgement, String>,
        locate: &dyn Fn(&str) -> String,
    ) {
        let reference = reference.to_owned();
        let entry = match judged {
            Ok(CachedJudgement { judgement: Judgement { decision, stats, .. }, hit }) => {
                self.exit = self.exit.worst(exit_of(&decision, self.honor_mode));
                self.complain(&decision.errors, &reference, locate);
                let stats = self.manner.stats.then_some(stats);
                let cache = hit.map(FoundReport::from);
                Entry { reference, decision: Some(decision), error: None, stats, cache }
            }
            Err(message) => {
                self.exit = Exit::BadInput;
                note(&format!("error: {}: {}", clean(&reference), clean(&message)));
                let error = Some(message);
                Entry { reference, decision: None, error, stats: None, cache: None }
            }
        };
        self.report.results.push(entry);
    }

    /// Writes the report.
    pub(super) fn finish(self) -> Exit {
        match self.write() {
            Ok(()) => self.exit,
            Err(e) => refuse(&format!("the verdict cannot be written: {e}")),
        }
    }

    /// Says what is wrong with the policy, once, and with the request.
    fn complain(
        &mut self,
        errors: &[PolicyError],
        reference: &str,
        locate: &dyn Fn(&str) -> String,
    ) {
        for error in errors {
            let line = complaint(error, reference, locate);
            if self.said.insert(line.clone()) {
                note(&line);
            }
        }
    }

    fn write(&self) -> io::Result<()> {
        if self.manner.output == Format::Json {
            let mut text = serde_json::to_string_pretty(&self.report)?;
            text.push('\n');
            return print(&text);
        }
        let style = Style::new(self.manner.color);
        let mut text = String::new();
        for entry in &self.report.results {
            if let Some(decision) = &entry.decision {
                text.push_str(&say(decision, style, self.honor_mode));
            }
            if let Some(found) = &entry.cache {
                text.push_str(&format!("{}\n", found.words));
            }
            if let Some(stats) = &entry.stats {
                note(&figures(stats));
            }
        }
        if self.report.now_overridden && !text.is_empty() {
            text.push_str(&format!("clock: overridden, decided as of {}\n", self.report.now));
        }
        print(&text)
    }
}

/// What is wrong with the policy or the request, and where.
pub(super) fn complaint(
    error: &PolicyError,
    reference: &str,
    locate: &dyn Fn(&str) -> String,
) -> String {
    let place = if error.path == "/request" || error.path.starts_with("/request/") {
        clean(reference)
    } else {
        locate(&error.path)
    };
    let path = if error.path.is_empty() { "/" } else { &error.path };
    let mut line =
        format!("{place}: {} ({}) at {}", clean(&error.message), error.code, clean(path));
    if let Some(suggestion) = &error.suggestion {
        line.push_str(&format!("\n  did you mean {}?", clean(suggestion)));
    }
    line
}

/// The verdicts of a decision, its warnings and its mode.
pub(super) fn say(decision: &Decision, style: Style, honor_mode: bool) -> String {
    let mut text = String::new();
    // With errors nothing was verified, and they have been said.
    if decision.errors.is_empty() {
        text.extend(decision.images.iter().map(|image| render(&Verdict::from(image), style)));
        text.extend(decision.blobs.iter().map(|blob| render(&Verdict::from(blob), style)));
    }
    for warning in &decision.warnings {
        text.push_str(&format!("warning: {}\n", clean(warning)));
    }
    let modes = decision.mode != "enforce" || decision.effective.is_some();
    if modes && decision.errors.is_empty() {
        let mode = clean(&decision.mode);
        let effective = decision.effective.map(|o| format!(", effective: {}", word(o)));
        let heeds = if honor_mode { "heeds" } else { "does not heed" };
        let effective = effective.unwrap_or_default();
        text.push_str(&format!("mode: {mode}{effective} (the exit code {heeds} it)\n"));
    }
    text
}

/// An outcome as JSON writes it.
pub(super) fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allow => "allow",
        Outcome::Deny => "deny",
        Outcome::Undetermined => "undetermined",
    }
}

/// By the outcome, or by what a front does.
pub(super) fn exit_of(decision: &Decision, honor_mode: bool) -> Exit {
    if !decision.errors.is_empty() {
        return Exit::BadInput;
    }
    match if honor_mode { decision.enforced() } else { decision.outcome } {
        Outcome::Allow => Exit::Allow,
        Outcome::Deny => Exit::Deny,
        Outcome::Undetermined => Exit::Undetermined,
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

/// Ends a command that cannot go on.
pub(super) fn refuse(message: &str) -> Exit {
    note(&format!("error: {}", clean(message)));
    Exit::BadInput
}
