//! Where evidence comes from.

pub(crate) mod archive;
pub(crate) mod files;
pub mod layout;
pub mod revocation;
mod selector;

use countersign::wire::{Answer, Fetch, UnavailableReason};

pub use layout::{Layout, LayoutError};
pub use revocation::Revocation;
pub use selector::Selector;

/// Something that answers fetches. Every fetch gets an answer; there is no other failure.
pub trait EvidenceSource: Sync {
    /// Answers one fetch. Called from several threads at once.
    fn fetch(&self, fetch: &Fetch) -> Answer;

    /// What went over the wire so far.
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}

/// Has nothing: for decisions whose requests carry everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl EvidenceSource for Nothing {
    fn fetch(&self, _fetch: &Fetch) -> Answer {
        Answer::Unavailable {
            reason: UnavailableReason::Transport,
            message: "there is no registry behind a file".to_owned(),
        }
    }
}

/// Images from one place, and revocation from where certificates say.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Answers for manifests, blobs and referrers.
    pub images: &'a dyn EvidenceSource,
    /// Answers for OCSP and CRLs.
    pub revocation: &'a Revocation,
}

impl EvidenceSource for Sources<'_> {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        match fetch {
            Fetch::Ocsp { .. } | Fetch::Crl { .. } => self.revocation.fetch(fetch),
            _ => self.images.fetch(fetch),
        }
    }

    fn traffic(&self) -> Traffic {
        let (images, revocation) = (self.images.traffic(), self.revocation.traffic());
        Traffic {
            requests: images.requests + revocation.requests,
            bytes: images.bytes + revocation.bytes,
        }
    }
}

/// Requests and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests sent, tokens and retries included.
    pub requests: u64,
    /// Bytes of bodies received.
    pub bytes: u64,
}

impl EvidenceSource for Layout {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        self.answer(fetch)
    }
}
