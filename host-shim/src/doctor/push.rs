//! What can be written. Everything that is written lies under a tag of its own, and is deleted.

use std::io::Cursor;

use countersign::discovery::manifest::{OCI_ARTIFACT, OCI_MANIFEST};
use serde_json::{Value, json};

use super::{Exam, Grade};
use crate::registry::{RegistryError, sha256_of};

const EMPTY: &[u8] = b"{}";
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
const OUR_TYPE: &str = "application/vnd.countersign.doctor";

/// What was written, to be deleted in the end.
#[derive(Default)]
struct Written {
    references: Vec<String>,
}

impl Exam<'_> {
    /// Writes a tiny artifact, and one that refers to it.
    pub(super) fn push(&mut self) {
        let mut written = Written::default();
        if let Some(subject) = self.push_subject(&mut written) {
            self.push_referrer(&subject, &mut written);
            self.push_deprecated(&subject, &mut written);
        }
        self.delete(written);
    }

    /// The artifact; its descriptor.
    fn push_subject(&mut self, written: &mut Written) -> Option<Value> {
        let (registry, repository) = (self.registry, &self.patient.repository);
        let empty = sha256_of(EMPTY);
        let size = EMPTY.len() as u64;
        let pushed = registry.push_blob(repository, &empty, size, Cursor::new(EMPTY.to_vec()));
        let since = self.patient.now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        // Of its own each time: tags may not be moved everywhere.
        let tag = format!("countersign-doctor-{:x}-{:x}", since.as_nanos(), std::process::id());
        let manifest = artifact(None, &tag);
        let pushed = pushed.and_then(|()| {
            registry.push_manifest(repository, &tag, OCI_MANIFEST, manifest.as_bytes())
        });
        match pushed {
            Ok(_) => {
                self.note("push", Grade::Ok, format!("took an artifact under the tag `{tag}`"));
                let digest = sha256_of(manifest.as_bytes());
                written.references.extend([tag, digest.clone()]);
                Some(json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": manifest.len() }))
            }
            Err(e) => {
                let host = repository.host();
                let next = format!("`docker login {host}`, with an account that may push");
                self.note("push", Grade::Warn, e.to_string())
                    .means("signatures and packs cannot be attached with this account")
                    .next(next);
                None
            }
        }
    }

    fn push_referrer(&mut self, subject: &Value, written: &mut Written) {
        let (registry, repository) = (self.registry, &self.patient.repository);
        let manifest = artifact(Some(subject), "referrer");
        let digest = sha256_of(manifest.as_bytes());
        let pushed = registry.push_manifest(repository, &digest, OCI_MANIFEST, manifest.as_bytes());
        let pushed = match pushed {
            Ok(pushed) => pushed,
            Err(e) => {
                self.note("pushSubject", Grade::Warn, format!("a manifest with `subject`: {e}"))
                    .means("signatures can only be attached by tags: cosign's legacy format");
                return;
            }
        };
        written.references.push(digest.clone());
        let of = subject["digest"].as_str().unwrap_or_default();
        let listed = self.probe(&format!("referrers/{of}")).ok().filter(|list| list.status == 200);
        let listed = listed
            .is_some_and(|list| String::from_utf8_lossy(&list.bytes).contains(digest.as_str()));
        match (pushed.lists_subject, listed) {
            (true, true) => {
                self.note("pushSubject", Grade::Ok, "OCI-Subject, and the API lists it at once");
            }
            (true, false) => {
                self.note("pushSubject", Grade::Warn, "OCI-Subject, and the API does not list it")
                    .means("no fallback tag is written for it: signatures are not found, or late");
            }
            (false, true) => {
                self.note("pushSubject", Grade::Warn, "no OCI-Subject, and the API lists it")
                    .means("a fallback tag is written that nobody needs");
            }
            (false, false) => {
                let found = "no OCI-Subject: the fallback tag is written by whoever pushes";
                self.note("pushSubject", Grade::Ok, found);
            }
        }
    }

    /// What Notation wrote before OCI 1.1.
    fn push_deprecated(&mut self, subject: &Value, written: &mut Written) {
        let manifest = json!({
            "mediaType": OCI_ARTIFACT,
            "artifactType": OUR_TYPE,
            "blobs": [],
            "subject": subject,
        });
        let manifest = manifest.to_string();
        let digest = sha256_of(manifest.as_bytes());
        let (registry, repository) = (self.registry, &self.patient.repository);
        let pushed = registry.push_manifest(repository, &digest, OCI_ARTIFACT, manifest.as_bytes());
        match pushed {
            Ok(_) => {
                written.references.push(digest);
                self.note("artifactManifest", Grade::Ok, "takes the deprecated artifact manifest");
            }
            Err(RegistryError::Refused(words)) => {
                let found = format!("refuses the deprecated artifact manifest: {words}");
                let check = self.note("artifactManifest", Grade::Ok, found);
                check.means("old Notation signatures cannot be copied to it");
            }
            Err(e) => {
                self.note("artifactManifest", Grade::Skipped, e.to_string());
            }
        }
    }

    /// The last first: a registry may keep what something refers to.
    fn delete(&mut self, written: Written) {
        if written.references.is_empty() {
            return;
        }
        let mut left = Vec::new();
        let mut words = String::new();
        for reference in written.references.iter().rev() {
            match self.registry.delete_manifest(&self.patient.repository, reference) {
                Ok(()) | Err(RegistryError::Absent(_)) => {}
                Err(e) => {
                    words = e.to_string();
                    left.push(reference.clone());
                }
            }
        }
        // Where manifests cannot be deleted, their tag is what others see.
        if left.is_empty() {
            self.note("delete", Grade::Ok, "what was written is deleted");
            return;
        }
        let next = format!("delete it by hand: {}", left.join(", "));
        self.note("delete", Grade::Warn, words)
            .means("what was written stays there: two bytes and three manifests")
            .next(next);
    }
}

fn artifact(subject: Option<&Value>, mark: &str) -> String {
    let empty = json!({
        "mediaType": EMPTY_TYPE, "digest": sha256_of(EMPTY), "size": EMPTY.len(),
    });
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": OUR_TYPE,
        "config": empty,
        "layers": [empty],
        "annotations": { "dev.countersign.doctor": mark },
    });
    if let Some(subject) = subject {
        manifest["subject"] = subject.clone();
    }
    manifest.to_string()
}
