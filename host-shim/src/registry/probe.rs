//! How a registry behaves, answer by answer: for finding out what it can do.

use std::time::{Duration, Instant};

use super::{
    AuthError, Challenge, Credential, Registry, RegistryError, Repository, Scope, lock,
    pull::ACCEPT,
};
use crate::http::{Call, Failure, HeaderMap, Stream, Url, Version, authority, header};

/// Bytes of an answer.
const MAX_ANSWER: u64 = 4 << 20;

/// An answer as it came, good or bad.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Of HTTP.
    pub status: u16,
    /// All of them.
    pub headers: HeaderMap,
    /// The body. Of an error, its start.
    pub bytes: Vec<u8>,
    /// Of HTTP.
    pub version: Version,
    /// Over TLS: the host's certificate, DER.
    pub certificate: Option<Vec<u8>>,
    /// From the request to the last byte, retries and redirects among it, tokens not.
    pub took: Duration,
    /// The status and the registry's words.
    pub message: String,
}

/// How a registry wants to know who asks, and what we would show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// What it asks for.
    pub scheme: Scheme,
    /// Where our credentials are: a name, never a secret. Without one we are anonymous.
    pub source: Option<String>,
    /// What kinds of credentials there are.
    pub kinds: Vec<&'static str>,
}

/// What a registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Nothing.
    Open,
    /// User name and password.
    Basic,
    /// A token of a service.
    Token {
        /// Host of the service.
        realm: String,
        /// How it calls the registry.
        service: Option<String>,
    },
}

impl Probe {
    /// A header that is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Content-Type` without its parameters.
    pub fn media_type(&self) -> Option<&str> {
        self.header("content-type")?.split(';').next().map(str::trim)
    }

    fn read(stream: Stream, since: Instant) -> Result<Self, Failure> {
        let (version, certificate) = (stream.version, stream.certificate.clone());
        let reply = stream.into_reply(MAX_ANSWER)?;
        Ok(Self {
            status: reply.status,
            message: reply.message(),
            headers: reply.headers,
            bytes: reply.bytes,
            version,
            certificate,
            took: since.elapsed(),
        })
    }
}

impl Registry {
    /// `GET /v2/` without saying who we are.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn probe_host(&self, repository: &Repository) -> Result<Probe, RegistryError> {
        let repository = self.own_place(repository)?;
        let url = self.http.url(&repository.host, "/v2/")?;
        let since = Instant::now();
        let stream = self.http.open(&mut Call::get(&url))?;
        let elsewhere = stream.elsewhere;
        let probe = Probe::read(stream, since)?;
        if let Some(challenge) = Challenge::of(&probe.headers).filter(|_| !elsewhere) {
            lock(&self.challenges).insert(repository.host, challenge, 1);
        }
        Ok(probe)
    }

    /// `GET` of a path of the repository, with the authorization that it asks for.
    ///
    /// # Errors
    /// When there is no answer, or no authorization.
    pub fn probe(&self, repository: &Repository, path: &str) -> Result<Probe, RegistryError> {
        let repository = &self.own_place(repository)?;
        let url = self.url(repository, path)?;
        let accept = if path.starts_with("referrers/") { "*/*" } else { ACCEPT };
        let mut since = Instant::now();
        let stream = self.authorized(repository, Scope::Pull, |authorization| {
            since = Instant::now();
            let call = Call::get(&url).header(header::ACCEPT, accept);
            self.http.open(&mut call.authorization(authorization))
        })?;
        Ok(Probe::read(stream, since)?)
    }

    /// What the registry asked for so far, and what we have for it.
    ///
    /// # Errors
    /// When credentials are configured and cannot be had.
    pub fn access(&self, repository: &Repository) -> Result<Access, RegistryError> {
        let repository = &self.own_place(repository)?;
        let challenge = lock(&self.challenges).get(&repository.host).cloned();
        let scheme = match challenge {
            None => Scheme::Open,
            Some(Challenge::Basic) => Scheme::Basic,
            Some(Challenge::Bearer { realm, service }) => {
                let realm = Url::parse(&realm).map_or(realm, |realm| authority(&realm));
                Scheme::Token { realm, service }
            }
        };
        let kinds = self.credentials(repository)?.iter().map(kind).collect();
        let source = match &self.credentials {
            Ok(source) => source.found_in(&repository.host, &repository.name),
            Err(e) => Err(e.clone()),
        };
        let source = source.map_err(|e: AuthError| RegistryError::Denied(e.to_string()))?;
        Ok(Access { scheme, source, kinds })
    }
}

fn kind(credential: &Credential) -> &'static str {
    match credential {
        Credential::Basic { .. } => "user name and password",
        Credential::Identity(_) => "identity token",
        Credential::Bearer(_) => "registry token",
    }
}
