//! Uploads (distribution-spec v1.1, "Push").

use std::io::Read;

use super::{
    MAX_MANIFEST, Registry, RegistryError, Repository, Scope, check_digest, digest, names::is_tag,
    refusal,
};
use crate::http::{Body, Call, Failure, Method, Reply, Url, header};

const OCTETS: &str = "application/octet-stream";
const TOKEN_RAN_OUT: &str =
    "the registry asks for credentials anew in the middle of an upload, which has to begin again";

/// What a registry says to a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// It has taken notice of the manifest's `subject` (`OCI-Subject`): the referrers API will list
    /// it. Otherwise the fallback tag has to.
    pub lists_subject: bool,
}

impl Registry {
    /// Uploads a manifest under a tag or its digest. Its blobs must be there.
    ///
    /// # Errors
    /// [`RegistryError::Refused`] with the registry's words when it does not take it.
    pub fn push_manifest(
        &self,
        repository: &Repository,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Pushed, RegistryError> {
        if bytes.len() as u64 > MAX_MANIFEST {
            return Err(RegistryError::TooLarge(MAX_MANIFEST));
        }
        if !is_tag(reference) && !digest::matches(reference, bytes) {
            let words = format!("`{reference}` is neither a tag nor the manifest's digest");
            return Err(RegistryError::Unsupported(words));
        }
        let repository = &self.own_place(repository)?;
        let url = self.url(repository, &format!("manifests/{reference}"))?;
        let reply = self.authorized(repository, Scope::Push, |authorization| {
            let call = Call::new(Method::PUT, &url).header(header::CONTENT_TYPE, media_type);
            self.http
                .send(&mut Call { body: Body::Bytes(bytes), ..call.authorization(authorization) })
        })?;
        match reply.status {
            200 | 201 => Ok(Pushed { lists_subject: reply.headers.contains_key("oci-subject") }),
            status => Err(refusal(repository, status, &reply.message())),
        }
    }

    /// Deletes a tag, or a manifest by its digest, if the registry lets one.
    ///
    /// # Errors
    /// [`RegistryError::Refused`] with the registry's words when it does not.
    pub fn delete_manifest(
        &self,
        repository: &Repository,
        reference: &str,
    ) -> Result<(), RegistryError> {
        if !is_tag(reference) {
            check_digest(reference)?;
        }
        let repository = &self.own_place(repository)?;
        let url = self.url(repository, &format!("manifests/{reference}"))?;
        let reply = self.authorized(repository, Scope::Delete, |authorization| {
            self.http.send(&mut Call::new(Method::DELETE, &url).authorization(authorization))
        })?;
        match reply.status {
            200 | 202 | 204 => Ok(()),
            status => Err(refusal(repository, status, &reply.message())),
        }
    }

    /// Uploads a blob of `size` bytes, in one piece. It is read once, so a transfer that breaks off
    /// is for the caller to begin anew.
    ///
    /// # Errors
    /// [`RegistryError::Refused`] with the registry's words when it does not take it.
    pub fn push_blob(
        &self,
        repository: &Repository,
        digest: &str,
        size: u64,
        reader: impl Read + Send + 'static,
    ) -> Result<(), RegistryError> {
        check_digest(digest)?;
        let repository = &self.own_place(repository)?;
        let reply = self.begin(repository, Scope::Push, "blobs/uploads/")?;
        if reply.status != 202 {
            return Err(refusal(repository, reply.status, &reply.message()));
        }
        let url = self.upload_url(repository, &reply, digest)?;
        let mut body = Some(Body::Reader(Box::new(reader), size));
        let mut put = |authorization: Option<&str>| {
            // A challenge in the middle leaves nothing to send.
            let body = body.take().ok_or_else(|| Failure::Transport(TOKEN_RAN_OUT.to_owned()))?;
            let call = Call::new(Method::PUT, &url).header(header::CONTENT_TYPE, OCTETS);
            let call = call.authorization(authorization);
            self.http.send(&mut Call { body, transfer: true, ..call })
        };
        // Where the upload goes elsewhere, nothing of what is said there is about our credentials.
        let reply = match same_origin(&url, repository) {
            true => self.authorized(repository, Scope::Push, put)?,
            false => put(None)?,
        };
        match reply.status {
            200 | 201 => Ok(()),
            status => Err(refusal(repository, status, &reply.message())),
        }
    }

    /// Takes a blob over from another repository of the same registry. The answer is whether it did:
    /// registries may not.
    ///
    /// # Errors
    /// When the registry does not say.
    pub fn mount_blob(
        &self,
        repository: &Repository,
        digest: &str,
        from: &Repository,
    ) -> Result<bool, RegistryError> {
        check_digest(digest)?;
        let (repository, from) = (&self.own_place(repository)?, &self.own_place(from)?);
        if from.host != repository.host {
            return Ok(false);
        }
        let path = format!("blobs/uploads/?mount={digest}&from={}", from.name);
        let reply = self.begin(repository, Scope::Mount(from), &path)?;
        match reply.status {
            201 => Ok(true),
            // An upload has begun instead; nobody goes on with it.
            202 => Ok(false),
            401 | 403 | 404 | 405 => Ok(false),
            status => Err(refusal(repository, status, &reply.message())),
        }
    }

    fn begin(
        &self,
        repository: &Repository,
        scope: Scope<'_>,
        path: &str,
    ) -> Result<Reply, RegistryError> {
        let url = self.url(repository, path)?;
        self.authorized(repository, scope, |authorization| {
            // A length of zero is said: some servers ask for one.
            self.http.send(&mut Call::post(&url, OCTETS, b"").authorization(authorization))
        })
    }

    fn upload_url(
        &self,
        repository: &Repository,
        reply: &Reply,
        digest: &str,
    ) -> Result<Url, RegistryError> {
        let base = self.url(repository, "blobs/uploads/")?;
        let location = reply.header(header::LOCATION).unwrap_or_default();
        let mut url = self.http.follow(&base, location)?;
        url.query_pairs_mut().append_pair("digest", digest);
        Ok(url)
    }
}

/// Credentials go to the registry itself, wherever its uploads go to.
fn same_origin(url: &Url, repository: &Repository) -> bool {
    let host = crate::http::authority(url);
    host == repository.host || repository.host.strip_suffix(":443") == Some(&host)
}
