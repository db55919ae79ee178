//! Fulcio's certificate extensions
//! ([oid-info](https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md)).

use der::{
    Decode,
    asn1::{ObjectIdentifier, Utf8StringRef},
};

use super::Certificate;

/// How a value is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// The bytes themselves (1 to 6).
    Raw,
    /// A DER UTF8String (8 and up).
    Utf8,
}

/// One extension: the policy's name for it, its number under 1.3.6.1.4.1.57264.1, its encoding.
type Row = (&'static str, u32, Encoding);

const ROWS: &[Row] = &[
    ("githubWorkflowTrigger", 2, Encoding::Raw),
    ("githubWorkflowSha", 3, Encoding::Raw),
    ("githubWorkflowName", 4, Encoding::Raw),
    ("githubWorkflowRepository", 5, Encoding::Raw),
    ("githubWorkflowRef", 6, Encoding::Raw),
    ("buildSignerURI", 9, Encoding::Utf8),
    ("buildSignerDigest", 10, Encoding::Utf8),
    ("runnerEnvironment", 11, Encoding::Utf8),
    ("sourceRepositoryURI", 12, Encoding::Utf8),
    ("sourceRepositoryDigest", 13, Encoding::Utf8),
    ("sourceRepositoryRef", 14, Encoding::Utf8),
    ("sourceRepositoryIdentifier", 15, Encoding::Utf8),
    ("sourceRepositoryOwnerURI", 16, Encoding::Utf8),
    ("sourceRepositoryOwnerIdentifier", 17, Encoding::Utf8),
    ("buildConfigURI", 18, Encoding::Utf8),
    ("buildConfigDigest", 19, Encoding::Utf8),
    ("buildTrigger", 20, Encoding::Utf8),
    ("runInvocationURI", 21, Encoding::Utf8),
    ("sourceRepositoryVisibilityAtSigning", 22, Encoding::Utf8),
    ("deploymentEnvironment", 23, Encoding::Utf8),
    ("tokenSubject", 24, Encoding::Utf8),
];

/// The extensions that a policy can name.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|(name, ..)| *name)
}

/// The value of an extension by its name; `None` where it is absent or not validly encoded.
pub fn extension(certificate: &Certificate, name: &str) -> Option<String> {
    let (_, number, encoding) = ROWS.iter().find(|(own, ..)| *own == name)?;
    value(certificate, *number, *encoding)
}

/// Why a certificate names no single issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerError {
    /// Neither extension.
    Absent,
    /// Both extensions, and they differ.
    Conflict(String, String),
    /// Not validly encoded.
    Malformed,
}

/// The OIDC issuer: extension 8, or the older extension 1. Where both are there they are equal.
pub fn issuer(certificate: &Certificate) -> Result<String, IssuerError> {
    let there = |number| oid(number).is_some_and(|id| certificate.extension(&id).is_some());
    let read = |number, encoding| match value(certificate, number, encoding) {
        None if there(number) => Err(IssuerError::Malformed),
        found => Ok(found),
    };
    match (read(8, Encoding::Utf8)?, read(1, Encoding::Raw)?) {
        (Some(new), Some(old)) if new != old => Err(IssuerError::Conflict(new, old)),
        (Some(issuer), _) | (None, Some(issuer)) => Ok(issuer),
        (None, None) => Err(IssuerError::Absent),
    }
}

fn value(certificate: &Certificate, number: u32, encoding: Encoding) -> Option<String> {
    let bytes = certificate.extension(&oid(number)?)?;
    match encoding {
        Encoding::Raw => std::str::from_utf8(bytes).ok().map(str::to_owned),
        Encoding::Utf8 => Utf8StringRef::from_der(bytes).ok().map(|text| text.as_str().to_owned()),
    }
}

fn oid(number: u32) -> Option<ObjectIdentifier> {
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1").push_arc(number).ok()
}

impl std::fmt::Display for IssuerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent => f.write_str("no issuer extension"),
            Self::Conflict(new, old) => write!(f, "two issuers: {new} and {old}"),
            Self::Malformed => f.write_str("an issuer extension that is not valid"),
        }
    }
}
