//! `countersign evidence verify`.

use clap::{ArgGroup, Args};
use countersign::wire::{ImageRequest, Request};

use super::repository;
use crate::{
    cli::{
        Exit,
        believed::Believed,
        credentials::CredentialOptions,
        explanation::clean,
        named::Named,
        output::note,
        report::{Manner, Session, refuse},
        target::{Registries, Target},
        verify::load,
    },
    driver::{Question, decide},
    pack::{
        PackSource,
        stored::{self, FindError},
    },
    policy::Artifacts,
    runtime::Modules,
};

const HELP: &str = "\
Decides as a stock Kubewarden does: content, lists of the referrers API and revocation are those of the
stored pack; tags (cosign's `.sig` and `.att`, and the one for the list of referrers) are asked of the
registry too, so that a pack hides nothing that was attached since. What the pack lacks is
undetermined, never denied. Compare with `countersign verify`, which asks the registry for everything.

Exit codes:
  0  allow
  1  deny
  2  undetermined, or there is no pack to be had
  3  bad input: usage, policy, reference, or what is there is no pack

Example:
  countersign evidence verify --policy policy.yaml ghcr.io/acme/app:1.0";

/// Verifies images by their stored packs and their tags, as a stock Kubewarden does
#[derive(Debug, Args)]
#[command(after_help = HELP)]
#[command(group = ArgGroup::new("rules").args(["policy", "notation_config"]).required(true))]
pub(super) struct Verify {
    /// The policy document, YAML or JSON; `-` for standard input
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// Notation's configuration directory in place of a policy
    #[arg(long, value_name = "DIR")]
    notation_config: Option<String>,
    /// Where packs are kept, if not beside their images
    #[arg(long, value_name = "REPOSITORY", value_parser = repository)]
    from: Option<String>,
    /// Speak plain HTTP to registries on this machine
    #[arg(long)]
    plain_http: bool,
    /// The images
    #[arg(value_name = "REF", required = true)]
    references: Vec<String>,
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    believed: Believed,
    #[command(flatten)]
    credentials: CredentialOptions,
}

impl Verify {
    pub(super) fn run(self, modules: Modules) -> Exit {
        self.verify(modules).unwrap_or_else(|e| refuse(&e))
    }

    fn verify(&self, modules: Modules) -> Result<Exit, String> {
        let mut document =
            load(&self.policy, &self.notation_config, Artifacts::Images, &self.believed)?;
        let roots = self.believed.renew(&mut document, None, self.manner.clock().now)?;
        let mut session = Session::start(&self.manner, modules)?;
        session.believes(roots);
        let registries = Registries::new(self.plain_http, &self.credentials)?;
        let mut exit = Exit::Allow;
        for reference in &self.references {
            let target = Target::open(reference, None, &registries)?;
            let named = match Named::find(target.source(), &target.reference) {
                Ok(named) => named,
                Err(unnamed) => {
                    exit = exit.worst(unnamed.refuse());
                    continue;
                }
            };
            let repository = self.from.as_deref().unwrap_or(&named.repository);
            let (tag, pack) = match stored::find(target.source(), repository, &named.digest) {
                Ok(found) => found,
                Err(error) => {
                    exit = exit.worst(missing(&named, &error, self.plain_http));
                    continue;
                }
            };
            note(&format!(
                "note: {}: by the pack under {tag}, and the image's tags",
                named.reference
            ));
            let image = ImageRequest { reference: named.reference.clone(), path: None };
            let request = Request { images: vec![image], ..Request::default() };
            let (policy, now) = (&document.value, session.now());
            let question = Question { policy, request: &request, now, budget: None };
            let source = PackSource::with_tags(&pack, target.source());
            let judged = decide(&session.evaluator, &source, &question);
            let judged = judged.map_err(|e| e.to_string());
            session.add(reference, judged, &|pointer| document.locate(pointer));
        }
        registries.say_notes();
        Ok(session.finish().worst(exit))
    }
}

fn missing(named: &Named, error: &FindError, plain_http: bool) -> Exit {
    note(&format!("error: {}: {}", named.reference, clean(&error.to_string())));
    match error {
        FindError::NotThere(_) => {
            let reference = &named.reference;
            let plain = if plain_http { "--plain-http " } else { "" };
            note(&format!("note: `countersign evidence push {plain}{reference}` stores one"));
            Exit::Undetermined
        }
        FindError::Unavailable(_) => Exit::Undetermined,
        FindError::NoPack(_) => Exit::BadInput,
    }
}
