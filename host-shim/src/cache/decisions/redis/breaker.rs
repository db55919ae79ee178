//! Leaving alone what has failed.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::cache::{Clock, lock};

/// How long after the first failure, and at the most.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// After a failure nothing is sent for a second; after one more, for two; then four.
pub(super) struct Breaker {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    failed: AtomicU64,
    skipped: AtomicU64,
}

#[derive(Default)]
struct State {
    /// Nothing is sent before.
    until: Duration,
    /// The last pause.
    pause: Duration,
    /// Pauses so far.
    failures: u64,
}

/// Before which pause something was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent(u64);

impl Breaker {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let (failed, skipped) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { clock, state: Mutex::default(), failed, skipped }
    }

    /// Lets something be sent, now. After a pause that is one attempt, and the next waits for what
    /// comes of it.
    pub(super) fn lets_pass(&self) -> Option<Sent> {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        if now < state.until {
            self.skipped.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        if !state.pause.is_zero() {
            state.until = now + state.pause;
        }
        Some(Sent(state.failures))
    }

    pub(super) fn good(&self) {
        let mut state = lock(&self.state);
        *state = State { failures: state.failures, ..State::default() };
    }

    /// Of several that were sent at once and fail, one counts.
    pub(super) fn failed(&self, sent: Sent) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut state = lock(&self.state);
        if sent.0 != state.failures {
            return;
        }
        state.failures += 1;
        state.pause = if state.pause.is_zero() { FIRST } else { (state.pause * 2).min(LONGEST) };
        state.until = self.clock.now() + state.pause;
    }

    /// Failures, and what was not sent.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.failed.load(Ordering::Relaxed), self.skipped.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Hand(Mutex<Duration>);

    impl Clock for Hand {
        fn now(&self) -> Duration {
            *lock(&self.0)
        }
    }

    #[test]
    fn pauses_grow_and_end_with_a_success() {
        let clock = Arc::new(Hand::default());
        let breaker = Breaker::new(clock.clone());
        let forward = |by: Duration| *lock(&clock.0) += by;
        let mut sent = breaker.lets_pass().unwrap();
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            breaker.failed(sent);
            assert_eq!(breaker.lets_pass(), None);
            forward(Duration::from_secs(pause) - Duration::from_nanos(1));
            assert_eq!(breaker.lets_pass(), None, "{pause}");
            forward(Duration::from_nanos(1));
            sent = breaker.lets_pass().unwrap();
            assert_eq!(breaker.lets_pass(), None, "one attempt at a time");
        }
        breaker.good();
        let sent = breaker.lets_pass().unwrap();
        breaker.failed(sent);
        forward(Duration::from_secs(1));
        assert!(breaker.lets_pass().is_some(), "it begins anew");
        assert_eq!(breaker.counts().0, 8);
    }

    #[test]
    fn of_those_that_fail_at_once_one_counts() {
        let clock = Arc::new(Hand::default());
        let breaker = Breaker::new(clock.clone());
        let sent: Vec<_> = (0..8).map(|_| breaker.lets_pass().unwrap()).collect();
        sent.into_iter().for_each(|sent| breaker.failed(sent));
        *lock(&clock.0) += FIRST;
        assert!(breaker.lets_pass().is_some());
        assert_eq!(breaker.counts(), (8, 0));
    }
}
