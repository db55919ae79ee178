//! Servers that keep trust material up to date.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use countersign::time::Time;
use countersign_host::trust::{Refresher, Schedule, Standing, Tick, TrustError};

use super::{
    tuf::{Tuf, days, now},
    update::{Stage, another_root, stage, trusted_root},
};

const HOUR: i64 = 3600;

fn hours(count: i64) -> Time {
    Time::from_unix(now().unix() + count * HOUR)
}

fn refresher(stage: &Stage, tuf: &Tuf) -> Refresher {
    let (store, instance) = (stage.store.clone(), stage.instance.clone());
    Refresher::open(store, instance, tuf.files(), Schedule::default())
}

fn root(refresher: &Refresher, at: Time) -> Result<Vec<u8>, TrustError> {
    refresher.trusted_root(at).map(|kept| kept.record.trusted_root.clone().into_bytes())
}

#[test]
fn it_updates_when_it_is_time_and_not_before() {
    let mut tuf = Tuf::new(&trusted_root());
    let stage = stage(&tuf);
    let refresher = refresher(&stage, &tuf);
    assert_eq!(root(&refresher, now()), Err(TrustError::NoInstance("acme".to_owned())));
    assert_eq!(refresher.tick(now()), Tick::Updated { changed: true });
    assert_eq!(root(&refresher, now()), Ok(trusted_root()));
    tuf.advance(&another_root());
    assert_eq!(refresher.tick(hours(5)), Tick::NotDue { next: hours(6) });
    assert_eq!(root(&refresher, hours(5)), Ok(trusted_root()));
    assert_eq!(refresher.tick(hours(6)), Tick::Updated { changed: true });
    assert_eq!(root(&refresher, hours(6)), Ok(another_root()));
    assert_eq!(refresher.tick(hours(12)), Tick::Updated { changed: false });
    assert_eq!(refresher.current(hours(12)).standing, Some(Standing::Fresh));
}

#[test]
fn it_keeps_the_last_good_root_until_that_expires_and_says_why() {
    let mut tuf = Tuf::new(&trusted_root());
    let old = tuf.fork();
    tuf.advance(&another_root());
    let stage = stage(&tuf);
    let first = refresher(&stage, &tuf);
    first.tick(now());
    // Begins with what is on disk; the mirror has gone back.
    let refresher = refresher(&stage, &old);
    assert_eq!(root(&refresher, now()), Ok(another_root()));
    let Tick::Failed(why) = refresher.tick(hours(6)) else { panic!("rolled back") };
    assert!(matches!(why, TrustError::RolledBack { kept: 2, offered: 1, .. }), "{why}");
    let current = refresher.current(hours(6));
    let stale = Standing::Stale { since: now(), why: why.to_string() };
    assert_eq!((current.standing, current.failure), (Some(stale), Some(why)));
    assert_eq!(root(&refresher, hours(6)), Ok(another_root()));
    // It is tried again soon.
    let next = Time::from_unix(hours(6).unix() + 600);
    assert_eq!(refresher.tick(hours(6)), Tick::NotDue { next });
    // And then there is none any more.
    assert_eq!(root(&refresher, days(7)), Ok(another_root()));
    let later = Time::from_unix(days(7).unix() + 1);
    let expired = TrustError::Expired { role: "timestamp".to_owned(), at: days(7), now: later };
    assert_eq!(root(&refresher, later), Err(expired));
    let standing = refresher.current(later).standing;
    assert_eq!(standing, Some(Standing::Expired { role: "timestamp", at: days(7) }));
    assert!(refresher.current(later).kept.is_some());
}

#[test]
fn a_mirror_that_comes_back_is_believed_again() {
    let tuf = Tuf::new(&trusted_root());
    let stage = stage(&tuf);
    let refresher = refresher(&stage, &tuf);
    let timestamp = tuf.file("timestamp.json").unwrap();
    tuf.remove("timestamp.json");
    assert!(matches!(refresher.tick(now()), Tick::Failed(TrustError::Absent { .. })));
    assert!(refresher.trusted_root(now()).is_err());
    tuf.put("timestamp.json", timestamp);
    assert_eq!(refresher.tick(hours(1)), Tick::Updated { changed: true });
    assert_eq!(refresher.current(hours(1)).failure, None);
}

#[test]
fn it_runs_in_the_background_by_the_clock_that_it_is_given() {
    let mut tuf = Tuf::new(&trusted_root());
    let stage = stage(&tuf);
    let schedule = Schedule { look: Duration::from_millis(5), ..Schedule::default() };
    let (store, instance) = (stage.store.clone(), stage.instance);
    let refresher = Arc::new(Refresher::open(store, instance, tuf.files(), schedule));
    let clock = Arc::new(AtomicI64::new(now().unix()));
    let time = clock.clone();
    let background =
        refresher.start(move || Time::from_unix(time.load(Ordering::Relaxed))).unwrap();
    let wait_for = |expected: &[u8]| {
        let since = Instant::now();
        while root(&refresher, now()).as_deref() != Ok(expected) {
            assert!(since.elapsed() < Duration::from_secs(20));
            thread::sleep(Duration::from_millis(5));
        }
    };
    wait_for(&trusted_root());
    tuf.advance(&another_root());
    thread::sleep(Duration::from_millis(50));
    assert_eq!(root(&refresher, now()), Ok(trusted_root()), "it is not time yet");
    clock.store(hours(6).unix(), Ordering::Relaxed);
    wait_for(&another_root());
    drop(background);
    thread::sleep(Duration::from_millis(50));
    clock.store(hours(100).unix(), Ordering::Relaxed);
    thread::sleep(Duration::from_millis(50));
    assert_eq!(refresher.current(hours(6)).next, Some(hours(12)), "it has stopped");
}
