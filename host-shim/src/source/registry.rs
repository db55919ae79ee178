//! A read-only client of registries (OCI distribution-spec v1.1).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use countersign::{
    crypto::{HashAlgorithm, hex},
    wire::{Answer, Bytes, Fetch, UnavailableReason},
};
use serde_json::Value;
use ureq::http::{Uri, header};

use super::{
    EvidenceSource, Options, Traffic,
    credentials::{self, Credentials},
    http::{Client, Failure, Get, Reply, authority},
    names::{Location, is_tag},
    referrers::{self, Pages},
    token::{Challenge, TokenError},
};

/// What a manifest may be. Both kinds of artifact manifest are deprecated and still stored, and a
/// registry denies to have what is not accepted.
const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.artifact.manifest.v1+json, \
    application/vnd.cncf.oras.artifact.manifest.v1+json";
/// Registries should take manifests of 4 MiB, and need not take larger ones.
const MAX_MANIFEST: u64 = 4 << 20;
/// Manifests that are kept for the fetch by digest that follows their resolution.
const MAX_KEPT: usize = 64;

/// All registries; which one is said by each fetch.
pub struct Registry {
    client: Client,
    credentials: Credentials,
    notes: Vec<String>,
    /// By host and repository name.
    authorizations: Mutex<HashMap<(String, String), Slot>>,
    /// By repository and digest.
    kept: Mutex<HashMap<(String, String), Manifest>>,
}

/// The value of `Authorization` that worked last.
type Slot = Arc<Mutex<Option<String>>>;

#[derive(Clone)]
struct Manifest {
    bytes: Vec<u8>,
    media_type: Option<String>,
}

impl Registry {
    /// A client. Nothing is sent yet.
    pub fn new(options: &Options) -> Self {
        let path = options.docker_config.clone().or_else(credentials::default_path);
        let (credentials, notes) = path.map(|p| Credentials::load(&p)).unwrap_or_default();
        Self {
            client: Client::new(options),
            credentials,
            notes,
            authorizations: Mutex::new(HashMap::new()),
            kept: Mutex::new(HashMap::new()),
        }
    }

    /// What the user should know about the configuration.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    fn resolve(&self, reference: &str) -> Result<Answer, Answer> {
        let (repository, tag) = match reference.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag),
            _ => (reference, "latest"),
        };
        let manifest = self.tag(repository, tag, MAX_MANIFEST)?;
        let digest = format!("sha256:{}", hex(&HashAlgorithm::Sha256.digest(&manifest.bytes)));
        let mut kept = lock(&self.kept);
        if kept.len() < MAX_KEPT {
            kept.insert((repository.to_owned(), digest.clone()), manifest);
        }
        Ok(Answer::Resolved { digest })
    }

    fn tag(&self, repository: &str, tag: &str, max_bytes: u64) -> Result<Manifest, Answer> {
        if !is_tag(tag) {
            return Err(unsupported(format!("`{tag}` is not a tag")));
        }
        let reply = self.get(repository, &format!("manifests/{tag}"), Some(ACCEPT), max_bytes)?;
        // The header is the registry's word; where it is there, it must at least be true.
        let claimed = reply.headers.get("docker-content-digest").and_then(|v| v.to_str().ok());
        if claimed.is_some_and(|claimed| !matches_digest(claimed, &reply.bytes)) {
            return Err(garbled("the manifest is not that of the digest in its header"));
        }
        manifest_of(reply)
    }

    fn manifest(&self, repository: &str, digest: &str, max_bytes: u64) -> Result<Answer, Answer> {
        let key = (repository.to_owned(), digest.to_owned());
        let kept = lock(&self.kept).get(&key).cloned();
        let manifest = match kept {
            Some(manifest) if manifest.bytes.len() as u64 <= max_bytes => manifest,
            _ => {
                check_digest(digest)?;
                let path = format!("manifests/{digest}");
                let reply = self.get(repository, &path, Some(ACCEPT), max_bytes)?;
                if !matches_digest(digest, &reply.bytes) {
                    return Err(garbled("the manifest is not that of the digest"));
                }
                manifest_of(reply)?
            }
        };
        Ok(found(manifest.bytes, manifest.media_type))
    }

    fn blob(&self, repository: &str, digest: &str, max_bytes: u64) -> Result<Answer, Answer> {
        check_digest(digest)?;
        let reply = self.get(repository, &format!("blobs/{digest}"), None, max_bytes)?;
        if !matches_digest(digest, &reply.bytes) {
            return Err(garbled("the blob is not that of the digest"));
        }
        Ok(found(reply.bytes, None))
    }

    fn referrers(&self, repository: &str, digest: &str, max_bytes: u64) -> Result<Answer, Answer> {
        check_digest(digest)?;
        let location = location(repository)?;
        let path = format!("/v2/{}/referrers/{digest}", location.name);
        let mut url = self.client.url(&location.host, &path).map_err(answer)?;
        let mut pages = Pages::default();
        loop {
            let room = max_bytes.saturating_sub(pages.bytes);
            let reply = self.get_url(&location, &url, Some(referrers::MEDIA_TYPE), room)?;
            if reply.media_type() != Some(referrers::MEDIA_TYPE) {
                return Err(if pages.count == 0 {
                    Answer::Absent { message: "the registry has no referrers API".to_owned() }
                } else {
                    garbled("a page of the referrers is not an image index")
                });
            }
            let next = referrers::next_link(&reply);
            pages.add(reply.bytes).map_err(|e| garbled(&e))?;
            let Some(next) = next else { break };
            if pages.count == referrers::MAX_PAGES {
                let message =
                    format!("the referrers have more than {} pages", referrers::MAX_PAGES);
                return Err(unavailable(UnavailableReason::TooLarge, message));
            }
            let next = referrers::complete(&url, &next);
            let next = self.client.follow(&url, &next).map_err(answer)?;
            if authority(&next) != authority(&url) {
                return Err(garbled("the next page of the referrers is on another host"));
            }
            url = next;
        }
        Ok(found(pages.merge(), Some(referrers::MEDIA_TYPE.to_owned())))
    }

    fn get(
        &self,
        repository: &str,
        path: &str,
        accept: Option<&str>,
        max_bytes: u64,
    ) -> Result<Reply, Answer> {
        let location = location(repository)?;
        let path = format!("/v2/{}/{path}", location.name);
        let url = self.client.url(&location.host, &path).map_err(answer)?;
        self.get_url(&location, &url, accept, max_bytes)
    }

    /// Gets, with the authorization that the registry asks for.
    fn get_url(
        &self,
        location: &Location,
        url: &Uri,
        accept: Option<&str>,
        max_bytes: u64,
    ) -> Result<Reply, Answer> {
        let slot = {
            let key = (location.host.clone(), location.name.clone());
            lock(&self.authorizations).entry(key).or_default().clone()
        };
        let known = lock(&slot).clone();
        let get = |authorization: Option<&str>| {
            self.client.get(&Get { url, accept, authorization, max_bytes }).map_err(answer)
        };
        let mut reply = get(known.as_deref())?;
        if reply.status == 401
            && let Some(challenge) =
                reply.header(header::WWW_AUTHENTICATE).and_then(Challenge::parse)
        {
            // Held while the token is fetched: of eight fetches that need it, one asks.
            let mut held = lock(&slot);
            if *held == known {
                let fresh = challenge.answer(&self.client, &self.credentials, location, url);
                *held = Some(fresh.map_err(|e| match e {
                    TokenError::Denied(message) => Answer::Denied { message },
                    TokenError::Failure(failure) => answer(failure),
                })?);
            }
            let fresh = held.clone();
            drop(held);
            reply = get(fresh.as_deref())?;
        }
        let message = format!("`{}`: {}", location.host, reply.message());
        match reply.status {
            200 => Ok(reply),
            401 | 403 => Err(Answer::Denied { message }),
            404 => Err(Answer::Absent { message }),
            429 | 500..=599 => Err(unavailable(UnavailableReason::Transport, message)),
            _ => Err(unavailable(UnavailableReason::Garbled, message)),
        }
    }
}

impl EvidenceSource for Registry {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        let result = match fetch {
            Fetch::Resolve { reference } => self.resolve(reference),
            Fetch::Manifest { repository, digest, max_bytes } => {
                self.manifest(repository, digest, *max_bytes)
            }
            Fetch::Tag { repository, tag, max_bytes } => {
                self.tag(repository, tag, *max_bytes).map(|m| found(m.bytes, m.media_type))
            }
            Fetch::Referrers { repository, digest, max_bytes } => {
                self.referrers(repository, digest, *max_bytes)
            }
            Fetch::Blob { repository, digest, max_bytes } => {
                self.blob(repository, digest, *max_bytes)
            }
            Fetch::Ocsp { .. } | Fetch::Crl { .. } => {
                Err(unsupported("a registry knows nothing of revocation".into()))
            }
        };
        result.unwrap_or_else(|answer| answer)
    }

    fn traffic(&self) -> Traffic {
        self.client.traffic()
    }
}

/// A manifest is a JSON object, whatever else it is: a log-in page is not.
fn manifest_of(reply: Reply) -> Result<Manifest, Answer> {
    if !matches!(serde_json::from_slice(&reply.bytes), Ok(Value::Object(_))) {
        return Err(garbled("the manifest is not a JSON object"));
    }
    let media_type = reply.media_type().map(str::to_owned);
    Ok(Manifest { bytes: reply.bytes, media_type })
}

fn location(repository: &str) -> Result<Location, Answer> {
    Location::parse(repository)
        .ok_or_else(|| unsupported(format!("`{repository}` is not a repository")))
}

fn check_digest(digest: &str) -> Result<(), Answer> {
    match hash_of(digest) {
        Some(_) => Ok(()),
        None => Err(unsupported(format!("`{digest}` is not a digest"))),
    }
}

fn hash_of(digest: &str) -> Option<(HashAlgorithm, &str)> {
    let (name, value) = digest.split_once(':')?;
    let (algorithm, length) = match name {
        "sha256" => (HashAlgorithm::Sha256, 64),
        "sha384" => (HashAlgorithm::Sha384, 96),
        "sha512" => (HashAlgorithm::Sha512, 128),
        _ => return None,
    };
    let is_hex = value.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (value.len() == length && is_hex).then_some((algorithm, value))
}

fn matches_digest(digest: &str, bytes: &[u8]) -> bool {
    hash_of(digest).is_some_and(|(algorithm, value)| hex(&algorithm.digest(bytes)) == value)
}

fn answer(failure: Failure) -> Answer {
    match failure {
        Failure::Garbled(message) => unavailable(UnavailableReason::Garbled, message),
        Failure::TooLarge(limit) => {
            unavailable(UnavailableReason::TooLarge, format!("larger than {limit} bytes"))
        }
        Failure::Transport(message) => unavailable(UnavailableReason::Transport, message),
    }
}

fn found(bytes: Vec<u8>, media_type: Option<String>) -> Answer {
    Answer::Found { bytes: Bytes(bytes), media_type, reserialised: false }
}

fn garbled(message: &str) -> Answer {
    unavailable(UnavailableReason::Garbled, message.to_owned())
}

fn unsupported(message: String) -> Answer {
    unavailable(UnavailableReason::Unsupported, message)
}

fn unavailable(reason: UnavailableReason, message: String) -> Answer {
    Answer::Unavailable { reason, message }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
