//! The algorithms that evidence may be signed with: those of certificates.

use spki::AlgorithmIdentifierRef;

use super::RevocationError;
use crate::{crypto::Scheme, x509};

/// A signature algorithm. SHA-1 and MD5 are not accepted, although notation-go does.
pub(super) fn scheme(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Scheme, RevocationError> {
    x509::signature_scheme(algorithm).map_err(RevocationError::UnsupportedAlgorithm)
}

#[cfg(test)]
mod tests {
    use der::asn1::ObjectIdentifier;

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
