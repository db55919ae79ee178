//! Certification path validation ([RFC 5280 §6](https://www.rfc-editor.org/rfc/rfc5280#section-6))
//! for Sigstore's profile and for an own CA, by webpki over our own signature check.
//!
//! webpki builds the path, checks signatures, validity, CA and path length, name constraints,
//! extended key usage and unknown critical extensions. It does not look at keyUsage, nor at the
//! validity of the anchor: both are checked here. (Notation has a profile of its own, in
//! `x509::notation_profile`.)

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use der::asn1::ObjectIdentifier;
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm,
    UnixTime, alg_id,
};
use webpki::{EndEntityCert, Error, KeyUsage as RequiredPurpose, anchor_from_trusted_cert};

use super::{CODE_SIGNING, Certificate, TIME_STAMPING};
use crate::{
    crypto::{Exhausted, HashAlgorithm, PublicKey, Scheme, Spend},
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

/// What the leaf's key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// id-kp-codeSigning.
    CodeSigning,
    /// id-kp-timeStamping.
    TimeStamping,
}

/// Checks that `leaf` is an end entity for `purpose` that chains to one of `roots` at `time`.
pub fn verify(
    leaf: &Certificate,
    intermediates: &[Certificate],
    roots: &[Certificate],
    time: Time,
    purpose: Purpose,
    spend: &Spend,
) -> Result<(), PathError> {
    build(leaf, intermediates, roots, time, purpose, spend).map(drop)
}

/// As [`verify`]; the path that was found, `leaf` first and the root last.
pub fn build(
    leaf: &Certificate,
    intermediates: &[Certificate],
    roots: &[Certificate],
    time: Time,
    purpose: Purpose,
    spend: &Spend,
) -> Result<Vec<Certificate>, PathError> {
    profile(leaf, purpose)?;
    let exhausted = AtomicBool::new(false);
    let result = chain(leaf, intermediates, roots, time, purpose, spend, &exhausted);
    if exhausted.into_inner() { Err(PathError::Budget) } else { result }
}

/// Checks that `leaf` is an end entity for `purpose`, whoever issued it.
pub fn profile(leaf: &Certificate, purpose: Purpose) -> Result<(), PathError> {
    let leaf_usage = leaf.key_usage().ok_or(PathError::Profile("the leaf has no keyUsage"))?;
    if !leaf_usage.digital_signature {
        return Err(PathError::Profile("the leaf's keyUsage lacks digitalSignature"));
    }
    // Intermediates of an own CA often have no extKeyUsage; the leaf must.
    if !leaf.extended_key_usage().is_some_and(|eku| eku.purposes.contains(purpose.oid())) {
        return Err(PathError::Profile(purpose.lacking()));
    }
    if leaf.is_ca() {
        return Err(PathError::Profile("the leaf is a CA"));
    }
    Ok(())
}

fn chain(
    leaf: &Certificate,
    intermediates: &[Certificate],
    roots: &[Certificate],
    time: Time,
    purpose: Purpose,
    spend: &Spend,
    exhausted: &AtomicBool,
) -> Result<Vec<Certificate>, PathError> {
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
            spend,
            exhausted,
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
            RequiredPurpose::required_if_present(purpose.oid().as_bytes()),
            None,
            None,
        )
        .map_err(|error| match (from_webpki(&error), unusable) {
            (PathError::Untrusted, Some(root)) => root,
            (error, _) => error,
        })?;
    let mut found = vec![leaf.clone()];
    for der in path.intermediate_certificates() {
        let certificate =
            Certificate::from_der(der.der().as_ref()).map_err(|_| PathError::Untrusted)?;
        // RFC 5280 §6.1.4 (n)
        if certificate.key_usage().is_some_and(|usage| !usage.key_cert_sign) {
            return Err(PathError::Profile("an intermediate's keyUsage lacks keyCertSign"));
        }
        found.push(certificate);
    }
    let anchor = path.anchor();
    let root = roots.iter().find(|root| {
        let der = CertificateDer::from(root.der());
        validity(root, time).is_ok() && anchor_from_trusted_cert(&der).is_ok_and(|a| a == *anchor)
    });
    found.push(root.ok_or(PathError::Untrusted)?.clone());
    Ok(found)
}

impl Purpose {
    const fn oid(self) -> &'static ObjectIdentifier {
        match self {
            Self::CodeSigning => &CODE_SIGNING,
            Self::TimeStamping => &TIME_STAMPING,
        }
    }

    const fn lacking(self) -> &'static str {
        match self {
            Self::CodeSigning => "the leaf's extKeyUsage lacks codeSigning",
            Self::TimeStamping => "the leaf's extKeyUsage lacks timeStamping",
        }
    }
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
        Error::NameConstraintViolation => PathError::Profile(
            "a name constraint is violated, or is of a form that is not checked here (e-mail, URI)",
        ),
        Error::RequiredEkuNotFoundContext(_) => {
            PathError::Profile("an issuer's extKeyUsage lacks the purpose")
        }
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
    spend: &'a Spend,
    exhausted: &'a AtomicBool,
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
        let spki = subject_public_key_info(self.key, public_key).ok_or(InvalidSignature)?;
        let key = PublicKey::from_spki_der(&spki).map_err(|_| InvalidSignature)?;
        match self.spend.verify_once(&key, self.scheme, message, signature) {
            Ok(result) => result.map_err(|_| InvalidSignature),
            Err(Exhausted) => {
                self.exhausted.store(true, Ordering::Relaxed);
                Err(InvalidSignature)
            }
        }
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
