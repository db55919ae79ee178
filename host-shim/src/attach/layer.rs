//! Cosign's legacy layout: signatures and attestations as layers under `sha256-….sig` and `.att`
//! ([SIGNATURE_SPEC](https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md)).

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign::{
    envelope::{
        dsse,
        log_entry::{from_annotation, timestamp_from_annotation},
        simple_signing,
    },
    pem,
    x509::Certificate,
};
use serde_json::json;

use super::{AttachError, Attached, Descriptor, Image, text};
use crate::{
    copy::{
        Blob, Store,
        cosign::{self, Appended, Layer, SIGNATURE},
        present, push_bytes, store_appended, tag, turn,
    },
    registry::sha256_of,
};

const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
/// Certificates of one chain; Fulcio's have two to three.
const MOST_CERTIFICATES: usize = 10;
/// How often a manifest is written that others write too.
const TRIES: u32 = 3;

/// A signature and what belongs to it, each as it stands in a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signature<'a> {
    /// The payload that was signed (`cosign generate`).
    pub payload: &'a [u8],
    /// The signature: base64, or the bytes.
    pub signature: &'a [u8],
    /// The signer's certificate, PEM.
    pub certificate: Option<&'a [u8]>,
    /// The certificates above it, PEM.
    pub chain: Option<&'a [u8]>,
    /// What Rekor has promised, as cosign writes it.
    pub rekor_bundle: Option<&'a [u8]>,
    /// An RFC 3161 timestamp: DER, or the JSON that cosign writes.
    pub timestamp: Option<&'a [u8]>,
}

/// Attaches a signature over a simple-signing payload.
///
/// # Errors
/// A file cannot be read, or the payload names another image.
pub fn signature(
    store: &dyn Store,
    image: &Image,
    signature: &Signature<'_>,
) -> Result<Attached, AttachError> {
    let what = "payload";
    let payload = simple_signing::parse(signature.payload)
        .ok_or_else(|| AttachError::unreadable(what, "it is no simple-signing payload"))?;
    if payload.kind != simple_signing::TYPE {
        let words = format!("its type is `{}`, not `{}`", payload.kind, simple_signing::TYPE);
        return Err(AttachError::unreadable(what, words));
    }
    if payload.digest != image.digest() {
        return Err(image.other(&payload.digest));
    }
    let mut annotations = BTreeMap::from([(SIGNATURE.to_owned(), base64(signature.signature)?)]);
    let mut add = |name: &str, value: Option<String>| {
        annotations.extend(value.map(|value| (format!("dev.sigstore.cosign/{name}"), value)));
    };
    let certificate = signature.certificate.map(|c| certificates("certificate", c, 1));
    add("certificate", certificate.transpose()?);
    let chain = signature.chain.map(|c| certificates("certificate chain", c, MOST_CERTIFICATES));
    add("chain", chain.transpose()?);
    add("bundle", signature.rekor_bundle.map(rekor_bundle).transpose()?);
    add("rfc3161timestamp", signature.timestamp.map(timestamp).transpose()?);
    let layer = Layer::of(signature.payload, SIMPLE_SIGNING, annotations);
    append(store, image, ".sig", signature.payload, &layer)
}

/// Attaches an attestation: an in-toto statement in a DSSE envelope.
///
/// # Errors
/// It is none, or it names another image.
pub fn attestation(
    store: &dyn Store,
    image: &Image,
    envelope: &[u8],
) -> Result<Attached, AttachError> {
    let what = "attestation";
    let parsed = dsse::parse(envelope).map_err(|e| AttachError::unreadable(what, e))?;
    if parsed.payload_type != dsse::IN_TOTO {
        let words = format!("its payload is `{}`, not `{}`", parsed.payload_type, dsse::IN_TOTO);
        return Err(AttachError::unreadable(what, words));
    }
    let statement = parsed.statement().map_err(|e| AttachError::unreadable(what, e))?;
    image.check(statement)?;
    let annotations = BTreeMap::from([
        // Empty, as cosign has it: the signature is in the envelope.
        (SIGNATURE.to_owned(), String::new()),
        ("predicateType".to_owned(), statement.predicate_type.clone()),
    ]);
    append(store, image, ".att", envelope, &Layer::of(envelope, DSSE, annotations))
}

fn append(
    store: &dyn Store,
    image: &Image,
    suffix: &str,
    bytes: &[u8],
    layer: &Layer,
) -> Result<Attached, AttachError> {
    let tag = tag(image.digest(), suffix);
    let blob = Blob { digest: layer.digest.clone(), size: layer.size };
    let mut written = None;
    // Another may append in the same moment. Within a process, one after the other does; of another
    // process, what is written last is looked at again. No registry writes on a condition, so that one of
    // them who reads and writes between our writing and our looking undoes ours unseen by both.
    let _turn = turn(&tag);
    for _ in 0..=TRIES {
        let there = present(store.manifest(&tag)).map_err(|e| AttachError::store(&tag, e))?;
        let bytes_there = there.as_ref().map(|manifest| &*manifest.bytes);
        let next = cosign::append(bytes_there, std::slice::from_ref(layer));
        let next = next.map_err(|why| {
            AttachError::Unfit(format!("nothing can be added to what is under `{tag}`: {why}"))
        })?;
        let Some(next) = next else {
            let there = there.unwrap_or_default();
            let manifest = Descriptor {
                media_type: crate::copy::media_type(&there).unwrap_or_default(),
                digest: sha256_of(&there.bytes),
                size: there.bytes.len() as u64,
            };
            let (image, there) = (image.digest().to_owned(), written.is_none());
            let notes = Vec::new();
            return Ok(Attached { image, manifest, tag: Some(tag), there, notes });
        };
        push_bytes(store, &blob, bytes)?;
        store_appended(store, &tag, &next)?;
        written = Some(next);
    }
    let Appended { manifest, .. } = written.unwrap_or_default();
    let what = format!("the tag `{tag}`");
    let found = format!("another manifest than {} each time", sha256_of(&manifest));
    Err(crate::copy::CopyError::NotThere { what, found }.into())
}

/// A signature as base64 without line ends, whichever way it stands in its file.
fn base64(bytes: &[u8]) -> Result<String, AttachError> {
    let one_line: Vec<u8> = bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    if one_line.is_empty() {
        return Err(AttachError::unreadable("signature", "it is empty"));
    }
    match (STANDARD.decode(&one_line), String::from_utf8(one_line)) {
        (Ok(_), Ok(text)) => Ok(text),
        _ => Ok(STANDARD.encode(bytes)),
    }
}

/// Certificates as PEM, without what openssl writes around them.
fn certificates(what: &'static str, bytes: &[u8], most: usize) -> Result<String, AttachError> {
    let text = text(what, bytes)?;
    let unreadable = |e: &dyn std::fmt::Display| AttachError::unreadable(what, e);
    let blocks = pem::blocks(text, "CERTIFICATE", most).map_err(|e| unreadable(&e))?;
    let mut out = String::new();
    for der in blocks {
        Certificate::from_der(&der).map_err(|e| unreadable(&e))?;
        out.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in STANDARD.encode(der).as_bytes().chunks(64) {
            out.extend(line.iter().map(|b| char::from(*b)));
            out.push('\n');
        }
        out.push_str("-----END CERTIFICATE-----\n");
    }
    Ok(out)
}

fn rekor_bundle(bytes: &[u8]) -> Result<String, AttachError> {
    let what = "Rekor bundle";
    let text = text(what, bytes)?.trim();
    from_annotation(text).map_err(|e| AttachError::unreadable(what, e))?;
    Ok(text.to_owned())
}

fn timestamp(bytes: &[u8]) -> Result<String, AttachError> {
    /// SEQUENCE, which a TimeStampResp is.
    const SEQUENCE: u8 = 0x30;
    if bytes.first() == Some(&SEQUENCE) {
        return Ok(json!({ "SignedRFC3161Timestamp": STANDARD.encode(bytes) }).to_string());
    }
    let what = "timestamp";
    let text = text(what, bytes)?.trim();
    timestamp_from_annotation(text).map_err(|e| AttachError::unreadable(what, e))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_base64_on_one_line() {
        assert_eq!(base64(b"MEUC\nIDDR\n").unwrap(), "MEUCIDDR");
        assert_eq!(base64(&[0x30, 0x45, 0x02]).unwrap(), "MEUC");
        assert!(base64(b" \n").is_err());
    }

    #[test]
    fn timestamps_are_wrapped_where_they_are_bare() {
        let wrapped = r#"{"SignedRFC3161Timestamp":"MAA="}"#;
        assert_eq!(timestamp(&[0x30, 0]).unwrap(), wrapped);
        assert_eq!(timestamp(format!("{wrapped}\n").as_bytes()).unwrap(), wrapped);
        assert!(timestamp(b"{}").is_err() && timestamp(b"").is_err());
    }
}
