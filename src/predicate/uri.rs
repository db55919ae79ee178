//! Predicate types that are read here.

/// What `cosign attest --type custom` makes.
pub(super) const COSIGN_CUSTOM: &str = "https://cosign.sigstore.dev/attestation/v1";
/// What `cosign attest --type vuln` makes.
pub(super) const COSIGN_VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
/// CycloneDX, with or without a version.
pub(super) const CYCLONEDX: &str = "https://cyclonedx.org/bom";
/// SLSA provenance.
pub(super) const PROVENANCE_0_1: &str = "https://slsa.dev/provenance/v0.1";
/// SLSA provenance.
pub(super) const PROVENANCE_0_2: &str = "https://slsa.dev/provenance/v0.2";
/// SLSA provenance.
pub(super) const PROVENANCE_1: &str = "https://slsa.dev/provenance/v1";
/// SPDX, with or without a version.
pub(super) const SPDX: &str = "https://spdx.dev/Document";
/// SLSA verification summary.
pub(super) const SUMMARY_0_1: &str = "https://slsa.dev/verification_summary/v0.1";
/// SLSA verification summary.
pub(super) const SUMMARY_0_2: &str = "https://slsa.dev/verification_summary/v0.2";
/// SLSA verification summary.
pub(super) const SUMMARY_1: &str = "https://slsa.dev/verification_summary/v1";

/// True for the base itself and for `base/v1.2`, `base/1.2`.
pub(super) fn is_version_of(predicate_type: &str, base: &str) -> bool {
    let Some(rest) = predicate_type.strip_prefix(base) else {
        return false;
    };
    let version = rest.strip_prefix("/v").or_else(|| rest.strip_prefix('/'));
    let digits = |v: &str| {
        v.starts_with(|c: char| c.is_ascii_digit())
            && v.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    };
    rest.is_empty() || version.is_some_and(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_may_carry_its_version() {
        for (text, expected) in [
            ("https://spdx.dev/Document", true),
            ("https://spdx.dev/Document/v2.3", true),
            ("https://spdx.dev/Document/2.3", true),
            ("https://spdx.dev/Document/", false),
            ("https://spdx.dev/Document/v", false),
            ("https://spdx.dev/Documents", false),
            ("https://spdx.dev/Document/v2.3-x", false),
            ("https://spdx.dev/Document/v2/x", false),
            ("https://spdx.dev", false),
        ] {
            assert_eq!(is_version_of(text, SPDX), expected, "{text}");
        }
    }
}
