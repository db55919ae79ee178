use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use countersign::{
    crypto::{hex, sha256},
    wire::{Answer, Fetch, UnavailableReason},
};
use countersign_host::{
    http::Timeouts,
    registry::{Options, Registry},
    source::EvidenceSource,
};
use serde_json::{Value, json};

use crate::{
    loopback::{Loopback, Reply},
    scratch::{MANIFEST, Scratch, image, tag},
};

pub(crate) const LIMIT: u64 = 1 << 20;
pub(crate) const BODY: &str = r#"{"schemaVersion":2}"#;

pub(crate) fn client(scratch: &Scratch) -> Registry {
    Registry::new(&Options {
        plain_http: true,
        timeouts: Timeouts {
            connect: Duration::from_millis(300),
            request: Duration::from_millis(400),
            backoff: Duration::from_millis(10),
            ..Timeouts::default()
        },
        auth: auth(scratch),
        ..Options::default()
    })
}

/// `config.json` of the directory, empty where the test has written none.
pub(crate) fn auth(scratch: &Scratch) -> countersign_host::auth::Options {
    let path = scratch.path().join("config.json");
    if !path.exists() {
        scratch.write("config.json", "{}");
    }
    countersign_host::auth::Options { docker_config: Some(path), ..Default::default() }
}

pub(crate) fn digest(body: &str) -> String {
    format!("sha256:{}", hex(&sha256(body.as_bytes())))
}

pub(crate) fn manifest(registry: &Loopback, body: &str) -> Fetch {
    Fetch::Manifest { repository: registry.repository(), digest: digest(body), max_bytes: LIMIT }
}

pub(crate) fn unavailable(answer: &Answer) -> Option<UnavailableReason> {
    match answer {
        Answer::Unavailable { reason, .. } => Some(*reason),
        _ => None,
    }
}

/// The answer to a fetch of `BODY` by digest from a registry that always replies so.
pub(crate) fn always(reply: Reply) -> (Answer, usize) {
    let registry = Loopback::start(move |_| reply.clone());
    let answer = client(&Scratch::new()).fetch(&manifest(&registry, BODY));
    (answer, registry.log().len())
}

#[test]
fn delivers_what_a_layout_holds_and_keeps_what_it_resolved() {
    let scratch = Scratch::new();
    let subject = scratch.manifest(&image("a"), tag("1"));
    let mut signature = image("s");
    signature["subject"] = subject.clone();
    signature["artifactType"] = "application/test".into();
    let signature = scratch.manifest(&signature, json!({}));
    scratch.index(&[subject.clone(), signature.clone()]);
    let registry = Loopback::layout(scratch.path(), true);
    let client = client(&scratch);
    let repository = registry.repository();
    let digest = subject["digest"].as_str().unwrap().to_owned();

    let resolved = client.fetch(&Fetch::Resolve { reference: format!("{repository}:1") });
    assert_eq!(resolved, Answer::Resolved { digest: digest.clone() });
    let fetch = Fetch::Manifest {
        repository: repository.clone(),
        digest: digest.clone(),
        max_bytes: LIMIT,
    };
    let Answer::Found { bytes, media_type, .. } = client.fetch(&fetch) else { panic!() };
    assert_eq!(bytes.0, image("a").to_string().into_bytes());
    assert_eq!(media_type.as_deref(), Some(MANIFEST));
    assert_eq!(registry.log().len(), 1, "the manifest was fetched twice");
    assert_eq!(client.traffic().requests, 1);
    assert_eq!(client.traffic().bytes, bytes.0.len() as u64);
    assert!(registry.log()[0].header("accept").unwrap().contains("oci.artifact.manifest"));

    let fetch = Fetch::Referrers { repository: repository.clone(), digest, max_bytes: LIMIT };
    let Answer::Found { bytes, .. } = client.fetch(&fetch) else { panic!() };
    let index: Value = serde_json::from_slice(&bytes.0).unwrap();
    assert_eq!(index["manifests"][0]["digest"], signature["digest"]);
    assert_eq!(index["manifests"][0]["artifactType"], "application/test");

    let fetch = Fetch::Tag { repository, tag: "none".to_owned(), max_bytes: LIMIT };
    assert!(matches!(client.fetch(&fetch), Answer::Absent { .. }));
}

#[test]
fn tells_the_four_kinds_of_answer_apart() {
    assert!(matches!(always(Reply::new(404, "gone")).0, Answer::Absent { .. }));
    assert!(matches!(always(Reply::new(401, "")).0, Answer::Denied { .. }));
    assert!(matches!(always(Reply::new(403, "")).0, Answer::Denied { .. }));
    assert_eq!(unavailable(&always(Reply::new(418, "")).0), Some(UnavailableReason::Garbled));
    assert!(matches!(always(Reply::new(200, BODY)).0, Answer::Found { .. }));
}

#[test]
fn retries_what_may_pass_and_no_more_than_twice() {
    for status in [429, 500, 503] {
        let (answer, requests) = always(Reply::new(status, ""));
        assert_eq!(unavailable(&answer), Some(UnavailableReason::Transport), "{status}");
        assert_eq!(requests, 3, "{status}");
    }
    let count = AtomicUsize::new(0);
    let registry = Loopback::start(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => Reply::new(503, ""),
        _ => Reply::new(200, BODY),
    });
    let answer = client(&Scratch::new()).fetch(&manifest(&registry, BODY));
    assert!(matches!(answer, Answer::Found { .. }));
}

#[test]
fn waits_as_long_as_asked_but_not_for_ever() {
    let (answer, requests) = always(Reply::new(429, "").with("Retry-After", "600"));
    assert_eq!(unavailable(&answer), Some(UnavailableReason::Transport));
    assert_eq!(requests, 1, "it must give up where it would wait for ten minutes");

    let count = AtomicUsize::new(0);
    let registry = Loopback::start(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::new(429, "").with("Retry-After", "1"),
        _ => Reply::new(200, BODY),
    });
    let start = Instant::now();
    let answer = client(&Scratch::new()).fetch(&manifest(&registry, BODY));
    assert!(matches!(answer, Answer::Found { .. }));
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn what_is_not_the_thing_itself_is_garbled() {
    let page = "<html>log in</html>";
    let registry = Loopback::start(|_| Reply::new(200, "<html>log in</html>"));
    let client = client(&Scratch::new());
    let garbled = Some(UnavailableReason::Garbled);
    assert_eq!(unavailable(&client.fetch(&manifest(&registry, BODY))), garbled, "wrong digest");
    assert_eq!(unavailable(&client.fetch(&manifest(&registry, page))), garbled, "not JSON");
    let reference = format!("{}:1", registry.repository());
    assert_eq!(unavailable(&client.fetch(&Fetch::Resolve { reference })), garbled, "resolve");

    let lying = Loopback::start(|_| {
        Reply::new(200, BODY).with("Docker-Content-Digest", digest("something else"))
    });
    let reference = format!("{}:1", lying.repository());
    assert_eq!(unavailable(&client.fetch(&Fetch::Resolve { reference })), garbled, "lying header");

    let blob = Fetch::Blob {
        repository: registry.repository(),
        digest: digest("other"),
        max_bytes: LIMIT,
    };
    assert_eq!(unavailable(&client.fetch(&blob)), garbled, "blob");
}

#[test]
fn what_breaks_off_or_stays_silent_is_transport() {
    let (answer, _) = always(Reply::new(200, BODY).claiming(BODY.len() + 10));
    assert_eq!(unavailable(&answer), Some(UnavailableReason::Transport));

    let start = Instant::now();
    let (answer, _) = always(Reply::new(200, BODY).after(Duration::from_secs(5)));
    assert_eq!(unavailable(&answer), Some(UnavailableReason::Transport));
    assert!(start.elapsed() < Duration::from_secs(2));

    let nobody = Fetch::Resolve { reference: "127.0.0.1:1/app:1".to_owned() };
    let answer = client(&Scratch::new()).fetch(&nobody);
    assert_eq!(unavailable(&answer), Some(UnavailableReason::Transport));
}

#[test]
fn stops_reading_at_the_limit() {
    let (answer, _) = always(Reply::new(200, vec![b' '; 50 << 20]));
    assert_eq!(unavailable(&answer), Some(UnavailableReason::TooLarge));
}

#[test]
fn redirects_end() {
    let registry = Loopback::start(|_| Reply::new(302, "").with("Location", "/again"));
    let answer = client(&Scratch::new()).fetch(&manifest(&registry, BODY));
    assert_eq!(unavailable(&answer), Some(UnavailableReason::Garbled));
    assert_eq!(registry.log().len(), 6);
    for target in ["ftp://127.0.0.1/x", "http://example.invalid/x", "http://u:p@127.0.0.1/x", ""] {
        let (answer, _) = always(Reply::new(302, "").with("Location", target));
        assert_eq!(unavailable(&answer), Some(UnavailableReason::Garbled), "{target}");
    }
}

#[test]
fn names_that_would_change_the_url_are_never_sent() {
    let client = client(&Scratch::new());
    for fetch in [
        Fetch::Resolve { reference: "127.0.0.1:1/a/../b:1".to_owned() },
        Fetch::Tag { repository: "127.0.0.1:1/a".to_owned(), tag: "../x".to_owned(), max_bytes: 1 },
        Fetch::Blob {
            repository: "127.0.0.1:1/a".to_owned(),
            digest: "sha256:../../x".to_owned(),
            max_bytes: 1,
        },
    ] {
        let answer = client.fetch(&fetch);
        assert_eq!(unavailable(&answer), Some(UnavailableReason::Unsupported), "{fetch:?}");
    }
    assert_eq!(client.traffic().requests, 0);
}

#[test]
fn plain_http_is_for_this_machine_only() {
    // Without the option even this machine is spoken to over TLS, which a plain server cannot do.
    let registry = Loopback::start(|_| Reply::new(200, BODY));
    let scratch = Scratch::new();
    let strict = Registry::new(&Options {
        auth: auth(&scratch),
        timeouts: Timeouts { request: Duration::from_millis(400), ..Timeouts::default() },
        ..Options::default()
    });
    let answer = strict.fetch(&manifest(&registry, BODY));
    assert_eq!(unavailable(&answer), Some(UnavailableReason::Transport));
    assert!(registry.log().iter().all(|incoming| incoming.path.is_empty()));
}
