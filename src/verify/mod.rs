//! The verification procedures, each in the order and the words of its specification.

pub mod cosign;
pub mod notation;

use std::collections::BTreeSet;

use crate::{
    crypto::{HashAlgorithm, HexDigests, PublicKey, Scheme, SignatureError, hex, verify_signature},
    trust::identity::subject_line,
    verdict::{Code, Reason},
    wire::Node,
    x509::{Certificate, SubjectAltName},
};

/// Who signed, as far as it was proven. Two signers are the same if they share an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// For people.
    pub name: String,
    /// `spki:<hex>` of a long-lived key, `san:<name>`, `subject:<name>`, `identity:<issuer> <san>`.
    pub ids: BTreeSet<String>,
}

impl Signer {
    /// The holder of a long-lived key.
    pub fn key(key: &PublicKey) -> Self {
        let fingerprint = hex(key.spki_sha256());
        Self {
            name: format!("{} key sha256:{fingerprint}", key.kind()),
            ids: BTreeSet::from([format!("spki:{fingerprint}")]),
        }
    }

    /// The holder of a certificate whose chain was checked: the same key, the same subject or the
    /// same alternative name, under any root, is the same signer.
    pub fn certificate(leaf: &Certificate, key: &PublicKey) -> Self {
        let subject = subject_line(leaf.subject());
        let names = leaf.subject_alt_names();
        let mut ids = BTreeSet::from([format!("spki:{}", hex(key.spki_sha256()))]);
        if !subject.is_empty() {
            ids.insert(format!("subject:{subject}"));
        }
        ids.extend(names.iter().filter_map(SubjectAltName::text).map(|n| format!("san:{n}")));
        let name = names.first().map_or_else(|| subject.clone(), ToString::to_string);
        Self { name, ids }
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
    /// A digest of the raw bytes, where they are there to hash.
    pub fn hash(&self, algorithm: HashAlgorithm) -> Option<String> {
        Some(self.digests.of(algorithm, self.bytes.as_deref()?))
    }
}

/// The signature operations that one authority may still make on one image.
#[derive(Clone, Debug)]
pub struct Spend {
    left: u64,
    used: u64,
}

impl Spend {
    /// With `most` operations.
    pub fn new(most: u64) -> Self {
        Self { left: most, used: 0 }
    }

    /// With at most `most` operations left.
    #[must_use]
    pub fn capped(self, most: u64) -> Self {
        Self { left: self.left.min(most), ..self }
    }

    /// Operations made so far.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Operations left.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Takes `count` operations, or says that the budget does not have them.
    pub fn take(&mut self, count: u64) -> Result<(), Reason> {
        let Some(left) = self.left.checked_sub(count) else {
            self.used = self.used.saturating_add(self.left);
            self.left = 0;
            return Err(Reason::of(Code::BudgetSignatures));
        };
        self.left = left;
        self.used = self.used.saturating_add(count);
        Ok(())
    }

    /// Checks one signature and pays for it. The outer error is the budget's.
    pub fn verify_signature(
        &mut self,
        key: &PublicKey,
        scheme: Scheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<Result<(), SignatureError>, Reason> {
        self.take(1)?;
        Ok(verify_signature(key, scheme, message, signature))
    }
}
