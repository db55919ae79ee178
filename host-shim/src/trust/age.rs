//! When a trusted root is out of date.

use countersign::{
    time::Time,
    trust::sigstore::{Period, TrustedRoot},
};

use super::contents::{Kind, usable};

const DAY: i64 = 24 * 60 * 60;
/// Instances add keys without telling anybody: after a year it is time to look.
const MOST_AGE: i64 = 365 * DAY;
/// A new service takes weeks to be believed everywhere.
const LEAD: i64 = 90 * DAY;
/// When to begin to think of it.
const WARN: i64 = 180 * DAY;

/// What is to be said of a trusted root's age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Age {
    /// Nothing.
    Fresh,
    /// It will be out of date within half a year.
    Soon(String),
    /// It is out of date, or will be within three months.
    Stale(String),
}

impl Age {
    /// What to say.
    pub fn warning(&self) -> Option<&str> {
        match self {
            Self::Fresh => None,
            Self::Soon(why) | Self::Stale(why) => Some(why),
        }
    }
}

/// Of the services in use at `now`, when does the last one of each kind end? `taken` is since when a
/// trusted root has not been looked at, for those that nobody updates.
pub fn age(root: &TrustedRoot, taken: Option<Time>, now: Time) -> Age {
    let mut soon = None;
    if let Some(taken) = taken {
        let what = format!("it was taken on {}, and is a year old", date(taken));
        match reaches(Time::from_unix(taken.unix() + MOST_AGE), 0, now) {
            Some(true) => return Age::Stale(what),
            Some(false) => soon = Some(what),
            None => {}
        }
    }
    for (kind, periods) in periods(root) {
        let in_use: Vec<_> = periods.iter().filter(|p| p.contains(now)).map(|p| p.end).collect();
        if in_use.is_empty() && !periods.is_empty() {
            return Age::Stale(format!("no {} is in use any more", kind.words()));
        }
        let Some(end) = last(&in_use) else { continue };
        let what = format!("the last {} ends at {end}", kind.words());
        match reaches(end, LEAD, now) {
            Some(true) => return Age::Stale(what),
            Some(false) => soon = soon.or(Some(what)),
            None => {}
        }
    }
    soon.map_or(Age::Fresh, Age::Soon)
}

/// Whether the end is near enough to be said (`Some`), and to act (`true`).
fn reaches(end: Time, lead: i64, now: Time) -> Option<bool> {
    let left = end.unix().saturating_sub(now.unix());
    match left {
        left if left <= lead => Some(true),
        left if left <= WARN => Some(false),
        _ => None,
    }
}

fn periods(root: &TrustedRoot) -> [(Kind, Vec<Period>); 4] {
    let authorities = |all: &[_]| all.iter().map(usable).collect();
    [
        (Kind::CertificateAuthority, authorities(&root.certificate_authorities)),
        (Kind::CtLog, root.ct_logs.iter().map(|log| log.valid_for).collect()),
        (Kind::Tlog, root.logs.iter().map(|log| log.valid_for).collect()),
        (Kind::TimestampAuthority, authorities(&root.timestamp_authorities)),
    ]
}

/// The last of these ends, if all of them end.
fn last(ends: &[Option<Time>]) -> Option<Time> {
    if ends.contains(&None) { None } else { ends.iter().copied().flatten().max() }
}

fn date(time: Time) -> String {
    time.to_string().chars().take(10).collect()
}
