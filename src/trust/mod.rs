//! Whom the policy believes.

pub mod identity;
pub mod sigstore;

pub use identity::{DistinguishedName, IdentityError, TrustedIdentity, check_overlap};
