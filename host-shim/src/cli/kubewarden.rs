//! `countersign kubewarden`: the module, and policies for it, as Kubewarden's tools expect them.

mod annotate;
mod artifacthub;
mod emit;
mod manifest;
mod metadata;
mod push;
mod settings;
mod wasm;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::{Exit, output::print, report::refuse};

/// Packages the module as a Kubewarden policy, and writes what Kubewarden is given
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(super) struct Kubewarden {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Annotate(annotate::Annotate),
    Artifacthub(artifacthub::ArtifactHub),
    Manifest(Box<manifest::Manifest>),
    Push(Box<push::Push>),
    Settings(settings::Settings),
}

/// How a document is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    #[default]
    Yaml,
    /// For programs.
    Json,
}

impl Kubewarden {
    pub(super) fn run(self) -> Exit {
        match self.command {
            Command::Annotate(annotate) => annotate.run(),
            Command::Artifacthub(artifacthub) => artifacthub.run(),
            Command::Manifest(manifest) => manifest.run(),
            Command::Push(push) => push.run(),
            Command::Settings(settings) => settings.run(),
        }
    }
}

/// Prints a document, under comments that only YAML has.
fn write(document: &Value, form: Form, comments: &[String]) -> Exit {
    let text = match form {
        Form::Json => serde_json::to_string_pretty(document).unwrap_or_default() + "\n",
        Form::Yaml => {
            let comments: String = comments.iter().map(|line| format!("# {line}\n")).collect();
            comments + &emit::yaml(document)
        }
    };
    match print(&text) {
        Ok(()) => Exit::Allow,
        Err(e) => refuse(&format!("it cannot be written: {e}")),
    }
}
