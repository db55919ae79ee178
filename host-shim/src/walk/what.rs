//! Names of types for people.

/// Media types and artifact types by what they start with, the longest first where one is the start of
/// another.
const TYPES: &[(&str, &str)] = &[
    ("application/vnd.dev.sigstore.bundle", "Sigstore bundle"),
    ("application/vnd.cncf.notary.signature", "Notation signature"),
    ("application/vnd.cncf.notary.v2.signature", "Notary v2 prototype signature"),
    ("application/vnd.dev.cosign.artifact.sig", "Cosign signature"),
    ("application/vnd.dev.cosign.artifact.att", "Cosign attestation"),
    ("application/vnd.dev.cosign.artifact.sbom", "Cosign SBOM"),
    ("application/vnd.dev.cosign.simplesigning", "Cosign signature"),
    ("application/vnd.dsse.envelope", "Cosign attestation"),
    ("application/vnd.in-toto+json", "in-toto statement"),
    ("application/spdx", "SBOM (SPDX)"),
    ("text/spdx", "SBOM (SPDX)"),
    ("application/vnd.cyclonedx", "SBOM (CycloneDX)"),
    ("application/vnd.syft", "SBOM (Syft)"),
    ("application/sarif", "scan (SARIF)"),
    ("application/vnd.security.vulnerability.report", "vulnerability report"),
    ("application/vnd.aquasec.trivy.report", "scan (Trivy)"),
    ("application/vnd.openvex", "VEX (OpenVEX)"),
    ("application/vnd.countersign.pack", "evidence pack"),
    ("application/vnd.cncf.helm.config", "Helm chart"),
    ("application/vnd.wasm", "WebAssembly module"),
    ("application/vnd.oci.image.index", "OCI image index"),
    ("application/vnd.oci.image.manifest", "OCI image"),
    ("application/vnd.oci.artifact.manifest", "OCI artifact manifest (deprecated)"),
    ("application/vnd.cncf.oras.artifact.manifest", "ORAS artifact manifest (deprecated)"),
    ("application/vnd.docker.distribution.manifest.list", "Docker manifest list"),
    ("application/vnd.docker.distribution.manifest", "Docker image"),
];

/// Predicate types: a name, and whether a version may follow after `/`.
const PREDICATES: &[(&str, &str)] = &[
    ("https://sigstore.dev/cosign/sign/v1", "image signature"),
    ("https://slsa.dev/provenance/", "SLSA provenance "),
    ("https://slsa.dev/verification_summary/", "verification summary "),
    ("https://spdx.dev/Document", "SBOM (SPDX)"),
    ("https://cyclonedx.org/bom", "SBOM (CycloneDX)"),
    ("https://openvex.dev/ns", "VEX (OpenVEX)"),
    ("https://cosign.sigstore.dev/attestation/vuln/", "vulnerability scan "),
    ("https://cosign.sigstore.dev/attestation/", "custom attestation "),
    ("https://in-toto.io/attestation/vulns", "vulnerability scan"),
    ("https://in-toto.io/attestation/test-result/", "test result "),
    ("https://in-toto.io/attestation/release/", "release "),
    ("https://in-toto.io/attestation/scai/", "SCAI report "),
    ("https://in-toto.io/Link/", "in-toto link "),
];

/// What a media type or an artifact type stands for; itself where it is not known.
pub(super) fn kind(media_type: &str) -> String {
    let known = TYPES.iter().find(|(prefix, _)| media_type.starts_with(prefix));
    known.map_or_else(|| media_type.to_owned(), |(_, name)| (*name).to_owned())
}

/// What a predicate type stands for; itself where it is not known.
pub(super) fn predicate(predicate_type: &str) -> String {
    let known = PREDICATES.iter().find_map(|(prefix, name)| {
        predicate_type.strip_prefix(prefix).map(|version| (name, version))
    });
    match known {
        None => predicate_type.to_owned(),
        Some((name, version)) => {
            let version = version.trim_start_matches('/');
            match name.strip_suffix(')') {
                Some(open) if !version.is_empty() => {
                    format!("{open} {})", version.trim_start_matches('v'))
                }
                _ => format!("{name}{version}").trim_end().to_owned(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_it_knows_and_repeats_what_it_does_not() {
        assert_eq!(kind("application/spdx+json"), "SBOM (SPDX)");
        assert_eq!(kind("application/vnd.cncf.notary.signature"), "Notation signature");
        assert_eq!(kind("application/x"), "application/x");
        for (predicate_type, name) in [
            ("https://slsa.dev/provenance/v1", "SLSA provenance v1"),
            ("https://spdx.dev/Document", "SBOM (SPDX)"),
            ("https://spdx.dev/Document/v2.3", "SBOM (SPDX 2.3)"),
            ("https://cyclonedx.org/bom/v1.6", "SBOM (CycloneDX 1.6)"),
            ("https://cosign.sigstore.dev/attestation/vuln/v1", "vulnerability scan v1"),
            ("https://cosign.sigstore.dev/attestation/v1", "custom attestation v1"),
            ("https://sigstore.dev/cosign/sign/v1", "image signature"),
            ("https://example.com/x", "https://example.com/x"),
        ] {
            assert_eq!(predicate(predicate_type), name);
        }
    }
}
