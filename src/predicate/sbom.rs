//! `sbom`: what an image is made of, by SPDX 2.2 and 2.3 and CycloneDX 1.2 to 1.7.

mod component;
mod cyclonedx;
mod judge;
mod license;
mod package;
mod scheme;
mod spdx;
mod version;

use serde_json::Value;

use super::{Context, Document, uri};
use crate::verdict::{Code, Reason};
pub use component::Field;
pub use license::Licenses;
pub use package::{Package, PackageError, Packages};
pub use version::{Range, RangeError};

/// `attestation.sbom`.
#[derive(Clone, Debug, Default)]
pub struct Sbom {
    /// `formats`; empty where every format is one.
    pub formats: Vec<Format>,
    /// `minComponents`: fewer packages say that the SBOM is not whole.
    pub min_components: usize,
    /// `deny.packages`.
    pub deny_packages: Packages,
    /// `deny.licenses`.
    pub deny_licenses: Licenses,
    /// `allow.licenses`; empty where every licence is.
    pub allow_licenses: Licenses,
    /// `unknownLicenses`.
    pub unknown_licenses: Unknown,
    /// `require.packages`.
    pub require_packages: Packages,
    /// `require.fields`.
    pub require_fields: Vec<Field>,
}

/// Formats of SBOMs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CycloneDX.
    CycloneDx,
    /// SPDX.
    Spdx,
}

/// What becomes of a package whose licence the SBOM does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// It is not one that `allow.licenses` names, nor one that `deny.licenses` does.
    #[default]
    ByLists,
    /// It passes.
    Allow,
    /// It is refused.
    Deny,
}

impl Format {
    /// As the policy writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CycloneDx => "cyclonedx",
            Self::Spdx => "spdx",
        }
    }
}

impl Sbom {
    /// One line of what was seen, or everything that is wrong.
    pub fn check(
        &self,
        document: &Document<'_>,
        _context: &Context<'_>,
    ) -> Result<String, Vec<Reason>> {
        let one = |reason| vec![reason];
        let sbom = document.predicate;
        let format = format(document.predicate_type, sbom).map_err(one)?;
        if !self.formats.is_empty() && !self.formats.contains(&format) {
            let expected: Vec<_> = self.formats.iter().map(|f| f.as_str()).collect();
            return Err(vec![
                Reason::of(Code::PredicateUnsupported)
                    .expected(expected.join(" or "))
                    .found(format.as_str()),
            ]);
        }
        let mut judge = judge::Judge::new(self);
        match format {
            Format::CycloneDx => cyclonedx::components(sbom, &mut judge),
            Format::Spdx => spdx::components(sbom, &mut judge),
        }
        .map_err(one)?;
        judge.verdict(format)
    }
}

/// What the document says that it is, which must not be another than its type says.
fn format(predicate_type: &str, sbom: &Value) -> Result<Format, Reason> {
    let unsupported = |found: String| {
        Reason::of(Code::PredicateUnsupported)
            .expected("SPDX 2.2 or 2.3, or CycloneDX 1.2 to 1.7, in JSON")
            .found(found)
    };
    if !sbom.is_object() {
        return Err(unsupported("no object: tag-value and XML are not read".to_owned()));
    }
    let text = |name: &str| sbom.get(name).and_then(Value::as_str);
    let found = match (text("bomFormat"), text("spdxVersion")) {
        (Some("CycloneDX"), None) => match text("specVersion") {
            Some("1.2" | "1.3" | "1.4" | "1.5" | "1.6" | "1.7") => Format::CycloneDx,
            other => return Err(unsupported(format!("CycloneDX {}", other.unwrap_or("?")))),
        },
        (None, Some("SPDX-2.2" | "SPDX-2.3")) => Format::Spdx,
        (None, Some(other)) => return Err(unsupported(other.to_owned())),
        (None, None) if sbom.get("@graph").is_some() => {
            return Err(unsupported("JSON-LD, as SPDX 3 is".to_owned()));
        }
        _ => {
            let found = "neither `spdxVersion` nor `bomFormat: CycloneDX`, or both";
            return Err(unsupported(found.to_owned()));
        }
    };
    let claimed = if uri::is_version_of(predicate_type, uri::SPDX)
        || predicate_type == "application/spdx+json"
    {
        Some(Format::Spdx)
    } else if uri::is_version_of(predicate_type, uri::CYCLONEDX)
        || predicate_type == "application/vnd.cyclonedx+json"
    {
        Some(Format::CycloneDx)
    } else {
        None
    };
    match claimed {
        Some(claimed) if claimed != found => Err(Reason::of(Code::PredicateMalformed)
            .expected(format!("{}, as the type says", claimed.as_str()))
            .found(found.as_str())),
        _ => Ok(found),
    }
}
