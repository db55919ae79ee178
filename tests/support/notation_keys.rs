//! Fixed keys, and signatures of any form by them.

use std::{convert::Infallible, sync::OnceLock};

use rsa::{
    BoxedUint, RsaPrivateKey, pkcs1v15,
    pkcs8::EncodePublicKey,
    pss,
    rand_core::{TryCryptoRng, TryRng},
    traits::PublicKeyParts,
};
use sha2::{Digest, Sha256, Sha384, Sha512};
use signature::{RandomizedSigner, SignatureEncoding, Signer, hazmat::PrehashSigner};

use super::der;

const RSA_KEYS: &str = include_str!("notation_rsa.txt");

/// A key pair.
#[derive(Clone)]
pub(crate) enum Key {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
    Rsa(Box<RsaPrivateKey>),
    /// A public key that signs nothing: its SubjectPublicKeyInfo.
    Public(Vec<u8>),
}

/// How an envelope's signature is written.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// As the specification says.
    Normal,
    /// ECDSA as ASN.1 DER.
    Der,
    /// ECDSA with n − s in place of s.
    HighS,
    /// RSASSA-PSS with a salt of this length.
    Salt(usize),
    /// RSASSA-PKCS1-v1_5.
    Pkcs1,
}

/// Numbers that are always the same: PSS salts, and the blinding of RSA.
struct Fixed(u64);

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|n| (n >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Ok(self.0 ^ (self.0 >> 29))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

impl Key {
    /// P-256, one for each name.
    pub(crate) fn p256(name: &str) -> Self {
        Self::P256(p256::ecdsa::SigningKey::from_slice(&Sha256::digest(name)).unwrap())
    }

    pub(crate) fn p384(name: &str) -> Self {
        Self::P384(p384::ecdsa::SigningKey::from_slice(&Sha384::digest(name)).unwrap())
    }

    pub(crate) fn p521(name: &str) -> Self {
        let scalar = [&[0, 0][..], &Sha512::digest(name)].concat();
        Self::P521(p521::ecdsa::SigningKey::from_slice(&scalar).unwrap())
    }

    /// RSA of 2048, 3072 or 4096 bits.
    pub(crate) fn rsa(bits: usize) -> Self {
        static KEYS: OnceLock<Vec<(usize, RsaPrivateKey)>> = OnceLock::new();
        let keys = KEYS.get_or_init(|| {
            rsa_lines()
                .filter_map(|(bits, numbers)| {
                    let [p, q] = numbers.as_slice() else {
                        return None;
                    };
                    let key = RsaPrivateKey::from_p_q(
                        BoxedUint::from_be_slice_vartime(p),
                        BoxedUint::from_be_slice_vartime(q),
                        BoxedUint::from(65_537_u64),
                    );
                    Some((bits, key.unwrap()))
                })
                .collect()
        });
        Self::Rsa(Box::new(keys.iter().find(|(b, _)| *b == bits).unwrap().1.clone()))
    }

    /// An RSA key of a size that no algorithm is defined for.
    pub(crate) fn rsa_public(bits: usize) -> Self {
        let (_, numbers) = rsa_lines().find(|(b, n)| *b == bits && n.len() == 1).unwrap();
        let modulus = [&[0][..], &numbers[0]].concat();
        let key = der::sequence(&[der::tlv(2, &modulus), der::tlv(2, &[1, 0, 1])]);
        let algorithm = der::sequence(&[der::oid("1.2.840.113549.1.1.1"), der::tlv(5, &[])]);
        Self::Public(der::sequence(&[algorithm, der::bits(&key)]))
    }

    pub(crate) fn ed25519_public() -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
        let algorithm = der::sequence(&[der::oid("1.3.101.112")]);
        Self::Public(der::sequence(&[algorithm, der::bits(key.as_bytes())]))
    }

    /// The JWS name of the algorithm that Notation selects.
    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::P256(_) | Self::Public(_) => "ES256",
            Self::P384(_) => "ES384",
            Self::P521(_) => "ES512",
            Self::Rsa(key) => match key.size() {
                256 => "PS256",
                384 => "PS384",
                _ => "PS512",
            },
        }
    }

    /// SubjectPublicKeyInfo.
    pub(crate) fn spki(&self) -> Vec<u8> {
        let ec = |curve: &str, point: &[u8]| {
            let algorithm = der::sequence(&[der::oid("1.2.840.10045.2.1"), der::oid(curve)]);
            der::sequence(&[algorithm, der::bits(point)])
        };
        match self {
            Self::P256(key) => {
                ec("1.2.840.10045.3.1.7", key.verifying_key().to_sec1_point(false).as_bytes())
            }
            Self::P384(key) => {
                ec("1.3.132.0.34", key.verifying_key().to_sec1_point(false).as_bytes())
            }
            Self::P521(key) => {
                ec("1.3.132.0.35", key.verifying_key().to_sec1_point(false).as_bytes())
            }
            Self::Rsa(key) => key.to_public_key().to_public_key_der().unwrap().into_vec(),
            Self::Public(spki) => spki.clone(),
        }
    }

    /// Signs a certificate: AlgorithmIdentifier and signature.
    pub(crate) fn sign_certificate(&self, tbs: &dyn Fn(&[u8]) -> Vec<u8>) -> (Vec<u8>, Vec<u8>) {
        let ecdsa = |oid: &str| der::sequence(&[der::oid(oid)]);
        let algorithm = match self {
            Self::P256(_) => ecdsa("1.2.840.10045.4.3.2"),
            Self::P384(_) => ecdsa("1.2.840.10045.4.3.3"),
            Self::P521(_) => ecdsa("1.2.840.10045.4.3.4"),
            Self::Rsa(_) => der::sequence(&[der::oid("1.2.840.113549.1.1.11"), der::tlv(5, &[])]),
            Self::Public(_) => panic!("this key signs nothing"),
        };
        let message = tbs(&algorithm);
        let form = if matches!(self, Self::Rsa(_)) { Form::Pkcs1 } else { Form::Der };
        (algorithm, self.sign(&message, form))
    }

    /// Signs a certificate with RSA and SHA-1.
    pub(crate) fn sign_certificate_over_sha1(
        &self,
        tbs: &dyn Fn(&[u8]) -> Vec<u8>,
    ) -> (Vec<u8>, Vec<u8>) {
        let Self::Rsa(key) = self else {
            panic!("this key is not RSA");
        };
        let algorithm = der::sequence(&[der::oid("1.2.840.113549.1.1.5"), der::tlv(5, &[])]);
        let digest = countersign::crypto::sha1_name(&tbs(&algorithm));
        let sha1 = der::sequence(&[der::oid("1.3.14.3.2.26"), der::tlv(5, &[])]);
        let info = der::sequence(&[sha1, der::tlv(4, &digest)]);
        let signer = pkcs1v15::SigningKey::<Sha256>::new_unprefixed((**key).clone());
        (algorithm, signer.sign_prehash(&info).unwrap().to_vec())
    }

    /// Signs what an envelope signs.
    pub(crate) fn sign(&self, message: &[u8], form: Form) -> Vec<u8> {
        match self {
            Self::P256(key) => {
                let made: p256::ecdsa::Signature =
                    key.sign_prehash(&Sha256::digest(message)).unwrap();
                match form {
                    Form::Der => made.to_der().as_bytes().to_vec(),
                    Form::HighS => {
                        let (r, s) = made.split_scalars();
                        let made = p256::ecdsa::Signature::from_scalars(r, -*s).unwrap();
                        made.to_bytes().to_vec()
                    }
                    _ => made.to_bytes().to_vec(),
                }
            }
            Self::P384(key) => {
                let made: p384::ecdsa::Signature =
                    key.sign_prehash(&Sha384::digest(message)).unwrap();
                match form {
                    Form::Der => made.to_der().as_bytes().to_vec(),
                    Form::HighS => {
                        let (r, s) = made.split_scalars();
                        let made = p384::ecdsa::Signature::from_scalars(r, -*s).unwrap();
                        made.to_bytes().to_vec()
                    }
                    _ => made.to_bytes().to_vec(),
                }
            }
            Self::P521(key) => {
                let made: p521::ecdsa::Signature =
                    key.sign_prehash(&Sha512::digest(message)).unwrap();
                match form {
                    Form::Der => made.to_der().as_bytes().to_vec(),
                    Form::HighS => {
                        let (r, s) = made.split_scalars();
                        let made = p521::ecdsa::Signature::from_scalars(r, -*s).unwrap();
                        made.to_bytes().to_vec()
                    }
                    _ => made.to_bytes().to_vec(),
                }
            }
            Self::Rsa(key) => rsa_sign(key, message, form),
            // Never checked: the certificate is refused before.
            Self::Public(_) => vec![1; 64],
        }
    }
}

fn rsa_sign(key: &RsaPrivateKey, message: &[u8], form: Form) -> Vec<u8> {
    let key = key.clone();
    let salt = match form {
        Form::Pkcs1 => {
            return pkcs1v15::SigningKey::<Sha256>::new(key).sign(message).to_vec();
        }
        Form::Salt(length) => length,
        _ => key.size() / 8,
    };
    let rng = &mut Fixed(1);
    match key.size() {
        256 => pss::SigningKey::<Sha256>::new_with_salt_len(key, salt.min(222))
            .sign_with_rng(rng, message)
            .to_vec(),
        384 => pss::SigningKey::<Sha384>::new_with_salt_len(key, salt)
            .sign_with_rng(rng, message)
            .to_vec(),
        _ => pss::SigningKey::<Sha512>::new_with_salt_len(key, salt)
            .sign_with_rng(rng, message)
            .to_vec(),
    }
}

fn rsa_lines() -> impl Iterator<Item = (usize, Vec<Vec<u8>>)> {
    RSA_KEYS.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut words = line.split(' ');
        let bits = words.next().unwrap().parse().unwrap();
        (bits, words.map(unhex).collect())
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
