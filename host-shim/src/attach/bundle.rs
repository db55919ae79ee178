//! Sigstore bundles as referrers, as cosign 3 stores them.

use std::collections::BTreeMap;

use countersign::{
    envelope::{
        bundle::{self, Content, Version},
        dsse,
    },
    time::Time,
};

use super::{
    AttachError, Attached, Image,
    artifact::{Artifact, created},
};

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const WHAT: &str = "bundle";

/// Attaches a bundle; `at` is said to be the time.
///
/// # Errors
/// It is no bundle of version 0.3, or names another image.
pub fn bundle(
    store: &dyn crate::copy::Store,
    image: &Image,
    bytes: &[u8],
    at: Time,
) -> Result<Attached, AttachError> {
    let parsed = bundle::parse(bytes).map_err(|e| AttachError::unreadable(WHAT, e))?;
    if parsed.version != Version::V03 {
        let words =
            "bundles before v0.3 have no media type for registries: `cosign bundle` makes new ones";
        return Err(AttachError::Unfit(words.to_owned()));
    }
    let mut annotations = BTreeMap::from([created(at)]);
    let mut say = |name: &str, value: &str| {
        annotations.insert(format!("dev.sigstore.bundle.{name}"), value.to_owned());
    };
    match &parsed.content {
        Content::Dsse(envelope) if envelope.payload_type == dsse::IN_TOTO => {
            let statement = envelope.statement().map_err(|e| AttachError::unreadable(WHAT, e))?;
            image.check(statement)?;
            say("content", "dsse-envelope");
            say("predicateType", &statement.predicate_type);
        }
        Content::Dsse(envelope) => {
            let words = format!("it signs a `{}`, not an in-toto statement", envelope.payload_type);
            return Err(AttachError::unreadable(WHAT, words));
        }
        Content::Message { digest: Some((algorithm, digest)), .. } => {
            if !image.is(*algorithm, digest) {
                let named = format!("{algorithm:?} {}", countersign::crypto::hex(digest));
                return Err(image.other(&named.to_lowercase()));
            }
            say("content", "message-signature");
        }
        Content::Message { digest: None, .. } => {
            return Err(AttachError::unreadable(WHAT, "it does not say what it signs"));
        }
    }
    let artifact = Artifact {
        artifact_type: Some(MEDIA_TYPE),
        config: EMPTY,
        layer: (MEDIA_TYPE, bytes),
        annotations,
    };
    artifact.attach(store, image)
}
