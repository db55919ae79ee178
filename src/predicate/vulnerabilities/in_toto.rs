//! Records of a scan: [cosign's](https://github.com/sigstore/cosign/blob/main/specs/COSIGN_VULN_ATTESTATION_SPEC.md),
//! with a scanner's own report inside, and in-toto's
//! [v0.1](https://github.com/in-toto/attestation/blob/main/spec/predicates/vuln.md) and
//! [v0.2](https://github.com/in-toto/attestation/blob/main/spec/predicates/vulns_02.md), with a list.

use serde_json::Value;

use super::{
    names::Names,
    report::{Each, Finding, Fix, Package, Scan, Tool, bare},
    severity::Severity,
    shape::{Members, Read, list, needed, object, object_if_there, text, time, wrong},
};

const COSIGN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
const IN_TOTO: &str = "https://in-toto.io/attestation/vulns";

pub(super) fn read<'a>(
    predicate_type: &str,
    record: &'a Members,
    scan: &mut Scan<'a>,
    each: &mut Each<'a, '_>,
) -> Read<()> {
    let scanner = object(record.get("scanner"), "`scanner`")?;
    if let Some(name) = text(scanner, "uri")? {
        scan.tools.push(Tool { name, version: text(scanner, "version")? });
    }
    // The proto of v0.1 has longer names than its page.
    for name in ["db", "database"] {
        if let Some(database) = object_if_there(scanner, name)? {
            scan.database_of(time(database, "lastUpdate")?);
        }
    }
    for name in ["metadata", "scanMetadata"] {
        if let Some(metadata) = object_if_there(record, name)? {
            scan.scanned_at(time(metadata, "scanFinishedOn")?);
        }
    }
    let result = scanner.get("result");
    match result {
        Some(Value::Array(items)) if predicate_type != COSIGN => findings(items, each),
        Some(Value::Object(report)) if is_list(predicate_type, report) => {
            findings(list(report.get("vulnerabilities"), "`scanner.result.vulnerabilities`")?, each)
        }
        Some(Value::Object(report)) => bare(report, scan, each),
        found => Err(wrong("`scanner.result`", "a report", found)),
    }
}

/// The proto of v0.1 has the list one level deeper than its page.
fn is_list(predicate_type: &str, report: &Members) -> bool {
    predicate_type.starts_with(IN_TOTO)
        && report.len() == 1
        && report.contains_key("vulnerabilities")
}

fn findings<'a>(items: &'a [Value], each: &mut Each<'a, '_>) -> Read<()> {
    for item in items {
        let item = object(Some(item), "a vulnerability of `scanner.result`")?;
        // The page of v0.1 has it inside of `vulnerability` in its text, and not in its example.
        let item = object_if_there(item, "vulnerability")?.unwrap_or(item);
        each(Finding {
            names: Names { id: needed(item, "id")?, others: Vec::new() },
            severity: severity(item.get("severity"))?,
            package: Package::default(),
            fix: Fix::Unsaid,
            since: None,
            suppressed: false,
        });
    }
    Ok(())
}

fn severity(value: Option<&Value>) -> Read<Severity> {
    let ratings = match value {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(items)) => items,
        Some(one) => core::slice::from_ref(one),
    };
    let mut read = Vec::new();
    for one in ratings {
        let one = object(Some(one), "a severity")?;
        read.push(rating(text(one, "method")?.unwrap_or_default(), text(one, "score")?));
    }
    Ok(Severity::worst(read))
}

/// A word, or a number of a method whose numbers are CVSS scores. EPSS, for one, is not.
fn rating(method: &str, score: Option<&str>) -> Option<Severity> {
    let score = score?;
    let method = method.to_ascii_lowercase();
    match score.parse::<f64>() {
        Ok(number) if method.contains("cvss") || method == "nvd" => Severity::of_score(number),
        Ok(_) => None,
        Err(_) => Severity::of_word(score),
    }
}
