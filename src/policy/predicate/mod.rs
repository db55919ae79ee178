//! The typed checks of `attestation`.

mod approvals;
mod provenance;
mod sbom;
mod texts;
mod vsa;
mod vulnerabilities;

use super::reader::{Object, Reader};
use crate::predicate::Check;

/// Fields of `attestation` that are typed checks.
pub(super) const FIELDS: &[&str] = &["approvals", "provenance", "sbom", "vsa", "vulnerabilities"];

/// The typed checks that are there, in the order in which they are made.
pub(super) fn read(r: &mut Reader, object: &Object<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(at) = object.get("provenance") {
        checks.extend(provenance::read(r, &at).map(Check::Provenance));
    }
    if let Some(at) = object.get("vsa") {
        checks.extend(vsa::read(r, &at).map(Check::Vsa));
    }
    if let Some(at) = object.get("approvals") {
        checks.extend(approvals::read(r, &at).map(Check::Approvals));
    }
    if let Some(at) = object.get("sbom") {
        checks.extend(sbom::read(r, &at).map(Check::Sbom));
    }
    if let Some(at) = object.get("vulnerabilities") {
        checks.extend(vulnerabilities::read(r, &at).map(|v| Check::Vulnerabilities(Box::new(v))));
    }
    checks
}
