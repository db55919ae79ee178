//! A source that remembers.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use countersign::wire::{Answer, Bytes, Fetch};

use super::{
    Clock, Content, Monotonic,
    flight::{Flights, Landed},
    lock,
    lru::Lru,
};
use crate::source::{EvidenceSource, Traffic};

/// Answers that are kept, and bytes of all of them. Manifests of tags and lists of referrers are
/// among them, of 4 MiB at the most each.
const MOST_ANSWERS: usize = 4096;
const MOST_ANSWER_BYTES: u64 = 32 << 20;
/// What an answer weighs beside its bytes: its key and its place.
const OVERHEAD: u64 = 256;
/// Repositories of which it is remembered that they may be read.
const MOST_REPOSITORIES: usize = 16_384;
/// How long one waits for somebody else's fetch before asking too: longer than any fetch takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// How old an answer may be and still be given. Zero is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ages {
    /// What a tag names.
    pub tags: Duration,
    /// A list of referrers.
    pub referrers: Duration,
    /// That something is not there: not for long, or a signature that was just pushed is missed.
    pub absent: Duration,
    /// That a repository may be read, since it was.
    pub access: Duration,
}

impl Ages {
    /// For one command: it asks for what names something now, and a repository that it has read
    /// it may read to its end.
    pub const ONE_SHOT: Self = Self {
        tags: Duration::ZERO,
        referrers: Duration::ZERO,
        absent: Duration::ZERO,
        access: Duration::from_secs(3600),
    };
}

impl Default for Ages {
    /// For a service: an object with many Pods asks once, and a new tag or signature is seen after
    /// ten seconds.
    fn default() -> Self {
        Self {
            tags: Duration::from_secs(10),
            referrers: Duration::from_secs(10),
            absent: Duration::from_secs(5),
            access: Duration::from_secs(300),
        }
    }
}

/// How often there was an answer already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Answers from content by digest.
    pub content: u64,
    /// Answers about tags, referrers, and what is not there, that were young enough.
    pub young: u64,
    /// Answers to somebody who was asking the same at that moment.
    pub shared: u64,
    /// Fetches for which the source was asked.
    pub asked: u64,
}

/// A source in front of another, which is asked less.
///
/// * Manifests and blobs by digest come from a [`Content`], if there is one.
/// * What tags name, referrers, and what is not there, is remembered for as long as [`Ages`] say.
/// * Denials and failures are never remembered. Of many who ask the same at once one does, and all
///   get that answer, whatever it is: that is what damps a storm on a registry that is down.
/// * OCSP and CRLs pass: they have a cache of their own.
///
/// **Who may see what.** Content may have been fetched with credentials that the next one does not
/// have. So it is given only for a repository that has itself answered to this source, with this
/// source's credentials, within [`Ages::access`]: the first answer for a repository always comes
/// from there. A denial ends that at once. Who serves callers with credentials of their own makes
/// one such source for each; they may share a [`Content`].
pub struct Cached<S> {
    source: S,
    content: Option<Arc<Content>>,
    ages: Ages,
    clock: Arc<dyn Clock>,
    /// By fetch, whatever its limit.
    answers: Mutex<Lru<Fetch, Kept>>,
    /// When a repository has last answered.
    readable: Mutex<Lru<String, Duration>>,
    flights: Flights<Fetch, Answer>,
    counts: Counts,
}

#[derive(Clone)]
struct Kept {
    answer: Answer,
    since: Duration,
}

#[derive(Default)]
struct Counts {
    content: AtomicU64,
    young: AtomicU64,
    shared: AtomicU64,
    asked: AtomicU64,
}

impl<S: EvidenceSource> Cached<S> {
    /// Puts a cache in front of `source`.
    pub fn new(source: S, content: Option<Arc<Content>>, ages: Ages) -> Self {
        Self::with_clock(source, content, ages, Arc::new(Monotonic::default()))
    }

    /// The same, with a clock of one's own.
    pub fn with_clock(
        source: S,
        content: Option<Arc<Content>>,
        ages: Ages,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            source,
            content,
            ages,
            clock,
            answers: Mutex::new(Lru::new(MOST_ANSWERS, MOST_ANSWER_BYTES)),
            readable: Mutex::new(Lru::new(MOST_REPOSITORIES, u64::MAX)),
            flights: Flights::default(),
            counts: Counts::default(),
        }
    }

    /// What is behind.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// Content by digest, where there is any.
    pub fn content(&self) -> Option<&Content> {
        self.content.as_deref()
    }

    /// How often there was an answer already.
    pub fn figures(&self) -> Figures {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Figures {
            content: of(&self.counts.content),
            young: of(&self.counts.young),
            shared: of(&self.counts.shared),
            asked: of(&self.counts.asked),
        }
    }

    fn known(&self, asked: &Asked<'_>) -> Option<Answer> {
        if let Some(answer) = self.young(asked) {
            self.counts.young.fetch_add(1, Ordering::Relaxed);
            return Some(answer);
        }
        let digest = asked.content?;
        let content = self.content.as_ref().filter(|_| self.is_readable(asked.repository))?;
        let bytes = content.get(asked.repository, digest, asked.max_bytes)?;
        self.counts.content.fetch_add(1, Ordering::Relaxed);
        // The media type was the registry's word, which no digest covers.
        Some(Answer::Found { bytes: Bytes(bytes.to_vec()), media_type: None, reserialised: false })
    }

    fn young(&self, asked: &Asked<'_>) -> Option<Answer> {
        let kept = lock(&self.answers).get(&asked.key)?.clone();
        let age = self.clock.now().checked_sub(kept.since)?;
        let fits = match &kept.answer {
            Answer::Found { bytes, .. } => bytes.0.len() as u64 <= asked.max_bytes,
            _ => true,
        };
        (fits && age < self.age(asked, &kept.answer)).then_some(kept.answer)
    }

    /// How old this answer may be.
    fn age(&self, asked: &Asked<'_>, answer: &Answer) -> Duration {
        match (answer, &asked.key) {
            (Answer::Absent { .. }, _) => self.ages.absent,
            (Answer::Found { reserialised: true, .. }, _) => Duration::ZERO,
            (Answer::Found { .. } | Answer::Resolved { .. }, key) => match key {
                Fetch::Resolve { .. } | Fetch::Tag { .. } => self.ages.tags,
                Fetch::Referrers { .. } => self.ages.referrers,
                _ => Duration::ZERO,
            },
            (Answer::Partial { .. } | Answer::Denied { .. } | Answer::Unavailable { .. }, _) => {
                Duration::ZERO
            }
        }
    }

    fn ask(&self, fetch: &Fetch, asked: &Asked<'_>) -> Answer {
        // Whoever was asking when we looked may have the answer by now.
        if let Some(answer) = self.known(asked) {
            return answer;
        }
        self.counts.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.source.fetch(fetch);
        self.learn(asked, &answer);
        answer
    }

    fn learn(&self, asked: &Asked<'_>, answer: &Answer) {
        match answer {
            Answer::Found { bytes, reserialised: false, .. } => {
                self.open(asked.repository);
                if let (Some(digest), Some(content)) = (asked.content, &self.content) {
                    content.put(asked.repository, digest, &bytes.0);
                }
            }
            Answer::Resolved { .. } => self.open(asked.repository),
            Answer::Denied { .. } => self.close(asked.repository),
            Answer::Absent { .. }
            | Answer::Found { .. }
            | Answer::Partial { .. }
            | Answer::Unavailable { .. } => {}
        }
        if self.age(asked, answer).is_zero() {
            return;
        }
        let length = match answer {
            Answer::Found { bytes, .. } => bytes.0.len() as u64,
            _ => 0,
        };
        let kept = Kept { answer: answer.clone(), since: self.clock.now() };
        lock(&self.answers).insert(asked.key.clone(), kept, length + OVERHEAD);
    }

    fn open(&self, repository: &str) {
        lock(&self.readable).insert(repository.to_owned(), self.clock.now(), 0);
    }

    fn close(&self, repository: &str) {
        lock(&self.readable).remove(&repository.to_owned());
        let of_other = |key: &Fetch| Asked::of(key).is_none_or(|a| a.repository != repository);
        lock(&self.answers).retain(of_other);
    }

    fn is_readable(&self, repository: &str) -> bool {
        let since = lock(&self.readable).get(&repository.to_owned()).copied();
        let age = since.and_then(|since| self.clock.now().checked_sub(since));
        age.is_some_and(|age| age < self.ages.access)
    }
}

impl<S: EvidenceSource> EvidenceSource for Cached<S> {
    fn fetch(&self, fetch: &Fetch) -> Answer {
        let Some(asked) = Asked::of(fetch) else {
            return self.source.fetch(fetch);
        };
        if let Some(answer) = self.known(&asked) {
            return answer;
        }
        match self.flights.run(fetch, PATIENCE, || self.ask(fetch, &asked)) {
            Landed::Own(answer) => answer,
            Landed::Shared(answer) => {
                self.counts.shared.fetch_add(1, Ordering::Relaxed);
                answer
            }
        }
    }

    fn traffic(&self) -> Traffic {
        self.source.traffic()
    }
}

/// A fetch of a registry, taken apart.
struct Asked<'a> {
    repository: &'a str,
    /// The digest of what the fetch names by its content.
    content: Option<&'a str>,
    max_bytes: u64,
    /// The fetch without its limit.
    key: Fetch,
}

impl<'a> Asked<'a> {
    fn of(fetch: &'a Fetch) -> Option<Self> {
        let mut key = fetch.clone();
        if let Fetch::Manifest { max_bytes, .. }
        | Fetch::Tag { max_bytes, .. }
        | Fetch::Referrers { max_bytes, .. }
        | Fetch::Blob { max_bytes, .. } = &mut key
        {
            *max_bytes = 0;
        }
        let (repository, content, max_bytes) = match fetch {
            Fetch::Resolve { reference } => (repository(reference), None, u64::MAX),
            Fetch::Manifest { repository, digest, max_bytes }
            | Fetch::Blob { repository, digest, max_bytes } => {
                (repository.as_str(), Some(digest.as_str()), *max_bytes)
            }
            Fetch::Tag { repository, max_bytes, .. }
            | Fetch::Referrers { repository, max_bytes, .. } => {
                (repository.as_str(), None, *max_bytes)
            }
            Fetch::Ocsp { .. } | Fetch::Crl { .. } => return None,
        };
        Some(Self { repository, content, max_bytes, key })
    }
}

/// `host/name` of `host/name:tag`.
fn repository(reference: &str) -> &str {
    match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => reference,
    }
}
