//! Notation's envelopes, and the four operations of its repositories.

use std::collections::BTreeMap;

use countersign::time::Time;
use countersign_host::{
    attach::{
        AttachError, Descriptor, Image,
        notation::{self, THUMBPRINTS},
    },
    copy::Store,
};
use serde_json::Value;

use super::{Files, NOTATION, bare, created};
use crate::{
    copy::{client, reader, remote, start, text, writer},
    corpora::corpora,
    scratch::Scratch,
};

/// Envelope, media type, manifest and its digest, of each signature of a layout's image.
fn signatures(files: &Files<'_>) -> Vec<(Vec<u8>, String, Value, String)> {
    let manifests = files.manifests().into_iter();
    let own = manifests.filter(|(_, _, m)| m["config"]["mediaType"] == NOTATION);
    own.map(|(_, digest, manifest)| {
        let layer = &manifest["layers"][0];
        let (bytes, kind) = (files.blob(&layer["digest"]), text(&layer["mediaType"]).to_owned());
        (bytes, kind, manifest, text(&digest).to_owned())
    })
    .collect()
}

#[test]
fn the_manifest_is_the_one_that_notation_writes_to_the_byte() {
    let Some(corpora) = corpora() else { return };
    let (client, registry) = (client(), start(true));
    let scratch = Scratch::new();
    for name in ["d-p256-jws", "d-p256-cose", "d-both", "d-tsa-cose", "d-meta-jws", "d-self-cose"] {
        let layout = corpora.join("layouts").join(name);
        let places: [&dyn Store; 2] =
            [&remote(&client, &registry, name), &writer(&scratch.path().join(name))];
        for to in places {
            let image = bare(&layout, to);
            for (envelope, kind, manifest, digest) in signatures(&Files(&layout)) {
                assert_eq!(notation::media_type_of(&envelope), Some(&*kind));
                let at = created(&manifest);
                let attached = notation::attach(to, &image, &kind, &envelope, at).unwrap();
                assert_eq!((attached.manifest.digest, attached.there), (digest, false), "{name}");
                let again = notation::attach(to, &image, &kind, &envelope, Time::from_unix(0));
                assert!(again.unwrap().there, "{name}");
            }
        }
    }
}

#[test]
fn the_four_operations_work_on_registries_and_layouts() {
    let Some(corpora) = corpora() else { return };
    let (client, with_api, without) = (client(), start(true), start(false));
    let scratch = Scratch::new();
    let layout = corpora.join("layouts/d-both");
    let original = signatures(&Files(&layout));
    let places: [&dyn Store; 3] = [
        &remote(&client, &with_api, "app"),
        &remote(&client, &without, "app"),
        &writer(scratch.path()),
    ];
    for to in places {
        bare(&layout, to);
        let subject = notation::resolve(to, "1").unwrap();
        assert_eq!(notation::resolve(to, &subject.digest).unwrap(), subject);
        assert_eq!(notation::list_signatures(to, &subject).unwrap(), []);
        for (envelope, kind, manifest, digest) in &original {
            let annotations: BTreeMap<String, String> =
                serde_json::from_value(manifest["annotations"].clone()).unwrap();
            assert!(annotations.contains_key(THUMBPRINTS));
            let pushed = notation::push_signature(to, kind, envelope, &subject, annotations);
            let pushed = pushed.unwrap();
            assert_eq!(&pushed.attached.manifest.digest, digest);
            assert_eq!(pushed.blob.digest, text(&manifest["layers"][0]["digest"]));
        }
        let listed = notation::list_signatures(to, &subject).unwrap();
        assert_eq!(listed.len(), 2);
        for signature in listed {
            let (bytes, blob) = notation::fetch_signature_blob(to, &signature).unwrap();
            let of = original.iter().find(|(_, _, _, digest)| *digest == signature.digest);
            let (envelope, kind, ..) = of.unwrap();
            assert_eq!((bytes == *envelope, &blob.media_type), (true, kind));
        }
        // What is there is read by who only reads, too.
    }
    let read = notation::list_signatures(
        &reader(scratch.path()),
        &Descriptor {
            digest: notation::resolve(&reader(scratch.path()), "1").unwrap().digest,
            ..Descriptor::default()
        },
    );
    assert_eq!(read.unwrap().len(), 2);
}

#[test]
fn an_envelope_about_another_image_or_of_another_size_is_refused() {
    let Some(corpora) = corpora() else { return };
    let scratch = Scratch::new();
    let to = writer(scratch.path());
    bare(&corpora.join("layouts/d-unsigned"), &to);
    let image = Image::resolve(&to, "1").unwrap();
    for name in ["d-p256-jws", "d-p256-cose"] {
        let layout = corpora.join("layouts").join(name);
        let (envelope, kind, ..) = signatures(&Files(&layout)).remove(0);
        let refused = notation::attach(&to, &image, &kind, &envelope, Time::from_unix(0));
        assert!(matches!(refused, Err(AttachError::OtherImage { .. })), "{refused:?}");
        let own = scratch.path().join(name);
        let own = writer(&own);
        let subject = Descriptor { size: 1, ..bare(&layout, &own).descriptor };
        // The size is that of the manifest, whatever a caller says.
        let annotations = BTreeMap::new();
        assert!(notation::push_signature(&own, &kind, &envelope, &subject, annotations).is_ok());
        let other =
            if kind.ends_with("cose") { "application/jose+json" } else { "application/cose" };
        let refused = notation::attach(&own, &image, other, &envelope, Time::from_unix(0));
        assert!(matches!(refused, Err(AttachError::Unreadable { .. })), "{refused:?}");
    }
}
