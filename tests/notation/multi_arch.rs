//! Requirements 1, 42 and 46: of an image for several platforms, what was resolved is what must be
//! signed, index or platform, and the one signature is never the other's.

use countersign::{
    evidence::Budget,
    wire::{ImageRequest, Request},
};
use serde_json::json;

use crate::{
    host::{Host, IMAGE, INDEX, MANIFEST, digest, draft_of, policy},
    made::World,
};

/// The manifest of the second platform: as long as the first, so that only the digest tells them apart.
const ARM: &[u8] = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:54136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;

fn index() -> Vec<u8> {
    let child = |bytes: &[u8], architecture: &str| json!({ "mediaType": MANIFEST, "digest": digest(bytes), "size": bytes.len(), "platform": { "os": "linux", "architecture": architecture } });
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [child(IMAGE, "amd64"), child(ARM, "arm64")] })
        .to_string()
        .into_bytes()
}

/// An envelope about this, whatever it says of its type.
fn signature(media_type: &str, of: &[u8]) -> Vec<u8> {
    let world = World::new();
    draft_of(&world, &world.leaf(), media_type, of).build()
}

/// The index under the tag `1`, with both platforms, and signatures: envelope, beside what.
fn registry(signatures: &[(Vec<u8>, &[u8])]) -> Host {
    let mut host = Host::default();
    let index = index();
    for bytes in [IMAGE, ARM, &index] {
        host.store(bytes);
    }
    host.tags.insert("reg.test/app:1".into(), digest(&index));
    for (envelope, beside) in signatures {
        let media_type = if *beside == index { INDEX } else { MANIFEST };
        host.sign_of(envelope, media_type, beside);
    }
    host
}

/// The verdict on a reference, which must be about this digest.
fn verdict(host: &Host, reference: &str, judged: &[u8]) -> String {
    let request = Request {
        images: vec![ImageRequest { reference: reference.to_owned(), path: None }],
        ..Request::default()
    };
    let policy = policy(&World::new(), json!({}));
    let decided = host.decide_within(&policy, &request, Budget::default());
    assert_eq!(decided.decision.images[0].digest, Some(digest(judged)), "{reference}");
    decided.verdict()
}

#[test]
fn what_the_tag_resolves_to_is_what_must_be_signed() {
    let index = index();
    let (of_index, of_amd, of_arm) =
        (signature(INDEX, &index), signature(MANIFEST, IMAGE), signature(MANIFEST, ARM));
    let at = |bytes: &[u8]| format!("reg.test/app@{}", digest(bytes));
    let tagged = "reg.test/app:1".to_owned();

    // The index is signed: by tag, by digest, and under a tag that is no longer asked about.
    let host = registry(&[(of_index.clone(), &index)]);
    for reference in [&tagged, &at(&index), &format!("reg.test/app:9@{}", digest(&index))] {
        assert_eq!(verdict(&host, reference, &index), "allow", "{reference}");
    }
    // It says nothing of a platform that is asked for by its own digest.
    for child in [IMAGE, ARM] {
        assert_eq!(verdict(&host, &at(child), child), "signatures.none");
    }

    // The platforms are signed: each is, and the index is not.
    let host = registry(&[(of_amd.clone(), IMAGE), (of_arm.clone(), ARM)]);
    for child in [IMAGE, ARM] {
        assert_eq!(verdict(&host, &at(child), child), "allow");
    }
    for reference in [&tagged, &at(&index)] {
        assert_eq!(verdict(&host, reference, &index), "signatures.none", "{reference}");
    }

    // All of them are.
    let host = registry(&[(of_index, &index), (of_amd, IMAGE), (of_arm, ARM)]);
    for (reference, judged) in [(tagged, &index[..]), (at(IMAGE), IMAGE), (at(ARM), ARM)] {
        assert_eq!(verdict(&host, &reference, judged), "allow", "{reference}");
    }
}

/// Where a signature is found says nothing: its payload does.
#[test]
fn a_signature_beside_another_manifest_is_not_its_own() {
    assert_eq!(IMAGE.len(), ARM.len());
    let index = index();
    let tagged = "reg.test/app:1";
    for child in [IMAGE, ARM] {
        let host = registry(&[(signature(MANIFEST, child), &index)]);
        assert_eq!(verdict(&host, tagged, &index), "descriptor.mismatch");
        let host = registry(&[(signature(INDEX, &index), child)]);
        let reference = format!("reg.test/app@{}", digest(child));
        assert_eq!(verdict(&host, &reference, child), "descriptor.mismatch");
    }
    let host = registry(&[(signature(MANIFEST, ARM), IMAGE)]);
    let reference = format!("reg.test/app@{}", digest(IMAGE));
    assert_eq!(verdict(&host, &reference, IMAGE), "descriptor.mismatch");
}

/// The whole descriptor is signed: an index under the type of a manifest is not it.
#[test]
fn the_signed_type_is_the_resolved_ones() {
    let index = index();
    let host = registry(&[(signature(MANIFEST, &index), &index)]);
    assert_eq!(verdict(&host, "reg.test/app:1", &index), "descriptor.mismatch");
    let host = registry(&[(signature(INDEX, IMAGE), IMAGE)]);
    let reference = format!("reg.test/app@{}", digest(IMAGE));
    assert_eq!(verdict(&host, &reference, IMAGE), "descriptor.mismatch");
}

/// A tag that moves takes no signature along.
#[test]
fn a_tag_that_moves_leaves_its_signature_behind() {
    let index = index();
    let mut host = registry(&[(signature(INDEX, &index), &index)]);
    host.tags.insert("reg.test/app:1".into(), digest(IMAGE));
    assert_eq!(verdict(&host, "reg.test/app:1", IMAGE), "signatures.none");
}
