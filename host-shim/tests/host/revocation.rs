//! OCSP responses and CRLs: where they may be asked for, what is kept of them, and how the command
//! is told.

mod cache;
mod command;
mod rules;

use std::{
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use countersign::wire::{Answer, Bytes, Fetch, UnavailableReason};
use countersign_host::source::{
    EvidenceSource, Layout, Revocation, Selector, Sources,
    revocation::{Options, Resolve},
};

use crate::{
    loopback::{Loopback, Reply},
    registry::unavailable,
    scratch::{Scratch, image, tag},
};

const LIMIT: u64 = 1 << 20;
const HOUR: Duration = Duration::from_secs(3600);
const REQUEST: &[u8] = b"\x30\x00";
const DAY_TO_COME: &str = "20990101000000Z";
const DAY_GONE: &str = "20000101000000Z";

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len();
    let head = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [head, content].concat()
}

/// The outline of a CRL, whose last extension is freshestCRL if there is a delta.
fn crl(mark: &str, next_update: &str, delta: Option<&str>) -> Vec<u8> {
    let empty = der(0x30, &[]);
    let time = |t: &str| der(0x18, &[t.as_bytes()]);
    let issuer = der(0x30, &[&der(0x0c, &[mark.as_bytes()])]);
    let extensions = delta.map(|url| {
        let names = der(0xa0, &[&der(0xa0, &[&der(0x86, &[url.as_bytes()])])]);
        let point = der(0x30, &[&der(0x30, &[&names])]);
        let extension = der(0x30, &[b"\x06\x03\x55\x1d\x2e", &der(0x04, &[&point])]);
        der(0xa0, &[&der(0x30, &[&extension])])
    });
    let version = der(0x02, &[&[1]]);
    let (this, next) = (time(DAY_GONE), time(next_update));
    let extensions = extensions.unwrap_or_default();
    let list = der(0x30, &[&version, &empty, &issuer, &this, &next, &extensions]);
    der(0x30, &[&list, &empty, &der(0x03, &[&[0]])])
}

fn ocsp(status: u8, next_update: &str) -> Vec<u8> {
    ocsp_by(&[0; 20], status, next_update)
}

/// The outline of an OCSP response.
fn ocsp_by(responder: &[u8], status: u8, next_update: &str) -> Vec<u8> {
    let empty = der(0x30, &[]);
    let time = |t: &str| der(0x18, &[t.as_bytes()]);
    let next = der(0xa0, &[&time(next_update)]);
    let single = der(0x30, &[&empty, &der(0x80, &[]), &time(DAY_GONE), &next]);
    let responder = der(0xa2, &[&der(0x04, &[responder])]);
    let data = der(0x30, &[&responder, &time(DAY_GONE), &der(0x30, &[&single])]);
    let basic = der(0x30, &[&data, &empty, &der(0x03, &[&[0]])]);
    let typed = der(0x30, &[&der(0x06, &[b"\x2b"]), &der(0x04, &[&basic])]);
    der(0x30, &[&der(0x0a, &[&[status]]), &der(0xa0, &[&typed])])
}

fn good_crl() -> Vec<u8> {
    crl("a", DAY_TO_COME, None)
}

fn options(hosts: &[&str]) -> Options {
    Options {
        hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
        ocsp_timeout: Duration::from_millis(400),
        crl_timeout: Duration::from_millis(400),
        ..Options::default()
    }
}

fn fetch_crl(url: &str) -> Fetch {
    Fetch::Crl { url: url.to_owned(), max_bytes: LIMIT }
}

fn fetch_ocsp(url: &str) -> Fetch {
    Fetch::Ocsp { url: url.to_owned(), request: Bytes(REQUEST.to_vec()), max_bytes: LIMIT }
}

fn bytes(answer: Answer) -> Vec<u8> {
    match answer {
        Answer::Found { bytes, reserialised: false, .. } => bytes.0,
        other => panic!("{other:?}"),
    }
}

fn words(answer: &Answer) -> &str {
    match answer {
        Answer::Unavailable { message, .. } | Answer::Absent { message } => message,
        other => panic!("{other:?}"),
    }
}

fn url(server: &Loopback) -> String {
    format!("http://{}/a", server.host)
}

fn serving(body: Vec<u8>) -> Loopback {
    Loopback::start(move |_| Reply::new(200, body.clone()))
}

fn only_file(directory: &Path) -> PathBuf {
    let mut all = fs::read_dir(directory).unwrap();
    let path = all.next().unwrap().unwrap().path();
    assert!(all.next().is_none());
    path
}

/// Names and their addresses; each look-up of a name takes its next list, and the last for ever.
#[derive(Debug, Default)]
struct Names {
    lists: Vec<Vec<IpAddr>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    fn new(lists: &[&str]) -> Arc<Self> {
        let list = |text: &&str| text.split(' ').map(|a| a.parse().unwrap()).collect();
        Arc::new(Self { lists: lists.iter().map(list).collect(), asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Resolve for Names {
    fn resolve(&self, host: &str, _: Duration) -> io::Result<Vec<IpAddr>> {
        let mut asked = self.asked.lock().unwrap();
        asked.push(host.to_owned());
        Ok(self.lists[(asked.len() - 1).min(self.lists.len() - 1)].clone())
    }
}

#[test]
fn images_and_revocation_have_their_own_sources() {
    let server = serving(good_crl());
    let scratch = Scratch::new();
    let manifest = scratch.manifest(&image("a"), tag("1"));
    scratch.index(std::slice::from_ref(&manifest));
    let layout = Layout::open(scratch.path(), Some(Selector::Tag("1".into())), None).unwrap();
    let revocation = Revocation::new(options(&["127.0.0.1"]));
    let both = Sources { images: &layout, revocation: &revocation };
    let fetch = fetch_crl(&url(&server));
    assert_eq!(unavailable(&layout.fetch(&fetch)), Some(UnavailableReason::Unsupported));
    assert_eq!(bytes(both.fetch(&fetch)), good_crl());
    let digest = manifest["digest"].as_str().unwrap().to_owned();
    let fetch = Fetch::Manifest { repository: "a/b".into(), digest, max_bytes: LIMIT };
    assert!(unavailable(&revocation.fetch(&fetch)).is_some());
    assert_eq!(bytes(both.fetch(&fetch)), image("a").to_string().into_bytes());
    assert_eq!(both.traffic().requests, 1);
}
