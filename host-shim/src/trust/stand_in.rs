//! Newer trusted roots in the place of those that the module carries.

use countersign::{
    crypto::{hex, sha256},
    time::Time,
};
use serde::Serialize;
use serde_json::Value;

use super::{EMBEDDED_SINCE, Instance, Kept, Standing, Store, TrustError};

/// A trusted root that stands for a word of the policy.
#[derive(Clone, Debug, PartialEq)]
pub struct StandIn {
    /// The word in `trustedRoot`.
    pub word: &'static str,
    /// What stands in its place.
    pub document: Value,
    /// Where it is from, for people.
    pub from: String,
    /// What to say about it.
    pub note: String,
    /// The same for programs.
    pub report: Report,
}

/// A trusted root that a decision rests on, and that is not the module's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The word in `trustedRoot`.
    pub word: &'static str,
    /// `sha256:…` of the document.
    pub digest: String,
    /// The file or directory.
    pub from: String,
    /// The last update that succeeded: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<String>,
    /// When the first role's metadata expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Whether something is wrong with its age.
    pub stale: bool,
}

/// Which trusted root counts for an instance that the module carries one of.
#[derive(Clone, Debug)]
pub enum Choice {
    /// The module's, since nothing is kept, or nothing else.
    Embedded,
    /// The module's, though one is kept.
    EmbeddedDespite {
        /// Why.
        why: String,
        /// The kept one, if it could be read.
        kept: Option<Box<Kept>>,
    },
    /// The kept one.
    Kept(Box<Kept>),
}

/// Chooses: what is kept counts if it can be verified and was updated after the module's was taken.
pub fn choose(store: &Store, instance: &Instance) -> Choice {
    let opened = match store.load(&instance.name) {
        Ok(None) => return Choice::Embedded,
        Ok(Some(record)) => Kept::open(instance, record),
        Err(e) => Err(e),
    };
    let kept = match opened {
        Ok(kept) => Box::new(kept),
        Err(e) => {
            let why = format!("what is kept cannot be used: {e}");
            return Choice::EmbeddedDespite { why, kept: None };
        }
    };
    if embedded_since().is_some_and(|since| kept.updated < since) {
        let why = format!(
            "the module's was taken on {EMBEDDED_SINCE}, and what is kept is of {}",
            kept.updated
        );
        return Choice::EmbeddedDespite { why, kept: Some(kept) };
    }
    Choice::Kept(kept)
}

/// The newer trusted roots of these instances, each with a word of its own. What the user should know
/// of those that cannot be used is in `remarks`.
pub fn stand_ins(
    store: &Store,
    instances: &[Instance],
    now: Time,
    remarks: &mut Vec<String>,
) -> Vec<StandIn> {
    let mut found = Vec::new();
    for instance in instances {
        let Some(embedded) = instance.embedded else { continue };
        match choose(store, instance) {
            Choice::Embedded => {}
            Choice::EmbeddedDespite { why, .. } => {
                remarks.push(format!("trusted root `{}`: the module's: {why}", instance.name));
            }
            Choice::Kept(kept) => {
                let same = serde_json::from_str::<Value>(embedded.text);
                if same.is_ok_and(|same| same == kept.document) {
                    continue;
                }
                found.push(of_kept(store, embedded.word, *kept, now));
            }
        }
    }
    found
}

fn of_kept(store: &Store, word: &'static str, kept: Kept, now: Time) -> StandIn {
    let from = store.copy(&kept.record.name).display().to_string();
    let standing = kept.standing(now);
    let note = format!(
        "trusted root `{word}`: in place of the module's the newer one of {} ({from}; TUF root {}, \
         targets {}; {})",
        kept.updated,
        kept.version("root"),
        kept.version("targets"),
        said(&standing, &kept)
    );
    let report = Report {
        word,
        digest: kept.digest(),
        from: from.clone(),
        updated: Some(kept.updated.to_string()),
        expires: kept.expires().map(|role| role.expires.to_string()),
        stale: standing != Standing::Fresh,
    };
    StandIn { word, document: kept.document, from, note, report }
}

/// How a kept trusted root stands, in a few words.
pub fn said(standing: &Standing, kept: &Kept) -> String {
    match standing {
        Standing::Fresh => match kept.expires() {
            Some(role) => format!("valid until {}", role.expires),
            None => "valid".to_owned(),
        },
        Standing::Stale { since, why } => {
            format!("not updated since {since}: {why}")
        }
        Standing::Expired { role, at } => format!(
            "its {role} metadata expired at {at}, so that there may be a newer one: run \
             `countersign trust update`"
        ),
    }
}

/// A trusted root in a file, in place of the module's public-good one.
pub fn from_file(path: &str, text: &str) -> Result<StandIn, TrustError> {
    let (document, _) = super::contents::read(text)
        .map_err(|why| TrustError::Usage(format!("{path}: no trusted root: {why}")))?;
    let word = "embedded";
    let digest = format!("sha256:{}", hex(&sha256(text.as_bytes())));
    let note = format!("trusted root `{word}`: in place of the module's {path} ({digest})");
    let report =
        Report { word, digest, from: path.to_owned(), updated: None, expires: None, stale: false };
    Ok(StandIn { word, document, from: path.to_owned(), note, report })
}

/// [`EMBEDDED_SINCE`] as an instant.
pub fn embedded_since() -> Option<Time> {
    Time::parse_or_date(EMBEDDED_SINCE)
}
