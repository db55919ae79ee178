//! Revocation from evidence that somebody else fetched: OCSP
//! ([RFC 6960](https://www.rfc-editor.org/rfc/rfc6960)) and CRLs
//! ([RFC 5280 §5](https://www.rfc-editor.org/rfc/rfc5280#section-5)), as Notation's trust policy
//! specification §Certificate Revocation Evaluation orders them.
//!
//! [`evaluate()`] takes a chain, what was fetched and the time, and says of each certificate whether
//! it is revoked, and what is still to be fetched. Evidence is signed, so whoever fetches it can
//! withhold it and replay what has not expired, and nothing else: what is withheld is
//! [`Status::Unknown`], which a policy that enforces revocation refuses.

mod algorithm;
mod cert_id;
mod crl;
mod elements;
mod evaluate;
mod list;
mod ocsp;
mod reason;
mod request;
mod response;

pub use evaluate::evaluate;
pub use reason::{Reason, RevocationError};
pub use request::{get_url, ocsp_request};

use crate::{
    crypto::Exhausted,
    time::{Now, Time},
    x509::{Certificate, notation_profile::Profile},
};

/// Bytes of one OCSP response: notation-go reads no more (real ones have 0.5 to 4 KiB).
pub const MOST_OCSP_BYTES: usize = 20_480;

/// Bytes of one CRL. notation-go reads 32 MiB; a code-signing CA's has kilobytes, and a CRL of
/// 100,000 entries some 4 MiB. A module has 4 GiB for all of a decision's evidence at the very most.
pub const MOST_CRL_BYTES: usize = 8 << 20;

/// Locations of one kind in one certificate or CRL. More than one distribution point is "NOT
/// RECOMMENDED" (CA/Browser Forum, Baseline Requirements §7.1.2.11.2); real certificates have one to
/// three.
pub const MOST_URLS: usize = 8;

/// How far clocks may differ, in seconds: five minutes, as `openssl ocsp` has it.
pub const SKEW: i64 = 300;

/// What a host has found at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// The body of the response.
    Found(&'a [u8]),
    /// Nobody asked yet: the report will list it. Who cannot ask says `Unavailable`.
    Missing,
    /// Asked, or not to be asked, and nothing came; the words say why.
    Unavailable(String),
}

/// What was fetched.
pub trait Evidence {
    /// What the responder at `url` answers to `request` (DER of an OCSPRequest).
    fn ocsp(&self, url: &str, request: &[u8]) -> Answer<'_>;

    /// The CRL at `url`.
    fn crl(&self, url: &str) -> Answer<'_>;
}

/// When an OCSP response says that it knows what it says: the latest `thisUpdate` in it, of which
/// nothing was verified.
pub fn ocsp_this_update(der: &[u8]) -> Option<Time> {
    let response = response::Response::parse(der).ok()?;
    response.singles().filter_map(|single| Some(single.ok()?.this_update)).max()
}

/// The `thisUpdate` of a CRL, of which nothing was verified.
pub fn crl_this_update(der: &[u8]) -> Option<Time> {
    Some(list::List::parse(der).ok()?.this_update)
}

/// What is to be fetched before there is an answer. Only `http://` addresses.
///
/// They come from certificates: ask for them only once the chain is one that is trusted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needed {
    /// A CRL.
    Crl {
        /// Where it is.
        url: String,
    },
    /// The answer of an OCSP responder.
    Ocsp {
        /// Where it is.
        url: String,
        /// DER of an OCSPRequest, for POST; [`get_url`] makes the address for GET.
        request: Vec<u8>,
    },
}

/// What holds for all of a chain.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Whose reading of the specification.
    pub profile: Profile,
    /// The time of the decision.
    pub now: Now<'a>,
    /// When the signature was made, where that is authentic (Notation's signing authority says so;
    /// a countersignature does not count, as in notation-go). A revocation that says since when the
    /// key is not to be trusted spares earlier signatures.
    pub signed_at: Option<Time>,
    /// Seconds that may have passed since the evidence was made (`thisUpdate`), against replay.
    pub max_age: Option<i64>,
}

/// What is known of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Whoever issued it says that it was not revoked.
    Ok,
    /// There is nobody to ask: it names neither a responder nor a CRL, or it is the root.
    NonRevokable,
    /// Revoked.
    Revoked(Revocation),
    /// Nobody could say; the reason is that of the last who was asked.
    Unknown(RevocationError),
}

/// When and why a certificate was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The time that was given, which may be in the future.
    pub at: Time,
    /// The reason.
    pub reason: Reason,
}

/// How the status was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A CRL.
    Crl,
    /// OCSP.
    Ocsp,
    /// A CRL, as OCSP had no answer.
    OcspFallbackCrl,
}

/// One certificate's status, and how it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The status.
    pub status: Status,
    /// How it was found; nothing where nobody was to be asked.
    pub method: Option<Method>,
    /// Who was asked in vain, in order, and why that was in vain.
    pub failures: Vec<(String, RevocationError)>,
}

/// What is known of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// In the chain's order, the leaf first.
    pub findings: Vec<Finding>,
    /// What is to be fetched, sorted, each once. While it is not empty, the status of some
    /// certificate is [`RevocationError::Pending`].
    pub needed: Vec<Needed>,
}

/// What is known of a chain, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overall {
    /// No certificate is revoked.
    Good,
    /// This one is revoked, the first from the leaf.
    Revoked {
        /// Its position, 0 is the leaf.
        position: usize,
    },
    /// None is known to be revoked, and of this one it is not known, the first from the leaf.
    Unknown {
        /// Its position, 0 is the leaf.
        position: usize,
    },
}

impl Report {
    /// Requirement 100: "any Revoked" beats "any Unknown", which beats the rest. A chain without a
    /// certificate is nobody's.
    pub fn overall(&self) -> Overall {
        let first = |wanted: fn(&Status) -> bool| {
            self.findings.iter().position(|finding| wanted(&finding.status))
        };
        if let Some(position) = first(|status| matches!(status, Status::Revoked(_))) {
            return Overall::Revoked { position };
        }
        match first(|status| matches!(status, Status::Unknown(_))) {
            Some(position) => Overall::Unknown { position },
            None if self.findings.is_empty() => Overall::Unknown { position: 0 },
            None => Overall::Good,
        }
    }
}

/// What evidence says of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Good,
    Revoked(Revocation),
}

/// Why there is no outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stop {
    Exhausted,
    Unknown(RevocationError),
}

impl From<Exhausted> for Stop {
    fn from(_: Exhausted) -> Self {
        Self::Exhausted
    }
}

impl From<RevocationError> for Stop {
    fn from(error: RevocationError) -> Self {
        Self::Unknown(error)
    }
}

impl Terms<'_> {
    fn strict(&self) -> bool {
        self.profile == Profile::Spec
    }

    /// Requirements 101 and 105: nothing is said to be known that was not known by now. An answer
    /// without an end never ends; RFC 6960 §4.2.2.1 has newer ones at any time, RFC 5280 §5.1.2.5
    /// demands one, and notation-go takes both for expired.
    fn check_times(&self, this: Time, next: Option<Time>) -> Result<(), RevocationError> {
        // D10: notation-go takes evidence from the future.
        if self.strict() && !self.now.has_reached(this.minus(SKEW)) {
            return Err(RevocationError::NotYetValid { this_update: this });
        }
        if next.is_none_or(|next| self.now.has_passed(next)) {
            return Err(RevocationError::Expired { next_update: next });
        }
        Ok(())
    }

    /// The policy's bound against replay (requirement 110).
    fn check_age(&self, this: Time) -> Result<(), RevocationError> {
        if self.max_age.is_some_and(|most| self.now.has_passed(this.plus(most))) {
            return Err(RevocationError::TooOld { this_update: this });
        }
        Ok(())
    }

    /// Requirements 102 and 108: the key is not trusted from `invalidity` on, and the signature is
    /// from before that.
    fn spares(&self, invalidity: Option<Time>) -> bool {
        matches!((self.signed_at, invalidity), (Some(signed), Some(since)) if signed < since)
    }
}

/// A certificate and who issued it.
#[derive(Clone, Copy, Debug)]
struct Pair<'a> {
    certificate: &'a Certificate,
    issuer: &'a Certificate,
}
