//! Where revocation may be asked for, and what the answers are.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use countersign::wire::{Answer, Bytes, Fetch, UnavailableReason};
use countersign_host::source::{
    EvidenceSource, Revocation,
    revocation::{Options, Reach, Resolve},
};

use super::{
    DAY_TO_COME, HOUR, LIMIT, Names, REQUEST, bytes, fetch_crl, fetch_ocsp, good_crl, ocsp,
    options, serving, url, words,
};
use crate::{
    loopback::{Incoming, Loopback, Reply},
    registry::unavailable,
};

/// The answer to a CRL's fetch from a server that always replies so.
fn always(reply: Reply) -> Answer {
    let server = Loopback::start(move |_| reply.clone());
    Revocation::new(options(&["127.0.0.1"])).fetch(&fetch_crl(&url(&server)))
}

#[test]
fn posts_ocsp_requests_and_gets_crls_and_sends_nothing_else() {
    let response = ocsp(0, DAY_TO_COME);
    let both = response.clone();
    let server = Loopback::start(move |incoming: &Incoming| match incoming.method.as_str() {
        "POST" => Reply::new(200, both.clone()).with("Content-Type", "application/ocsp-response"),
        _ => Reply::new(200, good_crl()).with("Set-Cookie", "a=b"),
    });
    let source = Revocation::new(options(&["127.0.0.1"]));
    let answer = source.fetch(&fetch_ocsp(&format!("http://{}/ocsp/x?y", server.host)));
    let media_type = Some("application/ocsp-response".to_owned());
    let found = Answer::Found { bytes: Bytes(response), media_type, reserialised: false };
    assert_eq!(answer, found);
    for _ in 0..2 {
        assert_eq!(bytes(source.fetch(&fetch_crl(&url(&server)))), good_crl());
    }
    let log = server.log();
    let [post, get, again] = log.as_slice() else { panic!("{log:?}") };
    assert_eq!((post.method.as_str(), post.path.as_str()), ("POST", "/ocsp/x?y"));
    assert_eq!(post.body, REQUEST);
    assert_eq!(post.header("content-type"), Some("application/ocsp-request"));
    assert_eq!(post.header("accept"), Some("application/ocsp-response"));
    assert_eq!((get.method.as_str(), get.path.as_str()), ("GET", "/a"));
    for incoming in [post, get, again] {
        assert_eq!(incoming.header("host"), Some(server.host.as_str()));
        assert_eq!((incoming.header("authorization"), incoming.header("cookie")), (None, None));
    }
    let traffic = source.traffic();
    assert_eq!(traffic.requests, 3);
    assert!(traffic.bytes > 0);
}

#[test]
fn a_rule_that_refuses_is_named_and_nothing_is_sent() {
    let names = Names::new(&["10.0.0.7"]);
    let source = Revocation::new(Options { resolver: names.clone(), ..options(&["b.test:8080"]) });
    for (url, expected) in [
        ("https://a.test/", "`https://a.test/` is not plain http://, and nothing else is spoken"),
        (
            "ldap://a.test/c=d",
            "`ldap://a.test/c=d` is not plain http://, and nothing else is spoken",
        ),
        ("http://u:p@a.test/", "`http://u:p@a.test/` carries credentials"),
        ("http://a.test:81/", "`a.test`: port 81 is for listed revocation hosts, others have 80"),
        ("http://b.test:81/", "`b.test`: port 81 is for listed revocation hosts, others have 80"),
        ("a.test", "`a.test` is not a URL"),
    ] {
        for fetch in [fetch_crl(url), fetch_ocsp(url)] {
            let answer = source.fetch(&fetch);
            assert_eq!(unavailable(&answer), Some(UnavailableReason::Unsupported), "{url}");
            assert_eq!(words(&answer), expected);
        }
    }
    assert_eq!(names.asked(), Vec::<String>::new());
    assert_eq!(source.traffic().requests, 0);
}

#[test]
fn addresses_inside_are_refused_after_resolution() {
    for (addresses, kind, shown) in [
        ("10.0.0.7", "private", "10.0.0.7"),
        ("127.0.0.1", "loopback", "127.0.0.1"),
        ("::1", "loopback", "::1"),
        ("169.254.169.254", "link-local", "169.254.169.254"),
        ("fe80::1", "link-local", "fe80::1"),
        ("0.0.0.0", "unspecified", "0.0.0.0"),
        ("100.64.1.1", "provider-internal", "100.64.1.1"),
        ("198.18.0.1", "benchmarking", "198.18.0.1"),
        ("224.0.0.1", "multicast", "224.0.0.1"),
        ("fd00::1", "unique local", "fd00::1"),
        ("::ffff:10.0.0.7", "private", "::ffff:10.0.0.7"),
        ("64:ff9b::127.0.0.1", "loopback", "64:ff9b::7f00:1"),
        ("2002:a00:7::1", "private", "2002:a00:7::1"),
        ("::ffff:8.8.8.8", "translated", "::ffff:8.8.8.8"),
        // One good address among them is no excuse.
        ("8.8.8.8 127.0.0.1", "loopback", "127.0.0.1"),
        ("127.0.0.1 8.8.8.8", "loopback", "127.0.0.1"),
    ] {
        let names = Names::new(&[addresses]);
        let source = Revocation::new(Options { resolver: names.clone(), ..options(&[]) });
        let start = Instant::now();
        let answer = source.fetch(&fetch_crl("http://crl.test/a"));
        assert_eq!(unavailable(&answer), Some(UnavailableReason::Unsupported), "{addresses}");
        let expected = format!("`crl.test` resolves to the {kind} address {shown}");
        assert_eq!(words(&answer), expected);
        assert_eq!(names.asked(), ["crl.test"]);
        assert!(start.elapsed() < Duration::from_millis(300), "{addresses}: nobody was asked");
    }
}

#[test]
fn literal_addresses_are_looked_at_in_every_spelling() {
    let source = Revocation::new(options(&[]));
    for host in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "[fd00::1]"] {
        let answer = source.fetch(&fetch_crl(&format!("http://{host}/")));
        assert_eq!(unavailable(&answer), Some(UnavailableReason::Unsupported), "{host}");
        assert!(words(&answer).contains(" address"), "{}", words(&answer));
    }
    // What the system's resolver takes for an address, or does not know.
    for host in ["2130706433", "0x7f.1", "127.1", "0177.0.0.1", "localhost"] {
        let answer = source.fetch(&fetch_crl(&format!("http://{host}/")));
        assert!(unavailable(&answer).is_some(), "{host}: {answer:?}");
    }
}

#[test]
fn a_listed_host_may_be_inside_but_never_on_the_link() {
    let server = serving(good_crl());
    let port = server.host.rsplit(':').next().unwrap();
    let url = format!("http://crl.test:{port}/a");
    for listed in ["crl.test".to_owned(), "CRL.test.".to_owned(), format!("crl.test:{port}")] {
        let resolver = Names::new(&["127.0.0.1"]);
        let source = Revocation::new(Options { resolver, ..options(&[&listed]) });
        assert_eq!(bytes(source.fetch(&fetch_crl(&url))), good_crl(), "{listed}");
    }
    assert_eq!(server.log().len(), 3);
    assert_eq!(server.log()[0].header("host"), Some(&*format!("crl.test:{port}")));
    for address in ["169.254.169.254", "::ffff:169.254.169.254", "0.0.0.0", "fe80::1"] {
        let resolver = Names::new(&[address]);
        let source = Revocation::new(Options { resolver, ..options(&["crl.test"]) });
        let answer = source.fetch(&fetch_crl("http://crl.test/"));
        assert_eq!(unavailable(&answer), Some(UnavailableReason::Unsupported), "{address}");
    }
}

#[test]
fn a_name_is_resolved_once_and_what_was_checked_is_connected_to() {
    let server = serving(good_crl());
    let port = server.host.rsplit(':').next().unwrap();
    let url = format!("http://crl.test:{port}/a");
    let fetch_with = |lists: &[&str]| {
        let names = Names::new(lists);
        let options = Options { resolver: names.clone(), ..options(&["crl.test"]) };
        (Revocation::new(options).fetch(&fetch_crl(&url)), names.asked().len())
    };
    // Where nobody listens, and a moment later where the server is.
    let (answer, asked) = fetch_with(&["127.0.0.2", "127.0.0.1"]);
    assert_eq!((unavailable(&answer), asked), (Some(UnavailableReason::Transport), 1));
    assert_eq!(server.log().len(), 0);
    // A good address, and a moment later one that may not be.
    let (answer, asked) = fetch_with(&["127.0.0.1", "169.254.169.254"]);
    assert_eq!((bytes(answer), asked), (good_crl(), 1));
    // Every request is checked anew.
    let names = Names::new(&["127.0.0.1", "169.254.169.254"]);
    let source = Revocation::new(Options { resolver: names, ..options(&["crl.test"]) });
    assert_eq!(bytes(source.fetch(&fetch_crl(&url))), good_crl());
    let answer = source.fetch(&fetch_crl(&url));
    assert_eq!(unavailable(&answer), Some(UnavailableReason::Unsupported), "{answer:?}");
}

#[test]
fn the_list_can_be_all_there_is() {
    let server = serving(good_crl());
    let names = Names::new(&["8.8.8.8"]);
    let resolver: Arc<dyn Resolve> = names.clone();
    let listed = Options { reach: Reach::Listed, resolver, ..options(&["127.0.0.1"]) };
    let answer = Revocation::new(listed.clone()).fetch(&fetch_crl("http://crl.test/"));
    assert_eq!(words(&answer), "`crl.test` is not a listed revocation host");
    assert_eq!(names.asked(), Vec::<String>::new());
    let resolver = Names::new(&["127.0.0.1"]);
    let listed = Revocation::new(Options { resolver, ..listed });
    assert_eq!(bytes(listed.fetch(&fetch_crl(&url(&server)))), good_crl());
}

#[test]
fn redirects_are_not_followed() {
    let elsewhere = serving(good_crl());
    for status in [301, 302, 303, 307, 308] {
        let target = url(&elsewhere);
        let server =
            Loopback::start(move |_| Reply::new(status, "").with("Location", target.clone()));
        let source = Revocation::new(options(&["127.0.0.1"]));
        for fetch in [fetch_crl(&url(&server)), fetch_ocsp(&url(&server))] {
            let answer = source.fetch(&fetch);
            assert_eq!(unavailable(&answer), Some(UnavailableReason::Unsupported), "{status}");
            assert_eq!(words(&answer), "`127.0.0.1` redirects, which is not followed");
        }
        assert_eq!(server.log().len(), 2);
    }
    assert_eq!(elsewhere.log().len(), 0);
}

#[test]
fn statuses_and_bodies_have_their_kinds() {
    assert_eq!(
        always(Reply::new(404, "")),
        Answer::Absent { message: "`127.0.0.1`: status 404".into() }
    );
    for (status, reason) in [
        (500, UnavailableReason::Transport),
        (503, UnavailableReason::Transport),
        (429, UnavailableReason::Transport),
        (403, UnavailableReason::Garbled),
        (401, UnavailableReason::Garbled),
        (204, UnavailableReason::Garbled),
    ] {
        assert_eq!(unavailable(&always(Reply::new(status, ""))), Some(reason), "{status}");
    }
    let cut = good_crl().split_last().unwrap().1.to_vec();
    let long = [good_crl(), vec![0]].concat();
    for body in [b"<html>log in</html>".to_vec(), Vec::new(), cut, long, ocsp(0, DAY_TO_COME)] {
        let answer = always(Reply::new(200, body));
        assert_eq!(unavailable(&answer), Some(UnavailableReason::Garbled), "{answer:?}");
    }
    assert_eq!(bytes(always(Reply::new(200, good_crl()))), good_crl());
}

#[test]
fn reads_no_more_than_it_may() {
    let answer = always(Reply::new(200, vec![0x30; 2 << 20]));
    assert_eq!(unavailable(&answer), Some(UnavailableReason::TooLarge));
    assert_eq!(words(&answer), "`127.0.0.1`: larger than 1048576 bytes");
    // The length is not said, and the body has no end.
    let (host, _) = raw(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        loop {
            stream.write_all(&[0x30; 65_536])?;
        }
    });
    let source = Revocation::new(Options { crl_timeout: HOUR, ..options(&["127.0.0.1"]) });
    let answer = source.fetch(&fetch_crl(&format!("http://{host}/")));
    assert_eq!(unavailable(&answer), Some(UnavailableReason::TooLarge));
    assert!(source.traffic().bytes <= LIMIT + 1);
    let max_bytes = good_crl().len() as u64;
    let server = serving(good_crl());
    let fetch = |max_bytes| source.fetch(&Fetch::Crl { url: url(&server), max_bytes });
    assert_eq!(bytes(fetch(max_bytes)), good_crl());
    assert_eq!(unavailable(&fetch(max_bytes - 1)), Some(UnavailableReason::TooLarge));
}

/// A server that says what it likes, and how many came.
fn raw(
    speak: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> (String, Arc<Mutex<u32>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let count = Arc::new(Mutex::new(0));
    let seen = count.clone();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            *seen.lock().unwrap() += 1;
            let _ = stream.read(&mut [0; 4096]);
            let _ = speak(&mut stream);
        }
    });
    (host, count)
}

#[test]
fn the_slow_and_the_broken_are_transport() {
    let start = Instant::now();
    let answer = always(Reply::new(200, good_crl()).after(Duration::from_secs(5)));
    assert_eq!(unavailable(&answer), Some(UnavailableReason::Transport));
    // A byte now and then does not buy more time.
    let (host, _) = raw(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")?;
        loop {
            stream.write_all(&[0x30])?;
            thread::sleep(Duration::from_millis(50));
        }
    });
    let source = Revocation::new(options(&["127.0.0.1"]));
    for fetch in [fetch_crl(&format!("http://{host}/")), fetch_ocsp(&format!("http://{host}/"))] {
        let answer = source.fetch(&fetch);
        assert_eq!(unavailable(&answer), Some(UnavailableReason::Transport), "{answer:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    let answer = always(Reply::new(200, good_crl()).claiming(good_crl().len() + 10));
    assert_eq!(unavailable(&answer), Some(UnavailableReason::Transport));
    let answer = source.fetch(&fetch_crl("http://127.0.0.1:1/"));
    assert_eq!(unavailable(&answer), Some(UnavailableReason::Transport));
    let (host, count) = raw(|stream| stream.write_all(b"SSH-2.0-OpenSSH\r\n\r\n"));
    let answer = source.fetch(&fetch_crl(&format!("http://{host}/")));
    assert_eq!(unavailable(&answer), Some(UnavailableReason::Garbled), "{answer:?}");
    assert_eq!(*count.lock().unwrap(), 1, "nothing is tried twice");
}
