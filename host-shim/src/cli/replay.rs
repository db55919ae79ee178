//! `countersign replay`.

use std::path::PathBuf;

use clap::Args;
use countersign::{
    time::Time,
    wire::{Decision, Fetch},
};
use serde::Serialize;

use super::{
    Exit,
    explanation::clean,
    module,
    output::{note, print},
    report::{Format, complaint, exit_of, refuse, say},
    style::{Style, When},
};
use crate::{
    driver::Warm,
    record::{Differences, Record, describe},
    runtime::Modules,
};

const API_VERSION: &str = "countersign.dev/replay/v1";
const HELP: &str = "\
Nothing is fetched, and the time is that of the record: a record says how it was, never how it is.

Exit codes:
  0  allow, as recorded
  1  deny, as recorded
  2  undetermined, as recorded
  3  the verdict is not the recorded one, or evidence is missing, or there is no record
An explanation that another module words otherwise is only noted. Of several the worst counts.

Examples:
  countersign verify --policy policy.yaml --record app.record.json ghcr.io/acme/app:1.0
  countersign replay app.record.json";

/// Makes recorded decisions again
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Replay {
    #[command(flatten)]
    module: module::Choice,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    /// When to use colour
    #[arg(long, value_enum, default_value_t)]
    color: When,
    /// What `verify --record` or `policy test --record` has written
    #[arg(value_name = "RECORD", required = true)]
    records: Vec<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    api_version: &'static str,
    module: String,
    results: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    record: String,
    /// Whether the verdict is the recorded one.
    same: bool,
    recorded_by: String,
    differences: Vec<String>,
    missing: Vec<String>,
    decision: Decision,
}

impl Replay {
    pub(super) fn run(self, modules: Modules) -> Exit {
        self.replay(modules).unwrap_or_else(|e| refuse(&e))
    }

    fn replay(&self, modules: Modules) -> Result<Exit, String> {
        let evaluator = self.module.load(modules).map_err(|e| e.to_string())?;
        let digest = evaluator.module().digest();
        let mut report =
            Report { api_version: API_VERSION, module: digest.to_owned(), results: Vec::new() };
        let style = Style::new(self.color);
        let (mut exit, mut text) = (Exit::default(), String::new());
        for path in &self.records {
            let name = path.display().to_string();
            match Record::read(path).and_then(|record| again(&evaluator, &record, &name)) {
                Ok(entry) => {
                    exit = exit.worst(conclude(&entry, digest));
                    text.push_str(&say(&entry.decision, style, false));
                    let by = &entry.recorded_by;
                    let now = &entry.decision.now;
                    text.push_str(&format!("replayed: decided as of {now}, recorded by {by}\n"));
                    report.results.push(entry);
                }
                Err(message) => exit = exit.worst(refuse(&message)),
            }
        }
        if self.output == Format::Json {
            text = serde_json::to_string_pretty(&report).map_err(|e| e.to_string())?;
            text.push('\n');
        }
        print(&text).map_err(|e| format!("the verdict cannot be written: {e}"))?;
        Ok(exit)
    }
}

fn again(evaluator: &Warm, record: &Record, name: &str) -> Result<Entry, String> {
    Time::parse(&record.now)
        .ok_or_else(|| format!("{name}: `now` is not RFC 3339 such as 2026-11-21T03:00:00Z"))?;
    let replayed = record.replay(evaluator).map_err(|e| format!("{name}: {e}"))?;
    let missing: Vec<_> = replayed.missing.iter().map(describe_clean).collect();
    let Differences { verdict, words } = record.differences(&replayed.judgement);
    // The same module gives the same bytes: other words are then a record that was changed.
    let ours = record.module.digest == evaluator.module().digest();
    let same = missing.is_empty() && verdict.is_empty() && (words.is_empty() || !ours);
    Ok(Entry {
        record: name.to_owned(),
        same,
        recorded_by: clean(&record.module.digest),
        differences: if verdict.is_empty() { words } else { verdict },
        missing,
        decision: replayed.judgement.decision,
    })
}

fn describe_clean(fetch: &Fetch) -> String {
    clean(&describe(fetch))
}

/// Says what is not as it was.
fn conclude(entry: &Entry, module: &str) -> Exit {
    let name = clean(&entry.record);
    if entry.recorded_by != module {
        note(&format!(
            "note: {name}: recorded by module {}, replayed by {}",
            entry.recorded_by, module
        ));
    }
    for error in &entry.decision.errors {
        note(&complaint(error, &name, &|_| name.clone()));
    }
    let grade = if entry.same { "note" } else { "error" };
    for missing in &entry.missing {
        note(&format!("error: {name}: {missing} is not in the record"));
    }
    for difference in &entry.differences {
        note(&format!("{grade}: {name}: {}", clean(difference)));
    }
    if entry.same { exit_of(&entry.decision, false) } else { Exit::BadInput }
}
