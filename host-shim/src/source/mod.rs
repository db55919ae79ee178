//! Where evidence comes from.

mod credentials;
mod http;
pub mod layout;
mod names;
mod referrers;
mod registry;
mod token;

use countersign::wire::{Answer, Fetch, UnavailableReason};

pub use http::{Options, Timeouts};
pub use layout::{Layout, LayoutError, Selector};
pub use registry::Registry;

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
