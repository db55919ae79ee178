//! A registry as a source of evidence.

use countersign::wire::{Answer, Bytes, Fetch};

use super::{MAX_MANIFEST, Manifest, Registry, RegistryError, digest, lock, repository_of};
use crate::source::{EvidenceSource, Traffic};

impl EvidenceSource for Registry {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        self.answer(fetch).unwrap_or_else(Answer::from)
    }

    fn traffic(&self) -> Traffic {
        self.http.traffic()
    }
}

impl Registry {
    fn answer(&self, fetch: &Fetch) -> Result<Answer, RegistryError> {
        match fetch {
            Fetch::Resolve { reference } => self.resolve(reference),
            Fetch::Manifest { repository, digest, max_bytes } => {
                self.kept_manifest(repository, digest, *max_bytes).map(found_manifest)
            }
            Fetch::Tag { repository, tag, max_bytes } => {
                self.manifest(&repository_of(repository)?, tag, *max_bytes).map(found_manifest)
            }
            Fetch::Referrers { repository, digest, max_bytes } => {
                let repository = repository_of(repository)?;
                let index = self.referrers_index(&repository, digest, *max_bytes)?;
                Ok(found(index, Some(super::referrers::MEDIA_TYPE.to_owned())))
            }
            Fetch::Blob { repository, digest, max_bytes } => {
                let bytes = self.blob(&repository_of(repository)?, digest, *max_bytes)?;
                Ok(found(bytes, None))
            }
            Fetch::Ocsp { .. } | Fetch::Crl { .. } => {
                Err(RegistryError::Unsupported("a registry knows nothing of revocation".to_owned()))
            }
        }
    }

    fn resolve(&self, reference: &str) -> Result<Answer, RegistryError> {
        let (repository, tag) = match reference.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag),
            _ => (reference, "latest"),
        };
        let manifest = self.manifest(&repository_of(repository)?, tag, MAX_MANIFEST)?;
        let digest = digest::sha256_of(&manifest.bytes);
        let (key, weight) = ((repository.to_owned(), digest.clone()), manifest.bytes.len() as u64);
        lock(&self.kept).insert(key, manifest, weight);
        Ok(Answer::Resolved { digest })
    }

    fn kept_manifest(
        &self,
        repository: &str,
        digest: &str,
        max_bytes: u64,
    ) -> Result<Manifest, RegistryError> {
        let key = (repository.to_owned(), digest.to_owned());
        let kept = lock(&self.kept).get(&key).cloned();
        match kept {
            Some(manifest) if manifest.bytes.len() as u64 <= max_bytes => Ok(manifest),
            _ => self.manifest(&repository_of(repository)?, digest, max_bytes),
        }
    }
}

fn found_manifest(manifest: Manifest) -> Answer {
    found(manifest.bytes, manifest.media_type)
}

fn found(bytes: Vec<u8>, media_type: Option<String>) -> Answer {
    Answer::Found { bytes: Bytes(bytes), media_type, reserialised: false }
}
