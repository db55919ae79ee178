//! X.509 certificates: what they say ([`Certificate`]), and whether they chain ([`path`]).

mod certificate;
pub mod fulcio;
pub mod notation_profile;
pub mod path;

pub use certificate::{
    BasicConstraints, CODE_SIGNING, Certificate, CertificateError, ExtendedKeyUsage, KeyUsage,
    SubjectAltName, TIME_STAMPING, hash_of, signature_scheme,
};
