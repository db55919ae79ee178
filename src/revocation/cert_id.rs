//! CertID: how OCSP names a certificate
//! ([RFC 6960 §4.1.1](https://www.rfc-editor.org/rfc/rfc6960#section-4.1.1)).

use der::{
    Decode, Sequence,
    asn1::{IntRef, ObjectIdentifier, OctetStringRef},
};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::{Pair, RevocationError};
use crate::{
    crypto::{HashAlgorithm, sha1_name},
    x509::{self, Certificate},
};

pub(super) const SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");

#[derive(Sequence)]
pub(super) struct CertId<'a> {
    pub(super) algorithm: AlgorithmIdentifierRef<'a>,
    pub(super) issuer_name: &'a OctetStringRef,
    pub(super) issuer_key: &'a OctetStringRef,
    pub(super) serial: IntRef<'a>,
}

enum Hash {
    Sha1,
    Sha2(HashAlgorithm),
}

impl CertId<'_> {
    /// True where the serial number is the certificate's, which is all that notation-go looks at
    /// (D10).
    pub(super) fn has_serial_of(&self, certificate: &Certificate) -> bool {
        self.serial.as_bytes() == certificate.serial()
    }

    /// True for this certificate of this issuer; an error for a hash that nobody should use.
    pub(super) fn names(&self, pair: Pair<'_>) -> Result<bool, RevocationError> {
        let hash = self.hash()?;
        // "issuerNameHash is the hash of the issuer's distinguished name … calculated over the DER
        // encoding of the issuer's name field in the certificate being checked."
        Ok(self.has_serial_of(pair.certificate)
            && hash.of(pair.certificate.issuer_der()) == self.issuer_name.as_bytes()
            && hash.of(key_bits(pair.issuer)?) == self.issuer_key.as_bytes())
    }

    /// True where the hash is known.
    pub(super) fn has_known_hash(&self) -> bool {
        self.hash().is_ok()
    }

    fn hash(&self) -> Result<Hash, RevocationError> {
        if self.algorithm.oid == SHA_1 {
            return Ok(Hash::Sha1);
        }
        match x509::hash_of(&self.algorithm.oid) {
            Some(hash) => Ok(Hash::Sha2(hash)),
            None => Err(RevocationError::UnsupportedAlgorithm(self.algorithm.oid.to_string())),
        }
    }
}

impl Hash {
    fn of(&self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => sha1_name(data).to_vec(),
            Self::Sha2(hash) => hash.digest(data),
        }
    }
}

/// "issuerKeyHash … calculated over the value (excluding tag and length) of the subject public key
/// field in the issuer's certificate."
pub(super) fn key_bits(certificate: &Certificate) -> Result<&[u8], RevocationError> {
    SubjectPublicKeyInfoRef::from_der(certificate.spki_der())
        .ok()
        .and_then(|info| info.subject_public_key.as_bytes())
        .ok_or(RevocationError::Malformed("a certificate's public key"))
}
