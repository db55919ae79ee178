//! The algorithms that evidence may be signed with: those of certificates.

use der::{Decode, Encode, asn1::ObjectIdentifier};
use spki::AlgorithmIdentifierRef;

use super::RevocationError;
use crate::crypto::{
    HashAlgorithm::{self, Sha256, Sha384, Sha512},
    Scheme,
};

/// A signature algorithm. SHA-1 and MD5 are not accepted, although notation-go does.
pub(super) fn scheme(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Scheme, RevocationError> {
    let oid = algorithm.oid.to_string();
    Ok(match oid.as_str() {
        // RFC 5758 §3.2
        "1.2.840.10045.4.3.2" => Scheme::EcdsaDer(Sha256),
        "1.2.840.10045.4.3.3" => Scheme::EcdsaDer(Sha384),
        "1.2.840.10045.4.3.4" => Scheme::EcdsaDer(Sha512),
        // RFC 4055 §5
        "1.2.840.113549.1.1.11" => Scheme::RsaPkcs1(Sha256),
        "1.2.840.113549.1.1.12" => Scheme::RsaPkcs1(Sha384),
        "1.2.840.113549.1.1.13" => Scheme::RsaPkcs1(Sha512),
        "1.2.840.113549.1.1.10" => match pss_hash(algorithm) {
            Some(hash) => Scheme::RsaPss(hash),
            None => return Err(RevocationError::UnsupportedAlgorithm(oid)),
        },
        // RFC 8410 §3
        "1.3.101.112" => Scheme::Ed25519,
        _ => return Err(RevocationError::UnsupportedAlgorithm(oid)),
    })
}

/// A hash function of SHA-2.
pub(super) fn hash(oid: &ObjectIdentifier) -> Option<HashAlgorithm> {
    match oid.to_string().as_str() {
        "2.16.840.1.101.3.4.2.1" => Some(Sha256),
        "2.16.840.1.101.3.4.2.2" => Some(Sha384),
        "2.16.840.1.101.3.4.2.3" => Some(Sha512),
        _ => None,
    }
}

/// RSASSA-PSS-params, [RFC 4055 §3.1](https://www.rfc-editor.org/rfc/rfc4055#section-3.1): one hash
/// for both uses. The salt length is read from the signature.
fn pss_hash(algorithm: &AlgorithmIdentifierRef<'_>) -> Option<HashAlgorithm> {
    let der = algorithm.parameters?.to_der().ok()?;
    let params = rsa::pkcs1::RsaPssParamsOwned::from_der(&der).ok()?;
    let hashed = hash(&params.hash.oid)?;
    (hash(&params.mask_gen.parameters?.oid)? == hashed).then_some(hashed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha_1_signs_nothing() {
        for oid in ["1.2.840.113549.1.1.5", "1.2.840.10045.4.1", "1.2.840.113549.1.1.4"] {
            let algorithm =
                AlgorithmIdentifierRef { oid: ObjectIdentifier::new_unwrap(oid), parameters: None };
            let expected = Err(RevocationError::UnsupportedAlgorithm(oid.to_owned()));
            assert_eq!(scheme(&algorithm), expected);
        }
    }
}
