//! `countersign policy test`.

mod case;
mod expect;
mod file;
mod junit;
mod offline;
mod record;

use std::{fs, path::PathBuf};

use clap::Args;
use countersign::{time::Time, wire::Decision};
use serde::Serialize;

use super::super::{
    Exit, clock,
    credentials::CredentialOptions,
    explanation::clean,
    module,
    output::print,
    report::{Format, refuse, say},
    revocation::RevocationOptions,
    style::{Style, When},
    target,
    verify::Context,
};
use crate::{driver::Warm, runtime::Modules};
use case::Ran;
use file::TestFile;

const API_VERSION: &str = "countersign.dev/test-report/v1";
const HELP: &str = "\
Tests are files named *.test.yaml, *.test.yml or *.test.json; directories are searched for them. Nothing is
fetched: evidence is a record or an OCI layout. docs/testing-policies.md has the format.

Exit codes:
  0  every case passes
  1  a case fails
  3  bad input: a file that is no test, no test at all, or an internal trap

Examples:
  countersign policy test policies/
  countersign policy test --junit results.xml --run 'unsigned' policies/app.test.yaml
  countersign policy test --record --policy policy.yaml --out app.test.yaml ghcr.io/acme/app:1.0";

/// Runs tests of policies, without any registry
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Test {
    #[command(flatten)]
    module: module::Choice,
    /// Write the results as JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Only cases of whose `FILE: NAME` this is a part; with `*`, the whole of which it matches
    #[arg(long, value_name = "PATTERN")]
    run: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    /// When to use colour
    #[arg(long, value_enum, default_value_t)]
    color: When,
    #[command(flatten)]
    live: Live,
    /// Tests and directories of them (without one, this directory); with --record, images
    #[arg(value_name = "PATH_OR_REF")]
    arguments: Vec<String>,
}

/// Making a test of a live decision.
#[derive(Debug, Args)]
#[command(next_help_heading = "With --record")]
struct Live {
    /// Decide on images now, and write the decision as a test, with all that it rests on beside it
    #[arg(long, requires = "policy", requires = "out", conflicts_with_all = ["junit", "run"])]
    record: bool,
    /// The policy
    #[arg(long, value_name = "FILE", requires = "record")]
    policy: Option<String>,
    /// The test to write, *.test.yaml
    #[arg(long, value_name = "FILE", requires = "record")]
    out: Option<PathBuf>,
    /// Write over what is there
    #[arg(long, requires = "record")]
    force: bool,
    /// The name that the policy's rules match for images in layouts
    #[arg(long, value_name = "NAME", value_parser = target::parse_name, requires = "record")]
    image: Option<String>,
    #[command(flatten)]
    context: Context,
    /// Decide as of this time instead of the clock's
    #[arg(long, value_name = "RFC3339", value_parser = clock::parse, requires = "record")]
    now: Option<Time>,
    /// Speak plain HTTP to registries on this machine
    #[arg(long, requires = "record")]
    plain_http: bool,
    #[command(flatten)]
    credentials: CredentialOptions,
    #[command(flatten)]
    revocation: RevocationOptions,
}

/// What came of the cases.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    api_version: &'static str,
    module: String,
    passed: usize,
    failed: usize,
    /// Files that are no tests.
    errors: Vec<String>,
    cases: Vec<Outcome>,
}

/// What came of one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    file: String,
    name: String,
    passed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Decision>,
    seconds: f64,
    /// Of a case that failed, for people.
    #[serde(skip)]
    explanation: String,
}

impl Test {
    pub(super) fn run(self, modules: Modules) -> Exit {
        let done = if self.live.record {
            record::run(&self.live, &self.module, modules, &self.arguments)
        } else {
            self.test(modules)
        };
        done.unwrap_or_else(|e| refuse(&e))
    }

    fn test(&self, modules: Modules) -> Result<Exit, String> {
        let here = [".".to_owned()];
        let arguments = if self.arguments.is_empty() { &here[..] } else { &self.arguments };
        let files = file::find(arguments)?;
        let evaluator = self.module.load(modules).map_err(|e| e.to_string())?;
        let report = self.judge(&files, &evaluator);
        if report.cases.is_empty() && report.errors.is_empty() {
            let pattern = self.run.as_deref().unwrap_or_default();
            return Err(match files.len() {
                0 => {
                    format!("no test in `{}`: tests are named *.test.yaml", arguments.join("`, `"))
                }
                _ => format!("no case is `{pattern}`"),
            });
        }
        if let Some(path) = &self.junit {
            let written = fs::write(path, junit::report(&report));
            written.map_err(|e| format!("`{}` cannot be written: {e}", path.display()))?;
        }
        let text = match self.output {
            Format::Json => serde_json::to_string_pretty(&report).unwrap_or_default() + "\n",
            Format::Text => self.say(&report),
        };
        print(&text).map_err(|e| format!("the results cannot be written: {e}"))?;
        Ok(match (report.errors.len(), report.failed) {
            (0, 0) => Exit::Allow,
            (0, _) => Exit::Deny,
            _ => Exit::BadInput,
        })
    }

    fn judge(&self, files: &[PathBuf], evaluator: &Warm) -> Report {
        let mut report = Report {
            api_version: API_VERSION,
            module: evaluator.module().digest().to_owned(),
            passed: 0,
            failed: 0,
            errors: Vec::new(),
            cases: Vec::new(),
        };
        for path in files {
            let name = path.display().to_string();
            let file = match TestFile::read(path) {
                Ok(file) => file,
                Err(message) => {
                    report.errors.push(message);
                    continue;
                }
            };
            let wanted = |case: &&case::Case| file::wanted(&self.run, &name, &case.name);
            for case in file.cases.iter().filter(wanted) {
                match case.run(evaluator) {
                    Ok(ran) => report.add(&name, &case.name, ran),
                    Err(e) => report.errors.push(format!("{name}: {}: {e}", case.name)),
                }
            }
        }
        report
    }

    fn say(&self, report: &Report) -> String {
        let style = Style::new(self.color);
        let mut text = String::new();
        for case in &report.cases {
            let (file, name) = (clean(&case.file), clean(&case.name));
            text.push_str(&format!("{} {file}: {name}\n", style.passed(case.passed)));
            for failure in &case.failures {
                text.push_str(&format!("     {}\n", clean(failure)));
            }
            text.extend(case.explanation.lines().map(|line| format!("     {line}\n")));
        }
        for error in &report.errors {
            text.push_str(&format!("error: {}\n", clean(error)));
        }
        text.push_str(&format!("{} passed, {} failed\n", report.passed, report.failed));
        text
    }
}

impl Report {
    fn add(&mut self, file: &str, name: &str, ran: Ran) {
        let passed = ran.failures.is_empty();
        *if passed { &mut self.passed } else { &mut self.failed } += 1;
        let explanation = match &ran.decision {
            Some(decision) if !passed => {
                let errors = ran.errors.iter().map(|line| format!("{line}\n"));
                errors.collect::<String>() + &say(decision, Style::new(When::Never), false)
            }
            _ => String::new(),
        };
        self.cases.push(Outcome {
            file: file.to_owned(),
            name: name.to_owned(),
            passed,
            failures: ran.failures,
            decision: ran.decision,
            seconds: ran.seconds,
            explanation,
        });
    }
}
