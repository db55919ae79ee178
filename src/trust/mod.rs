//! Whom the policy believes.

pub mod identity;

pub use identity::{DistinguishedName, IdentityError, TrustedIdentity, check_overlap};
