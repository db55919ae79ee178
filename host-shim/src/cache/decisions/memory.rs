//! Decisions in the memory of this process.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{DecisionStore, Entry, Key};
use crate::cache::{Clock, Monotonic, lock, lru::Lru};

/// What an entry weighs beside its texts.
const OVERHEAD: u64 = 256;

/// A store of limited size. What was used longest ago goes first.
///
/// How old an entry is, its time says, by the clock of whoever asks. That clock may be set back, so
/// an entry is also forgotten when its lifetime is over by a clock that cannot.
pub struct MemoryDecisions {
    entries: Mutex<Lru<Key, Kept>>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
struct Kept {
    entry: Entry,
    until: Duration,
}

impl MemoryDecisions {
    /// At most so many decisions, of so many bytes.
    pub fn new(most_entries: usize, most_bytes: u64) -> Self {
        Self::with_clock(most_entries, most_bytes, Arc::new(Monotonic::default()))
    }

    /// The same, with a clock of one's own.
    pub fn with_clock(most_entries: usize, most_bytes: u64, clock: Arc<dyn Clock>) -> Self {
        Self { entries: Mutex::new(Lru::new(most_entries, most_bytes)), clock }
    }
}

impl Default for MemoryDecisions {
    /// A decision is some 4 KiB.
    fn default() -> Self {
        Self::new(16_384, 64 << 20)
    }
}

impl DecisionStore for MemoryDecisions {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn get(&self, key: &Key) -> Option<Entry> {
        let mut entries = lock(&self.entries);
        let Kept { entry, until } = entries.get(key)?;
        if self.clock.now() < *until {
            return Some(entry.clone());
        }
        entries.remove(key);
        None
    }

    fn put(&self, key: &Key, entry: &Entry, lifetime: Duration) {
        if lifetime.is_zero() {
            return;
        }
        let evidence: usize = entry.evidence.iter().map(String::len).sum();
        let weight = (entry.response.len() + evidence) as u64 + OVERHEAD;
        let until = self.clock.now().saturating_add(lifetime);
        lock(&self.entries).insert(*key, Kept { entry: entry.clone(), until }, weight);
    }
}
