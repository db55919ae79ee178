//! What the registry holds.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{INDEX, digest};

/// Every repository by its name.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) repositories: BTreeMap<String, Repository>,
    pushed: u64,
}

/// One repository.
#[derive(Debug, Default)]
pub(crate) struct Repository {
    pub(crate) manifests: BTreeMap<String, Manifest>,
    /// The digest of each tag.
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) blobs: BTreeMap<String, Bytes>,
    pub(crate) uploads: BTreeMap<String, Vec<u8>>,
}

/// A manifest with the media type that it was pushed with.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
    /// The how-manieth it was.
    number: u64,
}

impl Store {
    pub(crate) fn put_manifest(
        &mut self,
        name: &str,
        digest: &str,
        media_type: &str,
        bytes: Bytes,
    ) {
        self.pushed += 1;
        let number = self.pushed;
        let manifests = &mut self.repositories.entry(name.to_owned()).or_default().manifests;
        // Whatever is pushed again keeps its place.
        let number = manifests.get(digest).map_or(number, |old| old.number);
        let manifest = Manifest { media_type: media_type.to_owned(), bytes, number };
        manifests.insert(digest.to_owned(), manifest);
    }

    pub(crate) fn put_blob(&mut self, name: &str, digest: &str, bytes: Bytes) {
        let repository = self.repositories.entry(name.to_owned()).or_default();
        repository.blobs.insert(digest.to_owned(), bytes);
    }

    pub(crate) fn put_tag(&mut self, name: &str, tag: &str, digest: &str) {
        let repository = self.repositories.entry(name.to_owned()).or_default();
        repository.tags.insert(tag.to_owned(), digest.to_owned());
    }

    pub(crate) fn start_upload(&mut self, name: &str) -> String {
        self.pushed += 1;
        let id = format!("{:08x}-0000-4000-8000-000000000000", self.pushed);
        let repository = self.repositories.entry(name.to_owned()).or_default();
        repository.uploads.insert(id.clone(), Vec::new());
        id
    }

    /// Gives every subject without a fallback tag one, as clients do on a registry without referrers API.
    pub(crate) fn put_fallback_tags(&mut self, name: &str) {
        let Some(repository) = self.repositories.get(name) else { return };
        let manifests = repository.manifests.values();
        let subjects: BTreeSet<String> =
            manifests.filter_map(|manifest| Contents::of(&manifest.bytes)?.subject).collect();
        for subject in subjects {
            let tag = fallback_tag(&subject);
            let Some(repository) = self.repositories.get(name) else { return };
            if repository.tags.contains_key(&tag) {
                continue;
            }
            let bytes = index(repository.referrers(&subject)).to_string().into_bytes();
            let digest = digest::sha256(&bytes);
            self.put_manifest(name, &digest, INDEX, bytes.into());
            self.put_tag(name, &tag, &digest);
        }
    }
}

impl Repository {
    /// The digest of a tag, or the digest itself if there is such a manifest.
    pub(crate) fn resolve<'a>(&'a self, reference: &'a str) -> Option<(&'a str, &'a Manifest)> {
        let digest = self.tags.get(reference).map_or(reference, String::as_str);
        Some((digest, self.manifests.get(digest)?))
    }

    /// Descriptors of what names this digest as its subject, in the order in which it was pushed.
    pub(crate) fn referrers(&self, subject: &str) -> Vec<Value> {
        let mut found: Vec<_> = self
            .manifests
            .iter()
            .filter_map(|(digest, manifest)| {
                let contents = Contents::of(&manifest.bytes)?;
                (contents.subject.as_deref() == Some(subject))
                    .then(|| (manifest.number, descriptor(digest, manifest, contents)))
            })
            .collect();
        found.sort_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, descriptor)| descriptor).collect()
    }
}

/// What of a manifest a registry looks at.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) media_type: Option<String>,
    pub(crate) subject: Option<String>,
    /// Digests of configuration, layers and other blobs.
    pub(crate) blobs: Vec<String>,
    /// Digests of an index's children.
    pub(crate) children: Vec<String>,
    artifact_type: Option<String>,
    annotations: Option<Value>,
}

impl Contents {
    /// Nothing, if it is not a JSON object.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let object = value.as_object()?;
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let digests = |member: &str| -> Vec<String> {
            let list = object.get(member).and_then(Value::as_array);
            let kept = list.into_iter().flatten().filter(|d| d.get("urls").is_none());
            kept.filter_map(|descriptor| text(descriptor.get("digest"))).collect()
        };
        let config = object.get("config");
        let children = digests("manifests");
        let artifact_type = text(object.get("artifactType")).filter(|is| !is.is_empty());
        let of_config = text(config.and_then(|c| c.get("mediaType")));
        Some(Self {
            media_type: text(object.get("mediaType")),
            subject: text(value.pointer("/subject/digest")),
            blobs: text(config.and_then(|c| c.get("digest")))
                .into_iter()
                .chain(digests("layers"))
                .chain(digests("blobs"))
                .collect(),
            artifact_type: artifact_type.or(of_config),
            annotations: object.get("annotations").filter(|a| a.is_object()).cloned(),
            children,
        })
    }
}

fn descriptor(digest: &str, manifest: &Manifest, contents: Contents) -> Value {
    let mut descriptor = json!({
        "mediaType": manifest.media_type,
        "digest": digest,
        "size": manifest.bytes.len(),
    });
    if let Some(artifact_type) = contents.artifact_type {
        descriptor["artifactType"] = artifact_type.into();
    }
    if let Some(annotations) = contents.annotations {
        descriptor["annotations"] = annotations;
    }
    descriptor
}

/// An image index of these descriptors.
pub(crate) fn index(manifests: Vec<Value>) -> Value {
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests })
}

/// The referrers tag schema of the distribution specification.
pub(crate) fn fallback_tag(digest: &str) -> String {
    let (algorithm, value) = digest.split_once(':').unwrap_or((digest, ""));
    let cut = |text: &str, length| text.chars().take(length).collect::<String>();
    let tag = format!("{}-{}", cut(algorithm, 32), cut(value, 64));
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    tag.chars().map(|c| if allowed(c) { c } else { '-' }).collect()
}
