//! The three shapes of SLSA provenance, read into one.

use serde_json::Value;

use super::super::uri;
use crate::verdict::{Code, Reason};

/// What a provenance says of a build.
#[derive(Clone, Copy, Debug)]
pub(super) struct Build<'a> {
    pub(super) version: Version,
    pub(super) builder: &'a str,
    pub(super) build_type: &'a str,
    /// What started it: `externalParameters`, `invocation.parameters`, `recipe.arguments`.
    pub(super) parameters: &'a Value,
    /// `resolvedDependencies` or `materials`.
    pub(super) dependencies: &'a [Value],
    pub(super) predicate: &'a Value,
}

/// Versions of the predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V0_1,
    V0_2,
    V1,
}

/// Where the members stand: builder, build type, parameters, dependencies.
type Places = [&'static str; 4];

impl Version {
    /// spec: SLSA provenance v0.1, v0.2, v1.0 §Schema
    const fn places(self) -> Places {
        match self {
            Self::V0_1 => ["/builder/id", "/recipe/type", "/recipe/arguments", "/materials"],
            Self::V0_2 => ["/builder/id", "/buildType", "/invocation/parameters", "/materials"],
            Self::V1 => [
                "/runDetails/builder/id",
                "/buildDefinition/buildType",
                "/buildDefinition/externalParameters",
                "/buildDefinition/resolvedDependencies",
            ],
        }
    }
}

impl<'a> Build<'a> {
    pub(super) fn read(predicate_type: &str, predicate: &'a Value) -> Result<Self, Reason> {
        let version = match predicate_type {
            uri::PROVENANCE_0_1 => Version::V0_1,
            uri::PROVENANCE_0_2 => Version::V0_2,
            uri::PROVENANCE_1 => Version::V1,
            other => {
                return Err(Reason::of(Code::PredicateUnsupported)
                    .expected("SLSA provenance v0.1, v0.2 or v1")
                    .found(other));
            }
        };
        let [builder, build_type, parameters, dependencies] = version.places();
        let there = |place: &str| predicate.pointer(place).filter(|value| !value.is_null());
        let dependencies = match there(dependencies) {
            None => &[],
            Some(Value::Array(items)) => items.as_slice(),
            Some(_) => return Err(malformed(dependencies, "a list")),
        };
        let parameters = match there(parameters) {
            None => &Value::Null,
            Some(value) if version == Version::V1 && !value.is_object() => {
                return Err(malformed(parameters, "an object"));
            }
            Some(value) => value,
        };
        Ok(Self {
            version,
            builder: text(predicate, builder)?,
            build_type: text(predicate, build_type)?,
            parameters,
            dependencies,
            predicate,
        })
    }
}

/// A text that must be there.
pub(super) fn text<'a>(predicate: &'a Value, place: &str) -> Result<&'a str, Reason> {
    let found = predicate.pointer(place).and_then(Value::as_str).filter(|text| !text.is_empty());
    found.ok_or_else(|| malformed(place, "a text"))
}

pub(super) fn malformed(place: &str, expected: &str) -> Reason {
    Reason::of(Code::PredicateMalformed).expected(format!("{expected} at `{place}`"))
}
