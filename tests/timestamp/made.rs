//! Tokens that are made here.

use std::convert::Infallible;

use countersign::{
    timestamp::{Timestamp, TimestampError},
    x509::Certificate,
};
use rsa::{
    pss,
    rand_core::{TryCryptoRng, TryRng},
};
use sha2::Sha256;
use signature::{RandomizedSigner, SignatureEncoding};

use crate::{
    data::Trust,
    sigstore::{
        keys::Key,
        tsa::{Embedded, Stamp, Tsa},
    },
    tree::Node,
};

pub(crate) const MESSAGE: &[u8] = b"a signature";

/// Places in a bare token with certificates.
pub(crate) const SIGNED_DATA: &[usize] = &[1, 0];
pub(crate) const DIGESTS: &[usize] = &[1, 0, 1];
pub(crate) const CONTENT: &[usize] = &[1, 0, 2];
pub(crate) const CERTIFICATES: &[usize] = &[1, 0, 3];
pub(crate) const SIGNERS: &[usize] = &[1, 0, 4];
pub(crate) const SIGNER: &[usize] = &[1, 0, 4, 0];

/// A TSA whose leaf has a P-256 key.
pub(crate) fn tsa() -> Tsa {
    Tsa::new("stamps", Key::p256("TSA"))
}

/// A bare token with its chain, of [`tsa`].
pub(crate) fn stamp() -> Stamp {
    let mut stamp = tsa().stamp();
    stamp.bare = true;
    stamp.embedded = Embedded::Chain;
    stamp
}

/// As Sigstore's trusted root has it: every certificate is named.
pub(crate) fn named(tsa: &Tsa) -> Trust {
    let mut chain: Vec<_> =
        tsa.chain().iter().map(|der| Certificate::from_der(der).unwrap()).collect();
    let root = chain.pop().unwrap();
    let leaf = Some(chain.remove(0));
    Trust { leaf, intermediates: chain, roots: vec![root] }
}

/// As Notation's trust store has it: the root.
pub(crate) fn store(tsa: &Tsa) -> Trust {
    Trust::root(named(tsa).roots.remove(0))
}

/// The token under both kinds of trust, which agree.
pub(crate) fn verify(stamp: &Stamp, token: &[u8]) -> Result<Timestamp, TimestampError> {
    let by_store = store(&stamp.tsa).verify(token, MESSAGE);
    let by_name = named(&stamp.tsa).verify(token, MESSAGE);
    assert_eq!(by_store, by_name);
    by_store
}

/// With one change of what is not signed.
pub(crate) fn edited(change: impl FnOnce(&mut Node)) -> Vec<u8> {
    let mut root = Node::parse(&stamp().make(MESSAGE));
    change(&mut root);
    root.encode()
}

/// With one change of the signed attributes, before they are signed.
pub(crate) fn signed(change: impl FnOnce(&mut Vec<Node>)) -> Vec<u8> {
    let stamp = stamp();
    edited(|root| {
        let signer = root.at(SIGNER).children();
        change(signer[3].children());
        let mut set = signer[3].clone();
        set.tag = 0x31;
        *signer[5].bytes() = stamp.tsa.leaf.key.sign(&set.encode());
    })
}

/// RSASSA-PSS with SHA-256 and a salt that is always the same.
pub(crate) fn pss(key: &Key, message: &[u8]) -> Vec<u8> {
    let Key::Rsa(key) = key else { panic!("not an RSA key") };
    pss::SigningKey::<Sha256>::new((**key).clone()).sign_with_rng(&mut Fixed, message).to_vec()
}

struct Fixed;

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0x0101_0101)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0x0101_0101_0101_0101)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(1);
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}
