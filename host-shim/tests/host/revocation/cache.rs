//! What is kept of answers, and for how long.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign::{
    crypto::{hex, sha256},
    wire::{Answer, Bytes, Fetch, UnavailableReason},
};
use countersign_host::source::{
    EvidenceSource, Revocation,
    revocation::{Options, Reach},
};
use serde_json::json;

use super::{
    DAY_GONE, DAY_TO_COME, HOUR, LIMIT, Names, REQUEST, bytes, crl, fetch_crl, fetch_ocsp,
    good_crl, ocsp, ocsp_by, only_file, options, serving, url, words,
};
use crate::{
    loopback::{Incoming, Loopback, Reply},
    registry::unavailable,
    scratch::Scratch,
};

fn cached(hosts: &[&str], scratch: &Scratch) -> Options {
    Options { cache: Some(scratch.path().join("cache")), ..options(hosts) }
}

fn offline(scratch: &Scratch) -> Options {
    Options { reach: Reach::Offline, ..cached(&[], scratch) }
}

fn age(path: &Path, age: Duration) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}

#[test]
fn a_kept_answer_is_served_while_it_is_young() {
    for (fetch, body, extension) in [
        (fetch_crl as fn(&str) -> Fetch, good_crl(), "crl"),
        (fetch_ocsp, ocsp(0, DAY_TO_COME), "ocsp"),
    ] {
        let scratch = Scratch::new();
        let server = serving(body.clone());
        let fetch = fetch(&url(&server));
        let source = Revocation::new(cached(&["127.0.0.1"], &scratch));
        for _ in 0..3 {
            assert_eq!(bytes(source.fetch(&fetch)), body);
        }
        assert_eq!(server.log().len(), 1);
        let file = only_file(&scratch.path().join("cache"));
        assert_eq!(fs::read(&file).unwrap(), body);
        assert_eq!(file.extension().unwrap(), extension);
        // Another process has the same.
        let other = Revocation::new(cached(&["127.0.0.1"], &scratch));
        assert_eq!(bytes(other.fetch(&fetch)), body);
        age(&file, HOUR / 2);
        source.fetch(&fetch);
        assert_eq!(server.log().len(), 1);
        age(&file, HOUR + HOUR);
        source.fetch(&fetch);
        assert_eq!(server.log().len(), 2, "too old");
        source.fetch(&fetch);
        assert_eq!(server.log().len(), 2, "it was renewed");
        File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_modified(SystemTime::now() + HOUR)
            .unwrap();
        source.fetch(&fetch);
        assert_eq!(server.log().len(), 3, "no clock has set that time");
        let never = Options { cache_age: Duration::ZERO, ..cached(&["127.0.0.1"], &scratch) };
        Revocation::new(never).fetch(&fetch);
        assert_eq!(server.log().len(), 4);
    }
}

#[test]
fn what_has_run_out_is_asked_for_again() {
    for (fetch, body) in [
        (fetch_crl as fn(&str) -> Fetch, crl("a", DAY_GONE, None)),
        (fetch_ocsp, ocsp(0, DAY_GONE)),
    ] {
        let scratch = Scratch::new();
        let server = serving(body.clone());
        let source = Revocation::new(cached(&["127.0.0.1"], &scratch));
        for _ in 0..2 {
            assert_eq!(bytes(source.fetch(&fetch(&url(&server)))), body);
        }
        assert_eq!(server.log().len(), 2);
        assert!(!scratch.path().join("cache").exists(), "it is of no use to anybody");
    }
}

#[test]
fn an_entry_that_has_run_out_is_asked_for_again_however_young() {
    let scratch = Scratch::new();
    let server = serving(good_crl());
    let name = hex(&sha256(url(&server).as_bytes()));
    let own = scratch.write(&format!("cache/{name}.crl"), crl("a", DAY_GONE, None));
    let source = Revocation::new(cached(&["127.0.0.1"], &scratch));
    for _ in 0..2 {
        assert_eq!(bytes(source.fetch(&fetch_crl(&url(&server)))), good_crl());
    }
    assert_eq!(server.log().len(), 1);
    assert_eq!(fs::read(own).unwrap(), good_crl());
}

#[test]
fn answers_are_kept_apart_by_url_and_request() {
    let scratch = Scratch::new();
    let server = Loopback::start(|incoming: &Incoming| {
        let mark = format!("{} {}", incoming.path, hex(&incoming.body));
        match incoming.method.as_str() {
            "GET" => Reply::new(200, crl(&mark, DAY_TO_COME, None)),
            _ => Reply::new(200, ocsp_by(mark.as_bytes(), 0, DAY_TO_COME)),
        }
    });
    let source = Revocation::new(cached(&["127.0.0.1"], &scratch));
    let ocsp = |path: &str, request: &[u8]| Fetch::Ocsp {
        url: format!("http://{}{path}", server.host),
        request: Bytes(request.to_vec()),
        max_bytes: LIMIT,
    };
    let fetches = [
        fetch_crl(&format!("http://{}/a", server.host)),
        fetch_crl(&format!("http://{}/b", server.host)),
        ocsp("/a", b"1"),
        ocsp("/a", b"2"),
        ocsp("/b", b"1"),
    ];
    let first: Vec<_> = fetches.iter().map(|fetch| source.fetch(fetch)).collect();
    let again: Vec<_> = fetches.iter().map(|fetch| bytes(source.fetch(fetch))).collect();
    assert_eq!(first.into_iter().map(bytes).collect::<Vec<_>>(), again);
    assert_eq!(server.log().len(), fetches.len());
    let distinct: BTreeSet<_> = again.iter().collect();
    assert_eq!(distinct.len(), fetches.len());
}

#[test]
fn only_good_answers_are_kept() {
    for reply in [
        Reply::new(200, "<html>log in</html>"),
        Reply::new(200, ocsp(3, DAY_TO_COME)),
        Reply::new(200, ocsp(0, "some day")),
        Reply::new(404, good_crl()),
        Reply::new(500, good_crl()),
    ] {
        let scratch = Scratch::new();
        let server = Loopback::start(move |_| reply.clone());
        let source = Revocation::new(cached(&["127.0.0.1"], &scratch));
        for _ in 0..2 {
            source.fetch(&fetch_ocsp(&url(&server)));
        }
        assert_eq!(server.log().len(), 2);
        assert!(!scratch.path().join("cache").exists());
    }
    // "Try later" is an answer all the same, and the module's to judge.
    let server = serving(ocsp(3, DAY_TO_COME));
    let answer = Revocation::new(options(&["127.0.0.1"])).fetch(&fetch_ocsp(&url(&server)));
    assert_eq!(bytes(answer), ocsp(3, DAY_TO_COME));
}

#[test]
fn an_old_answer_is_better_than_none_until_it_runs_out() {
    let broken = Arc::new(Mutex::new(None));
    let reply: Arc<Mutex<Option<Reply>>> = broken.clone();
    let server = Loopback::start(move |_| {
        reply.lock().unwrap().clone().unwrap_or_else(|| Reply::new(200, good_crl()))
    });
    let scratch = Scratch::new();
    let source = Revocation::new(cached(&["127.0.0.1"], &scratch));
    let fetch = fetch_crl(&url(&server));
    source.fetch(&fetch);
    let file = only_file(&scratch.path().join("cache"));
    age(&file, 100 * HOUR);
    *broken.lock().unwrap() = Some(Reply::new(503, ""));
    assert_eq!(bytes(source.fetch(&fetch)), good_crl());
    assert_eq!(server.log().len(), 2, "it was asked for");
    // That it is not there any more is an answer.
    *broken.lock().unwrap() = Some(Reply::new(404, ""));
    assert!(matches!(source.fetch(&fetch), Answer::Absent { .. }));
    fs::write(&file, crl("a", DAY_GONE, None)).unwrap();
    *broken.lock().unwrap() = Some(Reply::new(503, ""));
    assert_eq!(words(&source.fetch(&fetch)), "`127.0.0.1`: status 503");
}

#[test]
fn offline_asks_nobody_and_takes_what_is_there_however_old() {
    let server = serving(good_crl());
    let scratch = Scratch::new();
    let fetch = fetch_crl(&url(&server));
    let source = Revocation::new(offline(&scratch));
    let answer = source.fetch(&fetch);
    assert_eq!(unavailable(&answer), Some(UnavailableReason::Unsupported));
    let place = scratch.path().join("cache").display().to_string();
    assert_eq!(words(&answer), format!("offline: `{place}` holds no CRL of `{}`", url(&server)));
    let nowhere = Options { cache: None, ..offline(&scratch) };
    let answer = Revocation::new(nowhere).fetch(&fetch_ocsp(&url(&server)));
    assert!(words(&answer).starts_with("offline, and there is no cache: no OCSP response of"));

    Revocation::new(cached(&["127.0.0.1"], &scratch)).fetch(&fetch);
    age(&only_file(&scratch.path().join("cache")), 1000 * HOUR);
    assert_eq!(bytes(source.fetch(&fetch)), good_crl());
    assert_eq!((server.log().len(), source.traffic().requests), (1, 0));
}

#[test]
fn a_cache_can_be_filled_beforehand_and_for_addresses_that_are_never_asked() {
    let scratch = Scratch::new();
    let url = "https://crl.test/a";
    let name = hex(&sha256(url.as_bytes()));
    let expired = crl("a", DAY_GONE, None);
    scratch.write(&format!("cache/{name}.crl"), &expired);
    let key = [url.as_bytes(), &[0], REQUEST].concat();
    scratch.write(&format!("cache/{}.ocsp", hex(&sha256(&key))), ocsp(0, DAY_TO_COME));
    let source = Revocation::new(offline(&scratch));
    assert_eq!(bytes(source.fetch(&fetch_crl(url))), expired, "the module says that it is late");
    assert_eq!(bytes(source.fetch(&fetch_ocsp(url))), ocsp(0, DAY_TO_COME));
    assert!(unavailable(&source.fetch(&fetch_crl("http://crl.test/a"))).is_some());
    // Online, a rule that refuses gives way to what the user has put there.
    scratch.write(&format!("cache/{name}.crl"), good_crl());
    age(&scratch.path().join(format!("cache/{name}.crl")), 10 * HOUR);
    let online = Revocation::new(cached(&[], &scratch));
    assert_eq!(bytes(online.fetch(&fetch_crl(url))), good_crl());
}

#[test]
fn what_is_broken_in_the_cache_is_not_there() {
    let scratch = Scratch::new();
    let server = serving(good_crl());
    let fetch = fetch_crl(&url(&server));
    let name = hex(&sha256(url(&server).as_bytes()));
    scratch.write(&format!("cache/{name}.crl"), "half a f");
    scratch.write(&format!("cache/{name}"), r#"{"baseCRL":"%%"}"#);
    assert!(unavailable(&Revocation::new(offline(&scratch)).fetch(&fetch)).is_some());
    assert_eq!(bytes(Revocation::new(cached(&["127.0.0.1"], &scratch)).fetch(&fetch)), good_crl());
    let own = scratch.path().join(format!("cache/{name}.crl"));
    assert_eq!(fs::read(&own).unwrap(), good_crl());
    fs::remove_file(&own).unwrap();
    fs::create_dir(&own).unwrap();
    let source = Revocation::new(cached(&["127.0.0.1"], &scratch));
    assert_eq!(bytes(source.fetch(&fetch)), good_crl());
    let note = source.notes().concat();
    assert!(note.contains("/cache` keeps nothing: "), "{note}");
    // No file is left of what could not be kept.
    assert_eq!(fs::read_dir(scratch.path().join("cache")).unwrap().count(), 2);
}

/// Writes a file as Notation does.
fn notation(scratch: &Scratch, url: &str, base: &[u8], delta: Option<&[u8]>) -> PathBuf {
    let mut bundle = json!({ "baseCRL": STANDARD.encode(base) });
    if let Some(delta) = delta {
        bundle["deltaCRL"] = STANDARD.encode(delta).into();
    }
    let name = hex(&sha256(url.as_bytes()));
    scratch.write(&format!("cache/{name}"), bundle.to_string())
}

#[test]
fn the_cache_of_notation_is_read() {
    let scratch = Scratch::new();
    let (base_url, delta_url) = ("http://crl.test/base.crl", "http://crl.test/delta.crl");
    let base = crl("base", DAY_TO_COME, Some(delta_url));
    let delta = crl("delta", DAY_TO_COME, None);
    let file = notation(&scratch, base_url, &base, Some(&delta));
    notation(&scratch, "http://other.test/", &good_crl(), None);
    let resolver = Names::new(&["10.0.0.7"]);
    let online = Options { resolver: resolver.clone(), ..cached(&[], &scratch) };
    for options in [offline(&scratch), online] {
        let source = Revocation::new(options);
        assert_eq!(bytes(source.fetch(&fetch_crl(base_url))), base);
        assert_eq!(bytes(source.fetch(&fetch_crl(delta_url))), delta);
        assert_eq!(bytes(source.fetch(&fetch_crl("http://other.test/"))), good_crl());
        let other = source.fetch(&fetch_crl("http://crl.test/delta.cr"));
        assert!(unavailable(&other).is_some(), "a part of an address is none");
        let small = Fetch::Crl { url: delta_url.to_owned(), max_bytes: delta.len() as u64 - 1 };
        assert!(unavailable(&source.fetch(&small)).is_some());
    }
    assert_eq!(resolver.asked().len(), 2);
    // The youngest base that names it.
    let newer = crl("newer", DAY_TO_COME, None);
    age(&file, HOUR);
    notation(&scratch, "http://crl.test/2.crl", &base, Some(&newer));
    notation(&scratch, "http://crl.test/3.crl", &good_crl(), Some(&good_crl()));
    let source = Revocation::new(offline(&scratch));
    assert_eq!(bytes(source.fetch(&fetch_crl(delta_url))), newer);
}

#[test]
fn the_younger_of_an_own_and_an_imported_answer_is_served() {
    let scratch = Scratch::new();
    let url = "http://crl.test/a";
    let file = notation(&scratch, url, &crl("notation", DAY_TO_COME, None), None);
    let own = format!("cache/{}.crl", hex(&sha256(url.as_bytes())));
    let own = scratch.write(&own, good_crl());
    let source = Revocation::new(offline(&scratch));
    age(&file, HOUR);
    assert_eq!(bytes(source.fetch(&fetch_crl(url))), good_crl());
    age(&own, 2 * HOUR);
    assert_eq!(bytes(source.fetch(&fetch_crl(url))), crl("notation", DAY_TO_COME, None));
}

#[test]
fn the_cache_is_bounded_and_the_oldest_go_first() {
    let server = serving(good_crl());
    let scratch = Scratch::new();
    let fetch = |n: u32| fetch_crl(&format!("http://{}/{n}", server.host));
    let file = |n: u32| {
        let name = hex(&sha256(format!("http://{}/{n}", server.host).as_bytes()));
        scratch.path().join(format!("cache/{name}.crl"))
    };
    let kept = || (0..9).filter(|n| file(*n).exists()).collect::<Vec<_>>();
    let foreign = notation(&scratch, "http://crl.test/", &good_crl(), None);
    let unfinished = scratch.write("cache/.unfinished-1-1", "x");
    age(&unfinished, HOUR);
    let young = scratch.write("cache/.unfinished-1-2", "x");
    let few = Options { cache_entries: 3, ..cached(&["127.0.0.1"], &scratch) };
    let source = Revocation::new(few);
    for n in 0..6 {
        source.fetch(&fetch(n));
        age(&file(n), Duration::from_secs(600 - u64::from(n)));
    }
    assert_eq!(kept(), [3, 4, 5]);
    assert!(foreign.exists() && !unfinished.exists() && young.exists());
    let size = good_crl().len() as u64;
    let small = Options { cache_bytes: 2 * size, ..cached(&["127.0.0.1"], &scratch) };
    Revocation::new(small).fetch(&fetch(6));
    assert_eq!(kept(), [5, 6]);
    let smaller = Options { cache_bytes: size - 1, ..cached(&["127.0.0.1"], &scratch) };
    Revocation::new(smaller).fetch(&fetch(7));
    assert_eq!(kept(), [5, 6]);
}
