//! A pack as a source of evidence.

use countersign::{
    pack::{LAYERS, MANIFESTS, Pack, union},
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
/// [`UnavailableReason::Unsupported`], but for what its maker has not found either. With only tags behind it,
/// it is what a stock Kubewarden has: tags are asked for and united with those of the pack, and all else is
/// the pack's.
pub struct PackSource<'a> {
    pack: &'a Pack,
    behind: Behind<'a>,
}

/// Who else is asked, and for what.
#[derive(Clone, Copy)]
enum Behind<'a> {
    Nobody,
    ForTags(&'a dyn EvidenceSource),
    ForAll(&'a dyn EvidenceSource),
}

impl<'a> PackSource<'a> {
    /// Only the pack.
    pub fn offline(pack: &'a Pack) -> Self {
        Self { pack, behind: Behind::Nobody }
    }

    /// The pack, and a source for what it does not hold.
    pub fn before(pack: &'a Pack, behind: &'a dyn EvidenceSource) -> Self {
        Self { pack, behind: Behind::ForAll(behind) }
    }

    /// The pack, and a source for tags: what a host has that can fetch no blobs and no lists of the
    /// referrers API.
    pub fn with_tags(pack: &'a Pack, tags: &'a dyn EvidenceSource) -> Self {
        Self { pack, behind: Behind::ForTags(tags) }
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

    /// What a stock Kubewarden comes to know of a list that it cannot ask for: what lies under the fallback
    /// tag, and what the pack has. That there is no more, only the API's list says, or who has seen none.
    fn listed(
        &self,
        tags: &dyn EvidenceSource,
        fetch: &Fetch,
        tag: &Fetch,
        packed: Option<Answer>,
    ) -> Answer {
        let live = tags.fetch(tag);
        // The tag, there or not, says nothing of the API's list.
        let told = matches!(packed, Some(Answer::Found { .. })) || self.pack.was_absent(fetch);
        let lists = packed.into_iter().chain(self.pack.answer(tag));
        let reason = UnavailableReason::Unsupported;
        let message = "the pack has no list of the referrers API".to_owned();
        match lists.fold(live, |live, packed| union(live, packed, MANIFESTS)) {
            Answer::Found { bytes, .. } if !told => Answer::Partial { bytes, reason, message },
            Answer::Absent { .. } if !told => Answer::Unavailable { reason, message },
            all => all,
        }
    }

    fn with_live_tags(
        &self,
        tags: &dyn EvidenceSource,
        fetch: &Fetch,
        packed: Option<Answer>,
    ) -> Answer {
        match fetch {
            Fetch::Resolve { .. } => tags.fetch(fetch),
            Fetch::Tag { tag, .. } => {
                let live = tags.fetch(fetch);
                packed.into_iter().fold(live, |live, packed| union(live, packed, list_of(tag)))
            }
            Fetch::Referrers { repository, digest, max_bytes } => {
                self.listed(tags, fetch, &fallback_tag(repository, digest, *max_bytes), packed)
            }
            Fetch::Manifest { .. } | Fetch::Blob { .. } => {
                packed.filter(|packed| is_of_its_digest(fetch, packed)).unwrap_or_else(|| {
                    let message = "the evidence pack does not have it".to_owned();
                    Answer::Unavailable { reason: UnavailableReason::NotPacked, message }
                })
            }
            Fetch::Ocsp { .. } | Fetch::Crl { .. } => {
                packed.unwrap_or_else(|| self.offline_answer(fetch))
            }
        }
    }

    fn with_all(
        &self,
        behind: &dyn EvidenceSource,
        fetch: &Fetch,
        packed: Option<Answer>,
    ) -> Answer {
        match (fetch, packed) {
            (Fetch::Referrers { repository, digest, max_bytes }, packed) => {
                let tag = fallback_tag(repository, digest, *max_bytes);
                self.referrers(behind, fetch, &tag, packed)
            }
            (_, None) => behind.fetch(fetch),
            // What a digest names is the same everywhere; what only pretends to be it hides nothing.
            (Fetch::Manifest { .. } | Fetch::Blob { .. }, Some(packed)) => {
                match is_of_its_digest(fetch, &packed) {
                    true => packed,
                    false => behind.fetch(fetch),
                }
            }
            (Fetch::Tag { tag, .. }, Some(packed)) => {
                union(behind.fetch(fetch), packed, list_of(tag))
            }
            (_, Some(packed)) => match behind.fetch(fetch) {
                Answer::Unavailable { .. } => packed,
                answer => answer,
            },
        }
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
        match self.behind {
            Behind::Nobody => packed.unwrap_or_else(|| self.offline_answer(fetch)),
            Behind::ForTags(tags) => self.with_live_tags(tags, fetch, packed),
            Behind::ForAll(behind) => self.with_all(behind, fetch, packed),
        }
    }

    fn traffic(&self) -> Traffic {
        match self.behind {
            Behind::Nobody => Traffic::default(),
            Behind::ForTags(behind) | Behind::ForAll(behind) => behind.traffic(),
        }
    }
}

/// What counts under a tag: cosign's have an ending.
fn list_of(tag: &str) -> &'static str {
    if tag.contains('.') { LAYERS } else { MANIFESTS }
}

fn fallback_tag(repository: &str, digest: &str, max_bytes: u64) -> Fetch {
    let (repository, tag) = (repository.to_owned(), digest.replace(':', "-"));
    Fetch::Tag { repository, tag, max_bytes }
}

/// Whether an answer is the very bytes that a fetch by digest names.
pub(super) fn is_of_its_digest(fetch: &Fetch, answer: &Answer) -> bool {
    match (fetch, answer) {
        (
            Fetch::Manifest { digest, .. } | Fetch::Blob { digest, .. },
            Answer::Found { bytes, .. },
        ) => matches_digest(digest, &bytes.0),
        _ => false,
    }
}
