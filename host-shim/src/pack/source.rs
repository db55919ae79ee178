//! A pack as a source of evidence.

use countersign::{
    pack::{LAYERS, Lookup, MANIFESTS, Pack, union},
    wire::{Answer, Fetch, UnavailableReason},
};

use crate::{
    registry::matches_digest,
    source::{EvidenceSource, Traffic},
};

/// Answers from a pack, and asks somebody else for the rest, if there is somebody.
///
/// With another source behind it nothing is hidden by the pack: of lists both are asked and united, and
/// what is young counts before what was packed. With none, what the pack does not hold is
/// [`UnavailableReason::Unsupported`], but for what its maker has not found either.
pub struct PackSource<'a> {
    pack: Lookup<'a>,
    behind: Option<&'a dyn EvidenceSource>,
}

impl<'a> PackSource<'a> {
    /// Only the pack.
    pub fn offline(pack: &'a Pack) -> Self {
        Self { pack: Lookup::new(pack), behind: None }
    }

    /// The pack, and a source for what it does not hold.
    pub fn before(pack: &'a Pack, behind: &'a dyn EvidenceSource) -> Self {
        Self { pack: Lookup::new(pack), behind: Some(behind) }
    }

    /// Whether the pack has this manifest: that it is about the image at all.
    pub fn has_manifest(&self, digest: &str) -> bool {
        self.pack.has_manifest(digest)
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
        if matches!(live, Answer::Absent { .. }) {
            if packed.is_none() {
                return live;
            }
            live = behind.fetch(tag);
        }
        let lists = packed.into_iter().chain(self.pack.answer(tag));
        lists.fold(live, |live, packed| union(live, packed, MANIFESTS))
    }

    fn offline_answer(&self, fetch: &Fetch) -> Answer {
        if self.pack.was_absent(fetch) {
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
        let packed = self.pack.answer(fetch);
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
                union(behind.fetch(fetch), packed, list)
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
