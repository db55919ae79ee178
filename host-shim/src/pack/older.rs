//! What an older pack of an image still has of what is listed now and could not be had.
//!
//! Content has the name of its digest, so it is the same wherever it comes from.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use countersign::{
    discovery::manifest,
    pack::Pack,
    wire::{Answer, Bytes, EvidenceItem, Fetch, UnavailableReason},
};

use super::source::is_of_its_digest;
use crate::{
    registry::matches_digest,
    source::{EvidenceSource, Traffic},
    walk::{Known, unlimited, words},
};

/// Bytes of content that is kept though it was left out over a limit: many signatures, and little beside the
/// 48 MiB of blobs of a walk ([`Limits`](crate::walk::Limits)), so that the pack stays within
/// [`MAX_BYTES`](super::MAX_BYTES).
const MAX_LEFT_OUT: u64 = 4 << 20;
/// Entries of each list of a pack.
const MAX_ENTRIES: usize = 4096;

/// A source for a second walk: what the first has found, and the older pack where content could not be had,
/// or where a list is larger than it may be.
pub struct Mended<'a> {
    older: &'a Pack,
    /// What was lost in the first walk.
    lost: BTreeMap<Fetch, &'a Answer>,
    behind: Known<'a>,
    kept: Mutex<BTreeSet<String>>,
    keeps_list: Mutex<bool>,
}

impl<'a> Mended<'a> {
    /// After a walk over `source`.
    pub fn new(
        older: &'a Pack,
        walked: &'a [EvidenceItem],
        source: &'a dyn EvidenceSource,
    ) -> Self {
        let lost = walked.iter().filter(|item| is_lost(&item.fetch, &item.answer));
        Self {
            older,
            lost: lost.map(|item| (unlimited(&item.fetch), &item.answer)).collect(),
            behind: Known::new(walked, source),
            kept: Mutex::default(),
            keeps_list: Mutex::default(),
        }
    }

    /// What was taken from the older pack, and why; and whether a list was.
    pub fn kept(self) -> (Vec<String>, bool) {
        let kept = self.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        let keeps_list = self.keeps_list.into_inner().unwrap_or_else(PoisonError::into_inner);
        (kept.into_iter().collect(), keeps_list)
    }

    fn older(&self, fetch: &Fetch) -> Option<Answer> {
        let found = self.older.answer(fetch)?;
        (matches!(found, Answer::Found { .. }) && !is_lost(fetch, &found)).then_some(found)
    }

    fn keep(&self, fetch: &Fetch, live: &Answer) {
        let (name, is_list) = match fetch {
            Fetch::Manifest { digest, .. } => (format!("manifest `{digest}`"), false),
            Fetch::Blob { digest, .. } => (format!("blob `{digest}`"), false),
            Fetch::Tag { tag, .. } => (format!("tag `{tag}`"), true),
            Fetch::Referrers { digest, .. } => (format!("referrers of `{digest}`"), true),
            Fetch::Resolve { .. } | Fetch::Ocsp { .. } | Fetch::Crl { .. } => return,
        };
        let why = match live {
            Answer::Found { .. } => "the bytes are not those of the digest".to_owned(),
            live => words(live),
        };
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("{name} ({why})"));
        *self.keeps_list.lock().unwrap_or_else(PoisonError::into_inner) |= is_list;
    }
}

impl EvidenceSource for Mended<'_> {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        let Some(older) = self.older(fetch) else { return self.behind.fetch(fetch) };
        if let Some(live) = self.lost.get(&unlimited(fetch)) {
            self.keep(fetch, live);
            return older;
        }
        let live = self.behind.fetch(fetch);
        if !is_lost(fetch, &live) {
            return live;
        }
        self.keep(fetch, &live);
        older
    }

    fn traffic(&self) -> Traffic {
        self.behind.traffic()
    }
}

/// Whether an older answer may stand for this one. Not for a list that is denied or unavailable: who cannot
/// ask for it does not know that it is still the same, and leaves the older pack in its place.
fn is_lost(fetch: &Fetch, answer: &Answer) -> bool {
    match fetch {
        Fetch::Manifest { .. } | Fetch::Blob { .. } => !is_of_its_digest(fetch, answer),
        Fetch::Tag { .. } | Fetch::Referrers { .. } => {
            let too_large = UnavailableReason::TooLarge;
            matches!(answer, Answer::Unavailable { reason, .. } if *reason == too_large)
        }
        Fetch::Resolve { .. } | Fetch::Ocsp { .. } | Fetch::Crl { .. } => false,
    }
}

/// Takes over what the older pack has of content that `pack` names and lacks, which was left out over a limit:
/// the small first. How many parts that were.
pub fn keep_named(pack: &mut Pack, older: &Pack) -> usize {
    let manifests: BTreeMap<_, _> =
        older.manifests.iter().map(|m| (m.digest.as_str(), m)).collect();
    let blobs: BTreeMap<_, _> = older.blobs.iter().map(|b| (b.digest.as_str(), b)).collect();
    let mut known: BTreeSet<String> = pack.manifests.iter().map(|m| m.digest.clone()).collect();
    known.extend(pack.blobs.iter().map(|b| b.digest.clone()));
    let lists = pack.referrers.iter().map(|list| &list.content);
    let mut named: Vec<String> =
        pack.manifests.iter().map(|m| &m.content).chain(lists).flat_map(names).collect();
    let (mut room, mut kept) = (MAX_LEFT_OUT, 0);
    while !named.is_empty() {
        let content = |digest: &str| {
            let manifest = manifests.get(digest).map(|m| &m.content);
            manifest.or_else(|| blobs.get(digest).map(|b| &b.content))
        };
        let size = |digest: &String| content(digest).map_or(0, |content| content.0.len() as u64);
        named.sort_by_cached_key(|digest| (size(digest), digest.clone()));
        let mut below = Vec::new();
        for digest in named {
            let bytes = size(&digest);
            let Some(content) = content(&digest) else { continue };
            if bytes > room || known.contains(&digest) || !matches_digest(&digest, &content.0) {
                continue;
            }
            if let Some(manifest) = manifests.get(digest.as_str())
                && pack.manifests.len() < MAX_ENTRIES
            {
                below.extend(names(&manifest.content));
                pack.manifests.push((*manifest).clone());
            } else if let Some(blob) = blobs.get(digest.as_str())
                && pack.blobs.len() < MAX_ENTRIES
            {
                pack.blobs.push((*blob).clone());
            } else {
                continue;
            }
            (room, kept) = (room - bytes, kept + 1);
            known.insert(digest);
        }
        named = below;
    }
    pack.manifests.sort_by(|a, b| a.digest.cmp(&b.digest));
    pack.blobs.sort_by(|a, b| a.digest.cmp(&b.digest));
    kept
}

/// What a manifest, or a list, names.
fn names(content: &Bytes) -> Vec<String> {
    let Ok((manifest, _)) = manifest::parse(&content.0) else { return Vec::new() };
    let lists = [manifest.layers, manifest.blobs, manifest.manifests];
    let named = lists.into_iter().flatten().flatten().chain(manifest.config);
    named.map(|descriptor| descriptor.digest).collect()
}
