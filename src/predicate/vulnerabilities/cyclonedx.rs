//! [CycloneDX](https://cyclonedx.org/docs/1.6/json/) with a list of vulnerabilities: a disclosure
//! report. Its `analysis` is VEX, and counts only where the policy trusts its signer with that.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    names::{MOST_SHARED, Names},
    report::{Each, Finding, Fix, Package, Scan, Tool, written},
    severity::Severity,
    shape::{
        Members, Read, list, list_if_there, needed, object, object_if_there, text, time,
        unsupported,
    },
};

/// Versions with `vulnerabilities`.
const VERSIONS: &[&str] = &["1.4", "1.5", "1.6", "1.7"];

/// The component of a reference; none where two components have it.
pub(super) type Components<'a> = BTreeMap<&'a str, Option<Package<'a>>>;

pub(super) fn read<'a>(bom: &'a Members, scan: &mut Scan<'a>, each: &mut Each<'a, '_>) -> Read<()> {
    check_version(bom)?;
    if let Some(metadata) = object_if_there(bom, "metadata")? {
        scan.scanned_at(time(metadata, "timestamp")?);
        tools(metadata, scan)?;
    }
    let found = list(bom.get("vulnerabilities"), "`vulnerabilities` of the CycloneDX document")?;
    if found.is_empty() && scan.tools.iter().any(|tool| tool.name.eq_ignore_ascii_case("trivy")) {
        return Err(unsupported("Trivy writes an empty list into an SBOM that it has not scanned")
            .expected("a vulnerability, or a report of another format")
            .found("an empty `vulnerabilities`")
            .next("attest Trivy's own JSON, or its format `cosign-vuln`"));
    }
    let components = components(bom)?;
    found
        .iter()
        .try_for_each(|one| findings(object(Some(one), "a vulnerability")?, &components, each))
}

pub(super) fn check_version(bom: &Members) -> Read<()> {
    let (format, version) = (text(bom, "bomFormat")?, text(bom, "specVersion")?);
    if format == Some("CycloneDX") && version.is_some_and(|version| VERSIONS.contains(&version)) {
        return Ok(());
    }
    let found = format!("{} {}", written(bom.get("bomFormat")), written(bom.get("specVersion")));
    Err(unsupported("the CycloneDX document is of another version")
        .expected(format!("CycloneDX {}", VERSIONS.join(", ")))
        .found(found))
}

/// A list of tools, or since version 1.5 of components and services.
fn tools<'a>(metadata: &'a Members, scan: &mut Scan<'a>) -> Read<()> {
    let tools = match metadata.get("tools") {
        Some(Value::Object(tools)) => list_if_there(tools.get("components"), "`tools.components`")?,
        other => list_if_there(other, "`metadata.tools`")?,
    };
    for tool in tools {
        let tool = object(Some(tool), "a tool")?;
        if let Some(name) = text(tool, "name")? {
            scan.tools.push(Tool { name, version: text(tool, "version")? });
        }
    }
    Ok(())
}

/// All components, those inside of others too.
pub(super) fn components(bom: &Members) -> Read<Components<'_>> {
    let mut components = Components::new();
    let mut left = vec![list_if_there(bom.get("components"), "`components`")?];
    while let Some(list) = left.pop() {
        for component in list {
            let component = object(Some(component), "a component")?;
            left.push(list_if_there(component.get("components"), "`components`")?);
            if let Some(reference) = text(component, "bom-ref")? {
                let package = package(component)?;
                let entry = components.entry(reference);
                entry.and_modify(|known| *known = None).or_insert(Some(package));
            }
        }
    }
    Ok(components)
}

fn package(component: &Members) -> Read<Package<'_>> {
    Ok(Package {
        name: text(component, "name")?,
        version: text(component, "version")?,
        purl: text(component, "purl")?,
    })
}

/// `id`, and what `references` says that it is in other sources.
pub(super) fn names(vulnerability: &Members) -> Read<Names<'_>> {
    let references = list_if_there(vulnerability.get("references"), "`references`")?;
    if references.len() > MOST_SHARED {
        return Err(unsupported(format!("a vulnerability has more than {MOST_SHARED} names")));
    }
    let mut others = Vec::new();
    for reference in references {
        others.extend(text(object(Some(reference), "a reference")?, "id")?);
    }
    Ok(Names { id: needed(vulnerability, "id")?, others })
}

fn findings<'a>(
    vulnerability: &'a Members,
    components: &Components<'a>,
    each: &mut Each<'a, '_>,
) -> Read<()> {
    let names = names(vulnerability)?;
    let severity = severity(vulnerability)?;
    let mut add = |package| {
        each(Finding {
            names: names.clone(),
            severity,
            package,
            fix: Fix::Unsaid,
            since: None,
            suppressed: false,
        });
    };
    let affected = list_if_there(vulnerability.get("affects"), "`affects`")?;
    if affected.is_empty() {
        add(Package::default());
    }
    for one in affected {
        let reference = needed(object(Some(one), "what is affected")?, "ref")?;
        add(match components.get(reference) {
            Some(Some(package)) => *package,
            _ => Package { name: Some(reference), ..Package::default() },
        });
    }
    Ok(())
}

fn severity(vulnerability: &Members) -> Read<Severity> {
    let mut ratings = Vec::new();
    for rating in list_if_there(vulnerability.get("ratings"), "`ratings`")? {
        let rating = object(Some(rating), "a rating")?;
        ratings.push(text(rating, "severity")?.and_then(Severity::of_word));
        // Numbers of other methods, such as EPSS, are on other scales.
        if text(rating, "method")?.is_some_and(|method| method.starts_with("CVSS")) {
            let score = rating.get("score").and_then(Value::as_f64);
            ratings.push(score.and_then(Severity::of_score));
        }
    }
    Ok(Severity::worst(ratings))
}
