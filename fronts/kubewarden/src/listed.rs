//! What tags and lists of referrers say, before anything of it is looked at.

use std::collections::BTreeMap;

use countersign::discovery::manifest;

/// The digest that a tag such as `sha256-<hex>.sig` is about.
pub(crate) fn subject_of(tag: &str) -> String {
    tag.split('.').next().unwrap_or_default().replacen('-', ":", 1)
}

/// The artifact types in a list of referrers, by digest.
pub(crate) fn types(list: &[u8]) -> BTreeMap<String, String> {
    let listed = manifest::parse(list).ok().and_then(|(list, _)| list.manifests);
    let of = |d: manifest::Descriptor| (d.digest, d.artifact_type.unwrap_or_default());
    listed.unwrap_or_default().into_iter().map(of).collect()
}

/// The digest of the configuration that a manifest names.
pub(crate) fn config_of(manifest: &[u8]) -> Option<String> {
    let (manifest, _) = manifest::parse(manifest).ok()?;
    Some(manifest.config?.digest)
}

/// True for a referrer whose manifest may be enough: cosign's simple signing, of which the payload can
/// be rebuilt, and what does not say what it is.
pub(crate) fn may_be_rebuilt(artifact_type: &str) -> bool {
    const SIMPLE_SIGNING: &[&str] = &[
        "application/vnd.dev.cosign.artifact.sig.v1+json",
        "application/vnd.dev.cosign.simplesigning.v1+json",
    ];
    SIMPLE_SIGNING.contains(&artifact_type)
        || artifact_type.is_empty()
        || artifact_type.starts_with("application/vnd.oci.")
        || artifact_type.starts_with("application/vnd.docker.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_name_what_they_are_about() {
        assert_eq!(subject_of("sha256-aa.sig"), "sha256:aa");
        assert_eq!(subject_of("sha256-aa"), "sha256:aa");
        assert_eq!(subject_of("latest"), "latest");
    }
}
