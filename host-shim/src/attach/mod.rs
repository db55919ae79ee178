//! Attaching signatures and attestations that were made elsewhere: by an HSM, by openssl, on another
//! machine.
//!
//! Each is read before it is sent, and what is about another image is refused. Nothing is verified: that is
//! a policy's business, and needs a key.

mod artifact;
mod bundle;
mod error;
mod layer;
pub mod notation;

use countersign::{
    attestation::statement::Statement,
    crypto::{HashAlgorithm, hex},
    reference::Digest,
};
use serde::{Deserialize, Serialize};

pub use bundle::bundle;
pub use error::AttachError;
pub use layer::{Signature, attestation, signature};

use crate::{
    copy::{CopyError, Store},
    registry::sha256_of,
};

/// What something is attached to, or was attached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// `sha256:…`
    pub digest: String,
    /// Bytes.
    pub size: u64,
}

/// An image that something is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its manifest.
    pub descriptor: Descriptor,
    /// The manifest's bytes.
    bytes: Vec<u8>,
}

/// What was attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attached {
    /// The image.
    pub image: String,
    /// The manifest that carries it.
    pub manifest: Descriptor,
    /// The tag that leads to it: cosign's, or a fallback tag. None, where a registry lists it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// It was attached before, and nothing was written.
    pub there: bool,
    /// What the user should know.
    pub notes: Vec<String>,
}

impl Image {
    /// The image under a tag or digest.
    ///
    /// # Errors
    /// There is none, or it cannot be had.
    pub fn resolve(store: &dyn Store, reference: &str) -> Result<Self, AttachError> {
        let manifest = store.manifest(reference).map_err(|e| AttachError::store(reference, e))?;
        let digest = match reference.contains(':') {
            true => reference.to_owned(),
            false => sha256_of(&manifest.bytes),
        };
        let unreadable =
            |why| AttachError::from(CopyError::Malformed { digest: digest.clone(), why });
        let media_type = crate::copy::media_type(&manifest).map_err(unreadable)?;
        let size = manifest.bytes.len() as u64;
        let descriptor = Descriptor { media_type, digest, size };
        Ok(Self { descriptor, bytes: manifest.bytes })
    }

    /// Whether a digest of some algorithm is that of the image's bytes.
    fn is(&self, algorithm: HashAlgorithm, digest: &[u8]) -> bool {
        algorithm.digest(&self.bytes) == digest
    }

    /// Refuses a statement that names other things only.
    fn check(&self, statement: &Statement) -> Result<(), AttachError> {
        let hash = |algorithm: HashAlgorithm| Some(hex(&algorithm.digest(&self.bytes)));
        let digest = Digest::parse(&self.descriptor.digest)
            .ok_or_else(|| AttachError::Unfit(format!("no statement names {}", self.digest())))?;
        if statement.subject_of(&digest, hash).is_some() {
            return Ok(());
        }
        let named = statement.subjects.first().and_then(|subject| subject.digest.iter().next());
        let named = named.map(|(algorithm, value)| format!("{algorithm}:{value}"));
        Err(self.other(&named.unwrap_or_else(|| "nothing".to_owned())))
    }

    fn digest(&self) -> &str {
        &self.descriptor.digest
    }

    fn other(&self, named: &str) -> AttachError {
        AttachError::OtherImage { named: named.to_owned(), image: self.digest().to_owned() }
    }
}

/// A file that is no more than text around what is wanted.
fn text<'a>(what: &'static str, bytes: &'a [u8]) -> Result<&'a str, AttachError> {
    std::str::from_utf8(bytes).map_err(|_| AttachError::unreadable(what, "it is not UTF-8"))
}
