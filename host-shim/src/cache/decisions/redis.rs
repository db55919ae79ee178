//! Decisions in Redis or Valkey, for several processes.
//!
//! The store may be slow, down, or somebody else's. So nobody waits for it longer than a moment
//! (threads of its own speak to it, DNS and TLS included), after a failure it is left alone for a
//! while, and an entry counts only with a tag under a key that the store does not have.

mod breaker;
mod worker;

use std::{
    fmt, fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use redis::{Client, IntoConnectionInfo, TlsCertificates};

use super::{DecisionStore, Entry, Key, SealKey};
use crate::cache::{Clock, Monotonic};
use breaker::Breaker;
use worker::{Command, Workers};

/// Before the key of each entry.
const PREFIX: &str = "countersign:decision:v1:";
/// Bytes of an entry. A decision about hundreds of images has less.
const MOST: usize = 1 << 20;
/// Bytes of a file with certificates.
const MOST_PEM: u64 = 1 << 20;

/// Which server, and how.
#[derive(Clone)]
pub struct RedisOptions {
    /// `redis://[user:password@]host[:port][/db]`, `rediss://…` with TLS, or
    /// `redis+unix:///path?db=0`.
    pub url: String,
    /// Certificates (PEM) of the CA, in place of the system's.
    pub ca: Option<PathBuf>,
    /// How long a decision may wait for an answer.
    pub patience: Duration,
    /// The key of the entries' tags.
    pub key: SealKey,
}

impl RedisOptions {
    /// The server at `url`, and a quarter of a second.
    pub fn new(url: &str, key: SealKey) -> Self {
        Self { url: url.to_owned(), ca: None, patience: Duration::from_millis(250), key }
    }
}

impl fmt::Debug for RedisOptions {
    /// Without the address, in which a password may stand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url: _, ca, patience, key } = self;
        f.debug_struct("RedisOptions")
            .field("url", &"…")
            .field("ca", ca)
            .field("patience", patience)
            .field("key", key)
            .finish()
    }
}

/// Why there is no such store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisError {
    /// The file of the CA: path and reason.
    Ca(String, String),
    /// The threads that speak to it could not be started.
    Threads(String),
    /// The address; it is not shown, as a password may stand in it.
    Url(String),
}

impl fmt::Display for RedisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ca(path, why) => {
                write!(f, "`{path}`, the CA of the decision cache, cannot be used: {why}")
            }
            Self::Threads(why) => write!(f, "no thread for the decision cache: {why}"),
            Self::Url(why) => write!(
                f,
                "the address of the decision cache is not like redis://HOST:6379/0, rediss://HOST or \
                 redis+unix:///PATH: {why}"
            ),
        }
    }
}

impl std::error::Error for RedisError {}

/// How often the server was of no use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RedisFigures {
    /// Entries whose tag is wrong, or that are none.
    pub bad: u64,
    /// Commands that failed, or took too long.
    pub failed: u64,
    /// Commands that were not sent, as earlier ones had failed.
    pub skipped: u64,
}

/// A store on a server.
pub struct Redis {
    workers: Workers,
    breaker: Breaker,
    key: SealKey,
    patience: Duration,
    bad: AtomicU64,
}

impl Redis {
    /// A store. Nothing is sent yet: a server that is down is no error.
    pub fn open(options: RedisOptions) -> Result<Self, RedisError> {
        Self::with_clock(options, Arc::new(Monotonic::default()))
    }

    /// The same, with a clock of one's own for how long a server is left alone.
    pub fn with_clock(options: RedisOptions, clock: Arc<dyn Clock>) -> Result<Self, RedisError> {
        let client = client(&options)?;
        let workers = Workers::start(client, options.patience)
            .map_err(|e| RedisError::Threads(e.to_string()))?;
        let (breaker, key) = (Breaker::new(clock), options.key);
        let bad = AtomicU64::new(0);
        Ok(Self { workers, breaker, key, patience: options.patience, bad })
    }

    /// How often it was of no use.
    pub fn figures(&self) -> RedisFigures {
        let (failed, skipped) = self.breaker.counts();
        RedisFigures { bad: self.bad.load(Ordering::Relaxed), failed, skipped }
    }

    /// Nothing where there is no answer in time.
    fn send(&self, command: Command) -> Option<Vec<u8>> {
        let sent = self.breaker.lets_pass()?;
        let answer = self.workers.run(command, self.patience);
        match answer {
            Some(_) => self.breaker.good(),
            None => self.breaker.failed(sent),
        }
        answer
    }
}

impl DecisionStore for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn get(&self, key: &Key) -> Option<Entry> {
        // Of what others may write no more is read than an entry can have.
        let sealed = self.send(Command::Get { name: format!("{PREFIX}{key}"), most: MOST })?;
        if sealed.is_empty() {
            return None;
        }
        let entry = self.key.open(key, &sealed);
        if entry.is_none() {
            self.bad.fetch_add(1, Ordering::Relaxed);
        }
        entry
    }

    fn put(&self, key: &Key, entry: &Entry, lifetime: Duration) {
        let value = self.key.seal(key, entry);
        if lifetime.is_zero() || value.is_empty() || value.len() > MOST {
            return;
        }
        self.send(Command::Put { name: format!("{PREFIX}{key}"), value, lifetime });
    }
}

fn client(options: &RedisOptions) -> Result<Client, RedisError> {
    // Its words may repeat what they are about.
    let bad = |e: redis::RedisError| RedisError::Url(e.category().to_owned());
    let info = options.url.as_str().into_connection_info().map_err(bad)?;
    match &options.ca {
        None => Client::open(info).map_err(bad),
        Some(path) => {
            let of_file = |why: String| RedisError::Ca(path.display().to_string(), why);
            let size = fs::metadata(path).map_err(|e| of_file(e.to_string()))?.len();
            if size > MOST_PEM {
                return Err(of_file(format!("larger than {MOST_PEM} bytes")));
            }
            let root_cert = Some(fs::read(path).map_err(|e| of_file(e.to_string()))?);
            let certificates = TlsCertificates { client_tls: None, root_cert };
            Client::build_with_tls(info, certificates).map_err(|e| of_file(e.category().to_owned()))
        }
    }
}
