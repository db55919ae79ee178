//! `countersign evidence`.

mod inspect;
mod pack;

use clap::{Args, Subcommand};

use super::Exit;
use crate::runtime::Modules;

/// Packs of evidence: what is attached to an image, in one document
#[derive(Debug, Args)]
pub(super) struct Evidence {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Inspect(inspect::Inspect),
    Pack(Box<pack::Pack>),
}

impl Evidence {
    pub(super) fn run(self, modules: Modules) -> Exit {
        match self.command {
            Command::Inspect(inspect) => inspect.run(),
            Command::Pack(pack) => pack.run(modules),
        }
    }
}
