//! Cosign's tags, the image's own tag, platforms, and blobs within one registry.

use countersign_host::{
    copy::{self, CopyError, Options, TagState},
    registry::Mirrors,
};
use serde_json::{Value, json};

use super::{
    bring, client, client_with, image, manifest, options, plain, reader, remote, start, text,
};
use crate::{
    corpora::corpora,
    scratch::{INDEX, MANIFEST, Scratch, tag},
};

/// `<digest>` as cosign writes it in tags, with a suffix.
fn cosign(descriptor: &Value, suffix: &str) -> String {
    format!("{}{suffix}", text(&descriptor["digest"]).replace(':', "-"))
}

/// A manifest with one layer, which is the signature.
fn signature(scratch: &Scratch, signatures: &[&str]) -> Value {
    let layers: Vec<Value> = signatures
        .iter()
        .map(|signature| {
            json!({
                "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
                "digest": scratch.blob("payload"), "size": 7,
                "annotations": { "dev.cosignproject.cosign/signature": signature },
            })
        })
        .collect();
    let config = r#"{"rootfs":{}}"#;
    json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": scratch.blob(config), "size": config.len() },
        "layers": layers,
    })
}

fn signed(scratch: &Scratch, signatures: &[&str]) -> Value {
    let image = image(scratch, "image");
    let manifest = signature(scratch, signatures);
    let signature = scratch.manifest(&manifest, tag(&cosign(&image, ".sig")));
    scratch.index(&[image.clone(), signature]);
    image
}

fn signatures(registry: &loopback_registry::Registry, tag: &str) -> Vec<String> {
    let snapshot = registry.snapshot("app");
    let manifest: Value =
        serde_json::from_slice(&snapshot.manifests[&snapshot.tags[tag]].1).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    let config: Value =
        serde_json::from_slice(&snapshot.blobs[text(&manifest["config"]["digest"])]).unwrap();
    let listed = config["rootfs"]["diff_ids"].as_array().map_or(layers.len(), Vec::len);
    assert_eq!(listed, layers.len());
    let of = |layer: &Value| {
        text(&layer["annotations"]["dev.cosignproject.cosign/signature"]).to_owned()
    };
    layers.iter().map(of).collect()
}

#[test]
fn signatures_at_the_destination_are_never_dropped() {
    let (client, registry) = (client(), start(true));
    let destination = remote(&client, &registry, "app");
    let state = |signatures: &[&str]| {
        let scratch = Scratch::new();
        let image = signed(&scratch, signatures);
        let summary = bring(&reader(scratch.path()), &destination).unwrap();
        (cosign(&image, ".sig"), summary.tags[0].state)
    };
    let (tag, first) = state(&["a"]);
    assert_eq!((first, signatures(&registry, &tag)), (TagState::Written, vec!["a".to_owned()]));
    assert_eq!(state(&["a", "b"]).1, TagState::Written);
    assert_eq!(signatures(&registry, &tag), ["a", "b"]);
    assert_eq!(state(&["b"]).1, TagState::There);
    assert_eq!(state(&["c", "b"]).1, TagState::Merged);
    assert_eq!(signatures(&registry, &tag), ["a", "b", "c"]);
}

#[test]
fn tags_lead_to_what_is_attached_to_what_is_attached() {
    let scratch = Scratch::new();
    let image = image(&scratch, "image");
    let mut all = vec![image.clone()];
    let mut of = image;
    for (mark, suffix) in [("sbom", ".sbom"), ("signature", ".sig"), ("pack", ".evidence")] {
        let manifest = manifest(&scratch, mark, None);
        let descriptor = scratch.manifest(&manifest, tag(&cosign(&of, suffix)));
        all.push(descriptor.clone());
        of = descriptor;
    }
    scratch.index(&all);
    let (client, registry) = (client(), start(false));
    let summary = bring(&reader(scratch.path()), &remote(&client, &registry, "app")).unwrap();
    assert_eq!((summary.manifests.len(), summary.tags.len()), (4, 3));
    assert_eq!(registry.snapshot("app").tags.len(), 4);
    let alone = Options { attached: false, ..options("1") };
    let to = remote(&client, &registry, "alone");
    copy::copy(&reader(scratch.path()), &to, &alone).unwrap();
    assert_eq!(registry.snapshot("alone").tags.into_keys().collect::<Vec<_>>(), ["1"]);
}

#[test]
fn the_images_tag_is_the_last_thing_that_is_written() {
    let Some(corpora) = corpora() else { return };
    let (client, registry) = (client(), start(false));
    for name in ["a-index", "b-index", "d-nested-jws"] {
        let _ = registry.take_log();
        let layout = reader(&corpora.join("layouts").join(name));
        bring(&layout, &remote(&client, &registry, name)).unwrap();
        let log = registry.log();
        let writes: Vec<&str> =
            log.iter().filter(|r| r.method == "PUT").map(|r| r.path.as_str()).collect();
        let last = writes.last().unwrap();
        assert!(last.ends_with("/manifests/1"), "{name}: {writes:?}");
        assert_eq!(writes.iter().filter(|path| path.ends_with("/manifests/1")).count(), 1);
        let is_tag = |path: &&str| path.contains("/manifests/") && !path.contains("sha256:");
        let first_tag = writes.iter().position(is_tag).unwrap();
        let last_blob = writes.iter().rposition(|path| path.contains("/blobs/")).unwrap();
        assert!(last_blob < first_tag, "{name}: {writes:?}");
        assert!(!log.iter().any(|request| request.status >= 400 && request.method == "PUT"));
    }
}

fn platform(os: &str, architecture: &str, variant: Option<&str>) -> Value {
    let mut platform = json!({ "os": os, "architecture": architecture });
    if let Some(variant) = variant {
        platform["variant"] = variant.into();
    }
    platform
}

#[test]
fn one_platform_of_an_index_is_an_image_with_its_own_signatures() {
    let scratch = Scratch::new();
    let mut children = Vec::new();
    let mut all = Vec::new();
    for (mark, of) in [
        ("amd64", platform("linux", "amd64", None)),
        ("v6", platform("linux", "arm", Some("v6"))),
        ("v7", platform("linux", "arm", Some("v7"))),
    ] {
        let manifest = manifest(&scratch, mark, None);
        let mut child = plain(&scratch.manifest(&manifest, Value::Null));
        let own = scratch.manifest(&signature(&scratch, &[mark]), tag(&cosign(&child, ".sig")));
        all.push(own);
        child["platform"] = of;
        children.push(child);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": children });
    let root = scratch.manifest(&index, tag("1"));
    all.push(scratch.manifest(&signature(&scratch, &["index"]), tag(&cosign(&root, ".sig"))));
    all.push(root);
    scratch.index(&all);
    let (client, registry) = (client(), start(true));
    let chosen = |platform: &str, name: &str| {
        let options = Options { platform: Some(platform.parse().unwrap()), ..options("1") };
        copy::copy(&reader(scratch.path()), &remote(&client, &registry, name), &options)
    };
    let summary = chosen("linux/arm/v7", "v7").unwrap();
    assert_eq!(summary.digest, text(&children[2]["digest"]));
    let tags: Vec<_> = registry.snapshot("v7").tags.into_keys().collect();
    assert_eq!(tags, ["1".to_owned(), cosign(&children[2], ".sig")]);
    assert_eq!(chosen("linux/amd64", "amd64").unwrap().digest, text(&children[0]["digest"]));
    for none in ["linux/s390x", "linux/arm"] {
        let error = chosen(none, "none").unwrap_err();
        let CopyError::NoPlatform { there, .. } = &error else { panic!("{error}") };
        assert_eq!(there, &["linux/amd64", "linux/arm/v6", "linux/arm/v7"]);
        assert!(error.is_absent());
    }
    assert!(registry.snapshot("none").manifests.is_empty());
    let whole = bring(&reader(scratch.path()), &remote(&client, &registry, "all")).unwrap();
    assert_eq!(whole.manifests.len(), 4 + 4, "the index, its children, and a signature of each");
}

#[test]
fn an_image_that_is_none_of_an_index_is_looked_at_for_its_platform() {
    let scratch = Scratch::new();
    image(&scratch, "image");
    let (client, registry) = (client(), start(true));
    let chosen = |platform: &str| {
        let options = Options { platform: Some(platform.parse().unwrap()), ..options("1") };
        copy::copy(&reader(scratch.path()), &remote(&client, &registry, "app"), &options)
    };
    assert!(chosen("linux/amd64").is_ok());
    assert!(matches!(chosen("linux/arm64"), Err(CopyError::NoPlatform { .. })));
}

#[test]
fn blobs_are_mounted_within_a_registry_and_carried_where_it_will_not() {
    let Some(corpora) = corpora() else { return };
    let (client, registry) = (client(), start(true));
    let from = remote(&client, &registry, "from");
    bring(&reader(&corpora.join("layouts/b-sc")), &from).unwrap();
    let _ = registry.take_log();
    let summary = bring(&from, &remote(&client, &registry, "mounted")).unwrap();
    assert_eq!((summary.blobs.copied, summary.bytes), (0, 0));
    assert!(summary.blobs.mounted > 5, "{:?}", summary.blobs);
    let is_blob = |r: &loopback_registry::Logged| r.method == "GET" && r.path.contains("/blobs/");
    assert!(!registry.take_log().iter().any(is_blob));
    registry.fault(loopback_registry::Fault::on(
        "POST",
        "/v2/carried/blobs/uploads/?mount=*",
        loopback_registry::What::status(405),
    ));
    let carried = bring(&from, &remote(&client, &registry, "carried")).unwrap();
    assert_eq!(carried.blobs.copied, summary.blobs.mounted);
    assert_eq!(registry.snapshot("carried"), registry.snapshot("from"));
}

#[test]
fn mirrors_are_asked_for_blobs_only() {
    let scratch = Scratch::new();
    let image = signed(&scratch, &["old"]);
    let (registry, mirror, to) = (start(true), start(true), start(true));
    mirror.load(scratch.path(), "hub/app").unwrap();
    let newer = Scratch::new();
    signed(&newer, &["old", "new"]);
    registry.load(newer.path(), "app").unwrap();
    let conf = format!(
        "[[registry]]\nlocation = \"{}\"\n[[registry.mirror]]\nlocation = \"{}/hub\"\ninsecure = true\n",
        registry.host, mirror.host
    );
    let client = client_with(Mirrors::parse(&conf).unwrap());
    copy::copy(&remote(&client, &registry, "app"), &remote(&client, &to, "app"), &options("1"))
        .unwrap();
    assert_eq!(signatures(&to, &cosign(&image, ".sig")), ["old", "new"]);
    let is_blob = |r: &loopback_registry::Logged| r.method == "GET" && r.path.contains("/blobs/");
    assert!(!mirror.log().is_empty() && mirror.log().iter().all(is_blob));
}
