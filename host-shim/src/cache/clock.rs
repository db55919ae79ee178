//! Time for ages.

use std::time::{Duration, Instant};

/// A clock that only goes on, for telling how old something is.
pub trait Clock: Send + Sync {
    /// Time since a moment that stays the same for as long as the clock lives.
    fn now(&self) -> Duration;
}

/// The machine's own.
#[derive(Clone, Copy, Debug)]
pub struct Monotonic(Instant);

impl Default for Monotonic {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for Monotonic {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
