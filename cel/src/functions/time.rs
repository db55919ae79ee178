//! Fields of timestamps and durations.

use super::{Outcome, no_overload};
use crate::{
    Value,
    cost::Cost,
    error::Cause,
    time::{Civil, zone},
};

/// A field of the calendar, in UTC or in the zone that is named.
fn field<'a>(args: &[Value<'a>], pick: fn(&Civil) -> i64) -> Outcome<'a> {
    let (timestamp, offset) = match args {
        [Value::Timestamp(timestamp)] => (timestamp, 0),
        [Value::Timestamp(timestamp), Value::String(name)] => {
            let shown: String = name.chars().take(64).collect();
            let unknown = || {
                Cause::Invalid(format!("unknown time zone '{shown}': expected UTC or an offset"))
            };
            (timestamp, zone(name).ok_or_else(unknown)?)
        }
        _ => return no_overload(),
    };
    Ok(Value::Int(pick(&timestamp.civil(offset))))
}

/// A part of a duration, or a field of a timestamp.
fn part<'a>(args: &[Value<'a>], of_nanos: fn(i64) -> i64, pick: fn(&Civil) -> i64) -> Outcome<'a> {
    match args {
        [Value::Duration(duration)] => Ok(Value::Int(of_nanos(duration.nanos()))),
        _ => field(args, pick),
    }
}

pub(super) fn full_year<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    field(args, |civil| civil.year)
}

pub(super) fn month<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    field(args, |civil| civil.month - 1)
}

pub(super) fn date<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    field(args, |civil| civil.day)
}

pub(super) fn day_of_month<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    field(args, |civil| civil.day - 1)
}

pub(super) fn day_of_week<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    field(args, |civil| civil.weekday)
}

pub(super) fn day_of_year<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    field(args, |civil| civil.yearday)
}

pub(super) fn hours<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    part(args, |nanos| nanos / 3_600_000_000_000, |civil| civil.second / 3600)
}

pub(super) fn minutes<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    part(args, |nanos| nanos / 60_000_000_000, |civil| civil.second / 60 % 60)
}

pub(super) fn seconds<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    part(args, |nanos| nanos / 1_000_000_000, |civil| civil.second % 60)
}

/// Of a duration not all of it, but what is over whole seconds.
pub(super) fn milliseconds<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    part(args, |nanos| nanos / 1_000_000 % 1000, |civil| civil.millisecond)
}
