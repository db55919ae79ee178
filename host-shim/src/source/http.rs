//! GET with limits: size, time, redirects, retries. Credentials never leave their host.

use std::{
    io::Read,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use serde_json::Value;
use ureq::{
    Agent, Body,
    http::{HeaderMap, Response, Uri, header},
};

use super::{
    Traffic,
    names::{is_internal, is_loopback},
};

const MAX_REDIRECTS: u32 = 5;
const MAX_RETRIES: u32 = 2;
const MAX_RETRY_AFTER: Duration = Duration::from_secs(5);
/// Bytes of an error's body that are read for its message.
const MAX_ERROR_BODY: u64 = 8 << 10;

/// How a registry is spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Plain HTTP for registries on this machine, and for no other.
    pub plain_http: bool,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Docker's `config.json`, for credentials.
    pub docker_config: Option<PathBuf>,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For one request from its start to the last byte of its answer.
    pub request: Duration,
    /// Before the first retry; doubled before the second.
    pub backoff: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(30),
            backoff: Duration::from_millis(300),
        }
    }
}

/// A client that counts.
pub(super) struct Client {
    agent: Agent,
    /// For this machine: past any proxy of the environment.
    direct: Agent,
    plain_http: bool,
    backoff: Duration,
    requests: AtomicU64,
    bytes: AtomicU64,
}

/// One GET.
#[derive(Clone, Copy)]
pub(super) struct Get<'a> {
    pub(super) url: &'a Uri,
    pub(super) accept: Option<&'a str>,
    pub(super) authorization: Option<&'a str>,
    pub(super) max_bytes: u64,
}

/// An answer with a status; whether it is good news is for the caller to say.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Vec<u8>,
}

/// No answer that could be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Garbled(String),
    TooLarge(u64),
    Transport(String),
}

impl Reply {
    pub(super) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Content-Type` without its parameters.
    pub(super) fn media_type(&self) -> Option<&str> {
        self.header(header::CONTENT_TYPE)?.split(';').next().map(str::trim)
    }

    /// The status and the registry's words.
    pub(super) fn message(&self) -> String {
        let words = serde_json::from_slice::<Value>(&self.bytes).ok().and_then(|body| {
            let error = body.pointer("/errors/0")?;
            let part = |name| error.get(name).and_then(Value::as_str).unwrap_or_default();
            Some(format!("{} {}", part("code"), part("message")))
        });
        let words: String =
            words.unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect();
        format!("status {} {}", self.status, words.trim()).trim_end().to_owned()
    }
}

impl Client {
    pub(super) fn new(options: &Options) -> Self {
        let config = || {
            Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .timeout_connect(Some(options.timeouts.connect))
                .timeout_global(Some(options.timeouts.request))
                .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
        };
        Self {
            agent: config().build().new_agent(),
            direct: config().proxy(None).build().new_agent(),
            plain_http: options.plain_http,
            backoff: options.timeouts.backoff,
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            requests: self.requests.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// The URL of a path on a registry.
    pub(super) fn url(&self, host: &str, path: &str) -> Result<Uri, Failure> {
        let scheme = if self.plain_http && is_loopback(host) { "http" } else { "https" };
        format!("{scheme}://{host}{path}")
            .parse()
            .map_err(|_| Failure::Garbled(format!("`{host}{path}` makes no URL")))
    }

    /// Where `link` leads from `base`, if it may be gone to.
    pub(super) fn follow(&self, base: &Uri, link: &str) -> Result<Uri, Failure> {
        let refuse = |why: &str| Failure::Garbled(format!("the registry points to {why}"));
        let next: Uri = if link.starts_with('/') && !link.starts_with("//") {
            format!("{}://{}{link}", base.scheme_str().unwrap_or("https"), authority(base)).parse()
        } else {
            link.parse()
        }
        .map_err(|_| refuse("something that is no URL"))?;
        let host = authority(&next);
        let encrypted = match next.scheme_str() {
            Some("https") => true,
            Some("http") => self.plain_http && is_loopback(&host),
            _ => false,
        };
        if host.is_empty() || host.contains('@') || !encrypted {
            return Err(refuse("a place that is not https"));
        }
        if is_internal(&host) && !is_loopback(&authority(base)) {
            return Err(refuse("an address inside this machine or link"));
        }
        Ok(next)
    }

    /// Gets, following redirects and retrying what may pass.
    pub(super) fn get(&self, get: &Get<'_>) -> Result<Reply, Failure> {
        let mut url = get.url.clone();
        let mut authorization = get.authorization;
        let (mut redirects, mut retries) = (0, 0);
        loop {
            let response = self.send(&url, get.accept, authorization)?;
            let status = response.status().as_u16();
            match status {
                301 | 302 | 303 | 307 | 308 => {
                    redirects += 1;
                    if redirects > MAX_REDIRECTS {
                        return Err(Failure::Garbled("too many redirects".to_owned()));
                    }
                    let link = response.headers().get(header::LOCATION);
                    let link = link.and_then(|l| l.to_str().ok()).unwrap_or_default();
                    let next = self.follow(&url, link)?;
                    if authority(&next) != authority(&url) || next.scheme() != url.scheme() {
                        authorization = None;
                    }
                    url = next;
                }
                429 | 500..=599 if retries < MAX_RETRIES => {
                    let Some(pause) = self.pause(response.headers(), retries) else {
                        return self.read_error(response);
                    };
                    retries += 1;
                    thread::sleep(pause);
                }
                200 => return self.read(response, get.max_bytes),
                _ => return self.read_error(response),
            }
        }
    }

    fn send(
        &self,
        url: &Uri,
        accept: Option<&str>,
        authorization: Option<&str>,
    ) -> Result<Response<Body>, Failure> {
        let local = is_loopback(&authority(url));
        let agent = if local { &self.direct } else { &self.agent };
        let mut request = agent.get(url);
        if let Some(accept) = accept {
            request = request.header(header::ACCEPT, accept);
        }
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        request.call().map_err(|e| match e {
            ureq::Error::Protocol(e) => Failure::Garbled(format!("not HTTP: {e}")),
            ureq::Error::Http(e) => Failure::Garbled(format!("not HTTP: {e}")),
            e => Failure::Transport(format!("`{}`: {e}", authority(url))),
        })
    }

    /// How long to wait before the next try; nothing where the registry asks for too long.
    fn pause(&self, headers: &HeaderMap, retries: u32) -> Option<Duration> {
        let asked = headers
            .get(header::RETRY_AFTER)
            .and_then(|v| v.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let own = self.backoff.saturating_mul(1 << retries);
        match asked {
            Some(asked) if asked > MAX_RETRY_AFTER => None,
            Some(asked) => Some(asked.max(own)),
            None => Some(own),
        }
    }

    fn read(&self, response: Response<Body>, max_bytes: u64) -> Result<Reply, Failure> {
        let (parts, body) = response.into_parts();
        let bytes = read_body(body, max_bytes, &self.bytes)?;
        Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, bytes })
    }

    fn read_error(&self, response: Response<Body>) -> Result<Reply, Failure> {
        let (parts, body) = response.into_parts();
        let mut bytes = Vec::new();
        let reader = body.into_with_config().limit(u64::MAX).reader();
        // The status says it; the body only adds words.
        let _ = reader.take(MAX_ERROR_BODY).read_to_end(&mut bytes);
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, bytes })
    }
}

/// Reads a body of at most so many bytes, and adds them to a count.
pub(super) fn read_body(body: Body, max_bytes: u64, count: &AtomicU64) -> Result<Vec<u8>, Failure> {
    if body.content_length().is_some_and(|length| length > max_bytes) {
        return Err(Failure::TooLarge(max_bytes));
    }
    let mut bytes = Vec::new();
    let reader = body.into_with_config().limit(u64::MAX).reader();
    let result = reader.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes);
    count.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    result.map_err(|e| Failure::Transport(format!("the answer breaks off: {e}")))?;
    if bytes.len() as u64 > max_bytes {
        return Err(Failure::TooLarge(max_bytes));
    }
    Ok(bytes)
}

/// Host and port of a URL, lower case; credentials in it are kept so that they can be refused.
pub(super) fn authority(url: &Uri) -> String {
    url.authority().map(|a| a.as_str().to_ascii_lowercase()).unwrap_or_default()
}
