//! A client of registries (OCI distribution-spec v1.1), one for everything: [`pull`](Registry),
//! [`push`](Registry) and evidence ([`EvidenceSource`](crate::source::EvidenceSource)).

mod digest;
mod error;
mod mirrors;
mod names;
mod probe;
mod pull;
mod push;
mod referrers;
mod source;
mod token;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use digest::{Verified, is_digest, matches as matches_digest, sha256_of};
pub use error::RegistryError;
pub use mirrors::Mirrors;
pub use names::{Repository, is_tag};
pub use probe::{Access, Probe, Scheme};
pub use pull::{BlobReader, Manifest};
pub use push::Pushed;

use crate::{
    auth::{
        AuthError, Credential, CredentialSource, Environment, Keychain, Options as AuthOptions,
    },
    cache::lru::Lru,
    http::{self, Failure, HostTls, Http, Reply, Stream, Timeouts, Url},
};
use mirrors::{By, Places};
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
    /// Directories with certificates for hosts, after `tls`.
    pub certs: Vec<PathBuf>,
    /// Mirrors and other places of repositories.
    pub mirrors: Mirrors,
    /// Where credentials are looked for, if they are not handed in.
    pub auth: AuthOptions,
    /// Token services beside those that are known (registry host, service's host) which may see the
    /// credentials for a registry.
    pub realms: Vec<(String, String)>,
}

impl Options {
    /// As this machine is configured: `certs.d` and `registries.conf` of Docker and podman.
    ///
    /// # Errors
    /// When a file cannot be read or understood.
    pub fn of_this_machine(environment: &Environment) -> Result<Self, String> {
        let certs = http::well_known_certs(environment);
        Ok(Self { certs, mirrors: Mirrors::well_known(environment)?, ..Self::default() })
    }
}

/// Hosts whose challenge is remembered. Of a server, strangers name the images.
const MAX_HOSTS: usize = 1024;
/// Repositories, and what is to be done there, whose authorization is remembered.
const MAX_AUTHORIZATIONS: usize = 4096;
/// Manifests that are kept for the fetch by digest that follows their resolution.
const MAX_KEPT: usize = 64;
/// Bytes of them.
const MAX_KEPT_BYTES: u64 = 16 << 20;
/// Credentials that are tried for one repository.
const MAX_CREDENTIALS: usize = 8;

/// All registries; which one is said by each call.
pub struct Registry {
    http: Http,
    credentials: Result<Arc<dyn CredentialSource>, AuthError>,
    realms: Vec<(String, String)>,
    mirrors: Mirrors,
    /// What each host asked for.
    challenges: Mutex<Lru<String, Challenge>>,
    /// By repository and what is to be done there.
    authorizations: Mutex<Lru<(Repository, Vec<String>), Slot>>,
    /// By repository and digest, weighed by their bytes.
    kept: Mutex<Lru<(String, String), Manifest>>,
}

type Slot = Arc<Mutex<Authorization>>;

/// What was shown last.
#[derive(Clone, Default)]
struct Authorization {
    value: Option<String>,
    /// Which of the credentials it comes from.
    index: usize,
    /// The registry has taken it.
    taken: bool,
}

/// What is to be done in a repository.
#[derive(Clone, Copy, Debug)]
enum Scope<'a> {
    Pull,
    Push,
    /// To push, and to take blobs of another repository.
    Mount(&'a Repository),
    /// To push, and to delete.
    Delete,
}

impl Scope<'_> {
    /// As tokens say it (distribution, "Token Scope Documentation").
    fn of(self, repository: &Repository) -> Vec<String> {
        let scope = |r: &Repository, actions: &str| format!("repository:{}:{actions}", r.name);
        match self {
            Self::Pull => vec![scope(repository, "pull")],
            Self::Push => vec![scope(repository, "pull,push")],
            Self::Delete => vec![scope(repository, "pull,push,delete")],
            Self::Mount(from) => vec![scope(repository, "pull,push"), scope(from, "pull")],
        }
    }
}

/// An answer that a challenge can stand in.
trait Answered {
    fn status(&self) -> u16;
    /// A redirect led elsewhere: what is said there is not about the credentials of the one that was
    /// asked.
    fn is_of_another(&self) -> bool;
    fn challenge(&self) -> Option<Challenge>;
}

impl Answered for Reply {
    fn status(&self) -> u16 {
        self.status
    }

    fn is_of_another(&self) -> bool {
        self.elsewhere
    }

    fn challenge(&self) -> Option<Challenge> {
        Challenge::of(&self.headers)
    }
}

impl Answered for Stream {
    fn status(&self) -> u16 {
        self.status
    }

    fn is_of_another(&self) -> bool {
        self.elsewhere
    }

    fn challenge(&self) -> Option<Challenge> {
        Challenge::of(&self.headers)
    }
}

impl Registry {
    /// A client with the credentials that are configured on this machine. Nothing is read or sent
    /// yet.
    pub fn new(options: &Options) -> Self {
        let keychain = Keychain::open(&options.auth, &Environment::process());
        Self::make(options, keychain.map(|k| -> Arc<dyn CredentialSource> { Arc::new(k) }))
    }

    /// A client with these credentials and no others.
    pub fn with_credentials(options: &Options, credentials: Arc<dyn CredentialSource>) -> Self {
        Self::make(options, Ok(credentials))
    }

    fn make(options: &Options, credentials: Result<Arc<dyn CredentialSource>, AuthError>) -> Self {
        let http = http::Options {
            plain_http: options.plain_http,
            timeouts: options.timeouts,
            plain_hosts: options.mirrors.insecure(),
            tls: options.tls.clone(),
            certs: options.certs.clone(),
        };
        Self {
            http: Http::new(&http),
            credentials,
            realms: options.realms.clone(),
            mirrors: options.mirrors.clone(),
            challenges: Mutex::new(Lru::new(MAX_HOSTS, u64::MAX)),
            authorizations: Mutex::new(Lru::new(MAX_AUTHORIZATIONS, u64::MAX)),
            kept: Mutex::new(Lru::new(MAX_KEPT, MAX_KEPT_BYTES)),
        }
    }

    /// A client like this one that asks no mirrors: for who must know what the registry itself has.
    /// Nothing, if no mirrors are configured.
    pub(crate) fn without_mirrors(&self) -> Option<Self> {
        Some(Self {
            http: self.http.clone(),
            credentials: self.credentials.clone(),
            realms: self.realms.clone(),
            mirrors: self.mirrors.left_out()?,
            challenges: Mutex::new(Lru::new(MAX_HOSTS, u64::MAX)),
            authorizations: Mutex::new(Lru::new(MAX_AUTHORIZATIONS, u64::MAX)),
            kept: Mutex::new(Lru::new(MAX_KEPT, MAX_KEPT_BYTES)),
        })
    }

    /// What the user should know about credentials and mirrors.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = match &self.credentials {
            Ok(credentials) => credentials.notes(),
            Err(e) => vec![e.to_string()],
        };
        notes.extend_from_slice(self.mirrors.notes());
        notes
    }

    /// Asks the places of a repository one after the other. The registry's own answer counts where
    /// none of its mirrors has enough.
    fn over<T>(
        &self,
        repository: &Repository,
        by: By,
        mut ask: impl FnMut(&Repository) -> Result<T, RegistryError>,
        is_enough: impl Fn(&T) -> bool,
    ) -> Result<T, RegistryError> {
        let places = match self.mirrors.places(repository, by) {
            Places::At(places) => places,
            Places::Blocked(why) => return Err(RegistryError::Unsupported(why)),
        };
        let Some((own, mirrors)) = places.split_last() else { return ask(repository) };
        for mirror in mirrors {
            match ask(mirror) {
                Ok(found) if is_enough(&found) => return Ok(found),
                // That it has less, or nothing, or does not answer, says nothing of the registry.
                _ => {}
            }
        }
        ask(own)
    }

    /// Where a repository is written to: never a mirror.
    fn own_place(&self, repository: &Repository) -> Result<Repository, RegistryError> {
        match self.mirrors.places(repository, By::Tag) {
            Places::At(mut places) => Ok(places.pop().unwrap_or_else(|| repository.clone())),
            Places::Blocked(why) => Err(RegistryError::Unsupported(why)),
        }
    }

    fn url(&self, repository: &Repository, path: &str) -> Result<Url, RegistryError> {
        Ok(self.http.url(&repository.host, &format!("/v2/{}/{path}", repository.name))?)
    }

    /// Sends with the authorization that the registry asks for. `send` is called again where an
    /// answer is a challenge, and with each of several credentials until one is taken.
    fn authorized<T: Answered>(
        &self,
        repository: &Repository,
        scope: Scope<'_>,
        mut send: impl FnMut(Option<&str>) -> Result<T, Failure>,
    ) -> Result<T, RegistryError> {
        let slot = {
            let key = (repository.clone(), scope.of(repository));
            let mut all = lock(&self.authorizations);
            match all.get(&key).cloned() {
                Some(slot) => slot,
                None => {
                    let slot = Slot::default();
                    all.insert(key, slot.clone(), 1);
                    slot
                }
            }
        };
        let asked = (repository, scope);
        let mut known = lock(&slot).value.clone();
        // A repository that is open to everybody costs a token that way, and one that is not saves
        // the request that would be refused.
        let mut challenge = lock(&self.challenges).get(&repository.host).cloned();
        if let (None, Some(challenge)) = (&known, &challenge) {
            known = Some(self.next(&slot, None, challenge, asked)?.unwrap_or_default());
        }
        for _ in 0..MAX_CREDENTIALS {
            let answer = send(known.as_deref())?;
            if !matches!(answer.status(), 401 | 403) || answer.is_of_another() {
                let mut held = lock(&slot);
                held.taken |= held.value == known;
                return Ok(answer);
            }
            if let Some(new) = answer.challenge() {
                lock(&self.challenges).insert(repository.host.clone(), new.clone(), 1);
                challenge = Some(new);
            }
            let Some(challenge) = &challenge else { return Ok(answer) };
            if answer.status() == 403 && known.is_none() {
                return Ok(answer);
            }
            match self.next(&slot, known.clone(), challenge, asked)? {
                Some(next) => known = Some(next),
                None => return Ok(answer),
            }
        }
        Err(RegistryError::Denied(format!("`{}` takes none of the credentials", repository.host)))
    }

    /// The authorization after one that is not taken, if there is one.
    fn next(
        &self,
        slot: &Slot,
        known: Option<String>,
        challenge: &Challenge,
        asked: (&Repository, Scope<'_>),
    ) -> Result<Option<String>, RegistryError> {
        // Held while the token is fetched: of eight calls that need it, one asks.
        let mut held = lock(slot);
        if held.value != known {
            return Ok(held.value.clone());
        }
        let credentials = self.credentials(asked.0)?;
        // What was taken before has run out; what was not is passed over.
        let first = if held.value.is_some() && !held.taken { held.index + 1 } else { held.index };
        let choices: Vec<Option<&Credential>> = match &*credentials {
            [] => vec![None],
            some => some.iter().map(Some).collect(),
        };
        let mut refusal = None;
        for (index, credential) in choices.into_iter().enumerate().skip(first) {
            match challenge.answer(&self.http, credential, &self.realms, asked) {
                Ok(value) => {
                    *held = Authorization { value: Some(value.clone()), index, taken: false };
                    return Ok(Some(value));
                }
                Err(TokenError::Denied(message)) => refusal = Some(RegistryError::Denied(message)),
                Err(TokenError::Failure(failure)) => return Err(failure.into()),
            }
        }
        refusal.map_or(Ok(None), Err)
    }

    fn credentials(&self, repository: &Repository) -> Result<Vec<Credential>, RegistryError> {
        let source = self.credentials.as_ref().map_err(Clone::clone);
        let found = source.and_then(|source| source.find(&repository.host, &repository.name));
        found.map_err(|e| match e {
            AuthError::Unavailable { .. } => RegistryError::Transport(e.to_string()),
            AuthError::Denied { .. } | AuthError::Misconfigured { .. } => {
                RegistryError::Denied(e.to_string())
            }
        })
    }
}

/// What a status means that is not what was hoped for.
fn refusal(repository: &Repository, status: u16, message: &str) -> RegistryError {
    let message = format!("`{}`: {message}", repository.host);
    match status {
        401 | 403 => RegistryError::Denied(message),
        404 => RegistryError::Absent(message),
        408 | 425 | 429 | 500..=599 => RegistryError::Transport(message),
        400 | 405 | 406 | 409 | 411..=417 => RegistryError::Refused(message),
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
