//! A pack being made.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    NotFound, PACK_VERSION, Pack, PackedBlob, PackedCrl, PackedList, PackedManifest, PackedOcsp,
    PackedTag,
};
use crate::{
    reference::Digest,
    wire::{Answer, Bytes, EvidenceItem, Fetch},
};

/// Everything by its name.
#[derive(Default)]
pub(super) struct Parts {
    manifests: BTreeMap<String, (Option<String>, Bytes)>,
    tags: BTreeMap<String, String>,
    referrers: BTreeMap<String, Bytes>,
    blobs: BTreeMap<String, Bytes>,
    ocsp: BTreeMap<(String, Bytes), Bytes>,
    crls: BTreeMap<String, Bytes>,
    no_tags: BTreeSet<String>,
    no_referrers: BTreeSet<String>,
}

impl Parts {
    pub(super) fn add(&mut self, item: &EvidenceItem) {
        match (&item.fetch, &item.answer) {
            // The host wrote it anew: nothing can be proven by that.
            (_, Answer::Found { reserialised: true, .. }) => {}
            (fetch, Answer::Found { bytes, media_type, .. }) => {
                self.found(fetch, bytes, media_type.as_deref());
            }
            (Fetch::Tag { tag, .. }, Answer::Absent { .. }) => {
                self.no_tags.insert(tag.clone());
            }
            (Fetch::Referrers { digest, .. }, Answer::Absent { .. }) => {
                self.no_referrers.insert(digest.clone());
            }
            _ => {}
        }
    }

    fn found(&mut self, fetch: &Fetch, bytes: &Bytes, media_type: Option<&str>) {
        let manifest = || (media_type.map(str::to_owned), bytes.clone());
        match fetch {
            Fetch::Manifest { digest, .. } if matches_digest(digest, bytes) => {
                self.manifests.insert(digest.clone(), manifest());
            }
            Fetch::Tag { tag, .. } => {
                let digest = Digest::sha256(&bytes.0).to_string();
                self.tags.insert(tag.clone(), digest.clone());
                self.manifests.entry(digest).or_insert_with(manifest);
            }
            Fetch::Referrers { digest, .. } => {
                self.referrers.insert(digest.clone(), bytes.clone());
            }
            Fetch::Blob { digest, .. } if matches_digest(digest, bytes) => {
                self.blobs.insert(digest.clone(), bytes.clone());
            }
            Fetch::Ocsp { url, request, .. } => {
                self.ocsp.insert((url.clone(), request.clone()), bytes.clone());
            }
            Fetch::Crl { url, .. } => {
                self.crls.insert(url.clone(), bytes.clone());
            }
            Fetch::Manifest { .. } | Fetch::Blob { .. } | Fetch::Resolve { .. } => {}
        }
    }

    pub(super) fn into_pack(self, subject: &str) -> Pack {
        let manifests = self.manifests.into_iter();
        let tags = self.tags.into_iter();
        let referrers = self.referrers.into_iter();
        let blobs = self.blobs.into_iter();
        let ocsp = self.ocsp.into_iter();
        let crls = self.crls.into_iter();
        Pack {
            api_version: PACK_VERSION.to_owned(),
            subject: subject.to_owned(),
            created: None,
            manifests: manifests
                .map(|(digest, (media_type, content))| PackedManifest {
                    digest,
                    media_type,
                    content,
                })
                .collect(),
            tags: tags.map(|(name, digest)| PackedTag { name, digest }).collect(),
            referrers: referrers
                .map(|(subject, content)| PackedList { subject, content })
                .collect(),
            blobs: blobs.map(|(digest, content)| PackedBlob { digest, content }).collect(),
            ocsp: ocsp
                .map(|((url, request), content)| PackedOcsp { url, request, content })
                .collect(),
            crls: crls.map(|(url, content)| PackedCrl { url, content }).collect(),
            not_found: NotFound {
                tags: self.no_tags.into_iter().collect(),
                referrers: self.no_referrers.into_iter().collect(),
            },
        }
    }
}

fn matches_digest(digest: &str, bytes: &Bytes) -> bool {
    Digest::parse(digest).is_some_and(|digest| digest.matches(&bytes.0))
}
