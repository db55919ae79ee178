//! Trust material that a server keeps up to date in the background.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use countersign::time::Time;

use super::{Instance, Kept, RepositoryFiles, Standing, Store, TrustError, update};

/// When to look for newer metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// After an update that succeeded.
    pub every: Duration,
    /// After one that failed.
    pub retry: Duration,
    /// How often [`Refresher::start`] looks at the clock.
    pub look: Duration,
}

impl Default for Schedule {
    /// Four times a day: Sigstore signs its timestamps anew every few days, for a week.
    fn default() -> Self {
        Self {
            every: Duration::from_secs(6 * 3600),
            retry: Duration::from_secs(600),
            look: Duration::from_secs(30),
        }
    }
}

/// Keeps the last good trusted root of an instance, and looks for newer ones. The time is the
/// caller's.
pub struct Refresher {
    store: Store,
    instance: Instance,
    files: Arc<dyn RepositoryFiles>,
    schedule: Schedule,
    state: Mutex<State>,
    /// Held during an update, so that readers never wait for the network.
    updating: Mutex<()>,
}

#[derive(Default)]
struct State {
    kept: Option<Arc<Kept>>,
    failure: Option<TrustError>,
    next: Option<Time>,
}

/// What [`Refresher::tick`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tick {
    /// It is not time yet.
    NotDue {
        /// When it is.
        next: Time,
    },
    /// There is newer metadata, or the same is still the newest.
    Updated {
        /// Whether the trusted root is another one than before.
        changed: bool,
    },
    /// What was kept stays, until it expires.
    Failed(TrustError),
}

/// What there is at a time.
#[derive(Clone, Debug)]
pub struct Current {
    /// The last good trusted root, if there has ever been one.
    pub kept: Option<Arc<Kept>>,
    /// How it stands; nothing where there is none.
    pub standing: Option<Standing>,
    /// Why the last update failed, if it did.
    pub failure: Option<TrustError>,
    /// When the next update is due; nothing before the first.
    pub next: Option<Time>,
}

impl Refresher {
    /// Begins with what is on disk.
    pub fn open(
        store: Store,
        instance: Instance,
        files: Arc<dyn RepositoryFiles>,
        schedule: Schedule,
    ) -> Self {
        let kept = store.load(&instance.name).and_then(|record| {
            record.map(|record| Kept::open(&instance, record).map(Arc::new)).transpose()
        });
        let state = match kept {
            Ok(kept) => State { kept, ..State::default() },
            Err(e) => State { failure: Some(e), ..State::default() },
        };
        let (state, updating) = (Mutex::new(state), Mutex::new(()));
        Self { store, instance, files, schedule, state, updating }
    }

    /// Updates if it is time to.
    pub fn tick(&self, now: Time) -> Tick {
        let _one_at_a_time = self.updating.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = self.state().next.filter(|next| now < *next) {
            return Tick::NotDue { next };
        }
        let result = update(&self.store, &self.instance, self.files.clone(), now);
        let mut state = self.state();
        match result {
            Ok(updated) => {
                let changed = updated.changed;
                state.kept = Some(Arc::new(updated.kept));
                state.failure = None;
                state.next = Some(after(now, self.schedule.every));
                Tick::Updated { changed }
            }
            Err(e) => {
                state.failure = Some(e.clone());
                state.next = Some(after(now, self.schedule.retry));
                Tick::Failed(e)
            }
        }
    }

    /// What there is, however old.
    pub fn current(&self, now: Time) -> Current {
        let state = self.state();
        let standing = state.kept.as_ref().map(|kept| match (kept.standing(now), &state.failure) {
            (expired @ Standing::Expired { .. }, _) => expired,
            (_, Some(why)) => Standing::Stale { since: kept.updated, why: why.to_string() },
            (_, None) => Standing::Fresh,
        });
        let (kept, failure) = (state.kept.clone(), state.failure.clone());
        Current { kept, standing, failure, next: state.next }
    }

    /// The trusted root to believe at a time: none whose metadata has expired, since there may be a
    /// newer one that somebody holds back.
    pub fn trusted_root(&self, now: Time) -> Result<Arc<Kept>, TrustError> {
        let current = self.current(now);
        match (current.kept, current.standing) {
            (Some(_), Some(Standing::Expired { role, at })) => {
                Err(TrustError::Expired { role: role.to_owned(), at, now })
            }
            (Some(kept), _) => Ok(kept),
            (None, _) => Err(current
                .failure
                .unwrap_or_else(|| TrustError::NoInstance(self.instance.name.clone()))),
        }
    }

    /// Ticks in a thread of its own, until the handle is dropped.
    pub fn start(
        self: &Arc<Self>,
        clock: impl Fn() -> Time + Send + 'static,
    ) -> io::Result<Background> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let (refresher, stopped) = (Arc::clone(self), Arc::clone(&stop));
        thread::Builder::new().name(format!("trust-{}", self.instance.name)).spawn(move || {
            let (lock, changed) = &*stopped;
            loop {
                refresher.tick(clock());
                let guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
                let waited = changed.wait_timeout_while(guard, refresher.schedule.look, |s| !*s);
                let (guard, _) = waited.unwrap_or_else(PoisonError::into_inner);
                if *guard {
                    return;
                }
            }
        })?;
        Ok(Background { stop })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn after(now: Time, duration: Duration) -> Time {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Time::from_unix(now.unix().saturating_add(seconds))
}

/// Updates in the background, until it is dropped. An update under way is ended by its own limits of
/// time.
pub struct Background {
    stop: Arc<(Mutex<bool>, Condvar)>,
}

impl Drop for Background {
    fn drop(&mut self) {
        let (lock, changed) = &*self.stop;
        *lock.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }
}
