//! Public keys, from SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).

use std::fmt;

use der::{
    AnyRef, Decode, Encode,
    asn1::{BitStringRef, ObjectIdentifier},
};
use rsa::{RsaPublicKey, pkcs8::DecodePublicKey, traits::PublicKeyParts};
use spki::SubjectPublicKeyInfoRef;

use super::{hash::hex, sha256};
use crate::pem;

/// id-ecPublicKey, [RFC 5480 §2.1.1](https://www.rfc-editor.org/rfc/rfc5480#section-2.1.1).
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// rsaEncryption, [RFC 3279 §2.3.1](https://www.rfc-editor.org/rfc/rfc3279#section-2.3.1).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// id-Ed25519, [RFC 8410 §3](https://www.rfc-editor.org/rfc/rfc8410#section-3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// SEC 1 §2.3.3.
const UNCOMPRESSED: u8 = 4;
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const SECP521R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const SECP224R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.33");
const SECP192R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.1");

/// A public key of an accepted type and strength.
#[derive(Clone)]
pub struct PublicKey {
    pub(super) material: Material,
    spki_sha256: [u8; 32],
}

#[derive(Clone)]
pub(super) enum Material {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
    Rsa(Box<RsaPublicKey>),
    Ed25519(ed25519_dalek::VerifyingKey),
}

/// Type and size of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on NIST P-256.
    P256,
    /// ECDSA on NIST P-384.
    P384,
    /// ECDSA on NIST P-521.
    P521,
    /// RSA, with the modulus' size in bits.
    Rsa(usize),
    /// Ed25519.
    Ed25519,
}

/// Why a key is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Not a SubjectPublicKeyInfo, or a point that is not on its curve.
    Malformed,
    /// Not PEM with the label `PUBLIC KEY`.
    NotPem,
    /// A type that is not verified here.
    Unsupported {
        /// Object identifier of the algorithm or curve.
        oid: String,
    },
    /// Too weak: the kind, by name.
    Weak {
        /// Such as `RSA 1024`.
        what: String,
    },
}

impl PublicKey {
    /// From DER.
    pub fn from_spki_der(spki_der: &[u8]) -> Result<Self, KeyError> {
        let spki = SubjectPublicKeyInfoRef::from_der(spki_der).map_err(|_| KeyError::Malformed)?;
        let point = || spki.subject_public_key.as_bytes().ok_or(KeyError::Malformed);
        let material = match spki.algorithm.oid {
            // RFC 5480 §2.2: the uncompressed form is the one that everybody supports. One key, one
            // encoding, one fingerprint: a compressed point would be a second name of the same signer.
            EC if point()?.first() != Some(&UNCOMPRESSED) => {
                return Err(KeyError::Unsupported { oid: "compressed point".into() });
            }
            EC => {
                let curve = spki.algorithm.parameters_oid().map_err(|_| KeyError::Malformed)?;
                ec_material(curve, point()?)?
            }
            // RFC 3279 §2.3.1: "The parameters field MUST have ASN.1 type NULL".
            RSA if !spki.algorithm.parameters.is_some_and(|p| p.is_null()) => {
                return Err(KeyError::Malformed);
            }
            RSA => rsa_material(spki_der)?,
            ED25519 => {
                let bytes: &[u8; 32] = point()?.try_into().map_err(|_| KeyError::Malformed)?;
                let key = ed25519_dalek::VerifyingKey::from_bytes(bytes)
                    .map_err(|_| KeyError::Malformed)?;
                if key.is_weak() {
                    return Err(KeyError::Weak { what: "Ed25519 key of small order".into() });
                }
                Material::Ed25519(key)
            }
            other => {
                return Err(KeyError::Unsupported { oid: other.to_string() });
            }
        };
        Ok(Self { material, spki_sha256: sha256(spki_der) })
    }

    /// From a PKCS#1 RSAPublicKey (RFC 8017 §A.1.1), as old trusted roots carry them.
    pub fn from_pkcs1_der(pkcs1_der: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfoRef {
            algorithm: spki::AlgorithmIdentifierRef { oid: RSA, parameters: Some(AnyRef::NULL) },
            subject_public_key: BitStringRef::from_bytes(pkcs1_der)
                .map_err(|_| KeyError::Malformed)?,
        };
        Self::from_spki_der(&info.to_der().map_err(|_| KeyError::Malformed)?)
    }

    /// The 32 bytes of an Ed25519 key.
    pub fn ed25519_bytes(&self) -> Option<&[u8; 32]> {
        match &self.material {
            Material::Ed25519(key) => Some(key.as_bytes()),
            _ => None,
        }
    }

    /// From one `PUBLIC KEY` PEM block.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        match pem::blocks(text, "PUBLIC KEY", 1).map_err(|_| KeyError::NotPem)?.as_slice() {
            [der] => Self::from_spki_der(der),
            _ => Err(KeyError::NotPem),
        }
    }

    /// Type and size.
    pub fn kind(&self) -> KeyKind {
        match &self.material {
            Material::P256(_) => KeyKind::P256,
            Material::P384(_) => KeyKind::P384,
            Material::P521(_) => KeyKind::P521,
            Material::Rsa(key) => KeyKind::Rsa(bits(key)),
            Material::Ed25519(_) => KeyKind::Ed25519,
        }
    }

    /// SHA-256 of the SubjectPublicKeyInfo, which names the key everywhere here.
    pub fn spki_sha256(&self) -> &[u8; 32] {
        &self.spki_sha256
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), hex(&self.spki_sha256))
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::P256 => f.write_str("ECDSA P-256"),
            Self::P384 => f.write_str("ECDSA P-384"),
            Self::P521 => f.write_str("ECDSA P-521"),
            Self::Rsa(bits) => write!(f, "RSA {bits}"),
            Self::Ed25519 => f.write_str("Ed25519"),
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not a valid public key"),
            Self::NotPem => f.write_str("not one PEM block `PUBLIC KEY`"),
            Self::Unsupported { oid } => write!(f, "keys of type {oid} are not supported"),
            Self::Weak { what } => write!(f, "{what} is too weak"),
        }
    }
}

fn ec_material(curve: ObjectIdentifier, point: &[u8]) -> Result<Material, KeyError> {
    let malformed = |_| KeyError::Malformed;
    Ok(match curve {
        SECP256R1 => {
            Material::P256(p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(malformed)?)
        }
        SECP384R1 => {
            Material::P384(p384::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(malformed)?)
        }
        SECP521R1 => {
            Material::P521(p521::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(malformed)?)
        }
        SECP224R1 => {
            return Err(KeyError::Weak { what: "ECDSA P-224".into() });
        }
        SECP192R1 => {
            return Err(KeyError::Weak { what: "ECDSA P-192".into() });
        }
        other => {
            return Err(KeyError::Unsupported { oid: other.to_string() });
        }
    })
}

/// RSA from 2048 to 4096 bits (FIPS 186-5 §5.1 for the lower bound; the upper one keeps one
/// operation affordable).
fn rsa_material(spki_der: &[u8]) -> Result<Material, KeyError> {
    let key = RsaPublicKey::from_public_key_der(spki_der).map_err(|_| KeyError::Malformed)?;
    match bits(&key) {
        0..2048 => Err(KeyError::Weak { what: format!("RSA {}", bits(&key)) }),
        2048..=4096 => Ok(Material::Rsa(Box::new(key))),
        more => Err(KeyError::Unsupported { oid: format!("RSA {more}") }),
    }
}

fn bits(key: &RsaPublicKey) -> usize {
    key.n().bits() as usize
}
