//! Manifests, blobs, referrers and tags.

use std::io::{self, Read};

use serde_json::Value;

use super::{
    By, Registry, RegistryError, Repository, Scope, Verified, check_digest, digest,
    names::is_tag,
    referrers::{self, Pages},
    refusal,
};
use crate::http::{Call, Method, Reply, Stream, Url, authority, header};

/// What a manifest may be. Both kinds of artifact manifest are deprecated and still stored, and a
/// registry denies to have what is not accepted.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.artifact.manifest.v1+json, \
    application/vnd.cncf.oras.artifact.manifest.v1+json";
/// Bytes of one page of tags.
const MAX_TAG_PAGE: u64 = 4 << 20;
/// Tags of one repository.
const MAX_TAGS: usize = 100_000;
/// Pages of tags.
const MAX_TAG_PAGES: usize = 1000;

/// A manifest as the registry has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Byte for byte.
    pub bytes: Vec<u8>,
    /// Of the answer's header.
    pub media_type: Option<String>,
}

/// A blob as it comes. The last read fails if it was not what its digest names.
pub struct BlobReader(Verified<Stream>);

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Registry {
    /// The manifest under a tag or digest.
    ///
    /// # Errors
    /// [`RegistryError::Absent`] when the registry says that there is none.
    pub fn manifest(
        &self,
        repository: &Repository,
        reference: &str,
        max_bytes: u64,
    ) -> Result<Manifest, RegistryError> {
        let by_digest = reference.contains(':');
        if by_digest {
            check_digest(reference)?;
        } else if !is_tag(reference) {
            return Err(RegistryError::Unsupported(format!("`{reference}` is not a tag")));
        }
        let by = if by_digest { By::Digest } else { By::Tag };
        let ask = |place: &Repository| self.manifest_at(place, reference, max_bytes);
        self.over(repository, by, ask, |_| true)
    }

    fn manifest_at(
        &self,
        repository: &Repository,
        reference: &str,
        max_bytes: u64,
    ) -> Result<Manifest, RegistryError> {
        let by_digest = reference.contains(':');
        let url = self.url(repository, &format!("manifests/{reference}"))?;
        let reply = self.get(repository, &url, Some(ACCEPT), max_bytes)?;
        let is_it = |digest: &str| digest::matches(digest, &reply.bytes);
        if by_digest && !is_it(reference) {
            return Err(garbled("the manifest is not that of the digest"));
        }
        // The header is the registry's word; where it is there, it must at least be true.
        let claimed = reply.headers.get("docker-content-digest").and_then(|v| v.to_str().ok());
        if !by_digest && claimed.is_some_and(|claimed| !is_it(claimed)) {
            return Err(garbled("the manifest is not that of the digest in its header"));
        }
        // A manifest is a JSON object, whatever else it is: a log-in page is not.
        if !matches!(serde_json::from_slice(&reply.bytes), Ok(Value::Object(_))) {
            return Err(garbled("the manifest is not a JSON object"));
        }
        let media_type = reply.media_type().map(str::to_owned);
        Ok(Manifest { bytes: reply.bytes, media_type })
    }

    /// Whether there is a manifest under a tag or digest.
    ///
    /// # Errors
    /// When the registry does not say.
    pub fn has_manifest(
        &self,
        repository: &Repository,
        reference: &str,
    ) -> Result<bool, RegistryError> {
        let repository = &self.own_place(repository)?;
        let url = self.url(repository, &format!("manifests/{reference}"))?;
        self.head(repository, &url, Some(ACCEPT))
    }

    /// Whether there is a blob.
    ///
    /// # Errors
    /// When the registry does not say.
    pub fn has_blob(&self, repository: &Repository, digest: &str) -> Result<bool, RegistryError> {
        check_digest(digest)?;
        let repository = &self.own_place(repository)?;
        self.head(repository, &self.url(repository, &format!("blobs/{digest}"))?, None)
    }

    /// A blob, whole.
    ///
    /// # Errors
    /// [`RegistryError::Absent`] when the registry says that there is none.
    pub fn blob(
        &self,
        repository: &Repository,
        digest: &str,
        max_bytes: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        check_digest(digest)?;
        let ask = |place: &Repository| {
            let url = self.url(place, &format!("blobs/{digest}"))?;
            let reply = self.get(place, &url, None, max_bytes)?;
            if !digest::matches(digest, &reply.bytes) {
                return Err(garbled("the blob is not that of the digest"));
            }
            Ok(reply.bytes)
        };
        self.over(repository, By::Digest, ask, |_| true)
    }

    /// A blob of any size, read as it comes.
    ///
    /// # Errors
    /// [`RegistryError::Absent`] when the registry says that there is none.
    pub fn open_blob(
        &self,
        repository: &Repository,
        digest: &str,
        size: u64,
    ) -> Result<BlobReader, RegistryError> {
        check_digest(digest)?;
        let ask = |place: &Repository| self.open_blob_at(place, digest, size);
        self.over(repository, By::Digest, ask, |_| true)
    }

    fn open_blob_at(
        &self,
        repository: &Repository,
        digest: &str,
        size: u64,
    ) -> Result<BlobReader, RegistryError> {
        let url = self.url(repository, &format!("blobs/{digest}"))?;
        let stream = self.authorized(repository, Scope::Pull, |authorization| {
            let call = Call::get(&url).authorization(authorization);
            self.http.open(&mut Call { transfer: true, ..call })
        })?;
        if stream.status != 200 {
            let reply = stream.into_reply(0)?;
            return Err(refusal(repository, reply.status, &reply.message()));
        }
        if stream.length().is_some_and(|length| length != size) {
            return Err(garbled("the blob has not the size of its descriptor"));
        }
        Verified::new(stream, digest, size).map(BlobReader).ok_or_else(|| garbled("no digest"))
    }

    /// What the referrers API lists for a digest, all pages in one image index. Without that API it
    /// is [`RegistryError::Absent`]; the fallback tag is the caller's to ask for.
    ///
    /// # Errors
    /// When there is no such API, or no list that can be used.
    pub fn referrers_index(
        &self,
        repository: &Repository,
        digest: &str,
        max_bytes: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        check_digest(digest)?;
        let ask = |place: &Repository| self.referrers_at(place, digest, max_bytes);
        // A mirror may not know what the registry itself lists.
        let lists_any = |index: &Vec<u8>| {
            let index: Option<Value> = serde_json::from_slice(index).ok();
            index.is_some_and(|i| i["manifests"].as_array().is_some_and(|list| !list.is_empty()))
        };
        self.over(repository, By::Digest, ask, lists_any)
    }

    fn referrers_at(
        &self,
        repository: &Repository,
        digest: &str,
        max_bytes: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        let mut url = self.url(repository, &format!("referrers/{digest}"))?;
        let mut pages = Pages::default();
        loop {
            let room = max_bytes.saturating_sub(pages.bytes);
            let reply = match self.get(repository, &url, Some(referrers::MEDIA_TYPE), room) {
                // Registries from before that API refuse its path in other ways than 404.
                Err(RegistryError::Refused(words)) if pages.count == 0 => {
                    let words = format!("the registry has no referrers API: {words}");
                    return Err(RegistryError::Absent(words));
                }
                reply => reply?,
            };
            if reply.media_type() != Some(referrers::MEDIA_TYPE) {
                return Err(match pages.count {
                    0 => RegistryError::Absent("the registry has no referrers API".to_owned()),
                    _ => garbled("a page of the referrers is not an image index"),
                });
            }
            let next = referrers::next_link(&reply);
            pages.add(reply.bytes).map_err(|e| garbled(&e))?;
            let Some(next) = next else { break };
            if pages.count == referrers::MAX_PAGES {
                return Err(RegistryError::TooLarge(max_bytes));
            }
            url = self.next_page(&url, &next)?;
        }
        Ok(pages.merge())
    }

    /// All tags of a repository, in the registry's order.
    ///
    /// # Errors
    /// When there is no list, or none that can be used.
    pub fn tags(&self, repository: &Repository) -> Result<Vec<String>, RegistryError> {
        let repository = &self.own_place(repository)?;
        let mut url = self.url(repository, "tags/list")?;
        let mut tags = Vec::new();
        for _ in 0..MAX_TAG_PAGES {
            let reply = self.get(repository, &url, None, MAX_TAG_PAGE)?;
            let page: Value = serde_json::from_slice(&reply.bytes)
                .map_err(|_| garbled("the list of tags is not JSON"))?;
            let page = page.get("tags").and_then(Value::as_array).into_iter().flatten();
            tags.extend(page.filter_map(Value::as_str).filter(|t| is_tag(t)).map(str::to_owned));
            let Some(next) = referrers::next_link(&reply) else { return Ok(tags) };
            if tags.len() > MAX_TAGS {
                break;
            }
            url = self.next_page(&url, &next)?;
        }
        Err(garbled("the list of tags does not end"))
    }

    fn next_page(&self, url: &Url, next: &str) -> Result<Url, RegistryError> {
        let next = self.http.follow(url, next)?;
        if authority(&next) != authority(url) {
            return Err(garbled("the next page of a list is on another host"));
        }
        Ok(next)
    }

    fn get(
        &self,
        repository: &Repository,
        url: &Url,
        accept: Option<&str>,
        max_bytes: u64,
    ) -> Result<Reply, RegistryError> {
        let reply = self.authorized(repository, Scope::Pull, |authorization| {
            let mut call = Call::get(url).authorization(authorization).max_bytes(max_bytes);
            call.headers.extend(accept.map(|accept| (header::ACCEPT, accept)));
            self.http.send(&mut call)
        })?;
        match reply.status {
            200 => Ok(reply),
            status => Err(refusal(repository, status, &reply.message())),
        }
    }

    fn head(
        &self,
        repository: &Repository,
        url: &Url,
        accept: Option<&str>,
    ) -> Result<bool, RegistryError> {
        let reply = self.authorized(repository, Scope::Pull, |authorization| {
            let mut call = Call::new(Method::HEAD, url).authorization(authorization);
            call.headers.extend(accept.map(|accept| (header::ACCEPT, accept)));
            self.http.send(&mut call)
        })?;
        match reply.status {
            200 => Ok(true),
            404 => Ok(false),
            status => Err(refusal(repository, status, &reply.message())),
        }
    }
}

fn garbled(message: &str) -> RegistryError {
    RegistryError::Garbled(message.to_owned())
}
