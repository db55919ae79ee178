//! `countersign copy`.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use super::{
    Exit,
    credentials::CredentialOptions,
    explanation::clean,
    output::{note, print},
    progress::{self, amount},
    report::{Format, refuse},
    target,
};
use crate::{
    copy::{self, CopyError, Options, Place, Platform, Summary},
    registry::Registry,
};

const API_VERSION: &str = "countersign.dev/copy/v1";
const HELP: &str = "\
References: HOST/REPO[:TAG][@DIGEST], oci-layout:DIR[:TAG|@DIGEST], oci-archive:FILE[:TAG|@DIGEST].
A destination without a tag gets the source's; one that has the image already gets what it lacks.

Exit codes:
  0  everything is there, with the digests of the source
  1  the source does not have it
  2  a place does not answer, does not let us, or does not take it
  3  bad input: usage, reference
The image's own tag is written last: with 1, 2 or 3 it is as it was.

Examples:
  countersign copy ghcr.io/acme/app:1.0 registry.acme.test/mirror/app:1.0
  countersign copy ghcr.io/acme/app:1.0 oci-archive:app.tar
  countersign copy oci-archive:app.tar registry.acme.test/mirror/app
  countersign copy --platform linux/arm64 ghcr.io/acme/app:1.0 oci-layout:build/app
  countersign copy --repair ghcr.io/acme/app:1.0 registry.acme.test/mirror/app:1.0";

/// Copies an image with all signatures and attestations, of its platforms too
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Copy {
    /// Of an index only this platform's image, which then is the image: what is attached to the index
    /// stays behind
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<Platform>,
    /// The image alone: no signatures, no attestations, nothing else that is attached
    #[arg(long)]
    no_referrers: bool,
    /// Replace what stands under the destination's fallback tags and is no list of referrers, and put
    /// wrong entries of such lists right
    #[arg(long)]
    repair: bool,
    /// Only say what would be copied
    #[arg(long)]
    dry_run: bool,
    /// Speak plain HTTP to registries on this machine
    #[arg(long)]
    plain_http: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    /// Where it is
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Where it is to be
    #[arg(value_name = "DESTINATION")]
    destination: String,
    #[command(flatten)]
    credentials: CredentialOptions,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    api_version: &'static str,
    #[serde(flatten)]
    summary: &'a Summary,
}

impl Copy {
    pub(super) fn run(self) -> Exit {
        let registry = match target::registry(self.plain_http, &self.credentials) {
            Ok(registry) => registry,
            Err(words) => return refuse(&words),
        };
        let copied = self.copy(&registry);
        for remark in registry.notes() {
            note(&format!("note: {}", clean(&remark)));
        }
        match copied.map(|summary| self.say(&summary)) {
            Ok(Ok(())) => Exit::Allow,
            Ok(Err(words)) => refuse(&words),
            Err(e) => {
                note(&format!("error: {}", clean(&e.to_string())));
                exit_of(&e)
            }
        }
    }

    fn copy(&self, registry: &Registry) -> Result<Summary, CopyError> {
        let source = Place::parse(&self.source)?;
        let destination = Place::parse(&self.destination)?;
        let (from, reference) = source.open_source(registry)?;
        let to = destination.open_destination(registry)?;
        let tag = destination.tag.clone().or_else(|| {
            // A destination that is named by its digest wants no tag of the source's.
            let of_source = || source.tag.clone().or_else(|| tag_of(&reference));
            destination.digest.is_none().then(of_source).flatten()
        });
        let options = Options {
            tag,
            digest: destination.digest,
            platform: self.platform.clone(),
            attached: !self.no_referrers,
            dry_run: self.dry_run,
            repair: self.repair,
            ..Options::new(&reference)
        };
        progress::shown(&options.meter, || copy::copy(&*from, &*to, &options))
    }

    fn say(&self, summary: &Summary) -> Result<(), String> {
        let text = match self.output {
            Format::Json => {
                let report = Report { api_version: API_VERSION, summary };
                let json = serde_json::to_string_pretty(&report).map_err(|e| e.to_string())?;
                format!("{json}\n")
            }
            Format::Text => describe(summary),
        };
        for words in &summary.notes {
            note(&format!("note: {}", clean(words)));
        }
        print(&text).map_err(|e| e.to_string())
    }
}

/// What an error of a copy makes of the command.
pub(super) fn exit_of(error: &CopyError) -> Exit {
    match error {
        CopyError::BadReference(_) | CopyError::OtherDigest { .. } => Exit::BadInput,
        error if error.is_absent() => Exit::Deny,
        _ => Exit::Undetermined,
    }
}

fn tag_of(reference: &str) -> Option<String> {
    (!reference.contains(':')).then(|| reference.to_owned())
}

fn describe(summary: &Summary) -> String {
    let verb = if summary.dry_run { "would copy" } else { "copied" };
    let tag = summary.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
    let Summary { source, destination, digest, blobs, bytes, .. } = summary;
    let mut lines = vec![format!("{verb} {digest}\n  from {source}\n  to   {destination}{tag}")];
    let there = summary.manifests.iter().filter(|manifest| manifest.there).count();
    let new = summary.manifests.len() - there;
    lines.push(format!("  manifests: {new} new, {there} there before"));
    let (copied, mounted) = (blobs.copied, blobs.mounted);
    let amount = amount(*bytes);
    let there = blobs.there;
    lines.push(format!(
        "  blobs: {copied} transferred ({amount}), {mounted} mounted, {there} there before"
    ));
    let mut attached: BTreeMap<String, usize> = BTreeMap::new();
    for manifest in &summary.manifests {
        let kind = match (manifest.role, &manifest.of, &manifest.artifact_type) {
            ("tagged", Some(tag), _) => tag.rsplit('.').next().map(|end| format!(".{end}")),
            ("referrer", _, Some(artifact_type)) => Some(artifact_type.clone()),
            ("referrer", _, None) => Some("of no type".to_owned()),
            _ => None,
        };
        if let Some(kind) = kind {
            *attached.entry(kind).or_default() += 1;
        }
    }
    for (kind, count) in attached {
        lines.push(format!("  attached: {count} {}", clean(&kind)));
    }
    lines.push(String::new());
    lines.join("\n")
}
