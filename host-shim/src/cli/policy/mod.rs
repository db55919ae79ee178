//! `countersign policy`: what to do with a policy but to decide by it.

mod explain;
mod lint;
mod schema;
mod test;

use clap::{Args, Subcommand};

use super::Exit;
use crate::runtime::Modules;

/// Checks, tests and explains policies
#[derive(Debug, Args)]
pub(super) struct Policy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Explain(Box<explain::Explain>),
    Lint(lint::Lint),
    Schema(schema::Schema),
    Test(Box<test::Test>),
}

impl Policy {
    pub(super) fn run(self, modules: Modules) -> Exit {
        match self.command {
            Command::Explain(explain) => explain.run(),
            Command::Lint(lint) => lint.run(),
            Command::Schema(schema) => schema.run(),
            Command::Test(test) => test.run(modules),
        }
    }
}
