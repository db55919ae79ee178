//! [OpenVEX](https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md) v0.2.0, and v0.0.1, where
//! vulnerabilities and products are texts.

use serde_json::Value;

use super::{
    Scope, Statement,
    product::{Tie, digests, tie},
};
use crate::{
    predicate::vulnerabilities::{
        package::pattern,
        report::written,
        shape::{
            Members, Read, list, list_if_there, needed, object_if_there, text, time, unsupported,
            wrong,
        },
    },
    time::Time,
};

const CONTEXT: &str = "https://openvex.dev/ns";
const VERSIONS: &[&str] = &["", "/v0.0.0", "/v0.0.1", "/v0.0.2", "/v0.2.0"];

/// spec: OpenVEX §Status Justifications
const JUSTIFICATIONS: &[&str] = &[
    "component_not_present",
    "inline_mitigations_already_exist",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_not_present",
];

pub(super) fn statements(document: &Members) -> Read<&[Value]> {
    let context = document.get("@context");
    let version = context.and_then(Value::as_str).and_then(|text| text.strip_prefix(CONTEXT));
    if !version.is_some_and(|version| VERSIONS.contains(&version)) {
        return Err(unsupported(format!("its `@context` is {}", written(context))));
    }
    list(document.get("statements"), "`statements`")
}

pub(super) fn statement<'a>(
    document: &'a Members,
    statement: &'a Members,
    made: Option<Time>,
    digest: &str,
) -> Read<Statement<'a>> {
    let helps = helps(statement)?;
    // spec: OpenVEX §Timestamps: that of the statement, else of the document, else of what is
    // around it. Bad news may be newer than it was at first.
    let dated = match time(statement, "timestamp")? {
        Some(time) => Some(time),
        None => time(document, "timestamp")?.or(made),
    };
    let updated = time(statement, "last_updated")?.filter(|_| !helps);
    let at = dated.map(|dated| updated.map_or(dated, |updated| updated.max(dated)));
    Ok(Statement { names: names(statement)?, at, helps, scopes: scopes(statement, digest)? })
}

/// spec: OpenVEX §Status Labels; §"Note on `justification` and `impact_statement`"
fn helps(statement: &Members) -> Read<bool> {
    let justification = text(statement, "justification")?;
    let impact = text(statement, "impact_statement")?;
    Ok(match text(statement, "status")? {
        Some("fixed") => true,
        Some("not_affected") => match justification {
            Some(label) => JUSTIFICATIONS.contains(&label),
            None => impact.is_some(),
        },
        _ => false,
    })
}

fn names(statement: &Members) -> Read<Vec<&str>> {
    match statement.get("vulnerability") {
        Some(Value::String(name)) if !name.is_empty() => Ok(vec![name]),
        Some(Value::Object(vulnerability)) => {
            let mut names = vec![needed(vulnerability, "name")?];
            for alias in list_if_there(vulnerability.get("aliases"), "`aliases`")? {
                names.push(
                    alias.as_str().ok_or_else(|| wrong("an alias", "a string", Some(alias)))?,
                );
            }
            Ok(names)
        }
        found => Err(wrong("`vulnerability`", "a name or an object", found)),
    }
}

/// spec: OpenVEX, ATTESTING: the subject of the attestation is the product of a statement without
/// any; a product that is listed must be the subject.
fn scopes(statement: &Members, digest: &str) -> Read<Vec<Scope>> {
    // In v0.0.1 they stand beside the products.
    let beside = list_if_there(statement.get("subcomponents"), "`subcomponents`")?;
    let mut scopes = Vec::new();
    let Some(products) = statement.get("products") else {
        parts(beside, &mut scopes)?;
        return Ok(scopes);
    };
    for product in list_if_there(Some(products), "`products`")? {
        if !is_image(product, digest)? {
            continue;
        }
        let inside = list_if_there(product.get("subcomponents"), "`subcomponents`")?;
        if inside.is_empty() {
            parts(beside, &mut scopes)?;
        } else {
            parts(inside, &mut scopes)?;
        }
    }
    Ok(scopes)
}

fn is_image(product: &Value, digest: &str) -> Read<bool> {
    let members = match product {
        Value::String(id) => return Ok(tie([id.as_str()], digest) == Tie::This),
        Value::Object(members) => members,
        _ => return Err(wrong("a product", "an object", Some(product))),
    };
    let mut found: Vec<String> = text(members, "@id")?.map(str::to_owned).into_iter().collect();
    if let Some(identifiers) = object_if_there(members, "identifiers")? {
        found.extend(identifiers.values().filter_map(Value::as_str).map(str::to_owned));
    }
    if let Some(hashes) = object_if_there(members, "hashes")? {
        found.extend(digests(hashes));
    }
    Ok(tie(found.iter().map(String::as_str), digest) == Tie::This)
}

/// The parts of the image that are meant; all of it, if none is named.
fn parts(subcomponents: &[Value], scopes: &mut Vec<Scope>) -> Read<()> {
    if subcomponents.is_empty() {
        scopes.push(Scope::Image);
    }
    for part in subcomponents {
        let purl = match part {
            Value::String(id) => pattern(id),
            Value::Object(members) => {
                let listed = object_if_there(members, "identifiers")?;
                let listed = listed.map(|listed| text(listed, "purl")).transpose()?.flatten();
                text(members, "@id")?.and_then(pattern).or_else(|| pattern(listed?))
            }
            _ => return Err(wrong("a subcomponent", "an object", Some(part))),
        };
        scopes.push(purl.map_or(Scope::Unclear, Scope::Package));
    }
    Ok(())
}
