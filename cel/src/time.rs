//! Instants and spans: `google.protobuf.Timestamp` and `Duration`, without protocol buffers.

use std::fmt::{self, Write};

const NANOS: i64 = 1_000_000_000;
const DAY: i64 = 86_400;
/// 0001-01-01T00:00:00Z, the first instant that can be written.
const FIRST: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z, the last second.
const LAST: i64 = 253_402_300_799;

/// An instant, from the year 1 to the year 9999.
///
/// spec: langdef §Overflow "Timestamp values are limited to the range of values which can be
/// serialized as a string"
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

impl Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z and nanoseconds after that second.
    pub fn new(seconds: i64, nanos: u32) -> Option<Self> {
        let fits = (FIRST..=LAST).contains(&seconds) && i64::from(nanos) < NANOS;
        fits.then_some(Self { seconds, nanos })
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after the second.
    pub const fn nanos(self) -> u32 {
        self.nanos
    }

    /// [RFC 3339 §5.6](https://www.rfc-editor.org/rfc/rfc3339#section-5.6), in capitals. Digits
    /// after the ninth of a fraction are dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let (year, rest) = digits(text, 4)?;
        let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
        let (day, rest) = digits(rest.strip_prefix('-')?, 2)?;
        let (hour, rest) = digits(rest.strip_prefix('T')?, 2)?;
        let (minute, rest) = digits(rest.strip_prefix(':')?, 2)?;
        let (second, rest) = digits(rest.strip_prefix(':')?, 2)?;
        let (nanos, rest) = fraction(rest)?;
        let offset = zone_suffix(rest)?;
        let in_range = (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        if !in_range {
            return None;
        }
        let days = days_from_civil(year, month, day);
        let seconds = days * DAY + hour * 3600 + minute * 60 + second - offset;
        Self::new(seconds, nanos)
    }

    /// Later by a duration, or earlier.
    pub(crate) fn checked_add(self, duration: Duration) -> Option<Self> {
        let nanos = self.total().checked_add(i128::from(duration.nanos))?;
        let seconds = i64::try_from(nanos.div_euclid(i128::from(NANOS))).ok()?;
        let rest = u32::try_from(nanos.rem_euclid(i128::from(NANOS))).ok()?;
        Self::new(seconds, rest)
    }

    /// The time from another instant to this one.
    pub(crate) fn since(self, earlier: Self) -> Option<Duration> {
        let nanos = self.total().checked_sub(earlier.total())?;
        i64::try_from(nanos).ok().map(Duration::from_nanos)
    }

    fn total(self) -> i128 {
        i128::from(self.seconds) * i128::from(NANOS) + i128::from(self.nanos)
    }

    /// Fields of the calendar at an offset from UTC in seconds.
    pub(crate) fn civil(self, offset: i64) -> Civil {
        let local = self.seconds.saturating_add(offset);
        let (days, second) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let (year, month, day) = civil_from_days(days);
        Civil {
            year,
            month,
            day,
            second,
            millisecond: i64::from(self.nanos / 1_000_000),
            weekday: (days + 4).rem_euclid(7),
            yearday: days - days_from_civil(year, 1, 1),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil { year, month, day, second, .. } = self.civil(0);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        write_fraction(f, self.nanos)?;
        f.write_char('Z')
    }
}

/// Fields of the calendar. Months and days count from 1, weekdays from Sunday = 0.
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    /// Of the day.
    pub(crate) second: i64,
    /// Of the second.
    pub(crate) millisecond: i64,
    pub(crate) weekday: i64,
    pub(crate) yearday: i64,
}

/// A span of time, in nanoseconds.
///
/// spec: langdef §Overflow "Duration values are limited to a single int64 value, or roughly +-290
/// years"
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Duration {
    nanos: i64,
}

impl Duration {
    /// So many nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self { nanos }
    }

    /// Nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.nanos
    }

    /// `1h30m`, `-1.5s`, `0`; units `h m s ms us µs ns`.
    ///
    /// spec: langdef §duration
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Some(Self::from_nanos(0));
        }
        if rest.is_empty() {
            return None;
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let (nanos, after) = component(rest)?;
            total = total.checked_add(nanos)?;
            rest = after;
        }
        let total = if negative { total.checked_neg()? } else { total };
        i64::try_from(total).ok().map(Self::from_nanos)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.nanos.unsigned_abs();
        let (seconds, rest) = (nanos / NANOS.unsigned_abs(), nanos % NANOS.unsigned_abs());
        if self.nanos < 0 {
            f.write_char('-')?;
        }
        write!(f, "{seconds}")?;
        write_fraction(f, u32::try_from(rest).unwrap_or(0))?;
        f.write_char('s')
    }
}

/// A number and its unit, in nanoseconds, and what follows.
fn component(text: &str) -> Option<(i128, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = text.split_at_checked(end)?;
    let (part, rest) = match rest.strip_prefix('.') {
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest.split_at_checked(end)?
        }
        None => ("", rest),
    };
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let units: [(&str, i128); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("μs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    let (unit, rest) =
        units.iter().find_map(|(name, unit)| Some((*unit, rest.strip_prefix(name)?)))?;
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut nanos = whole.checked_mul(unit)?;
    let mut scale = unit;
    for digit in part.bytes() {
        scale /= 10;
        nanos = nanos.checked_add(i128::from(digit.saturating_sub(b'0')).checked_mul(scale)?)?;
    }
    Some((nanos, rest))
}

/// An offset from UTC in seconds: `UTC`, `+05:45`, `-02:30`, `02:00`.
///
/// spec: langdef §Timezones, without names of places
pub(crate) fn zone(name: &str) -> Option<i64> {
    if name == "UTC" || name == "Z" {
        return Some(0);
    }
    let (negative, rest) = match name.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, name.strip_prefix('+').unwrap_or(name)),
    };
    let offset = hours_and_minutes(rest)?;
    Some(if negative { -offset } else { offset })
}

fn zone_suffix(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    match text.strip_prefix('+') {
        Some(rest) => hours_and_minutes(rest),
        None => hours_and_minutes(text.strip_prefix('-')?).map(|offset| -offset),
    }
}

fn hours_and_minutes(text: &str) -> Option<i64> {
    let (hours, rest) = digits(text, 2)?;
    let (minutes, rest) = digits(rest.strip_prefix(':')?, 2)?;
    (rest.is_empty() && hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)
}

/// A number of so many digits, and what follows.
fn digits(text: &str, count: usize) -> Option<(i64, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    let plain = number.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| number.parse().ok().map(|number| (number, rest))).flatten()
}

/// Nanoseconds, and what follows.
fn fraction(text: &str) -> Option<(u32, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, rest) = rest.split_at_checked(end)?;
    if digits.is_empty() {
        return None;
    }
    let padded = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos =
        padded.fold(0_u32, |nanos, digit| nanos * 10 + u32::from(digit.saturating_sub(b'0')));
    Some((nanos, rest))
}

fn write_fraction(f: &mut fmt::Formatter<'_>, nanos: u32) -> fmt::Result {
    if nanos == 0 {
        return Ok(());
    }
    let digits = format!("{nanos:09}");
    write!(f, ".{}", digits.trim_end_matches('0'))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar; years of four digits.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}
