//! Directories that go away, and layouts in them.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use countersign::crypto::{hex, sha256};
use serde_json::{Value, json};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A directory for one test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("countersign-{}-{n}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Stores a blob of a layout; its digest.
    pub(crate) fn blob(&self, bytes: impl AsRef<[u8]>) -> String {
        let name = hex(&sha256(bytes.as_ref()));
        self.write(&format!("blobs/sha256/{name}"), bytes);
        format!("sha256:{name}")
    }

    /// Stores a manifest; its descriptor with these annotations.
    pub(crate) fn manifest(&self, manifest: &Value, annotations: Value) -> Value {
        let bytes = manifest.to_string();
        json!({
            "mediaType": manifest["mediaType"],
            "digest": self.blob(&bytes),
            "size": bytes.len(),
            "annotations": annotations,
        })
    }

    pub(crate) fn index(&self, manifests: &[Value]) {
        let index = json!({ "schemaVersion": 2, "manifests": manifests });
        self.write("index.json", index.to_string());
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An image manifest that differs by `mark`.
pub(crate) fn image(mark: &str) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": mark },
        "layers": [],
    })
}

pub(crate) fn tag(name: &str) -> Value {
    json!({ "org.opencontainers.image.ref.name": name })
}
