//! Decisions that were made before.

mod asking;
mod entry;
mod key;
mod memory;
mod redis;
mod seal;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use countersign::time::Time;

pub use self::redis::{Redis, RedisError, RedisFigures, RedisOptions};
pub use asking::decide_cached;
pub use entry::Entry;
pub use key::{Key, Setting};
pub use memory::MemoryDecisions;
pub use seal::{SealKey, SealKeyError};

use super::flight::{Flights, Landed};
use crate::driver::{DriverError, Judgement, Stats};
use asking::Named;

/// How long one waits for somebody else's decision before making it too: the deadline of an
/// admission webhook, at the most (Kubernetes, `timeoutSeconds`). So two who share a decision have
/// not asked for times that are further apart.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somewhere to keep decisions. A store that fails has nothing: it must not fail a decision, nor
/// hold it up.
pub trait DecisionStore: Send + Sync {
    /// What people call it, such as `redis`.
    fn name(&self) -> &'static str;

    /// What was kept under a key, if it is what was kept: whoever else may write to the store must
    /// not be believed.
    fn get(&self, key: &Key) -> Option<Entry>;

    /// Keeps a decision for as long as it is of use.
    fn put(&self, key: &Key, entry: &Entry, lifetime: Duration);
}

/// How old a decision may be, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecisionAges {
    /// One that allows.
    pub allow: Duration,
    /// One that denies, or that would without an exception: a signature may be on its way.
    pub deny: Duration,
}

impl Default for DecisionAges {
    fn default() -> Self {
        Self { allow: Duration::from_secs(300), deny: Duration::from_secs(30) }
    }
}

/// How often a decision was there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecisionFigures {
    /// Decisions that were kept.
    pub hits: u64,
    /// Decisions that somebody else was making at that moment.
    pub shared: u64,
    /// Decisions that were made, and might have been kept.
    pub misses: u64,
    /// Decisions of which none can be kept: nothing is fetched for them, or what the images are
    /// cannot be told.
    pub passed: u64,
}

/// A decision, made or found.
#[derive(Clone, Debug)]
pub struct CachedJudgement {
    /// The decision. Where it was found, its evidence is not there, and its figures are those of
    /// looking: one round, and the fetches that say what the images are.
    pub judgement: Judgement,
    /// Where it was found, if it was.
    pub hit: Option<Hit>,
}

/// Where a decision comes from that was not made now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// A store's name, or `in flight`.
    pub source: &'static str,
    /// The time that it was made for.
    pub made: Time,
    /// Seconds since then.
    pub age: u64,
    /// When it is made anew; for one in flight, when it was made.
    pub until: Time,
    /// Digests of the evidence that it rests on, sorted.
    pub evidence: Vec<String>,
}

impl fmt::Display for Hit {
    /// For the explanation: that nothing was verified now, and how long ago it was.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, made, age, .. } = self;
        write!(f, "from the cache ({source}): decided {age} s ago, at {made}")
    }
}

/// A cache of decisions.
///
/// A decision is found under what it depends on: see [`Key`]. It holds until the first instant at which its own
/// evidence may lead to another (`validUntil`), and no longer than [`DecisionAges`] say, as what the
/// registry has may change. One that is undetermined, in whatever part, is never kept, nor is an
/// error.
pub struct Decisions {
    stores: Vec<Arc<dyn DecisionStore>>,
    ages: DecisionAges,
    flights: Flights<Key, Arc<Flown>>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    hits: AtomicU64,
    shared: AtomicU64,
    misses: AtomicU64,
    passed: AtomicU64,
}

/// What came of looking, and of deciding.
type Found = Result<CachedJudgement, DriverError>;

/// What one has found or decided for all who wait.
struct Flown {
    found: Found,
    /// Digests of the evidence, if it was decided.
    evidence: Vec<String>,
}

impl Decisions {
    /// A cache over stores, the nearest first: what is found in one is kept in those before it.
    pub fn new(stores: Vec<Arc<dyn DecisionStore>>, ages: DecisionAges) -> Self {
        Self { stores, ages, flights: Flights::default(), counts: Counts::default() }
    }

    /// How often a decision was there already.
    pub fn figures(&self) -> DecisionFigures {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        DecisionFigures {
            hits: of(&self.counts.hits),
            shared: of(&self.counts.shared),
            misses: of(&self.counts.misses),
            passed: of(&self.counts.passed),
        }
    }

    /// Finds the decision under its key, or makes it: of many who ask at once, one does.
    fn under(&self, key: &Key, now: Time, named: &Named<'_>) -> Found {
        let looked = named.stats();
        if let Some(hit) = self.find(&self.stores, key, now, looked) {
            return Ok(hit);
        }
        let landed = self.flights.run(key, PATIENCE, || {
            // Whoever was deciding when we looked may have done so by now.
            let nearest = self.stores.get(..1).unwrap_or_default();
            Arc::new(match self.find(nearest, key, now, looked) {
                Some(hit) => Flown { found: Ok(hit), evidence: Vec::new() },
                None => self.make(key, now, named),
            })
        });
        let flown = match landed {
            Landed::Own(flown) => return flown.found.clone(),
            Landed::Shared(flown) => flown,
        };
        if let Some(found) = flown.shared(now, looked) {
            self.counts.shared.fetch_add(1, Ordering::Relaxed);
            return found;
        }
        match self.find(&self.stores, key, now, looked) {
            Some(hit) => Ok(hit),
            None => self.make(key, now, named).found,
        }
    }

    fn find(
        &self,
        stores: &[Arc<dyn DecisionStore>],
        key: &Key,
        now: Time,
        looked: Stats,
    ) -> Option<CachedJudgement> {
        for (depth, store) in stores.iter().enumerate() {
            let Some(entry) = store.get(key) else { continue };
            let Some((decision, until)) = entry.decision(now, &self.ages) else { continue };
            for nearer in stores.iter().take(depth) {
                nearer.put(key, &entry, lifetime(now, until));
            }
            self.counts.hits.fetch_add(1, Ordering::Relaxed);
            let hit = Hit {
                source: store.name(),
                made: entry.made,
                age: since(entry.made, now),
                until,
                evidence: entry.evidence,
            };
            let response = entry.response;
            let judgement = Judgement { decision, response, evidence: Vec::new(), stats: looked };
            return Some(CachedJudgement { judgement, hit: Some(hit) });
        }
        None
    }

    fn make(&self, key: &Key, now: Time, named: &Named<'_>) -> Flown {
        let judgement = match named.decide() {
            Ok(judgement) => judgement,
            Err(e) => return Flown { found: Err(e), evidence: Vec::new() },
        };
        self.counts.misses.fetch_add(1, Ordering::Relaxed);
        let entry = Entry::of(now, &judgement);
        if named.covers(&judgement.evidence) {
            self.keep(key, now, &entry);
        }
        Flown { found: Ok(CachedJudgement { judgement, hit: None }), evidence: entry.evidence }
    }

    fn keep(&self, key: &Key, now: Time, entry: &Entry) {
        // As whoever finds it will judge it.
        let Some((_, until)) = entry.decision(now, &self.ages) else { return };
        for store in &self.stores {
            store.put(key, entry, lifetime(now, until));
        }
    }

    fn pass(&self, judgement: Judgement) -> CachedJudgement {
        self.counts.passed.fetch_add(1, Ordering::Relaxed);
        CachedJudgement { judgement, hit: None }
    }
}

impl Flown {
    /// The same for somebody who has waited, if it was made now, for a time like theirs. What is
    /// undetermined is undetermined for all of them.
    fn shared(&self, now: Time, looked: Stats) -> Option<Found> {
        let CachedJudgement { judgement, hit } = match &self.found {
            Ok(found) => found,
            Err(e) => return Some(Err(e.clone())),
        };
        let Judgement { decision, response, .. } = judgement;
        let made = Time::parse(&decision.now)?;
        let near = now.unix().abs_diff(made.unix()) <= PATIENCE.as_secs();
        if hit.is_some() || !near || now >= entry::own_end(decision)? {
            return None;
        }
        let evidence = self.evidence.clone();
        let hit = Hit { source: "in flight", made, age: since(made, now), until: made, evidence };
        let judgement = Judgement {
            decision: decision.clone(),
            response: response.clone(),
            evidence: Vec::new(),
            stats: looked,
        };
        Some(Ok(CachedJudgement { judgement, hit: Some(hit) }))
    }
}

/// Seconds; none where the other clock is ahead.
fn since(made: Time, now: Time) -> u64 {
    u64::try_from(now.unix().saturating_sub(made.unix())).unwrap_or(0)
}

fn lifetime(now: Time, until: Time) -> Duration {
    Duration::from_secs(since(now, until))
}
