//! `countersign evidence inspect`.

use std::path::Path;

use clap::Args;
use serde::Serialize;

use super::repository;
use crate::{
    cli::{
        Exit,
        attached::{Place, render, size},
        credentials::CredentialOptions,
        explanation::clean,
        named::{Named, Unnamed},
        output::print,
        report::{Format, refuse},
        style::{Style, When},
        target::{Registries, Target},
        tree::say_gaps,
    },
    pack::{
        self, Pack, PackSource,
        stored::{self, FindError},
    },
    walk::{Artifact, Limits, Walked, walk},
};

const API_VERSION: &str = "countersign.dev/inspect/v1";
const HELP: &str = "\
FILE is a pack; an image is asked for the pack under its tag `sha256-<hex>.evidence`.

By whom something is signed is what it says itself, unverified; `countersign verify --pack` verifies.

Exit codes:
  0  the pack is shown, and what it says is in it
  2  there is no pack, or parts of it are missing
  3  bad input: usage, reference, or no pack

Examples:
  countersign evidence inspect app.pack.json
  countersign evidence inspect ghcr.io/acme/app:1.0";
/// Where a pack has no repository to name.
const NOWHERE: &str = "localhost/pack";

/// Shows what is in a pack
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Inspect {
    /// Speak plain HTTP to registries on this machine
    #[arg(long)]
    plain_http: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    /// When to use colour
    #[arg(long, value_enum, default_value_t)]
    color: When,
    /// Where packs are kept, if not beside their images
    #[arg(long, value_name = "REPOSITORY", value_parser = repository)]
    from: Option<String>,
    /// A pack, or an image
    #[arg(value_name = "FILE|REF")]
    place: String,
    #[command(flatten)]
    credentials: CredentialOptions,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    api_version: &'static str,
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<&'a str>,
    /// Bytes of evidence.
    bytes: u64,
    manifests: usize,
    tags: usize,
    referrers: usize,
    blobs: usize,
    ocsp: usize,
    crls: usize,
    /// Manifests that are not about the image.
    unreached: Vec<&'a str>,
    image: &'a Artifact,
    gaps: &'a [String],
}

impl Inspect {
    pub(super) fn run(self) -> Exit {
        let pack = match self.read() {
            Ok(pack) => pack,
            Err(unnamed) => return unnamed.refuse(),
        };
        let source = PackSource::offline(&pack);
        let limits = Limits { document_bytes: Limits::default().blob_bytes, ..Limits::default() };
        let walked = walk(&source, NOWHERE, &pack.subject, &limits);
        match self.print(&pack, &walked) {
            Ok(()) => say_gaps(&walked.gaps),
            Err(e) => refuse(&e),
        }
    }

    fn read(&self) -> Result<Pack, Unnamed> {
        let path = Path::new(&self.place);
        if path.is_file() {
            let pack = pack::read(path);
            return pack.map_err(|e| Unnamed::NoReference(format!("{}: {e}", self.place)));
        }
        let registries =
            Registries::new(self.plain_http, &self.credentials).map_err(Unnamed::NoReference)?;
        let target = Target::open(&self.place, None, &registries).map_err(Unnamed::NoReference)?;
        let named = Named::find(target.source(), &target.reference)?;
        let repository = self.from.as_deref().unwrap_or(&named.repository);
        let found = stored::find(target.source(), repository, &named.digest);
        registries.say_notes();
        found.map(|(_, pack)| pack).map_err(|error| match error {
            FindError::NotThere(words) | FindError::Unavailable(words) => {
                Unnamed::NotThere(format!("{}: {words}", named.reference))
            }
            FindError::NoPack(words) => Unnamed::NoReference(words),
        })
    }

    fn print(&self, pack: &Pack, walked: &Walked) -> Result<(), String> {
        let report = Report::new(pack, walked);
        let text = if self.output == Format::Json {
            let json = serde_json::to_string_pretty(&report).map_err(|e| e.to_string())?;
            format!("{json}\n")
        } else {
            let title = format!("evidence pack about {}", pack.subject);
            let tree = render(&title, &walked.image, Place::Pack, Style::new(self.color));
            format!("{tree}{}", report.words())
        };
        print(&text).map_err(|e| format!("the pack cannot be shown: {e}"))
    }
}

impl<'a> Report<'a> {
    fn new(pack: &'a Pack, walked: &'a Walked) -> Self {
        let reached: Vec<&str> = walked.image.all().iter().map(|a| a.digest.as_str()).collect();
        let listed: Vec<&str> = pack.tags.iter().map(|tag| tag.digest.as_str()).collect();
        let digests = pack.manifests.iter().map(|m| m.digest.as_str());
        Self {
            api_version: API_VERSION,
            subject: &pack.subject,
            created: pack.created.as_deref(),
            bytes: pack.evidence_bytes(),
            manifests: pack.manifests.len(),
            tags: pack.tags.len(),
            referrers: pack.referrers.len(),
            blobs: pack.blobs.len(),
            ocsp: pack.ocsp.len(),
            crls: pack.crls.len(),
            unreached: digests.filter(|d| !reached.contains(d) && !listed.contains(d)).collect(),
            image: &walked.image,
            gaps: &walked.gaps,
        }
    }

    fn words(&self) -> String {
        let mut words = format!(
            "{} manifests, {} tags, {} lists of referrers, {} blobs, {} OCSP responses, {} CRLs: {}\n",
            self.manifests,
            self.tags,
            self.referrers,
            self.blobs,
            self.ocsp,
            self.crls,
            size(self.bytes),
        );
        if let Some(created) = self.created {
            words.push_str(&format!("made {} as it says\n", clean(created)));
        }
        for digest in &self.unreached {
            words.push_str(&format!("not about the image: {}\n", clean(digest)));
        }
        words
    }
}
