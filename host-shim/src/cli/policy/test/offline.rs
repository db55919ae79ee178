//! Evidence of a case: records and layouts, and never a registry.

use std::sync::Arc;

use countersign::wire::{Answer, Fetch};

use crate::{
    record::{Record, Recorded},
    source::{EvidenceSource, Layout},
};

/// What a case has. What it lacks is remembered.
#[derive(Default)]
pub(super) struct Offline {
    pub(super) records: Vec<Arc<Known>>,
    pub(super) layouts: Vec<Image>,
    pub(super) lacking: Recorded,
}

/// A record, and its answers.
pub(super) struct Known {
    pub(super) record: Record,
    pub(super) answers: Recorded,
}

/// A layout, and the repository that it stands for; without one, any.
#[derive(Clone)]
pub(super) struct Image {
    pub(super) repository: Option<String>,
    pub(super) layout: Arc<Layout>,
}

impl EvidenceSource for Offline {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        if let Some(answer) = self.records.iter().find_map(|known| known.answers.answer(fetch)) {
            return answer;
        }
        let Some(repository) = repository(fetch) else {
            return self.lacking.lack(fetch);
        };
        let mut there = self.layouts.iter().filter(|image| image.stands_for(repository));
        match there.next() {
            Some(image) => image.layout.answer(fetch),
            None => self.lacking.lack(fetch),
        }
    }
}

impl Image {
    fn stands_for(&self, repository: &str) -> bool {
        self.repository.as_deref().is_none_or(|own| own == repository)
    }
}

/// The repository of a fetch, without a tag.
fn repository(fetch: &Fetch) -> Option<&str> {
    match fetch {
        Fetch::Resolve { reference } => match reference.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => Some(repository),
            _ => Some(reference),
        },
        Fetch::Blob { repository, .. }
        | Fetch::Manifest { repository, .. }
        | Fetch::Referrers { repository, .. }
        | Fetch::Tag { repository, .. } => Some(repository),
        Fetch::Crl { .. } | Fetch::Ocsp { .. } => None,
    }
}
