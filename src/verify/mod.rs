//! The verification procedures, each in the order and the words of its specification.

pub mod cosign;
pub mod notation;
pub mod sigstore;

use std::collections::BTreeSet;

use crate::{
    crypto::{Exhausted, HashAlgorithm, HexDigests, KeyError, PublicKey, hex},
    policy::Pattern,
    time::Time,
    timestamp::TimestampError,
    trust::identity::subject_line,
    verdict::{Code, Reason},
    wire::Node,
    x509::{Certificate, SubjectAltName, path::PathError},
};

/// Who signed, as far as it was proven. Two signers are the same if they share an identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signer {
    /// For people.
    pub name: String,
    /// `spki:<hex>` of a key, `san:<name>`, `subject:<name>`.
    pub ids: BTreeSet<String>,
    /// When the signature was made, as far as a short-lived certificate says so.
    pub made: Option<Time>,
    /// When it is proven to have been there, at the latest.
    pub proven: Option<Time>,
    /// SHA-256 of the key's SPKI, in hex.
    pub key: Option<String>,
    /// The certificate and what travels with it, the leaf first.
    pub chain: Vec<Certificate>,
    /// The OIDC issuer, of a short-lived certificate.
    pub issuer: Option<String>,
}

impl Signer {
    /// The holder of a long-lived key.
    pub fn key(key: &PublicKey) -> Self {
        let fingerprint = hex(key.spki_sha256());
        Self {
            name: format!("{} key sha256:{fingerprint}", key.kind()),
            ids: BTreeSet::from([format!("spki:{fingerprint}")]),
            key: Some(fingerprint),
            ..Self::default()
        }
    }

    /// The holder of a short-lived certificate. The same name is the same signer, whoever issued it,
    /// an own CA among them; and so is the same key with another name, or without a certificate.
    pub fn keyless(issuer: &str, name: &str, leaf: &Certificate, key: &PublicKey) -> Self {
        let names = leaf.subject_alt_names().iter().filter_map(SubjectAltName::text);
        let mut ids: BTreeSet<_> = names.map(|n| format!("san:{n}")).collect();
        let fingerprint = hex(key.spki_sha256());
        ids.insert(format!("spki:{fingerprint}"));
        Self {
            name: format!("{name} ({issuer})"),
            ids,
            made: Some(leaf.not_before()),
            proven: None,
            key: Some(fingerprint),
            chain: vec![leaf.clone()],
            issuer: Some(issuer.to_owned()),
        }
    }

    /// The holder of a certificate whose chain was checked: the same key, the same subject or the
    /// same alternative name, under any root, is the same signer.
    pub fn certificate(leaf: &Certificate, key: &PublicKey) -> Self {
        let subject = subject_line(leaf.subject());
        let names = leaf.subject_alt_names();
        let fingerprint = hex(key.spki_sha256());
        let mut ids = BTreeSet::from([format!("spki:{fingerprint}")]);
        if !subject.is_empty() {
            ids.insert(format!("subject:{subject}"));
        }
        ids.extend(names.iter().filter_map(SubjectAltName::text).map(|n| format!("san:{n}")));
        let name = names.first().map_or_else(|| subject.clone(), ToString::to_string);
        Self { name, ids, key: Some(fingerprint), chain: vec![leaf.clone()], ..Self::default() }
    }

    /// With what travels beside the leaf.
    #[must_use]
    pub fn with_chain(mut self, travelled: &[Certificate]) -> Self {
        self.chain.extend_from_slice(travelled);
        self
    }

    /// With the first of the times that are proven.
    #[must_use]
    pub fn proven(mut self, times: &[Time]) -> Self {
        self.proven = times.iter().min().copied();
        self
    }
}

/// A candidate that satisfies an authority. Only the procedures of this module make one.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Absent where authenticity was not enforced: then nobody in particular has signed.
    pub signer: Option<Signer>,
    /// Each check, in order.
    pub checks: Vec<Node>,
    /// What the policy let pass that would otherwise have failed, or did not check.
    pub weakened: Vec<Reason>,
}

/// A candidate that does not.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// The check that failed.
    pub reason: Reason,
    /// Each check up to that one, in order.
    pub checks: Vec<Node>,
}

impl From<Reason> for Rejected {
    fn from(reason: Reason) -> Self {
        Self { reason, checks: Vec::new() }
    }
}

/// What a procedure answers.
pub type Verification = Result<Accepted, Rejected>;

/// The artifact that must have been signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `sha256:…` of the manifest or index.
    pub digest: String,
    /// Media type of the manifest, where its raw bytes are there to say it.
    pub media_type: Option<String>,
    /// Size in bytes, where the raw bytes are there to count.
    pub size: Option<u64>,
    /// The raw bytes, hashed here, where the host delivered them.
    pub bytes: Option<Vec<u8>>,
    /// Their digests, once computed.
    pub digests: HexDigests,
}

impl Target {
    /// A digest of the raw bytes, where they are there to hash or the caller knows it.
    pub fn hash(&self, algorithm: HashAlgorithm) -> Option<String> {
        match &self.bytes {
            Some(bytes) => Some(self.digests.of(algorithm, bytes)),
            None => self.digests.known(algorithm).map(str::to_owned),
        }
    }
}

impl From<Exhausted> for Reason {
    fn from(_: Exhausted) -> Self {
        Self::of(Code::BudgetSignatures)
    }
}

impl From<Exhausted> for Rejected {
    fn from(exhausted: Exhausted) -> Self {
        Reason::from(exhausted).into()
    }
}

/// Why a leaf has no path to a root.
fn path_reason(error: PathError, leaf: &Certificate, roots: &[Certificate], time: Time) -> Reason {
    let period = || format!("leaf valid from {} to {}", leaf.not_before(), leaf.not_after());
    match error {
        PathError::Expired => Reason::of(Code::CertificateExpired)
            .expected(format!("valid at {time}"))
            .found(period()),
        PathError::NotYetValid => Reason::of(Code::CertificateNotYetValid)
            .expected(format!("valid at {time}"))
            .found(period()),
        PathError::Profile(what) => Reason::new(Code::CertificateProfile, what),
        PathError::Untrusted => {
            let roots: Vec<_> = roots.iter().map(|r| r.subject().to_string()).collect();
            Reason::of(Code::CertificateUntrusted)
                .expected(format!("a chain to {}", roots.join(" or ")))
                .found(format!("issuer {}", leaf.issuer()))
        }
        PathError::Budget => Reason::of(Code::BudgetSignatures),
    }
}

/// Why a timestamp does not count.
fn timestamp_reason(error: &TimestampError) -> Reason {
    let code = match error {
        TimestampError::Budget => Code::BudgetSignatures,
        TimestampError::Malformed(_)
        | TimestampError::NotGranted(_)
        | TimestampError::TooLarge(_)
        | TimestampError::UnsupportedAlgorithm(_)
        | TimestampError::WeakAlgorithm(_) => Code::TimestampMalformed,
        TimestampError::SignerUnknown | TimestampError::Untrusted => Code::TimestampUntrusted,
        TimestampError::CertificateExpired
        | TimestampError::CertificateNotYetValid
        | TimestampError::CertificateProfile(_)
        | TimestampError::ImprintMismatch
        | TimestampError::SignatureInvalid => Code::TimestampInvalid,
    };
    Reason::new(code, error.to_string())
}

/// Why a key that travels with a signature is not accepted.
const fn key_code(error: &KeyError) -> Code {
    match error {
        KeyError::Malformed | KeyError::NotPem => Code::KeyMalformed,
        KeyError::Unsupported { .. } => Code::KeyUnsupported,
        KeyError::Weak { .. } => Code::KeyWeak,
    }
}

/// The alternative name by which a policy means this certificate.
fn meant_name<'c>(leaf: &'c Certificate, pattern: &Pattern) -> Result<&'c str, Reason> {
    let mut names = leaf.subject_alt_names().iter().filter_map(SubjectAltName::text);
    names.find(|name| pattern.matches(name)).ok_or_else(|| {
        let found: Vec<_> = leaf.subject_alt_names().iter().map(ToString::to_string).collect();
        let found = if found.is_empty() { "no name".to_owned() } else { found.join(", ") };
        Reason::of(Code::IdentityMismatch).expected(pattern.describe()).found(found)
    })
}
