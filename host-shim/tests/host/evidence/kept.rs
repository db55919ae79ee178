//! `countersign evidence push` where something cannot be had: nothing stops new evidence, and nothing that was
//! packed is lost.

use std::process::Output;

use loopback_registry::{Fault, MANIFEST, Options as Kind, What};
use serde_json::{Value, json};

use super::{
    command::{digest_of, world},
    push::{NOTATION, PACK, evidence, push, sign},
};
use crate::{
    road::embeds_a_module,
    tree::{
        NAME, World,
        shown::{code, err, json_of},
    },
};

const DOCUMENT: &str = "application/spdx+json";

fn image_of(world: &World) -> Value {
    let digest = digest_of(world);
    let size = world.registry.snapshot(NAME).manifests[&digest].1.len();
    json!({ "mediaType": MANIFEST, "digest": digest, "size": size })
}

fn pushed(reference: &str) -> Output {
    push(&["--output", "json", &format!("{reference}:1")])
}

/// The document under the image's tag.
fn pack(world: &World) -> Value {
    let snapshot = world.registry.snapshot(NAME);
    let stored = &snapshot.manifests[&snapshot.tags[&evidence(&digest_of(world))]].1;
    let stored: Value = serde_json::from_slice(stored).unwrap();
    serde_json::from_slice(&snapshot.blobs[stored["config"]["digest"].as_str().unwrap()]).unwrap()
}

/// Every manifest and blob in it.
fn digests(pack: &Value) -> Vec<String> {
    let parts =
        ["manifests", "blobs"].map(|list| pack[list].as_array().cloned().unwrap_or_default());
    parts.concat().iter().map(|part| part["digest"].as_str().unwrap().to_owned()).collect()
}

/// A referrer whose only layer is said to be so large, and is nowhere.
fn claim(world: &World, artifact_type: &str, size: u64) {
    let digest = format!("sha256:{size:064x}");
    let layer = json!({ "mediaType": artifact_type, "digest": digest, "size": size });
    world.push(
        None,
        &json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": artifact_type, "layers": [layer],
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": digest, "size": 2 },
            "subject": image_of(world),
        }),
    );
}

fn deny(world: &World, what: &str) {
    let path = format!("/v2/{NAME}/{what}");
    world.registry.fault(Fault::on("GET", &path, What::status(403)));
}

/// The digests of what `sign` has attached, in the order of the calls.
fn blob(mark: &str) -> String {
    countersign_host::registry::sha256_of(format!("{{\"payload\":\"{mark}\"}}").as_bytes())
}

#[test]
fn what_somebody_else_has_attached_stops_no_new_evidence() {
    type Attach = fn(&World);
    let attached: [(&str, Attach); 4] = [
        ("larger than 16777216 bytes", |world| claim(world, NOTATION, (16 << 20) + 1)),
        ("not there", |world| claim(world, NOTATION, 1000)),
        ("left out: 1 referrers", |world| {
            for n in 0..101 {
                world.attach(&image_of(world), "application/x", format!("{n}").as_bytes());
            }
        }),
        ("not there", |world| {
            let nowhere = format!("sha256:{}", "9".repeat(64));
            let entry = json!({ "mediaType": MANIFEST, "digest": nowhere, "size": 500 });
            world.fallback(&image_of(world), &[entry]);
        }),
    ];
    for (why, attach) in attached {
        let Some((world, reference)) = world("a-cosign-p256", true) else { return };
        assert_eq!(code(&pushed(&reference)), 0);
        attach(&world);
        sign(&world, "new");
        let renewed = pushed(&reference);
        assert_eq!(code(&renewed), 0, "{}", err(&renewed));
        let line = json_of(&renewed);
        assert_eq!((&line["state"], &line["gaps"]), (&json!("replaced"), &json!(true)));
        assert!(err(&renewed).contains("note: not seen: "), "{}", err(&renewed));
        assert!(err(&renewed).contains(why), "{}", err(&renewed));
        assert!(digests(&pack(&world)).contains(&blob("new")), "{why}");
        let again = pushed(&reference);
        assert_eq!((code(&again), &json_of(&again)["state"]), (0, &json!("unchanged")), "{why}");
    }
}

#[test]
fn content_that_cannot_be_had_this_time_is_kept_with_what_hangs_on_it() {
    let Some((world, reference)) = world("a-cosign-p256", true) else { return };
    sign(&world, "old");
    let sbom = world.attach(&image_of(&world), DOCUMENT, b"{\"spdxVersion\":\"SPDX-2.3\"}");
    world.attach(&sbom, NOTATION, br#"{"payload":"of the SBOM"}"#);
    assert_eq!(code(&pushed(&reference)), 0);
    let before = digests(&pack(&world));
    assert!(before.contains(&blob("of the SBOM")));

    deny(&world, &format!("blobs/{}", blob("old")));
    deny(&world, &format!("manifests/{}", sbom["digest"].as_str().unwrap()));
    sign(&world, "new");
    let renewed = pushed(&reference);
    assert_eq!(code(&renewed), 0, "nothing is missing: {}", err(&renewed));
    assert_eq!(json_of(&renewed)["state"], "replaced");
    let kept = format!("note: kept from the stored pack: blob `{}` (denied", blob("old"));
    assert!(err(&renewed).contains(&kept), "{}", err(&renewed));
    let after = digests(&pack(&world));
    assert!(before.iter().all(|digest| after.contains(digest)), "{before:?} {after:?}");
    assert!(after.contains(&blob("new")));
    world.registry.clear_faults();
    let healed = pushed(&reference);
    assert_eq!((code(&healed), &json_of(&healed)["state"]), (0, &json!("unchanged")));
}

#[test]
fn what_may_be_had_another_time_is_stored_without_and_said() {
    let Some((world, reference)) = world("a-cosign-p256", true) else { return };
    assert_eq!(code(&pushed(&reference)), 0);
    sign(&world, "new");
    deny(&world, &format!("blobs/{}", blob("new")));
    let without = pushed(&reference);
    assert_eq!(code(&without), 2);
    assert_eq!(json_of(&without)["state"], "replaced");
    assert!(err(&without).contains("denied"), "{}", err(&without));
    assert!(pack(&world)["referrers"].as_array().is_some_and(|lists| !lists.is_empty()));
    world.registry.clear_faults();
    let with = pushed(&reference);
    assert_eq!((code(&with), &json_of(&with)["state"]), (0, &json!("replaced")));
}

#[test]
fn what_is_left_out_over_a_limit_is_kept_too() {
    if !embeds_a_module() {
        return;
    }
    let world = World::new(Kind::default());
    let image = world.image(Some("1"), "a");
    let reference = world.registry.repository(NAME);
    let document = format!("{{\"spdxVersion\":\"SPDX-2.3\",\"name\":\"{}\"}}", "x".repeat(400));
    let sbom = world.attach(&image, DOCUMENT, document.as_bytes());
    let mark = "y".repeat(400);
    world.attach(&sbom, NOTATION, format!("{{\"payload\":\"{mark}\"}}").as_bytes());
    assert_eq!(code(&pushed(&reference)), 0);
    let before = digests(&pack(&world));
    assert!(before.contains(&blob(&mark)));
    // They come before the SBOM, and leave no room for it.
    for size in [16 << 20, (16 << 20) - 1, (16 << 20) - 300] {
        claim(&world, "application/a", size);
    }
    let renewed = pushed(&reference);
    assert_eq!(code(&renewed), 0, "{}", err(&renewed));
    let words = "kept from the stored pack: 2 manifests and blobs that were left out";
    assert!(err(&renewed).contains(words), "{}", err(&renewed));
    let after = digests(&pack(&world));
    assert!(before.iter().all(|digest| after.contains(digest)), "{before:?} {after:?}");
    assert_eq!(json_of(&pushed(&reference))["state"], "unchanged");
}

#[test]
fn where_a_list_is_too_large_the_stored_one_is_kept_and_the_rest_is_renewed() {
    let Some((world, reference)) = world("a-cosign-p256", true) else { return };
    sign(&world, "old");
    assert_eq!(code(&pushed(&reference)), 0);
    let before = pack(&world);
    for mark in ["a", "b"] {
        world.push(
            None,
            &json!({
                "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/x", "layers": [],
                "config": { "mediaType": "application/x", "digest": blob("old"), "size": 2 },
                "subject": image_of(&world), "annotations": { "x": mark.repeat(2_500_000) },
            }),
        );
    }
    let envelope = br#"{"payload":"under a tag"}"#;
    let layer = json!({
        "mediaType": "application/vnd.dsse.envelope.v1+json", "size": envelope.len(),
        "digest": world.registry.push_blob(NAME, envelope),
    });
    let tag = format!("{}.att", digest_of(&world).replace(':', "-"));
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer],
        "config": { "mediaType": "application/x", "digest": blob("old"), "size": 2 },
    });
    world.push(Some(&tag), &manifest);
    let renewed = pushed(&reference);
    assert_eq!(code(&renewed), 2, "{}", err(&renewed));
    assert_eq!(json_of(&renewed)["state"], "replaced");
    assert!(err(&renewed).contains("kept from the stored pack: referrers of"), "{}", err(&renewed));
    let after = pack(&world);
    assert_eq!(after["referrers"], before["referrers"]);
    let after = digests(&after);
    assert!(digests(&before).iter().all(|digest| after.contains(digest)), "{after:?}");
    assert!(after.contains(&blob("under a tag")));
}

#[test]
fn a_list_that_cannot_be_had_leaves_every_pack_as_it_is() {
    for (list, numbered) in
        [("referrers/*", false), ("referrers/*", true), ("manifests/*.sig", true)]
    {
        let Some((world, reference)) = world("a-cosign-p256", true) else { return };
        assert_eq!(code(&pushed(&reference)), 0);
        let before = world.registry.snapshot(NAME).tags;
        sign(&world, "new");
        deny(&world, list);
        let image = format!("{reference}:1");
        let arguments = [&image, "--numbered"];
        let kept = push(&arguments[..1 + usize::from(numbered)]);
        assert_eq!(code(&kept), 2);
        assert!(err(&kept).contains("was left as it is"), "{}", err(&kept));
        assert_eq!(world.registry.snapshot(NAME).tags, before, "{list}");
    }
}

#[test]
fn a_stored_pack_that_cannot_be_read_is_not_replaced_by_less_and_one_that_is_none_is() {
    let Some((world, reference)) = world("a-cosign-p256", true) else { return };
    assert_eq!(code(&pushed(&reference)), 0);
    claim(&world, NOTATION, 1000);
    sign(&world, "new");
    let tag = evidence(&digest_of(&world));
    let snapshot = world.registry.snapshot(NAME);
    let stored: Value =
        serde_json::from_slice(&snapshot.manifests[&snapshot.tags[&tag]].1).unwrap();
    deny(&world, &format!("blobs/{}", stored["config"]["digest"].as_str().unwrap()));
    let kept = pushed(&reference);
    assert_eq!(code(&kept), 2);
    assert!(err(&kept).contains("note: not seen: the stored pack: "), "{}", err(&kept));
    assert_eq!(world.registry.snapshot(NAME).tags[&tag], snapshot.tags[&tag]);

    let nowhere = format!("sha256:{}", "8".repeat(64));
    for config in [nowhere, world.registry.push_blob(NAME, b"{}")] {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": PACK, "layers": [],
            "config": { "mediaType": PACK, "digest": config, "size": 2 },
        });
        world.push(Some(&tag), &manifest);
        let replaced = pushed(&reference);
        assert_eq!((code(&replaced), &json_of(&replaced)["state"]), (0, &json!("replaced")));
    }
}

/// Nobody can plant anything in the stored pack that is then carried on under another's digest.
#[test]
fn what_is_kept_has_its_digest() {
    let Some((world, reference)) = world("a-cosign-p256", true) else { return };
    sign(&world, "old");
    assert_eq!(code(&pushed(&reference)), 0);
    let mut forged = pack(&world);
    for blob in forged["blobs"].as_array_mut().unwrap() {
        blob["content"] = json!("Zm9yZ2Vk");
    }
    let forged = forged.to_string();
    let config = world.registry.push_blob(NAME, forged.as_bytes());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": PACK, "layers": [],
        "config": { "mediaType": PACK, "digest": config, "size": forged.len() },
    });
    world.push(Some(&evidence(&digest_of(&world))), &manifest);
    deny(&world, &format!("blobs/{}", blob("old")));
    assert_eq!(code(&pushed(&reference)), 2);
    let after = pack(&world);
    assert!(!digests(&after).contains(&blob("old")) && !after.to_string().contains("Zm9yZ2Vk"));
}
