//! Blobs: files, and digests of files, that no registry names. A command line becomes a policy and
//! a request here; the module decides.

mod artifact;
mod detached;
mod expectation;

use countersign::wire::{BlobRequest, BlobSignature, Bytes, Request};
use serde_json::Value;

pub use artifact::Artifact;
pub use detached::{Detached, from_cosign_bundle};
pub(crate) use expectation::place;
pub use expectation::{Expectation, Identity, Root, Signer};

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

/// The media type of a Notation signature by its file's name, as `notation blob sign` names it
/// (`app.jws.sig`, `app.cose.sig`).
pub fn notation_media_type(path: &str) -> Option<&'static str> {
    let name = path.to_ascii_lowercase();
    match () {
        () if name.ends_with(".jws.sig") => Some("application/jose+json"),
        () if name.ends_with(".cose.sig") => Some("application/cose"),
        () => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notation_signature_is_known_by_its_files_name() {
        for (path, media_type) in [
            ("app.tar.gz.jws.sig", Some("application/jose+json")),
            ("dir.cose.sig/app.COSE.SIG", Some("application/cose")),
            ("app.sig", None),
            ("jws.sig.txt", None),
        ] {
            assert_eq!(notation_media_type(path), media_type, "{path}");
        }
    }
}
