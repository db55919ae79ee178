//! The algorithms that a TSA may use
//! ([RFC 5754](https://www.rfc-editor.org/rfc/rfc5754), [RFC 8419](https://www.rfc-editor.org/rfc/rfc8419)).

use der::{Decode, Encode, asn1::ObjectIdentifier};
use spki::AlgorithmIdentifierRef;

use super::TimestampError;
use crate::{
    crypto::{HashAlgorithm, Scheme},
    x509,
};

/// A hash function. [RFC 5754 §2](https://www.rfc-editor.org/rfc/rfc5754#section-2): parameters are
/// absent, or NULL.
pub(super) fn hash(
    algorithm: &AlgorithmIdentifierRef<'_>,
) -> Result<HashAlgorithm, TimestampError> {
    no_parameters(algorithm)?;
    hash_of(algorithm.oid)
}

fn hash_of(oid: ObjectIdentifier) -> Result<HashAlgorithm, TimestampError> {
    if let Some(hash) = x509::hash_of(&oid) {
        return Ok(hash);
    }
    let oid = oid.to_string();
    match oid.as_str() {
        "1.2.840.113549.2.5" => weak("MD5"),
        "1.3.14.3.2.26" => weak("SHA-1"),
        "2.16.840.1.101.3.4.2.4" => weak("SHA-224"),
        _ => Err(TimestampError::UnsupportedAlgorithm(oid)),
    }
}

/// A signature algorithm. One that names no hash function takes `digest`, the signer's.
///
/// ECDSA always names one: no real TSA writes id-ecPublicKey here.
pub(super) fn scheme(
    algorithm: &AlgorithmIdentifierRef<'_>,
    digest: HashAlgorithm,
) -> Result<Scheme, TimestampError> {
    let oid = algorithm.oid.to_string();
    if oid == "1.2.840.113549.1.1.10" {
        return pss(algorithm);
    }
    no_parameters(algorithm)?;
    match oid.as_str() {
        // RFC 5754 §3.2
        "1.2.840.113549.1.1.1" => Ok(Scheme::RsaPkcs1(digest)),
        "1.2.840.113549.1.1.4" => weak("RSA with MD5"),
        "1.2.840.113549.1.1.5" => weak("RSA with SHA-1"),
        "1.2.840.113549.1.1.14" => weak("RSA with SHA-224"),
        "1.2.840.10045.4.1" => weak("ECDSA with SHA-1"),
        "1.2.840.10045.4.3.1" => weak("ECDSA with SHA-224"),
        // The rest is as certificates have it.
        _ => x509::signature_scheme(algorithm).map_err(TimestampError::UnsupportedAlgorithm),
    }
}

/// RSASSA-PSS-params, [RFC 4055 §3.1](https://www.rfc-editor.org/rfc/rfc4055#section-3.1): the mask
/// generation uses the same hash. The salt length is read from the signature.
fn pss(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Scheme, TimestampError> {
    const WHAT: &str = "parameters of RSASSA-PSS";
    let malformed = |_| TimestampError::Malformed(WHAT);
    let parameters = algorithm.parameters.ok_or(TimestampError::Malformed(WHAT))?;
    let der = parameters.to_der().map_err(malformed)?;
    let read = rsa::pkcs1::RsaPssParamsOwned::from_der(&der).map_err(malformed)?;
    let hash = hash_of(read.hash.oid)?;
    let mask = read.mask_gen.parameters.ok_or(TimestampError::Malformed(WHAT))?;
    if hash_of(mask.oid)? != hash {
        return Err(TimestampError::UnsupportedAlgorithm("RSASSA-PSS with two hashes".into()));
    }
    Ok(Scheme::RsaPss(hash))
}

fn no_parameters(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<(), TimestampError> {
    match algorithm.parameters {
        None => Ok(()),
        Some(parameters) if parameters.is_null() => Ok(()),
        // Object identifiers of algorithms that have parameters are not among ours.
        Some(_) => Err(TimestampError::UnsupportedAlgorithm(algorithm.oid.to_string())),
    }
}

fn weak<T>(name: &str) -> Result<T, TimestampError> {
    Err(TimestampError::WeakAlgorithm(name.to_owned()))
}
