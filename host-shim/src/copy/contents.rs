//! What a manifest names: blobs, children, a subject. Media types that are unknown are no reason to
//! leave anything behind.

use std::collections::BTreeSet;

use countersign::{
    discovery::manifest::{DOCKER_LIST, OCI_INDEX, OCI_MANIFEST},
    json,
};
use serde_json::{Value, json};

use super::store::Blob;
use crate::registry::is_digest;

/// What a manifest names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Contents {
    /// `mediaType`.
    pub(crate) media_type: Option<String>,
    /// `artifactType`, else the media type of its config.
    pub(crate) artifact_type: Option<String>,
    /// Its annotations.
    pub(crate) annotations: Option<Value>,
    /// Config, layers and other blobs, each once.
    pub(crate) blobs: Vec<Named>,
    /// The config among them.
    pub(crate) config: Option<Blob>,
    /// Manifests of an index.
    pub(crate) children: Vec<Child>,
    /// The digest of its subject.
    pub(crate) subject: Option<String>,
}

/// A blob, and whether it may be kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) blob: Blob,
    /// It has `urls`, or a type that is not to be distributed: registries may lack it.
    pub(crate) foreign: bool,
}

/// A manifest of an index.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Child {
    pub(crate) digest: String,
    pub(crate) media_type: Option<String>,
    pub(crate) platform: Option<Value>,
}

impl Contents {
    /// Reads a manifest of whatever type.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        // What has a member twice is two manifests, to two readers.
        let manifest = json::parse(bytes).map_err(|e| e.to_string())?;
        let lists = ["layers", "blobs", "manifests"];
        let is_one = lists.iter().any(|list| manifest[list].is_array());
        if !is_one && !manifest["subject"].is_object() {
            return Err("it has neither `layers` nor `manifests`".to_owned());
        }
        let mut contents = Self {
            media_type: text(&manifest, "mediaType"),
            artifact_type: text(&manifest, "artifactType")
                .or_else(|| text(&manifest["config"], "mediaType")),
            annotations: Some(manifest["annotations"].clone()).filter(Value::is_object),
            ..Self::default()
        };
        let config = Some(&manifest["config"]).filter(|config| config.is_object());
        let mut seen = BTreeSet::new();
        for descriptor in
            config.into_iter().chain(array(&manifest, "layers")).chain(array(&manifest, "blobs"))
        {
            let named = named(descriptor)?;
            if seen.insert(named.blob.digest.clone()) {
                contents.blobs.push(named);
            }
        }
        contents.config = config.and_then(|_| contents.blobs.first()).map(|n| n.blob.clone());
        for descriptor in array(&manifest, "manifests") {
            contents.children.push(Child {
                digest: digest(descriptor)?,
                media_type: text(descriptor, "mediaType"),
                platform: descriptor.get("platform").cloned(),
            });
        }
        if manifest["subject"].is_object() {
            contents.subject = Some(digest(&manifest["subject"])?);
        }
        Ok(contents)
    }

    /// What it is, for a registry: as it says itself, else as it is listed, else by its shape.
    pub(crate) fn media_type<'a>(&'a self, listed: Option<&'a str>) -> &'a str {
        let shape = if self.children.is_empty() { OCI_MANIFEST } else { OCI_INDEX };
        let own = self.media_type.as_deref().filter(|own| !own.is_empty());
        own.or_else(|| listed.filter(|listed| listed.contains('/'))).unwrap_or(shape)
    }

    /// Whether it is an index of images.
    pub(crate) fn is_index(&self) -> bool {
        matches!(self.media_type.as_deref(), Some(OCI_INDEX | DOCKER_LIST))
            || !self.children.is_empty()
    }

    /// Its descriptor in a list of referrers (distribution-spec v1.1, "Listing Referrers": the artifact
    /// type, else the config's media type, and all annotations).
    pub(crate) fn descriptor(&self, digest: &str, media_type: &str, size: usize) -> Value {
        let mut descriptor = json!({ "mediaType": media_type, "digest": digest, "size": size });
        if let Some(artifact_type) = &self.artifact_type {
            descriptor["artifactType"] = artifact_type.as_str().into();
        }
        if let Some(annotations) = &self.annotations {
            descriptor["annotations"] = annotations.clone();
        }
        descriptor
    }
}

fn named(descriptor: &Value) -> Result<Named, String> {
    let media_type = descriptor["mediaType"].as_str().unwrap_or_default();
    let elsewhere = media_type.contains(".nondistributable.") || media_type.contains(".foreign.");
    let digest = digest(descriptor)?;
    let size = descriptor["size"].as_u64().ok_or_else(|| format!("`{digest}` has no size"))?;
    let foreign = elsewhere || array(descriptor, "urls").next().is_some();
    Ok(Named { blob: Blob { digest, size }, foreign })
}

fn digest(descriptor: &Value) -> Result<String, String> {
    let digest = descriptor["digest"].as_str().unwrap_or_default();
    match is_digest(digest) {
        true => Ok(digest.to_owned()),
        false => Err(format!("`{digest}` is not a digest")),
    }
}

/// The digest that a descriptor names.
pub(crate) fn digest_of(descriptor: &Value) -> Option<&str> {
    descriptor["digest"].as_str().filter(|digest| is_digest(digest))
}

fn array<'a>(object: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    object[member].as_array().into_iter().flatten()
}

fn text(object: &Value, member: &str) -> Option<String> {
    object[member].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(digit: char) -> String {
        format!("sha256:{}", digit.to_string().repeat(64))
    }

    #[test]
    fn everything_that_a_manifest_names_is_found_whatever_it_is() {
        let descriptor = |d: char| json!({ "mediaType": "a/b", "digest": digest(d), "size": 1 });
        let foreign =
            json!({ "mediaType": "a/b", "digest": digest('4'), "size": 1, "urls": ["x"] });
        let manifest = json!({
            "mediaType": "application/vnd.cncf.oras.artifact.manifest.v1+json",
            "artifactType": "sbom/example",
            "blobs": [descriptor('1'), descriptor('1')],
            "config": descriptor('2'),
            "layers": [descriptor('3'), foreign],
            "manifests": [descriptor('5')],
            "subject": descriptor('6'),
        });
        let contents = Contents::read(manifest.to_string().as_bytes()).unwrap();
        let blobs: Vec<_> = contents.blobs.iter().map(|b| (&*b.blob.digest, b.foreign)).collect();
        let (two, three, four, one) = (digest('2'), digest('3'), digest('4'), digest('1'));
        assert_eq!(blobs, [(&*two, false), (&*three, false), (&*four, true), (&*one, false)]);
        assert_eq!(contents.children[0].digest, digest('5'));
        assert_eq!(contents.subject, Some(digest('6')));
        let listed = contents.descriptor("d", "m", 7);
        assert_eq!(listed["artifactType"], "sbom/example");
        assert_eq!(listed.get("annotations"), None);
    }

    #[test]
    fn what_cannot_be_followed_is_no_manifest() {
        for text in [
            "{}",
            "[]",
            "<html>",
            r#"{"layers":[],"layers":[]}"#,
            r#"{"layers":[{"digest":"sha256:0","size":1}]}"#,
            r#"{"layers":[],"subject":{"digest":"../../x"}}"#,
        ] {
            assert!(Contents::read(text.as_bytes()).is_err(), "{text}");
        }
        let sizeless = json!({ "layers": [{ "digest": digest('1'), "size": -1 }] }).to_string();
        assert!(Contents::read(sizeless.as_bytes()).unwrap_err().contains("no size"));
    }
}
