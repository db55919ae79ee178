//! Requirements 5, 7, 8, 12, 14 and 117: what is found among the referrers, and in which order.

use serde_json::{Value, json};

use crate::{
    draft::{AGENT, field, text},
    host::{Host, MANIFEST, digest, draft, policy},
    made::World,
};

const KIND: &str = "application/vnd.cncf.notary.signature";

/// Changes the only referrer: its manifest, then the entry of the list.
fn changed(manifest: impl FnOnce(&mut Value), entry: impl FnOnce(&mut Value)) -> Host {
    let world = World::new();
    let mut host = Host::with(&[draft(&world, &world.leaf()).build()]);
    let listed = host.referrers[0]["digest"].as_str().unwrap().to_owned();
    let mut document = serde_json::from_slice(&host.stored[&listed]).unwrap();
    manifest(&mut document);
    let bytes = document.to_string().into_bytes();
    host.referrers[0]["digest"] = json!(host.store(&bytes));
    host.referrers[0]["size"] = json!(bytes.len());
    entry(&mut host.referrers[0]);
    host
}

fn verdict(host: &Host) -> String {
    host.decide(&policy(&World::new(), json!({}))).verdict()
}

/// Registries that leave the type out, or repeat the config's.
#[test]
fn referrers_without_a_type_of_their_own_are_opened() {
    for kind in [
        json!(null),
        json!(""),
        json!("application/vnd.oci.empty.v1+json"),
        json!("application/vnd.oci.image.config.v1+json"),
        json!("application/vnd.docker.container.image.v1+json"),
    ] {
        let host = changed(|_| {}, |entry| entry["artifactType"] = kind.clone());
        assert_eq!(verdict(&host), "allow", "{kind}");
    }
    // The form without `artifactType`, whose config has the type, listed with and without it.
    let old = |manifest: &mut Value| {
        manifest.as_object_mut().unwrap().remove("artifactType");
        manifest["config"]["mediaType"] = json!(KIND);
    };
    assert_eq!(verdict(&changed(old, |_| {})), "allow");
    let unlisted = |entry: &mut Value| {
        entry.as_object_mut().unwrap().remove("artifactType");
    };
    assert_eq!(verdict(&changed(old, unlisted)), "allow");
    // Opened, and something else.
    let other = |manifest: &mut Value| manifest["artifactType"] = json!("application/spdx+json");
    assert_eq!(verdict(&changed(other, unlisted)), "signatures.none");
    // Listed as something else, and not opened.
    let host = changed(|_| {}, |entry| entry["artifactType"] = json!("application/spdx+json"));
    assert_eq!(verdict(&host), "signatures.none");
}

#[test]
fn a_prototype_of_notary_v2_is_named_and_not_verified() {
    let kind = "application/vnd.cncf.notary.v2.signature";
    let host = changed(|_| {}, |entry| entry["artifactType"] = json!(kind));
    assert_eq!(verdict(&host), "envelope.unsupported");
    // Told by the manifest, where the list does not say.
    let typed = |manifest: &mut Value| manifest["artifactType"] = json!(kind);
    let unlisted = |entry: &mut Value| entry["artifactType"] = json!("");
    assert_eq!(verdict(&changed(typed, unlisted)), "envelope.unsupported");
    // It harms no other, however many there are.
    let world = World::new();
    let mut host = Host::with(&[draft(&world, &world.leaf()).build()]);
    for n in 0..200 {
        host.referrers.insert(0, json!({ "mediaType": "application/vnd.cncf.oras.artifact.manifest.v1+json", "artifactType": kind, "digest": digest(&[n]), "size": 1 }));
    }
    assert_eq!(verdict(&host), "allow");
}

/// `io.cncf.notary.x509chain.thumbprint#S256` is not signed: it chooses nothing.
#[test]
fn a_thumbprint_never_skips_a_signature() {
    let name = "io.cncf.notary.x509chain.thumbprint#S256";
    for value in [json!("[]"), json!("[\"00\"]"), json!("not JSON"), json!("")] {
        let note = |document: &mut Value| document["annotations"] = json!({ name: value.clone() });
        assert_eq!(verdict(&changed(note, |_| {})), "allow", "{value}");
        assert_eq!(verdict(&changed(|_| {}, note)), "allow", "{value}");
    }
}

/// The order of the list is the registry's, and decides nothing.
#[test]
fn the_order_of_the_list_decides_nothing() {
    let world = World::new();
    let mut broken = draft(&world, &world.leaf());
    broken.payload_after = Some(b"{}".to_vec());
    let mut host = Host::with(&[draft(&world, &world.leaf()).build(), broken.build()]);
    // What cannot be fetched counts as one, and harms no other.
    host.referrers.push(json!({ "mediaType": MANIFEST, "artifactType": KIND, "digest": digest(b"lost"), "size": 9 }));
    let policy = policy(&world, json!({}));
    let first = host.decide(&policy).decision;
    assert_eq!(first.images[0].reason, None);
    for _ in 0..host.referrers.len() {
        host.referrers.rotate_left(1);
        assert_eq!(host.decide(&policy).decision, first);
        host.referrers.reverse();
        assert_eq!(host.decide(&policy).decision, first);
    }
}

/// Plugins that only sign say so at most in the agent's name.
#[test]
fn a_plugin_that_only_signs_leaves_no_trace() {
    let world = World::new();
    let mut signed = draft(&world, &world.leaf());
    signed.set_open(field(AGENT), text("notation-azure-kv/1.2.0 notation-go/1.3.2"));
    assert_eq!(verdict(&Host::with(&[signed.build()])), "allow");
}
