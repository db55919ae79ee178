//! Clouds on this machine: requests go to a server of the test in place of the real one.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use countersign_host::{
    auth::{Environment, Transport},
    http::{self, Body, Call, Failure, Http, Timeouts, Url},
};

use crate::loopback::{Incoming, Loopback, Reply};

/// 2026-11-21T03:00:00Z.
pub(crate) const START: u64 = 1_795_230_000;

/// A clock that a test moves.
#[derive(Clone)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(START)))
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) fn of(&self, environment: Environment) -> Environment {
        let read = self.0.clone();
        environment.with_clock(move || time(read.load(Ordering::Relaxed)))
    }
}

fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// These variables, at this time.
pub(crate) fn environment(clock: &Clock, variables: &[(&str, &str)]) -> Environment {
    clock.of(Environment::fixed(variables.iter().copied()))
}

/// The transport of the host, with little patience.
pub(crate) fn http() -> Http {
    Http::new(&http::Options {
        timeouts: Timeouts {
            connect: Duration::from_millis(500),
            request: Duration::from_millis(2000),
            backoff: Duration::from_millis(5),
            ..Timeouts::default()
        },
        ..http::Options::default()
    })
}

type Handler = dyn Fn(&Incoming) -> Reply + Send + Sync;

/// Servers under the origins of real ones. Whoever else is asked is nobody.
pub(crate) struct Clouds {
    http: Http,
    servers: BTreeMap<String, Loopback>,
    /// Method and URL of each request, as it was meant.
    asked: Mutex<Vec<String>>,
}

impl Clouds {
    pub(crate) fn new<const N: usize>(servers: [(&str, Box<Handler>); N]) -> Arc<Self> {
        let start = |(origin, handler): (&str, Box<Handler>)| {
            (origin.to_owned(), Loopback::start(move |incoming| handler(incoming)))
        };
        let servers = servers.into_iter().map(start).collect();
        Arc::new(Self { http: http(), servers, asked: Mutex::default() })
    }

    /// What came in at an origin.
    pub(crate) fn log(&self, origin: &str) -> Vec<Incoming> {
        self.servers[origin].log()
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Transport for Clouds {
    fn send(&self, call: &mut Call<'_>) -> Result<http::Reply, Failure> {
        self.asked.lock().unwrap().push(format!("{} {}", call.method, call.url));
        let origin = call.url.origin().ascii_serialization();
        let Some(server) = self.servers.get(&origin) else {
            return Err(Failure::Transport(format!("nobody is at {origin}")));
        };
        let query = call.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let there = format!("http://{}{}{query}", server.host, call.url.path());
        let url = Url::parse(&there).unwrap();
        let mut there = Call::new(call.method.clone(), &url).max_bytes(call.max_bytes);
        there = there.authorization(call.authorization);
        there.headers = call.headers.clone();
        if let Body::Bytes(bytes) = call.body {
            there.body = Body::Bytes(bytes);
        }
        self.http.send(&mut there)
    }
}

/// One server's handler.
pub(crate) fn server(handler: impl Fn(&Incoming) -> Reply + Send + Sync + 'static) -> Box<Handler> {
    Box::new(handler)
}

/// The fields of a form, decoded.
pub(crate) fn fields(body: &[u8]) -> Vec<(String, String)> {
    let url = format!("form:?{}", std::str::from_utf8(body).unwrap());
    Url::parse(&url).unwrap().query_pairs().into_owned().collect()
}

pub(crate) fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
