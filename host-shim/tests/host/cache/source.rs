//! A source that remembers: for how long, for whom, and how often the registry is asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use countersign::{
    crypto::{hex, sha256},
    wire::{Answer, Bytes, Fetch, UnavailableReason},
};
use countersign_host::{
    cache::{Ages, Cached, Content, ContentOptions, Figures},
    source::{EvidenceSource, Traffic},
};

use super::{Hand, LIMIT, REPOSITORY, digest};
use crate::{
    loopback::{Loopback, Reply},
    registry::client,
    scratch::Scratch,
};

const SECOND: Duration = Duration::from_secs(1);
const BODY: &[u8] = br#"{"schemaVersion":2}"#;

/// Answers as it is told, and counts.
#[derive(Default)]
struct Told {
    answers: Mutex<BTreeMap<Fetch, Answer>>,
    asked: Mutex<Vec<Fetch>>,
    delay: Duration,
}

impl Told {
    fn tell(&self, fetch: &Fetch, answer: Answer) {
        self.answers.lock().unwrap().insert(fetch.clone(), answer);
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl EvidenceSource for Told {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        self.asked.lock().unwrap().push(fetch.clone());
        thread::sleep(self.delay);
        let known = self.answers.lock().unwrap().get(fetch).cloned();
        known.unwrap_or_else(|| Answer::Absent { message: "not told".to_owned() })
    }

    fn traffic(&self) -> Traffic {
        Traffic { requests: self.asked() as u64, bytes: 7 }
    }
}

/// A cache over a told source, with a clock to set.
struct Stage {
    cached: Cached<Told>,
    clock: Arc<Hand>,
}

impl Stage {
    fn new(ages: Ages) -> Self {
        let content = Content::open(&ContentOptions::default());
        Self::with(Told::default(), Arc::new(content), ages)
    }

    fn with(told: Told, content: Arc<Content>, ages: Ages) -> Self {
        let clock = Arc::new(Hand::default());
        let cached = Cached::with_clock(told, Some(content), ages, clock.clone());
        Self { cached, clock }
    }

    fn told(&self) -> &Told {
        self.cached.source()
    }

    /// What comes, and how often the source was asked for it.
    fn fetch(&self, fetch: &Fetch) -> (Answer, usize) {
        let before = self.told().asked();
        (self.cached.fetch(fetch), self.told().asked() - before)
    }
}

fn found(bytes: &[u8]) -> Answer {
    let media_type = Some("application/json".to_owned());
    Answer::Found { bytes: Bytes(bytes.to_vec()), media_type, reserialised: false }
}

fn bytes(answer: Answer) -> Option<Vec<u8>> {
    match answer {
        Answer::Found { bytes, .. } => Some(bytes.0),
        _ => None,
    }
}

fn absent() -> Answer {
    Answer::Absent { message: "gone".to_owned() }
}

fn denied() -> Answer {
    Answer::Denied { message: "no".to_owned() }
}

fn down() -> Answer {
    Answer::Unavailable { reason: UnavailableReason::Transport, message: "down".to_owned() }
}

fn resolve() -> Fetch {
    Fetch::Resolve { reference: format!("{REPOSITORY}:1") }
}

fn tag() -> Fetch {
    let repository = REPOSITORY.to_owned();
    Fetch::Tag { repository, tag: "1".to_owned(), max_bytes: LIMIT }
}

fn referrers() -> Fetch {
    let repository = REPOSITORY.to_owned();
    Fetch::Referrers { repository, digest: digest(BODY), max_bytes: LIMIT }
}

fn manifest_in(repository: &str) -> Fetch {
    let repository = repository.to_owned();
    Fetch::Manifest { repository, digest: digest(BODY), max_bytes: LIMIT }
}

fn blob() -> Fetch {
    let repository = REPOSITORY.to_owned();
    Fetch::Blob { repository, digest: digest(b"blob"), max_bytes: LIMIT }
}

#[test]
fn content_comes_from_the_store_once_its_repository_has_answered() {
    let content = Arc::new(Content::open(&ContentOptions::default()));
    content.put(REPOSITORY, &digest(BODY), BODY);
    content.put(REPOSITORY, &digest(b"blob"), b"blob");
    let stage = Stage::with(Told::default(), content, Ages::ONE_SHOT);
    let manifest = manifest_in(REPOSITORY);
    // Nobody has said that we may read this.
    for answer in [denied(), absent(), down()] {
        stage.told().tell(&manifest, answer.clone());
        stage.told().tell(&blob(), answer.clone());
        assert_eq!(stage.fetch(&manifest), (answer.clone(), 1));
        assert_eq!(stage.fetch(&blob()), (answer, 1));
    }
    stage.told().tell(&manifest, found(BODY));
    assert_eq!(stage.fetch(&manifest).1, 1);
    assert_eq!(stage.fetch(&manifest).1, 0);
    let (answer, asked) = stage.fetch(&blob());
    assert_eq!((bytes(answer).as_deref(), asked), (Some(&b"blob"[..]), 0));
    // Another repository has not said it, and it has other content.
    let other = manifest_in("ghcr.io/other/app");
    stage.told().tell(&other, denied());
    assert_eq!(stage.fetch(&other), (denied(), 1));
}

#[test]
fn a_tag_that_resolves_opens_its_repository() {
    for (fetch, answer) in [
        (resolve(), Answer::Resolved { digest: digest(BODY) }),
        (tag(), found(BODY)),
        (referrers(), found(BODY)),
    ] {
        let stage = Stage::new(Ages::ONE_SHOT);
        stage.cached.content().unwrap().put(REPOSITORY, &digest(b"blob"), b"blob");
        stage.told().tell(&fetch, answer);
        stage.fetch(&fetch);
        assert_eq!(stage.fetch(&blob()).1, 0, "{fetch:?}");
    }
}

#[test]
fn access_ends_with_its_age_and_with_a_denial() {
    let ages = Ages { access: 10 * SECOND, ..Ages::default() };
    let stage = Stage::new(ages);
    let manifest = manifest_in(REPOSITORY);
    stage.told().tell(&manifest, found(BODY));
    stage.told().tell(&resolve(), Answer::Resolved { digest: digest(BODY) });
    assert_eq!(stage.fetch(&manifest).1, 1);
    stage.clock.forward(10 * SECOND - Duration::from_nanos(1));
    assert_eq!(stage.fetch(&manifest).1, 0);
    stage.clock.forward(Duration::from_nanos(1));
    assert_eq!(stage.fetch(&manifest).1, 1);
    assert_eq!(stage.fetch(&resolve()).1, 1);
    assert_eq!(stage.fetch(&resolve()).1, 0);
    // Whatever is denied of it, nothing more is given.
    stage.told().tell(&tag(), denied());
    stage.told().tell(&manifest, denied());
    stage.told().tell(&resolve(), denied());
    stage.fetch(&tag());
    assert_eq!(stage.fetch(&manifest), (denied(), 1));
    assert_eq!(stage.fetch(&resolve()), (denied(), 1));
}

#[test]
fn only_what_has_its_digest_is_kept() {
    let stage = Stage::new(Ages::ONE_SHOT);
    let manifest = manifest_in(REPOSITORY);
    let reserialised =
        Answer::Found { bytes: Bytes(BODY.to_vec()), media_type: None, reserialised: true };
    for answer in [reserialised, found(b"something else")] {
        stage.told().tell(&manifest, answer.clone());
        assert_eq!(stage.fetch(&manifest), (answer.clone(), 1));
        assert_eq!(stage.fetch(&manifest), (answer, 1));
    }
}

#[test]
fn answers_are_young_for_as_long_as_their_kind_is() {
    let ages = Ages {
        tags: 10 * SECOND,
        referrers: 20 * SECOND,
        absent: 5 * SECOND,
        access: 300 * SECOND,
    };
    let resolved = Answer::Resolved { digest: digest(BODY) };
    for (fetch, answer, age) in [
        (resolve(), resolved, 10),
        (tag(), found(BODY), 10),
        (referrers(), found(BODY), 20),
        (resolve(), absent(), 5),
        (tag(), absent(), 5),
        (referrers(), absent(), 5),
        (manifest_in(REPOSITORY), absent(), 5),
        (blob(), absent(), 5),
    ] {
        let stage = Stage::new(ages);
        stage.told().tell(&fetch, answer.clone());
        assert_eq!(stage.fetch(&fetch), (answer.clone(), 1));
        stage.told().tell(&fetch, down());
        stage.clock.forward(age * SECOND - Duration::from_nanos(1));
        assert_eq!(stage.fetch(&fetch), (answer.clone(), 0), "{fetch:?}");
        stage.clock.forward(Duration::from_nanos(1));
        assert_eq!(stage.fetch(&fetch), (down(), 1), "{fetch:?} {answer:?}");
    }
}

#[test]
fn denials_and_failures_are_never_remembered() {
    let hour = 3600 * SECOND;
    let ages = Ages { tags: hour, referrers: hour, absent: hour, access: hour };
    for fetch in [resolve(), tag(), referrers(), manifest_in(REPOSITORY), blob()] {
        for reason in [
            UnavailableReason::Transport,
            UnavailableReason::Garbled,
            UnavailableReason::TooLarge,
            UnavailableReason::Unsupported,
        ] {
            let stage = Stage::new(ages);
            let answer = Answer::Unavailable { reason, message: String::new() };
            for answer in [answer, denied()] {
                stage.told().tell(&fetch, answer.clone());
                assert_eq!(stage.fetch(&fetch), (answer.clone(), 1));
                assert_eq!(stage.fetch(&fetch), (answer, 1));
            }
        }
    }
}

#[test]
fn one_command_asks_for_every_tag() {
    let stage = Stage::new(Ages::ONE_SHOT);
    stage.told().tell(&resolve(), Answer::Resolved { digest: digest(BODY) });
    stage.told().tell(&referrers(), found(BODY));
    for fetch in [resolve(), tag(), referrers()] {
        assert_eq!(stage.fetch(&fetch).1, 1);
        assert_eq!(stage.fetch(&fetch).1, 1, "{fetch:?}");
    }
}

#[test]
fn a_smaller_limit_is_asked_anew() {
    let stage = Stage::new(Ages::default());
    let small = Fetch::Tag { repository: REPOSITORY.to_owned(), tag: "1".to_owned(), max_bytes: 3 };
    let too_large =
        Answer::Unavailable { reason: UnavailableReason::TooLarge, message: String::new() };
    stage.told().tell(&tag(), found(BODY));
    stage.told().tell(&small, too_large.clone());
    assert_eq!(stage.fetch(&tag()).1, 1);
    assert_eq!(stage.fetch(&small), (too_large, 1));
    assert_eq!(stage.fetch(&tag()).1, 0);
}

#[test]
fn revocation_passes() {
    let stage = Stage::new(Ages::default());
    let crl = Fetch::Crl { url: "http://crl.example/a".to_owned(), max_bytes: LIMIT };
    stage.told().tell(&crl, found(BODY));
    for _ in 0..2 {
        assert_eq!(stage.fetch(&crl), (found(BODY), 1));
    }
    assert_eq!(stage.cached.traffic(), Traffic { requests: 2, bytes: 7 });
}

#[test]
fn of_many_who_ask_at_once_one_asks_the_registry() {
    let layout = Scratch::new();
    let body = r#"{"schemaVersion":2}"#;
    let registry =
        Loopback::start(move |_| Reply::new(200, body).after(Duration::from_millis(200)));
    let name = hex(&sha256(body.as_bytes()));
    let fetch = Fetch::Manifest {
        repository: registry.repository(),
        digest: format!("sha256:{name}"),
        max_bytes: LIMIT,
    };
    let cached = Cached::new(client(&layout), None, Ages::ONE_SHOT);
    let answers: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = (0..16).map(|_| scope.spawn(|| cached.fetch(&fetch))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| bytes(answer.clone()).as_deref() == Some(BODY)));
    assert_eq!(registry.log().len(), 1);
    let Figures { asked, shared, .. } = cached.figures();
    assert_eq!((asked, shared), (1, 15));
}

#[test]
fn who_waits_for_a_failure_gets_it_and_the_next_asks_again() {
    let told = Told { delay: Duration::from_millis(200), ..Told::default() };
    told.tell(&tag(), down());
    let content = Arc::new(Content::open(&ContentOptions::default()));
    let stage = Stage::with(told, content, Ages::default());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(stage.cached.fetch(&tag()), down()));
        }
    });
    assert_eq!(stage.told().asked(), 1);
    stage.told().tell(&tag(), found(BODY));
    assert_eq!(stage.fetch(&tag()), (found(BODY), 1));
}

#[test]
fn a_source_that_panics_harms_only_who_asked_it() {
    struct Faulty(Mutex<u32>);
    impl EvidenceSource for Faulty {
        fn fetch(&self, _: &Fetch) -> Answer {
            let number = {
                let mut number = self.0.lock().unwrap();
                *number += 1;
                *number
            };
            thread::sleep(Duration::from_millis(100));
            assert!(number > 1, "as the test wants");
            found(BODY)
        }
    }
    let cached = Cached::new(Faulty(Mutex::new(0)), None, Ages::ONE_SHOT);
    let answers: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = (0..6).map(|_| scope.spawn(|| cached.fetch(&tag()))).collect();
        all.into_iter().map(|one| one.join().ok()).collect()
    });
    assert_eq!(answers.iter().filter(|answer| answer.is_none()).count(), 1);
    assert!(answers.into_iter().flatten().all(|answer| answer == found(BODY)));
}
