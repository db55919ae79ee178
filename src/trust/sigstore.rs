//! A Sigstore instance: the keys and certificates of its services, each with the period in which
//! it was in use
//! ([protobuf-specs, sigstore_trustroot.proto](https://github.com/sigstore/protobuf-specs/blob/v0.5.0/protos/sigstore_trustroot.proto)).

use crate::{
    crypto::{HashAlgorithm, KeyDetails, KeyKind, PublicKey, Scheme, sha256},
    time::Time,
    x509::Certificate,
};

/// Sigstore's public-good instance.
pub const PUBLIC_GOOD: &str = include_str!("roots/public-good.json");
/// GitHub's instance, for attestations of private repositories.
pub const GITHUB: &str = include_str!("roots/github.json");
/// Sigstore's staging instance.
pub const STAGING: &str = include_str!("roots/staging.json");

/// Everything that an instance is trusted by.
#[derive(Clone, Debug, Default)]
pub struct TrustedRoot {
    /// `tlogs`: Rekor.
    pub logs: Vec<Log>,
    /// `ctlogs`: certificate transparency.
    pub ct_logs: Vec<Log>,
    /// `certificateAuthorities`: Fulcio.
    pub certificate_authorities: Vec<Authority>,
    /// `timestampAuthorities`.
    pub timestamp_authorities: Vec<Authority>,
}

/// A log.
#[derive(Clone, Debug)]
pub struct Log {
    /// Host of `baseUrl`, which is the origin of a Rekor v2 checkpoint; empty where unknown.
    pub origin: String,
    /// `logId.keyId`.
    pub id: Vec<u8>,
    /// `checkpointKeyId.keyId`, where it is given.
    pub checkpoint_key_id: Option<Vec<u8>>,
    /// Its key.
    pub key: PublicKey,
    /// How it signs.
    pub scheme: Scheme,
    /// When it was in use.
    pub valid_for: Period,
    /// Who runs it: several logs of one operator count once.
    pub operator: String,
}

/// A certificate or timestamp authority.
#[derive(Clone, Debug)]
pub struct Authority {
    /// The timestamp authority's own certificate.
    pub leaf: Option<Certificate>,
    /// Between leaf and anchor.
    pub intermediates: Vec<Certificate>,
    /// The last of `certChain`.
    pub anchor: Vec<Certificate>,
    /// When it was in use.
    pub valid_for: Period,
    /// Who runs it: several of one operator count once.
    pub operator: String,
}

/// `validFor`: both ends are part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// `start`.
    pub start: Time,
    /// `end`; still in use where it is absent.
    pub end: Option<Time>,
}

impl Period {
    /// Without bounds, for a key that the policy names by itself.
    pub const ALWAYS: Self = Self { start: Time::from_unix(i64::MIN), end: None };

    /// True where `time` is in it.
    ///
    /// spec: sigstore_trustroot.proto "The TimeRange should be considered valid *inclusive* of the
    /// endpoints."
    pub fn contains(&self, time: Time) -> bool {
        self.start <= time && self.end.is_none_or(|end| time <= end)
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.start == Self::ALWAYS.start, self.end) {
            (true, None) => f.write_str("always"),
            (true, Some(end)) => write!(f, "to {end}"),
            (false, None) => write!(f, "from {}", self.start),
            (false, Some(end)) => write!(f, "from {} to {end}", self.start),
        }
    }
}

impl Log {
    /// True where an entry with this `logId` is of this log. An own log's id is the hash of its
    /// key, or the id that its checkpoints have.
    pub fn has_id(&self, log_id: &[u8]) -> bool {
        log_id == self.id || self.checkpoint_key_id.as_deref() == Some(log_id)
    }

    /// The first four bytes by which a checkpoint's signature line may name this log's key.
    ///
    /// spec: sigstore_trustroot.proto, checkpoint_key_id "When not set, clients MUST use log_id."
    pub fn key_ids(&self) -> Vec<[u8; 4]> {
        let given = self.checkpoint_key_id.iter().chain(std::iter::once(&self.id));
        let mut ids: Vec<[u8; 4]> = given.filter_map(|id| id.first_chunk().copied()).collect();
        ids.dedup();
        ids
    }
}

/// The key id of a checkpoint's signature line, where the specification defines one for the key.
///
/// spec: C2SP signed-note §Signatures: Ed25519 is type 0x01 over the raw key; ECDSA's id is of the
/// SubjectPublicKeyInfo, which is `logId` already.
pub fn note_key_id(origin: &str, key: &PublicKey) -> Option<Vec<u8>> {
    let raw = key.ed25519_bytes()?;
    let named = [origin.as_bytes(), b"\n\x01", raw].concat();
    Some(sha256(&named).to_vec())
}

/// How a key of this kind signs log entries where nothing else is said.
pub fn default_scheme(kind: KeyKind) -> Scheme {
    match kind {
        KeyKind::P256 => Scheme::EcdsaDer(HashAlgorithm::Sha256),
        KeyKind::P384 => Scheme::EcdsaDer(HashAlgorithm::Sha384),
        KeyKind::P521 => Scheme::EcdsaDer(HashAlgorithm::Sha512),
        KeyKind::Rsa(_) => Scheme::RsaPkcs1(HashAlgorithm::Sha256),
        KeyKind::Ed25519 => Scheme::Ed25519,
    }
}

/// The scheme that `keyDetails` names, where it fits the key. Roots still have labels that logs do
/// not write any more.
///
/// spec: sigstore_common.proto, PublicKeyDetails
pub fn scheme(details: &str, kind: KeyKind) -> Option<Scheme> {
    let sha256 = HashAlgorithm::Sha256;
    match (details, kind) {
        ("PKIX_ECDSA_P256_HMAC_SHA_256", KeyKind::P256) => Some(Scheme::EcdsaDer(sha256)),
        ("PKCS1_RSA_PKCS1V5" | "PKIX_RSA_PKCS1V5", KeyKind::Rsa(_)) => {
            Some(Scheme::RsaPkcs1(sha256))
        }
        ("PKCS1_RSA_PSS" | "PKIX_RSA_PSS", KeyKind::Rsa(_)) => Some(Scheme::RsaPss(sha256)),
        _ => KeyDetails::from_label(details).filter(|d| d.fits(kind))?.scheme(),
    }
}

/// The host of a URL with or without a scheme, in lower case and without port and path: the name
/// of a Rekor v2 log's checkpoints.
///
/// spec: sigstore_trustroot.proto, base_url "SHOULD match the origin on the log checkpoint … MAY be
/// a scheme-less URL."
pub fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    host.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_holds_both_its_ends() {
        let at = Time::from_unix;
        let period = Period { start: at(10), end: Some(at(20)) };
        for (time, inside) in [(9, false), (10, true), (20, true), (21, false)] {
            assert_eq!(period.contains(at(time)), inside, "{time}");
        }
        assert!(Period { start: at(10), end: None }.contains(at(i64::MAX)));
        assert!(Period::ALWAYS.contains(at(0)));
    }

    #[test]
    fn a_host_is_read_from_a_url() {
        for (url, name) in [
            ("https://log2025-1.rekor.sigstore.dev", "log2025-1.rekor.sigstore.dev"),
            ("http://127.0.0.1:5020", "127.0.0.1"),
            ("Rekor.Example/path", "rekor.example"),
            ("https://u:p@host:1/x", "host"),
            ("", ""),
        ] {
            assert_eq!(host(url), name, "{url}");
        }
    }
}
