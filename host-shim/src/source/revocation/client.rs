//! One request to an address that was checked.

use std::{
    fmt,
    io::{self, Read},
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use countersign::wire::{Answer, Bytes, UnavailableReason};
use reqwest::{
    Url,
    blocking::{Client as Sender, RequestBuilder, Response},
    header,
    redirect::Policy,
};

use super::{
    super::Traffic,
    Asked,
    rules::{Place, Refusal, Rules},
};
use crate::http::Failure;

/// Addresses of one host that are tried.
const MOST_ADDRESSES: usize = 16;

/// Turns a name into addresses.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// The addresses of `host`, which may be one itself.
    fn resolve(&self, host: &str, within: Duration) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str, within: Duration) -> io::Result<Vec<IpAddr>> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let host = host.to_owned();
        let (sender, answer) = mpsc::sync_channel(1);
        // It knows no time-out. A thread that hangs in it ends with the process.
        thread::Builder::new().spawn(move || {
            let addresses = (host.as_str(), 0).to_socket_addrs();
            let _ = sender.send(addresses.map(|all| all.map(|a| a.ip()).collect()));
        })?;
        answer.recv_timeout(within).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// Plain HTTP: no TLS, no redirects, no credentials, no cookies, no retries, and no proxy, which
/// would resolve names behind our back.
pub(super) struct Client {
    resolver: Arc<dyn Resolve>,
    rules: Rules,
    requests: AtomicU64,
    bytes: AtomicU64,
}

/// Why there is no response.
enum Trouble {
    Refused(Refusal),
    Io(io::Error),
    Http(reqwest::Error),
}

impl From<reqwest::Error> for Trouble {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error)
    }
}

impl Client {
    pub(super) fn new(rules: Rules, resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, rules, requests: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            requests: self.requests.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// Asks once. What is not [`Answer::Found`] says why.
    pub(super) fn ask(&self, asked: &Asked<'_>, within: Duration) -> Answer {
        let place = match self.rules.read(asked.url) {
            Ok((_, place)) => place,
            Err(refusal) => return refused(&refusal),
        };
        self.requests.fetch_add(1, Ordering::Relaxed);
        match self.send(&place, asked, Instant::now() + within) {
            Ok(response) => self.read(response, &place, asked.max_bytes),
            Err(Trouble::Refused(refusal)) => refused(&refusal),
            Err(Trouble::Io(e)) => {
                unavailable(UnavailableReason::Transport, format!("`{}`: {e}", place.host))
            }
            Err(Trouble::Http(e)) => explain(&e, &place),
        }
    }

    fn send(&self, place: &Place, asked: &Asked<'_>, until: Instant) -> Result<Response, Trouble> {
        let url = Url::parse(asked.url).ok().filter(|url| is_place(url, place));
        let url = url.ok_or_else(|| {
            Trouble::Refused(Refusal::NotAUrl { url: asked.url.chars().take(256).collect() })
        })?;
        let left = || until.saturating_duration_since(Instant::now());
        let addresses = self.addresses(place, left())?;
        let sender = sender(&url, &addresses)?;
        let request: RequestBuilder = match asked.request {
            Some(request) => sender
                .post(url)
                .header(header::CONTENT_TYPE, "application/ocsp-request")
                .header(header::ACCEPT, "application/ocsp-response")
                .body(request.to_vec()),
            None => sender.get(url),
        };
        Ok(request.timeout(left()).send()?)
    }

    /// Resolves once, and hands out nothing before every address was looked at: what is connected to
    /// is what was checked, whatever the name says a moment later.
    fn addresses(&self, place: &Place, within: Duration) -> Result<Vec<SocketAddr>, Trouble> {
        let addresses = self.resolver.resolve(&place.host, within).map_err(Trouble::Io)?;
        for address in &addresses {
            self.rules.check(place, *address).map_err(Trouble::Refused)?;
        }
        if addresses.is_empty() {
            return Err(Trouble::Io(io::Error::other("it has no address")));
        }
        let addresses = addresses.into_iter().take(MOST_ADDRESSES);
        Ok(addresses.map(|address| SocketAddr::new(address, place.port)).collect())
    }

    fn read(&self, response: Response, place: &Place, max_bytes: u64) -> Answer {
        let status = response.status().as_u16();
        let host = &place.host;
        let message = format!("`{host}`: status {status}");
        match status {
            200 => {}
            404 => return Answer::Absent { message },
            300..=399 => {
                let message = format!("`{host}` redirects, which is not followed");
                return unavailable(UnavailableReason::Unsupported, message);
            }
            429 | 500..=599 => return unavailable(UnavailableReason::Transport, message),
            _ => return unavailable(UnavailableReason::Garbled, message),
        }
        let media_type = response.headers().get(header::CONTENT_TYPE);
        let media_type = media_type.and_then(|v| v.to_str().ok()).map(str::to_owned);
        let too_large = || {
            let message = format!("`{host}`: larger than {max_bytes} bytes");
            unavailable(UnavailableReason::TooLarge, message)
        };
        if response.content_length().is_some_and(|length| length > max_bytes) {
            return too_large();
        }
        let mut bytes = Vec::new();
        let result = response.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes);
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        match result {
            Err(e) => {
                let message = format!("`{host}`: the answer breaks off: {e}");
                unavailable(UnavailableReason::Transport, message)
            }
            Ok(_) if bytes.len() as u64 > max_bytes => too_large(),
            Ok(_) => Answer::Found { bytes: Bytes(bytes), media_type, reserialised: false },
        }
    }
}

/// A client that connects to these addresses and no others. It lives for one request.
fn sender(url: &Url, addresses: &[SocketAddr]) -> Result<Sender, reqwest::Error> {
    Sender::builder()
        .redirect(Policy::none())
        .no_proxy()
        .tls_certs_only([])
        .retry(reqwest::retry::never())
        .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
        .resolve_to_addrs(url.host_str().unwrap_or_default(), addresses)
        .build()
}

/// Two parsers of URLs must agree: what was looked at is what is asked.
fn is_place(url: &Url, place: &Place) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    let same_address = match (bare.parse::<IpAddr>(), place.host.parse::<IpAddr>()) {
        (Ok(a), Ok(b)) => a == b,
        (Err(_), Err(_)) => bare == place.host,
        _ => false,
    };
    same_address && url.scheme() == "http" && url.port_or_known_default() == Some(place.port)
}

fn explain(error: &reqwest::Error, place: &Place) -> Answer {
    match Failure::of(error, &place.host) {
        Failure::Garbled(message) => unavailable(UnavailableReason::Garbled, message),
        other => unavailable(UnavailableReason::Transport, other.to_string()),
    }
}

fn refused(refusal: &Refusal) -> Answer {
    unavailable(UnavailableReason::Unsupported, refusal.to_string())
}

fn unavailable(reason: UnavailableReason, message: String) -> Answer {
    Answer::Unavailable { reason, message }
}
