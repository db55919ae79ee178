//! Signatures and attestations that were made elsewhere.

mod command;
mod legacy;
mod notation;

use std::{fs, path::Path};

use countersign::time::Time;
use countersign_host::{
    attach::{self, Attached, Image, Signature},
    copy::{self, Options, Store},
};
use serde_json::Value;

use crate::{
    copy::{
        client,
        corpus::{cases, verdict},
        options, reader, remote, start, text, writer,
    },
    corpora::corpora,
    scratch::Scratch,
};

pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
pub(crate) const NOTATION: &str = "application/vnd.cncf.notary.signature";

/// The files of a layout.
pub(crate) struct Files<'a>(pub(crate) &'a Path);

impl Files<'_> {
    pub(crate) fn blob(&self, digest: &Value) -> Vec<u8> {
        fs::read(self.0.join("blobs").join(text(digest).replace(':', "/"))).unwrap()
    }

    pub(crate) fn json(&self, digest: &Value) -> Value {
        serde_json::from_slice(&self.blob(digest)).unwrap()
    }

    /// Every manifest that is listed, with its tag.
    pub(crate) fn manifests(&self) -> Vec<(String, Value, Value)> {
        let index = fs::read(self.0.join("index.json")).unwrap();
        let index: Value = serde_json::from_slice(&index).unwrap();
        let of = |entry: &Value| {
            let tag = &entry["annotations"]["org.opencontainers.image.ref.name"];
            let tag = tag.as_str().unwrap_or_default().to_owned();
            (tag, entry["digest"].clone(), self.json(&entry["digest"]))
        };
        index["manifests"].as_array().unwrap().iter().map(of).collect()
    }
}

/// The time that a manifest says.
pub(crate) fn created(manifest: &Value) -> Time {
    let created = &manifest["annotations"]["org.opencontainers.image.created"];
    Time::parse(created.as_str().unwrap_or("2026-11-21T03:00:00Z")).unwrap()
}

/// Copies the image alone.
pub(crate) fn bare(layout: &Path, to: &dyn Store) -> Image {
    let alone = Options { attached: false, ..options("1") };
    copy::copy(&reader(layout), to, &alone).unwrap();
    Image::resolve(to, "1").unwrap()
}

/// Attaches what is a layer of a legacy manifest.
pub(crate) fn attach_layer(files: &Files<'_>, layer: &Value, to: &dyn Store) -> Attached {
    let image = Image::resolve(to, "1").unwrap();
    let bytes = files.blob(&layer["digest"]);
    if layer["mediaType"] == "application/vnd.dsse.envelope.v1+json" {
        return attach::attestation(to, &image, &bytes).unwrap();
    }
    let annotation = |name: &str| layer["annotations"][name].as_str().map(str::as_bytes);
    let signature = Signature {
        payload: &bytes,
        signature: annotation("dev.cosignproject.cosign/signature").unwrap(),
        certificate: annotation("dev.sigstore.cosign/certificate"),
        chain: annotation("dev.sigstore.cosign/chain"),
        rekor_bundle: annotation("dev.sigstore.cosign/bundle"),
        timestamp: annotation("dev.sigstore.cosign/rfc3161timestamp"),
    };
    attach::signature(to, &image, &signature).unwrap()
}

/// Attaches everything of a layout, piece by piece; false, if there is something else in it.
fn attach_all(layout: &Path, to: &dyn Store) -> bool {
    let files = Files(layout);
    let image = Image::resolve(to, "1").unwrap();
    let digest = &image.descriptor.digest;
    for (tag, _, manifest) in files.manifests() {
        let layers = manifest["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
        if tag == "1" || manifest["manifests"].is_array() {
            continue;
        }
        if tag.starts_with(&digest.replace(':', "-")) {
            layers.iter().for_each(|layer| drop(attach_layer(&files, layer, to)));
        } else if manifest["subject"]["digest"] == **digest {
            let (layer, at) = (&layers[0], created(&manifest));
            let bytes = files.blob(&layer["digest"]);
            match text(&layer["mediaType"]) {
                BUNDLE => drop(attach::bundle(to, &image, &bytes, at).unwrap()),
                kind if manifest["config"]["mediaType"] == NOTATION => {
                    drop(attach::notation::attach(to, &image, kind, &bytes, at).unwrap());
                }
                _ => return false,
            }
        } else {
            return false;
        }
    }
    true
}

#[test]
fn what_was_taken_apart_and_attached_again_is_allowed_as_before() {
    let Some(corpora) = corpora() else { return };
    let client = client();
    let (with_api, without) = (start(true), start(false));
    let (mut judged, mut allowed) = (0, 0);
    for ((directory, tag), cases) in cases(&corpora) {
        let name = directory.file_name().unwrap().to_str().unwrap();
        let scratch = Scratch::new();
        let layout = scratch.path().join("layout");
        let places: [&dyn Store; 3] =
            [&writer(&layout), &remote(&client, &with_api, name), &remote(&client, &without, name)];
        let whole = places.iter().all(|place| {
            bare(&directory, *place);
            attach_all(&directory, *place)
        });
        // Indexes and nested signatures are what `copy` is for.
        if !whole {
            continue;
        }
        for case in &cases {
            let own = format!("localhost/{name}");
            let selector = || Some(countersign_host::source::Selector::Tag(tag.clone()));
            let open = |path: &Path| {
                countersign_host::source::Layout::open(path, selector(), Some(&own)).unwrap()
            };
            let before = open(&directory);
            let expected = verdict(case, &before, before.reference().to_owned());
            let id = case["id"].as_str().unwrap();
            let after = open(&layout);
            assert_eq!(verdict(case, &after, after.reference().to_owned()), expected, "{id}");
            judged += 1;
            allowed += usize::from(expected.0.contains("allow"));
            if case.pointer("/policy/spec/rules/0/images/0") == Some(&"**".into()) {
                for registry in [&with_api, &without] {
                    let reference = format!("{}:{tag}", registry.repository(name));
                    assert_eq!(verdict(case, &client, reference), expected, "{id}: registry");
                }
            }
        }
    }
    assert!(judged > 90 && allowed > 40, "{judged} judged, {allowed} allowed");
}
