//! Fixed keys, and signatures by them that are the same every time.

use std::sync::OnceLock;

use rsa::{
    BoxedUint, RsaPrivateKey, pkcs1v15, pkcs8::EncodePublicKey, signature::SignatureEncoding,
    traits::PublicKeyParts,
};
use sha2::{Digest, Sha256, Sha384, Sha512};
use signature::{Signer, hazmat::PrehashSigner};

use super::{base64, der};

/// Modulus bits, then the primes.
const RSA_KEYS: &str = include_str!("../notation_rsa.txt");
const WEAK_RSA: &str = include_str!("weak_rsa.txt");

/// A P-224 key and its signature of [`super::ARTIFACT`] with SHA-256.
const P224_SPKI: &str = "304e301006072a8648ce3d020106052b81040021033a0004786c25770c890016963a514c56b1e6350f7ca0fc49c0d7f11310db9f49870b4ee86d7b7438cced9deddf9d17924bfce52e6bab38f8d90e36";
const P224_SIGNATURE: &str = "303c021c47470c6dce27834abbbcc64704459e2925c688d4386e53f8fa681cd4021c42f88c1c207467b8eede5966d52f51bcf6e9ce1aef774ceb775edcf2";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(crate) fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }

    /// As Rekor v1 writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// As protobuf-specs writes it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA2_256",
            Self::Sha384 => "SHA2_384",
            Self::Sha512 => "SHA2_512",
        }
    }

    pub(crate) fn oid(self) -> &'static str {
        match self {
            Self::Sha256 => "2.16.840.1.101.3.4.2.1",
            Self::Sha384 => "2.16.840.1.101.3.4.2.2",
            Self::Sha512 => "2.16.840.1.101.3.4.2.3",
        }
    }
}

pub(crate) fn sha256(message: &[u8]) -> Vec<u8> {
    Hash::Sha256.of(message)
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// ECDSA as DER, RSA as PKCS #1 v1.5, Ed25519 of the message.
    #[default]
    Usual,
    /// ECDSA as r and s of fixed width.
    P1363,
    /// P-256 with n − s in place of s, as DER.
    HighS,
    /// Ed25519ph, of the message's SHA-512.
    Prehashed,
}

/// A key pair.
#[derive(Clone)]
pub(crate) enum Key {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
    Rsa(Box<RsaPrivateKey>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
    /// A key that says the same to everything: SubjectPublicKeyInfo and signature.
    Fixed(Vec<u8>, Vec<u8>),
}

impl Key {
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

    pub(crate) fn ed25519(name: &str) -> Self {
        let seed: [u8; 32] = Sha256::digest(name).into();
        Self::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// RSA of 1024, 2048, 3072 or 4096 bits; one key of each.
    pub(crate) fn rsa(bits: u32) -> Self {
        static KEYS: OnceLock<Vec<RsaPrivateKey>> = OnceLock::new();
        let keys = KEYS.get_or_init(|| {
            let primes = RSA_KEYS.lines().filter(|line| !line.starts_with('#'));
            let strong = primes.filter_map(|line| {
                let mut words = line.split(' ').skip(1);
                Some((words.next()?, words.next()?))
            });
            let mut weak = WEAK_RSA.lines().skip(1);
            strong
                .chain([(weak.next().unwrap(), weak.next().unwrap())])
                .map(|(p, q)| {
                    let number = |hex| BoxedUint::from_be_slice_vartime(&unhex(hex));
                    let e = BoxedUint::from(65_537_u64);
                    RsaPrivateKey::from_p_q(number(p), number(q), e).unwrap()
                })
                .collect()
        });
        let key = keys.iter().find(|key| key.n().bits() == bits).unwrap();
        Self::Rsa(Box::new(key.clone()))
    }

    /// P-224: signs nothing but [`super::ARTIFACT`].
    pub(crate) fn p224() -> Self {
        Self::Fixed(unhex(P224_SPKI), unhex(P224_SIGNATURE))
    }

    /// The hash that goes with the key (sigstore's algorithm registry).
    pub(crate) fn usual_hash(&self) -> Hash {
        match self {
            Self::P384(_) => Hash::Sha384,
            Self::P521(_) | Self::Ed25519(_) => Hash::Sha512,
            _ => Hash::Sha256,
        }
    }

    /// `PublicKeyDetails` of protobuf-specs.
    pub(crate) fn details(&self) -> &'static str {
        match self {
            Self::P256(_) | Self::Fixed(..) => "PKIX_ECDSA_P256_SHA_256",
            Self::P384(_) => "PKIX_ECDSA_P384_SHA_384",
            Self::P521(_) => "PKIX_ECDSA_P521_SHA_512",
            Self::Ed25519(_) => "PKIX_ED25519",
            Self::Rsa(key) => match key.size() {
                384 => "PKIX_RSA_PKCS1V15_3072_SHA256",
                512 => "PKIX_RSA_PKCS1V15_4096_SHA256",
                _ => "PKIX_RSA_PKCS1V15_2048_SHA256",
            },
        }
    }

    /// SubjectPublicKeyInfo.
    pub(crate) fn spki(&self) -> Vec<u8> {
        let ec = |curve: &str, point: &[u8]| {
            let algorithm = der::algorithm("1.2.840.10045.2.1", &[der::oid(curve)]);
            der::seq(&[algorithm, der::bits(point)])
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
            Self::Ed25519(_) => {
                der::seq(&[der::algorithm("1.3.101.112", &[]), der::bits(&self.raw())])
            }
            Self::Fixed(spki, _) => spki.clone(),
        }
    }

    /// The 32 bytes of an Ed25519 public key.
    pub(crate) fn raw(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.verifying_key().to_bytes().to_vec(),
            _ => panic!("not an Ed25519 key"),
        }
    }

    /// RSAPublicKey of PKCS #1.
    pub(crate) fn pkcs1(&self) -> Vec<u8> {
        match self {
            Self::Rsa(key) => der::seq(&[
                der::uint(&key.n().to_be_bytes_trimmed_vartime()),
                der::uint(&key.e().to_be_bytes_trimmed_vartime()),
            ]),
            _ => panic!("not an RSA key"),
        }
    }

    pub(crate) fn public_pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki())
    }

    /// AlgorithmIdentifier of its signatures with `hash`.
    pub(crate) fn algorithm(&self, hash: Hash) -> Vec<u8> {
        let (ecdsa, rsa) = match hash {
            Hash::Sha256 => (2, 11),
            Hash::Sha384 => (3, 12),
            Hash::Sha512 => (4, 13),
        };
        match self {
            Self::Rsa(_) => der::algorithm(&format!("1.2.840.113549.1.1.{rsa}"), &[der::null()]),
            Self::Ed25519(_) => der::algorithm("1.3.101.112", &[]),
            _ => der::algorithm(&format!("1.2.840.10045.4.3.{ecdsa}"), &[]),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.sign_as(self.usual_hash(), Form::Usual, message)
    }

    pub(crate) fn sign_as(&self, hash: Hash, form: Form, message: &[u8]) -> Vec<u8> {
        let digest = hash.of(message);
        match self {
            Self::P256(key) => {
                let made: p256::ecdsa::Signature = key.sign_prehash(&digest).unwrap();
                let (r, s) = made.split_scalars();
                match form {
                    Form::P1363 => made.to_bytes().to_vec(),
                    Form::HighS => p256::ecdsa::Signature::from_scalars(r, -*s)
                        .unwrap()
                        .to_der()
                        .as_bytes()
                        .to_vec(),
                    _ => made.to_der().as_bytes().to_vec(),
                }
            }
            Self::P384(key) => {
                let made: p384::ecdsa::Signature = key.sign_prehash(&digest).unwrap();
                match form {
                    Form::P1363 => made.to_bytes().to_vec(),
                    _ => made.to_der().as_bytes().to_vec(),
                }
            }
            Self::P521(key) => {
                let made: p521::ecdsa::Signature = key.sign_prehash(&digest).unwrap();
                match form {
                    Form::P1363 => made.to_bytes().to_vec(),
                    _ => made.to_der().as_bytes().to_vec(),
                }
            }
            Self::Rsa(key) => rsa_sign(key, hash, message),
            Self::Ed25519(key) if form == Form::Prehashed => {
                let hashed = Sha512::new().chain_update(message);
                key.sign_prehashed(hashed, None).unwrap().to_bytes().to_vec()
            }
            Self::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            Self::Fixed(_, signature) => signature.clone(),
        }
    }
}

fn rsa_sign(key: &RsaPrivateKey, hash: Hash, message: &[u8]) -> Vec<u8> {
    let key = key.clone();
    match hash {
        Hash::Sha256 => pkcs1v15::SigningKey::<Sha256>::new(key).sign(message).to_vec(),
        Hash::Sha384 => pkcs1v15::SigningKey::<Sha384>::new(key).sign(message).to_vec(),
        Hash::Sha512 => pkcs1v15::SigningKey::<Sha512>::new(key).sign(message).to_vec(),
    }
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = base64(der);
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).unwrap() as u8;
    text.trim().as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
