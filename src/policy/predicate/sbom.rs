//! `attestation.sbom`.

use serde_json::Value;

use super::texts;
use crate::{
    policy::reader::{Cursor, Object, Reader},
    predicate::{
        Sbom,
        sbom::{Field, Format, Licenses, Package, Packages, Range, Unknown},
    },
    verdict::Code,
};

const FIELDS: &[&str] =
    &["allow", "deny", "formats", "minComponents", "require", "unknownLicenses"];

/// No image has as many.
const MOST_COMPONENTS: u32 = 1_000_000;

pub(super) fn read(r: &mut Reader, at: &Cursor<'_>) -> Option<Sbom> {
    let object = r.object(at, FIELDS, &[])?;
    let mut sbom = Sbom { formats: formats(r, &object), ..Sbom::default() };
    // An SBOM of nothing proves nothing: whoever takes one says so.
    let least = object.get("minComponents").map(|at| texts::number(r, &at, 0, MOST_COMPONENTS));
    sbom.min_components = match least {
        Some(least) => usize::try_from(least.unwrap_or(1)).unwrap_or(usize::MAX),
        None => 1,
    };
    let words = [("allow", Unknown::Allow), ("deny", Unknown::Deny)];
    let unknown = object.get("unknownLicenses").and_then(|at| r.word(&at, &words));
    sbom.unknown_licenses = unknown.unwrap_or_default();
    if let Some(deny) = block(r, &object, "deny", &["licenses", "packages"]) {
        sbom.deny_packages = packages(r, &deny);
        sbom.deny_licenses = licenses(r, &deny);
    }
    if let Some(allow) = block(r, &object, "allow", &["licenses"]) {
        sbom.allow_licenses = licenses(r, &allow);
    }
    if let Some(require) = block(r, &object, "require", &["fields", "packages"]) {
        sbom.require_packages = packages(r, &require);
        sbom.require_fields = fields(r, &require);
    }
    Some(sbom)
}

/// An object that says something.
fn block<'a>(
    r: &mut Reader,
    object: &Object<'a>,
    name: &str,
    known: &[&str],
) -> Option<Object<'a>> {
    let at = object.get(name)?;
    let block = r.object(&at, known, &[])?;
    if known.iter().all(|field| block.get(field).is_none()) {
        let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
        let message = format!("one of {} is needed", names.join(", "));
        r.error(Code::PolicyMissingField, &at.path, message);
    }
    Some(block)
}

fn formats(r: &mut Reader, object: &Object<'_>) -> Vec<Format> {
    let words = [Format::CycloneDx, Format::Spdx].map(|format| (format.as_str(), format));
    let Some(at) = object.get("formats") else {
        return Vec::new();
    };
    r.list(&at).iter().filter_map(|at| r.word(at, &words)).collect()
}

fn fields(r: &mut Reader, object: &Object<'_>) -> Vec<Field> {
    let words = [Field::License, Field::Purl, Field::Supplier, Field::Version]
        .map(|field| (field.as_str(), field));
    let Some(at) = object.get("fields") else {
        return Vec::new();
    };
    r.list(&at).iter().filter_map(|at| r.word(at, &words)).collect()
}

fn licenses(r: &mut Reader, object: &Object<'_>) -> Licenses {
    let mut licenses = Licenses::default();
    let Some(at) = object.get("licenses") else {
        return licenses;
    };
    for (text, at) in r.texts(&at) {
        if ["AND", "OR"].iter().any(|word| text.split_whitespace().any(|w| w == *word)) {
            let message = format!("`{text}` is an expression: list its licences one by one");
            r.error(Code::PolicyInvalidValue, &at.path, message);
        } else if let Err(error) = licenses.push(text) {
            r.error(Code::PolicyInvalidValue, &at.path, error.to_string());
        }
    }
    licenses
}

fn packages(r: &mut Reader, object: &Object<'_>) -> Packages {
    let mut packages = Packages::default();
    let Some(at) = object.get("packages") else {
        return packages;
    };
    for at in r.list(&at) {
        if let Some(package) = package(r, &at) {
            packages.push(package);
        }
    }
    packages
}

/// A name or package URL, or an object with it, `versions` and `reason`.
fn package(r: &mut Reader, at: &Cursor<'_>) -> Option<Package> {
    if matches!(at.value, Value::String(_)) {
        let text = r.text(at)?;
        return made(r, at, text, Vec::new(), None);
    }
    let object = r.object(at, &["package", "reason", "versions"], &[])?;
    let reason = object.get("reason").and_then(|at| r.text(&at).map(str::to_owned));
    let mut ranges = Vec::new();
    if let Some(at) = object.get("versions") {
        for (text, at) in texts::some(r, &at) {
            match Range::parse(text) {
                Ok(range) => ranges.push(range),
                Err(error) => {
                    let message = format!("`{text}` is {error}");
                    r.error(Code::PolicyInvalidValue, &at.path, message);
                }
            }
        }
    }
    let at = object.need(r, "package")?;
    let text = r.text(&at)?;
    made(r, &at, text, ranges, reason)
}

fn made(
    r: &mut Reader,
    at: &Cursor<'_>,
    text: &str,
    ranges: Vec<Range>,
    reason: Option<String>,
) -> Option<Package> {
    let package = Package::new(text, ranges, reason);
    package.map_err(|e| r.error(Code::PolicyInvalidValue, &at.path, format!("`{text}`: {e}"))).ok()
}
