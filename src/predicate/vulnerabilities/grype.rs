//! Grype's [JSON](https://github.com/anchore/grype/tree/main/schema/grype/json).

use serde_json::Value;

use super::{
    names::Names,
    report::{Each, Finding, Fix, Package, Scan, Tool},
    severity::Severity,
    shape::{Members, Read, list, list_if_there, needed, object, object_if_there, text, time},
};
use crate::time::Time;

pub(super) fn read<'a>(
    report: &'a Members,
    scan: &mut Scan<'a>,
    each: &mut Each<'a, '_>,
) -> Read<()> {
    let descriptor = object(report.get("descriptor"), "`descriptor` of the Grype report")?;
    let version = text(descriptor, "version")?;
    scan.tools.push(Tool { name: needed(descriptor, "name")?, version });
    scan.scanned_at(time(descriptor, "timestamp")?);
    if let Some(database) = object_if_there(descriptor, "db")? {
        // The sixth schema of the database has it in `status`.
        scan.database_of(time(database, "built")?);
        if let Some(status) = object_if_there(database, "status")? {
            scan.database_of(time(status, "built")?);
        }
    }
    for found in list(report.get("matches"), "`matches` of the Grype report")? {
        each(finding(object(Some(found), "a match")?, false)?);
    }
    let ignored = report.get("ignoredMatches");
    for found in list_if_there(ignored, "`ignoredMatches` of the Grype report")? {
        each(finding(object(Some(found), "a match")?, true)?);
    }
    Ok(())
}

fn finding(found: &Members, suppressed: bool) -> Read<Finding<'_>> {
    let vulnerability = object(found.get("vulnerability"), "`vulnerability` of a match")?;
    let artifact = object(found.get("artifact"), "`artifact` of a match")?;
    let mut others = Vec::new();
    for related in list_if_there(found.get("relatedVulnerabilities"), "`relatedVulnerabilities`")? {
        others.extend(text(object(Some(related), "a related vulnerability")?, "id")?);
    }
    let fix = object_if_there(vulnerability, "fix")?;
    Ok(Finding {
        names: Names { id: needed(vulnerability, "id")?, others },
        severity: Severity::worst([text(vulnerability, "severity")?.and_then(Severity::of_word)]),
        package: Package {
            name: text(artifact, "name")?,
            version: text(artifact, "version")?,
            purl: text(artifact, "purl")?,
        },
        fix: fix.map_or(Ok(Fix::Unsaid), fixed)?,
        since: fix.map_or(Ok(None), available)?,
        suppressed,
    })
}

fn fixed(fix: &Members) -> Read<Fix<'_>> {
    let versions = list_if_there(fix.get("versions"), "`fix.versions`")?;
    let state = text(fix, "state")?;
    Ok(match (versions, state) {
        ([first, ..], _) => Fix::There(first.as_str()),
        (_, Some("fixed")) => Fix::There(None),
        // As with Trivy's empty version: no fix that the scanner knows of.
        (_, None | Some("not-fixed" | "unknown" | "wont-fix")) => Fix::Absent,
        _ => Fix::Unsaid,
    })
}

/// Since when there has been a fix: the first of them.
fn available(fix: &Members) -> Read<Option<Time>> {
    let available = list_if_there(fix.get("available"), "`fix.available`")?;
    let dates = available.iter().map(|one| one.get("date").and_then(Value::as_str));
    // One that cannot be read may be the first.
    let dates: Option<Vec<_>> = dates.map(|date| date.and_then(Time::parse_or_date)).collect();
    Ok(dates.unwrap_or_default().into_iter().min())
}
