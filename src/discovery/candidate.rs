//! One signature, attestation, bundle or envelope that was found.

use crate::{
    envelope::{
        bundle::{Bundle, KeyMaterial},
        dsse::Envelope,
        layer::Annotations,
    },
    verdict::Reason,
};

/// A candidate.
#[derive(Debug)]
pub struct Candidate {
    /// For people: where it was found.
    pub name: String,
    /// What its place says that it is, for choosing what to look at; never believed.
    pub claim: Claim,
    /// What it is, or why that cannot be told.
    pub content: Result<Content, Reason>,
}

impl Candidate {
    /// What it carries of what costs public-key operations: signatures, log entries, timestamps,
    /// certificates.
    pub fn weight(&self) -> usize {
        match &self.content {
            Ok(Content::Attestation { envelope, .. }) => envelope.signatures.len(),
            Ok(Content::Bundle(bundle)) => {
                let certificates = match &bundle.key {
                    KeyMaterial::Certificates(chain) => chain.len(),
                    KeyMaterial::PublicKey { .. } => 0,
                };
                [1, certificates, bundle.entries.len(), bundle.timestamps.len()].iter().sum()
            }
            Ok(
                Content::SimpleSigning { .. }
                | Content::Notation { .. }
                | Content::NotationOfBlob { .. },
            ) => 1,
            Err(_) => 0,
        }
    }
}

/// What a place says that a candidate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A layer of `sha256-….sig`.
    SimpleSigning,
    /// A referrer that is signed itself; only of what could not be opened.
    Artifact,
    /// A layer of `sha256-….att`.
    Attestation,
    /// A Sigstore bundle.
    Bundle,
    /// A Notation envelope.
    Notation,
}

impl Claim {
    /// What is found among the referrers.
    pub const REFERRERS: &'static [Self] = &[Self::Artifact, Self::Bundle, Self::Notation];
}

/// What a candidate is.
#[derive(Debug)]
pub enum Content {
    /// Simple signing.
    SimpleSigning {
        /// The payload, whose digest is the layer's.
        payload: Vec<u8>,
        /// The signature annotation.
        signature: String,
        /// What travels beside it.
        annotations: Annotations,
    },
    /// DSSE of a legacy attestation.
    Attestation {
        /// The envelope.
        envelope: Envelope,
        /// What travels beside it.
        annotations: Annotations,
    },
    /// A bundle.
    Bundle(Box<Bundle>),
    /// A Notation envelope.
    Notation {
        /// The envelope.
        envelope: Vec<u8>,
        /// Media type of its layer.
        media_type: String,
    },
    /// A Notation envelope about a blob that is no artifact of a registry.
    NotationOfBlob {
        /// The envelope.
        envelope: Vec<u8>,
        /// Its media type.
        media_type: String,
    },
}
