//! Answers that are good for a while: each asked for once, however many want it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use super::{AuthError, Environment};

/// Keys at once. An image names the key of a plugin's answer, and a stranger may name images.
pub(super) const MAX_KEYS: usize = 1024;
/// Before its end an answer is renewed by this, or by a tenth of its life where that is less.
const MAX_MARGIN: Duration = Duration::from_secs(300);
/// How long who has failed is not asked again.
const FAILURE_LASTS: Duration = Duration::from_secs(5);

/// Answers by key.
pub(super) struct Kept<V> {
    most: usize,
    slots: Mutex<BTreeMap<String, Arc<Mutex<Slot<V>>>>>,
}

struct Slot<V> {
    answer: Option<Answer<V>>,
    failure: Option<(SystemTime, AuthError)>,
}

struct Answer<V> {
    value: V,
    made: SystemTime,
    renew: SystemTime,
    expires: SystemTime,
}

impl<V> Kept<V> {
    /// So many keys at the most.
    pub(super) fn of(most: usize) -> Self {
        Self { most, slots: Mutex::default() }
    }
}

impl<V: Clone> Kept<V> {
    /// The answer that is kept, else what `make` answers and until when. While one thread makes,
    /// others wait for what it gets.
    pub(super) fn get(
        &self,
        key: &str,
        environment: &Environment,
        make: impl FnOnce() -> Result<(V, SystemTime), AuthError>,
    ) -> Result<V, AuthError> {
        let slot = self.slot(key, environment.now());
        let mut slot = lock(&slot);
        let now = environment.now();
        if let Some(value) = slot.fresh_at(now) {
            return Ok(value);
        }
        if let Some(error) = slot.failure_at(now) {
            return slot.instead_of(error, now);
        }
        match make() {
            Ok((value, expires)) => {
                *slot = Slot::of(value.clone(), now, expires);
                Ok(value)
            }
            Err(error) => {
                slot.failure = Some((now, error.clone()));
                slot.instead_of(error, now)
            }
        }
    }

    /// The answer that is kept, if it is fresh.
    pub(super) fn peek(&self, key: &str, environment: &Environment) -> Option<V> {
        let slot = lock(&self.slots).get(key)?.clone();
        let slot = lock(&slot);
        slot.fresh_at(environment.now())
    }

    /// Keeps what was answered under another key.
    pub(super) fn put(&self, key: &str, environment: &Environment, value: V, expires: SystemTime) {
        let now = environment.now();
        let slot = self.slot(key, now);
        *lock(&slot) = Slot::of(value, now, expires);
    }

    fn slot(&self, key: &str, now: SystemTime) -> Arc<Mutex<Slot<V>>> {
        let mut slots = lock(&self.slots);
        if slots.len() >= self.most && !slots.contains_key(key) {
            // What is being made at this moment is locked, and stays.
            slots.retain(|_, slot| slot.try_lock().map_or(true, |slot| slot.is_of_use(now)));
            if slots.len() >= self.most {
                slots.clear();
            }
        }
        slots.entry(key.to_owned()).or_default().clone()
    }
}

impl<V> Default for Slot<V> {
    fn default() -> Self {
        Self { answer: None, failure: None }
    }
}

impl<V: Clone> Slot<V> {
    fn of(value: V, made: SystemTime, expires: SystemTime) -> Self {
        let renew = renewal(made, expires);
        Self { answer: Some(Answer { value, made, renew, expires }), failure: None }
    }

    fn fresh_at(&self, now: SystemTime) -> Option<V> {
        let answer = self.answer.as_ref()?;
        (answer.made <= now && now < answer.renew).then(|| answer.value.clone())
    }

    fn failure_at(&self, now: SystemTime) -> Option<AuthError> {
        let (since, error) = self.failure.as_ref()?;
        let age = now.duration_since(*since).ok()?;
        (age < FAILURE_LASTS).then(|| error.clone())
    }

    /// Who cannot be reached does not take away what still holds; who refuses does.
    fn instead_of(&self, error: AuthError, now: SystemTime) -> Result<V, AuthError> {
        let holds = |answer: &&Answer<V>| answer.made <= now && now < answer.expires;
        match (&error, self.answer.as_ref().filter(holds)) {
            (AuthError::Unavailable { .. }, Some(answer)) => Ok(answer.value.clone()),
            _ => Err(error),
        }
    }

    fn is_of_use(&self, now: SystemTime) -> bool {
        self.answer.as_ref().is_some_and(|answer| now < answer.expires)
    }
}

fn renewal(now: SystemTime, expires: SystemTime) -> SystemTime {
    let life = expires.duration_since(now).unwrap_or_default();
    expires.checked_sub(MAX_MARGIN.min(life / 10)).unwrap_or(expires)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU64, AtomicUsize, Ordering},
        thread,
    };

    use super::*;

    struct World {
        seconds: Arc<AtomicU64>,
        environment: Environment,
        kept: Kept<usize>,
        made: AtomicUsize,
    }

    impl World {
        fn new() -> Self {
            let seconds = Arc::new(AtomicU64::new(1_000_000));
            let read = seconds.clone();
            let clock = move || at(read.load(Ordering::Relaxed));
            let environment = Environment::fixed::<&str, &str>([]).with_clock(clock);
            Self { seconds, environment, kept: Kept::of(MAX_KEYS), made: AtomicUsize::new(0) }
        }

        fn pass(&self, seconds: u64) {
            self.seconds.fetch_add(seconds, Ordering::Relaxed);
        }

        fn get(&self, key: &str, life: u64) -> Result<usize, AuthError> {
            self.kept.get(key, &self.environment, || {
                let n = self.made.fetch_add(1, Ordering::Relaxed);
                Ok((n, self.environment.now() + Duration::from_secs(life)))
            })
        }

        fn fail(&self, key: &str, error: AuthError) -> Result<usize, AuthError> {
            self.kept.get(key, &self.environment, || {
                self.made.fetch_add(1, Ordering::Relaxed);
                Err(error)
            })
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn renews_a_while_before_the_end() {
        let world = World::new();
        assert_eq!(world.get("a", 43200), Ok(0));
        world.pass(43200 - 301);
        assert_eq!(world.get("a", 43200), Ok(0));
        world.pass(1);
        assert_eq!(world.get("a", 43200), Ok(1));
        assert_eq!(world.get("b", 10), Ok(2));
        world.pass(9);
        assert_eq!(world.get("b", 10), Ok(3));
    }

    #[test]
    fn a_clock_that_went_back_makes_nothing_fresh() {
        let world = World::new();
        assert_eq!(world.get("a", 100), Ok(0));
        world.seconds.store(5, Ordering::Relaxed);
        assert_eq!(world.get("a", 100), Ok(1));
    }

    #[test]
    fn silence_leaves_what_holds_and_a_refusal_does_not() {
        let silence = AuthError::unavailable("x", "down");
        let refusal = AuthError::Denied { place: "x".into(), message: "no".into() };
        let world = World::new();
        assert_eq!(world.get("a", 1000), Ok(0));
        world.pass(950);
        assert_eq!(world.fail("a", silence.clone()), Ok(0));
        world.pass(10);
        assert_eq!(world.fail("a", refusal.clone()), Err(refusal));
        world.pass(100);
        assert_eq!(world.fail("a", silence.clone()), Err(silence));
    }

    #[test]
    fn who_fails_is_left_alone_for_some_seconds() {
        let world = World::new();
        let silence = AuthError::unavailable("x", "down");
        assert_eq!(world.fail("a", silence.clone()), Err(silence.clone()));
        assert_eq!(world.get("a", 100), Err(silence));
        assert_eq!(world.made.load(Ordering::Relaxed), 1);
        world.pass(5);
        assert_eq!(world.get("a", 100), Ok(1));
    }

    #[test]
    fn many_who_want_one_answer_ask_once() {
        let world = World::new();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let answer = world.kept.get("a", &world.environment, || {
                        thread::sleep(Duration::from_millis(20));
                        Ok((world.made.fetch_add(1, Ordering::Relaxed), at(2_000_000)))
                    });
                    assert_eq!(answer, Ok(0));
                });
            }
        });
        assert_eq!(world.made.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn keeps_no_more_than_its_bound() {
        let world = World::new();
        for n in 0..3 * MAX_KEYS {
            world.get(&n.to_string(), 100).unwrap();
            assert!(lock(&world.kept.slots).len() <= MAX_KEYS);
        }
    }
}
