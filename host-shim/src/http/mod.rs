//! HTTP with limits: size, time, redirects, retries, requests at once. Credentials never leave their
//! origin.
//!
//! The transport is reqwest: HTTP/1.1 and HTTP/2, TLS by rustls, the proxies of the environment.
//! What must never be left to a library's defaults is here.

mod certs;
mod clients;
mod gate;
mod names;
mod reply;
mod upload;

use std::{
    io::Read,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

pub use reqwest::{
    Method, Url, Version,
    header::{self, HeaderMap, HeaderName},
};

use header::HeaderValue;

use crate::source::Traffic;
pub use certs::well_known_certs;
use clients::Clients;
pub use clients::{ClientIdentity, HostTls};
use gate::Gate;
pub use names::{authority, is_internal, is_loopback};
pub use reply::{Failure, Reply, Stream};

const MAX_REDIRECTS: u32 = 5;
const MAX_RETRIES: u32 = 2;
const MAX_RETRY_AFTER: Duration = Duration::from_secs(5);
/// Requests to one host at once. containerd fetches three layers at a time, Docker three, a browser
/// opens six connections.
const MAX_AT_ONCE: usize = 8;

/// How hosts are spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Plain HTTP for hosts on this machine, and for no other.
    pub plain_http: bool,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Of these hosts on this machine too.
    pub plain_hosts: Vec<String>,
    /// Certificates for single hosts, by host and port as they stand in a reference.
    pub tls: Vec<(String, HostTls)>,
    /// Directories with certificates for hosts ([`well_known_certs`]), after `tls`.
    pub certs: Vec<PathBuf>,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For one request from its start to the last byte of its answer, unless it is a transfer.
    pub request: Duration,
    /// For a transfer ([`Call::transfer`]), however long it takes in the whole: without a byte.
    pub idle: Duration,
    /// Before the first retry; doubled before the second.
    pub backoff: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            backoff: Duration::from_millis(300),
        }
    }
}

/// A client that counts; cheap to clone.
#[derive(Clone)]
pub struct Http(Arc<Inner>);

struct Inner {
    clients: Clients,
    gate: Gate,
    options: Options,
    requests: AtomicU64,
    bytes: Arc<AtomicU64>,
}

/// What is sent with a request.
pub enum Body<'a> {
    /// Nothing.
    None,
    /// These bytes, which can be sent again.
    Bytes(&'a [u8]),
    /// So many bytes from a reader. They are sent once: such a call is never repeated.
    Reader(Box<dyn Read + Send + 'static>, u64),
}

/// One request.
pub struct Call<'a> {
    /// GET, HEAD, POST …
    pub method: Method,
    /// Where to.
    pub url: &'a Url,
    /// Beside those that the client sets itself.
    pub headers: Vec<(HeaderName, &'a str)>,
    /// `Authorization`, for the origin of `url` and no other.
    pub authorization: Option<&'a str>,
    /// What is sent.
    pub body: Body<'a>,
    /// Bytes of the answer's body at the most.
    pub max_bytes: u64,
    /// Large: bounded by silence and not by its whole time. It takes no turn, since a download may
    /// wait for the upload that it feeds: who begins transfers bounds how many there are.
    pub transfer: bool,
}

impl<'a> Call<'a> {
    /// A request without body and headers, its answer at most 4 MiB.
    pub fn new(method: Method, url: &'a Url) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            authorization: None,
            body: Body::None,
            max_bytes: 4 << 20,
            transfer: false,
        }
    }

    /// A GET.
    pub fn get(url: &'a Url) -> Self {
        Self::new(Method::GET, url)
    }

    /// A POST of some bytes.
    pub fn post(url: &'a Url, content_type: &'a str, body: &'a [u8]) -> Self {
        let call = Self { body: Body::Bytes(body), ..Self::new(Method::POST, url) };
        call.header(header::CONTENT_TYPE, content_type)
    }

    /// With a header.
    pub fn header(mut self, name: HeaderName, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With a value of `Authorization`, if there is one.
    pub fn authorization(mut self, value: Option<&'a str>) -> Self {
        self.authorization = value;
        self
    }

    /// With an answer of at most so many bytes.
    pub fn max_bytes(mut self, most: u64) -> Self {
        self.max_bytes = most;
        self
    }

    fn may_be_repeated(&self) -> bool {
        !matches!(self.body, Body::Reader(..))
    }

    fn follows_redirects(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }
}

impl Http {
    /// A client. Nothing is sent or opened yet.
    pub fn new(options: &Options) -> Self {
        Self(Arc::new(Inner {
            clients: Clients::new(options),
            gate: Gate::new(MAX_AT_ONCE),
            options: options.clone(),
            requests: AtomicU64::new(0),
            bytes: Arc::new(AtomicU64::new(0)),
        }))
    }

    /// What went over the wire so far.
    pub fn traffic(&self) -> Traffic {
        Traffic {
            requests: self.0.requests.load(Ordering::Relaxed),
            bytes: self.0.bytes.load(Ordering::Relaxed),
        }
    }

    /// The URL of a path on a host: `https`, but for this machine where plain HTTP was asked for.
    pub fn url(&self, host: &str, path: &str) -> Result<Url, Failure> {
        let scheme = if self.is_plain(host) { "http" } else { "https" };
        let url = Url::parse(&format!("{scheme}://{host}{path}")).ok();
        // A parser that makes something else of the host than what was named is not followed.
        url.filter(|url| is_origin(url, host))
            .ok_or_else(|| Failure::Garbled(format!("`{host}{path}` makes no URL")))
    }

    fn is_plain(&self, host: &str) -> bool {
        let options = &self.0.options;
        let listed = || options.plain_hosts.iter().any(|plain| plain.eq_ignore_ascii_case(host));
        is_loopback(host) && (options.plain_http || listed())
    }

    /// Where `link` leads from `base`, if it may be gone to: https, or this machine from itself.
    pub fn follow(&self, base: &Url, link: &str) -> Result<Url, Failure> {
        let refuse = |why: &str| Failure::Garbled(format!("the registry points to {why}"));
        if link.is_empty() {
            return Err(refuse("something that is no URL"));
        }
        let next = base.join(link).map_err(|_| refuse("something that is no URL"))?;
        let host = authority(&next);
        let encrypted = match next.scheme() {
            "https" => true,
            "http" => self.is_plain(&host),
            _ => false,
        };
        let has_user = !next.username().is_empty() || next.password().is_some();
        if host.is_empty() || has_user || !encrypted {
            return Err(refuse("a place that is not https"));
        }
        if is_internal(&host) && !is_loopback(&authority(base)) {
            return Err(refuse("an address inside this machine or link"));
        }
        Ok(next)
    }

    /// Sends, follows the redirects of a GET, and repeats what may pass. The answer has a status;
    /// whether that is good news is for the caller to say.
    ///
    /// # Errors
    /// When there is no answer, or none that can be used.
    pub fn send(&self, call: &mut Call<'_>) -> Result<Reply, Failure> {
        let mut retries = 0;
        loop {
            let stream = self.open(call)?;
            match stream.into_reply(call.max_bytes) {
                Err(Failure::Transport(_)) if retries < MAX_RETRIES && call.may_be_repeated() => {
                    thread::sleep(self.backoff(retries));
                    retries += 1;
                }
                result => return result,
            }
        }
    }

    /// The same, with the body of the answer left to be read.
    ///
    /// # Errors
    /// When there is no answer, or none that can be used.
    pub fn open(&self, call: &mut Call<'_>) -> Result<Stream, Failure> {
        let mut url = call.url.clone();
        let mut authorization = call.authorization;
        let (mut redirects, mut retries) = (0, 0);
        loop {
            let repeats = retries < MAX_RETRIES && call.may_be_repeated();
            let mut stream = match self.once(call, &url, authorization) {
                Err(Failed::Passing(_)) if repeats => {
                    thread::sleep(self.backoff(retries));
                    retries += 1;
                    continue;
                }
                Err(Failed::Passing(failure) | Failed::Lasting(failure)) => return Err(failure),
                Ok(stream) => stream,
            };
            stream.elsewhere = url.origin() != call.url.origin();
            match stream.status {
                301 | 302 | 303 | 307 | 308 if call.follows_redirects() => {
                    redirects += 1;
                    if redirects > MAX_REDIRECTS {
                        return Err(Failure::Garbled("too many redirects".to_owned()));
                    }
                    let next = self.follow(&url, stream.header("location").unwrap_or_default())?;
                    if next.origin() != url.origin() {
                        authorization = None;
                    }
                    url = next;
                }
                429 | 500..=599 if repeats => match self.pause(&stream, retries) {
                    Some(pause) => {
                        drop(stream);
                        retries += 1;
                        thread::sleep(pause);
                    }
                    None => return Ok(stream),
                },
                _ => return Ok(stream),
            }
        }
    }

    fn once(
        &self,
        call: &mut Call<'_>,
        url: &Url,
        authorization: Option<&str>,
    ) -> Result<Stream, Failed> {
        let inner = &self.0;
        let host = authority(url);
        let client = inner.clients.get(url).map_err(Failed::Lasting)?;
        let mut request = client.request(call.method.clone(), url.clone());
        let is_asked = url.origin() == call.url.origin();
        for (name, value) in &call.headers {
            // What else there is was said to the one who was asked: some of it is secret.
            if is_asked || *name == header::ACCEPT {
                request = request.header(name, *value);
            }
        }
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, sensitive(authorization)?);
        }
        let timeouts = &inner.options.timeouts;
        if !call.transfer {
            request = request.timeout(timeouts.request);
        }
        let reader = match std::mem::replace(&mut call.body, Body::None) {
            Body::None => None,
            Body::Bytes(bytes) => {
                call.body = Body::Bytes(bytes);
                request = request.body(bytes.to_vec());
                None
            }
            Body::Reader(reader, length) => {
                // What is left in its place is of no use and says that it cannot be sent again.
                call.body = Body::Reader(Box::new(std::io::empty()), 0);
                Some((reader, length))
            }
        };
        let turn = (!call.transfer).then(|| inner.gate.enter(&host));
        inner.requests.fetch_add(1, Ordering::Relaxed);
        let response = match reader {
            Some((reader, length)) => upload::send(request, reader, length, timeouts.idle)
                .map_err(|lost| Failed::Lasting(lost.failure(&host)))?,
            None => request.send().map_err(|e| Failed::of(&e, &host))?,
        };
        let is_head = call.method == Method::HEAD;
        Ok(Stream::new(response, is_head, turn, inner.bytes.clone()))
    }

    fn backoff(&self, retries: u32) -> Duration {
        self.0.options.timeouts.backoff.saturating_mul(1 << retries)
    }

    /// How long to wait before the next try; nothing where the host asks for too long.
    fn pause(&self, stream: &Stream, retries: u32) -> Option<Duration> {
        let asked = stream.header("retry-after").and_then(|v| v.trim().parse().ok());
        let own = self.backoff(retries);
        match asked.map(Duration::from_secs) {
            Some(asked) if asked > MAX_RETRY_AFTER => None,
            Some(asked) => Some(asked.max(own)),
            None => Some(own),
        }
    }
}

/// Why there was no answer.
enum Failed {
    /// Another try may do.
    Passing(Failure),
    Lasting(Failure),
}

impl Failed {
    fn of(error: &reqwest::Error, host: &str) -> Self {
        let failure = Failure::of(error, host);
        match failure {
            // Who was silent for so long will be so again.
            Failure::Transport(_) if !error.is_timeout() && !error.is_builder() => {
                Self::Passing(failure)
            }
            failure => Self::Lasting(failure),
        }
    }
}

/// Not to be written into anybody's log, nor into HTTP/2's table of headers.
fn sensitive(authorization: &str) -> Result<HeaderValue, Failed> {
    let mut value = HeaderValue::from_str(authorization).map_err(|_| {
        let words = "there are characters in the credentials that no header may have";
        Failed::Lasting(Failure::Garbled(words.to_owned()))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_origin(url: &Url, host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let default = if url.scheme() == "http" { ":80" } else { ":443" };
    let written = host.strip_suffix(default).unwrap_or(&host);
    authority(url) == written && url.username().is_empty() && url.password().is_none()
}
