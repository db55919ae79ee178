//! What verified attestations say, held against policies.

mod approvals;
mod decisions;
mod documents;
mod held;
mod provenance;
mod sbom;
#[path = "../support/mod.rs"]
mod support;
mod vsa;
mod vulnerabilities;
