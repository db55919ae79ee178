//! `countersign doctor`.

use std::time::SystemTime;

use clap::{Args, Subcommand};
use countersign::reference::Reference;
use serde::Serialize;

use super::{
    Exit,
    credentials::CredentialOptions,
    explanation::clean,
    output::print,
    report::{Format, refuse},
    style::{Style, When},
    target::Registries,
};
use crate::{
    doctor::{Check, Grade, Patient, examine, worst},
    registry::Repository,
};

const API_VERSION: &str = "countersign.dev/doctor/v1";
const HELP: &str = "\
Asks the registry what verification asks, and says what its answers mean. Nothing is written, but
with --push a tiny artifact under a tag of its own, which is deleted in the end.

Exit codes:
  0  everything is verified from this registry that can be
  2  something makes verification impossible, for all signatures or for some
  3  bad input: usage, reference

Examples:
  countersign doctor registry ghcr.io/acme/app:1.0
  countersign doctor registry --push localhost:5000/scratch --plain-http
  countersign doctor registry --output json HOST/REPO | jq '.checks[] | select(.grade != \"ok\")'";

/// Finds out what does not work, and why
#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Registry(OfRegistry),
}

/// What a registry can do, and what that means
#[derive(Debug, Args)]
#[command(after_help = HELP)]
struct OfRegistry {
    /// Write a tiny artifact too, and delete it
    #[arg(long)]
    push: bool,
    /// Speak plain HTTP to registries on this machine
    #[arg(long)]
    plain_http: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    /// When to use colour
    #[arg(long, value_enum, default_value_t)]
    color: When,
    /// A repository; with a tag or digest, that image is pulled
    #[arg(value_name = "HOST/REPO[:TAG]")]
    reference: String,
    #[command(flatten)]
    credentials: CredentialOptions,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    api_version: &'static str,
    registry: &'a str,
    repository: &'a str,
    grade: Grade,
    checks: &'a [Check],
}

impl Doctor {
    pub(super) fn run(self) -> Exit {
        match self.command {
            Command::Registry(registry) => registry.run(),
        }
    }
}

impl OfRegistry {
    fn run(self) -> Exit {
        self.examine().unwrap_or_else(|e| refuse(&e))
    }

    fn examine(&self) -> Result<Exit, String> {
        let patient = self.patient()?;
        let registries = Registries::new(self.plain_http, &self.credentials)?;
        let checks = examine(registries.registry(), &patient);
        registries.say_notes();
        let report = Report {
            api_version: API_VERSION,
            registry: patient.repository.host(),
            repository: patient.repository.name(),
            grade: worst(&checks),
            checks: &checks,
        };
        let text = if self.output == Format::Json {
            let json = serde_json::to_string_pretty(&report).map_err(|e| e.to_string())?;
            format!("{json}\n")
        } else {
            say(&report, Style::new(self.color))
        };
        print(&text).map_err(|e| format!("the findings cannot be written: {e}"))?;
        Ok(if report.grade == Grade::Fail { Exit::Undetermined } else { Exit::Allow })
    }

    fn patient(&self) -> Result<Patient, String> {
        let text = &self.reference;
        let bad = |e: &str| format!("`{text}` is not HOST/REPO[:TAG]: {e}");
        let reference = Reference::parse(text).map_err(|e| bad(&e.to_string()))?;
        let repository = Repository::parse(&reference.repository());
        let last = text.rsplit('/').next().unwrap_or(text);
        let tag = reference.tag.filter(|_| last.contains(':'));
        Ok(Patient {
            repository: repository.ok_or_else(|| bad("no repository"))?,
            reference: reference.digest.map(|digest| digest.to_string()).or(tag),
            now: SystemTime::now(),
            push: self.push,
        })
    }
}

fn say(report: &Report<'_>, style: Style) -> String {
    let widest = report.checks.iter().map(|check| check.id.len()).max().unwrap_or_default();
    let mut text = format!("registry {}, repository {}\n", report.registry, report.repository);
    for check in report.checks {
        let id = format!("{:widest$}", check.id);
        text.push_str(&format!("{} {id}  {}\n", style.grade(check.grade), clean(&check.found)));
        let stem = " ".repeat(widest + 7);
        for (label, words) in [("means", check.means), ("next", check.next.as_deref())] {
            if let Some(words) = words {
                text.push_str(&format!(
                    "{stem}{} {}\n",
                    style.faint(&format!("{label}:")),
                    clean(words)
                ));
            }
        }
    }
    text
}
