//! A registry in memory with as many signed things as one likes. Everything is made from fixed keys
//! and times, so that each run measures the same bytes.

use std::collections::BTreeMap;

use countersign::{
    reference::Digest,
    wire::{Answer, Bytes, Fetch},
};
use countersign_host::source::EvidenceSource;
use serde_json::{Value, json};

use crate::sigstore::{
    Sigstore, Who,
    keys::{Key, hex, sha256},
    signing::IN_TOTO,
};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

fn digest(bytes: &[u8]) -> String {
    Digest::sha256(bytes).to_string()
}

/// What is stored by digest, and what refers to what.
#[derive(Default)]
pub(crate) struct Registry {
    stored: BTreeMap<String, Vec<u8>>,
    referrers: BTreeMap<String, Vec<Value>>,
}

impl Registry {
    fn store(&mut self, bytes: Vec<u8>) -> String {
        let digest = digest(&bytes);
        self.stored.insert(digest.clone(), bytes);
        digest
    }

    /// An image of its own for each name: its manifest.
    pub(crate) fn image(&mut self, name: &str) -> Vec<u8> {
        let config = json!({
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": digest(b"{}"), "size": 2,
        });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [],
            "annotations": { "name": name },
        });
        let manifest = manifest.to_string().into_bytes();
        self.store(manifest.clone());
        manifest
    }

    /// A signature of the image by the holder of a key.
    pub(crate) fn sign(&mut self, image: &[u8], key: &Key) {
        let sigstore = Sigstore::new();
        let plan = sigstore.signing(image).key(key.clone()).who(Who::Key).unlogged();
        self.attach(image, sigstore.sign(&plan).json());
    }

    /// A statement about the image by the holder of a key.
    pub(crate) fn attest(&mut self, image: &[u8], key: &Key, kind: &str, predicate: &Value) {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "image", "digest": { "sha256": hex(&sha256(image)) } }],
            "predicateType": kind,
            "predicate": predicate,
        });
        let sigstore = Sigstore::new();
        let plan = sigstore.signing(b"").envelope(IN_TOTO, statement.to_string().into_bytes());
        let plan = plan.key(key.clone()).who(Who::Key).unlogged();
        self.attach(image, sigstore.sign(&plan).json());
    }

    fn attach(&mut self, image: &[u8], bundle: Vec<u8>) {
        let size = bundle.len();
        let layer = json!({ "mediaType": BUNDLE, "digest": self.store(bundle), "size": size });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": BUNDLE,
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2 },
            "layers": [layer],
            "subject": { "mediaType": MANIFEST, "digest": digest(image), "size": image.len() },
        });
        let manifest = manifest.to_string().into_bytes();
        let size = manifest.len();
        let entry = json!({
            "mediaType": MANIFEST, "artifactType": BUNDLE,
            "digest": self.store(manifest), "size": size,
        });
        self.referrers.entry(digest(image)).or_default().push(entry);
    }
}

impl EvidenceSource for Registry {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        let found =
            |bytes| Answer::Found { bytes: Bytes(bytes), media_type: None, reserialised: false };
        let bytes = match fetch {
            Fetch::Manifest { digest, .. } | Fetch::Blob { digest, .. } => {
                self.stored.get(digest).cloned()
            }
            Fetch::Referrers { digest, .. } => {
                let entries = self.referrers.get(digest).cloned().unwrap_or_default();
                let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
                Some(index.to_string().into_bytes())
            }
            _ => None,
        };
        bytes.map_or_else(|| Answer::Absent { message: String::new() }, found)
    }
}

/// By its digest.
pub(crate) fn reference(name: &str, image: &[u8]) -> String {
    format!("reg.test/{name}@{}", digest(image))
}
