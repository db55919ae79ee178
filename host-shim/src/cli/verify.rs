//! `countersign verify`.

use clap::{ArgGroup, Args};
use countersign::wire::{ImageRequest, Request};

use super::{
    Exit,
    report::{Manner, Session, refuse},
    revocation::{RevocationOptions, say_notes},
    target::{self, Registries, Target},
};
use crate::{
    driver::{Judgement, Question, decide},
    policy::{Artifacts, Document},
    runtime::Modules,
    source::{Options, Revocation, Sources},
};

const EXAMPLES: &str = "\
References: HOST/REPO:TAG, HOST/REPO@DIGEST, oci-layout:DIR[:TAG|@DIGEST]

Examples:
  countersign verify --policy policy.yaml ghcr.io/acme/app:1.0
  countersign verify --policy policy.yaml --image ghcr.io/acme/app oci-layout:build/image
  countersign verify --policy policy.yaml --output json IMAGE | jq -r '.results[].decision.outcome'
  countersign verify --notation-config ~/.config/notation ghcr.io/acme/app:1.0";

/// Verifies images against a policy
#[derive(Debug, Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", super::EXIT_CODES))]
#[command(group = ArgGroup::new("rules").args(["policy", "notation_config"]).required(true))]
pub(super) struct Verify {
    /// The policy document, YAML or JSON; `-` for standard input
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// Notation's configuration directory in place of a policy: its trustpolicy.oci.json, else
    /// trustpolicy.json, and its truststore
    #[arg(long, value_name = "DIR")]
    notation_config: Option<String>,
    /// The name that the policy's rules match for images in layouts
    #[arg(long, value_name = "NAME", value_parser = target::parse_name)]
    image: Option<String>,
    /// Speak plain HTTP to registries on this machine
    #[arg(long)]
    plain_http: bool,
    #[command(flatten)]
    manner: Manner,
    /// The images to decide on
    #[arg(value_name = "REF", required = true)]
    references: Vec<String>,
    #[command(flatten)]
    revocation: RevocationOptions,
}

impl Verify {
    pub(super) fn run(self, modules: Modules) -> Exit {
        let document = match load(&self.policy, &self.notation_config, Artifacts::Images) {
            Ok(document) => document,
            Err(e) => return refuse(&e),
        };
        let mut session = match Session::start(&self.manner, modules) {
            Ok(session) => session,
            Err(e) => return refuse(&e),
        };
        let plain_http = self.plain_http;
        let registries = Registries::new(Options { plain_http, ..Options::default() });
        let revocation = self.revocation.source();
        for reference in &self.references {
            let judged = self.decide(reference, &document, &session, &registries, &revocation);
            session.add(reference, judged, &|pointer| document.locate(pointer));
        }
        say_notes(&revocation);
        session.finish()
    }

    fn decide(
        &self,
        reference: &str,
        document: &Document,
        session: &Session<'_>,
        registries: &Registries,
        revocation: &Revocation,
    ) -> Result<Judgement, String> {
        let target = Target::open(reference, self.image.as_deref(), registries)?;
        let image = ImageRequest { reference: target.reference.clone(), path: None };
        let request = Request { images: vec![image], ..Request::default() };
        let (policy, now) = (&document.value, session.now());
        let question = Question { policy, request: &request, now, budget: None };
        let source = Sources { images: target.source(), revocation };
        decide(&session.evaluator, &source, &question).map_err(|e| e.to_string())
    }
}

/// Reads the policy, from whichever of the two it is to come.
pub(super) fn load(
    policy: &Option<String>,
    notation_config: &Option<String>,
    artifacts: Artifacts,
) -> Result<Document, String> {
    let loaded = match (policy, notation_config) {
        (_, Some(directory)) => Document::load_notation(directory, artifacts),
        (Some(path), None) => Document::load_policy(path),
        (None, None) => return Err("--policy or --notation-config is needed".to_owned()),
    };
    loaded.map_err(|e| e.to_string())
}
