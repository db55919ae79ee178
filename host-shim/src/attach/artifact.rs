//! An OCI 1.1 artifact that refers to an image, found again by the referrers API or the fallback tag.

use std::collections::BTreeMap;

use countersign::discovery::manifest::OCI_MANIFEST;
use serde::Serialize;
use serde_json::Value;

use super::{AttachError, Attached, Descriptor, Image};
use crate::{
    copy::{
        Blob, Outgoing, Store, Under, digest_of,
        fallback::{self, Fallback},
        lists::{Own, settle},
        present, push_bytes,
    },
    registry::{Manifest, sha256_of},
};

/// The blob of an artifact without a config: `{}` (image-spec v1.1, "Guidance for an Empty Descriptor").
pub(super) const EMPTY: &[u8] = b"{}";
/// Manifests that are opened to see whether something is attached already.
const MOST_LOOKED: usize = 256;
const CREATED: &str = "org.opencontainers.image.created";

/// What is to be attached.
pub(super) struct Artifact<'a> {
    /// `artifactType`; without it the config's media type is it.
    pub(super) artifact_type: Option<&'a str>,
    /// Media type of the config, whose blob is `{}`.
    pub(super) config: &'a str,
    /// Media type and bytes of the only layer.
    pub(super) layer: (&'a str, &'a [u8]),
    pub(super) annotations: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    schema_version: u64,
    media_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    config: Descriptor,
    layers: [Descriptor; 1],
    subject: &'a Descriptor,
    annotations: &'a BTreeMap<String, String>,
}

impl Artifact<'_> {
    /// What lists name it by.
    fn kind(&self) -> &str {
        self.artifact_type.unwrap_or(self.config)
    }

    /// Attaches it. One with the same layer that is there is left alone.
    pub(super) fn attach(&self, store: &dyn Store, image: &Image) -> Result<Attached, AttachError> {
        let layer = descriptor(self.layer.0, self.layer.1);
        let attached = |manifest: Descriptor, tag, there, notes| Attached {
            image: image.digest().to_owned(),
            manifest,
            tag,
            there,
            notes,
        };
        if let Some(manifest) = self.find(store, image, &layer)? {
            return Ok(attached(manifest, None, true, Vec::new()));
        }
        let config = descriptor(self.config, EMPTY);
        for (blob, bytes) in [(&config, EMPTY), (&layer, self.layer.1)] {
            let blob = Blob { digest: blob.digest.clone(), size: blob.size };
            push_bytes(store, &blob, bytes)?;
        }
        let written = Written {
            schema_version: 2,
            media_type: OCI_MANIFEST,
            artifact_type: self.artifact_type,
            config,
            layers: [layer],
            subject: &image.descriptor,
            annotations: &self.annotations,
        };
        let bytes = serde_json::to_vec(&written).map_err(|e| AttachError::Unfit(e.to_string()))?;
        let manifest = descriptor(OCI_MANIFEST, &bytes);
        let outgoing =
            Outgoing { digest: &manifest.digest, media_type: OCI_MANIFEST, bytes: &bytes };
        let pushed = store.push_manifest(&outgoing, Under::Digest);
        let is_seen = pushed.map_err(|e| AttachError::store(&manifest.digest, e))?.lists_subject;
        let own = Own {
            manifest: outgoing,
            descriptor: crate::copy::listed_as(&outgoing).map_err(AttachError::Unfit)?,
            is_named: true,
            is_seen,
        };
        let settled = settle(store, image.digest(), &[own], None, false)?;
        let tag = settled.tag.map(|(tag, ..)| tag);
        Ok(attached(manifest, tag, false, settled.notes))
    }

    fn find(
        &self,
        store: &dyn Store,
        image: &Image,
        layer: &Descriptor,
    ) -> Result<Option<Descriptor>, AttachError> {
        for entry in referrers(store, image.digest(), self.kind())?.into_iter().take(MOST_LOOKED) {
            let Some(manifest) = open(store, &entry)? else { continue };
            let parsed: Value = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
            if parsed["layers"][0]["digest"] == *layer.digest
                && parsed["layers"][0]["mediaType"] == *layer.media_type
                && parsed["subject"]["digest"] == *image.digest()
            {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}

/// What refers to a digest and is of an artifact type; by whichever list, each once. What a list does not
/// tell the type of is opened.
pub(super) fn referrers(
    store: &dyn Store,
    digest: &str,
    artifact_type: &str,
) -> Result<Vec<Descriptor>, AttachError> {
    let failed = |e| AttachError::store(digest, e);
    let mut listed = store.referrers(digest).map_err(failed)?.listed;
    if let Fallback::Index { entries, .. } = fallback::read(store, digest).map_err(failed)? {
        listed.extend(entries);
    }
    let mut found = BTreeMap::new();
    for entry in listed {
        let Some(digest) = digest_of(&entry) else { continue };
        let descriptor = Descriptor {
            media_type: entry["mediaType"].as_str().unwrap_or(OCI_MANIFEST).to_owned(),
            digest: digest.to_owned(),
            size: entry["size"].as_u64().unwrap_or_default(),
        };
        let is_it = match entry["artifactType"].as_str().unwrap_or_default() {
            listed if listed == artifact_type => true,
            "" | "application/vnd.oci.empty.v1+json" => {
                kind_of(store, &descriptor)?.as_deref() == Some(artifact_type)
            }
            _ => false,
        };
        if is_it {
            found.entry(descriptor.digest.clone()).or_insert(descriptor);
        }
    }
    Ok(found.into_values().collect())
}

fn kind_of(store: &dyn Store, entry: &Descriptor) -> Result<Option<String>, AttachError> {
    let Some(manifest) = open(store, entry)? else { return Ok(None) };
    let parsed: Value = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
    let own = parsed["artifactType"].as_str().filter(|own| !own.is_empty());
    Ok(own.or_else(|| parsed["config"]["mediaType"].as_str()).map(str::to_owned))
}

fn open(store: &dyn Store, entry: &Descriptor) -> Result<Option<Manifest>, AttachError> {
    present(store.manifest(&entry.digest)).map_err(|e| AttachError::store(&entry.digest, e))
}

pub(super) fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: sha256_of(bytes),
        size: bytes.len() as u64,
    }
}

/// `org.opencontainers.image.created`.
pub(super) fn created(at: countersign::time::Time) -> (String, String) {
    (CREATED.to_owned(), at.to_string())
}
