//! CycloneDX's `analysis` of vulnerabilities.

use serde_json::Value;

use super::{
    Scope, Statement,
    product::{Tie, as_digest, tie},
};
use crate::{
    predicate::purl::decoded,
    predicate::vulnerabilities::{
        cyclonedx::{Components, check_version, components, names},
        package::{pattern, without_qualifiers},
        shape::{
            Members, Read, list_if_there, needed, object, object_if_there, text, time, unsupported,
        },
    },
    time::Time,
};

/// A document and what its references mean.
pub(super) struct Bom<'a> {
    members: &'a Members,
    components: Components<'a>,
    /// The reference of the whole.
    root: Option<&'a str>,
    /// `urn:cdx:SERIAL/VERSION#`, with which another document, or this one, refers into it.
    link: Option<String>,
    made: Option<Time>,
    digest: &'a str,
}

impl<'a> Bom<'a> {
    pub(super) fn read(members: &'a Members, made: Option<Time>, digest: &'a str) -> Read<Self> {
        check_version(members)?;
        let metadata = object_if_there(members, "metadata")?;
        let made = match metadata.map(|metadata| time(metadata, "timestamp")).transpose()? {
            Some(Some(time)) => Some(time),
            _ => made,
        };
        let root = metadata.map(|metadata| object_if_there(metadata, "component")).transpose()?;
        let root = root.flatten();
        if root.map(|root| tie_of(root, digest)).transpose()? == Some(Tie::Other) {
            return Err(unsupported("it is about another artifact"));
        }
        let root = root.map(|root| text(root, "bom-ref")).transpose()?.flatten();
        let serial = text(members, "serialNumber")?.and_then(|n| n.strip_prefix("urn:uuid:"));
        let version = members.get("version").and_then(Value::as_u64).unwrap_or(1);
        let link = serial.map(|serial| format!("urn:cdx:{serial}/{version}#"));
        Ok(Self { members, components: components(members)?, root, link, made, digest })
    }

    /// Those that it lists; a plain SBOM lists none.
    pub(super) fn statements(&self) -> Read<&'a [Value]> {
        list_if_there(self.members.get("vulnerabilities"), "`vulnerabilities`")
    }

    /// What is said of one; nothing, without an analysis.
    pub(super) fn statement(&self, one: &'a Members) -> Read<Option<Statement<'a>>> {
        let Some(analysis) = object_if_there(one, "analysis")? else {
            return Ok(None);
        };
        let helps = helps(analysis)?;
        let dated = match time(analysis, "lastUpdated")? {
            Some(time) => Some(time),
            None => time(analysis, "firstIssued")?,
        };
        let names = names(one)?.all().collect();
        Ok(Some(Statement {
            names,
            at: dated.or(self.made),
            helps,
            scopes: self.scopes(one, helps)?,
        }))
    }

    fn scopes(&self, one: &Members, helps: bool) -> Read<Vec<Scope>> {
        let affected = list_if_there(one.get("affects"), "`affects`")?;
        if affected.is_empty() {
            return Ok(vec![Scope::Image]);
        }
        let mut scopes = Vec::new();
        for one in affected {
            let one = object(Some(one), "what is affected")?;
            let versions = list_if_there(one.get("versions"), "`versions`")?;
            let reference = needed(one, "ref")?;
            let inside = self.link.as_ref().and_then(|link| reference.strip_prefix(link.as_str()));
            let reference = inside.and_then(decoded).unwrap_or_else(|| reference.to_owned());
            if self.root == Some(reference.as_str())
                || tie([reference.as_str()], self.digest) == Tie::This
            {
                // Which of the versions the image is, nobody says.
                let unclear = versions.is_empty();
                scopes.push(if unclear { Scope::Image } else { Scope::Unclear });
                continue;
            }
            let Some(package) = self.components.get(reference.as_str()) else {
                continue;
            };
            let version = package.and_then(|package| package.version);
            if helps && !(versions.is_empty() || versions.iter().any(|v| is_version(v, version))) {
                continue;
            }
            // Two tools describe the same package with other qualifiers.
            let purl = package.and_then(|package| pattern(package.purl?));
            let purl = purl.map(without_qualifiers);
            scopes.push(purl.map_or(Scope::Unclear, Scope::Package));
        }
        Ok(scopes)
    }
}

fn is_version(entry: &Value, version: Option<&str>) -> bool {
    let unknown = entry.get("status").and_then(Value::as_str) == Some("unknown");
    version.is_some() && entry.get("version").and_then(Value::as_str) == version && !unknown
}

fn tie_of(component: &Members, digest: &str) -> Read<Tie> {
    let mut found = Vec::new();
    for name in ["bom-ref", "purl", "version"] {
        found.extend(text(component, name)?.map(str::to_owned));
    }
    for hash in list_if_there(component.get("hashes"), "`hashes`")? {
        let hash = object(Some(hash), "a hash")?;
        if let (Some(algorithm), Some(content)) = (text(hash, "alg")?, hash.get("content")) {
            found.extend(as_digest(algorithm, content));
        }
    }
    Ok(tie(found.iter().map(String::as_str), digest))
}

/// spec: CycloneDX 1.6, `vulnerabilities[].analysis`. Whoever says that it does not matter says why.
fn helps(analysis: &Members) -> Read<bool> {
    let explained = text(analysis, "justification")?.or(text(analysis, "detail")?).is_some();
    Ok(match text(analysis, "state")? {
        Some("resolved" | "resolved_with_pedigree") => true,
        Some("not_affected" | "false_positive") => explained,
        _ => false,
    })
}
