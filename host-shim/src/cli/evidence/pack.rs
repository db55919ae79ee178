//! `countersign evidence pack`.

use std::fs;

use clap::Args;
use countersign::{time::Time, wire::ImageDecision};

use crate::{
    cli::{
        Exit,
        against::{Against, Bench, Decided},
        attached::size,
        clock,
        credentials::CredentialOptions,
        named::Named,
        output::{note, print},
        report::{refuse, word},
        target::{self, Registries, Target},
        tree::say_gaps,
    },
    pack::{self, MAX_BYTES, PackSource},
    runtime::Modules,
    walk::{Known, Limits, walk},
};

const HELP: &str = "\
References: HOST/REPO:TAG, HOST/REPO@DIGEST, oci-layout:DIR[:TAG|@DIGEST]

All that is attached is looked for as `countersign tree` does it, platforms and attachments of
attachments too. With a policy the decision is made as well: what it asked for about revocation is
packed, and it is tried whether it comes out the same from the pack alone.

Nothing in a pack is believed: every signature in it is verified by whoever uses it. The same
evidence gives the same bytes.

Exit codes:
  0  the pack is written, and nothing is missing in it
  2  there is no such image; or the pack is written, and something could not be had
  3  bad input: usage, policy, reference

Examples:
  countersign evidence pack --output app.pack.json ghcr.io/acme/app:1.0
  countersign evidence pack --policy policy.yaml --output app.pack.json ghcr.io/acme/app:1.0
  countersign verify --policy policy.yaml --pack app.pack.json --offline ghcr.io/acme/app@DIGEST";

/// Writes all evidence about an image into one document
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Pack {
    /// Where to write the pack; `-` for standard output
    #[arg(long, value_name = "FILE")]
    output: String,
    /// Note this time in the pack; without, the same evidence gives the same bytes
    #[arg(long, value_name = "RFC3339", value_parser = clock::parse)]
    created: Option<Time>,
    /// The name of an image in a layout, as the policy's rules match it
    #[arg(long, value_name = "NAME", value_parser = target::parse_name)]
    image: Option<String>,
    /// Speak plain HTTP to registries on this machine
    #[arg(long)]
    plain_http: bool,
    /// The image
    #[arg(value_name = "REF")]
    reference: String,
    #[command(flatten)]
    against: Against,
    #[command(flatten)]
    credentials: CredentialOptions,
}

impl Pack {
    pub(super) fn run(self, modules: Modules) -> Exit {
        self.pack(modules).unwrap_or_else(|e| refuse(&e))
    }

    fn pack(&self, modules: Modules) -> Result<Exit, String> {
        let registries = Registries::new(self.plain_http, &self.credentials)?;
        let target = Target::open(&self.reference, self.image.as_deref(), &registries)?;
        let bench = self.against.bench(modules)?;
        let named = match Named::find(target.source(), &target.reference) {
            Ok(named) => named,
            Err(unnamed) => return Ok(unnamed.refuse()),
        };
        let most = Limits::default().blob_bytes;
        let limits = Limits { document_bytes: most, unsigned_tags: false, ..Limits::default() };
        let walked = walk(target.source(), &named.repository, &named.digest, &limits);
        let mut evidence = walked.evidence;
        let mut live = None;
        if let Some(bench) = &bench {
            let decided = {
                let known = Known::new(&evidence, target.source());
                self.against.decide(bench, &known, &named.reference)?
            };
            evidence.extend(decided.judgement.evidence.iter().cloned());
            live = Some((bench, decided));
        }
        registries.say_notes();
        let mut pack = pack::Pack::of(&named.digest, &evidence);
        pack.created = self.created.map(|time| time.to_string());
        self.write(&pack)?;
        let mut exit = say_gaps(&walked.gaps).worst(say_gaps(&walked.unread));
        if let Some((bench, live)) = &live {
            exit = exit.worst(compare(bench, live, &pack, &named)?);
        }
        Ok(exit)
    }

    fn write(&self, pack: &pack::Pack) -> Result<(), String> {
        let text = pack.to_json();
        if text.len() as u64 > MAX_BYTES {
            let found = size(text.len() as u64);
            return Err(format!("the pack has {found}, and may have {}", size(MAX_BYTES)));
        }
        if self.output == "-" {
            print(&text).map_err(|e| format!("the pack cannot be written: {e}"))?;
        } else {
            let written = fs::write(&self.output, &text);
            written.map_err(|e| format!("`{}` cannot be written: {e}", self.output))?;
        }
        note(&format!(
            "note: packed {} manifests, {} tags, {} lists of referrers, {} blobs, {} OCSP responses, \
             {} CRLs: {} of evidence, {} in all",
            pack.manifests.len(),
            pack.tags.len(),
            pack.referrers.len(),
            pack.blobs.len(),
            pack.ocsp.len(),
            pack.crls.len(),
            size(pack.evidence_bytes()),
            size(text.len() as u64),
        ));
        Ok(())
    }
}

/// Says how the decision comes out, and whether it does so from the pack alone.
fn compare(
    bench: &Bench,
    live: &Decided,
    pack: &pack::Pack,
    named: &Named,
) -> Result<Exit, String> {
    let Some(image) = live.image() else { return Ok(live.exit()) };
    let again = bench.decide(&PackSource::offline(pack), &named.reference)?;
    let same = again.image().is_some_and(|other| verdict(other) == verdict(image));
    let outcome = word(image.outcome);
    if same {
        note(&format!("note: the policy says {outcome}, and so from the pack alone"));
        return Ok(Exit::Allow);
    }
    let other = again.image().map_or_else(|| "nothing".to_owned(), verdict);
    note(&format!("note: the policy says {}, and from the pack alone {other}", verdict(image)));
    Ok(Exit::Undetermined)
}

fn verdict(image: &ImageDecision) -> String {
    match &image.reason {
        Some(reason) => format!("{} ({})", word(image.outcome), reason.code),
        None => word(image.outcome).to_owned(),
    }
}
