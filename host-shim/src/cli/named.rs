//! An image by its digest, whatever it was asked for by.

use countersign::{
    reference::Reference,
    wire::{Answer, Fetch},
};

use super::{Exit, explanation::clean, output::note};
use crate::source::EvidenceSource;

/// An image.
pub(super) struct Named {
    /// Normalised, with the digest.
    pub(super) reference: String,
    /// `host/name`.
    pub(super) repository: String,
    pub(super) digest: String,
}

/// Why there is none.
pub(super) enum Unnamed {
    NoReference(String),
    NotThere(String),
}

impl Named {
    /// Asks for the digest of a tag; one that is written is not asked for.
    pub(super) fn find(source: &dyn EvidenceSource, text: &str) -> Result<Self, Unnamed> {
        let reference = Reference::parse(text)
            .map_err(|e| Unnamed::NoReference(format!("`{text}` is not an image: {e}")))?;
        let digest = match &reference.digest {
            Some(digest) => digest.clone(),
            None => resolve(source, &reference)?,
        };
        Ok(Self {
            reference: reference.pinned(&digest).to_string(),
            repository: reference.repository(),
            digest: digest.to_string(),
        })
    }

    /// Another manifest of the same repository.
    pub(super) fn sibling(&self, digest: &str) -> Self {
        Self {
            reference: format!("{}@{digest}", self.repository),
            repository: self.repository.clone(),
            digest: digest.to_owned(),
        }
    }
}

fn resolve(
    source: &dyn EvidenceSource,
    reference: &Reference,
) -> Result<countersign::reference::Digest, Unnamed> {
    let text = reference.to_string();
    let words = match source.fetch(&Fetch::Resolve { reference: text.clone() }) {
        Answer::Resolved { digest } => match countersign::reference::Digest::parse(&digest) {
            Some(digest) => return Ok(digest),
            None => format!("`{digest}` is no digest"),
        },
        Answer::Found { .. } | Answer::Partial { .. } => "the answer is no digest".to_owned(),
        Answer::Absent { message } => format!("not found: {message}"),
        Answer::Denied { message } => format!("denied: {message}"),
        Answer::Unavailable { message, .. } => format!("unavailable: {message}"),
    };
    Err(Unnamed::NotThere(format!("{text}: {words}")))
}

impl Unnamed {
    /// Says it.
    pub(super) fn refuse(&self) -> Exit {
        let (exit, message) = match self {
            Self::NoReference(message) => (Exit::BadInput, message),
            Self::NotThere(message) => (Exit::Undetermined, message),
        };
        note(&format!("error: {}", clean(message)));
        exit
    }
}
