//! OCSP responses and CRLs, from where certificates say that they are, or from a cache.
//!
//! The addresses come out of certificates, so the rules are narrow: plain `http://` (RFC 5280 §8:
//! another scheme would need revocation itself), port 80, one request without redirect, credentials
//! or proxy, and no address that is not on the public internet, looked at after resolution. A host
//! that the user has listed may be in the user's own network and at any port.
//!
//! What is fetched is signed and judged by the module. So a cache can only be of less or more use:
//! ages decide when to ask again, never what is believed.

mod address;
mod cache;
mod client;
mod hint;
mod notation;
mod rules;

use std::{
    env, fmt,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use countersign::wire::{Answer, Bytes, Fetch, UnavailableReason};

pub use client::{Resolve, SystemResolver};
pub use rules::ListedHost;

use super::{EvidenceSource, Traffic};
use cache::{Cache, Kept};
use client::Client;
use hint::Document;
use rules::Rules;

/// Whom to ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Hosts on the public internet, and listed ones.
    #[default]
    Online,
    /// Listed hosts only.
    Listed,
    /// Nobody: there is the cache.
    Offline,
}

/// How revocation is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whom to ask.
    pub reach: Reach,
    /// Hosts that may have private addresses and any port.
    pub hosts: Vec<ListedHost>,
    /// How names become addresses.
    pub resolver: Arc<dyn Resolve>,
    /// For one OCSP response, from resolution to the last byte.
    pub ocsp_timeout: Duration,
    /// For one CRL.
    pub crl_timeout: Duration,
    /// Where answers are kept. Without a directory, nowhere.
    pub cache: Option<PathBuf>,
    /// How old a kept answer may be before somebody is asked again.
    pub cache_age: Duration,
    /// Answers that are kept.
    pub cache_entries: usize,
    /// Bytes of all of them.
    pub cache_bytes: u64,
}

impl Default for Options {
    /// The time-outs are those of
    /// [notation-core-go](https://github.com/notaryproject/notation-core-go/blob/ef8789627fc3c764e1563a2999b33381e7992963/revocation/revocation.go#L118).
    fn default() -> Self {
        Self {
            reach: Reach::Online,
            hosts: Vec::new(),
            resolver: Arc::new(SystemResolver),
            ocsp_timeout: Duration::from_secs(2),
            crl_timeout: Duration::from_secs(5),
            cache: None,
            cache_age: Duration::from_secs(3600),
            cache_entries: 4096,
            cache_bytes: 256 << 20,
        }
    }
}

/// Where answers are kept where nothing else is said: `countersign/revocation` in the user's cache
/// ([XDG base directories](https://specifications.freedesktop.org/basedir-spec/latest/)).
pub fn default_cache() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("countersign").join("revocation"))
}

/// Answers [`Fetch::Ocsp`] and [`Fetch::Crl`], and nothing else.
pub struct Revocation {
    options: Options,
    client: Client,
    cache: Option<Cache>,
    /// Why an answer could not be kept.
    trouble: OnceLock<String>,
}

/// One fetch.
#[derive(Clone, Copy)]
struct Asked<'a> {
    url: &'a str,
    /// Of OCSP; a CRL has none.
    request: Option<&'a [u8]>,
    max_bytes: u64,
}

impl Asked<'_> {
    fn document(&self) -> Document {
        if self.request.is_some() { Document::Ocsp } else { Document::Crl }
    }
}

impl Revocation {
    /// Nothing is sent and no file is opened yet.
    pub fn new(options: Options) -> Self {
        let listed_only = options.reach == Reach::Listed;
        let rules = Rules { listed: options.hosts.clone(), listed_only };
        let client = Client::new(rules, options.resolver.clone());
        let cache = options.cache.clone().map(|directory| Cache {
            directory,
            most_entries: options.cache_entries,
            most_bytes: options.cache_bytes,
        });
        Self { options, client, cache, trouble: OnceLock::new() }
    }

    /// What the user should know.
    pub fn notes(&self) -> Vec<String> {
        self.trouble.get().cloned().into_iter().collect()
    }

    fn answer(&self, asked: &Asked<'_>) -> Answer {
        let kept = self.cache.as_ref().and_then(|cache| cache.find(asked));
        if self.options.reach == Reach::Offline {
            // However old: the module says what is too old, and by how much.
            return kept.map(Kept::answer).unwrap_or_else(|| self.not_kept(asked));
        }
        let now = SystemTime::now();
        let document = asked.document();
        let mut kept = kept.filter(|kept| kept.is_of_use(document, now));
        if let Some(young) = kept.take_if(|kept| kept.is_younger(self.options.cache_age, now)) {
            return young.answer();
        }
        match self.ask(asked) {
            // What has not run out is as good as it was; the module knows.
            failed @ Answer::Unavailable { .. } => kept.map(Kept::answer).unwrap_or(failed),
            answer => answer,
        }
    }

    fn ask(&self, asked: &Asked<'_>) -> Answer {
        let document = asked.document();
        let within = match document {
            Document::Ocsp => self.options.ocsp_timeout,
            Document::Crl => self.options.crl_timeout,
        };
        let answer = self.client.ask(asked, within);
        let Answer::Found { bytes: Bytes(bytes), .. } = &answer else {
            return answer;
        };
        if !document.is_whole(bytes) {
            let message = format!("what `{}` answers is no {document} in DER", asked.url);
            return Answer::Unavailable { reason: UnavailableReason::Garbled, message };
        }
        if let Some(cache) = &self.cache
            && document.is_worth_keeping(bytes, SystemTime::now())
            && let Err(e) = cache.keep(asked, bytes)
        {
            let directory = cache.directory.display();
            self.trouble.get_or_init(|| format!("`{directory}` keeps nothing: {e}"));
        }
        answer
    }

    fn not_kept(&self, asked: &Asked<'_>) -> Answer {
        let Asked { url, .. } = asked;
        let document = asked.document();
        let message = match &self.cache {
            Some(cache) => {
                let directory = cache.directory.display();
                format!("offline: `{directory}` holds no {document} of `{url}`")
            }
            None => format!("offline, and there is no cache: no {document} of `{url}`"),
        };
        Answer::Unavailable { reason: UnavailableReason::Unsupported, message }
    }
}

impl EvidenceSource for Revocation {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        match fetch {
            Fetch::Ocsp { url, request, max_bytes } => {
                self.answer(&Asked { url, request: Some(&request.0), max_bytes: *max_bytes })
            }
            Fetch::Crl { url, max_bytes } => {
                self.answer(&Asked { url, request: None, max_bytes: *max_bytes })
            }
            _ => Answer::Unavailable {
                reason: UnavailableReason::Unsupported,
                message: "this source knows of revocation only".to_owned(),
            },
        }
    }

    fn traffic(&self) -> Traffic {
        self.client.traffic()
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crl => "CRL",
            Self::Ocsp => "OCSP response",
        })
    }
}
