//! What a policy says about Notation's signatures: whose count, and how strictly
//! (trust store and trust policy §Trust Policy).

use std::collections::BTreeMap;

use crate::{
    trust::TrustedIdentity,
    x509::{Certificate, notation_profile::Profile},
};

/// Whose signatures count, and how strictly.
#[derive(Clone, Debug)]
pub struct NotationAuthority {
    /// The `ca` trust store, for the scheme `notary.x509`.
    pub ca: Vec<Certificate>,
    /// The `signingAuthority` trust store, for the scheme `notary.x509.signingAuthority`.
    pub signing_authority: Vec<Certificate>,
    /// The `tsa` trust store: where it is empty, no timestamp is looked at.
    pub tsa: Vec<Certificate>,
    /// When a timestamp is asked for.
    pub verify_timestamp: VerifyTimestamp,
    /// What happens where a validation fails.
    pub actions: Actions,
    /// What happens where a certificate is revoked, or nobody can tell.
    pub revocation: Revocation,
    /// The same for the certificates of timestamp authorities, inside the authentic timestamp.
    pub tsa_revocation: Revocation,
    /// Seconds that the evidence of revocation may be old, against replay.
    pub max_evidence_age: Option<i64>,
    /// Who of the trust store may sign.
    pub trusted_identities: Vec<TrustedIdentity>,
    /// Signed annotations that must be there.
    pub user_metadata: BTreeMap<String, String>,
    /// Which reading of the specification holds.
    pub profile: Profile,
}

/// When a signature under `notary.x509` must have a timestamp, given a `tsa` store.
///
/// spec: TP §Trust Policy Properties, `verifyTimestamp`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerifyTimestamp {
    /// Always.
    #[default]
    Always,
    /// Once a certificate of its chain has expired.
    AfterCertExpiry,
}

/// What happens where a validation fails.
///
/// spec: TP §Signature Verification details "each of these validations is *enforced* or *logged*"
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The signature fails.
    Enforce,
    /// The failure is reported, and the signature counts.
    Log,
}

/// The validations that have two choices. Integrity is always enforced; revocation has three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actions {
    /// The chain leads to the trust store, and the signer is a trusted identity.
    pub authenticity: Action,
    /// The certificates were valid when the signature was made.
    pub authentic_timestamp: Action,
    /// The signature is not past its best.
    pub expiry: Action,
}

/// What happens where a certificate is revoked, or nobody can tell.
///
/// spec: TP §Signature Verification details; for timestamp authorities "Revocation check … is always
/// enforced", and the rest is our extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The signature fails.
    Enforce,
    /// It is reported, and the signature counts.
    Log,
    /// Nobody is asked.
    Skip,
}

/// Verification levels, without `skip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `strict`.
    Strict,
    /// `permissive`.
    Permissive,
    /// `audit`.
    Audit,
}

impl Level {
    /// spec: TP §Signature Verification details, the table of levels.
    pub const fn actions(self) -> Actions {
        let (authenticity, time) = match self {
            Self::Strict => (Action::Enforce, Action::Enforce),
            Self::Permissive => (Action::Enforce, Action::Log),
            Self::Audit => (Action::Log, Action::Log),
        };
        Actions { authenticity, authentic_timestamp: time, expiry: time }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_the_specification() {
        use Action::{Enforce, Log};
        for (level, authenticity, time) in [
            (Level::Strict, Enforce, Enforce),
            (Level::Permissive, Enforce, Log),
            (Level::Audit, Log, Log),
        ] {
            let actions = Actions { authenticity, authentic_timestamp: time, expiry: time };
            assert_eq!(level.actions(), actions);
        }
    }
}
