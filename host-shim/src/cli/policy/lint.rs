//! `countersign policy lint`.

mod checks;
mod finding;
mod material;
mod patterns;

use clap::Args;
use countersign::{policy::Policy, time::Time};
use serde::Serialize;

use super::super::{
    Exit,
    clock::{self, Clock},
    explanation::clean,
    output::print,
    report::{Format, refuse},
};
use crate::policy::{Document, DocumentError, Position};
use finding::{Finding, Lints, Severity};

const API_VERSION: &str = "countersign.dev/lint/v1";
const HELP: &str = "\
Errors are what every decision under the policy would be refused for. Warnings are what weakens it or has no
effect; notes say what is easily misread. Codes and their meaning: docs/testing-policies.md.

Exit codes:
  0  no error; with --strict no warning either
  1  warnings, with --strict
  3  errors, or a file that is no policy

Examples:
  countersign policy lint policies/*.yaml
  countersign policy lint --strict --output json policy.yaml | jq -r '.findings[].code'";

/// Says what is wrong with policies, and what is dangerous
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Lint {
    /// Exit 1 where there are warnings
    #[arg(long)]
    strict: bool,
    /// Look for what has expired as of this time instead of the clock's
    #[arg(long, value_name = "RFC3339", value_parser = clock::parse)]
    now: Option<Time>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    /// Policies, YAML or JSON; `-` for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    api_version: &'static str,
    now: String,
    errors: usize,
    warnings: usize,
    notes: usize,
    findings: Vec<Placed>,
}

/// A finding, and where it is.
#[derive(Serialize)]
struct Placed {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    /// `file:line:column`, of the file that the policy names where it is in there.
    place: String,
    #[serde(flatten)]
    finding: Finding,
}

impl Lint {
    pub(super) fn run(self) -> Exit {
        let now = Clock::new(self.now).now;
        let found: Vec<_> = self.files.iter().flat_map(|path| look(path, now)).collect();
        let count = |severity| found.iter().filter(|p| p.finding.severity == severity).count();
        let report = Report {
            api_version: API_VERSION,
            now: now.to_string(),
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            notes: count(Severity::Note),
            findings: found,
        };
        let exit = match (report.errors, report.warnings) {
            (0, 0) => Exit::Allow,
            (0, _) if self.strict => Exit::Deny,
            (0, _) => Exit::Allow,
            _ => Exit::BadInput,
        };
        let text = match self.output {
            Format::Json => serde_json::to_string_pretty(&report).unwrap_or_default() + "\n",
            Format::Text => self.say(&report),
        };
        match print(&text) {
            Ok(()) => exit,
            Err(e) => refuse(&format!("the findings cannot be written: {e}")),
        }
    }

    fn say(&self, report: &Report) -> String {
        let mut text: String = report.findings.iter().map(line).collect();
        let of = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        text.push_str(&format!(
            "{}: {}, {}, {}\n",
            of(self.files.len(), "file"),
            of(report.errors, "error"),
            of(report.warnings, "warning"),
            of(report.notes, "note"),
        ));
        text
    }
}

fn line(placed: &Placed) -> String {
    let Finding { severity, code, path, message, suggestion } = &placed.finding;
    let path = if path.is_empty() { "/" } else { path };
    let (place, message) = (clean(&placed.place), clean(message));
    let mut line = format!("{place}: {severity}: {message} ({code}) at {}\n", clean(path));
    if let Some(suggestion) = suggestion {
        line.push_str(&match severity {
            Severity::Error => format!("  did you mean {}?\n", clean(suggestion)),
            Severity::Warning | Severity::Note => format!("  {}\n", clean(suggestion)),
        });
    }
    line
}

/// What there is to say of one file, in the order of its lines.
fn look(path: &str, now: Time) -> Vec<Placed> {
    let document = match Document::load_policy(path) {
        Ok(document) => document,
        Err(error) => return vec![no_document(&error)],
    };
    let mut lints = Lints::new(now);
    // What the module would say: it is the same reader, of the same commit.
    let policy = Policy::parse(&document.value);
    match &policy {
        Ok(policy) => {
            lints.reported(&policy.warnings, &document.value);
            lints.errors(&policy.untrusted(&document.value, now));
        }
        Err(errors) => lints.errors(errors),
    }
    checks::run(&mut lints, &document.value, policy.ok().as_ref());
    patterns::run(&mut lints, &document.value);
    material::run(&mut lints, &document.value);
    let mut placed: Vec<_> = lints.found.into_iter().map(|f| place(&document, f)).collect();
    placed.sort_by(|a, b| {
        let key = |p: &Placed| (p.line, p.column, p.finding.severity);
        key(a).cmp(&key(b)).then_with(|| a.finding.cmp(&b.finding))
    });
    placed.dedup_by(|a, b| a.finding == b.finding);
    placed
}

fn place(document: &Document, finding: Finding) -> Placed {
    let position = document.positions.nearest(&finding.path);
    let place = document.locate(&finding.path);
    placed(document.name.clone(), position, place, finding)
}

fn no_document(error: &DocumentError) -> Placed {
    let place = match error.position {
        Some(position) => format!("{}:{position}", error.name),
        None => error.name.clone(),
    };
    let finding = Finding {
        severity: Severity::Error,
        code: "policy.malformed".to_owned(),
        path: String::new(),
        message: error.message.clone(),
        suggestion: None,
    };
    placed(error.name.clone(), error.position, place, finding)
}

fn placed(file: String, at: Option<Position>, place: String, finding: Finding) -> Placed {
    let (line, column) = (at.map(|p| p.line), at.map(|p| p.column));
    Placed { file, line, column, place, finding }
}
