//! One request to an address that was checked.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use countersign::wire::{Answer, Bytes, UnavailableReason};
use ureq::{
    Agent, Body,
    config::Config,
    http::{Response, Uri, header},
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{NextTimeout, TcpConnector},
    },
};

use super::{
    super::{
        Traffic,
        http::{self, Failure},
    },
    Asked,
    rules::{Place, Refusal, Rules},
};

/// Addresses of one host that are tried: as many as the client's array holds.
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

/// Resolves once, and hands out nothing before every address was looked at: what is connected to is
/// what was checked, whatever the name says a moment later.
#[derive(Debug)]
struct Checked {
    resolver: Arc<dyn Resolve>,
    rules: Arc<Rules>,
}

impl Resolver for Checked {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let place = Place::of(uri).ok_or(ureq::Error::HostNotFound)?;
        let addresses = self.resolver.resolve(&place.host, *timeout.after)?;
        for address in &addresses {
            let checked = self.rules.check(&place, *address);
            checked.map_err(|refusal| ureq::Error::Other(Box::new(refusal)))?;
        }
        let mut checked = self.empty();
        for address in addresses.into_iter().take(MOST_ADDRESSES) {
            checked.push(SocketAddr::new(address, place.port));
        }
        if checked.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(checked) }
    }
}

/// Plain HTTP: no TLS, no redirects, no credentials, no cookies, no retries, and no proxy, which
/// would resolve names behind our back.
pub(super) struct Client {
    agent: Agent,
    rules: Arc<Rules>,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Client {
    pub(super) fn new(rules: Rules, resolver: Arc<dyn Resolve>) -> Self {
        let rules = Arc::new(rules);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .proxy(None)
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .build();
        let checked = Checked { resolver, rules: rules.clone() };
        let agent = Agent::with_parts(config, TcpConnector::default(), checked);
        Self { agent, rules, requests: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            requests: self.requests.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// Asks once. What is not [`Answer::Found`] says why.
    pub(super) fn ask(&self, asked: &Asked<'_>, within: Duration) -> Answer {
        let (uri, place) = match self.rules.read(asked.url) {
            Ok(read) => read,
            Err(refusal) => {
                return unavailable(UnavailableReason::Unsupported, refusal.to_string());
            }
        };
        self.requests.fetch_add(1, Ordering::Relaxed);
        match self.send(&uri, asked, within) {
            Ok(response) => self.read(response, &place, asked.max_bytes),
            Err(e) => explain(e, &place),
        }
    }

    fn send(
        &self,
        uri: &Uri,
        asked: &Asked<'_>,
        within: Duration,
    ) -> Result<Response<Body>, ureq::Error> {
        match asked.request {
            Some(request) => self
                .agent
                .post(uri)
                .config()
                .timeout_global(Some(within))
                .build()
                .header(header::CONTENT_TYPE, "application/ocsp-request")
                .header(header::ACCEPT, "application/ocsp-response")
                .send(request),
            None => self.agent.get(uri).config().timeout_global(Some(within)).build().call(),
        }
    }

    fn read(&self, response: Response<Body>, place: &Place, max_bytes: u64) -> Answer {
        let (parts, body) = response.into_parts();
        let status = parts.status.as_u16();
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
        let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let media_type = media_type.map(str::to_owned);
        match http::read_body(body, max_bytes, &self.bytes) {
            Ok(bytes) => Answer::Found { bytes: Bytes(bytes), media_type, reserialised: false },
            Err(failure) => {
                let (reason, message) = match failure {
                    Failure::Garbled(e) => (UnavailableReason::Garbled, e),
                    Failure::Transport(e) => (UnavailableReason::Transport, e),
                    Failure::TooLarge(limit) => {
                        (UnavailableReason::TooLarge, format!("larger than {limit} bytes"))
                    }
                };
                unavailable(reason, format!("`{host}`: {message}"))
            }
        }
    }
}

fn explain(error: ureq::Error, place: &Place) -> Answer {
    let host = &place.host;
    match error {
        ureq::Error::Other(e) if e.is::<Refusal>() => {
            unavailable(UnavailableReason::Unsupported, e.to_string())
        }
        ureq::Error::Protocol(e) => {
            unavailable(UnavailableReason::Garbled, format!("`{host}`: not HTTP: {e}"))
        }
        ureq::Error::Http(e) => {
            unavailable(UnavailableReason::Garbled, format!("`{host}`: not HTTP: {e}"))
        }
        e => unavailable(UnavailableReason::Transport, format!("`{host}`: {e}")),
    }
}

fn unavailable(reason: UnavailableReason, message: String) -> Answer {
    Answer::Unavailable { reason, message }
}
