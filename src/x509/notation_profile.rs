//! What Notation asks of a certificate chain
//! ([signature specification §Certificate Requirements](https://github.com/notaryproject/specifications/blob/d4b62b9/specs/signature-specification.md#certificate-requirements)),
//! independent of any trust store.
//!
//! It is not RFC 5280 path validation: the chain is given whole and in order, only three extensions
//! are honoured, and validity is another question. [`check`] is everything that costs no public-key
//! operation; [`links`] are the signatures that remain, the dearest to forge first.

use std::{fmt, iter};

use der::asn1::ObjectIdentifier;

use super::Certificate;
use crate::crypto::{Exhausted, KeyError, KeyKind, PublicKey, SignatureError, Spend};

/// Which of two readings holds where notation-go deviates from its specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// The specification.
    #[default]
    Spec,
    /// notation-go, where that is no more than leaving out a check.
    Compat,
}

/// Why a chain is not accepted. Positions count from the leaf, 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainError {
    /// basicConstraints is missing, not critical or of the other role.
    BasicConstraints {
        /// Of the certificate.
        position: usize,
        /// What would be right.
        expected: &'static str,
    },
    /// No certificate at all.
    Empty,
    /// The leaf has a purpose that a signer must not have.
    ExtendedKeyUsage {
        /// The purpose.
        purpose: ObjectIdentifier,
    },
    /// A public key that is not accepted.
    Key {
        /// Of the certificate.
        position: usize,
        /// Why.
        error: KeyError,
    },
    /// The leaf's key is of a type or size that no algorithm is defined for.
    KeySize {
        /// What it is.
        kind: KeyKind,
    },
    /// keyUsage is missing, not critical, or has the wrong bits.
    KeyUsage {
        /// Of the certificate.
        position: usize,
        /// What would be right.
        expected: &'static str,
    },
    /// The next certificate is not the issuer, by name or by signature.
    NotIssuedBy {
        /// Of the certificate.
        position: usize,
    },
    /// pathLenConstraint is shorter than the chain.
    PathLength {
        /// Of the certificate.
        position: usize,
        /// Certificates below it other than the leaf.
        below: usize,
    },
    /// The last certificate is not self-signed: the root is missing.
    RootMissing,
    /// A certificate other than the last is self-signed.
    SelfSigned {
        /// Of the certificate.
        position: usize,
    },
    /// Signed with an algorithm that is weak or not known.
    WeakSignature {
        /// Of the certificate.
        position: usize,
        /// Object identifier of the algorithm.
        oid: String,
    },
}

/// Purposes of §Leaf Certificates that exclude signing, and OCSPSigning, which notation-go refuses
/// although the text does not name it.
const EXCLUDED_PURPOSES: [ObjectIdentifier; 5] = [
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1"), // serverAuth
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2"), // clientAuth
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4"), // emailProtection
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8"), // timeStamping
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9"), // OCSPSigning
];

const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// Checks roles, names, order and algorithms, and returns the leaf's key. The signatures of
/// [`links`] remain to be checked.
pub fn check(chain: &[Certificate], profile: Profile) -> Result<PublicKey, ChainError> {
    let [leaf_certificate, authorities @ ..] = chain else {
        return Err(ChainError::Empty);
    };
    // spec: §Other requirements "Any certificate in the certificate chain MUST NOT use SHA1WithRSA
    // and ECDSAWithSHA1 signatures"
    // notation-go looks at the signature of a certificate that is a chain of its own with a function
    // of Go that still takes SHA-1. Such a certificate is trusted for its bytes, or not at all.
    let is_lenient = profile == Profile::Compat && authorities.is_empty();
    for (position, certificate) in chain.iter().enumerate() {
        if let Err(oid) = certificate.signature_scheme()
            && !(is_lenient && certificate.is_signed_over_sha1())
        {
            return Err(ChainError::WeakSignature { position, oid: oid.to_owned() });
        }
    }
    order(chain)?;
    // spec: §Other requirements "If the certificate chain contains only a root certificate then the
    // root certificate MUST meet Leaf Certificates requirements and ignore Root and Intermediate CA
    // Certificates requirements"
    for (below, certificate) in authorities.iter().enumerate() {
        authority(certificate, below, profile)?;
    }
    leaf(leaf_certificate, profile)
}

/// Pairs of a certificate and the one that must have signed it, from the root's end down and the
/// root itself last: who has no key of a trusted authority fails at the first.
pub fn links(chain: &[Certificate]) -> impl Iterator<Item = (usize, &Certificate, &Certificate)> {
    let issued = chain.iter().zip(chain.iter().skip(1)).enumerate().rev();
    let issued = issued.map(|(position, (subject, issuer))| (position, subject, issuer));
    let root = chain.last().map(|root| (chain.len().saturating_sub(1), root, root));
    issued.chain(iter::once(root).flatten())
}

/// Checks the signature of one of [`links`], of a chain that [`check`] has let pass.
pub fn verify_link(
    certificate: &Certificate,
    issuer: &PublicKey,
    spend: &Spend,
) -> Result<Result<(), SignatureError>, Exhausted> {
    if certificate.is_signed_over_sha1() {
        return certificate.verify_signed_over_sha1(issuer, spend);
    }
    certificate.verify_signed_by(issuer, spend)
}

/// spec: §Other requirements "The certificates in the signature MUST be ordered list of X.509
/// certificate or certificate chain i.e. the certificate containing the public key used to digitally
/// sign the payload must be the first certificate, followed by the intermediate and root
/// certificates in the correct order"
fn order(chain: &[Certificate]) -> Result<(), ChainError> {
    for (position, (subject, issuer)) in chain.iter().zip(chain.iter().skip(1)).enumerate() {
        if subject.issuer_der() != issuer.subject_der() {
            return Err(ChainError::NotIssuedBy { position });
        }
        // Self-issued is no fault: a leaf may have its root's name. Self-signed is one; as the next
        // certificate's key will have to have signed this one, it is told by the key.
        if is_self_issued(subject) && subject.spki_der() == issuer.spki_der() {
            return Err(ChainError::SelfSigned { position });
        }
    }
    // spec: §Other requirements "Valid certificate chain MUST contain a root certificate"
    match chain.last() {
        Some(root) if is_self_issued(root) => Ok(()),
        Some(_) => Err(ChainError::RootMissing),
        None => Err(ChainError::Empty),
    }
}

fn is_self_issued(certificate: &Certificate) -> bool {
    certificate.subject_der() == certificate.issuer_der()
}

/// spec: §Root and Intermediate CA Certificates
fn authority(certificate: &Certificate, below: usize, profile: Profile) -> Result<(), ChainError> {
    let position = below.saturating_add(1);
    // "The `basicConstraints` extension MUST be present and MUST be marked as critical. The `cA`
    // field MUST be set to `true`."
    let Some(basic) = certificate
        .basic_constraints()
        .filter(|basic| basic.ca && (basic.critical || profile == Profile::Compat))
    else {
        return Err(ChainError::BasicConstraints { position, expected: "critical, CA:TRUE" });
    };
    // "If present, it MUST be verified against the depth of the chain below that CA certificate."
    if basic.path_len.is_some_and(|most| usize::from(most) < below) {
        return Err(ChainError::PathLength { position, below });
    }
    // "the `keyUsage` extension MUST be present and MUST be marked critical. … Bit positions for
    // `keyCertSign` MUST be set."
    match certificate.key_usage() {
        Some(usage) if usage.critical && usage.key_cert_sign => Ok(()),
        _ => Err(ChainError::KeyUsage { position, expected: "critical, keyCertSign" }),
    }
}

/// spec: §Leaf Certificates
fn leaf(certificate: &Certificate, profile: Profile) -> Result<PublicKey, ChainError> {
    // "If present, the `cA` field MUST be set to `false`."
    if certificate.is_ca() {
        return Err(ChainError::BasicConstraints { position: 0, expected: "CA:FALSE" });
    }
    // "the `keyUsage` extension MUST be present and MUST be marked critical. … Bit positions for
    // `digitalSignature` MUST be set. The Bit positions for `keyEncipherment`, `dataEncipherment`,
    // `keyAgreement`, `keyCertSign`, `encipherOnly`, `decipherOnly` and `cRLSign` MUST NOT be set."
    let fits = certificate.key_usage().is_some_and(|usage| {
        usage.critical
            && usage.digital_signature
            && !usage.key_cert_sign
            && !usage.crl_sign
            && !usage.encipherment
    });
    if !fits {
        return Err(ChainError::KeyUsage {
            position: 0,
            expected: "critical, digitalSignature, and none but contentCommitment beside it",
        });
    }
    // "the value MAY contain `id-kp-codeSigning` and MUST NOT contain `anyExtendedKeyUsage`,
    // `serverAuth`, `clientAuth`, `emailProtection` and `timeStamping`"
    let excluded = |purpose: &&ObjectIdentifier| {
        EXCLUDED_PURPOSES.contains(purpose)
            || (**purpose == ANY_PURPOSE && profile == Profile::Spec)
    };
    let purposes = certificate.extended_key_usage().map_or(&[][..], |usage| &usage.purposes);
    if let Some(purpose) = purposes.iter().find(excluded) {
        return Err(ChainError::ExtendedKeyUsage { purpose: *purpose });
    }
    // spec: §Algorithm Selection, which defines an algorithm for these and no other.
    let key = certificate.public_key().map_err(|error| ChainError::Key { position: 0, error })?;
    match key.kind() {
        KeyKind::Rsa(2048 | 3072 | 4096) | KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => Ok(key),
        kind => Err(ChainError::KeySize { kind }),
    }
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BasicConstraints { position, .. } => {
                write!(
                    f,
                    "basicConstraints of certificate {position} of the chain are not those of its role"
                )
            }
            Self::Empty => f.write_str("the certificate chain is empty"),
            Self::ExtendedKeyUsage { purpose } => {
                write!(f, "the signing certificate has the purpose {purpose}")
            }
            Self::Key { position, error } => {
                write!(f, "certificate {position} of the chain: {error}")
            }
            Self::KeySize { kind } => write!(f, "no signature algorithm is defined for {kind}"),
            Self::KeyUsage { position, .. } => {
                write!(f, "keyUsage of certificate {position} of the chain is not that of its role")
            }
            Self::NotIssuedBy { position } => {
                write!(f, "certificate {position} of the chain is not issued by the next one")
            }
            Self::PathLength { position, below } => {
                write!(
                    f,
                    "certificate {position} of the chain allows fewer than {below} authorities below it"
                )
            }
            Self::RootMissing => {
                f.write_str("the chain does not end with a self-signed certificate")
            }
            Self::SelfSigned { position } => {
                write!(f, "certificate {position} of the chain is self-signed and not the last one")
            }
            Self::WeakSignature { position, oid } => {
                write!(f, "certificate {position} of the chain is signed with the algorithm {oid}")
            }
        }
    }
}
