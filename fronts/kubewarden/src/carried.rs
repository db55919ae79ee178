//! Evidence that the host hands over as JSON: packs, and single envelopes that are made into packs.
//!
//! The host has parsed and written anew what it hands over. That does no harm where all that is
//! hashed or signed stands as base64 in texts, as it does in packs, bundles, JWS and DSSE.

use countersign::{
    discovery::manifest::{OCI_INDEX, OCI_MANIFEST},
    pack::{MAX_BYTES, Pack, PackedBlob, PackedList, PackedManifest},
    reference::Digest,
    wire::Bytes,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Envelopes in one document: more than one decision opens for an image.
const MOST_ENVELOPES: usize = 100;

/// What one document carries.
pub(crate) struct Carried {
    /// The evidence.
    pub(crate) pack: Pack,
    /// True for a pack of a registry, which somebody has made of all that he found there.
    pub(crate) whole: bool,
}

/// The answer of `oci/v1/oci_manifest_config`, as far as it is read.
#[derive(Deserialize)]
struct Packed {
    config: Pack,
}

/// The same, whatever it carries.
#[derive(Deserialize)]
struct Document {
    #[serde(deserialize_with = "countersign::json::deserialize")]
    config: Value,
}

/// What the configuration of the evidence tag carries for an image.
pub(crate) fn configuration(reply: &[u8], subject: &Digest) -> Result<Carried, String> {
    if reply.len() as u64 > MAX_BYTES {
        return Err(format!("larger than {} MiB", MAX_BYTES >> 20));
    }
    // A pack may be large: without a tree of all of its values.
    if let Ok(Packed { config }) = serde_json::from_slice(reply) {
        return whole(config, subject);
    }
    let Document { config } = serde_json::from_slice(reply).map_err(|e| e.to_string())?;
    document(config, subject)
}

/// What a text in an annotation or a ConfigMap carries for an image.
pub(crate) fn text(text: &str, subject: &Digest) -> Result<Carried, String> {
    let value = countersign::json::parse(text.as_bytes()).map_err(|e| e.to_string())?;
    // Whoever wrote it may leave out what is in the registry.
    Ok(Carried { whole: false, ..document(value, subject)? })
}

fn document(value: Value, subject: &Digest) -> Result<Carried, String> {
    if value.get("apiVersion").is_some() {
        let pack = serde_json::from_value(value).map_err(|e| e.to_string())?;
        return whole(pack, subject);
    }
    let envelopes = match value {
        Value::Array(envelopes) => envelopes,
        envelope => vec![envelope],
    };
    if envelopes.len() > MOST_ENVELOPES {
        return Err(format!("more than {MOST_ENVELOPES} envelopes"));
    }
    let mut pack = Pack { subject: subject.to_string(), ..Pack::default() };
    let mut list = Vec::new();
    for envelope in &envelopes {
        let kind = kind(envelope).ok_or("neither an evidence pack nor an envelope")?;
        list.push(add(&mut pack, envelope, &kind, subject));
    }
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list });
    let content = Bytes(index.to_string().into_bytes());
    pack.referrers.push(PackedList { subject: subject.to_string(), content });
    Ok(Carried { pack, whole: false })
}

fn whole(pack: Pack, subject: &Digest) -> Result<Carried, String> {
    let pack = pack.checked().map_err(|e| e.to_string())?;
    if pack.subject != subject.as_str() {
        return Err(format!("it is about `{}`", pack.subject));
    }
    Ok(Carried { pack, whole: true })
}

/// How an envelope is attached to an image.
struct Kind {
    artifact_type: String,
    layer: String,
}

fn kind(envelope: &Value) -> Option<Kind> {
    let text = |name: &str| envelope.get(name).and_then(Value::as_str);
    let same = |media_type: &str| Kind {
        artifact_type: media_type.to_owned(),
        layer: media_type.to_owned(),
    };
    if let Some(media_type) = text("mediaType") {
        return media_type
            .starts_with("application/vnd.dev.sigstore.bundle")
            .then(|| same(media_type));
    }
    if text("payloadType").is_some() {
        return Some(Kind {
            artifact_type: "application/vnd.dev.cosign.artifact.att.v1+json".to_owned(),
            layer: "application/vnd.dsse.envelope.v1+json".to_owned(),
        });
    }
    text("protected").map(|_| Kind {
        artifact_type: "application/vnd.cncf.notary.signature".to_owned(),
        layer: "application/jose+json".to_owned(),
    })
}

/// Adds an envelope as a referrer would carry it, and says how a list would name it. Where an
/// envelope was found never matters: what it signs binds it.
fn add(pack: &mut Pack, envelope: &Value, kind: &Kind, subject: &Digest) -> Value {
    let content = envelope.to_string().into_bytes();
    let digest = Digest::sha256(&content).to_string();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind.artifact_type,
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": Digest::sha256(b"{}").as_str(),
            "size": 2,
        },
        "layers": [{ "mediaType": kind.layer, "digest": digest, "size": content.len() }],
        "subject": { "mediaType": OCI_MANIFEST, "digest": subject.as_str(), "size": 0 },
    });
    let bytes = manifest.to_string().into_bytes();
    let listed = json!({
        "mediaType": OCI_MANIFEST,
        "artifactType": kind.artifact_type,
        "digest": Digest::sha256(&bytes).as_str(),
        "size": bytes.len(),
    });
    let digest_of_manifest = Digest::sha256(&bytes).to_string();
    pack.blobs.push(PackedBlob { digest, content: Bytes(content) });
    pack.manifests.push(PackedManifest {
        digest: digest_of_manifest,
        media_type: None,
        content: Bytes(bytes),
    });
    listed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Digest {
        Digest::sha256(b"image")
    }

    #[test]
    fn envelopes_are_listed_as_referrers_of_the_image() {
        let bundle = json!({ "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json" });
        let jws = json!({ "payload": "", "protected": "", "signature": "" });
        let dsse = json!({ "payload": "", "payloadType": "t", "signatures": [] });
        let all = json!([bundle, jws, dsse]).to_string();
        let Carried { pack, whole } = text(&all, &subject()).unwrap();
        assert!(!whole);
        let list: Value = serde_json::from_slice(&pack.referrers[0].content.0).unwrap();
        for (i, artifact_type) in [
            "application/vnd.dev.sigstore.bundle.v0.3+json",
            "application/vnd.cncf.notary.signature",
            "application/vnd.dev.cosign.artifact.att.v1+json",
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(list["manifests"][i]["artifactType"], artifact_type);
            assert_eq!(list["manifests"][i]["digest"], pack.manifests[i].digest);
            let digest = Digest::parse(&pack.blobs[i].digest).unwrap();
            assert!(digest.matches(&pack.blobs[i].content.0));
        }
    }

    #[test]
    fn what_is_neither_pack_nor_envelope_is_refused() {
        for (document, words) in [
            ("{", "EOF"),
            ("{}", "neither"),
            (r#"{"mediaType":"text/html"}"#, "neither"),
            (r#"[{"payloadType":"a"},{}]"#, "neither"),
            (r#"{"apiVersion":"v2"}"#, "missing field"),
            (r#"{"apiVersion":"v2","subject":"sha256:0"}"#, "apiVersion"),
        ] {
            let error = text(document, &subject()).err().unwrap();
            assert!(error.contains(words), "{document}: {error}");
        }
        let many = Value::from(vec![json!({ "payloadType": "a" }); 101]).to_string();
        assert!(text(&many, &subject()).err().unwrap().contains("more than 100"));
    }

    #[test]
    fn a_pack_is_about_the_image_or_not_read() {
        let pack = |subject: &str| {
            json!({ "manifest": {}, "digest": "", "config": {
                "apiVersion": "countersign.dev/pack/v1", "subject": subject,
            } })
            .to_string()
        };
        let own = configuration(pack(subject().as_str()).as_bytes(), &subject()).unwrap();
        assert!(own.whole);
        let other = Digest::sha256(b"other").to_string();
        let error = configuration(pack(&other).as_bytes(), &subject()).err().unwrap();
        assert!(error.contains(&other), "{error}");
    }
}
