//! A registry on this machine that does whatever a test wants, good or bad.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use countersign::wire::{Answer, Fetch};
use countersign_host::source::{Layout, Selector};

use crate::scratch::INDEX;

/// What came in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incoming {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    headers: Vec<(String, String)>,
}

impl Incoming {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// What goes out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    length: Option<usize>,
    delay: Duration,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Says another length than that of the body.
    pub(crate) fn claiming(mut self, length: usize) -> Self {
        self.length = Some(length);
        self
    }

    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

type Handler = dyn Fn(&Incoming) -> Reply + Send + Sync;

/// A listening registry.
pub(crate) struct Loopback {
    pub(crate) host: String,
    log: Arc<Mutex<Vec<Incoming>>>,
}

impl Loopback {
    pub(crate) fn start(handler: impl Fn(&Incoming) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let log = Arc::new(Mutex::new(Vec::new()));
        let handler: Arc<Handler> = Arc::new(handler);
        let seen = log.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handler, seen) = (handler.clone(), seen.clone());
                thread::spawn(move || serve(stream, &handler, &seen));
            }
        });
        Self { host, log }
    }

    /// Serves a layout as repository `app`.
    pub(crate) fn layout(directory: &Path, referrers_api: bool) -> Self {
        let any = Some(Selector::Tag("any".to_owned()));
        let layout = Layout::open(directory, any, Some("localhost/app")).unwrap();
        Self::start(move |incoming| stored(&layout, referrers_api, &incoming.path))
    }

    /// `host/app`.
    pub(crate) fn repository(&self) -> String {
        format!("{}/app", self.host)
    }

    pub(crate) fn log(&self) -> Vec<Incoming> {
        self.log.lock().unwrap().clone()
    }
}

fn stored(layout: &Layout, referrers_api: bool, path: &str) -> Reply {
    let max_bytes = 64 << 20;
    let repository = String::new();
    let mut parts = path.trim_start_matches("/v2/app/").splitn(2, '/');
    let (kind, name) = (parts.next().unwrap(), parts.next().unwrap_or_default().to_owned());
    let fetch = match kind {
        "manifests" if name.contains(':') => {
            Fetch::Manifest { repository, digest: name, max_bytes }
        }
        "manifests" => Fetch::Tag { repository, tag: name, max_bytes },
        "blobs" => Fetch::Blob { repository, digest: name, max_bytes },
        "referrers" if referrers_api => Fetch::Referrers { repository, digest: name, max_bytes },
        _ => return Reply::new(404, "404 page not found"),
    };
    match layout.answer(&fetch) {
        Answer::Found { bytes, media_type, .. } => {
            let media_type = media_type.unwrap_or_else(|| "application/octet-stream".to_owned());
            Reply::new(200, bytes.0).with("Content-Type", media_type)
        }
        _ if kind == "referrers" => {
            Reply::new(200, r#"{"schemaVersion":2,"manifests":[]}"#).with("Content-Type", INDEX)
        }
        _ => Reply::new(404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}"#),
    }
}

fn serve(mut stream: TcpStream, handler: &Arc<Handler>, log: &Mutex<Vec<Incoming>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = reader.by_ref().lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let headers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect();
    let mut incoming = Incoming { method, path, body: Vec::new(), headers };
    let length = incoming.header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
    let _ = reader.take(length).read_to_end(&mut incoming.body);
    log.lock().unwrap().push(incoming.clone());
    let reply = handler(&incoming);
    thread::sleep(reply.delay);
    let length = reply.length.unwrap_or(reply.body.len());
    let mut head = format!("HTTP/1.1 {} Said\r\nContent-Length: {length}\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("Connection: close\r\n\r\n");
    // The client may have gone away: that is part of the tests.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&reply.body));
}
