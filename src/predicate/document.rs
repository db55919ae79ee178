//! What all predicates have in common: when they say that they were made, and what is around them.

use serde_json::Value;

use super::uri;
use crate::{json, time::Time};

/// What a predicate says of when it was made: the first of its type's fields that is there. A field
/// that is there and is no time makes it undated.
///
/// | type | field |
/// |---|---|
/// | SLSA provenance v0.1, v0.2; runtime trace | `metadata.buildFinishedOn`, `metadata.buildStartedOn` |
/// | SLSA provenance v1 | `runDetails.metadata.finishedOn`, `.startedOn` |
/// | SLSA verification summary v1 | `timeVerified` |
/// | SLSA verification summary v0.1, v0.2 | `time_verified` |
/// | simple verification result v0.1, v0.2 | `timeCreated` |
/// | cosign's vuln, in-toto's vulns | `metadata.scanFinishedOn`, `metadata.scanStartedOn` |
/// | SPDX 2 | `creationInfo.created` |
/// | CycloneDX | `metadata.timestamp` |
/// | OpenVEX | `last_updated`, `timestamp` |
/// | cosign's custom | `Timestamp` |
/// | test result, release, SCAI, link, reference | none |
///
/// Of any other type, and of a referrer, what the document says of its own format decides: SPDX,
/// CycloneDX and OpenVEX as above, a report of Trivy `CreatedAt`, of Grype `descriptor.timestamp`,
/// SARIF the earliest `endTimeUtc` of its runs.
pub fn asserted_time(predicate_type: &str, predicate: &Value) -> Option<Time> {
    match fields_of_type(predicate_type) {
        Some(fields) => first(unwrapped_sbom(predicate_type, predicate), fields),
        None => fields_of_format(predicate)
            .map_or_else(|| sarif(predicate), |fields| first(predicate, fields)),
    }
}

const BUILD: &[&str] = &["/metadata/buildFinishedOn", "/metadata/buildStartedOn"];
const BUILD_1: &[&str] = &["/runDetails/metadata/finishedOn", "/runDetails/metadata/startedOn"];
const CYCLONEDX: &[&str] = &["/metadata/timestamp"];
const OPENVEX: &[&str] = &["/last_updated", "/timestamp"];
const SCAN: &[&str] = &["/metadata/scanFinishedOn", "/metadata/scanStartedOn"];
const SPDX: &[&str] = &["/creationInfo/created"];

fn fields_of_type(predicate_type: &str) -> Option<&'static [&'static str]> {
    let is = |base| uri::is_version_of(predicate_type, base);
    match predicate_type {
        uri::PROVENANCE_0_1 | uri::PROVENANCE_0_2 => return Some(BUILD),
        uri::PROVENANCE_1 => return Some(BUILD_1),
        uri::SUMMARY_1 => return Some(&["/timeVerified"]),
        uri::SUMMARY_0_1 | uri::SUMMARY_0_2 => return Some(&["/time_verified"]),
        uri::COSIGN_VULN => return Some(SCAN),
        uri::COSIGN_CUSTOM => return Some(&["/Timestamp"]),
        _ => {}
    }
    let versioned: &[(&str, &'static [&'static str])] = &[
        (uri::SPDX, SPDX),
        (uri::CYCLONEDX, CYCLONEDX),
        ("https://cyclonedx.org/vex", CYCLONEDX),
        ("https://openvex.dev/ns", OPENVEX),
        ("https://in-toto.io/attestation/vulns", SCAN),
        ("https://in-toto.io/attestation/svr", &["/timeCreated"]),
        ("https://in-toto.io/attestation/runtime-trace", BUILD),
        ("https://in-toto.io/attestation/test-result", &[]),
        ("https://in-toto.io/attestation/release", &[]),
        ("https://in-toto.io/attestation/scai", &[]),
        ("https://in-toto.io/attestation/scai/attribute-report", &[]),
        ("https://in-toto.io/attestation/link", &[]),
        ("https://in-toto.io/attestation/reference", &[]),
        ("https://in-toto.io/Link", &[]),
    ];
    versioned.iter().find(|(base, _)| is(base)).map(|(_, fields)| *fields)
}

fn fields_of_format(document: &Value) -> Option<&'static [&'static str]> {
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    if text("spdxVersion").is_some() {
        return Some(SPDX);
    }
    if text("bomFormat") == Some("CycloneDX") {
        return Some(CYCLONEDX);
    }
    if text("@context").is_some_and(|c| uri::is_version_of(c, "https://openvex.dev/ns")) {
        return Some(OPENVEX);
    }
    if document.get("SchemaVersion").is_some() && document.get("ArtifactName").is_some() {
        return Some(&["/CreatedAt"]);
    }
    if document.pointer("/descriptor/name").and_then(Value::as_str) == Some("grype") {
        return Some(&["/descriptor/timestamp"]);
    }
    None
}

fn first(document: &Value, fields: &[&str]) -> Option<Time> {
    let there = fields.iter().find_map(|f| document.pointer(f).filter(|v| !v.is_null()))?;
    there.as_str().and_then(Time::parse)
}

/// spec: SARIF 2.1.0 §3.20.8 `endTimeUtc`
fn sarif(document: &Value) -> Option<Time> {
    document.get("version").and_then(Value::as_str).filter(|v| v.starts_with("2."))?;
    let runs = document.get("runs")?.as_array()?;
    let mut earliest = None;
    for run in runs {
        let ends = run.get("invocations")?.as_array()?;
        for end in ends {
            let end = end.get("endTimeUtc").and_then(Value::as_str).and_then(Time::parse)?;
            earliest = Some(earliest.map_or(end, |time: Time| time.min(end)));
        }
        if ends.is_empty() {
            return None;
        }
    }
    earliest
}

/// Takes off what cosign puts around a predicate: `{Data, Timestamp}` of its type `custom`, and
/// `{Data}` that its first versions put around SBOMs. A text in it that is JSON is [`opened`].
pub fn unwrapped<'a>(predicate_type: &str, predicate: &'a Value) -> &'a Value {
    match predicate_type {
        uri::COSIGN_CUSTOM => data(predicate).unwrap_or(predicate),
        _ => unwrapped_sbom(predicate_type, predicate),
    }
}

/// The document that cosign's `custom` carries as a text, if that text is JSON. It is read as
/// strictly as what is around it.
pub fn opened(predicate_type: &str, predicate: &Value) -> Option<Value> {
    if predicate_type != uri::COSIGN_CUSTOM {
        return None;
    }
    json::parse(data(predicate)?.as_str()?.as_bytes()).ok()
}

fn unwrapped_sbom<'a>(predicate_type: &str, predicate: &'a Value) -> &'a Value {
    let is_sbom =
        [uri::SPDX, uri::CYCLONEDX].iter().any(|base| uri::is_version_of(predicate_type, base));
    data(predicate).filter(|data| is_sbom && data.is_object()).unwrap_or(predicate)
}

fn data(predicate: &Value) -> Option<&Value> {
    let map = predicate.as_object()?;
    let only = map.keys().all(|name| matches!(name.as_str(), "Data" | "Timestamp"));
    map.get("Data").filter(|_| only)
}
