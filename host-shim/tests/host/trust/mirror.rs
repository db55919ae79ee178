//! Repositories over HTTP, on this machine.

use std::{sync::Arc, time::Duration};

use countersign_host::{
    http::{Options, Timeouts},
    trust::{Mirror, RepositoryFiles, TrustError, update},
};

use super::{
    tuf::{Tuf, now},
    update::{another_root, stage, trusted_root},
};
use crate::loopback::{Loopback, Reply};

fn options() -> Options {
    let timeouts = Timeouts {
        connect: Duration::from_secs(2),
        request: Duration::from_secs(2),
        backoff: Duration::from_millis(1),
        ..Timeouts::default()
    };
    Options { timeouts, ..Options::default() }
}

fn mirror(server: &Loopback) -> Arc<dyn RepositoryFiles> {
    Arc::new(Mirror::new(&format!("http://{}", server.host), &options()).unwrap())
}

fn asked(server: &Loopback) -> Vec<String> {
    server.log().into_iter().map(|incoming| incoming.path).collect()
}

#[test]
fn an_update_asks_for_each_file_once_and_for_two_where_nothing_is_new() {
    let mut tuf = Tuf::new(&trusted_root());
    let (stage, server) = (stage(&tuf), tuf.serve());
    update(&stage.store, &stage.instance, mirror(&server), now()).unwrap();
    let first = asked(&server);
    let target = first.last().unwrap().clone();
    assert!(target.starts_with("/targets/") && target.ends_with(".trusted_root.json"));
    let metadata = ["/2.root.json", "/timestamp.json", "/1.snapshot.json", "/1.targets.json"];
    assert_eq!(first[..4], metadata);
    assert_eq!(first.len(), 5);
    update(&stage.store, &stage.instance, mirror(&server), now()).unwrap();
    assert_eq!(asked(&server)[5..], metadata[..2]);
    tuf.advance(&another_root());
    update(&stage.store, &stage.instance, mirror(&server), now()).unwrap();
    assert_eq!(stage.kept().record.trusted_root.as_bytes(), another_root());
    assert_eq!(stage.kept().record.origin, format!("http://{}/", server.host));
}

#[test]
fn absent_denied_and_unavailable_are_told_apart() {
    let tuf = Tuf::new(&trusted_root());
    let answer = |path: &'static str, status: u16| {
        let (stage, tuf) = (stage(&tuf), tuf.fork());
        let server = Loopback::start(move |incoming| {
            let asked = incoming.path.trim_start_matches('/');
            match tuf.file(asked) {
                _ if asked == path => Reply::new(status, "said so"),
                Some(bytes) => Reply::new(200, bytes),
                None => Reply::new(404, "Not Found"),
            }
        });
        update(&stage.store, &stage.instance, mirror(&server), now()).map(|_| ())
    };
    // Buckets that nobody may list answer 403 for what is not there.
    assert_eq!(answer("2.root.json", 403), Ok(()));
    assert!(matches!(answer("2.root.json", 401), Err(TrustError::Denied { .. })));
    for status in [500, 502, 503, 429, 302, 204] {
        let said = answer("2.root.json", status).unwrap_err();
        assert!(
            matches!(&said, TrustError::Unavailable { file, .. } if file == "2.root.json"),
            "{status}: {said}"
        );
    }
    assert!(matches!(answer("timestamp.json", 403), Err(TrustError::Denied { .. })));
    assert!(matches!(answer("timestamp.json", 404), Err(TrustError::Absent { .. })));
    assert!(matches!(answer("1.targets.json", 500), Err(TrustError::Unavailable { .. })));
}

#[test]
fn bodies_that_are_cut_or_never_end_are_refused() {
    let tuf = Tuf::new(&trusted_root());
    let broken = |make: fn(Vec<u8>) -> Reply| {
        let (stage, tuf) = (stage(&tuf), tuf.fork());
        let server = Loopback::start(move |incoming| {
            match tuf.file(incoming.path.trim_start_matches('/')) {
                Some(bytes) if incoming.path == "/timestamp.json" => make(bytes),
                Some(bytes) => Reply::new(200, bytes),
                None => Reply::new(404, "Not Found"),
            }
        });
        update(&stage.store, &stage.instance, mirror(&server), now()).unwrap_err()
    };
    let cut = broken(|bytes| {
        let length = bytes.len();
        Reply::new(200, bytes[..length / 2].to_vec()).claiming(length)
    });
    assert!(matches!(cut, TrustError::Unavailable { .. }), "{cut}");
    let long = broken(|_| Reply::new(200, vec![b' '; 100_000]));
    assert_eq!(long, TrustError::TooLarge { file: "timestamp.json".to_owned(), most: 16_384 });
    let slow = broken(|bytes| Reply::new(200, bytes).after(Duration::from_secs(5)));
    assert!(matches!(slow, TrustError::Unavailable { .. }), "{slow}");
}

#[test]
fn only_https_and_this_machine_are_asked() {
    for address in [
        "http://tuf.acme.test/",
        "ftp://127.0.0.1/",
        "file:///etc",
        "https://user:password@tuf.acme.test/",
        "https://tuf.acme.test/?x=1",
        "https://tuf.acme.test/#x",
        "tuf.acme.test",
        "",
    ] {
        let refused = Mirror::new(address, &options()).err().map(|e| e.to_string());
        let said = refused.unwrap_or_else(|| panic!("{address}"));
        assert!(said.starts_with("--mirror "), "{said}");
    }
    let origin = |address| Mirror::new(address, &options()).unwrap().origin();
    assert_eq!(origin("https://tuf.acme.test"), "https://tuf.acme.test/");
    assert_eq!(origin("https://acme.test/mirror/tuf/"), "https://acme.test/mirror/tuf/");
}
