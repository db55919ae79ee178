//! How revocation is asked for, on a command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::{explanation::clean, output::note};
use crate::source::revocation::{ListedHost, Options, Reach, Revocation, default_cache};

#[derive(Debug, Args)]
#[command(next_help_heading = "Revocation, where the policy asks for it")]
pub(super) struct RevocationOptions {
    /// Whom to ask for OCSP responses and CRLs
    #[arg(long = "revocation", value_name = "WHOM", value_enum, default_value_t)]
    reach: Whom,
    /// A host that may have a private address and any port; others are asked on the public
    /// internet at port 80
    #[arg(long = "revocation-host", value_name = "HOST[:PORT]")]
    #[arg(required_if_eq("reach", "listed"))]
    hosts: Vec<ListedHost>,
    /// Where answers are kept, instead of countersign/revocation in the user's cache directory;
    /// Notation's CRL cache is read too
    #[arg(long = "revocation-cache", value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Ask again when a kept answer is older, even if it has not run out
    #[arg(long = "revocation-cache-age", value_name = "SECONDS", default_value_t = 3600)]
    cache_age: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Whom {
    /// Any host that a trusted certificate names, over plain HTTP.
    #[default]
    Online,
    /// The hosts of --revocation-host.
    Listed,
    /// Nobody: what is in the cache, however old.
    Offline,
}

impl RevocationOptions {
    /// In words, for the keys of decisions that hosts share.
    pub(super) fn road(&self) -> String {
        format!("revocation {:?} {:?}", self.reach, self.hosts)
    }

    /// What answers. Nothing is opened yet.
    pub(super) fn source(&self) -> Revocation {
        Revocation::new(Options {
            reach: match self.reach {
                Whom::Online => Reach::Online,
                Whom::Listed => Reach::Listed,
                Whom::Offline => Reach::Offline,
            },
            hosts: self.hosts.clone(),
            cache: self.cache.clone().or_else(default_cache),
            cache_age: Duration::from_secs(self.cache_age),
            ..Options::default()
        })
    }
}

/// Says what the user should know.
pub(super) fn say_notes(revocation: &Revocation) {
    for remark in revocation.notes() {
        note(&format!("note: {}", clean(&remark)));
    }
}
