//! Public-key operations, counted and remembered.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use sha2::{Digest, Sha256};

use super::{
    PublicKey, Scheme, SignatureError, rsa_schemes, verify_digest, verify_sha1_signature,
    verify_signature,
};

/// The budget has no operation left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

/// What one decision already knows of signatures on certificates: those of a CA come again with
/// every leaf. A pure function is remembered, so nothing depends on the order.
#[derive(Clone, Debug, Default)]
pub struct Memo(Arc<Mutex<Known>>);

type Known = BTreeMap<[u8; 32], Result<(), SignatureError>>;

/// The signature operations that one authority may still make on one image.
#[derive(Debug, Default)]
pub struct Spend {
    left: AtomicU64,
    used: AtomicU64,
    memo: Memo,
}

impl Spend {
    /// With `most` operations.
    pub fn new(most: u64, memo: Memo) -> Self {
        Self { left: AtomicU64::new(most), used: AtomicU64::new(0), memo }
    }

    /// With at most `most` operations left.
    #[must_use]
    pub fn capped(self, most: u64) -> Self {
        self.left.fetch_min(most, Relaxed);
        self
    }

    /// Operations made so far.
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Operations left.
    pub fn left(&self) -> u64 {
        self.left.load(Relaxed)
    }

    /// Takes one operation, or says that the budget does not have it.
    fn take(&self) -> Result<(), Exhausted> {
        self.left
            .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1))
            .map_err(|_| Exhausted)?;
        self.used.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Checks one signature and pays for it. The outer error is the budget's.
    pub fn verify_signature(
        &self,
        key: &PublicKey,
        scheme: Scheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<Result<(), SignatureError>, Exhausted> {
        self.take()?;
        Ok(verify_signature(key, scheme, message, signature))
    }

    /// The same over a message of which the digest is at hand.
    pub fn verify_digest(
        &self,
        key: &PublicKey,
        scheme: Scheme,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<Result<(), SignatureError>, Exhausted> {
        self.take()?;
        Ok(verify_digest(key, scheme, digest, signature))
    }

    /// The same over SHA-1, where it proves nothing.
    pub fn verify_sha1_signature(
        &self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<Result<(), SignatureError>, Exhausted> {
        self.take()?;
        Ok(verify_sha1_signature(key, message, signature))
    }

    /// The schemes that an RSA signature can be of, for one operation.
    pub fn rsa_schemes(
        &self,
        key: &PublicKey,
        signature: &[u8],
    ) -> Result<&'static [Scheme], Exhausted> {
        self.take()?;
        Ok(rsa_schemes(key, signature))
    }

    /// The same for a signature that the decision may meet again, such as a CA's on a certificate:
    /// it is paid for once.
    pub fn verify_once(
        &self,
        key: &PublicKey,
        scheme: Scheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<Result<(), SignatureError>, Exhausted> {
        let id = id(key, scheme, message, signature);
        let known = self.memo.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let result = self.verify_signature(key, scheme, message, signature)?;
        self.memo.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, result);
        Ok(result)
    }
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no signature operation is left in the budget")
    }
}

fn id(key: &PublicKey, scheme: Scheme, message: &[u8], signature: &[u8]) -> [u8; 32] {
    // Each part has a fixed size or is hashed first: no two questions have one name.
    let mut hash = Sha256::new();
    hash.update(key.spki_sha256());
    hash.update(Sha256::digest(format!("{scheme:?}")));
    hash.update(Sha256::digest(signature));
    hash.update(message);
    hash.finalize().into()
}
