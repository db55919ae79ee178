//! `countersign policy schema`.

use clap::{Args, ValueEnum};

use super::super::{Exit, output::print, report::refuse};

const HELP: &str = "\
Examples:
  countersign policy schema > policy.schema.json
  # yaml-language-server: $schema=policy.schema.json";

/// Prints a JSON Schema, for editors and validators
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Schema {
    /// Of what
    #[arg(value_enum, default_value_t)]
    of: Document,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Document {
    /// What `evidence pack` writes.
    Pack,
    /// The policy.
    #[default]
    Policy,
    /// What `verify --record` writes.
    Record,
    /// One step of the module: request and response.
    Step,
    /// What `policy test` reads.
    Test,
}

impl Schema {
    pub(super) fn run(self) -> Exit {
        let text = match self.of {
            Document::Pack => include_str!("../../../../schema/pack.v1.schema.json"),
            Document::Policy => include_str!("../../../../schema/policy.v1.schema.json"),
            Document::Record => include_str!("../../../../schema/record.v1.schema.json"),
            Document::Step => include_str!("../../../../schema/step.v1.schema.json"),
            Document::Test => include_str!("../../../../schema/test.v1.schema.json"),
        };
        match print(text) {
            Ok(()) => Exit::Allow,
            Err(e) => refuse(&format!("the schema cannot be written: {e}")),
        }
    }
}
