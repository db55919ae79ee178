//! A pack by what is asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::{Pack, PackedManifest};
use crate::wire::{Answer, Bytes, Fetch, UnavailableReason};

/// Finds the parts of a pack.
pub struct Lookup<'a> {
    manifests: BTreeMap<&'a str, &'a PackedManifest>,
    tags: BTreeMap<&'a str, &'a str>,
    referrers: BTreeMap<&'a str, &'a Bytes>,
    blobs: BTreeMap<&'a str, &'a Bytes>,
    ocsp: BTreeMap<(&'a str, &'a Bytes), &'a Bytes>,
    crls: BTreeMap<&'a str, &'a Bytes>,
    no_tags: BTreeSet<&'a str>,
    no_referrers: BTreeSet<&'a str>,
}

impl<'a> Lookup<'a> {
    /// In this pack.
    pub fn new(pack: &'a Pack) -> Self {
        let ocsp = pack.ocsp.iter().map(|o| ((o.url.as_str(), &o.request), &o.content));
        Self {
            manifests: pack.manifests.iter().map(|m| (m.digest.as_str(), m)).collect(),
            tags: pack.tags.iter().map(|t| (t.name.as_str(), t.digest.as_str())).collect(),
            referrers: pack.referrers.iter().map(|l| (l.subject.as_str(), &l.content)).collect(),
            blobs: pack.blobs.iter().map(|b| (b.digest.as_str(), &b.content)).collect(),
            ocsp: ocsp.collect(),
            crls: pack.crls.iter().map(|c| (c.url.as_str(), &c.content)).collect(),
            no_tags: pack.not_found.tags.iter().map(String::as_str).collect(),
            no_referrers: pack.not_found.referrers.iter().map(String::as_str).collect(),
        }
    }

    /// Whether the pack has this manifest.
    pub fn has_manifest(&self, digest: &str) -> bool {
        self.manifests.contains_key(digest)
    }

    /// Whether its maker has looked for this list or tag, and found none.
    pub fn was_absent(&self, fetch: &Fetch) -> bool {
        match fetch {
            Fetch::Tag { tag, .. } => self.no_tags.contains(tag.as_str()),
            Fetch::Referrers { digest, .. } => self.no_referrers.contains(digest.as_str()),
            _ => false,
        }
    }

    /// What the pack has for a fetch: the bytes, or that they are larger than what is asked for.
    pub fn answer(&self, fetch: &Fetch) -> Option<Answer> {
        let manifest = |digest: &str| {
            let manifest = self.manifests.get(digest)?;
            Some((&manifest.content, manifest.media_type.clone()))
        };
        let plain = |bytes: Option<&&'a Bytes>| bytes.map(|bytes| (*bytes, None));
        let (bytes, media_type) = match fetch {
            Fetch::Resolve { .. } => None,
            Fetch::Manifest { digest, .. } => manifest(digest),
            Fetch::Tag { tag, .. } => self.tags.get(tag.as_str()).and_then(|d| manifest(d)),
            Fetch::Referrers { digest, .. } => plain(self.referrers.get(digest.as_str())),
            Fetch::Blob { digest, .. } => plain(self.blobs.get(digest.as_str())),
            Fetch::Ocsp { url, request, .. } => plain(self.ocsp.get(&(url.as_str(), request))),
            Fetch::Crl { url, .. } => plain(self.crls.get(url.as_str())),
        }?;
        let most = fetch.max_bytes();
        if bytes.0.len() as u64 > most {
            let message = format!("larger than {most} bytes");
            return Some(Answer::Unavailable { reason: UnavailableReason::TooLarge, message });
        }
        Some(Answer::Found { bytes: bytes.clone(), media_type, reserialised: false })
    }
}
