//! Cosign's legacy layout and bundles.

use std::{io::Read, sync::Mutex, thread};

use countersign::time::Time;
use countersign_host::{
    attach::{self, AttachError, Image, Signature},
    copy::{Blob, CopyError, Outgoing, Referrers, Store, Under},
    registry::{Manifest, Pushed, RegistryError, sha256_of},
};
use serde_json::Value;

use super::{BUNDLE, Files, attach_layer, bare};
use crate::{
    copy::{client, fallback, remote, start, text, writer},
    corpora::corpora,
    scratch::Scratch,
};

#[test]
fn the_manifest_is_the_one_that_cosign_writes_to_the_byte() {
    let Some(corpora) = corpora() else { return };
    let scratch = Scratch::new();
    for name in ["a-cosign-p256", "a-two", "a-ca", "a-rsa4096", "b-legacy", "a-att", "a-annot"] {
        let layout = corpora.join("layouts").join(name);
        let files = Files(&layout);
        let to = writer(&scratch.path().join(name));
        bare(&layout, &to);
        for (tag, digest, manifest) in files.manifests() {
            if !tag.starts_with("sha256-") {
                continue;
            }
            let mut last = None;
            for layer in manifest["layers"].as_array().unwrap() {
                last = Some(attach_layer(&files, layer, &to));
            }
            let last = last.unwrap();
            assert_eq!(last.manifest.digest, text(&digest), "{name}");
            assert_eq!((last.tag.as_deref(), last.there), (Some(&*tag), false));
        }
    }
}

#[test]
fn nothing_is_attached_twice() {
    let Some(corpora) = corpora() else { return };
    let (client, registry) = (client(), start(false));
    let writes = || registry.take_log().iter().filter(|r| r.method == "PUT").count();
    let layout = corpora.join("layouts/a-att");
    let to = remote(&client, &registry, "att");
    bare(&layout, &to);
    let files = Files(&layout);
    let (_, _, att) =
        files.manifests().into_iter().find(|(tag, ..)| tag.ends_with(".att")).unwrap();
    let layer = &att["layers"][0];
    assert!(!attach_layer(&files, layer, &to).there);
    let _ = writes();
    assert!(attach_layer(&files, layer, &to).there);
    assert_eq!(writes(), 0);

    let layout = corpora.join("layouts/b-default");
    let to = remote(&client, &registry, "bundle");
    let image = bare(&layout, &to);
    let files = Files(&layout);
    let bundle = bundle_of(&files);
    let attach = |at: i64| attach::bundle(&to, &image, &bundle, Time::from_unix(at)).unwrap();
    let first = attach(1_000_000_000);
    assert_eq!(first.tag, Some(fallback(&image.descriptor.digest)));
    let _ = writes();
    let second = attach(1_000_000_001);
    assert_eq!((second.there, second.manifest, writes()), (true, first.manifest, 0));
}

fn bundle_of(files: &Files<'_>) -> Vec<u8> {
    let manifests = files.manifests();
    let (_, _, manifest) = manifests.iter().find(|(_, _, m)| m["artifactType"] == BUNDLE).unwrap();
    files.blob(&manifest["layers"][0]["digest"])
}

#[test]
fn a_bundles_manifest_says_what_it_is() {
    let Some(corpora) = corpora() else { return };
    let (client, registry) = (client(), start(true));
    let layout = corpora.join("layouts/b-default");
    let to = remote(&client, &registry, "app");
    let image = bare(&layout, &to);
    let at = Time::parse("2026-11-21T02:43:17Z").unwrap();
    let attached = attach::bundle(&to, &image, &bundle_of(&Files(&layout)), at).unwrap();
    assert_eq!(attached.tag, None, "the registry lists it");
    let listed = to.referrers(&image.descriptor.digest).unwrap().listed;
    assert_eq!(listed[0]["artifactType"], BUNDLE);
    let original = Files(&layout).manifests();
    let (_, _, original) = original.iter().find(|(_, _, m)| m["artifactType"] == BUNDLE).unwrap();
    assert_eq!(listed[0]["annotations"], original["annotations"]);
}

/// What is attached to an image that it is not about.
fn misplaced(attach: impl Fn(&dyn Store, &Image) -> Result<attach::Attached, AttachError>) {
    let Some(corpora) = corpora() else { return };
    let (client, registry) = (client(), start(true));
    let to = remote(&client, &registry, "app");
    let image = bare(&corpora.join("layouts/a-unsigned"), &to);
    let _ = registry.take_log();
    let refused = attach(&to, &image).unwrap_err();
    assert!(matches!(refused, AttachError::OtherImage { .. }), "{refused}");
    assert!(refused.to_string().contains(&image.descriptor.digest));
    assert!(registry.log().is_empty(), "nothing is sent");
}

#[test]
fn what_is_about_another_image_is_refused() {
    let Some(corpora) = corpora() else { return };
    let layer = |name: &str, end: &str| {
        let layout = corpora.join("layouts").join(name);
        let files = Files(&layout);
        let manifests = files.manifests();
        let (_, _, manifest) = manifests.iter().find(|(tag, ..)| tag.ends_with(end)).unwrap();
        files.blob(&manifest["layers"][0]["digest"])
    };
    let payload = layer("a-cosign-p256", ".sig");
    misplaced(|to, image| {
        let signature = Signature { payload: &payload, signature: b"AA==", ..Signature::default() };
        attach::signature(to, image, &signature)
    });
    let envelope = layer("a-att", ".att");
    misplaced(|to, image| attach::attestation(to, image, &envelope));
    let dsse = bundle_of(&Files(&corpora.join("layouts/b-default")));
    misplaced(|to, image| attach::bundle(to, image, &dsse, Time::from_unix(0)));
    let message = serde_json::json!({
        "mediaType": BUNDLE,
        "verificationMaterial": { "publicKey": { "hint": "x" } },
        "messageSignature": { "signature": "AA==",
            "messageDigest": { "algorithm": "SHA2_256", "digest": "AA==" } },
    });
    let message = message.to_string();
    misplaced(|to, image| attach::bundle(to, image, message.as_bytes(), Time::from_unix(0)));
}

#[test]
fn files_that_cannot_be_read_are_refused() {
    let Some(corpora) = corpora() else { return };
    let scratch = Scratch::new();
    let layout = corpora.join("layouts/a-cosign-p256");
    let to = writer(scratch.path());
    let image = bare(&layout, &to);
    let files = Files(&layout);
    let manifests = files.manifests();
    let (_, _, manifest) = manifests.iter().find(|(tag, ..)| tag.ends_with(".sig")).unwrap();
    let payload = files.blob(&manifest["layers"][0]["digest"]);
    let good = Signature { payload: &payload, signature: b"AA==", ..Signature::default() };
    let refused = |signature: Signature<'_>| match attach::signature(&to, &image, &signature) {
        Err(AttachError::Unreadable { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    let other = String::from_utf8(payload.clone()).unwrap().replace("cosign container", "another");
    assert_eq!(refused(Signature { payload: other.as_bytes(), ..good }), "payload");
    assert_eq!(refused(Signature { payload: b"{}", ..good }), "payload");
    assert_eq!(refused(Signature { signature: b"\n", ..good }), "signature");
    assert_eq!(refused(Signature { certificate: Some(b"none"), ..good }), "certificate");
    assert_eq!(refused(Signature { chain: Some(b"\xff"), ..good }), "certificate chain");
    assert_eq!(refused(Signature { rekor_bundle: Some(b"{}"), ..good }), "Rekor bundle");
    assert_eq!(refused(Signature { timestamp: Some(b"{}"), ..good }), "timestamp");
    let unreadable = |result: Result<attach::Attached, AttachError>| {
        matches!(result, Err(AttachError::Unreadable { .. }))
    };
    assert!(unreadable(attach::attestation(&to, &image, b"{}")));
    assert!(unreadable(attach::bundle(&to, &image, b"{}", Time::from_unix(0))));
    let old = String::from_utf8(bundle_of(&Files(&corpora.join("layouts/b-default")))).unwrap();
    let old = old.replace(BUNDLE, "application/vnd.dev.sigstore.bundle+json;version=0.2");
    let old = attach::bundle(&to, &image, old.as_bytes(), Time::from_unix(0));
    assert!(matches!(old, Err(AttachError::Unfit(_))), "{old:?}");
}

/// The manifest with the signatures, and its tag.
fn signatures(files: &Files<'_>) -> (String, Value) {
    let mut manifests = files.manifests().into_iter();
    let (tag, _, manifest) = manifests.find(|(tag, ..)| tag.ends_with(".sig")).unwrap();
    (tag, manifest)
}

/// As often as it takes for one to read while the other is about to write.
const ROUNDS: usize = 20;

#[test]
fn two_at_once_do_not_undo_each_other() {
    let Some(corpora) = corpora() else { return };
    let (client, registry) = (client(), start(false));
    let layout = corpora.join("layouts/a-two");
    let files = Files(&layout);
    let (tag, manifest) = signatures(&files);
    for round in 0..ROUNDS {
        let to = remote(&client, &registry, &format!("app{round}"));
        bare(&layout, &to);
        thread::scope(|scope| {
            for layer in manifest["layers"].as_array().unwrap() {
                let (files, to) = (&files, &to);
                scope.spawn(move || attach_layer(files, layer, to));
            }
        });
        let bytes = to.manifest(&tag).unwrap().bytes;
        let there: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(there["layers"].as_array().unwrap().len(), 2, "round {round}");
    }
}

/// Where another process writes what we have not seen, over ours: once.
struct WrittenOver<'a> {
    store: &'a dyn Store,
    tag: &'a str,
    theirs: Mutex<Option<Vec<u8>>>,
}

impl Store for WrittenOver<'_> {
    fn name(&self) -> String {
        self.store.name()
    }

    fn manifest(&self, reference: &str) -> Result<Manifest, RegistryError> {
        if reference == self.tag && self.theirs.lock().unwrap().is_some() {
            return Err(RegistryError::Absent("not yet".to_owned()));
        }
        self.store.manifest(reference)
    }

    fn has_manifest(&self, digest: &str) -> Result<bool, RegistryError> {
        self.store.has_manifest(digest)
    }

    fn has_blob(&self, blob: &Blob) -> Result<bool, RegistryError> {
        self.store.has_blob(blob)
    }

    fn open_blob(&self, blob: &Blob) -> Result<Box<dyn Read + Send>, RegistryError> {
        self.store.open_blob(blob)
    }

    fn referrers(&self, digest: &str) -> Result<Referrers, RegistryError> {
        self.store.referrers(digest)
    }

    fn push_blob(&self, blob: &Blob, reader: Box<dyn Read + Send>) -> Result<(), RegistryError> {
        self.store.push_blob(blob, reader)
    }

    fn push_manifest(
        &self,
        manifest: &Outgoing<'_>,
        under: Under<'_>,
    ) -> Result<Pushed, RegistryError> {
        let pushed = self.store.push_manifest(manifest, under)?;
        if let (Under::Tag(_), Some(bytes)) = (under, &*self.theirs.lock().unwrap()) {
            let theirs = Outgoing { digest: &sha256_of(bytes), bytes, ..*manifest };
            self.store.push_manifest(&theirs, under)?;
        }
        if matches!(under, Under::Tag(_)) {
            *self.theirs.lock().unwrap() = None;
        }
        Ok(pushed)
    }
}

#[test]
fn what_another_process_has_written_over_is_added_again() {
    let Some(corpora) = corpora() else { return };
    let (client, registry) = (client(), start(false));
    let layout = corpora.join("layouts/a-two");
    let files = Files(&layout);
    let (tag, manifest) = signatures(&files);
    let layers = manifest["layers"].as_array().unwrap();
    let to = remote(&client, &registry, "app");
    bare(&layout, &to);
    attach_layer(&files, &layers[1], &to);
    let theirs = Mutex::new(Some(to.manifest(&tag).unwrap().bytes));
    let store = WrittenOver { store: &to, tag: &tag, theirs };
    let attached = attach_layer(&files, &layers[0], &store);
    let bytes = to.manifest(&tag).unwrap().bytes;
    let there: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(there["layers"].as_array().unwrap().len(), 2);
    assert_eq!((attached.manifest.digest, attached.there), (sha256_of(&bytes), false));
}

#[test]
fn a_tag_that_is_no_list_is_left_alone() {
    let Some(corpora) = corpora() else { return };
    let (client, registry) = (client(), start(false));
    let layout = corpora.join("layouts/b-default");
    let to = remote(&client, &registry, "app");
    let image = bare(&layout, &to);
    let digest = &image.descriptor.digest;
    registry.tag("app", &fallback(digest), digest);
    let bundle = bundle_of(&Files(&layout));
    let refused = attach::bundle(&to, &image, &bundle, Time::from_unix(0)).unwrap_err();
    assert!(matches!(refused, AttachError::Place(CopyError::Poisoned { .. })), "{refused}");
    registry.tag("app", &format!("{}.sig", fallback(digest)), digest);
    let payload = format!(
        r#"{{"critical":{{"identity":{{"docker-reference":"a"}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"cosign container image signature"}},"optional":null}}"#
    );
    let signature =
        Signature { payload: payload.as_bytes(), signature: b"AA==", ..Signature::default() };
    let attached = attach::signature(&to, &image, &signature);
    assert!(matches!(attached, Err(AttachError::Unfit(_))), "{attached:?}");
}
