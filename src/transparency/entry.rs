//! What an entry of a log commits to, and whether that is what is in hand.

use std::{collections::BTreeMap, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::body;
use crate::crypto::{HashAlgorithm, KeyDetails, PublicKey, Scheme, hex, sha256};

/// A type of entry in one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `dsse` 0.0.1 of Rekor v1.
    Dsse001,
    /// `dsse` 0.0.2 of Rekor v2.
    Dsse002,
    /// `hashedrekord` 0.0.1 of Rekor v1.
    HashedRekord001,
    /// `hashedrekord` 0.0.2 of Rekor v2.
    HashedRekord002,
    /// `intoto` 0.0.1 of Rekor v1.
    Intoto001,
    /// `intoto` 0.0.2 of Rekor v1.
    Intoto002,
}

/// An entry, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEntry {
    /// The type.
    pub kind: Kind,
    /// What was signed.
    pub content: Content,
    /// By whom, at least one.
    pub signatures: Vec<LoggedSignature>,
}

/// What was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The signed bytes: an artifact, or an envelope's pre-authentication encoding.
    Signed(Digest),
    /// A DSSE envelope.
    Envelope {
        /// The payload's digest; old entries of `intoto` 0.0.1 have none.
        payload: Option<Digest>,
        /// `payloadType`, where it is logged.
        payload_type: Option<String>,
        /// The digest of the envelope's JSON as it was sent to the log.
        envelope: Option<Digest>,
    },
}

/// A digest with its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// The label.
    pub algorithm: HashAlgorithm,
    /// The value, of the algorithm's length.
    pub value: Vec<u8>,
}

/// A signature in an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedSignature {
    /// The signature; `intoto` 0.0.1 has it only within the digest of the envelope.
    pub value: Option<Vec<u8>>,
    /// What the log verified it with.
    pub verifier: LoggedVerifier,
    /// The label of the key, in Rekor v2.
    pub key_details: Option<KeyDetails>,
}

/// A key or certificate in an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoggedVerifier {
    /// DER of the certificate.
    Certificate(Vec<u8>),
    /// SubjectPublicKeyInfo.
    Key(Vec<u8>),
}

/// Why a body is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryError {
    /// A field that cannot be read.
    Field(&'static str),
    /// Not the JSON of an entry of its type.
    Json(String),
    /// The type is not the one that the bundle says.
    Kind {
        /// In the bundle.
        claimed: String,
        /// In the body.
        found: String,
    },
    /// Larger than is looked at.
    TooLarge(usize),
    /// A type that is not verified here.
    Unsupported(String),
}

/// What an entry should be about.
#[derive(Clone, Copy)]
pub struct Material<'a> {
    /// What is signed.
    pub artifact: Artifact<'a>,
    /// The one signature.
    pub signature: &'a [u8],
    /// What verifies it.
    pub verifier: Verifier<'a>,
}

/// What is signed.
#[derive(Clone, Copy)]
pub enum Artifact<'a> {
    /// Bytes, by their digest; none where it is not known in this algorithm.
    Message(&'a dyn Fn(HashAlgorithm) -> Option<Vec<u8>>),
    /// A DSSE envelope.
    Dsse {
        /// `payloadType`.
        payload_type: &'a str,
        /// The payload.
        payload: &'a [u8],
        /// The pre-authentication encoding, which is what is signed.
        pae: &'a [u8],
        /// The JSON of the envelope, where its bytes are at hand.
        json: Option<&'a [u8]>,
    },
}

/// What verifies a signature.
#[derive(Clone, Copy)]
pub enum Verifier<'a> {
    /// A certificate.
    Certificate {
        /// DER.
        der: &'a [u8],
        /// Its key.
        key: &'a PublicKey,
    },
    /// A key without a certificate.
    Key(&'a PublicKey),
}

/// Digests of what one signature is about, each computed once: a large payload is not hashed again
/// for every entry that travels with the signature.
#[derive(Debug, Default)]
pub struct Digests(BTreeMap<(Part, HashAlgorithm), Vec<Vec<u8>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Envelope,
    Payload,
    PreAuthenticationEncoding,
}

/// In what an entry is about something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field.
    pub field: &'static str,
    /// What is in hand.
    pub expected: String,
    /// What was logged.
    pub found: String,
}

impl Kind {
    /// By the names that a bundle and a body have.
    pub fn from_names(kind: &str, version: &str) -> Option<Self> {
        Some(match (kind, version) {
            ("dsse", "0.0.1") => Self::Dsse001,
            ("dsse", "0.0.2") => Self::Dsse002,
            ("hashedrekord", "0.0.1") => Self::HashedRekord001,
            ("hashedrekord", "0.0.2") => Self::HashedRekord002,
            ("intoto", "0.0.1") => Self::Intoto001,
            ("intoto", "0.0.2") => Self::Intoto002,
            _ => return None,
        })
    }

    /// True for entries of Rekor v2, which promises nothing and gives no time.
    pub fn is_rekor_v2(self) -> bool {
        matches!(self, Self::Dsse002 | Self::HashedRekord002)
    }
}

impl LoggedEntry {
    /// Parses a canonical body. Kind and version that the bundle claims must be the body's;
    /// Cosign's annotation claims none.
    ///
    /// spec: sigstore client spec §4.4 "if a `kind` and `apiVersion` are provided in the policy (as
    /// in the `bundle` format), they must match the `kind` and `apiVersion` in `body`"
    pub fn parse(body: &[u8], claimed: Option<(&str, &str)>) -> Result<Self, EntryError> {
        body::parse(body, claimed)
    }

    /// The hash that the log verified the signature with, where the entry says so: a signature that
    /// is only good with another one is not the entry's.
    pub fn signature_hash(&self) -> Option<HashAlgorithm> {
        match &self.content {
            Content::Signed(digest) => Some(digest.algorithm),
            Content::Envelope { .. } => self.signatures.first()?.key_details?.hash(),
        }
    }

    /// How the log verified the signature, where the entry says it.
    pub fn signature_scheme(&self) -> Option<Scheme> {
        self.signatures.first()?.key_details?.scheme()
    }

    /// Says whether this entry is about that, all of it: artifact, signature, certificate or key,
    /// and every label. Exactly one signature is logged, as a bundle has exactly one.
    ///
    /// spec: sigstore client spec §4.4 "The signature from the parsed body is the same as the
    /// provided signature. The key or certificate from the parsed body is the same […]. The
    /// “subject” of the parsed body matches the artifact."
    ///
    /// `digests` are of this material alone.
    pub fn binds(&self, material: &Material<'_>, digests: &mut Digests) -> Result<(), Difference> {
        let [logged] = self.signatures.as_slice() else {
            return differ("number of signatures", 1, self.signatures.len());
        };
        self.binds_artifact(&material.artifact, digests)?;
        match &logged.value {
            Some(value) if value == material.signature => {}
            Some(value) => return differ("signature", short(material.signature), short(value)),
            None => self.binds_envelope(material, digests)?,
        }
        logged.verifier.is(&material.verifier)?;
        self.labels_fit(logged, material.verifier.key())
    }

    fn binds_artifact(
        &self,
        artifact: &Artifact<'_>,
        digests: &mut Digests,
    ) -> Result<(), Difference> {
        match (&self.content, artifact) {
            (Content::Signed(logged), Artifact::Message(digest)) => {
                match digest(logged.algorithm) {
                    Some(digest) => logged.is("artifact digest", &digest),
                    None => {
                        differ("hash algorithm", "that of the digest in hand", logged.algorithm)
                    }
                }
            }
            // "the artifact hash = Hash(PAE(payloadType, payload))"
            (Content::Signed(logged), Artifact::Dsse { pae, .. }) => {
                logged.is_of("envelope digest", Part::PreAuthenticationEncoding, pae, digests)
            }
            (
                Content::Envelope { payload: logged, payload_type: logged_type, .. },
                Artifact::Dsse { payload, payload_type, .. },
            ) => {
                if let Some(found) = logged_type.as_deref().filter(|found| found != payload_type) {
                    return differ("payload type", payload_type, found);
                }
                match logged {
                    Some(logged) => logged.is_of("payload digest", Part::Payload, payload, digests),
                    None => Ok(()),
                }
            }
            (Content::Envelope { .. }, Artifact::Message(_)) => {
                differ("kind", "hashedrekord", self.kind)
            }
        }
    }

    /// An entry without the signature has the digest of the envelope's JSON: of the bytes at hand,
    /// or as tools write them; Go's form is what Cosign sent.
    ///
    /// For entries with a signature that digest is not compared: a bundle's envelope is written
    /// anew, so that its JSON is not what was sent. Payload, type and signature are all it has.
    fn binds_envelope(
        &self,
        material: &Material<'_>,
        digests: &mut Digests,
    ) -> Result<(), Difference> {
        let (
            Content::Envelope { envelope: Some(logged), .. },
            Artifact::Dsse { payload_type, payload, json, .. },
        ) = (&self.content, &material.artifact)
        else {
            return differ("signature", short(material.signature), "none");
        };
        let known = digests.of(Part::Envelope, logged.algorithm, || {
            let forms = as_tools_write_it(payload_type, payload, material.signature);
            let forms = forms.iter().map(String::as_bytes);
            json.iter().copied().chain(forms).map(|json| logged.algorithm.digest(json)).collect()
        });
        if known.contains(&logged.value) {
            return Ok(());
        }
        differ("envelope digest", "that of the envelope in hand", logged)
    }

    /// spec: rekor-tiles, pkg/types/hashedrekord: the digest's label is the hash of the key's label,
    /// and pure Ed25519, which signs no hash, is not logged in this way.
    fn labels_fit(&self, logged: &LoggedSignature, key: &PublicKey) -> Result<(), Difference> {
        let Some(details) = logged.key_details else {
            return Ok(());
        };
        if !details.fits(key.kind()) {
            return differ("key details", key.kind(), details.label());
        }
        match &self.content {
            Content::Signed(digest) if details.hash() != Some(digest.algorithm) => {
                differ("key details", digest.algorithm, details.label())
            }
            _ => Ok(()),
        }
    }
}

impl Digests {
    fn of(
        &mut self,
        part: Part,
        algorithm: HashAlgorithm,
        compute: impl FnOnce() -> Vec<Vec<u8>>,
    ) -> &[Vec<u8>] {
        self.0.entry((part, algorithm)).or_insert_with(compute)
    }
}

impl Digest {
    fn is_of(
        &self,
        field: &'static str,
        part: Part,
        bytes: &[u8],
        digests: &mut Digests,
    ) -> Result<(), Difference> {
        let expected =
            digests.of(part, self.algorithm, || vec![self.algorithm.digest(bytes)]).concat();
        self.is(field, &expected)
    }

    fn is(&self, field: &'static str, expected: &[u8]) -> Result<(), Difference> {
        if self.value == expected {
            return Ok(());
        }
        differ(field, hex(expected), hex(&self.value))
    }
}

impl LoggedVerifier {
    fn is(&self, expected: &Verifier<'_>) -> Result<(), Difference> {
        match (self, expected) {
            (Self::Certificate(found), Verifier::Certificate { der, .. }) if found == der => Ok(()),
            (Self::Certificate(found), Verifier::Certificate { der, .. }) => {
                differ("certificate", short(der), short(found))
            }
            (Self::Key(found), Verifier::Key(key)) if sha256(found) == *key.spki_sha256() => Ok(()),
            (Self::Key(found), Verifier::Key(key)) => {
                differ("public key", hex(key.spki_sha256()), short(found))
            }
            (Self::Certificate(_), Verifier::Key(_)) => {
                differ("verifier", "a public key", "a certificate")
            }
            (Self::Key(_), Verifier::Certificate { .. }) => {
                differ("verifier", "a certificate", "a public key")
            }
        }
    }
}

impl<'a> Verifier<'a> {
    fn key(&self) -> &'a PublicKey {
        match self {
            Self::Certificate { key, .. } | Self::Key(key) => key,
        }
    }
}

/// The envelope as Go's securesystemslib writes it and with its members in order (RFC 8785 §3.2.3),
/// with an empty key id and, as others, with none.
fn as_tools_write_it(payload_type: &str, payload: &[u8], signature: &[u8]) -> [String; 4] {
    let payload_type = format!(r#""payloadType":{}"#, serde_json::Value::from(payload_type));
    let payload = format!(r#""payload":"{}""#, STANDARD.encode(payload));
    let signature = STANDARD.encode(signature);
    let form = |first: &str, second: &str, keyid: &str| {
        format!(r#"{{{first},{second},"signatures":[{{{keyid}"sig":"{signature}"}}]}}"#)
    };
    let empty = r#""keyid":"","#;
    [
        form(&payload_type, &payload, empty),
        form(&payload_type, &payload, ""),
        form(&payload, &payload_type, empty),
        form(&payload, &payload_type, ""),
    ]
}

/// Long values are told apart by their hash.
fn short(value: &[u8]) -> String {
    format!("SHA-256 {}", hex(&sha256(value)))
}

fn differ(
    field: &'static str,
    expected: impl fmt::Display,
    found: impl fmt::Display,
) -> Result<(), Difference> {
    Err(Difference { field, expected: expected.to_string(), found: found.to_string() })
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dsse001 => "dsse 0.0.1",
            Self::Dsse002 => "dsse 0.0.2",
            Self::HashedRekord001 => "hashedrekord 0.0.1",
            Self::HashedRekord002 => "hashedrekord 0.0.2",
            Self::Intoto001 => "intoto 0.0.1",
            Self::Intoto002 => "intoto 0.0.2",
        })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm, hex(&self.value))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, expected, found } = self;
        write!(f, "the log entry is about another {field}: {found}, not {expected}")
    }
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, "the log entry's {name} is not valid"),
            Self::Json(error) => write!(f, "the log entry is not what its kind says: {error}"),
            Self::Kind { claimed, found } => {
                write!(f, "the log entry is of kind {found}, the bundle says {claimed}")
            }
            Self::TooLarge(bytes) => write!(f, "the log entry has {bytes} bytes"),
            Self::Unsupported(kind) => write!(f, "log entries of kind {kind} are not supported"),
        }
    }
}

#[cfg(test)]
mod tests;
