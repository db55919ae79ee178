//! The time of a decision.

use std::time::{SystemTime, UNIX_EPOCH};

use countersign::time::Time;

/// The time that a decision is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) now: Time,
    pub(super) overridden: bool,
}

impl Clock {
    /// The given time, else this machine's.
    pub(super) fn new(given: Option<Time>) -> Self {
        match given {
            Some(now) => Self { now, overridden: true },
            None => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
                Self { now: Time::from_unix(seconds), overridden: false }
            }
        }
    }
}

/// Reads `--now`.
pub(super) fn parse(text: &str) -> Result<Time, String> {
    Time::parse(text).ok_or_else(|| "not RFC 3339, such as 2026-11-21T03:00:00Z".to_owned())
}
