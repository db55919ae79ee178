//! What is attached to an image: every road that leads to evidence, walked to the end.
//!
//! [`walk`] looks where the module looks, whatever a policy asks for: tags of cosign's scheme,
//! referrers and their fallback tag, the platforms of an index, and what is attached to what is
//! attached. What it finds is for people ([`Artifact`]) and for evidence packs
//! ([`Walked::evidence`]). Nothing of it is verified; a decision is the module's
//! ([`judged`](judge::judged) puts one beside it).
//!
//! Like the module it goes in rounds: what is known is looked at, what is missing is fetched, all at
//! once, and so on until nothing is missing.

mod answers;
mod artifact;
mod document;
pub mod judge;
mod known;
mod list;
mod look;
mod said;
mod signature;
mod what;

use countersign::{evidence::Budget, wire::EvidenceItem};

use crate::{driver::fetch_all, source::EvidenceSource};
use answers::Answers;
pub(crate) use artifact::words;
pub use artifact::{Artifact, Asked, Road, Signature, State};
pub use known::Known;
pub(crate) use known::unlimited;

use look::Look;
pub use said::Said;

/// How far to go. What is beyond is said, and left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Attachments of attachments: with 1, what is attached to the image itself.
    pub depth: u32,
    /// Manifests in all.
    pub manifests: usize,
    /// Entries of one artifact type in one list, and layers of one manifest.
    pub list: usize,
    /// Platforms of an index.
    pub platforms: usize,
    /// Things that are asked for in all.
    pub fetches: usize,
    /// Bytes of blobs in all.
    pub bytes: u64,
    /// Bytes of one envelope or image configuration.
    pub blob_bytes: u64,
    /// Bytes of one document that is no envelope, such as an SBOM; larger ones are not read.
    pub document_bytes: u64,
    /// Whether to look at tags that hold no signature: `.sbom` and `.evidence`.
    pub unsigned_tags: bool,
}

impl Default for Limits {
    /// Those of the module's own [`Budget`], as far as it has such a limit.
    fn default() -> Self {
        let budget = Budget::default();
        let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Self {
            depth: 8,
            manifests: 1000,
            list: count(budget.candidates),
            // As many as the module looks at.
            platforms: 64,
            fetches: 4096,
            bytes: budget.evidence_bytes,
            blob_bytes: budget.blob_bytes,
            document_bytes: 1 << 20,
            unsigned_tags: true,
        }
    }
}

/// What kind of thing was not seen, from the harmless to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// Content that something names, and that another try does not bring: it is not there, is not of its
    /// digest, or is over a limit. Whoever can push can cause that.
    Content,
    /// Content that is denied or could not be had; a list that is over a limit.
    Unavailable,
    /// The image itself, or a list that is denied or could not be had: what it names is not known.
    List,
}

/// What was found, and what it was found in.
#[derive(Clone, Debug)]
pub struct Walked {
    /// The image, and below it all that is attached.
    pub image: Artifact,
    /// Every answer, in the order of the questions.
    pub evidence: Vec<EvidenceItem>,
    /// What could not be had, or was left out: without an entry, all of it was seen.
    pub gaps: Vec<String>,
    /// The worst of them.
    pub lack: Option<Lack>,
    /// Documents that are larger than [`Limits::document_bytes`].
    pub unread: Vec<String>,
}

/// Walks all roads from `digest` in `repository` (`host/name`).
pub fn walk(
    source: &dyn EvidenceSource,
    repository: &str,
    digest: &str,
    limits: &Limits,
) -> Walked {
    let mut answers = Answers::default();
    loop {
        // What envelopes say leads nowhere: they are read once all is there.
        Look::new(repository, limits, &mut answers).image(digest);
        let mut needs = answers.take_needs();
        if needs.is_empty() {
            break;
        }
        let room = limits.fetches.saturating_sub(answers.len());
        let beyond = needs.split_off(room.min(needs.len()));
        answers.add(fetch_all(source, needs));
        answers.leave_out(beyond, limits.fetches);
    }
    let mut look = Look::new(repository, limits, &mut answers).reading();
    let image = look.image(digest);
    let (gaps, lack, unread) = look.finish();
    Walked { image, evidence: answers.into_items(), gaps, lack, unread }
}
