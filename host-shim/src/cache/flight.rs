//! One asks, all who wait get the answer.

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::lock;

/// Questions that are being asked.
#[derive(Debug)]
pub(super) struct Flights<K: Ord, V> {
    open: Mutex<BTreeMap<K, Arc<Flight<V>>>>,
}

impl<K: Ord, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self { open: Mutex::new(BTreeMap::new()) }
    }
}

/// An answer, and who has asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Landed<V> {
    /// The caller.
    Own(V),
    /// Somebody who was asking already.
    Shared(V),
}

#[derive(Debug)]
struct Flight<V> {
    state: Mutex<State<V>>,
    changed: Condvar,
}

#[derive(Clone, Debug)]
enum State<V> {
    Flying,
    Landed(V),
    /// Who asked has panicked.
    Lost,
}

impl<K: Clone + Ord, V: Clone> Flights<K, V> {
    /// Does `work`, or waits for somebody who does it for the same key. Who has waited for
    /// `patience` does it too, and so does one of those whose leader has panicked.
    pub(super) fn run(&self, key: &K, patience: Duration, work: impl FnOnce() -> V) -> Landed<V> {
        let until = Instant::now() + patience;
        loop {
            let flight = {
                let mut open = lock(&self.open);
                match open.get(key) {
                    Some(flight) => flight.clone(),
                    None => {
                        let flight = Arc::new(Flight::new());
                        open.insert(key.clone(), flight.clone());
                        drop(open);
                        let leader = Leader { flights: self, key, flight };
                        let value = work();
                        leader.flight.end(State::Landed(value.clone()));
                        return Landed::Own(value);
                    }
                }
            };
            match flight.wait(until) {
                State::Landed(value) => return Landed::Shared(value),
                State::Lost => {}
                State::Flying => return Landed::Own(work()),
            }
        }
    }
}

impl<V: Clone> Flight<V> {
    fn new() -> Self {
        Self { state: Mutex::new(State::Flying), changed: Condvar::new() }
    }

    fn wait(&self, until: Instant) -> State<V> {
        let mut state = lock(&self.state);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if !matches!(*state, State::Flying) || left.is_zero() {
                return state.clone();
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl<V> Flight<V> {
    fn end(&self, to: State<V>) {
        *lock(&self.state) = to;
        self.changed.notify_all();
    }
}

/// Ends the flight, however it ends.
struct Leader<'a, K: Ord, V> {
    flights: &'a Flights<K, V>,
    key: &'a K,
    flight: Arc<Flight<V>>,
}

impl<K: Ord, V> Drop for Leader<'_, K, V> {
    fn drop(&mut self) {
        lock(&self.flights.open).remove(self.key);
        if matches!(*lock(&self.flight.state), State::Flying) {
            self.flight.end(State::Lost);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// Waits until so many share the flight: the map has one, and so has everybody on board.
    fn full(flights: &Flights<u8, usize>, on_board: usize) {
        let count = || lock(&flights.open).get(&1).map_or(0, Arc::strong_count);
        while count() < on_board + 1 {
            thread::yield_now();
        }
    }

    #[test]
    fn one_asks_and_all_get_the_answer() {
        let flights = Flights::default();
        let asked = AtomicUsize::new(0);
        let landed: Vec<_> = thread::scope(|scope| {
            let ask = || {
                flights.run(&1, LONG, || {
                    full(&flights, 8);
                    asked.fetch_add(1, Ordering::SeqCst)
                })
            };
            let all: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert_eq!(landed.iter().filter(|l| **l == Landed::Own(0)).count(), 1);
        assert_eq!(landed.iter().filter(|l| **l == Landed::Shared(0)).count(), 7);
        assert_eq!(flights.run(&1, LONG, || 7), Landed::Own(7), "that flight is over");
    }

    #[test]
    fn a_leader_that_panics_leaves_nobody_waiting() {
        let flights = Flights::default();
        let asked = AtomicUsize::new(0);
        let landed: Vec<_> = thread::scope(|scope| {
            let ask = || {
                flights.run(&1, LONG, || {
                    let number = asked.fetch_add(1, Ordering::SeqCst);
                    if number == 0 {
                        full(&flights, 4);
                        panic!("as the test wants");
                    }
                    number
                })
            };
            let all: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            all.into_iter().map(|one| one.join().ok()).collect()
        });
        assert_eq!(landed.iter().filter(|l| l.is_none()).count(), 1);
        assert!(lock(&flights.open).is_empty());
    }

    #[test]
    fn patience_has_an_end() {
        let flights = Flights::default();
        thread::scope(|scope| {
            let (flights, done) = (&flights, Arc::new(AtomicUsize::new(0)));
            let over = done.clone();
            scope.spawn(move || {
                flights.run(&1, LONG, || {
                    while over.load(Ordering::SeqCst) == 0 {
                        thread::yield_now();
                    }
                    1
                })
            });
            full(flights, 1);
            assert_eq!(flights.run(&1, Duration::from_millis(20), || 2), Landed::Own(2));
            done.store(1, Ordering::SeqCst);
        });
    }

    #[test]
    fn keys_do_not_wait_for_each_other() {
        let flights = Flights::default();
        let inner = flights.run(&1, LONG, || match flights.run(&2, LONG, || 5) {
            Landed::Own(value) | Landed::Shared(value) => value,
        });
        assert_eq!(inner, Landed::Own(5));
    }
}
