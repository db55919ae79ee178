//! Instants: seconds since 1970-01-01T00:00:00Z, read from and written as RFC 3339.

use std::fmt;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// An instant in whole seconds of Unix time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(i64);

impl Time {
    /// From Unix seconds.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

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
        let time = Time::parse("2026-11-21T03:00:00Z").unwrap();
        assert_eq!(time.unix(), 1_795_230_000);
        assert_eq!(time.to_string(), "2026-11-21T03:00:00Z");
        assert_eq!(Time::parse("2026-11-21T04:00:00+01:00"), Some(time));
        assert_eq!(Time::parse("2026-11-21T03:00:00.75Z"), Some(time));
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
