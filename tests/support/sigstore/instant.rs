//! Times, all injected: seconds since 1970.

use time::OffsetDateTime;

/// When the happy paths are signed: 2025-06-01T12:00:00Z.
pub(crate) const SIGNED: i64 = 1_748_779_200;
pub(crate) const HOUR: i64 = 3_600;
pub(crate) const YEAR: i64 = 31_557_600;

/// `20250601120000Z`
pub(crate) fn generalized(seconds: i64) -> String {
    let t = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
    let (year, month, day) = t.to_calendar_date();
    let (hour, minute, second) = t.to_hms();
    format!("{year:04}{:02}{day:02}{hour:02}{minute:02}{second:02}Z", u8::from(month))
}

/// `2025-06-01T12:00:00Z`
pub(crate) fn rfc3339(seconds: i64) -> String {
    let t = generalized(seconds);
    let part = |from: usize, to: usize| t[from..to].to_owned();
    let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
    format!("{year}-{month}-{day}T{}:{}:{}Z", part(8, 10), part(10, 12), part(12, 14))
}
