//! What both formats say of one package.

use serde_json::{Map, Value};

use super::super::{glob::Glob, purl::Purl};
use crate::verdict::{Code, Reason};

/// A component, borrowed from the document.
#[derive(Clone, Debug)]
pub(super) struct Component<'a> {
    pub(super) name: &'a str,
    /// CycloneDX's `group`.
    pub(super) group: Option<&'a str>,
    pub(super) version: Option<&'a str>,
    pub(super) purls: Vec<&'a str>,
    /// Expressions, identifiers or names, all of which hold; empty where nothing is said.
    pub(super) licenses: Vec<&'a str>,
    pub(super) supplier: bool,
    pub(super) role: Role,
}

/// What a component is to its SBOM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A file, an operating system, data: nobody publishes it under a version and a licence.
    Other,
    /// Software.
    Package,
    /// What the SBOM is about.
    Root,
}

/// One of `require.fields`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// A licence, other than `NOASSERTION` and `NONE`.
    License,
    /// A package URL that reads as one.
    Purl,
    /// Supplier, publisher, manufacturer or author.
    Supplier,
    /// A version.
    Version,
}

impl Field {
    /// As the policy writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::License => "license",
            Self::Purl => "purl",
            Self::Supplier => "supplier",
            Self::Version => "version",
        }
    }
}

impl Component<'_> {
    pub(super) fn has(&self, field: Field) -> bool {
        match field {
            Field::License => !self.licenses.is_empty(),
            Field::Purl => self.purls.iter().any(|purl| Purl::parse(purl).is_some()),
            Field::Supplier => self.supplier,
            Field::Version => self.version.is_some(),
        }
    }

    /// For people.
    pub(super) fn shown(&self) -> String {
        match (self.purls.first(), self.version) {
            (Some(purl), _) => (*purl).to_owned(),
            (None, Some(version)) => format!("{} {version}", self.name),
            (None, None) => self.name.to_owned(),
        }
    }
}

/// A text that may be missing or empty. A longer one than patterns are matched against could not be
/// denied, so it is an error.
pub(super) fn text<'a>(
    object: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a str>, Reason> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() > Glob::TOO_LONG => {
            Err(malformed(&format!("a `{name}` of at most {} bytes", Glob::TOO_LONG)))
        }
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(malformed(&format!("a text in `{name}`"))),
    }
}

/// A list that may be missing.
pub(super) fn list<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a [Value], Reason> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(malformed(&format!("a list in `{name}`"))),
    }
}

pub(super) fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, Reason> {
    value.as_object().ok_or_else(|| malformed(&format!("an object for {what}")))
}

pub(super) fn malformed(expected: &str) -> Reason {
    Reason::of(Code::PredicateMalformed).expected(expected)
}
