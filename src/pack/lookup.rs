//! A pack by what is asked for.

use super::Pack;
use crate::wire::{Answer, Fetch, UnavailableReason};

impl Pack {
    /// Whether it has this manifest.
    pub fn has_manifest(&self, digest: &str) -> bool {
        self.manifests.iter().any(|manifest| manifest.digest == digest)
    }

    /// Whether its maker has looked for this list or tag, and found none.
    pub fn was_absent(&self, fetch: &Fetch) -> bool {
        match fetch {
            Fetch::Tag { tag, .. } => self.not_found.tags.contains(tag),
            Fetch::Referrers { digest, .. } => self.not_found.referrers.contains(digest),
            _ => false,
        }
    }

    /// What it has for a fetch: the bytes, or that they are larger than what is asked for.
    pub fn answer(&self, fetch: &Fetch) -> Option<Answer> {
        let manifest = |digest: &String| {
            let manifest = self.manifests.iter().find(|manifest| manifest.digest == *digest)?;
            Some((&manifest.content, manifest.media_type.clone()))
        };
        let (bytes, media_type) = match fetch {
            Fetch::Resolve { .. } => None,
            Fetch::Manifest { digest, .. } => manifest(digest),
            Fetch::Tag { tag, .. } => {
                let tag = self.tags.iter().find(|packed| packed.name == *tag);
                tag.and_then(|tag| manifest(&tag.digest))
            }
            Fetch::Referrers { digest, .. } => {
                let list = self.referrers.iter().find(|list| list.subject == *digest);
                list.map(|list| (&list.content, None))
            }
            Fetch::Blob { digest, .. } => {
                let blob = self.blobs.iter().find(|blob| blob.digest == *digest);
                blob.map(|blob| (&blob.content, None))
            }
            Fetch::Ocsp { url, request, .. } => {
                let ocsp = self.ocsp.iter().find(|o| o.url == *url && o.request == *request);
                ocsp.map(|ocsp| (&ocsp.content, None))
            }
            Fetch::Crl { url, .. } => {
                let crl = self.crls.iter().find(|crl| crl.url == *url);
                crl.map(|crl| (&crl.content, None))
            }
        }?;
        let most = fetch.max_bytes();
        if bytes.0.len() as u64 > most {
            let message = format!("larger than {most} bytes");
            return Some(Answer::Unavailable { reason: UnavailableReason::TooLarge, message });
        }
        Some(Answer::Found { bytes: bytes.clone(), media_type, reserialised: false })
    }
}
