//! Lists of referrers: the API's and the fallback tag's, as one.

use std::collections::BTreeMap;

use countersign::discovery::manifest::{self, Descriptor, Manifest, Shape};

use super::Road;

/// `config.mediaType` of a manifest without a config.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
const NOTATION: &str = "application/vnd.cncf.notary.signature";
/// What the types of cosign's OCI 1.1 mode start with.
const COSIGN: &str = "application/vnd.dev.cosign.artifact.";
/// Of a layer with a simple-signing payload.
pub(super) const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// Of a layer with DSSE.
pub(super) const DSSE: &str = "application/vnd.dsse.envelope.v1+json";

/// What a referrer says that it is, in the order in which they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    Cosign,
    Bundle,
    Notation,
    /// No type, or a generic one: opened to tell.
    Unclear,
    Document,
}

impl Family {
    /// As the module tells them apart.
    pub(super) fn of(artifact_type: &str) -> Self {
        if artifact_type.starts_with(BUNDLE) {
            Self::Bundle
        } else if artifact_type == NOTATION {
            Self::Notation
        } else if artifact_type.starts_with(COSIGN)
            || matches!(artifact_type, SIMPLE_SIGNING | DSSE)
        {
            Self::Cosign
        } else if artifact_type.is_empty()
            || artifact_type == EMPTY
            || artifact_type.starts_with("application/vnd.oci.image.")
            || artifact_type.starts_with("application/vnd.docker.")
        {
            Self::Unclear
        } else {
            Self::Document
        }
    }
}

/// What a manifest says that it is: its artifact type, else its config's media type, else its only
/// layer's.
pub(super) fn own_type(manifest: &Manifest) -> &str {
    let config = manifest.config.as_ref().map(|c| c.media_type.as_str());
    let layer = match manifest.layers.as_deref() {
        Some([only]) => Some(only.media_type.as_str()),
        _ => None,
    };
    [manifest.artifact_type.as_deref(), config, layer]
        .into_iter()
        .flatten()
        .find(|t| !t.is_empty() && *t != EMPTY && !t.starts_with("application/vnd.oci.image."))
        .unwrap_or_default()
}

/// One entry, of one list or of both.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) digest: String,
    /// The largest that is claimed.
    pub(super) size: Option<u64>,
    pub(super) artifact_type: String,
    pub(super) roads: Vec<Road>,
}

/// Entries by digest.
#[derive(Default)]
pub(super) struct Entries(BTreeMap<String, Entry>);

impl Entries {
    /// Takes the entries of a list; says what is wrong with it.
    pub(super) fn add(&mut self, road: Road, list: &[u8]) -> Result<(), String> {
        match manifest::parse(list) {
            Ok((index, Shape::Index)) => {
                for descriptor in index.manifests.unwrap_or_default() {
                    self.take(road, descriptor);
                }
                Ok(())
            }
            // cosign copy leaves the image itself there.
            Ok(_) => Err("it is an image, and no list of referrers".to_owned()),
            Err(e) => Err(format!("no list of referrers: {e}")),
        }
    }

    fn take(&mut self, road: Road, descriptor: Descriptor) {
        let size = descriptor.size();
        let artifact_type = descriptor.artifact_type.unwrap_or_default();
        let fresh = || Entry {
            digest: descriptor.digest.clone(),
            size,
            artifact_type: artifact_type.clone(),
            roads: Vec::new(),
        };
        let entry = self.0.entry(descriptor.digest.clone()).or_insert_with(fresh);
        // Without a claim it may be as large as any.
        entry.size = entry.size.zip(size).map(|(a, b)| a.max(b));
        if Family::of(&entry.artifact_type) == Family::Unclear {
            entry.artifact_type = artifact_type;
        }
        if !entry.roads.contains(&road) {
            entry.roads.push(road);
        }
    }

    /// How many only the fallback tag lists.
    pub(super) fn only_tagged(&self) -> usize {
        self.0.values().filter(|entry| entry.roads == [Road::FallbackTag]).count()
    }

    /// Signatures first, then by type; of each type the small ones first, and so many of it. How many
    /// were left out comes with them.
    pub(super) fn sorted(self, most: usize) -> (Vec<Entry>, usize) {
        let mut entries: Vec<Entry> = self.0.into_values().collect();
        entries.sort_by_cached_key(|e| {
            let family = Family::of(&e.artifact_type);
            (family, e.artifact_type.clone(), e.size.unwrap_or(u64::MAX), e.digest.clone())
        });
        let all = entries.len();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        entries.retain(|entry| {
            let count = counts.entry(entry.artifact_type.clone()).or_default();
            *count += 1;
            *count <= most
        });
        let left_out = all - entries.len();
        (entries, left_out)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(entries: &[(&str, &str, u64)]) -> Vec<u8> {
        let manifests: Vec<_> = entries
            .iter()
            .map(|(digest, artifact_type, size)| {
                json!({ "digest": digest, "artifactType": artifact_type, "size": size })
            })
            .collect();
        json!({ "schemaVersion": 2, "manifests": manifests }).to_string().into_bytes()
    }

    #[test]
    fn one_digest_of_two_lists_is_one_entry() {
        let mut entries = Entries::default();
        entries.add(Road::Referrers, &list(&[("sha256:a", "", 10)])).unwrap();
        let tagged = [("sha256:a", NOTATION, 20), ("sha256:b", NOTATION, 5)];
        entries.add(Road::FallbackTag, &list(&tagged)).unwrap();
        assert_eq!(entries.only_tagged(), 1);
        let (sorted, left_out) = entries.sorted(9);
        assert_eq!((sorted.len(), left_out), (2, 0));
        assert_eq!(sorted[0].digest, "sha256:b");
        assert_eq!(sorted[1].roads, [Road::Referrers, Road::FallbackTag]);
        assert_eq!((sorted[1].size, &*sorted[1].artifact_type), (Some(20), NOTATION));
    }

    #[test]
    fn what_floods_one_type_hides_nothing_of_another() {
        let many: Vec<_> = (1..=9).map(|n| (format!("sha256:{n}"), "application/x", n)).collect();
        let many: Vec<_> = many.iter().map(|(d, t, n)| (&**d, *t, *n)).collect();
        let mut entries = Entries::default();
        entries.add(Road::Referrers, &list(&many)).unwrap();
        entries.add(Road::Referrers, &list(&[("sha256:s", NOTATION, 4000)])).unwrap();
        let (sorted, left_out) = entries.sorted(2);
        let digests: Vec<_> = sorted.iter().map(|e| &*e.digest).collect();
        assert_eq!((digests, left_out), (vec!["sha256:s", "sha256:1", "sha256:2"], 7));
    }

    #[test]
    fn an_image_is_no_list() {
        let image = json!({ "config": { "digest": "sha256:c" }, "layers": [] }).to_string();
        let told = Entries::default().add(Road::FallbackTag, image.as_bytes());
        assert!(told.unwrap_err().contains("it is an image"));
        assert!(Entries::default().add(Road::Referrers, b"<html>").is_err());
    }
}
