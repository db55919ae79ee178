//! Manifests of cosign's tag scheme: signatures or attestations as layers of one image, to which more are
//! added ([SIGNATURE_SPEC §Storage](https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#storage)).

use std::collections::BTreeMap;

use countersign::discovery::manifest::{DOCKER_MANIFEST, OCI_MANIFEST};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::registry::sha256_of;

/// The annotation that a signature is in.
pub(crate) const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// One signature or attestation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Layer {
    pub(crate) media_type: String,
    pub(crate) size: u64,
    pub(crate) digest: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u64,
    media_type: String,
    config: Config,
    layers: Vec<Layer>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    media_type: String,
    size: u64,
    digest: String,
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// A manifest with more layers, and its config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) media_type: String,
    pub(crate) manifest: Vec<u8>,
    pub(crate) config: Vec<u8>,
}

impl Layer {
    /// A layer of these bytes.
    pub(crate) fn of(
        bytes: &[u8],
        media_type: &str,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        Self {
            media_type: media_type.to_owned(),
            size: bytes.len() as u64,
            digest: sha256_of(bytes),
            annotations,
            other: Map::new(),
        }
    }

    /// The same contents with the same signature: what else is beside it makes no other of it.
    fn is(&self, other: &Self) -> bool {
        let signature =
            |layer: &Self| layer.annotations.get(SIGNATURE).cloned().unwrap_or_default();
        self.digest == other.digest && signature(self) == signature(other)
    }
}

/// The layers of a manifest of the tag scheme.
pub(crate) fn layers(manifest: &[u8]) -> Result<Vec<Layer>, String> {
    parse(manifest).map(|manifest| manifest.layers)
}

/// What is there with the layers that it lacks; nothing, if it lacks none.
pub(crate) fn append(there: Option<&[u8]>, more: &[Layer]) -> Result<Option<Appended>, String> {
    let mut manifest = match there {
        Some(bytes) => parse(bytes)?,
        None => Manifest {
            schema_version: 2,
            media_type: OCI_MANIFEST.to_owned(),
            config: Config {
                media_type: CONFIG.to_owned(),
                size: 0,
                digest: String::new(),
                other: Map::new(),
            },
            layers: Vec::new(),
            other: Map::new(),
        },
    };
    let before = manifest.layers.len();
    for layer in more {
        if !manifest.layers.iter().any(|there| there.is(layer)) {
            manifest.layers.push(layer.clone());
        }
    }
    if manifest.layers.len() == before {
        return Ok(None);
    }
    let config = config(&manifest.layers);
    manifest.config.size = config.len() as u64;
    manifest.config.digest = sha256_of(&config);
    let media_type = manifest.media_type.clone();
    let manifest = serde_json::to_vec(&manifest).map_err(|e| e.to_string())?;
    Ok(Some(Appended { media_type, manifest, config }))
}

fn parse(bytes: &[u8]) -> Result<Manifest, String> {
    let manifest: Manifest = countersign::json::parse_as(bytes).map_err(|e| e.to_string())?;
    if !matches!(&*manifest.media_type, OCI_MANIFEST | DOCKER_MANIFEST) {
        return Err(format!("it is a `{}`, and not an image manifest", manifest.media_type));
    }
    if manifest.layers.iter().any(|layer| !layer.annotations.contains_key(SIGNATURE)) {
        return Err("it has layers that are neither signatures nor attestations".to_owned());
    }
    Ok(manifest)
}

/// The config as cosign writes it: it says nothing, and lists the layers as registries expect it of an
/// image.
fn config(layers: &[Layer]) -> Vec<u8> {
    let time = r#"{"created":"0001-01-01T00:00:00Z"}"#;
    let history = vec![time; layers.len()].join(",");
    let digests: Vec<_> = layers.iter().map(|layer| format!(r#""{}""#, layer.digest)).collect();
    let digests = digests.join(",");
    format!(
        r#"{{"architecture":"","created":"0001-01-01T00:00:00Z","history":[{history}],"os":"","rootfs":{{"type":"layers","diff_ids":[{digests}]}},"config":{{}}}}"#
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(bytes: &[u8], signature: &str) -> Layer {
        let annotations = BTreeMap::from([(SIGNATURE.to_owned(), signature.to_owned())]);
        Layer::of(bytes, "a/b", annotations)
    }

    #[test]
    fn layers_are_added_once() {
        let one = append(None, &[layer(b"x", "1")]).unwrap().unwrap();
        assert_eq!(append(Some(&one.manifest), &[layer(b"x", "1")]), Ok(None));
        let two = append(Some(&one.manifest), &[layer(b"x", "1"), layer(b"x", "2")]);
        let two = two.unwrap().unwrap();
        assert_eq!(layers(&two.manifest).unwrap(), [layer(b"x", "1"), layer(b"x", "2")]);
        assert_eq!(two.config.len() - one.config.len(), 109);
    }

    #[test]
    fn nothing_is_added_to_what_is_not_of_the_tag_scheme() {
        for text in ["{}", r#"{"schemaVersion":2,"mediaType":"x","config":{},"layers":[]}"#] {
            assert!(append(Some(text.as_bytes()), &[layer(b"x", "1")]).is_err(), "{text}");
        }
        let index = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","config":{"mediaType":"a","size":1,"digest":"d"},"layers":[]}"#;
        assert!(append(Some(index), &[]).unwrap_err().contains("not an image manifest"));
        let image = append(None, &[Layer::of(b"x", "a/b", BTreeMap::new())]).unwrap().unwrap();
        let refused = append(Some(&image.manifest), &[layer(b"y", "1")]).unwrap_err();
        assert!(refused.contains("neither signatures nor attestations"), "{refused}");
    }
}
