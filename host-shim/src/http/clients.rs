//! One reqwest client for each way to speak to a host.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use reqwest::{Certificate, Identity, Url, blocking::Client, redirect::Policy};

use super::{Failure, Options, authority, certs, is_loopback};
use crate::cache::lru::Lru;

/// Hosts of which it is remembered whether there are certificates for them.
const MAX_HOSTS: usize = 1024;

/// Certificates for one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostTls {
    /// Authorities in PEM that are believed beside those of the system.
    pub ca: Vec<Vec<u8>>,
    /// Whom we say that we are (mTLS).
    pub client: Option<ClientIdentity>,
}

/// A client certificate and its key.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The chain and the private key (PKCS #8, PKCS #1 or SEC 1), one after the other in PEM.
    pub pem: Vec<u8>,
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity")
    }
}

/// Made when first needed: the first TLS client reads the system's authorities.
pub(super) struct Clients {
    options: Options,
    made: Mutex<HashMap<Kind, Client>>,
    known: Mutex<Lru<String, Option<Arc<HostTls>>>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Kind {
    /// Over the environment's proxies.
    Any,
    /// This machine: past any proxy.
    Here,
    /// This machine in plain text: no authorities are to be read.
    Plain,
    /// With certificates of its own.
    Own(String),
}

impl Clients {
    pub(super) fn new(options: &Options) -> Self {
        let known = Mutex::new(Lru::new(MAX_HOSTS, u64::MAX));
        Self { options: options.clone(), made: Mutex::default(), known }
    }

    /// The client for a URL.
    pub(super) fn get(&self, url: &Url) -> Result<Client, Failure> {
        let host = &*authority(url);
        if url.scheme() == "http" {
            return self.made(Kind::Plain, None, host);
        }
        match self.tls(host)? {
            Some(tls) => self.made(Kind::Own(host.to_owned()), Some(&*tls), host),
            None if is_loopback(host) => self.made(Kind::Here, None, host),
            None => self.made(Kind::Any, None, host),
        }
    }

    /// The certificates for a host: those that were handed in, else those of the directories.
    fn tls(&self, host: &str) -> Result<Option<Arc<HostTls>>, Failure> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tls) = known.get(&host.to_owned()) {
            return Ok(tls.clone());
        }
        let given = self.options.tls.iter().find(|(name, _)| is_same(name, host));
        let tls = match given {
            Some((_, tls)) => Some(tls.clone()),
            None => certs::find(&self.options.certs, host).map_err(Failure::Transport)?,
        };
        let tls = tls.map(Arc::new);
        known.insert(host.to_owned(), tls.clone(), 1);
        Ok(tls)
    }

    fn made(&self, kind: Kind, tls: Option<&HostTls>, host: &str) -> Result<Client, Failure> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.get(&kind) {
            return Ok(client.clone());
        }
        let client = self.make(&kind, tls, host)?;
        made.insert(kind, client.clone());
        Ok(client)
    }

    fn make(&self, kind: &Kind, tls: Option<&HostTls>, host: &str) -> Result<Client, Failure> {
        let timeouts = &self.options.timeouts;
        let mut builder = Client::builder()
            .redirect(Policy::none())
            .tls_info(true)
            .connect_timeout(timeouts.connect)
            // Of each wait; a call that is no transfer has a limit for its whole.
            .timeout(timeouts.idle)
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")));
        if *kind == Kind::Plain {
            builder = builder.tls_certs_only([]);
        }
        // In plain text nobody but this machine and the cloud's metadata service is spoken to.
        if *kind == Kind::Plain || is_loopback(host) {
            builder = builder.no_proxy();
        }
        for ca in tls.iter().flat_map(|tls| &tls.ca) {
            let certificates = Certificate::from_pem_bundle(ca);
            builder = builder.tls_certs_merge(certificates.map_err(|e| bad(host, "CA", &e))?);
        }
        if let Some(client) = tls.and_then(|tls| tls.client.as_ref()) {
            let identity = Identity::from_pem(&client.pem);
            builder = builder.identity(identity.map_err(|e| bad(host, "client", &e))?);
        }
        builder.build().map_err(|e| {
            let cause =
                std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
            Failure::Transport(format!("`{host}`: TLS cannot be set up: {cause}"))
        })
    }
}

fn bad(host: &str, what: &str, error: &reqwest::Error) -> Failure {
    let cause = std::error::Error::source(error).map_or_else(String::new, |e| format!(": {e}"));
    Failure::Transport(format!("the {what} certificate for `{host}` cannot be used{cause}"))
}

/// `example.com` and `example.com:443` are one place.
fn is_same(name: &str, host: &str) -> bool {
    let bare = |h: &str| h.strip_suffix(":443").unwrap_or(h).to_ascii_lowercase();
    bare(name) == bare(host)
}
