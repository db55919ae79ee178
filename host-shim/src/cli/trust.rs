//! `countersign trust`: whom to believe, kept up to date.

mod show;
mod update;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Exit;
use crate::trust::{Store, TrustError, default_directory};

/// Fetches and shows trusted roots
#[derive(Debug, Args)]
pub(super) struct Trust {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(show::Show),
    Update(update::Update),
}

impl Trust {
    pub(super) fn run(self) -> Exit {
        match self.command {
            Command::Show(show) => show.run(),
            Command::Update(update) => update.run(),
        }
    }
}

/// Where trust material is kept.
#[derive(Debug, Args)]
pub(super) struct Directory {
    /// Where trusted roots are kept, instead of $XDG_DATA_HOME/countersign/trust
    #[arg(long = "dir", value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl Directory {
    fn store(&self) -> Result<Store, TrustError> {
        store(self.directory.as_deref())
    }
}

/// The user's own directory, or another one.
pub(super) fn store(directory: Option<&std::path::Path>) -> Result<Store, TrustError> {
    let directory = directory.map(PathBuf::from).or_else(default_directory).ok_or_else(|| {
        let why =
            "neither XDG_DATA_HOME nor HOME says where trusted roots are kept: pass a directory";
        TrustError::Usage(why.to_owned())
    })?;
    Ok(Store::new(directory))
}
