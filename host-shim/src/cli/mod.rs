//! The `countersign` command. One file a subcommand.

mod against;
mod attach;
mod attached;
mod believed;
mod cache;
mod clock;
mod copy;
mod credentials;
mod doctor;
mod evidence;
mod explanation;
mod kubewarden;
mod module;
mod named;
mod output;
mod policy;
mod progress;
mod replay;
mod report;
mod revocation;
mod signed_by;
mod style;
mod target;
mod tree;
mod trust;
mod verify;
mod verify_blob;
mod verify_bundle;

use std::{env, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};

use crate::runtime::{Embedded, Modules};

const EXIT_CODES: &str = "\
Exit codes:
  0  allow: every image or file is proven
  1  deny: evidence is there and fails, or none exists
  2  undetermined: evidence could not be had or proven
  3  bad input: usage, policy, reference, or an internal trap
Of several the worst counts: 3, then 1, then 2, then 0.";

/// Verifies signatures and attestations of container images and files against a policy.
#[derive(Debug, Parser)]
#[command(name = "countersign", after_help = EXIT_CODES, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Attach(attach::Attach),
    Copy(copy::Copy),
    Doctor(doctor::Doctor),
    Evidence(evidence::Evidence),
    Kubewarden(kubewarden::Kubewarden),
    Policy(policy::Policy),
    Replay(replay::Replay),
    Tree(Box<tree::Tree>),
    Trust(trust::Trust),
    Verify(Box<verify::Verify>),
    VerifyBlob(Box<verify_blob::VerifyBlob>),
    VerifyBundle(verify_bundle::VerifyBundle),
}

/// How a command ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Proven.
    #[default]
    Allow,
    /// Could not be had or proven.
    Undetermined,
    /// Evidence fails or does not exist.
    Deny,
    /// Usage, policy, reference, trap.
    BadInput,
}

impl Exit {
    /// The worse of two.
    pub(crate) fn worst(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Allow => 0,
            Self::Undetermined => 1,
            Self::Deny => 2,
            Self::BadInput => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Allow => 0,
            Exit::Deny => 1,
            Exit::Undetermined => 2,
            Exit::BadInput => 3,
        })
    }
}

/// Runs the command line of this process.
pub fn run(modules: Modules) -> ExitCode {
    let arguments = match parse(modules) {
        Ok(arguments) => arguments,
        Err(e) => {
            // A closed pipe is nobody's fault.
            let _ = e.print();
            return match e.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => Exit::BadInput.into(),
            };
        }
    };
    match arguments.command {
        Command::Attach(attach) => attach.run().into(),
        Command::Copy(copy) => copy.run().into(),
        Command::Doctor(doctor) => doctor.run().into(),
        Command::Evidence(evidence) => evidence.run(modules).into(),
        Command::Kubewarden(kubewarden) => kubewarden.run().into(),
        Command::Policy(policy) => policy.run(modules).into(),
        Command::Replay(replay) => replay.run(modules).into(),
        Command::Tree(tree) => tree.run(modules).into(),
        Command::Trust(trust) => trust.run().into(),
        Command::Verify(verify) => verify.run(modules).into(),
        Command::VerifyBlob(verify) => verify.run(modules).into(),
        Command::VerifyBundle(verify) => verify.run(modules).into(),
    }
}

fn parse(modules: Modules) -> Result<Arguments, clap::Error> {
    let asks_version = env::args_os().any(|a| a == "--version" || a == "-V");
    let version = if asks_version { version(modules) } else { String::new() };
    // The parser wants text that lives as long as the process, and the process ends here.
    let command = Arguments::command().version(&*version.leak());
    Arguments::from_arg_matches(&command.try_get_matches()?)
}

fn version(modules: Modules) -> String {
    let digest = |module: Embedded| module.digest().unwrap_or_else(|| "none embedded".to_owned());
    let (wide, portable) = (digest(modules.wide), digest(modules.portable));
    format!("{}\nmodule {wide}\nportable module {portable}", env!("CARGO_PKG_VERSION"))
}
