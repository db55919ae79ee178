//! Timestamps of a TSA ([RFC 3161](https://www.rfc-editor.org/rfc/rfc3161)): what a token says
//! ([`Token`]), and whether to believe it ([`verify()`]).
//!
//! Sigstore and Notation both use it; what differs between them is the [`Authority`]. A token is CMS
//! SignedData ([RFC 5652 §5](https://www.rfc-editor.org/rfc/rfc5652#section-5)), read as DER only:
//! no token of a real tool needs BER (Sigstore's, GlobalSign's, Microsoft's and FreeTSA's are DER),
//! and RFC 5652 §5.3 demands DER of the part that is signed.

mod algorithm;
mod attributes;
mod cms;
mod elements;
mod tst_info;
mod verify;

use std::fmt;

pub use cms::Token;
pub use verify::{Authority, Timestamp, verify};

use crate::{crypto::Exhausted, x509::path::PathError};

/// Bytes of a token. Real ones have 0.5 to 8 KiB, most of it certificates.
pub const MOST_BYTES: usize = 64 << 10;

/// Why a token proves no time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimestampError {
    /// More signature operations than the budget has left.
    Budget,
    /// At the time of the token, a certificate of the TSA had expired.
    CertificateExpired,
    /// At the time of the token, a certificate of the TSA was not valid yet.
    CertificateNotYetValid,
    /// A certificate of the TSA is not fit for its role; the words say how.
    CertificateProfile(&'static str),
    /// The token is about another message.
    ImprintMismatch,
    /// Not a token as its specifications say; the words say where.
    Malformed(&'static str),
    /// The TSA's answer is a refusal, with this PKIStatus.
    NotGranted(u8),
    /// Not the signature of the TSA's key over this token.
    SignatureInvalid,
    /// Nobody is there who could be the signer: no certificate is the one that the token names, or
    /// it names another one than the trust material.
    SignerUnknown,
    /// Larger than is looked at.
    TooLarge(usize),
    /// An algorithm that is not supported, by object identifier or name.
    UnsupportedAlgorithm(String),
    /// The signer does not chain to a root.
    Untrusted,
    /// An algorithm that is broken or too weak, by name.
    WeakAlgorithm(String),
}

impl From<Exhausted> for TimestampError {
    fn from(_: Exhausted) -> Self {
        Self::Budget
    }
}

impl From<PathError> for TimestampError {
    fn from(error: PathError) -> Self {
        match error {
            PathError::Budget => Self::Budget,
            PathError::Expired => Self::CertificateExpired,
            PathError::NotYetValid => Self::CertificateNotYetValid,
            PathError::Profile(what) => Self::CertificateProfile(what),
            PathError::Untrusted => Self::Untrusted,
        }
    }
}

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Budget => write!(f, "{Exhausted}"),
            Self::CertificateExpired => {
                f.write_str("a certificate of the TSA had expired at the time of the timestamp")
            }
            Self::CertificateNotYetValid => f.write_str(
                "a certificate of the TSA was not valid yet at the time of the timestamp",
            ),
            Self::CertificateProfile(what) => write!(f, "the TSA's certificates: {what}"),
            Self::ImprintMismatch => f.write_str("the timestamp is about another signature"),
            Self::Malformed(what) => write!(f, "not a valid RFC 3161 timestamp: {what}"),
            Self::NotGranted(status) => {
                write!(f, "the TSA did not grant a timestamp (PKIStatus {status})")
            }
            Self::SignatureInvalid => f.write_str("the timestamp's signature is not valid"),
            Self::SignerUnknown => {
                f.write_str("the timestamp was not made with a certificate that is known here")
            }
            Self::TooLarge(bytes) => {
                write!(f, "a timestamp of {bytes} bytes, more than {MOST_BYTES}")
            }
            Self::UnsupportedAlgorithm(what) => {
                write!(f, "the timestamp uses {what}, which is not supported")
            }
            Self::Untrusted => {
                f.write_str("the TSA's certificate does not chain to a trusted root")
            }
            Self::WeakAlgorithm(what) => write!(f, "the timestamp uses {what}, which is too weak"),
        }
    }
}
