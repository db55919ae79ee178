//! SPDX [2.3](https://spdx.github.io/spdx-spec/v2.3/) and 2.2, in JSON.

use serde_json::{Map, Value};

use super::{
    component::{Component, Role, list, malformed, object, text},
    judge::Judge,
};
use crate::verdict::Reason;

/// Every package.
pub(super) fn components<'a>(sbom: &'a Value, judge: &mut Judge<'a>) -> Result<(), Reason> {
    let document = object(sbom, "the SBOM")?;
    let root = root(document)?;
    for item in list(document, "packages")? {
        let package = object(item, "a package")?;
        let is_root = root.is_some() && text(package, "SPDXID")? == root;
        judge.see(&component(package, if is_root { Role::Root } else { Role::Package })?);
    }
    Ok(())
}

/// The one package that the document describes: the image. Where it describes several, none is
/// taken for it, so that each must say what packages must say.
///
/// spec: SPDX 2.3 §11.1 Relationship "SPDXRef-DOCUMENT DESCRIBES Package"
fn root(document: &Map<String, Value>) -> Result<Option<&str>, Reason> {
    let mut ids: Vec<&str> = Vec::new();
    ids.extend(list(document, "documentDescribes")?.iter().filter_map(Value::as_str));
    for relationship in list(document, "relationships")? {
        let part = |name: &str| relationship.get(name).and_then(Value::as_str);
        let (from, to) = (part("spdxElementId"), part("relatedSpdxElement"));
        match part("relationshipType") {
            Some("DESCRIBES") if from == Some("SPDXRef-DOCUMENT") => ids.extend(to),
            Some("DESCRIBED_BY") if to == Some("SPDXRef-DOCUMENT") => ids.extend(from),
            _ => {}
        }
    }
    let first = ids.first().copied();
    Ok(first.filter(|first| ids.iter().all(|id| id == first)))
}

fn component(package: &Map<String, Value>, role: Role) -> Result<Component<'_>, Reason> {
    let name = text(package, "name")?.ok_or_else(|| malformed("a `name` for every package"))?;
    let mut purls = Vec::new();
    for reference in list(package, "externalRefs")? {
        let reference = object(reference, "an external reference")?;
        if text(reference, "referenceType")? == Some("purl") {
            purls.extend(text(reference, "referenceLocator")?);
        }
    }
    // What the SBOM's author concluded governs; what the package declares, where nothing was.
    let said = |name| -> Result<Option<&str>, Reason> {
        let license = expression(package, name)?;
        Ok(license.filter(|text| !matches!(*text, "NOASSERTION" | "NONE")))
    };
    let license = match said("licenseConcluded")? {
        Some(concluded) => Some(concluded),
        None => said("licenseDeclared")?,
    };
    let names = |name| -> Result<bool, Reason> {
        Ok(text(package, name)?.is_some_and(|text| text != "NOASSERTION"))
    };
    Ok(Component {
        name,
        group: None,
        version: text(package, "versionInfo")?,
        purls,
        licenses: license.into_iter().collect(),
        supplier: names("supplier")? || names("originator")?,
        role,
    })
}

/// An expression may be as long as it wants: what is matched are its parts.
fn expression<'a>(package: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Reason> {
    match package.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
        Some(_) => Err(malformed(&format!("a text in `{name}`"))),
    }
}
