//! `countersign evidence`.

mod collect;
mod inspect;
mod pack;
mod push;
mod verify;

use clap::{Args, Subcommand};
use countersign::reference::Reference;

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
    Inspect(Box<inspect::Inspect>),
    Pack(Box<pack::Pack>),
    Push(Box<push::Push>),
    Verify(Box<verify::Verify>),
}

impl Evidence {
    pub(super) fn run(self, modules: Modules) -> Exit {
        match self.command {
            Command::Inspect(inspect) => inspect.run(),
            Command::Pack(pack) => pack.run(modules),
            Command::Push(push) => push.run(modules),
            Command::Verify(verify) => verify.run(modules),
        }
    }
}

/// A repository, normalised: no tag and no digest.
fn repository(text: &str) -> Result<String, String> {
    let wrong = || "a repository without tag and digest, such as ghcr.io/acme/evidence".to_owned();
    let last = text.rsplit('/').next().unwrap_or(text);
    if last.contains(':') || text.contains('@') {
        return Err(wrong());
    }
    Ok(Reference::parse(text).map_err(|_| wrong())?.repository())
}
