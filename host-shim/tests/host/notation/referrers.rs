//! Requirements 5 to 8: the forms of a signature's manifest, from a registry that hands out only what
//! is accepted.

use countersign::reference::Digest;
use serde_json::{Value, json};

use super::{KIND, Signer, Stage, Verdict, payload, policy};
use crate::{
    draft::Format,
    loopback::{Loopback, Reply},
    pki::Key,
    scratch::{INDEX, MANIFEST, image},
};

const ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
const ORAS: &str = "application/vnd.cncf.oras.artifact.manifest.v1+json";
const PROTOTYPE: &str = "application/vnd.cncf.notary.v2.signature";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// What a registry stores: manifests by tag or digest, blobs, and the list of referrers.
struct Stored {
    image: String,
    /// Digest, media type, bytes.
    manifests: Vec<(String, String, Vec<u8>)>,
    blobs: Vec<Vec<u8>>,
    referrers: Value,
    has_api: bool,
}

fn answer(stored: &Stored, path: &str, accept: &str) -> Reply {
    let not_found = |message: &str| {
        let error = json!({ "errors": [{ "code": "MANIFEST_UNKNOWN", "message": message }] });
        Reply::new(404, error.to_string())
    };
    let (kind, name) = path.trim_start_matches("/v2/app/").split_once('/').unwrap();
    let list = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": stored.referrers });
    let list = || Reply::new(200, list.to_string()).with("Content-Type", INDEX);
    let digest = Digest::parse(&stored.image).unwrap();
    match kind {
        "referrers" if stored.has_api => list(),
        "manifests" if name == digest.tag() && !stored.has_api => list(),
        "manifests" => {
            let name = if name == "1" { &stored.image } else { name };
            match stored.manifests.iter().find(|(digest, ..)| digest == name) {
                None => not_found("manifest unknown"),
                // As registries say it of artifacts to clients that do not know of them.
                Some((_, media_type, _)) if !accept.contains(media_type.as_str()) => not_found(
                    "OCI artifact found, but accept header does not support OCI artifacts",
                ),
                Some((_, media_type, bytes)) => {
                    Reply::new(200, bytes.clone()).with("Content-Type", media_type.clone())
                }
            }
        }
        "blobs" => match stored.blobs.iter().find(|b| Digest::sha256(b).to_string() == name) {
            Some(bytes) => Reply::new(200, bytes.clone()),
            None => not_found("blob unknown"),
        },
        _ => Reply::new(404, "404 page not found"),
    }
}

/// A form of the signature's manifest, and how it is listed.
struct Form {
    manifest: fn(&mut Value, layer: Value),
    listed: Option<&'static str>,
}

fn image_manifest(manifest: &mut Value, layer: Value) {
    manifest["mediaType"] = json!(MANIFEST);
    manifest["artifactType"] = json!(KIND);
    manifest["config"] = json!({ "mediaType": EMPTY, "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "size": 2 });
    manifest["layers"] = json!([layer]);
}

fn typed_by_config(manifest: &mut Value, layer: Value) {
    image_manifest(manifest, layer);
    manifest.as_object_mut().unwrap().remove("artifactType");
    manifest["config"]["mediaType"] = json!(KIND);
}

fn artifact_manifest(manifest: &mut Value, layer: Value) {
    manifest.as_object_mut().unwrap().remove("schemaVersion");
    manifest["mediaType"] = json!(ARTIFACT);
    manifest["artifactType"] = json!(KIND);
    manifest["blobs"] = json!([layer]);
}

fn artifact_with(count: usize) -> fn(&mut Value, Value) {
    match count {
        0 => |manifest, layer| {
            artifact_manifest(manifest, layer);
            manifest["blobs"] = json!([]);
        },
        _ => |manifest, layer| {
            artifact_manifest(manifest, layer.clone());
            manifest["blobs"] = json!([layer.clone(), layer]);
        },
    }
}

fn oras_manifest(manifest: &mut Value, layer: Value) {
    artifact_manifest(manifest, layer);
    manifest["mediaType"] = json!(ORAS);
    manifest["artifactType"] = json!(PROTOTYPE);
}

/// Verifies an image whose signatures have these forms.
fn verdict(stage: &Stage, forms: &[Form], has_api: bool) -> Verdict {
    let signer = Signer::new(Key::p256("leaf"));
    let image = image("a").to_string().into_bytes();
    let digest = Digest::sha256(&image).to_string();
    let envelope = signer.envelope(Format::Jws, &payload(MANIFEST, &digest, image.len()));
    let layer = json!({
        "mediaType": "application/jose+json",
        "digest": Digest::sha256(&envelope).to_string(),
        "size": envelope.len(),
    });
    let mut stored = Stored {
        image: digest.clone(),
        manifests: vec![(digest.clone(), MANIFEST.to_owned(), image.clone())],
        blobs: vec![envelope, b"{}".to_vec()],
        referrers: json!([]),
        has_api,
    };
    for (i, form) in forms.iter().enumerate() {
        let subject = json!({ "mediaType": MANIFEST, "digest": digest, "size": image.len() });
        let mut manifest = json!({
            "schemaVersion": 2,
            "subject": subject,
            "annotations": { "n": i.to_string() },
        });
        (form.manifest)(&mut manifest, layer.clone());
        let bytes = manifest.to_string().into_bytes();
        let media_type = manifest["mediaType"].as_str().unwrap().to_owned();
        let digest = Digest::sha256(&bytes).to_string();
        let mut entry = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
        if let Some(listed) = form.listed {
            entry["artifactType"] = json!(listed);
        }
        stored.referrers.as_array_mut().unwrap().push(entry);
        stored.manifests.push((digest, media_type, bytes));
    }
    stage.0.write("policy.json", policy(json!({ "ca": [signer.anchor()] }), json!({})));
    let registry = Loopback::start(move |incoming| {
        answer(&stored, &incoming.path, incoming.header("accept").unwrap_or_default())
    });
    let repository = registry.repository();
    stage.verdict(&format!("verify --plain-http --policy policy.json {repository}:1"))
}

#[test]
fn every_form_of_a_signatures_manifest_is_read() {
    let Some(stage) = Stage::new() else { return };
    for has_api in [true, false] {
        for manifest in [image_manifest, typed_by_config, artifact_manifest] {
            // With its type, without one, and with the generic ones that registries put there.
            for listed in [
                Some(KIND),
                None,
                Some(""),
                Some(EMPTY),
                Some("application/vnd.oci.image.config.v1+json"),
            ] {
                let verdict = verdict(&stage, &[Form { manifest, listed }], has_api);
                assert_eq!(verdict.code, "allow", "{has_api} {listed:?}: {}", verdict.text());
            }
        }
    }
}

#[test]
fn an_artifact_manifest_has_one_envelope() {
    let Some(stage) = Stage::new() else { return };
    for count in [0, 2] {
        let form = || Form { manifest: artifact_with(count), listed: Some(KIND) };
        let alone = verdict(&stage, &[form()], true);
        assert_eq!((alone.exit, alone.code.as_str()), (1, "layer.unexpected"), "{count}");
        let good = Form { manifest: artifact_manifest, listed: Some(KIND) };
        assert_eq!(verdict(&stage, &[form(), good], true).code, "allow");
    }
}

#[test]
fn a_manifest_of_the_prototype_is_named_as_unsupported() {
    let Some(stage) = Stage::new() else { return };
    for has_api in [true, false] {
        let form = || Form { manifest: oras_manifest, listed: Some(PROTOTYPE) };
        let alone = verdict(&stage, &[form()], has_api);
        assert_eq!((alone.exit, alone.code.as_str()), (1, "envelope.unsupported"));
        assert!(alone.text().contains("Notary v2 prototype"), "{}", alone.text());
        let good = Form { manifest: image_manifest, listed: Some(KIND) };
        assert_eq!(verdict(&stage, &[form(), good], has_api).code, "allow");
    }
}

/// One that cannot be had, one that is not what it says, and one of another artifact.
#[test]
fn a_bad_referrer_harms_no_other() {
    let Some(stage) = Stage::new() else { return };
    let junk: fn(&mut Value, Value) = |manifest, _| {
        *manifest = json!({ "mediaType": MANIFEST, "layers": 7 });
    };
    let lost: fn(&mut Value, Value) = |manifest, mut layer| {
        layer["digest"] = json!(format!("sha256:{}", "0".repeat(64)));
        image_manifest(manifest, layer);
    };
    let bad = |manifest| Form { manifest, listed: Some(KIND) };
    let good = Form { manifest: artifact_manifest, listed: None };
    let forms = [bad(junk), bad(lost), bad(oras_manifest), good];
    assert_eq!(verdict(&stage, &forms, true).code, "allow");
    let code = verdict(&stage, &forms[..3], true).code;
    assert!(!["allow", "signatures.none"].contains(&code.as_str()), "{code}");
}
