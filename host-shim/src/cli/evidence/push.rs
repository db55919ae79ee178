//! `countersign evidence push`.

use std::{thread, time::Duration};

use clap::Args;
use serde::Serialize;

use super::{
    collect::{Collected, Older, collect, counts},
    repository,
};
use crate::{
    cli::{
        Exit,
        against::{Against, Bench},
        attached::size,
        copy::exit_of as exit_of_copy,
        credentials::CredentialOptions,
        explanation::clean,
        named::Named,
        output::{note, print},
        report::{Format, refuse},
        target::{Registries, Target},
    },
    copy::{Place, Store},
    pack::stored::{self, Options, State, StoreError, Stored},
    runtime::Modules,
};

const API_VERSION: &str = "countersign.dev/push/v1";
const HELP: &str = "\
Collects what `countersign evidence pack` collects, and stores it as an artifact under the tag
`sha256-<hex>.evidence` of the image, where hosts that cannot fetch blobs look for it. It needs no key:
nothing in a pack is believed. The same evidence again changes nothing, so this may be run as often
as one likes: after signing, in a CronJob, or with --watch.

With a policy, OCSP responses and CRLs that the decision asked for are packed; push again before they
expire.

What is listed and could not be had is said. If the pack that is stored has it, it is kept; else it is not
in the pack, and the list in it still names it, so that a reader knows. Where a list itself is denied or
unavailable, the pack that is stored is left as it is.

Rights: to pull from the image's repository, and to push to it (or to that of --to).

Exit codes:
  0  the packs are stored. What is listed and is not there, not of its digest or over a limit may be
     missing in them, and is said
  2  an image is not there, something was denied or unavailable, or the registry does not take it
  3  bad input: usage, policy, reference, a pack larger than --max-size

Examples:
  countersign evidence push ghcr.io/acme/app:1.0
  countersign evidence push --policy policy.yaml --watch 1h ghcr.io/acme/app:1.0 ghcr.io/acme/db:2
  countersign evidence push --to ghcr.io/acme/evidence ghcr.io/acme/app@sha256:…";

/// Stores the evidence about images beside them, for hosts that cannot fetch it themselves
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Push {
    /// Keep packs in this repository instead of the image's own
    #[arg(long, value_name = "REPOSITORY", value_parser = repository)]
    to: Option<String>,
    /// Where tags cannot be moved: a changed pack gets the next of at most 8 numbers
    #[arg(long)]
    numbered: bool,
    /// For an index, a pack under the digest of each platform too
    #[arg(long)]
    each_platform: bool,
    /// Do it again every so often, until stopped: `90s`, `30m`, `6h`, `1d`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    watch: Option<Duration>,
    /// Refuse to store a larger document, MiB
    #[arg(long, value_name = "MIB", default_value_t = 80, value_parser = clap::value_parser!(u64).range(1..=80))]
    max_size: u64,
    /// Speak plain HTTP to registries on this machine
    #[arg(long)]
    plain_http: bool,
    /// For people or for programs: one line a pack
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    /// The images
    #[arg(value_name = "REF", required = true)]
    references: Vec<String>,
    #[command(flatten)]
    against: Against,
    #[command(flatten)]
    credentials: CredentialOptions,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    api_version: &'static str,
    reference: &'a str,
    #[serde(flatten)]
    stored: &'a Stored,
    /// Something that is listed is not in it, or a list is not.
    gaps: bool,
}

impl Push {
    pub(super) fn run(self, modules: Modules) -> Exit {
        let first = self.round(modules).unwrap_or_else(|e| refuse(&e));
        let Some(pause) = self.watch else { return first };
        // What is wrong with the command itself does not become better.
        if first == Exit::BadInput {
            return first;
        }
        loop {
            thread::sleep(pause);
            self.round(modules).unwrap_or_else(|e| refuse(&e));
        }
    }

    /// All images, once. Each is tried, whatever became of those before.
    fn round(&self, modules: Modules) -> Result<Exit, String> {
        let bench = self.against.bench(modules)?;
        let mut worst = Exit::Allow;
        for reference in &self.references {
            let exit = self.image(reference, bench.as_ref()).unwrap_or_else(|e| refuse(&e));
            worst = worst.worst(exit);
        }
        Ok(worst)
    }

    fn image(&self, reference: &str, bench: Option<&Bench>) -> Result<Exit, String> {
        let registries = Registries::new(self.plain_http, &self.credentials)?;
        let target = Target::open(reference, None, &registries)?;
        let named = match Named::find(target.source(), &target.reference) {
            Ok(named) => named,
            Err(unnamed) => return Ok(unnamed.refuse()),
        };
        let place = Place::parse(self.to.as_deref().unwrap_or(reference));
        let place = place.map_err(|e| e.to_string())?;
        let store = place.open_destination(registries.registry()).map_err(|e| e.to_string())?;
        let older = match &self.to {
            Some(repository) => Older { source: registries.source(), repository },
            None => Older { source: target.source(), repository: &named.repository },
        };
        let collect =
            |named: &Named| collect(target.source(), named, &self.against, bench, Some(&older));
        let collected = collect(&named)?;
        let mut exit = self.store(&*store, &named, &collected, bench)?;
        if self.each_platform {
            for digest in &collected.platforms {
                let named = named.sibling(digest);
                let collected = collect(&named)?;
                exit = exit.worst(self.store(&*store, &named, &collected, bench)?);
            }
        }
        store.finish().map_err(|e| format!("{place}: {e}"))?;
        registries.say_notes();
        Ok(exit)
    }

    fn store(
        &self,
        store: &dyn Store,
        named: &Named,
        collected: &Collected,
        bench: Option<&Bench>,
    ) -> Result<Exit, String> {
        let exit = collected.check(bench, named)?;
        let options = Options {
            numbered: self.numbered,
            most_bytes: self.max_size << 20,
            only_new: collected.lacks_list(),
        };
        match stored::store(store, &collected.pack, options) {
            Ok(stored) => {
                self.say(named, &stored, collected).map_err(|e| e.to_string())?;
                Ok(exit)
            }
            Err(error) => {
                note(&format!("error: {}: {}", named.reference, clean(&error.to_string())));
                Ok(exit.worst(exit_of(&error)))
            }
        }
    }

    fn say(&self, named: &Named, stored: &Stored, collected: &Collected) -> std::io::Result<()> {
        let reference = &named.reference;
        if self.output == Format::Json {
            let gaps = collected.has_gaps();
            let line = Line { api_version: API_VERSION, reference, stored, gaps };
            let json = serde_json::to_string(&line)?;
            return print(&format!("{json}\n"));
        }
        let done = match stored.state {
            State::Added => "stored",
            State::Replaced => "replaced",
            State::Unchanged => "unchanged",
        };
        print(&format!(
            "{reference}: {done} under {}: {}, {}\n",
            stored.tag,
            counts(&collected.pack),
            size(stored.bytes)
        ))
    }
}

fn exit_of(error: &StoreError) -> Exit {
    match error {
        StoreError::TooLarge { .. } => Exit::BadInput,
        StoreError::Full { .. } | StoreError::Immovable { .. } | StoreError::Incomplete { .. } => {
            Exit::Undetermined
        }
        StoreError::Place(error) => match exit_of_copy(error) {
            Exit::BadInput => Exit::BadInput,
            _ => Exit::Undetermined,
        },
    }
}

/// `90s`, `30m`, `6h`, `1d`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a number and a unit, such as 90s, 30m, 6h or 1d".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    match seconds {
        Some(seconds @ 1..=31_622_400) => Ok(Duration::from_secs(seconds)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_have_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1d"), Ok(Duration::from_secs(86_400)));
        for wrong in ["", "s", "0s", "5", "1.5h", "-1m", "1y", "99999999999999999999s", "١s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
