//! Signed certificate timestamps in certificates
//! ([RFC 6962 §3.2, §3.3](https://www.rfc-editor.org/rfc/rfc6962#section-3.2)).

use std::fmt;

use super::tbs;
use crate::{
    crypto::{Exhausted, HashAlgorithm, KeyKind, PublicKey, Scheme, Spend, sha256},
    x509::Certificate,
};

/// Timestamps of one certificate. Fulcio's have one, the web's two to five.
const MOST_SCTS: usize = 16;

/// 1.3.6.1.4.1.11129.2.4.2, the list of timestamps, as DER writes it (RFC 6962 §3.3).
const LIST: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x02];

/// The only version, §3.2.
const V1: u8 = 0;
/// SignatureType `certificate_timestamp`, §3.2.
const CERTIFICATE_TIMESTAMP: u8 = 0;
/// LogEntryType `precert_entry`, §3.1.
const PRECERT_ENTRY: [u8; 2] = [0, 1];
/// HashAlgorithm and SignatureAlgorithm, [RFC 5246 §7.4.1.4.1](https://www.rfc-editor.org/rfc/rfc5246#section-7.4.1.4.1).
const SHA256: u8 = 4;
const SHA384: u8 = 5;
const SHA512: u8 = 6;
const RSA: u8 = 1;
const ECDSA: u8 = 3;

/// A log's promise to publish a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sct {
    /// The log: the SHA-256 of its key.
    pub log_id: [u8; 32],
    /// Milliseconds of Unix time.
    pub timestamp_ms: u64,
    extensions: Vec<u8>,
    algorithm: [u8; 2],
    signature: Vec<u8>,
}

/// A log's key.
#[derive(Clone, Copy, Debug)]
pub struct CtLog<'a> {
    /// The log's id.
    pub id: &'a [u8],
    /// The key.
    pub key: &'a PublicKey,
}

/// What a log signed: the certificate before the timestamps were put into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precertificate {
    issuer_key_hash: [u8; 32],
    tbs: Vec<u8>,
}

/// Why a certificate's timestamps cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SctError {
    /// The certificate has none.
    Absent,
    /// Not the list of the specification, to its last byte.
    Malformed,
    /// More timestamps than are looked at.
    TooMany,
    /// A version that is not known.
    Version(u8),
}

/// Why a timestamp is not a log's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SctProblem {
    /// An algorithm that logs do not use, or not one of this key's: hash and signature as RFC 5246
    /// numbers them.
    Algorithm(u8, u8),
    /// Of another log.
    Log,
    /// The signature is not good.
    Signature,
}

/// The timestamps in a certificate; at least one.
///
/// spec: RFC 6962 §3.3 "opaque SerializedSCT<1..2^16-1>; struct { SerializedSCT sct_list
/// <1..2^16-1>; } SignedCertificateTimestampList"
pub fn parse_list(certificate: &Certificate) -> Result<Vec<Sct>, SctError> {
    let malformed = SctError::Malformed;
    let split = tbs::split(certificate.der(), LIST).map_err(|()| malformed)?;
    let value = split.ok_or(SctError::Absent)?.value;
    let list = tbs::octet_string(value).ok_or(malformed)?;
    let (mut list, after) = vector(list).ok_or(malformed)?;
    if list.is_empty() || !after.is_empty() {
        return Err(malformed);
    }
    let mut scts = Vec::new();
    while !list.is_empty() {
        if scts.len() == MOST_SCTS {
            return Err(SctError::TooMany);
        }
        let (sct, rest) = vector(list).ok_or(malformed)?;
        scts.push(Sct::parse(sct)?);
        list = rest;
    }
    Ok(scts)
}

impl Sct {
    /// spec: RFC 6962 §3.2 "struct { Version sct_version; LogID id; uint64 timestamp; CtExtensions
    /// extensions; digitally-signed struct { … } } SignedCertificateTimestamp"
    fn parse(bytes: &[u8]) -> Result<Self, SctError> {
        let (version, rest) = bytes.split_first().ok_or(SctError::Malformed)?;
        if *version != V1 {
            return Err(SctError::Version(*version));
        }
        Self::parse_v1(rest).ok_or(SctError::Malformed)
    }

    fn parse_v1(bytes: &[u8]) -> Option<Self> {
        let (log_id, rest) = bytes.split_first_chunk()?;
        let (timestamp, rest) = rest.split_first_chunk()?;
        let (extensions, rest) = vector(rest)?;
        let (algorithm, rest) = rest.split_first_chunk()?;
        let (signature, rest) = vector(rest)?;
        rest.is_empty().then(|| Self {
            log_id: *log_id,
            timestamp_ms: u64::from_be_bytes(*timestamp),
            extensions: extensions.to_vec(),
            algorithm: *algorithm,
            signature: signature.to_vec(),
        })
    }

    /// Checks that this is a log's timestamp of a certificate.
    pub fn verify(
        &self,
        certificate: &Precertificate,
        log: CtLog<'_>,
        spend: &Spend,
    ) -> Result<Result<(), SctProblem>, Exhausted> {
        if log.id != self.log_id {
            return Ok(Err(SctProblem::Log));
        }
        let [hash, signature] = self.algorithm;
        let Some(scheme) = scheme(self.algorithm, log.key.kind()) else {
            return Ok(Err(SctProblem::Algorithm(hash, signature)));
        };
        let message = self.signed_bytes(certificate);
        let result = spend.verify_signature(log.key, scheme, &message, &self.signature)?;
        Ok(result.map_err(|_| SctProblem::Signature))
    }

    /// spec: RFC 6962 §3.2 "digitally-signed struct { Version sct_version; SignatureType
    /// signature_type = certificate_timestamp; uint64 timestamp; LogEntryType entry_type; PreCert;
    /// CtExtensions extensions; }"
    fn signed_bytes(&self, certificate: &Precertificate) -> Vec<u8> {
        // A certificate has at most 64 KiB, and extensions have 16 bits of length: both fit.
        let [.., a, b, c] = certificate.tbs.len().to_be_bytes();
        let [.., x, y] = self.extensions.len().to_be_bytes();
        [
            &[V1, CERTIFICATE_TIMESTAMP][..],
            &self.timestamp_ms.to_be_bytes(),
            &PRECERT_ENTRY,
            &certificate.issuer_key_hash,
            &[a, b, c],
            &certificate.tbs,
            &[x, y],
            &self.extensions,
        ]
        .concat()
    }
}

impl Precertificate {
    /// Takes the timestamps out of a certificate.
    ///
    /// spec: RFC 6962 §3.2 "issuer_key_hash is the SHA-256 hash of the certificate issuer's public
    /// key, calculated over the DER encoding of the key represented as SubjectPublicKeyInfo"; §3.3
    /// "tbs_certificate […] without the SCT extension"
    pub fn of(certificate: &Certificate, issuer_spki_der: &[u8]) -> Result<Self, SctError> {
        let split = tbs::split(certificate.der(), LIST).map_err(|()| SctError::Malformed)?;
        let tbs = split.ok_or(SctError::Absent)?.rest;
        Ok(Self { issuer_key_hash: sha256(issuer_spki_der), tbs })
    }
}

/// spec: RFC 6962 §2.1.4 "either deterministic ECDSA using the NIST P-256 curve […] or RSA
/// signatures […] with SHA-256". Larger curves and hashes are no weaker, sigstore-go and
/// sigstore-rust take them too, and a key is as trusted as the root it comes from.
fn scheme(algorithm: [u8; 2], key: KeyKind) -> Option<Scheme> {
    let [hash, signature] = algorithm;
    let hash = match hash {
        SHA256 => HashAlgorithm::Sha256,
        SHA384 => HashAlgorithm::Sha384,
        SHA512 => HashAlgorithm::Sha512,
        _ => return None,
    };
    match (signature, key) {
        (ECDSA, KeyKind::P256 | KeyKind::P384 | KeyKind::P521) => Some(Scheme::EcdsaDer(hash)),
        (RSA, KeyKind::Rsa(_)) => Some(Scheme::RsaPkcs1(hash)),
        _ => None,
    }
}

/// A vector of at most 2^16-1 bytes, and what is after it (RFC 5246 §4.3).
fn vector(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = input.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

impl fmt::Display for SctError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("the certificate has no signed certificate timestamp"),
            Self::Malformed => f.write_str("the certificate's timestamps are malformed"),
            Self::TooMany => write!(f, "the certificate has more than {MOST_SCTS} timestamps"),
            Self::Version(version) => {
                write!(f, "a certificate timestamp has the unknown version {version}")
            }
        }
    }
}

impl fmt::Display for SctProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Algorithm(hash, signature) => write!(
                f,
                "the certificate timestamp's algorithm ({hash}, {signature}) is not one of its log"
            ),
            Self::Log => f.write_str("the certificate timestamp is of another log"),
            Self::Signature => f.write_str("the certificate timestamp's signature is not valid"),
        }
    }
}
