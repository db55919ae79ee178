//! Instants: seconds since 1970-01-01T00:00:00Z, read from and written as RFC 3339.

use std::{cell::Cell, fmt};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// An instant in whole seconds of Unix time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(i64);

impl Time {
    /// From Unix seconds.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// `9999-12-31T23:59:59Z`: nothing later can be written.
    pub const LAST: Self = Self(253_402_300_799);

    /// As Unix seconds.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// RFC 3339 with upper-case `T` and `Z`; offsets and fractions are accepted, fractions are cut
    /// off.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed =
            |b: u8| b.is_ascii_digit() || matches!(b, b'T' | b'Z' | b':' | b'+' | b'-' | b'.');
        if !text.bytes().all(allowed) || text.as_bytes().get(10) != Some(&b'T') {
            return None;
        }
        OffsetDateTime::parse(text, &Rfc3339).ok().map(|t| Self(t.unix_timestamp()))
    }
}

impl Time {
    /// RFC 3339, or a bare date, which is its first moment in UTC.
    pub fn parse_or_date(text: &str) -> Option<Self> {
        match text.len() {
            10 => Self::parse(&format!("{text}T00:00:00Z")),
            _ => Self::parse(text),
        }
    }
}

impl Time {
    /// So many seconds later.
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// So many seconds earlier.
    pub const fn minus(self, seconds: i64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }
}

/// The first instant ahead of a decision with which its time was compared. Before that one every
/// comparison comes out as it did.
#[derive(Debug, Default)]
pub struct Horizon(Cell<Option<Time>>);

impl Horizon {
    /// That instant, or the last that RFC 3339 can write; none where nothing that was compared lies
    /// ahead.
    pub fn first(&self) -> Option<Time> {
        self.0.get().map(|first| first.min(Time::LAST))
    }

    fn see(&self, instant: Time) {
        self.0.set(Some(self.0.get().map_or(instant, |known| known.min(instant))));
    }
}

/// The time of a decision. It is compared here and nowhere else, so that the horizon is complete.
#[derive(Clone, Copy, Debug)]
pub struct Now<'a> {
    time: Time,
    horizon: Option<&'a Horizon>,
}

impl<'a> Now<'a> {
    /// The time of a decision, and what remembers its comparisons.
    pub const fn new(time: Time, horizon: &'a Horizon) -> Self {
        Self { time, horizon: Some(horizon) }
    }

    /// True from `instant` on.
    pub fn has_reached(self, instant: Time) -> bool {
        self.watch(instant);
        self.time >= instant
    }

    /// True when `instant` is over.
    pub fn has_passed(self, instant: Time) -> bool {
        self.has_reached(instant.plus(1))
    }

    /// True from `from` to `to`, both included.
    pub fn is_within(self, from: Time, to: Time) -> bool {
        self.has_reached(from) && !self.has_passed(to)
    }

    /// Remembers an instant with which [`Self::time`] is compared elsewhere.
    pub fn watch(self, instant: Time) {
        if let Some(horizon) = self.horizon.filter(|_| instant > self.time) {
            horizon.see(instant);
        }
    }

    /// The time itself: for words, and for what watches its instants.
    pub const fn time(self) -> Time {
        self.time
    }

    /// The time for whom nobody can say what it is compared with: nothing is known of the next
    /// second.
    pub fn unwatched(self) -> Time {
        self.watch(self.time.plus(1));
        self.time
    }
}

impl From<Time> for Now<'static> {
    /// A time whose comparisons nobody asks for.
    fn from(time: Time) -> Self {
        Self::alone(time)
    }
}

impl Now<'static> {
    /// A time whose comparisons nobody asks for.
    pub const fn alone(time: Time) -> Self {
        Self { time, horizon: None }
    }
}

impl fmt::Display for Now<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.time.fmt(f)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match OffsetDateTime::from_unix_timestamp(self.0).ok().and_then(|t| t.format(&Rfc3339).ok())
        {
            Some(text) => f.write_str(&text),
            None => write!(f, "{} s", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_rfc_3339() {
        assert_eq!(Time::parse("9999-12-31T23:59:59Z"), Some(Time::LAST));
        assert_eq!(Time::parse(&Time::LAST.to_string()), Some(Time::LAST));
        let time = Time::parse("2026-11-21T03:00:00Z").unwrap();
        assert_eq!(time.unix(), 1_795_230_000);
        assert_eq!(time.to_string(), "2026-11-21T03:00:00Z");
        assert_eq!(Time::parse("2026-11-21T04:00:00+01:00"), Some(time));
        assert_eq!(Time::parse("2026-11-21T03:00:00.75Z"), Some(time));
    }

    #[test]
    fn the_horizon_is_the_first_instant_ahead() {
        let horizon = Horizon::default();
        let now = Now::new(Time(100), &horizon);
        assert!(now.has_reached(Time(100)) && now.has_reached(Time(99)));
        assert!(now.has_passed(Time(99)) && now.is_within(Time(0), Time(i64::MAX)));
        assert_eq!(horizon.first(), Some(Time::LAST));
        assert!(!now.has_passed(Time(150)));
        assert_eq!(horizon.first(), Some(Time(151)));
        assert!(!now.is_within(Time(140), Time(300)));
        assert_eq!(horizon.first(), Some(Time(140)));
        assert!(now.is_within(Time(100), Time(100)));
        assert_eq!(horizon.first(), Some(Time(101)));
        assert_eq!(Now::new(Time(100), &horizon).unwatched(), Time(100));
        assert_eq!(horizon.first(), Some(Time(101)));
        let none = Horizon::default();
        Now::new(Time(100), &none).watch(Time(100));
        assert_eq!(none.first(), None, "what has come cannot come again");
        assert!(Now::alone(Time(100)).has_reached(Time(7)));
    }

    #[test]
    fn refuses_what_is_not_rfc_3339() {
        for text in [
            "",
            "2026-11-21",
            "2026-11-21 03:00:00Z",
            "2026-11-21t03:00:00Z",
            "2026-11-21T03:00:00z",
            "2026-11-21T03:00:00",
            "2026-13-21T03:00:00Z",
            "2026-11-21T25:00:00Z",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }
}
