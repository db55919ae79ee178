//! Why a certificate was revoked, and why it is not known whether it was.

use std::fmt;

use super::{MOST_CRL_BYTES, MOST_OCSP_BYTES, MOST_URLS};
use crate::time::Time;

/// CRLReason, [RFC 5280 §5.3.1](https://www.rfc-editor.org/rfc/rfc5280#section-5.3.1). Numbers that
/// are not defined there are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason(pub u8);

impl Reason {
    /// No reason is given.
    pub const UNSPECIFIED: Self = Self(0);
    /// On hold, until it is removed from the list or revoked for good.
    pub const CERTIFICATE_HOLD: Self = Self(6);
    /// No longer on hold.
    pub const REMOVE_FROM_CRL: Self = Self(8);
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "unspecified",
            1 => "keyCompromise",
            2 => "cACompromise",
            3 => "affiliationChanged",
            4 => "superseded",
            5 => "cessationOfOperation",
            6 => "certificateHold",
            8 => "removeFromCRL",
            9 => "privilegeWithdrawn",
            10 => "aACompromise",
            other => return write!(f, "reason {other}"),
        })
    }
}

/// Why it is not known whether a certificate is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevocationError {
    /// The response answers twice.
    Ambiguous,
    /// A critical extension that is not understood, by object identifier.
    CriticalExtension(String),
    /// A delta CRL that does not go with its base; the words say why.
    Delta(&'static str),
    /// Newer evidence must be there, or the evidence does not say until when it holds.
    Expired {
        /// When there was to be newer evidence.
        next_update: Option<Time>,
    },
    /// The certificate says that its CRL has deltas and the CRL does not say where.
    FreshestInCertificate,
    /// The CRL is that of another issuer.
    IssuerMismatch,
    /// The certificate's issuer may not sign CRLs.
    IssuerMayNotSign,
    /// Not as the specification says; the words say where.
    Malformed(&'static str),
    /// The response is about other certificates.
    NotAboutThis,
    /// The CRL covers other certificates, or not all reasons; the words say which.
    NotInScope(&'static str),
    /// Made in the future.
    NotYetValid {
        /// When it was made.
        this_update: Time,
    },
    /// Not fetched yet.
    Pending,
    /// The responder does not answer, with this OCSPResponseStatus.
    Refused(u8),
    /// The certificate of whoever signed the response is not fit for that; the words say why.
    Responder(&'static str),
    /// Not the signature of the issuer, or of whom it delegated.
    SignatureInvalid,
    /// The responder does not know the certificate.
    StatusUnknown,
    /// A response or CRL of more bytes than are looked at.
    TooLarge(usize),
    /// More addresses than are asked.
    TooManyUrls,
    /// Older than the policy allows.
    TooOld {
        /// When it was made.
        this_update: Time,
    },
    /// Nothing came from there; the words are the host's.
    Unavailable(String),
    /// An algorithm or key that is not accepted.
    UnsupportedAlgorithm(String),
    /// Not an `http://` address.
    UnsupportedUrl,
}

impl fmt::Display for RevocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambiguous => f.write_str("the OCSP response answers twice for the certificate"),
            Self::CriticalExtension(oid) => {
                write!(f, "a critical extension is not understood: {oid}")
            }
            Self::Delta(what) => write!(f, "the delta CRL does not go with its base: {what}"),
            Self::Expired { next_update: Some(next) } => write!(f, "expired at {next}"),
            Self::Expired { next_update: None } => {
                f.write_str("it does not say until when it holds")
            }
            Self::FreshestInCertificate => f.write_str(
                "the certificate names delta CRLs and its CRL does not, which is not supported",
            ),
            Self::IssuerMismatch => f.write_str("the CRL is that of another issuer"),
            Self::IssuerMayNotSign => f.write_str("the issuer's certificate may not sign CRLs"),
            Self::Malformed(what) => write!(f, "not valid: {what}"),
            Self::NotAboutThis => f.write_str("the OCSP response is about other certificates"),
            Self::NotInScope(what) => write!(f, "the CRL does not cover the certificate: {what}"),
            Self::NotYetValid { this_update } => write!(f, "not valid before {this_update}"),
            Self::Pending => f.write_str("not fetched yet"),
            Self::Refused(status) => {
                let words = match status {
                    1 => "malformed request",
                    2 => "internal error",
                    3 => "try later",
                    5 => "signature required",
                    6 => "unauthorized",
                    _ => "a status that is not defined",
                };
                write!(f, "the OCSP responder does not answer: {words} ({status})")
            }
            Self::Responder(what) => write!(f, "the OCSP responder's certificate {what}"),
            Self::SignatureInvalid => {
                f.write_str("not signed by the certificate's issuer, nor by whom it delegated")
            }
            Self::StatusUnknown => {
                f.write_str("the OCSP responder says that it does not know the certificate")
            }
            Self::TooLarge(bytes) => write!(
                f,
                "{bytes} bytes, more than {MOST_OCSP_BYTES} of a response or {MOST_CRL_BYTES} of a CRL"
            ),
            Self::TooManyUrls => write!(f, "more than {MOST_URLS} addresses of one kind"),
            Self::TooOld { this_update } => {
                write!(f, "made at {this_update}, longer ago than the policy allows")
            }
            Self::Unavailable(why) => write!(f, "not available: {why}"),
            Self::UnsupportedAlgorithm(what) => write!(f, "{what} is not accepted"),
            Self::UnsupportedUrl => f.write_str("not an http:// address"),
        }
    }
}
