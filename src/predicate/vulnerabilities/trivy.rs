//! Trivy's JSON, [schema 2](https://trivy.dev/latest/docs/configuration/reporting/#json).

use serde_json::Value;

use super::{
    names::Names,
    report::{Each, Finding, Fix, Package, Scan, Tool, written},
    severity::Severity,
    shape::{
        Members, Read, list, list_if_there, needed, object, object_if_there, text, time,
        unsupported,
    },
};

/// Classes of results that are about packages, and so about vulnerabilities.
const OF_PACKAGES: &[&str] = &["lang-pkgs", "os-pkgs"];

pub(super) fn read<'a>(
    report: &'a Members,
    scan: &mut Scan<'a>,
    each: &mut Each<'a, '_>,
) -> Read<()> {
    let version = report.get("SchemaVersion");
    if version.and_then(Value::as_u64) != Some(2) {
        return Err(unsupported("the Trivy report is of another schema")
            .expected("`SchemaVersion` 2")
            .found(written(version)));
    }
    let trivy = object_if_there(report, "Trivy")?;
    let version = trivy.map(|trivy| text(trivy, "Version")).transpose()?.flatten();
    scan.tools.push(Tool { name: "trivy", version });
    scan.scanned_at(time(report, "CreatedAt")?);
    // Trivy leaves the member out if it has found no package: that says nothing of the image.
    let mut looked_at_packages = false;
    for result in list(report.get("Results"), "`Results` of the Trivy report")? {
        let result = object(Some(result), "a result of the Trivy report")?;
        looked_at_packages |= result.contains_key("Vulnerabilities")
            || text(result, "Class")?.is_some_and(|class| OF_PACKAGES.contains(&class));
        // An empty list is left out; what a `null` would say, nobody knows.
        if let there @ Some(_) = result.get("Vulnerabilities") {
            for found in list(there, "`Vulnerabilities` of a result")? {
                each(finding(object(Some(found), "a vulnerability")?, false)?);
            }
        }
        let modified = result.get("ExperimentalModifiedFindings");
        for found in list_if_there(modified, "`ExperimentalModifiedFindings` of a result")? {
            let found = object(Some(found), "a modified finding")?;
            if text(found, "Type")? == Some("vulnerability") {
                each(finding(object(found.get("Finding"), "`Finding`")?, true)?);
            }
        }
    }
    if looked_at_packages {
        return Ok(());
    }
    Err(unsupported("the Trivy report is about no package")
        .expected("a result of class `os-pkgs` or `lang-pkgs`")
        .found("none"))
}

fn finding(found: &Members, suppressed: bool) -> Read<Finding<'_>> {
    let mut others = Vec::new();
    for name in list_if_there(found.get("VendorIDs"), "`VendorIDs`")? {
        others.extend(name.as_str());
    }
    let identifier = object_if_there(found, "PkgIdentifier")?;
    let purl = identifier.map(|identifier| text(identifier, "PURL")).transpose()?.flatten();
    Ok(Finding {
        names: Names { id: needed(found, "VulnerabilityID")?, others },
        severity: Severity::worst([text(found, "Severity")?.and_then(Severity::of_word)]),
        package: Package {
            name: text(found, "PkgName")?,
            version: text(found, "InstalledVersion")?,
            purl,
        },
        fix: text(found, "FixedVersion")?.map_or(Fix::Absent, |version| Fix::There(Some(version))),
        since: time(found, "PublishedDate")?,
        suppressed,
    })
}
