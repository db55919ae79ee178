//! `countersign kubewarden settings`.

use clap::Args;
use countersign::{
    policy::{Policy, kubewarden},
    wire::PolicyError,
};
use serde_json::Value;

use super::{
    super::{
        Exit,
        output::note,
        report::{complaint, refuse},
    },
    Form, write,
};
use crate::policy::Document;

const HELP: &str = "\
The settings of a policy are the policy: its files are put in place. With --from, what Kubewarden has: a
ClusterAdmissionPolicy or AdmissionPolicy, or settings alone, of this policy or of Kubewarden's verify-image-signatures,
which become the policy that they are taken as.

Exit codes:
  0  written
  3  bad input: the file, or what is wrong with the policy

Examples:
  countersign kubewarden settings policy.yaml > settings.yaml
  kwctl run --settings-path settings.yaml --request-path request.json annotated-policy.wasm
  countersign kubewarden settings --from clusteradmissionpolicy.yaml > policy.yaml";

/// Print a policy as settings of a ClusterAdmissionPolicy, or such settings as a policy
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Settings {
    /// From a manifest or settings, to a policy
    #[arg(long)]
    from: bool,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    output: Form,
    /// The policy, or with --from what Kubewarden has; `-` for standard input
    #[arg(value_name = "FILE")]
    file: String,
}

/// Why there is no policy.
pub(super) enum Bad {
    /// In a sentence.
    Words(String),
    /// Each error, with its place.
    Errors(Vec<String>),
}

impl From<String> for Bad {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl Bad {
    /// Says it.
    pub(super) fn say(&self) -> Exit {
        match self {
            Self::Words(words) => refuse(words),
            Self::Errors(lines) => {
                lines.iter().for_each(|line| note(line));
                Exit::BadInput
            }
        }
    }
}

impl Settings {
    pub(super) fn run(self) -> Exit {
        let document =
            if self.from { from(&self.file) } else { policy(&self.file).map(|(d, _)| d) };
        match document {
            Ok(document) => write(&document, self.output, &[]),
            Err(bad) => bad.say(),
        }
    }
}

/// A policy that is good, with all its files in place.
pub(super) fn policy(file: &str) -> Result<(Value, Policy), Bad> {
    let document = Document::load_policy(file).map_err(|e| e.to_string())?;
    match Policy::parse(&document.value) {
        Ok(policy) => Ok((document.value, policy)),
        Err(errors) => Err(complaints(&errors, "", &document)),
    }
}

fn complaints(errors: &[PolicyError], under: &str, document: &Document) -> Bad {
    let line = |error: &PolicyError| {
        let error = PolicyError { path: format!("{under}{}", error.path), ..error.clone() };
        complaint(&error, &document.name, &|pointer| document.locate(pointer))
    };
    Bad::Errors(errors.iter().map(line).collect())
}

/// The policy that stands in what Kubewarden has.
fn from(file: &str) -> Result<Value, Bad> {
    let document = Document::load(file).map_err(|e| e.to_string())?;
    let (settings, under) = settings_of(&document.value)?;
    let errors = |errors: &[PolicyError]| complaints(errors, under, &document);
    if !kubewarden::is_settings(settings) {
        Policy::parse(settings).map_err(|e| errors(&e))?;
        return Ok(settings.clone());
    }
    // What cannot be told by its shape alone.
    Policy::parse(settings).map_err(|e| errors(&e))?;
    let translation = kubewarden::translate(settings).map_err(|e| errors(&e))?;
    Ok(translation.document)
}

/// The settings of a manifest, and where they stand in it; anything else is settings itself.
fn settings_of(document: &Value) -> Result<(&Value, &'static str), Bad> {
    let text = |name: &str| document[name].as_str().unwrap_or_default();
    let group = text("apiVersion").split('/').next().unwrap_or_default();
    if group != "policies.kubewarden.io" {
        return Ok((document, ""));
    }
    match text("kind") {
        "ClusterAdmissionPolicy" | "AdmissionPolicy" => {}
        other => {
            let words = format!(
                "`{other}` is no ClusterAdmissionPolicy and no AdmissionPolicy: give the settings alone"
            );
            return Err(words.into());
        }
    }
    if document.pointer("/spec/mode").and_then(Value::as_str) == Some("monitor") {
        note("note: `mode: monitor` is of the manifest: it is no part of the policy");
    }
    match document.pointer("/spec/settings") {
        Some(settings) => Ok((settings, "/spec/settings")),
        None => Err("the manifest has no `spec.settings`".to_owned().into()),
    }
}
