//! [CycloneDX](https://cyclonedx.org/docs/1.6/json/) 1.2 to 1.7, in JSON.

use serde_json::{Map, Value};

use super::{
    component::{Component, Role, list, malformed, object, text},
    judge::Judge,
};
use crate::verdict::Reason;

/// Every component, however deep: components hold components.
pub(super) fn components<'a>(sbom: &'a Value, judge: &mut Judge<'a>) -> Result<(), Reason> {
    let document = object(sbom, "the SBOM")?;
    // JSON of more than 128 levels was not parsed: the list of lists that are open stays short.
    let mut open = vec![list(document, "components")?.iter()];
    if let Some(root) = sbom.pointer("/metadata/component").filter(|root| !root.is_null()) {
        let root = object(root, "the component of the metadata")?;
        judge.see(&component(root, Role::Root)?);
        open.push(list(root, "components")?.iter());
    }
    while let Some(items) = open.last_mut() {
        let Some(item) = items.next() else {
            open.pop();
            continue;
        };
        let item = object(item, "a component")?;
        judge.see(&component(item, role(item)?)?);
        open.push(list(item, "components")?.iter());
    }
    Ok(())
}

/// spec: CycloneDX 1.6 §components.type
fn role(component: &Map<String, Value>) -> Result<Role, Reason> {
    let kind = text(component, "type")?.ok_or_else(|| malformed("a `type` for every component"))?;
    Ok(match kind {
        "cryptographic-asset" | "data" | "device" | "file" | "operating-system" => Role::Other,
        _ => Role::Package,
    })
}

fn component(component: &Map<String, Value>, role: Role) -> Result<Component<'_>, Reason> {
    let name = text(component, "name")?.ok_or_else(|| malformed("a `name` for every component"))?;
    let mut supplier =
        text(component, "publisher")?.is_some() || text(component, "author")?.is_some();
    for party in ["supplier", "manufacturer"] {
        if let Some(party) = component.get(party).filter(|party| !party.is_null()) {
            supplier |= text(object(party, "a supplier")?, "name")?.is_some();
        }
    }
    supplier |= !list(component, "authors")?.is_empty();
    Ok(Component {
        name,
        group: text(component, "group")?,
        version: text(component, "version")?,
        purls: text(component, "purl")?.into_iter().collect(),
        licenses: licenses(component)?,
        supplier,
        role,
    })
}

/// All of the list hold. Where something was concluded, that governs.
///
/// spec: CycloneDX 1.6 §licenses "EITHER (list of SPDX licenses and/or named licenses) OR (tuple of
/// one SPDX License Expression)"; §acknowledgement
fn licenses(component: &Map<String, Value>) -> Result<Vec<&str>, Reason> {
    let (mut concluded, mut declared) = (Vec::new(), Vec::new());
    for item in list(component, "licenses")? {
        let item = object(item, "a licence")?;
        let (said, holder) = match (item.get("license"), item.get("expression")) {
            (Some(license), None) => {
                let license = object(license, "a licence")?;
                let id = name(license, "id")?;
                let id = if id.is_some() { id } else { name(license, "name")? };
                (id.ok_or_else(|| malformed("an `id` or `name` for every licence"))?, license)
            }
            (None, Some(_)) => {
                let expression = name(item, "expression")?;
                (expression.ok_or_else(|| malformed("an `expression`"))?, item)
            }
            _ => return Err(malformed("either `license` or `expression`")),
        };
        if matches!(said, "NOASSERTION" | "NONE") {
            continue;
        }
        match text(holder, "acknowledgement")? {
            Some("concluded") => concluded.push(said),
            _ => declared.push(said),
        }
    }
    Ok(if concluded.is_empty() { declared } else { concluded })
}

fn name<'a>(object: &'a Map<String, Value>, field: &str) -> Result<Option<&'a str>, Reason> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
        Some(_) => Err(malformed(&format!("a text in `{field}`"))),
    }
}
