//! Fulcio: a chain of authorities.

use super::{
    certificate::{CODE_SIGNING, Certificate, Issuer},
    keys::Key,
};

/// A chain of authorities, root first, in which every certificate can be changed before it is
/// issued.
#[derive(Clone)]
pub(crate) struct Ca {
    pub(crate) uri: String,
    pub(crate) authorities: Vec<Certificate>,
}

impl Ca {
    /// A root and an intermediate.
    pub(crate) fn new(name: &str) -> Self {
        Self::of_depth(name, 2)
    }

    /// A root alone, or a root and `depth - 1` intermediates.
    pub(crate) fn of_depth(name: &str, depth: usize) -> Self {
        let mut keys: Vec<Key> = (0..depth).map(|n| Key::p256(&format!("{name} CA {n}"))).collect();
        keys[0] = Key::p384(&format!("{name} CA root"));
        Self::of_keys(name, keys)
    }

    pub(crate) fn of_keys(name: &str, keys: Vec<Key>) -> Self {
        let mut authorities: Vec<Certificate> = Vec::new();
        let depth = keys.len();
        for (n, key) in keys.into_iter().enumerate() {
            let mut made = Certificate::authority(&format!("{name} CA {n}"), key);
            let issuer = authorities.last().unwrap_or(&made).as_issuer();
            made = made.identified_by(&issuer);
            if n > 0 {
                let below = (depth - 1 - n) as u8;
                made = made.basic(true, Some(below)).purposes(&[CODE_SIGNING]);
            }
            authorities.push(made);
        }
        Self { uri: format!("https://fulcio.{name}.test"), authorities }
    }

    /// Who issues to signers.
    pub(crate) fn issuer(&self) -> Issuer {
        self.authorities.last().unwrap().as_issuer()
    }

    /// DER, the issuer of signers first and the root last.
    pub(crate) fn chain(&self) -> Vec<Vec<u8>> {
        let mut issuers: Vec<_> = self.authorities.iter().map(Certificate::as_issuer).collect();
        issuers.insert(0, issuers[0].clone());
        let mut chain: Vec<_> =
            self.authorities.iter().zip(&issuers).map(|(c, issuer)| c.issued_by(issuer)).collect();
        chain.reverse();
        chain
    }
}
