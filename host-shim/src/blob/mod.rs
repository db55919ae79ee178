//! Blobs: files, and digests of files, that no registry names. A command line becomes a policy and
//! a request here; the module decides.

mod artifact;
mod detached;
mod expectation;
mod notation;

use countersign::wire::{BlobRequest, BlobSignature, Bytes, Request};
use serde_json::Value;

pub use artifact::Artifact;
pub use detached::{Detached, from_cosign_bundle};
pub(crate) use expectation::place;
pub use expectation::{Expectation, Identity, Root, Signer};
pub use notation::Format;

use crate::{
    driver::{self, DriverError, Evaluator, Judgement, Question},
    source::EvidenceSource,
};

/// What a bundle is announced as. Which version it is, it says itself.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle+json";

/// A bundle as a candidate.
pub fn bundle(bytes: Vec<u8>) -> BlobSignature {
    BlobSignature { media_type: BUNDLE.to_owned(), content: Bytes(bytes) }
}

/// Decides on an artifact with these candidates. The policy's `blobs` globs match the artifact's name;
/// `source` answers for what is beside them, such as revocation.
pub fn decide(
    evaluator: &dyn Evaluator,
    source: &dyn EvidenceSource,
    policy: &Value,
    artifact: Artifact,
    signatures: Vec<BlobSignature>,
    now: &str,
) -> Result<Judgement, DriverError> {
    let blob = BlobRequest {
        name: artifact.name,
        digests: artifact.digests,
        content: artifact.content.map(Bytes),
        signatures,
    };
    let request = Request { blobs: vec![blob], ..Request::default() };
    let question = Question { policy, request: &request, now, budget: None };
    driver::decide(evaluator, source, &question)
}
