//! Making referrers findable: by the referrers API, and where there is none, by the fallback tag.

use serde_json::Value;

use super::{
    contents::digest_of,
    error::CopyError,
    fallback::{self, Fallback},
    store::{Outgoing, Store, Under},
    turns::turn,
};
use crate::registry::{matches_digest, sha256_of};
use countersign::discovery::manifest::OCI_INDEX;

/// How often a list is written that others write too.
const TRIES: u32 = 3;

/// A manifest that refers to another.
pub(crate) struct Own<'a> {
    pub(crate) manifest: Outgoing<'a>,
    /// As a list has it.
    pub(crate) descriptor: Value,
    /// It names the other as its subject, so that a registry can see it.
    pub(crate) is_named: bool,
    /// The registry has said that it has seen it.
    pub(crate) is_seen: bool,
}

/// Where referrers are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// The fallback tag with the digest of its index, if there is one, and whether it was written.
    pub(crate) tag: Option<(String, String, bool)>,
    /// What no list can show.
    pub(crate) notes: Vec<String>,
}

/// Lists what refers to `subject`. `known` is an index from elsewhere, which is taken as it is if it lists
/// exactly the same.
pub(crate) fn settle(
    store: &dyn Store,
    subject: &str,
    own: &[Own<'_>],
    known: Option<&[u8]>,
    repair: bool,
) -> Result<Settled, CopyError> {
    let mut settled = Settled::default();
    let Some(hidden) = hidden(store, subject, own, &mut settled.notes)? else {
        return Ok(settled);
    };
    let ours: Vec<Value> = hidden.iter().map(|own| own.descriptor.clone()).collect();
    let known = known.filter(|known| {
        let entries = super::store::listed(known);
        entries.len() == ours.len() && fallback::merged(Some(known), &ours).is_none()
    });
    if repair || !ours.is_empty() {
        settled.tag = write(store, subject, &ours, known, repair)?;
    }
    Ok(settled)
}

/// Those that a fallback tag has to list; nothing, where the referrers API lists all.
fn hidden<'a, 'b>(
    store: &dyn Store,
    subject: &str,
    own: &'b [Own<'a>],
    notes: &mut Vec<String>,
) -> Result<Option<Vec<&'b Own<'a>>>, CopyError> {
    if !store.may_list() {
        return Ok(Some(own.iter().collect()));
    }
    let failed = |e| CopyError::destination(subject, e);
    let first = store.referrers(subject).map_err(failed)?;
    if !first.api {
        return Ok(Some(own.iter().collect()));
    }
    let is_listed = |listed: &[Value], own: &Own<'_>| {
        listed.iter().any(|entry| digest_of(entry) == Some(own.manifest.digest))
    };
    let mut hidden = Vec::new();
    for own in own.iter().filter(|own| !own.is_seen && !is_listed(&first.listed, own)) {
        if !own.is_named {
            let words = "no registry with a referrers API lists it: its manifest names no subject";
            notes.push(format!("{}: {words}", own.manifest.digest));
            continue;
        }
        let pushed = store.push_manifest(&own.manifest, Under::Digest).map_err(failed)?;
        if !pushed.lists_subject {
            hidden.push(own);
        }
    }
    if !hidden.is_empty() {
        let now = store.referrers(subject).map_err(failed)?;
        hidden.retain(|own| !is_listed(&now.listed, own));
    }
    Ok(Some(hidden).filter(|hidden| !hidden.is_empty()))
}

fn write(
    store: &dyn Store,
    subject: &str,
    ours: &[Value],
    known: Option<&[u8]>,
    repair: bool,
) -> Result<Option<(String, String, bool)>, CopyError> {
    let tag = fallback::tag_of(subject);
    let failed = |e| CopyError::destination(&tag, e);
    let mut is_written = false;
    let _turn = turn(&tag);
    for _ in 0..=TRIES {
        let there = fallback::read(store, subject).map_err(failed)?;
        let next = match &there {
            Fallback::Absent if ours.is_empty() => return Ok(None),
            Fallback::Absent => known.map(<[u8]>::to_vec).or_else(|| fallback::merged(None, ours)),
            Fallback::Index { bytes, entries } => match repair {
                true => repaired(store, bytes, entries, ours).map_err(failed)?,
                false => fallback::merged(Some(bytes), ours),
            },
            Fallback::Other(_) if repair => fallback::merged(None, ours),
            Fallback::Other(what) => return Err(CopyError::Poisoned { tag, what }),
        };
        let Some(bytes) = next else {
            // Also what another has written in the meantime.
            let Fallback::Index { bytes, .. } = there else { break };
            return Ok(Some((tag, sha256_of(&bytes), is_written)));
        };
        let digest = sha256_of(&bytes);
        let index = Outgoing { digest: &digest, media_type: OCI_INDEX, bytes: &bytes };
        store.push_manifest(&index, Under::Tag(&tag)).map_err(failed)?;
        is_written = true;
    }
    let found = "another list each time".to_owned();
    Err(CopyError::NotThere { what: format!("the tag `{tag}`"), found })
}

/// The list with its own entries put right and ours in it; nothing, if it was right.
fn repaired(
    store: &dyn Store,
    bytes: &[u8],
    entries: &[Value],
    ours: &[Value],
) -> Result<Option<Vec<u8>>, crate::registry::RegistryError> {
    let whole = fallback::repaired(store, entries)?;
    if whole == entries {
        return Ok(fallback::merged(Some(bytes), ours));
    }
    let right = fallback::index(&whole);
    Ok(Some(fallback::merged(Some(&right), ours).unwrap_or(right)))
}

/// Whether a place has these bytes under a reference.
pub(crate) fn has(store: &dyn Store, reference: &str, digest: &str) -> Result<(), CopyError> {
    let manifest = store.manifest(reference);
    let manifest = manifest.map_err(|e| CopyError::destination(reference, e))?;
    if matches_digest(digest, &manifest.bytes) {
        return Ok(());
    }
    let (what, found) = (format!("the tag `{reference}`"), sha256_of(&manifest.bytes));
    Err(CopyError::NotThere { what, found })
}
