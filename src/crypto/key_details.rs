//! `PublicKeyDetails` of Sigstore
//! ([sigstore_common.proto](https://github.com/sigstore/protobuf-specs/blob/v0.5.0/protos/sigstore_common.proto)):
//! a type of key with the way in which it signs, in one label.

use super::{HashAlgorithm, KeyKind, Scheme};

/// A label of the table that a log may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyDetails(usize);

/// Deprecated labels that do not name a hash or a size are not in it, nor are keys that are not
/// SubjectPublicKeyInfo (`PKCS1_…`) and algorithms that are not verified here (LMS, ML-DSA): Rekor's
/// second version, where labels are, takes none of these (sigstore, pkg/signature/algorithm_registry.go).
const TABLE: &[(&str, Fit, Scheme)] = &[
    ("PKIX_ECDSA_P256_SHA_256", Fit::P256, Scheme::EcdsaDer(HashAlgorithm::Sha256)),
    ("PKIX_ECDSA_P384_SHA_256", Fit::P384, Scheme::EcdsaDer(HashAlgorithm::Sha256)),
    ("PKIX_ECDSA_P384_SHA_384", Fit::P384, Scheme::EcdsaDer(HashAlgorithm::Sha384)),
    ("PKIX_ECDSA_P521_SHA_256", Fit::P521, Scheme::EcdsaDer(HashAlgorithm::Sha256)),
    ("PKIX_ECDSA_P521_SHA_512", Fit::P521, Scheme::EcdsaDer(HashAlgorithm::Sha512)),
    ("PKIX_ED25519", Fit::Ed25519, Scheme::Ed25519),
    ("PKIX_ED25519_PH", Fit::Ed25519, Scheme::Ed25519ph),
    ("PKIX_RSA_PKCS1V15_2048_SHA256", Fit::Rsa(2048), Scheme::RsaPkcs1(HashAlgorithm::Sha256)),
    ("PKIX_RSA_PKCS1V15_3072_SHA256", Fit::Rsa(3072), Scheme::RsaPkcs1(HashAlgorithm::Sha256)),
    ("PKIX_RSA_PKCS1V15_4096_SHA256", Fit::Rsa(4096), Scheme::RsaPkcs1(HashAlgorithm::Sha256)),
    ("PKIX_RSA_PSS_2048_SHA256", Fit::Rsa(2048), Scheme::RsaPss(HashAlgorithm::Sha256)),
    ("PKIX_RSA_PSS_3072_SHA256", Fit::Rsa(3072), Scheme::RsaPss(HashAlgorithm::Sha256)),
    ("PKIX_RSA_PSS_4096_SHA256", Fit::Rsa(4096), Scheme::RsaPss(HashAlgorithm::Sha256)),
];

#[derive(Clone, Copy)]
enum Fit {
    P256,
    P384,
    P521,
    Ed25519,
    Rsa(usize),
}

impl KeyDetails {
    /// By its name.
    pub fn from_label(label: &str) -> Option<Self> {
        TABLE.iter().position(|(name, ..)| *name == label).map(Self)
    }

    /// Its name.
    pub fn label(self) -> &'static str {
        TABLE.get(self.0).map_or("", |(name, ..)| name)
    }

    /// How such a key signs.
    pub fn scheme(self) -> Option<Scheme> {
        TABLE.get(self.0).map(|(_, _, scheme)| *scheme)
    }

    /// The hash that is signed in place of the message: none for pure Ed25519.
    pub fn hash(self) -> Option<HashAlgorithm> {
        self.scheme()?.hash()
    }

    /// True where a key is of the labelled type and size.
    pub fn fits(self, key: KeyKind) -> bool {
        match (TABLE.get(self.0).map(|(_, fit, _)| *fit), key) {
            (Some(Fit::P256), KeyKind::P256)
            | (Some(Fit::P384), KeyKind::P384)
            | (Some(Fit::P521), KeyKind::P521)
            | (Some(Fit::Ed25519), KeyKind::Ed25519) => true,
            (Some(Fit::Rsa(named)), KeyKind::Rsa(bits)) => named == bits,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_back_and_fit_one_type_of_key() {
        let kinds = [
            KeyKind::P256,
            KeyKind::P384,
            KeyKind::P521,
            KeyKind::Ed25519,
            KeyKind::Rsa(2048),
            KeyKind::Rsa(3072),
            KeyKind::Rsa(4096),
        ];
        for (label, ..) in TABLE {
            let details = KeyDetails::from_label(label).unwrap();
            assert_eq!(details.label(), *label);
            let fitting = kinds.iter().filter(|kind| details.fits(**kind)).count();
            assert_eq!(fitting, 1, "{label}");
            let named = ["256", "384", "512"].iter().any(|hash| label.ends_with(hash));
            assert_eq!(details.hash().is_some(), named || label.ends_with("PH"), "{label}");
        }
        let p384 = |label| KeyDetails::from_label(label).unwrap().hash();
        assert_eq!(p384("PKIX_ECDSA_P384_SHA_256"), Some(HashAlgorithm::Sha256));
        assert_eq!(p384("PKIX_ECDSA_P384_SHA_384"), Some(HashAlgorithm::Sha384));
    }

    #[test]
    fn labels_of_what_is_not_verified_are_unknown() {
        for label in [
            "",
            "PUBLIC_KEY_DETAILS_UNSPECIFIED",
            "PKCS1_RSA_PKCS1V5",
            "PKIX_RSA_PSS",
            "PKIX_ECDSA_P256_HMAC_SHA_256",
            "LMS_SHA256",
            "ML_DSA_65",
            "pkix_ed25519",
        ] {
            assert_eq!(KeyDetails::from_label(label), None, "{label}");
        }
    }
}
