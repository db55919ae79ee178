//! OCI manifests and indexes, as far as discovery reads them
//! ([image-spec v1.1](https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md)).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::json;

/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The deprecated OCI artifact manifest.
pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
/// Docker image manifest, version 2, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// Any manifest or index.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// `mediaType`.
    pub media_type: Option<String>,
    /// `artifactType`.
    pub artifact_type: Option<String>,
    /// `config`.
    pub config: Option<Descriptor>,
    /// `layers` of an image manifest.
    pub layers: Option<Vec<Descriptor>>,
    /// `blobs` of the deprecated artifact manifest.
    pub blobs: Option<Vec<Descriptor>>,
    /// `manifests` of an index.
    pub manifests: Option<Vec<Descriptor>>,
    /// `subject`.
    pub subject: Option<Descriptor>,
    /// `annotations`; values that are not text are dropped.
    #[serde(default)]
    pub annotations: Option<BTreeMap<String, Value>>,
}

/// When an artifact was made (image-spec, Pre-Defined Annotation Keys).
pub const CREATED: &str = "org.opencontainers.image.created";

impl Manifest {
    /// An annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name)?.as_str()
    }
}

/// A descriptor.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// `mediaType`.
    #[serde(default)]
    pub media_type: String,
    /// `digest`.
    pub digest: String,
    /// `size`; a text, a negative or a broken number claims nothing.
    #[serde(default)]
    pub size: Option<Value>,
    /// `artifactType`.
    pub artifact_type: Option<String>,
    /// `annotations`; values that are not text are dropped.
    #[serde(default)]
    pub annotations: Option<BTreeMap<String, Value>>,
    /// `platform`.
    #[serde(default)]
    pub platform: Option<Value>,
}

/// Media type of an in-toto statement, or of DSSE around it, as a layer.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";
/// What BuildKit's attestation manifest is about.
pub const BUILDKIT_DIGEST: &str = "vnd.docker.reference.digest";
const BUILDKIT_TYPE: &str = "vnd.docker.reference.type";

impl Descriptor {
    /// True for what BuildKit keeps in an index beside the platforms. Both are needed: nothing that
    /// can run is passed over.
    pub fn is_attestation(&self) -> bool {
        let unknown = |name: &str| {
            let part = self.platform.as_ref().and_then(|p| p.get(name)).and_then(Value::as_str);
            part == Some("unknown")
        };
        unknown("os")
            && unknown("architecture")
            && self.annotation(BUILDKIT_TYPE) == Some("attestation-manifest")
    }

    /// What `size` claims. Nothing of ours is empty: a zero claims nothing.
    pub fn size(&self) -> Option<u64> {
        self.size.as_ref()?.as_u64().filter(|size| *size > 0)
    }

    /// An annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name)?.as_str()
    }
}

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An image manifest.
    Image,
    /// An index of manifests.
    Index,
    /// The deprecated artifact manifest.
    Artifact,
}

/// Parses a document whose shape and media type must agree: one with both `manifests` and
/// `layers` could be two images.
pub fn parse(bytes: &[u8]) -> Result<(Manifest, Shape), String> {
    let value = json::parse(bytes).map_err(|e| e.to_string())?;
    spelled(&value)?;
    let manifest: Manifest = serde_json::from_value(value).map_err(|e| e.to_string())?;
    let shape = match (&manifest.layers, &manifest.manifests, &manifest.blobs) {
        (Some(_), None, None) => Shape::Image,
        (None, Some(_), None) => Shape::Index,
        (None, None, Some(_)) => Shape::Artifact,
        (None, None, None) if manifest.media_type.as_deref() == Some(OCI_ARTIFACT) => {
            Shape::Artifact
        }
        (None, None, None) => return Err("neither `layers` nor `manifests`".into()),
        _ => return Err("more than one of `layers`, `manifests` and `blobs`".into()),
    };
    if shape == Shape::Image && manifest.config.is_none() {
        return Err("`layers` without `config`".into());
    }
    let expected: &[&str] = match shape {
        Shape::Image => &[OCI_MANIFEST, DOCKER_MANIFEST],
        Shape::Index => &[OCI_INDEX, DOCKER_LIST],
        Shape::Artifact => &[OCI_ARTIFACT],
    };
    match manifest.media_type.as_deref() {
        // image-spec: "SHOULD be used" – old manifests lack it.
        None | Some("") => Ok((manifest, shape)),
        Some(media_type) if expected.contains(&media_type) => Ok((manifest, shape)),
        Some(media_type) => Err(format!("media type `{media_type}` and shape disagree")),
    }
}

const MEMBERS: &[&str] = &[
    "annotations",
    "artifactType",
    "blobs",
    "config",
    "layers",
    "manifests",
    "mediaType",
    "schemaVersion",
    "subject",
];
const DESCRIPTOR: &[&str] =
    &["annotations", "artifactType", "data", "digest", "mediaType", "platform", "size", "urls"];
const PLATFORM: &[&str] =
    &["architecture", "features", "os", "os.features", "os.version", "variant"];

/// Who runs images reads them in Go, which takes `Manifests` for `manifests`, and the last of them: no
/// member may have another spelling of a name that means something.
fn spelled(manifest: &Value) -> Result<(), String> {
    only(manifest, MEMBERS)?;
    let one = ["config", "subject"].into_iter().filter_map(|name| manifest.get(name));
    let lists = ["blobs", "layers", "manifests"];
    let listed = lists.into_iter().filter_map(|name| manifest.get(name)?.as_array()).flatten();
    for descriptor in one.chain(listed) {
        only(descriptor, DESCRIPTOR)?;
        if let Some(platform) = descriptor.get("platform") {
            only(platform, PLATFORM)?;
        }
    }
    Ok(())
}

fn only(object: &Value, names: &[&str]) -> Result<(), String> {
    let members = object.as_object().into_iter().flat_map(|members| members.keys());
    for member in members.filter(|member| !names.contains(&member.as_str())) {
        let folded = folded(member);
        if let Some(name) = names.iter().find(|name| name.to_ascii_lowercase() == folded) {
            return Err(format!("`{member}` is another spelling of `{name}`"));
        }
    }
    Ok(())
}

/// As Go's `encoding/json` folds names: the long s and the sign of kelvin are letters of ASCII to it.
fn folded(name: &str) -> String {
    let letter = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    name.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape_and_media_type_must_agree() {
        let config = r#""config":{"digest":"sha256:0"}"#;
        for (text, good) in [
            (format!(r#"{{{config},"layers":[]}}"#), true),
            (format!(r#"{{"mediaType":"{OCI_MANIFEST}",{config},"layers":[]}}"#), true),
            (format!(r#"{{"mediaType":"{OCI_INDEX}",{config},"layers":[]}}"#), false),
            (format!(r#"{{"mediaType":"{OCI_INDEX}","manifests":[]}}"#), true),
            (format!(r#"{{"mediaType":"{OCI_MANIFEST}","manifests":[]}}"#), false),
            (format!(r#"{{{config},"layers":[],"manifests":[]}}"#), false),
            (format!(r#"{{"layers":[],"layers":[],{config}}}"#), false),
            (r#"{"layers":[]}"#.into(), false),
            ("{}".into(), false),
            ("<html>".into(), false),
            (r#"{"manifests":[],"Manifests":[]}"#.into(), false),
            ("{\"manifests\":[],\"manife\u{17f}ts\":[]}".into(), false),
            (r#"{"manifests":[{"digest":"a","Digest":"b"}]}"#.into(), false),
            (r#"{"manifests":[{"digest":"a","platform":{"os":"a","OS":"b"}}]}"#.into(), false),
            (r#"{"manifests":[{"digest":"a","annotations":{"OS":"b"}}],"other":1}"#.into(), true),
        ] {
            assert_eq!(parse(text.as_bytes()).is_ok(), good, "{text}");
        }
    }
}
