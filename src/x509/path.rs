//! Certification path validation ([RFC 5280 §6](https://www.rfc-editor.org/rfc/rfc5280#section-6))
//! for Sigstore's profile and for an own CA, by webpki over our own signature check.
//!
//! webpki builds the path, checks signatures, validity, CA and path length, name constraints,
//! extended key usage and unknown critical extensions. It does not look at keyUsage, nor at the
//! validity of the anchor: both are checked here. (Notation has a profile of its own, in
//! `x509::notation_profile`.)

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm,
    UnixTime, alg_id,
};
use webpki::{EndEntityCert, Error, KeyUsage as Purpose, anchor_from_trusted_cert};

use super::{CODE_SIGNING, Certificate};
use crate::{
    crypto::{HashAlgorithm, PublicKey, Scheme, verify_signature},
    time::Time,
};

/// Why a leaf does not chain to a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// A certificate of the path has expired.
    Expired,
    /// A certificate of the path is not valid yet.
    NotYetValid,
    /// keyUsage, extKeyUsage, basicConstraints or a name constraint is violated; the words say it.
    Profile(&'static str),
    /// No path to any root.
    Untrusted,
    /// More signature operations than the budget has left.
    Budget,
}

/// Checks that `leaf` is a code-signing end entity that chains to one of `roots` at `time`.
/// Returns the number of signature operations, in any case.
pub fn verify(
    leaf: &Certificate,
    intermediates: &[Certificate],
    roots: &[Certificate],
    time: Time,
    most_signatures: u64,
) -> (Result<(), PathError>, u64) {
    let spent = AtomicU64::new(0);
    let result = verify_counting(leaf, intermediates, roots, time, &spent, most_signatures);
    let spent = spent.into_inner();
    if spent > most_signatures {
        return (Err(PathError::Budget), most_signatures);
    }
    (result, spent)
}

fn verify_counting(
    leaf: &Certificate,
    intermediates: &[Certificate],
    roots: &[Certificate],
    time: Time,
    spent: &AtomicU64,
    most: u64,
) -> Result<(), PathError> {
    let leaf_usage = leaf.key_usage().ok_or(PathError::Profile("the leaf has no keyUsage"))?;
    if !leaf_usage.digital_signature {
        return Err(PathError::Profile("the leaf's keyUsage lacks digitalSignature"));
    }
    // Intermediates of an own CA often have no extKeyUsage; the leaf must.
    if !leaf.extended_key_usage().is_some_and(|eku| eku.purposes.contains(&CODE_SIGNING)) {
        return Err(PathError::Profile("the leaf's extKeyUsage lacks codeSigning"));
    }
    // A root outside of its validity anchors nothing.
    let mut usable = Vec::new();
    let mut unusable = None;
    for root in roots {
        match validity(root, time) {
            Ok(()) => usable.push(CertificateDer::from(root.der())),
            Err(error) => unusable = Some(error),
        }
    }
    let anchors: Vec<_> =
        usable.iter().filter_map(|der| anchor_from_trusted_cert(der).ok()).collect();
    // A root that travels in the chain too is no intermediate: only the policy's roots anchor.
    let intermediates: Vec<_> = intermediates
        .iter()
        .filter(|c| c.subject_der() != c.issuer_der())
        .map(|c| CertificateDer::from(c.der()))
        .collect();
    let leaf_der = CertificateDer::from(leaf.der());
    let end_entity = EndEntityCert::try_from(&leaf_der).map_err(|e| from_webpki(&e))?;
    let seconds = u64::try_from(time.unix()).unwrap_or(0);
    let algorithms: Vec<_> = ALGORITHMS
        .iter()
        .map(|(key, signature, scheme)| Algorithm {
            key: *key,
            signature: *signature,
            scheme: *scheme,
            spent,
            most,
        })
        .collect();
    let algorithms: Vec<&dyn SignatureVerificationAlgorithm> =
        algorithms.iter().map(|a| a as &dyn SignatureVerificationAlgorithm).collect();
    let path = end_entity
        .verify_for_usage(
            &algorithms,
            &anchors,
            &intermediates,
            UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            Purpose::required_if_present(CODE_SIGNING.as_bytes()),
            None,
            None,
        )
        .map_err(|error| match (from_webpki(&error), unusable) {
            (PathError::Untrusted, Some(root)) => root,
            (error, _) => error,
        })?;
    for der in path.intermediate_certificates() {
        let certificate =
            Certificate::from_der(der.der().as_ref()).map_err(|_| PathError::Untrusted)?;
        // RFC 5280 §6.1.4 (n)
        if certificate.key_usage().is_some_and(|usage| !usage.key_cert_sign) {
            return Err(PathError::Profile("an intermediate's keyUsage lacks keyCertSign"));
        }
    }
    Ok(())
}

/// RFC 5280 §4.1.2.5: both ends are part of the period.
pub fn validity(certificate: &Certificate, time: Time) -> Result<(), PathError> {
    if time < certificate.not_before() {
        return Err(PathError::NotYetValid);
    }
    if time > certificate.not_after() {
        return Err(PathError::Expired);
    }
    Ok(())
}

fn from_webpki(error: &Error) -> PathError {
    match error {
        Error::CertExpired { .. } => PathError::Expired,
        Error::CertNotValidYet { .. } => PathError::NotYetValid,
        Error::CaUsedAsEndEntity => PathError::Profile("the leaf is a CA"),
        Error::EndEntityUsedAsCa => PathError::Profile("an issuer is not a CA"),
        Error::PathLenConstraintViolated => PathError::Profile("a path length is exceeded"),
        Error::NameConstraintViolation => PathError::Profile("a name constraint is violated"),
        Error::RequiredEkuNotFoundContext(_) => PathError::Profile("extKeyUsage lacks codeSigning"),
        Error::UnsupportedCriticalExtension => {
            PathError::Profile("a critical extension is not understood")
        }
        _ => PathError::Untrusted,
    }
}

struct Algorithm<'a> {
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    scheme: Scheme,
    spent: &'a AtomicU64,
    most: u64,
}

impl fmt::Debug for Algorithm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.scheme)
    }
}

impl SignatureVerificationAlgorithm for Algorithm<'_> {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        if self.spent.fetch_add(1, Ordering::Relaxed) >= self.most {
            return Err(InvalidSignature);
        }
        let spki = subject_public_key_info(self.key, public_key).ok_or(InvalidSignature)?;
        let key = PublicKey::from_spki_der(&spki).map_err(|_| InvalidSignature)?;
        verify_signature(&key, self.scheme, message, signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

/// SubjectPublicKeyInfo from its two parts (webpki hands over the contents only).
fn subject_public_key_info(algorithm: AlgorithmIdentifier, key: &[u8]) -> Option<Vec<u8>> {
    use der::{Decode, Encode, asn1::BitStringRef};
    let mut wrapped = vec![0x30, u8::try_from(algorithm.as_ref().len()).ok()?];
    wrapped.extend_from_slice(algorithm.as_ref());
    let info = spki::SubjectPublicKeyInfoRef {
        algorithm: spki::AlgorithmIdentifierRef::from_der(&wrapped).ok()?,
        subject_public_key: BitStringRef::from_bytes(key).ok()?,
    };
    info.to_der().ok()
}

/// Every combination of key and signature algorithm that certificates may use.
const ALGORITHMS: &[(AlgorithmIdentifier, AlgorithmIdentifier, Scheme)] = {
    use HashAlgorithm::{Sha256, Sha384, Sha512};
    &[
        (alg_id::ECDSA_P256, alg_id::ECDSA_SHA256, Scheme::EcdsaDer(Sha256)),
        (alg_id::ECDSA_P256, alg_id::ECDSA_SHA384, Scheme::EcdsaDer(Sha384)),
        (alg_id::ECDSA_P256, alg_id::ECDSA_SHA512, Scheme::EcdsaDer(Sha512)),
        (alg_id::ECDSA_P384, alg_id::ECDSA_SHA256, Scheme::EcdsaDer(Sha256)),
        (alg_id::ECDSA_P384, alg_id::ECDSA_SHA384, Scheme::EcdsaDer(Sha384)),
        (alg_id::ECDSA_P384, alg_id::ECDSA_SHA512, Scheme::EcdsaDer(Sha512)),
        (alg_id::ECDSA_P521, alg_id::ECDSA_SHA256, Scheme::EcdsaDer(Sha256)),
        (alg_id::ECDSA_P521, alg_id::ECDSA_SHA384, Scheme::EcdsaDer(Sha384)),
        (alg_id::ECDSA_P521, alg_id::ECDSA_SHA512, Scheme::EcdsaDer(Sha512)),
        (alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA256, Scheme::RsaPkcs1(Sha256)),
        (alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA384, Scheme::RsaPkcs1(Sha384)),
        (alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA512, Scheme::RsaPkcs1(Sha512)),
        (alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA256, Scheme::RsaPss(Sha256)),
        (alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA384, Scheme::RsaPss(Sha384)),
        (alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA512, Scheme::RsaPss(Sha512)),
        (alg_id::ED25519, alg_id::ED25519, Scheme::Ed25519),
    ]
};
