//! A pack as a source of evidence.

use std::collections::{BTreeMap, BTreeSet};

use countersign::wire::{Answer, Bytes, Fetch, UnavailableReason};

use super::{Pack, PackedManifest, union};
use crate::{
    registry::matches_digest,
    source::{EvidenceSource, Traffic},
};

const LAYERS: &str = "layers";
const MANIFESTS: &str = "manifests";

/// Answers from a pack, and asks somebody else for the rest, if there is somebody.
///
/// With another source behind it nothing is hidden by the pack: of lists both are asked and united, and
/// what is young counts before what was packed. With none, what the pack does not hold is
/// [`UnavailableReason::Unsupported`], but for what its maker has not found either.
pub struct PackSource<'a> {
    manifests: BTreeMap<&'a str, &'a PackedManifest>,
    tags: BTreeMap<&'a str, &'a str>,
    referrers: BTreeMap<&'a str, &'a Bytes>,
    blobs: BTreeMap<&'a str, &'a Bytes>,
    ocsp: BTreeMap<(&'a str, &'a Bytes), &'a Bytes>,
    crls: BTreeMap<&'a str, &'a Bytes>,
    no_tags: BTreeSet<&'a str>,
    no_referrers: BTreeSet<&'a str>,
    behind: Option<&'a dyn EvidenceSource>,
}

impl<'a> PackSource<'a> {
    /// Only the pack.
    pub fn offline(pack: &'a Pack) -> Self {
        Self::new(pack, None)
    }

    /// The pack, and a source for what it does not hold.
    pub fn before(pack: &'a Pack, behind: &'a dyn EvidenceSource) -> Self {
        Self::new(pack, Some(behind))
    }

    fn new(pack: &'a Pack, behind: Option<&'a dyn EvidenceSource>) -> Self {
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
            behind,
        }
    }

    /// Whether the pack has this manifest: that it is about the image at all.
    pub fn has_manifest(&self, digest: &str) -> bool {
        self.manifests.contains_key(digest)
    }

    /// What the pack has for a fetch.
    fn packed(&self, fetch: &Fetch) -> Option<Answer> {
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
        let most = crate::walk::most(fetch);
        if bytes.0.len() as u64 > most {
            return Some(Answer::Unavailable {
                reason: UnavailableReason::TooLarge,
                message: format!("larger than {most} bytes"),
            });
        }
        Some(Answer::Found { bytes: bytes.clone(), media_type, reserialised: false })
    }

    /// All that lists referrers: the API and the fallback tag, there and in the pack. Whoever gets a list
    /// does not ask for the tag any more.
    fn referrers(
        &self,
        behind: &dyn EvidenceSource,
        fetch: &Fetch,
        tag: &Fetch,
        packed: Option<Answer>,
    ) -> Answer {
        let mut live = behind.fetch(fetch);
        let is_list = matches!(live, Answer::Found { .. });
        if packed.is_none() && !is_list {
            return live;
        }
        if !is_list
            && !matches!(live, Answer::Unavailable { reason: UnavailableReason::Transport, .. })
        {
            live = behind.fetch(tag);
        }
        let lists = packed.into_iter().chain(self.packed(tag));
        lists.fold(live, |live, packed| union::of(live, packed, MANIFESTS))
    }

    fn offline_answer(&self, fetch: &Fetch) -> Answer {
        let was_absent = match fetch {
            Fetch::Tag { tag, .. } => self.no_tags.contains(tag.as_str()),
            Fetch::Referrers { digest, .. } => self.no_referrers.contains(digest.as_str()),
            _ => false,
        };
        if was_absent {
            let message = "offline: it was not there when the pack was made".to_owned();
            return Answer::Absent { message };
        }
        let message = match fetch {
            Fetch::Resolve { .. } => "offline: a tag cannot be resolved; name the digest",
            _ => "offline: the pack does not hold it",
        };
        Answer::Unavailable { reason: UnavailableReason::Unsupported, message: message.to_owned() }
    }
}

impl EvidenceSource for PackSource<'_> {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        let packed = self.packed(fetch);
        let Some(behind) = self.behind else {
            return packed.unwrap_or_else(|| self.offline_answer(fetch));
        };
        match (fetch, packed) {
            (Fetch::Referrers { repository, digest, max_bytes }, packed) => {
                let (repository, tag) = (repository.clone(), digest.replace(':', "-"));
                let tag = Fetch::Tag { repository, tag, max_bytes: *max_bytes };
                self.referrers(behind, fetch, &tag, packed)
            }
            (_, None) => behind.fetch(fetch),
            // What a digest names is the same everywhere; what only pretends to be it hides nothing.
            (
                Fetch::Manifest { digest, .. } | Fetch::Blob { digest, .. },
                Some(Answer::Found { bytes, media_type, reserialised }),
            ) if matches_digest(digest, &bytes.0) => {
                Answer::Found { bytes, media_type, reserialised }
            }
            (Fetch::Manifest { .. } | Fetch::Blob { .. }, Some(_)) => behind.fetch(fetch),
            (Fetch::Tag { tag, .. }, Some(packed)) => {
                let has_layers = tag.contains('.');
                let list = if has_layers { LAYERS } else { MANIFESTS };
                union::of(behind.fetch(fetch), packed, list)
            }
            (_, Some(packed)) => match behind.fetch(fetch) {
                Answer::Unavailable { .. } => packed,
                answer => answer,
            },
        }
    }

    fn traffic(&self) -> Traffic {
        self.behind.map(EvidenceSource::traffic).unwrap_or_default()
    }
}
