//! Small reports of each kind, and the check of a policy over them.

use countersign::{
    predicate::{Check, Context, Document},
    time::{Horizon, Now, Time},
    verdict::Reason,
    wire::PolicyError,
};
use serde_json::{Value, json};

pub(super) use crate::held::{DIGEST, NOW, OTHER_DIGEST, REPOSITORY};

pub(super) const COSIGN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
pub(super) const IN_TOTO_1: &str = "https://in-toto.io/attestation/vulns/v0.1";
pub(super) const IN_TOTO_2: &str = "https://in-toto.io/attestation/vulns/v0.2";
pub(super) const CUSTOM: &str = "https://acme.test/scan/v1";
pub(super) const CYCLONEDX: &str = "https://cyclonedx.org/bom";
pub(super) const OPENVEX: &str = "https://openvex.dev/ns/v0.2.0";

/// Code, path, message and suggestion of an error of a policy.
pub(super) type Fault = (String, String, String, Option<String>);

/// What a policy says in a requirement, or the errors of the policy.
pub(super) fn parse(fields: &Value) -> Result<Check, Vec<Fault>> {
    let fault = |e: PolicyError| (e.code, e.path, e.message, e.suggestion);
    crate::held::read("vuln", "vulnerabilities", fields)
        .map_err(|errors| errors.into_iter().map(fault).collect())
}

/// A check, the time and the VEX documents.
pub(super) struct Setup {
    pub(super) check: Check,
    pub(super) now: String,
    pub(super) made: Option<String>,
    pub(super) vex: Vec<(String, Value)>,
}

pub(super) fn setup(fields: Value) -> Setup {
    let check = parse(&fields).unwrap_or_else(|errors| panic!("{fields}: {errors:?}"));
    Setup { check, now: NOW.to_owned(), made: None, vex: Vec::new() }
}

impl Setup {
    pub(super) fn at(self, now: &str) -> Self {
        Self { now: now.to_owned(), ..self }
    }

    pub(super) fn made(self, made: &str) -> Self {
        Self { made: Some(made.to_owned()), ..self }
    }

    pub(super) fn vex(mut self, predicate_type: &str, predicate: Value) -> Self {
        self.vex.push((predicate_type.to_owned(), predicate));
        self
    }

    pub(super) fn run(
        &self,
        predicate_type: &str,
        predicate: &Value,
    ) -> Result<String, Vec<Reason>> {
        let made = self.made.as_deref().map(|made| Time::parse(made).unwrap());
        let vex: Vec<_> = self
            .vex
            .iter()
            .map(|(predicate_type, predicate)| Document { predicate_type, predicate, made: None })
            .collect();
        let at = |now: Now<'_>| {
            let context = Context { now, repository: REPOSITORY, digest: DIGEST, vex: &vex };
            self.check.check(&Document { predicate_type, predicate, made }, &context)
        };
        let (horizon, now) = (Horizon::default(), Time::parse(&self.now).unwrap());
        let result = at(Now::new(now, &horizon));
        // It stays so until the first instant that was looked at.
        let last = horizon.first().map_or_else(|| now.plus(3_200_000_000), |first| first.minus(1));
        for time in [last, now.plus(3600).min(last)] {
            assert_eq!(at(Now::alone(time)).is_ok(), result.is_ok(), "{now} {time}");
        }
        result
    }

    /// The codes of the reasons; none where it holds.
    pub(super) fn codes(&self, predicate_type: &str, predicate: &Value) -> Vec<&'static str> {
        let reasons = self.run(predicate_type, predicate).err().unwrap_or_default();
        reasons.iter().map(|reason| reason.code.as_str()).collect()
    }

    /// True where it holds; whatever else must be because of what was found.
    pub(super) fn holds(&self, predicate_type: &str, predicate: &Value) -> bool {
        let codes = self.codes(predicate_type, predicate);
        assert!(codes.is_empty() || codes == ["vulnerability.found"], "{codes:?}");
        codes.is_empty()
    }
}

/// The value at a pointer replaced or added; `None` removes it.
pub(super) fn with(document: &Value, pointer: &str, value: Option<Value>) -> Value {
    let mut document = document.clone();
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        return value.unwrap_or(Value::Null);
    };
    let slot = document.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"));
    match (slot, value) {
        (Value::Object(members), Some(value)) => {
            members.insert(name.to_owned(), value);
        }
        (Value::Object(members), None) => {
            members.remove(name).unwrap_or_else(|| panic!("no {pointer}"));
        }
        (Value::Array(items), Some(value)) => items[name.parse::<usize>().unwrap()] = value,
        (Value::Array(items), None) => {
            items.remove(name.parse().unwrap());
        }
        _ => panic!("no {pointer}"),
    }
    document
}

/// A finding in the words of its scanner.
pub(super) fn trivy_finding(id: &str, severity: &str) -> Value {
    json!({
        "VulnerabilityID": id,
        "PkgName": "curl",
        "PkgIdentifier": { "PURL": "pkg:deb/debian/curl@7.88.1-10?arch=amd64&distro=debian-12" },
        "InstalledVersion": "7.88.1-10",
        "FixedVersion": "7.88.1-11",
        "Severity": severity,
        "PublishedDate": "2026-11-01T10:15:00Z",
    })
}

pub(super) fn trivy(findings: Vec<Value>) -> Value {
    let packages = json!({
        "Target": "app (debian 12.5)", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": findings,
    });
    json!({
        "SchemaVersion": 2,
        "Trivy": { "Version": "0.68.0" },
        "CreatedAt": "2026-11-20T10:00:00.123456789+01:00",
        "ArtifactName": "ghcr.io/acme/app:1",
        "ArtifactType": "container_image",
        "Results": [packages, { "Target": "OS Packages", "Class": "license", "Licenses": [] }],
    })
}

pub(super) fn grype_finding(id: &str, severity: &str) -> Value {
    json!({
        "vulnerability": {
            "id": id,
            "severity": severity,
            "fix": {
                "versions": ["7.88.1-11"],
                "state": "fixed",
                "available": [{ "version": "7.88.1-11", "date": "2026-11-01" }],
            },
        },
        "relatedVulnerabilities": [],
        "matchDetails": [],
        "artifact": {
            "name": "curl",
            "version": "7.88.1-10",
            "purl": "pkg:deb/debian/curl@7.88.1-10?arch=amd64&distro=debian-12",
        },
    })
}

pub(super) fn grype(matches: Vec<Value>) -> Value {
    json!({
        "matches": matches,
        "descriptor": {
            "name": "grype",
            "version": "0.105.0",
            "db": { "status": { "built": "2026-11-19T08:00:00Z", "valid": true }, "providers": {} },
            "timestamp": "2026-11-20T10:00:00.5+01:00",
        },
    })
}

pub(super) fn sarif(rules: Vec<Value>, results: Vec<Value>) -> Value {
    json!({
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "Trivy", "version": "0.68.0", "rules": rules } },
            "results": results,
        }],
    })
}

pub(super) fn sarif_rule(id: &str, score: &str, severity: &str) -> Value {
    json!({ "id": id, "properties": {
        "security-severity": score, "tags": ["vulnerability", "security", severity],
    } })
}

pub(super) fn cyclonedx(vulnerabilities: Vec<Value>) -> Value {
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        "version": 1,
        "metadata": {
            "timestamp": "2026-11-20T10:00:00+00:00",
            "tools": { "components": [{ "type": "application", "name": "grype", "version": "0.105.0" }] },
            "component": { "bom-ref": "root", "type": "container", "name": "app", "version": DIGEST },
        },
        "components": [
            { "bom-ref": "curl", "type": "library", "name": "curl", "version": "7.88.1-10",
              "purl": "pkg:deb/debian/curl@7.88.1-10?arch=amd64&distro=debian-12.5" },
            { "bom-ref": "bash", "type": "library", "name": "bash", "version": "5.2.15-2",
              "purl": "pkg:deb/debian/bash@5.2.15-2?arch=amd64&distro=debian-12.5" },
        ],
        "vulnerabilities": vulnerabilities,
    })
}

pub(super) fn cyclonedx_finding(id: &str, severity: &str) -> Value {
    json!({ "id": id, "ratings": [{ "severity": severity }], "affects": [{ "ref": "curl" }] })
}

/// Cosign's record around a report.
pub(super) fn cosign(result: Value) -> Value {
    json!({
        "invocation": { "parameters": null, "uri": "", "event_id": "", "builder.id": "" },
        "scanner": {
            "uri": "pkg:github/aquasecurity/trivy@0.68.0",
            "version": "0.68.0",
            "db": { "uri": "", "version": "", "lastUpdate": "2026-11-19T08:00:00Z" },
            "result": result,
        },
        "metadata": {
            "scanStartedOn": "2026-11-20T08:55:00Z", "scanFinishedOn": "2026-11-20T09:00:00Z",
        },
    })
}

/// in-toto's record with a list of findings.
pub(super) fn in_toto(findings: Value) -> Value {
    with(&cosign(Value::Null), "/scanner/result", Some(findings))
}

pub(super) fn in_toto_finding(id: &str, severity: &str) -> Value {
    json!({ "id": id, "severity": [{ "method": "nvd", "score": severity }] })
}

/// Each kind of report with the findings of one name and severity.
pub(super) fn kinds(severity: Option<&str>) -> Vec<(&'static str, &'static str, Value)> {
    let id = "CVE-2026-1";
    let one = |make: fn(&str, &str) -> Value| -> Vec<Value> {
        severity.into_iter().map(|severity| make(id, severity)).collect()
    };
    let rule = |severity: &str| sarif_rule(id, "0.0", &severity.to_uppercase());
    let sarif = || {
        let results = severity.map(|_| json!({ "ruleId": id, "ruleIndex": 0 }));
        sarif(severity.map(rule).into_iter().collect(), results.into_iter().collect())
    };
    let list = || Value::Array(one(in_toto_finding));
    vec![
        ("trivy", CUSTOM, trivy(one(trivy_finding))),
        ("grype", CUSTOM, grype(one(grype_finding))),
        ("sarif", CUSTOM, sarif()),
        ("cyclonedx", CYCLONEDX, cyclonedx(one(cyclonedx_finding))),
        ("cosign with trivy", COSIGN, cosign(trivy(one(trivy_finding)))),
        ("cosign with grype", COSIGN, cosign(grype(one(grype_finding)))),
        ("cosign with sarif", COSIGN, cosign(sarif())),
        ("cosign with cyclonedx", COSIGN, cosign(cyclonedx(one(cyclonedx_finding)))),
        ("in-toto v0.1", IN_TOTO_1, in_toto(list())),
        (
            "in-toto v0.1, as its proto has it",
            IN_TOTO_1,
            in_toto(json!({ "vulnerabilities": list() })),
        ),
        ("in-toto v0.2", IN_TOTO_2, in_toto(list())),
        ("in-toto v0.2 with trivy", IN_TOTO_2, in_toto(trivy(one(trivy_finding)))),
    ]
}
