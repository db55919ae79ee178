//! The host that answers for a case: a registry with one artifact, and the web.

use std::collections::BTreeMap;

use countersign::{
    reference::Digest,
    wire::{Answer, Bytes, Fetch, UnavailableReason},
};
use serde_json::{Value, json};

use crate::case::Case;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const SIGNATURE: &str = "application/vnd.cncf.notary.signature";

pub struct Host<'a> {
    case: &'a Case,
    stored: BTreeMap<String, Bytes>,
    referrers: Vec<Value>,
    /// Requests that are other than notation-go's.
    pub wrong: Vec<String>,
}

impl<'a> Host<'a> {
    pub fn new(case: &'a Case) -> Self {
        let mut host =
            Self { case, stored: BTreeMap::new(), referrers: Vec::new(), wrong: Vec::new() };
        host.store(&case.target.0);
        match &case.hosted {
            Some(hosted) => host.referrers = hosted.referrers.clone().unwrap_or_default(),
            None => host.sign(&case.envelope.0),
        }
        host
    }

    fn store(&mut self, bytes: &[u8]) -> String {
        let digest = Digest::sha256(bytes).to_string();
        self.stored.insert(digest.clone(), Bytes(bytes.to_vec()));
        digest
    }

    /// Hangs the envelope on the artifact.
    fn sign(&mut self, envelope: &[u8]) {
        let target = &self.case.target.0;
        let subject = json!({
            "mediaType": self.case.media_type,
            "digest": Digest::sha256(target).to_string(),
            "size": target.len(),
        });
        let layer = self.store(envelope);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": { "mediaType": SIGNATURE, "digest": Digest::sha256(b"{}").to_string(), "size": 2 },
            "layers": [{ "mediaType": self.case.layer, "digest": layer, "size": envelope.len() }],
            "subject": subject,
        });
        let bytes = manifest.to_string().into_bytes();
        let digest = self.store(&bytes);
        self.referrers.push(json!({ "mediaType": MANIFEST, "artifactType": SIGNATURE, "digest": digest, "size": bytes.len() }));
    }

    pub fn answer(&mut self, fetch: &Fetch) -> Answer {
        match fetch {
            Fetch::Manifest { digest, max_bytes, .. } | Fetch::Blob { digest, max_bytes, .. } => {
                self.content(digest, *max_bytes)
            }
            Fetch::Referrers { .. } => match &self.case.hosted {
                Some(hosted) if !hosted.referrers_error.is_empty() => {
                    unavailable(&hosted.referrers_error)
                }
                _ => {
                    let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": self.referrers });
                    found(index.to_string().into_bytes())
                }
            },
            Fetch::Ocsp { url, request, .. } => {
                let theirs = self.case.answer.as_ref().and_then(|a| a.requests.get(url));
                if theirs.is_some_and(|theirs| theirs != request) {
                    self.wrong.push(format!("another OCSP request for {url}"));
                }
                self.web(url)
            }
            Fetch::Crl { url, .. } => self.web(url),
            Fetch::Resolve { .. } | Fetch::Tag { .. } => Answer::Absent { message: String::new() },
        }
    }

    fn content(&self, digest: &str, max_bytes: u64) -> Answer {
        let hosted = self.case.hosted.as_ref().and_then(|hosted| hosted.content.get(digest));
        let bytes = match hosted {
            Some(stored) if !stored.error.is_empty() => return unavailable(&stored.error),
            Some(stored) => &stored.bytes,
            None => match self.stored.get(digest) {
                Some(bytes) => bytes,
                None => return Answer::Absent { message: String::new() },
            },
        };
        if bytes.0.len() as u64 > max_bytes {
            let (reason, message) = (UnavailableReason::TooLarge, String::new());
            return Answer::Unavailable { reason, message };
        }
        found(bytes.0.clone())
    }

    fn web(&self, url: &str) -> Answer {
        match self.case.web.get(url) {
            Some(reply) if !reply.error.is_empty() => unavailable(&reply.error),
            Some(reply) if !matches!(reply.status, 0 | 200) => {
                unavailable(&format!("status {}", reply.status))
            }
            Some(reply) => found(reply.body.0.clone()),
            None => unavailable("no such server"),
        }
    }
}

fn found(bytes: Vec<u8>) -> Answer {
    Answer::Found { bytes: Bytes(bytes), media_type: None, reserialised: false }
}

fn unavailable(why: &str) -> Answer {
    Answer::Unavailable { reason: UnavailableReason::Transport, message: why.to_owned() }
}
