//! A client of registries (OCI distribution-spec v1.1), one for everything: [`pull`](Registry),
//! [`push`](Registry) and evidence ([`EvidenceSource`](crate::source::EvidenceSource)).

mod credentials;
mod digest;
mod error;
mod names;
mod pull;
mod push;
mod referrers;
mod source;
mod token;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use digest::{Verified, matches as matches_digest, sha256_of};
pub use error::RegistryError;
pub use names::{Repository, is_tag};
pub use pull::{BlobReader, Manifest};
pub use push::Pushed;

use crate::http::{self, Failure, HostTls, Http, Reply, Stream, Timeouts, Url};
use credentials::Credentials;
use token::{Challenge, TokenError};

/// Registries should take manifests of 4 MiB, and need not take larger ones.
pub const MAX_MANIFEST: u64 = 4 << 20;

/// How registries are spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Plain HTTP for registries on this machine, and for no other.
    pub plain_http: bool,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Certificates for single hosts.
    pub tls: Vec<(String, HostTls)>,
    /// Docker's `config.json`, for credentials.
    pub docker_config: Option<PathBuf>,
    /// Token services beside those that are known (registry host, service's host) which may see the
    /// credentials for a registry.
    pub realms: Vec<(String, String)>,
}

/// All registries; which one is said by each call.
pub struct Registry {
    http: Http,
    credentials: Credentials,
    realms: Vec<(String, String)>,
    notes: Vec<String>,
    /// What each host asked for.
    challenges: Mutex<HashMap<String, Challenge>>,
    /// By repository and what is to be done there.
    authorizations: Mutex<HashMap<(Repository, Vec<String>), Slot>>,
    /// By repository and digest.
    kept: Mutex<HashMap<(String, String), Manifest>>,
}

/// The value of `Authorization` that worked last.
type Slot = Arc<Mutex<Option<String>>>;

/// What is to be done in a repository.
#[derive(Clone, Copy, Debug)]
enum Scope<'a> {
    Pull,
    Push,
    /// To push, and to take blobs of another repository.
    Mount(&'a Repository),
}

impl Scope<'_> {
    /// As tokens say it (distribution, "Token Scope Documentation").
    fn of(self, repository: &Repository) -> Vec<String> {
        let scope = |r: &Repository, actions: &str| format!("repository:{}:{actions}", r.name);
        match self {
            Self::Pull => vec![scope(repository, "pull")],
            Self::Push => vec![scope(repository, "pull,push")],
            Self::Mount(from) => vec![scope(repository, "pull,push"), scope(from, "pull")],
        }
    }
}

/// An answer that a challenge can stand in.
trait Answered {
    fn status(&self) -> u16;
    fn challenge(&self) -> Option<Challenge>;
}

impl Answered for Reply {
    fn status(&self) -> u16 {
        self.status
    }

    fn challenge(&self) -> Option<Challenge> {
        self.header(http::header::WWW_AUTHENTICATE).and_then(Challenge::parse)
    }
}

impl Answered for Stream {
    fn status(&self) -> u16 {
        self.status
    }

    fn challenge(&self) -> Option<Challenge> {
        self.header("www-authenticate").and_then(Challenge::parse)
    }
}

impl Registry {
    /// A client. Nothing is sent yet.
    pub fn new(options: &Options) -> Self {
        let path = options.docker_config.clone().or_else(credentials::default_path);
        let (credentials, notes) = path.map(|p| Credentials::load(&p)).unwrap_or_default();
        let http = http::Options {
            plain_http: options.plain_http,
            timeouts: options.timeouts,
            tls: options.tls.clone(),
        };
        Self {
            http: Http::new(&http),
            credentials,
            realms: options.realms.clone(),
            notes,
            challenges: Mutex::default(),
            authorizations: Mutex::default(),
            kept: Mutex::default(),
        }
    }

    /// What the user should know about the configuration.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    fn url(&self, repository: &Repository, path: &str) -> Result<Url, RegistryError> {
        Ok(self.http.url(&repository.host, &format!("/v2/{}/{path}", repository.name))?)
    }

    /// Sends with the authorization that the registry asks for. `send` is called once, or twice
    /// where the first answer is a challenge.
    fn authorized<T: Answered>(
        &self,
        repository: &Repository,
        scope: Scope<'_>,
        mut send: impl FnMut(Option<&str>) -> Result<T, Failure>,
    ) -> Result<T, RegistryError> {
        let slot = {
            let key = (repository.clone(), scope.of(repository));
            lock(&self.authorizations).entry(key).or_default().clone()
        };
        let mut known = lock(&slot).clone();
        if known.is_none()
            && let Some(challenge) = self.challenge_of(&repository.host)
        {
            known = Some(self.fresh(&slot, None, &challenge, repository, scope)?);
        }
        let answer = send(known.as_deref())?;
        if answer.status() != 401 {
            return Ok(answer);
        }
        let Some(challenge) = answer.challenge() else { return Ok(answer) };
        drop(answer);
        lock(&self.challenges).insert(repository.host.clone(), challenge.clone());
        let fresh = self.fresh(&slot, known, &challenge, repository, scope)?;
        Ok(send(Some(&fresh))?)
    }

    /// What a host asked for before. A repository of it that is open to everybody costs a token
    /// that way, and one that is not saves the request that would be refused.
    fn challenge_of(&self, host: &str) -> Option<Challenge> {
        lock(&self.challenges).get(host).cloned()
    }

    fn fresh(
        &self,
        slot: &Slot,
        known: Option<String>,
        challenge: &Challenge,
        repository: &Repository,
        scope: Scope<'_>,
    ) -> Result<String, RegistryError> {
        // Held while the token is fetched: of eight calls that need it, one asks.
        let mut held = lock(slot);
        if *held == known {
            let asked = (repository, scope);
            let fresh = challenge.answer(&self.http, &self.credentials, &self.realms, asked);
            *held = Some(fresh.map_err(|e| match e {
                TokenError::Denied(message) => RegistryError::Denied(message),
                TokenError::Failure(failure) => failure.into(),
            })?);
        }
        Ok(held.clone().unwrap_or_default())
    }
}

/// What a status means that is not what was hoped for.
fn refusal(repository: &Repository, status: u16, message: &str) -> RegistryError {
    let message = format!("`{}`: {message}", repository.host);
    match status {
        401 | 403 => RegistryError::Denied(message),
        404 => RegistryError::Absent(message),
        429 | 500..=599 => RegistryError::Transport(message),
        400 | 405 | 409 | 411..=417 => RegistryError::Refused(message),
        _ => RegistryError::Garbled(message),
    }
}

fn repository_of(text: &str) -> Result<Repository, RegistryError> {
    Repository::parse(text)
        .ok_or_else(|| RegistryError::Unsupported(format!("`{text}` is not a repository")))
}

fn check_digest(digest: &str) -> Result<(), RegistryError> {
    match digest::parse(digest) {
        Some(_) => Ok(()),
        None => Err(RegistryError::Unsupported(format!("`{digest}` is not a digest"))),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
