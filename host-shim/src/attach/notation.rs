//! Notation signatures, by the four operations of the Notary Project's `Repository`
//! ([signature specification §Storage](https://github.com/notaryproject/specifications/blob/d4b62b9/specs/signature-specification.md#storage)).

use std::collections::BTreeMap;

use countersign::{
    crypto::{hex, sha256},
    envelope::{
        cose, jws,
        notation::{MOST_BYTES, NotationEnvelope, PAYLOAD, Reading},
    },
    json,
    time::Time,
};
use serde_json::Value;

use super::{
    AttachError, Attached, Descriptor, Image,
    artifact::{Artifact, created, referrers},
};
use crate::copy::{Blob, Store};

/// What a signature's manifest is known by.
pub const ARTIFACT_TYPE: &str = "application/vnd.cncf.notary.signature";
/// The annotation with the SHA-256 of each certificate, leaf first.
pub const THUMBPRINTS: &str = "io.cncf.notary.x509chain.thumbprint#S256";
const WHAT: &str = "envelope";

/// A signature as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The envelope.
    pub blob: Descriptor,
    /// What was attached.
    pub attached: Attached,
}

/// The descriptor of the manifest under a tag or digest.
///
/// # Errors
/// There is none, or it cannot be had.
pub fn resolve(store: &dyn Store, reference: &str) -> Result<Descriptor, AttachError> {
    Image::resolve(store, reference).map(|image| image.descriptor)
}

/// The manifests of all signatures of an artifact, in the order of their digests.
///
/// # Errors
/// They cannot be listed.
pub fn list_signatures(
    store: &dyn Store,
    subject: &Descriptor,
) -> Result<Vec<Descriptor>, AttachError> {
    referrers(store, &subject.digest, ARTIFACT_TYPE)
}

/// The envelope of a signature's manifest, with its descriptor.
///
/// # Errors
/// It is no manifest of a signature, the envelope is too large, or cannot be had.
pub fn fetch_signature_blob(
    store: &dyn Store,
    manifest: &Descriptor,
) -> Result<(Vec<u8>, Descriptor), AttachError> {
    let found = store.manifest(&manifest.digest);
    let found = found.map_err(|e| AttachError::store(&manifest.digest, e))?;
    let what = "signature manifest";
    let parsed = json::parse(&found.bytes).map_err(|e| AttachError::unreadable(what, e))?;
    // Of the deprecated artifact manifest, which Notation wrote first, `blobs`.
    let layers = [&parsed["layers"], &parsed["blobs"]].into_iter().find_map(Value::as_array);
    let Some([layer]) = layers.map(Vec::as_slice) else {
        return Err(AttachError::unreadable(what, "it has not exactly one envelope"));
    };
    let layer: Descriptor =
        serde_json::from_value(layer.clone()).map_err(|e| AttachError::unreadable(what, e))?;
    let blob = Blob { digest: layer.digest.clone(), size: layer.size };
    let bytes = crate::copy::read_blob(store, &blob, MOST_BYTES as u64)?;
    Ok((bytes, layer))
}

/// Stores a signature of an artifact with these annotations.
///
/// # Errors
/// The envelope cannot be read, or is about another artifact.
pub fn push_signature(
    store: &dyn Store,
    media_type: &str,
    envelope: &[u8],
    subject: &Descriptor,
    annotations: BTreeMap<String, String>,
) -> Result<Pushed, AttachError> {
    let image = Image::resolve(store, &subject.digest)?;
    check(&parse(media_type, envelope)?, &image)?;
    push(store, media_type, envelope, &image, annotations)
}

/// Attaches a signature; its annotations are made from its certificates, and `at`, which is said to be the
/// time.
///
/// # Errors
/// The envelope cannot be read, or is about another artifact.
pub fn attach(
    store: &dyn Store,
    image: &Image,
    media_type: &str,
    envelope: &[u8],
    at: Time,
) -> Result<Attached, AttachError> {
    let parsed = parse(media_type, envelope)?;
    check(&parsed, image)?;
    let annotations = BTreeMap::from([created(at), thumbprints(&parsed)]);
    push(store, media_type, envelope, image, annotations).map(|pushed| pushed.attached)
}

/// What an envelope is, by how it begins: a COSE message is tagged, JWS is JSON.
pub fn media_type_of(envelope: &[u8]) -> Option<&'static str> {
    /// CBOR tag 18, COSE_Sign1.
    const COSE_SIGN1: u8 = 0xd2;
    match envelope.trim_ascii_start().first() {
        Some(&COSE_SIGN1) => Some(cose::MEDIA_TYPE),
        Some(b'{') => Some(jws::MEDIA_TYPE),
        _ => None,
    }
}

fn push(
    store: &dyn Store,
    media_type: &str,
    envelope: &[u8],
    image: &Image,
    annotations: BTreeMap<String, String>,
) -> Result<Pushed, AttachError> {
    let layer = (media_type, envelope);
    let artifact = Artifact { artifact_type: None, config: ARTIFACT_TYPE, layer, annotations };
    let attached = artifact.attach(store, image)?;
    Ok(Pushed { blob: super::artifact::descriptor(media_type, envelope), attached })
}

/// By the specification; else as notation-go reads it, whose envelopes a policy may accept.
fn parse(media_type: &str, envelope: &[u8]) -> Result<NotationEnvelope, AttachError> {
    let read = match media_type {
        jws::MEDIA_TYPE => jws::read,
        cose::MEDIA_TYPE => cose::read,
        other => {
            let words =
                format!("`{other}` is neither {} nor {}", jws::MEDIA_TYPE, cose::MEDIA_TYPE);
            return Err(AttachError::Unfit(words));
        }
    };
    read(envelope, Reading::Strict).or_else(|strict| {
        read(envelope, Reading::NotationGo).map_err(|_| AttachError::unreadable(WHAT, strict))
    })
}

fn check(envelope: &NotationEnvelope, image: &Image) -> Result<(), AttachError> {
    let content_type = &envelope.attributes.content_type;
    if content_type != PAYLOAD {
        let words = format!("its payload is `{content_type}`, not `{PAYLOAD}`");
        return Err(AttachError::unreadable(WHAT, words));
    }
    let payload = json::parse(&envelope.payload).map_err(|e| AttachError::unreadable(WHAT, e))?;
    let target: Descriptor = serde_json::from_value(payload["targetArtifact"].clone())
        .map_err(|e| AttachError::unreadable(WHAT, format!("`targetArtifact`: {e}")))?;
    if target == image.descriptor {
        return Ok(());
    }
    if target.digest != image.digest() {
        return Err(image.other(&target.digest));
    }
    let say = |d: &Descriptor| format!("{} of {} bytes as `{}`", d.digest, d.size, d.media_type);
    Err(AttachError::OtherImage { named: say(&target), image: say(&image.descriptor) })
}

fn thumbprints(envelope: &NotationEnvelope) -> (String, String) {
    let all: Vec<String> = envelope.chain.iter().map(|der| hex(&sha256(der))).collect();
    (THUMBPRINTS.to_owned(), serde_json::json!(all).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_are_told_apart_by_how_they_begin() {
        assert_eq!(media_type_of(b" {\"payload\""), Some(jws::MEDIA_TYPE));
        assert_eq!(media_type_of(&[0xd2, 0x84]), Some(cose::MEDIA_TYPE));
        assert_eq!(media_type_of(b"MEUC"), None);
        assert!(matches!(parse("text/plain", b"{}"), Err(AttachError::Unfit(_))));
    }
}
