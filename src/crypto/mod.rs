//! The only place that calls a cryptographic primitive.

mod hash;
mod key;
mod key_details;
mod spend;

use ed25519_dalek::Signature as Ed25519Signature;
use rsa::{BoxedUint, pkcs1v15, pss, traits::PublicKeyParts};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use signature::hazmat::PrehashVerifier;

pub use hash::{HashAlgorithm, HexDigests, from_hex, hex, sha1_name, sha256};
pub use key::{KeyError, KeyKind, PublicKey};
pub use key_details::KeyDetails;
pub use spend::{Exhausted, Memo, Spend};

use key::Material;

/// How a signature is made and encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// ECDSA, ASN.1 DER (RFC 3279 §2.2.3).
    EcdsaDer(HashAlgorithm),
    /// ECDSA, r and s of fixed width (RFC 7518 §3.4, RFC 9053 §2.1).
    EcdsaRaw(HashAlgorithm),
    /// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2).
    RsaPkcs1(HashAlgorithm),
    /// RSASSA-PSS with MGF1 over the same hash (RFC 8017 §8.1); the salt length is read from the
    /// signature.
    RsaPss(HashAlgorithm),
    /// Ed25519 (RFC 8032 §5.1).
    Ed25519,
    /// Ed25519ph with an empty context (RFC 8032 §5.1), as cosign writes it.
    Ed25519ph,
}

/// Why a signature is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// Not the signature of this message by this key.
    Invalid,
    /// Not encoded as the scheme says.
    Malformed,
    /// The scheme is not one for this type of key.
    WrongKey,
}

/// Checks one signature over a message.
pub fn verify_signature(
    key: &PublicKey,
    scheme: Scheme,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    match (&key.material, scheme) {
        (Material::Ed25519(key), Scheme::Ed25519) => {
            let signature = Ed25519Signature::from_slice(signature).map_err(malformed)?;
            key.verify_strict(message, &signature).map_err(invalid)
        }
        (Material::Ed25519(key), Scheme::Ed25519ph) => {
            let signature = Ed25519Signature::from_slice(signature).map_err(malformed)?;
            let prehashed = Sha512::new_with_prefix(message);
            key.verify_prehashed_strict(prehashed, None, &signature).map_err(invalid)
        }
        _ => match scheme.hash() {
            Some(hash) => verify_digest(key, scheme, &hash.digest(message), signature),
            None => Err(SignatureError::WrongKey),
        },
    }
}

/// Checks one signature over a message of which only the digest is at hand: that of
/// [`Scheme::hash`]. Ed25519 needs the message.
pub fn verify_digest(
    key: &PublicKey,
    scheme: Scheme,
    digest: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    match (&key.material, scheme) {
        (Material::P256(key), Scheme::EcdsaDer(_)) => {
            let signature = p256::ecdsa::Signature::from_der(signature).map_err(malformed)?;
            key.verify_prehash(&padded(digest, 32), &signature).map_err(invalid)
        }
        (Material::P256(key), Scheme::EcdsaRaw(_)) => {
            let signature = p256::ecdsa::Signature::from_slice(signature).map_err(malformed)?;
            key.verify_prehash(&padded(digest, 32), &signature).map_err(invalid)
        }
        (Material::P384(key), Scheme::EcdsaDer(_)) => {
            let signature = p384::ecdsa::Signature::from_der(signature).map_err(malformed)?;
            key.verify_prehash(&padded(digest, 48), &signature).map_err(invalid)
        }
        (Material::P384(key), Scheme::EcdsaRaw(_)) => {
            let signature = p384::ecdsa::Signature::from_slice(signature).map_err(malformed)?;
            key.verify_prehash(&padded(digest, 48), &signature).map_err(invalid)
        }
        (Material::P521(key), Scheme::EcdsaDer(_)) => {
            let signature = p521::ecdsa::Signature::from_der(signature).map_err(malformed)?;
            key.verify_prehash(&padded(digest, 66), &signature).map_err(invalid)
        }
        (Material::P521(key), Scheme::EcdsaRaw(_)) => {
            let signature = p521::ecdsa::Signature::from_slice(signature).map_err(malformed)?;
            key.verify_prehash(&padded(digest, 66), &signature).map_err(invalid)
        }
        (Material::Rsa(key), Scheme::RsaPkcs1(hash)) => {
            let signature = pkcs1v15::Signature::try_from(signature).map_err(malformed)?;
            let key = (**key).clone();
            match hash {
                HashAlgorithm::Sha256 => {
                    pkcs1v15::VerifyingKey::<Sha256>::new(key).verify_prehash(digest, &signature)
                }
                HashAlgorithm::Sha384 => {
                    pkcs1v15::VerifyingKey::<Sha384>::new(key).verify_prehash(digest, &signature)
                }
                HashAlgorithm::Sha512 => {
                    pkcs1v15::VerifyingKey::<Sha512>::new(key).verify_prehash(digest, &signature)
                }
            }
            .map_err(invalid)
        }
        (Material::Rsa(key), Scheme::RsaPss(hash)) => {
            let signature = pss::Signature::try_from(signature).map_err(malformed)?;
            let key = (**key).clone();
            match hash {
                HashAlgorithm::Sha256 => pss::VerifyingKey::<Sha256>::new_with_auto_salt_len(key)
                    .verify_prehash(digest, &signature),
                HashAlgorithm::Sha384 => pss::VerifyingKey::<Sha384>::new_with_auto_salt_len(key)
                    .verify_prehash(digest, &signature),
                HashAlgorithm::Sha512 => pss::VerifyingKey::<Sha512>::new_with_auto_salt_len(key)
                    .verify_prehash(digest, &signature),
            }
            .map_err(invalid)
        }
        _ => Err(SignatureError::WrongKey),
    }
}

/// Checks one signature over SHA-1, RSASSA-PKCS1-v1_5 or ECDSA in DER. It proves nothing, and is no
/// [`Scheme`]: docs/adr/0013 names its one use.
pub fn verify_sha1_signature(
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let digest = Sha1::digest(message);
    let Material::Rsa(key) = &key.material else {
        return verify_digest(key, Scheme::EcdsaDer(HashAlgorithm::Sha256), &digest, signature);
    };
    let signature = pkcs1v15::Signature::try_from(signature).map_err(malformed)?;
    pkcs1v15::VerifyingKey::<Sha1>::new((**key).clone())
        .verify_prehash(&digest, &signature)
        .map_err(invalid)
}

/// The schemes of which an RSA signature has the padding: none, and the signature is nobody's. One
/// public-key operation in place of one for each scheme.
///
/// spec: RFC 8017 §9.2 "EM = 0x00 || 0x01 || PS || 0x00 || T", §9.1.1 "EM = maskedDB || H || 0xbc"
pub fn rsa_schemes(key: &PublicKey, signature: &[u8]) -> &'static [Scheme] {
    use HashAlgorithm::{Sha256, Sha384, Sha512};
    let Material::Rsa(key) = &key.material else {
        return &[];
    };
    let size = key.size();
    let precision = key.n().bits_precision();
    let Ok(signature) = BoxedUint::from_be_slice(signature, precision) else {
        return &[];
    };
    if signature >= *key.n().as_ref() {
        return &[];
    }
    let Ok(encoded) = rsa::hazmat::rsa_encrypt(&**key, &signature) else {
        return &[];
    };
    let encoded = encoded.to_be_bytes();
    let encoded = encoded.get(encoded.len().saturating_sub(size)..).unwrap_or_default();
    match (encoded, encoded.last()) {
        ([0, 1, ..], _) => {
            &[Scheme::RsaPkcs1(Sha256), Scheme::RsaPkcs1(Sha384), Scheme::RsaPkcs1(Sha512)]
        }
        (_, Some(0xbc)) => {
            &[Scheme::RsaPss(Sha256), Scheme::RsaPss(Sha384), Scheme::RsaPss(Sha512)]
        }
        _ => &[],
    }
}

impl Scheme {
    /// The hash of the message that is signed; none for Ed25519, which signs the message.
    pub const fn hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::EcdsaDer(hash)
            | Self::EcdsaRaw(hash)
            | Self::RsaPkcs1(hash)
            | Self::RsaPss(hash) => Some(hash),
            Self::Ed25519ph => Some(HashAlgorithm::Sha512),
            Self::Ed25519 => None,
        }
    }

    /// The schemes that real tools use for a key when nothing names one, most likely first:
    /// cosign hashes P-384 and P-521 with SHA-384 and SHA-512, openssl and other signers with
    /// SHA-256; cosign signs with RSASSA-PKCS1-v1_5, and its imported Ed25519 keys as Ed25519ph.
    pub fn candidates(kind: KeyKind) -> &'static [Self] {
        use HashAlgorithm::{Sha256, Sha384, Sha512};
        match kind {
            KeyKind::P256 => &[Self::EcdsaDer(Sha256)],
            KeyKind::P384 => &[Self::EcdsaDer(Sha384), Self::EcdsaDer(Sha256)],
            KeyKind::P521 => &[Self::EcdsaDer(Sha512), Self::EcdsaDer(Sha256)],
            KeyKind::Rsa(_) => &[
                Self::RsaPkcs1(Sha256),
                Self::RsaPss(Sha256),
                Self::RsaPkcs1(Sha512),
                Self::RsaPss(Sha512),
                Self::RsaPkcs1(Sha384),
                Self::RsaPss(Sha384),
            ],
            KeyKind::Ed25519 => &[Self::Ed25519, Self::Ed25519ph],
        }
    }
}

/// The digest as ECDSA takes it (FIPS 186-5 §6.4.2, bits2int): an integer of the leftmost bits.
/// A digest shorter than the field is that integer padded on the left, which the crate wants done
/// where it is shorter than half the field.
fn padded(digest: &[u8], field_bytes: usize) -> Vec<u8> {
    let mut padded = vec![0; field_bytes.saturating_sub(digest.len())];
    padded.extend_from_slice(digest);
    padded
}

fn malformed<E>(_: E) -> SignatureError {
    SignatureError::Malformed
}

fn invalid<E>(_: E) -> SignatureError {
    SignatureError::Invalid
}
