//! `countersign evidence pack`.

use std::fs;

use clap::Args;
use countersign::time::Time;

use super::collect::{collect, counts};
use crate::{
    cli::{
        Exit,
        against::Against,
        attached::size,
        clock,
        credentials::CredentialOptions,
        named::Named,
        output::{note, print},
        report::refuse,
        target::{self, Registries, Target},
    },
    pack::{self, MAX_BYTES},
    runtime::Modules,
};

const HELP: &str = "\
References: HOST/REPO:TAG, HOST/REPO@DIGEST, oci-layout:DIR[:TAG|@DIGEST]

All that is attached is looked for as `countersign tree` does it, platforms and attachments of
attachments too. With a policy the decision is made as well: what it asked for about revocation is
packed, and it is tried whether it comes out the same from the pack alone.

Nothing in a pack is believed: every signature in it is verified by whoever uses it. The same
evidence gives the same bytes.

Exit codes:
  0  the pack is written. What is listed and is not there, not of its digest or over a limit is missing
     in it, and is said
  2  there is no such image; or the pack is written, and something was denied or unavailable
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
        let mut collected = collect(target.source(), &named, &self.against, bench.as_ref(), None)?;
        registries.say_notes();
        collected.pack.created = self.created.map(|time| time.to_string());
        self.write(&collected.pack)?;
        collected.check(bench.as_ref(), &named)
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
        let evidence = size(pack.evidence_bytes());
        let all = size(text.len() as u64);
        note(&format!("note: packed {}: {evidence} of evidence, {all} in all", counts(pack)));
        Ok(())
    }
}
