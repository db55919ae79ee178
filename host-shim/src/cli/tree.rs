//! `countersign tree`.

use clap::Args;
use countersign::{verdict::Reason, wire::Outcome};
use serde::Serialize;

use super::{
    Exit,
    against::{Against, Decided},
    attached::{Place, render},
    credentials::CredentialOptions,
    explanation::clean,
    named::Named,
    output::{note, print},
    report::{Format, refuse},
    style::{Style, When},
    target::{self, Registries, Target},
};
use crate::{
    runtime::Modules,
    source::layout::LAYOUT,
    walk::{Artifact, Known, Limits, Walked, judge, walk},
};

const API_VERSION: &str = "countersign.dev/tree/v1";
const HELP: &str = "\
References: HOST/REPO:TAG, HOST/REPO@DIGEST, oci-layout:DIR[:TAG|@DIGEST], oci-archive:FILE[:TAG|@DIGEST]

By whom something is signed is what it says itself, unverified. With a policy, what a decision makes
of it stands below: verified by an authority, refused with the reason, or not asked for (− is also
what comes after enough was found).

Exit codes:
  0  the tree is shown, and is whole
  2  a part of it could not be had, or was left out
  3  bad input: usage, policy, reference
The policy's verdict does not change the exit code: `countersign verify` is for that.

Examples:
  countersign tree ghcr.io/acme/app:1.0
  countersign tree --policy policy.yaml ghcr.io/acme/app:1.0
  countersign tree --output json IMAGE | jq -r '.image.attached[].what'";

/// Shows what is attached to an image, and by whom it says that it is signed
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Tree {
    /// How deep to go: 1 is what is attached to the image itself
    #[arg(long, value_name = "N", default_value_t = Limits::default().depth)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=16))]
    depth: u32,
    /// The name of an image in a layout, as the policy's rules match it
    #[arg(long, value_name = "NAME", value_parser = target::parse_name)]
    image: Option<String>,
    /// Speak plain HTTP to registries on this machine
    #[arg(long)]
    plain_http: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    /// When to use colour
    #[arg(long, value_enum, default_value_t)]
    color: When,
    /// The image
    #[arg(value_name = "REF")]
    reference: String,
    #[command(flatten)]
    against: Against,
    #[command(flatten)]
    credentials: CredentialOptions,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    api_version: &'static str,
    reference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict<'a>>,
    image: &'a Artifact,
    gaps: &'a [String],
}

#[derive(Serialize)]
struct Verdict<'a> {
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Reason>,
    now: &'a str,
}

impl Tree {
    pub(super) fn run(self, modules: Modules) -> Exit {
        self.show(modules).unwrap_or_else(|e| refuse(&e))
    }

    fn show(&self, modules: Modules) -> Result<Exit, String> {
        let registries = Registries::new(self.plain_http, &self.credentials)?;
        let target = Target::open(&self.reference, self.image.as_deref(), &registries)?;
        let named = match Named::find(target.source(), &target.reference) {
            Ok(named) => named,
            Err(unnamed) => return Ok(unnamed.refuse()),
        };
        let limits = Limits { depth: self.depth, ..Limits::default() };
        let mut walked = walk(target.source(), &named.repository, &named.digest, &limits);
        let known = Known::new(&walked.evidence, target.source());
        let bench = self.against.bench(modules)?;
        let decided = match &bench {
            Some(bench) => Some(self.against.decide(bench, &known, &named.reference)?),
            None => None,
        };
        if let Some(image) = decided.as_ref().and_then(Decided::image) {
            judge::judged(&mut walked.image, &image.explanation);
        }
        registries.say_notes();
        self.print(&named, &walked, decided.as_ref())?;
        let gaps = say_gaps(&walked.gaps);
        Ok(decided.map_or(Exit::Allow, |decided| decided.exit()).worst(gaps))
    }

    fn print(
        &self,
        named: &Named,
        walked: &Walked,
        decided: Option<&Decided>,
    ) -> Result<(), String> {
        let image = decided.and_then(Decided::image);
        let text = if self.output == Format::Json {
            let now = decided.map(|decided| decided.decision().now.as_str()).unwrap_or_default();
            let verdict = image.map(|image| Verdict {
                outcome: image.outcome,
                reason: image.reason.as_ref(),
                now,
            });
            let report = Report {
                api_version: API_VERSION,
                reference: &named.reference,
                verdict,
                image: &walked.image,
                gaps: &walked.gaps,
            };
            let json = serde_json::to_string_pretty(&report);
            format!("{}\n", json.map_err(|e| e.to_string())?)
        } else {
            let style = Style::new(self.color);
            let is_layout = self.reference.starts_with(LAYOUT);
            let place = if is_layout { Place::Layout } else { Place::Registry };
            let mut text = String::new();
            if let Some(image) = image {
                text = style.outcome(image.outcome);
                if let Some(reason) = &image.reason {
                    text.push_str(&format!(": {} ({})", clean(&reason.message), reason.code));
                }
                text.push('\n');
            }
            text.push_str(&render(&named.reference, &walked.image, place, style));
            if let Some(decided) = decided.filter(|decided| decided.overridden) {
                let now = &decided.decision().now;
                text.push_str(&format!("clock: overridden, decided as of {now}\n"));
            }
            text
        };
        print(&text).map_err(|e| format!("the tree cannot be written: {e}"))
    }
}

/// Says what is missing.
pub(super) fn say_gaps(gaps: &[String]) -> Exit {
    /// Lines of it; programs get all.
    const MOST: usize = 20;
    for gap in gaps.iter().take(MOST) {
        note(&format!("note: not seen: {}", clean(gap)));
    }
    if gaps.len() > MOST {
        note(&format!("note: not seen: {} things more", gaps.len() - MOST));
    }
    if gaps.is_empty() { Exit::Allow } else { Exit::Undetermined }
}
