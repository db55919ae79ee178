//! Lists of referrers: merged, mended, and never made of what is none.

use countersign_host::copy::{self, CopyError, Options, TagState};
use serde_json::{Value, json};

use super::{
    bring, client, fallback, image, list, manifest, options, plain, reader, remote, start, text,
};
use crate::scratch::{INDEX, MANIFEST, Scratch};

/// A layout with an image and two referrers; the three descriptors.
fn layout(scratch: &Scratch) -> [Value; 3] {
    let image = image(scratch, "image");
    let referrer = |mark: &str| {
        let manifest = manifest(scratch, mark, Some(&plain(&image)));
        plain(&scratch.manifest(&manifest, Value::Null))
    };
    let (one, two) = (referrer("one"), referrer("two"));
    scratch.index(&[image.clone(), one.clone(), two.clone()]);
    [image, one, two]
}

fn entries(registry: &loopback_registry::Registry, tag: &str) -> Vec<Value> {
    let snapshot = registry.snapshot("app");
    let (media_type, bytes) = &snapshot.manifests[&snapshot.tags[tag]];
    assert_eq!(media_type, INDEX);
    let index: Value = serde_json::from_slice(bytes).unwrap();
    index["manifests"].as_array().unwrap().clone()
}

fn types(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["artifactType"].as_str().unwrap_or_default()).collect()
}

#[test]
fn entries_that_are_there_are_kept_and_none_is_listed_twice() {
    let scratch = Scratch::new();
    let [image, one, _] = layout(&scratch);
    let (client, registry) = (client(), start(false));
    let own = json!({ "mediaType": MANIFEST, "digest": registry.push_manifest("app", None, MANIFEST,
        json!({ "mediaType": MANIFEST, "layers": [] }).to_string().as_bytes()), "size": 2,
        "artifactType": "test/own", "annotations": { "x": "y" } });
    let mut wrong = one.clone();
    wrong["artifactType"] = "application/vnd.oci.empty.v1+json".into();
    registry.push_manifest(
        "app",
        None,
        MANIFEST,
        &std::fs::read(scratch.path().join("blobs").join(text(&one["digest"]).replace(':', "/")))
            .unwrap(),
    );
    let tag = fallback(text(&image["digest"]));
    let before = list(&[own.clone(), wrong]);
    registry.push_manifest("app", Some(&tag), INDEX, before.as_bytes());
    let destination = remote(&client, &registry, "app");
    let summary = bring(&reader(scratch.path()), &destination).unwrap();
    let after = entries(&registry, &tag);
    assert_eq!(after[0], own);
    assert_eq!(types(&after), ["test/own", "test/one", "test/two"]);
    assert_eq!(summary.tags[0].state, TagState::Written);
    let again = bring(&reader(scratch.path()), &destination).unwrap();
    assert_eq!(again.tags[0].state, TagState::There);
    assert_eq!(entries(&registry, &tag), after);
}

#[test]
fn a_poisoned_tag_is_refused_before_anything_is_sent_and_repaired_when_asked() {
    let scratch = Scratch::new();
    let [image, ..] = layout(&scratch);
    let (client, registry) = (client(), start(false));
    let destination = remote(&client, &registry, "app");
    let alone = Options { attached: false, ..options("1") };
    copy::copy(&reader(scratch.path()), &destination, &alone).unwrap();
    // As `cosign copy` leaves it.
    let tag = fallback(text(&image["digest"]));
    registry.tag("app", &tag, text(&image["digest"]));
    let _ = registry.take_log();
    let refused = bring(&reader(scratch.path()), &destination).unwrap_err();
    assert_eq!(refused, CopyError::Poisoned { tag: tag.clone(), what: "the image itself" });
    assert!(refused.to_string().contains("--repair"));
    assert!(registry.log().iter().all(|request| matches!(&*request.method, "GET" | "HEAD")));
    let repair = Options { repair: true, ..options("1") };
    copy::copy(&reader(scratch.path()), &destination, &repair).unwrap();
    assert_eq!(types(&entries(&registry, &tag)), ["test/one", "test/two"]);
}

#[test]
fn a_list_is_mended_in_its_own_place() {
    let scratch = Scratch::new();
    let [image, one, two] = layout(&scratch);
    let (client, registry) = (client(), start(false));
    let place = remote(&client, &registry, "app");
    bring(&reader(scratch.path()), &place).unwrap();
    let tag = fallback(text(&image["digest"]));
    let good = entries(&registry, &tag);
    let gone =
        json!({ "mediaType": MANIFEST, "digest": format!("sha256:{}", "0".repeat(64)), "size": 1 });
    let mut empty = two.clone();
    empty["artifactType"] = "application/vnd.oci.empty.v1+json".into();
    let broken = list(&[one.clone(), gone, empty, one]);
    registry.push_manifest("app", Some(&tag), INDEX, broken.as_bytes());
    // The tag of a referrer, as `cosign copy` would leave it.
    let inner = fallback(text(&two["digest"]));
    registry.tag("app", &inner, text(&two["digest"]));
    let repair = Options { repair: true, ..options("1") };
    let summary = copy::copy(&place, &place, &repair).unwrap();
    assert_eq!(entries(&registry, &tag), good);
    assert_eq!(entries(&registry, &inner), Vec::<Value>::new());
    let notes = summary.notes.join("\n");
    assert!(notes.contains("the source does not have it"), "{notes}");
    assert!(notes.contains("it is the image itself"), "{notes}");
}

#[test]
fn the_source_may_list_what_is_gone_or_names_no_subject() {
    let scratch = Scratch::new();
    let image = image(&scratch, "image");
    let (client, source) = (client(), start(false));
    source.load(scratch.path(), "app").unwrap();
    let silent = manifest(&scratch, "silent", None).to_string();
    for blob in std::fs::read_dir(scratch.path().join("blobs/sha256")).unwrap() {
        source.push_blob("app", &std::fs::read(blob.unwrap().path()).unwrap());
    }
    let silent = json!({ "mediaType": MANIFEST, "size": silent.len(),
        "digest": source.push_manifest("app", None, MANIFEST, silent.as_bytes()),
        "artifactType": "test/silent" });
    let gone =
        json!({ "mediaType": MANIFEST, "digest": format!("sha256:{}", "0".repeat(64)), "size": 1 });
    let tag = fallback(text(&image["digest"]));
    source.push_manifest("app", Some(&tag), INDEX, list(&[gone, silent.clone()]).as_bytes());

    let without = start(false);
    let from = remote(&client, &source, "app");
    let summary = bring(&from, &remote(&client, &without, "app")).unwrap();
    assert!(summary.notes.join("\n").contains("is listed and not copied"));
    assert_eq!(entries(&without, &tag).len(), 1);
    assert_eq!(entries(&without, &tag)[0]["digest"], silent["digest"]);

    let with_api = start(true);
    let summary = bring(&from, &remote(&client, &with_api, "app")).unwrap();
    assert!(summary.notes.join("\n").contains("names no subject"), "{:?}", summary.notes);
    assert!(with_api.snapshot("app").manifests.contains_key(text(&silent["digest"])));
}

#[test]
fn a_tag_to_what_cannot_be_read_is_left_out_however_late_it_is_met() {
    let scratch = Scratch::new();
    let [image, one, _] = layout(&scratch);
    let (client, source) = (client(), start(false));
    source.load(scratch.path(), "app").unwrap();
    const NEITHER: &[u8] = br#"{"schemaVersion":2}"#;
    let unreadable = source.push_manifest("app", None, MANIFEST, NEITHER);
    let listed = json!({ "mediaType": MANIFEST, "digest": unreadable, "size": NEITHER.len() });
    let tag = fallback(text(&image["digest"]));
    source.push_manifest("app", Some(&tag), INDEX, list(&[listed, one.clone()]).as_bytes());
    let late = format!("{}.sig", fallback(text(&one["digest"])));
    source.push_manifest("app", Some(&late), MANIFEST, NEITHER);

    let destination = start(true);
    let summary =
        bring(&remote(&client, &source, "app"), &remote(&client, &destination, "app")).unwrap();
    assert!(summary.notes.join("\n").contains("is listed and not copied"), "{:?}", summary.notes);
    assert!(!destination.snapshot("app").tags.contains_key(&late));
}

#[test]
fn referrers_of_referrers_are_followed_to_a_depth_and_no_deeper() {
    let chain = |length: usize| {
        let scratch = Scratch::new();
        let mut all = vec![image(&scratch, "image")];
        for i in 0..length {
            let manifest = manifest(&scratch, &format!("r{i}"), all.last().map(plain).as_ref());
            let descriptor = scratch.manifest(&manifest, Value::Null);
            all.push(plain(&descriptor));
        }
        scratch.index(&all);
        scratch
    };
    let (client, registry) = (client(), start(true));
    let scratch = chain(8);
    let summary = bring(&reader(scratch.path()), &remote(&client, &registry, "app")).unwrap();
    assert_eq!(summary.manifests.len(), 9);
    let _ = registry.take_log();
    let scratch = chain(9);
    let deep = bring(&reader(scratch.path()), &remote(&client, &registry, "deep")).unwrap_err();
    assert!(matches!(deep, CopyError::TooMuch(_)), "{deep}");
    assert!(registry.log().is_empty(), "nothing is copied by halves");
}

#[test]
fn a_registry_that_lists_without_saying_so_needs_no_tag() {
    let scratch = Scratch::new();
    let [image, ..] = layout(&scratch);
    let (client, registry) = (client(), start(true));
    let silent = loopback_registry::What::Header("OCI-Subject".to_owned(), None);
    registry.fault(loopback_registry::Fault::on("PUT", "/v2/*", silent));
    bring(&reader(scratch.path()), &remote(&client, &registry, "app")).unwrap();
    let tags: Vec<_> = registry.snapshot("app").tags.into_keys().collect();
    assert_eq!(tags, ["1"], "{image}");
}
