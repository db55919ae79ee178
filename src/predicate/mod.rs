//! What a verified attestation says, held against what the policy asks of it.
//!
//! Everything here sees only bytes whose signature, subject and type were verified before. A check
//! is linear in its document: what is looked up often is put into a map once.

pub mod approvals;
mod document;
mod few;
mod glob;
pub mod provenance;
mod purl;
pub mod sbom;
mod uri;
pub mod vsa;
pub mod vulnerabilities;

use serde_json::Value;

use crate::{
    time::{Now, Time},
    verdict::Reason,
};

pub use approvals::Approvals;
pub use document::{asserted_time, opened, unwrapped};
pub use glob::{Glob, GlobError};
pub use provenance::Provenance;
pub use sbom::Sbom;
pub use vsa::Vsa;
pub use vulnerabilities::Vulnerabilities;

/// One verified document.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// Its predicate type; for a signed referrer, its artifact type.
    pub predicate_type: &'a str,
    /// What it says; for cosign's `custom`, without `{Data, Timestamp}` around it.
    pub predicate: &'a Value,
    /// When it was made, as far as something signed says so.
    pub made: Option<Time>,
}

/// What a check may know beside its document.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The time of the decision.
    pub now: Now<'a>,
    /// Normalised `registry/repository` of the image.
    pub repository: &'a str,
    /// Digest of the image, as `sha256:…`.
    pub digest: &'a str,
    /// Verified VEX documents about the image, in no particular order.
    pub vex: &'a [Document<'a>],
}

/// One typed check of an attestation requirement.
#[derive(Clone, Debug)]
pub enum Check {
    /// `approvals`.
    Approvals(Approvals),
    /// `provenance`.
    Provenance(Provenance),
    /// `sbom`.
    Sbom(Sbom),
    /// `vsa`.
    Vsa(Vsa),
    /// `vulnerabilities`.
    Vulnerabilities(Box<Vulnerabilities>),
}

impl Check {
    /// The policy's name for it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Approvals(_) => "approvals",
            Self::Provenance(_) => "provenance",
            Self::Sbom(_) => "sbom",
            Self::Vsa(_) => "vsa",
            Self::Vulnerabilities(_) => "vulnerabilities",
        }
    }

    /// One line of what was seen, or everything that is wrong, what matters most first.
    pub fn check(
        &self,
        document: &Document<'_>,
        context: &Context<'_>,
    ) -> Result<String, Vec<Reason>> {
        match self {
            Self::Approvals(check) => check.check(document, context),
            Self::Provenance(check) => check.check(document, context),
            Self::Sbom(check) => check.check(document, context),
            Self::Vsa(check) => check.check(document, context),
            Self::Vulnerabilities(check) => check.check(document, context),
        }
    }
}
