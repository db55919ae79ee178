//! What is asked once and used again: content by digest, answers of registries for a few seconds.
//!
//! Nothing here is believed. The module hashes and verifies whatever it is given, so a cache can make
//! a decision faster or slower, and not other than it would be. Who may see what is another
//! matter: see [`Cached`].

mod clock;
mod content;
mod decisions;
mod flight;
pub(crate) mod lru;
mod source;

pub use clock::{Clock, Monotonic};
pub use content::{Content, ContentOptions, default_directory};
pub use decisions::{
    CachedJudgement, DecisionAges, DecisionFigures, DecisionStore, Decisions, Entry, Hit, Key,
    MemoryDecisions, Redis, RedisError, RedisFigures, RedisOptions, SealKey, SealKeyError, Setting,
    decide_cached,
};
pub use source::{Ages, Cached, Figures};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a panicking thread leaves behind is whole: nothing here panics while it holds a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
