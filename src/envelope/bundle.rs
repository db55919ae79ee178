//! Sigstore bundles
//! ([protobuf-specs, sigstore_bundle.proto](https://github.com/sigstore/protobuf-specs/blob/v0.5.0/protos/sigstore_bundle.proto)).

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::Value;

use super::{
    dsse::{self, DsseError, Envelope},
    log_entry::{self, LogEntry, MOST_ENTRIES},
};
use crate::{crypto::HashAlgorithm, json};

/// What every media type of a bundle starts with.
pub const MEDIA_TYPE_PREFIX: &str = "application/vnd.dev.sigstore.bundle";

/// Certificates that one bundle may carry; Fulcio's chains have two to three.
const MOST_CERTIFICATES: usize = 10;

/// Timestamps that one bundle may carry (sigstore-go's `limits.MaxAllowedTimestamps`).
const MOST_TIMESTAMPS: usize = 32;

/// A bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// v0.1, v0.2 or v0.3.
    pub version: Version,
    /// Whose key it is.
    pub key: KeyMaterial,
    /// `tlogEntries`.
    pub entries: Vec<LogEntry>,
    /// `timestampVerificationData.rfc3161Timestamps`: TimeStampResp, DER.
    pub timestamps: Vec<Vec<u8>>,
    /// What was signed, and how.
    pub content: Content,
}

/// The version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// v0.1
    V01,
    /// v0.2
    V02,
    /// v0.3
    V03,
}

/// `verificationMaterial.content`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyMaterial {
    /// `publicKey`: a hint at a key that the verifier has.
    PublicKey {
        /// Base64 of the SHA-256 of the SubjectPublicKeyInfo, as cosign writes it.
        hint: String,
    },
    /// `certificate` or `x509CertificateChain`: DER, leaf first.
    Certificates(Vec<Vec<u8>>),
}

/// `content`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// `messageSignature`.
    Message {
        /// The digest that the bundle claims, where it does: a hint only.
        digest: Option<(HashAlgorithm, Vec<u8>)>,
        /// The signature.
        signature: Vec<u8>,
    },
    /// `dsseEnvelope`, with exactly one signature.
    Dsse(Envelope),
}

/// Why bytes are not a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundleError {
    /// A field is not base64.
    Base64(&'static str),
    /// No certificate, or more than are looked at.
    Certificates,
    /// Not exactly one of several fields.
    OneOf(&'static str),
    /// The envelope.
    Dsse(DsseError),
    /// The message digest is of an algorithm that is not accepted.
    HashAlgorithm(String),
    /// Not the JSON of a bundle.
    Json(String),
    /// A log entry is not valid, or there are too many.
    LogEntries(String),
    /// A media type that is not a bundle's, or of an unknown version.
    MediaType(String),
    /// Not exactly one signature (a bundle is one signature).
    Signatures(usize),
    /// More timestamps than are looked at.
    Timestamps(usize),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    media_type: String,
    verification_material: Material,
    message_signature: Option<MessageSignature>,
    dsse_envelope: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Material {
    public_key: Option<PublicKeyIdentifier>,
    certificate: Option<RawBytes>,
    x509_certificate_chain: Option<Chain>,
    tlog_entries: Option<Vec<log_entry::Document>>,
    timestamp_verification_data: Option<Timestamps>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Timestamps {
    #[serde(rename = "rfc3161Timestamps")]
    rfc3161: Option<Vec<SignedTimestamp>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignedTimestamp {
    signed_timestamp: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicKeyIdentifier {
    hint: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawBytes {
    raw_bytes: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chain {
    certificates: Vec<RawBytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MessageSignature {
    message_digest: Option<MessageDigest>,
    signature: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageDigest {
    algorithm: String,
    digest: String,
}

/// Parses a bundle.
pub fn parse(bytes: &[u8]) -> Result<Bundle, BundleError> {
    let document: Document = json::parse_as(bytes).map_err(|e| BundleError::Json(e.to_string()))?;
    let version = version(&document.media_type)?;
    let mut material = document.verification_material;
    let entries = entries(material.tlog_entries.take().unwrap_or_default())?;
    let timestamps = timestamps(material.timestamp_verification_data.take())?;
    let key = key_material(material)?;
    let content = match (document.message_signature, document.dsse_envelope) {
        (Some(message), None) => Content::Message {
            digest: message.message_digest.map(digest).transpose()?,
            signature: decode(&message.signature, "messageSignature.signature")?,
        },
        (None, Some(envelope)) => {
            let envelope = dsse::from_value(envelope).map_err(BundleError::Dsse)?;
            if envelope.signatures.len() != 1 {
                return Err(BundleError::Signatures(envelope.signatures.len()));
            }
            Content::Dsse(envelope)
        }
        _ => return Err(BundleError::OneOf("messageSignature, dsseEnvelope")),
    };
    Ok(Bundle { version, key, entries, timestamps, content })
}

fn entries(documents: Vec<log_entry::Document>) -> Result<Vec<LogEntry>, BundleError> {
    if documents.len() > MOST_ENTRIES {
        return Err(BundleError::LogEntries(format!(
            "{} log entries, at most {MOST_ENTRIES} are looked at",
            documents.len()
        )));
    }
    documents
        .into_iter()
        .map(log_entry::Document::read)
        .collect::<Result<_, _>>()
        .map_err(BundleError::LogEntries)
}

fn timestamps(data: Option<Timestamps>) -> Result<Vec<Vec<u8>>, BundleError> {
    let signed = data.and_then(|d| d.rfc3161).unwrap_or_default();
    if signed.len() > MOST_TIMESTAMPS {
        return Err(BundleError::Timestamps(signed.len()));
    }
    signed.iter().map(|t| decode(&t.signed_timestamp, "signedTimestamp")).collect()
}

fn version(media_type: &str) -> Result<Version, BundleError> {
    match media_type {
        "application/vnd.dev.sigstore.bundle+json;version=0.1" => Ok(Version::V01),
        "application/vnd.dev.sigstore.bundle+json;version=0.2" => Ok(Version::V02),
        "application/vnd.dev.sigstore.bundle+json;version=0.3"
        | "application/vnd.dev.sigstore.bundle.v0.3+json" => Ok(Version::V03),
        _ => Err(BundleError::MediaType(media_type.to_owned())),
    }
}

fn key_material(material: Material) -> Result<KeyMaterial, BundleError> {
    match (material.public_key, material.certificate, material.x509_certificate_chain) {
        (Some(key), None, None) => {
            Ok(KeyMaterial::PublicKey { hint: key.hint.unwrap_or_default() })
        }
        (None, Some(leaf), None) => {
            Ok(KeyMaterial::Certificates(vec![decode(&leaf.raw_bytes, "certificate.rawBytes")?]))
        }
        (None, None, Some(chain)) => {
            if chain.certificates.is_empty() || chain.certificates.len() > MOST_CERTIFICATES {
                return Err(BundleError::Certificates);
            }
            let decode_one = |c: &RawBytes| decode(&c.raw_bytes, "certificates[].rawBytes");
            let chain = chain.certificates.iter().map(decode_one).collect::<Result<_, _>>()?;
            Ok(KeyMaterial::Certificates(chain))
        }
        _ => Err(BundleError::OneOf("publicKey, certificate, x509CertificateChain")),
    }
}

fn digest(digest: MessageDigest) -> Result<(HashAlgorithm, Vec<u8>), BundleError> {
    let algorithm = match digest.algorithm.as_str() {
        "SHA2_256" => HashAlgorithm::Sha256,
        "SHA2_384" => HashAlgorithm::Sha384,
        "SHA2_512" => HashAlgorithm::Sha512,
        _ => return Err(BundleError::HashAlgorithm(digest.algorithm)),
    };
    Ok((algorithm, decode(&digest.digest, "messageDigest.digest")?))
}

fn decode(text: &str, field: &'static str) -> Result<Vec<u8>, BundleError> {
    STANDARD.decode(text).map_err(|_| BundleError::Base64(field))
}

impl std::fmt::Display for BundleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Base64(field) => write!(f, "`{field}` is not standard base64"),
            Self::Certificates => write!(f, "not between 1 and {MOST_CERTIFICATES} certificates"),
            Self::OneOf(fields) => write!(f, "not exactly one of {fields}"),
            Self::Dsse(error) => write!(f, "{error}"),
            Self::HashAlgorithm(name) => write!(f, "message digest of algorithm `{name}`"),
            Self::Json(error) => write!(f, "not a Sigstore bundle: {error}"),
            Self::LogEntries(error) => f.write_str(error),
            Self::MediaType(media_type) => write!(f, "media type `{media_type}`"),
            Self::Signatures(count) => write!(f, "{count} signatures where a bundle has one"),
            Self::Timestamps(count) => {
                write!(f, "{count} timestamps, at most {MOST_TIMESTAMPS} are looked at")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUNDLE: &str = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"aGludA=="}},"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"AAEC"},"signature":"AAEC"}}"#;

    #[test]
    fn a_message_signature_is_read() {
        let bundle = parse(BUNDLE.as_bytes()).unwrap();
        assert_eq!(bundle.version, Version::V03);
        assert_eq!(bundle.key, KeyMaterial::PublicKey { hint: "aGludA==".into() });
        assert!(matches!(bundle.content, Content::Message { .. }));
    }

    #[test]
    fn broken_bundles_are_refused() {
        for (from, to) in [
            ("v0.3+json", "v0.4+json"),
            ("\"publicKey\":{\"hint\":\"aGludA==\"}", ""),
            ("\"publicKey\":{\"hint\":\"aGludA==\"}", "\"certificate\":{\"rawBytes\":\"*\"}"),
            (
                "\"publicKey\":{\"hint\":\"aGludA==\"}",
                "\"x509CertificateChain\":{\"certificates\":[]}",
            ),
            ("\"messageSignature\"", "\"other\""),
            ("\"signature\":\"AAEC\"", "\"signature\":\"AAEC\",\"signature\":\"AAEC\""),
            ("\"signature\":\"AAEC\"", "\"signature\":\"A\""),
            ("\"}}", "\"}"),
        ] {
            let text = BUNDLE.replace(from, to);
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_bundle_has_one_signature() {
        let text = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":""}},"dsseEnvelope":{"payloadType":"t","payload":"AA==","signatures":[{"sig":"AA=="},{"sig":"AA=="}]}}"#;
        assert_eq!(parse(text.as_bytes()), Err(BundleError::Signatures(2)));
    }
}
