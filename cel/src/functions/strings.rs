//! The strings extension. Positions are counted in code points.

use super::{Outcome, no_overload};
use crate::{Text, Value, cost::Cost, error::Cause, value::List};

/// The byte at which a code point starts; the end of the text is one more position.
fn offset(text: &str, index: i64) -> Result<usize, Cause> {
    let place = usize::try_from(index).ok().and_then(|index| {
        let starts = text.char_indices().map(|(start, _)| start);
        starts.chain(std::iter::once(text.len())).nth(index)
    });
    place.ok_or(Cause::Index(index))
}

/// The code points before a byte.
fn position(text: &str, byte: usize) -> Value<'static> {
    let count = text.get(..byte).map_or(0, |before| before.chars().count());
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

fn part<'a>(text: &Text<'a>, start: usize, end: usize) -> Outcome<'a> {
    text.part(start, end).map(Value::String).ok_or(Cause::Index(0))
}

/// A predicate of two strings.
fn related<'a>(args: &[Value<'a>], cost: &mut Cost, holds: fn(&str, &str) -> bool) -> Outcome<'a> {
    let [Value::String(text), Value::String(other)] = args else { return no_overload() };
    cost.text(text.len().saturating_add(other.len()))?;
    Ok(Value::Bool(holds(text, other)))
}

pub(super) fn contains<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    related(args, cost, |text, other| text.contains(other))
}

pub(super) fn starts_with<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    related(args, cost, |text, other| text.starts_with(other))
}

pub(super) fn ends_with<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    related(args, cost, |text, other| text.ends_with(other))
}

pub(super) fn char_at<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let [Value::String(text), Value::Int(index)] = args else { return no_overload() };
    cost.text(text.len())?;
    let start = offset(text, *index)?;
    let rest = text.get(start..).unwrap_or_default();
    let length = rest.chars().next().map_or(0, char::len_utf8);
    part(text, start, start.saturating_add(length))
}

pub(super) fn index_of<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let (text, other, from) = match args {
        [Value::String(text), Value::String(other)] => (text, other, 0),
        [Value::String(text), Value::String(other), Value::Int(from)] => (text, other, *from),
        _ => return no_overload(),
    };
    cost.text(text.len().saturating_add(other.len()))?;
    let start = offset(text, from)?;
    let found = text.get(start..).and_then(|rest| rest.find(&**other));
    Ok(match found {
        Some(found) => position(text, start.saturating_add(found)),
        None => Value::Int(-1),
    })
}

pub(super) fn last_index_of<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let (text, other, last) = match args {
        [Value::String(text), Value::String(other)] => (text, other, None),
        [Value::String(text), Value::String(other), Value::Int(last)] => (text, other, Some(last)),
        _ => return no_overload(),
    };
    cost.text(text.len().saturating_add(other.len()))?;
    let start = match last {
        Some(last) => offset(text, *last)?,
        None => text.len(),
    };
    // A match that starts at the last position ends so many bytes later.
    let mut end = start.saturating_add(other.len()).min(text.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    Ok(match text.get(..end).and_then(|head| head.rfind(&**other)) {
        Some(found) => position(text, found),
        None => Value::Int(-1),
    })
}

/// Without a copy where nothing changes.
fn cased<'a>(
    args: &[Value<'a>],
    cost: &mut Cost,
    differs: fn(&u8) -> bool,
    change: fn(&str) -> String,
) -> Outcome<'a> {
    let [Value::String(text)] = args else { return no_overload() };
    cost.text(text.len())?;
    Ok(if text.as_bytes().iter().any(differs) {
        Value::text(change(text))
    } else {
        Value::String(text.clone())
    })
}

pub(super) fn lower_ascii<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    cased(args, cost, u8::is_ascii_uppercase, str::to_ascii_lowercase)
}

pub(super) fn upper_ascii<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    cased(args, cost, u8::is_ascii_lowercase, str::to_ascii_uppercase)
}

/// How many of something a limit allows; a negative one allows all.
fn allowed(limit: i64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

pub(super) fn replace<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let (text, old, new, limit) = match args {
        [Value::String(text), Value::String(old), Value::String(new)] => (text, old, new, -1),
        [Value::String(text), Value::String(old), Value::String(new), Value::Int(limit)] => {
            (text, old, new, *limit)
        }
        _ => return no_overload(),
    };
    cost.text(text.len().saturating_add(old.len()))?;
    let count = text.matches(&**old).take(allowed(limit)).count();
    cost.text(text.len().saturating_add(count.saturating_mul(new.len())))?;
    Ok(Value::text(text.replacen(&**old, new, count)))
}

/// An empty separator splits into code points.
pub(super) fn split<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let (text, separator, limit) = match args {
        [Value::String(text), Value::String(separator)] => (text, separator, -1),
        [Value::String(text), Value::String(separator), Value::Int(limit)] => {
            (text, separator, *limit)
        }
        _ => return no_overload(),
    };
    cost.text(text.len().saturating_add(separator.len()))?;
    let ends = ends_of_parts(text, separator, allowed(limit), cost)?;
    let mut values = Vec::with_capacity(ends.len());
    for (start, end) in ends {
        values.push(part(text, start, end)?);
    }
    List::new(values).map(Value::List)
}

/// Where the parts start and end.
fn ends_of_parts(
    text: &str,
    separator: &str,
    limit: usize,
    cost: &mut Cost,
) -> Result<Vec<(usize, usize)>, Cause> {
    let mut parts = Vec::new();
    if limit == 0 || (separator.is_empty() && text.is_empty()) {
        return Ok(parts);
    }
    let mut start: usize = 0;
    while parts.len().saturating_add(1) < limit {
        cost.spend(1)?;
        let rest = text.get(start..).unwrap_or_default();
        let end = if separator.is_empty() {
            rest.chars().next().map(char::len_utf8).filter(|end| *end < rest.len())
        } else {
            rest.find(separator)
        };
        let Some(end) = end else { break };
        let end = start.saturating_add(end);
        parts.push((start, end));
        start = end.saturating_add(separator.len());
    }
    parts.push((start, text.len()));
    Ok(parts)
}

pub(super) fn join<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let (list, separator) = match args {
        [Value::List(list)] => (list, ""),
        [Value::List(list), Value::String(separator)] => (list, &**separator),
        _ => return no_overload(),
    };
    let mut joined = String::new();
    for (index, value) in list.iter().enumerate() {
        let Value::String(text) = value else { return no_overload() };
        cost.spend(1)?;
        cost.text(text.len().saturating_add(separator.len()))?;
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&text);
    }
    Ok(Value::text(joined))
}

pub(super) fn substring<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let (text, start, end) = match args {
        [Value::String(text), Value::Int(start)] => (text, *start, None),
        [Value::String(text), Value::Int(start), Value::Int(end)] => (text, *start, Some(*end)),
        _ => return no_overload(),
    };
    cost.text(text.len().saturating_mul(2))?;
    let first = offset(text, start)?;
    let Some(end) = end else { return part(text, first, text.len()) };
    let last = offset(text, end)?;
    if end < start {
        return Err(Cause::Invalid(format!("invalid substring range. start: {start}, end: {end}")));
    }
    part(text, first, last)
}

pub(super) fn trim<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let [Value::String(text)] = args else { return no_overload() };
    cost.text(text.len())?;
    let start = text.len().saturating_sub(text.trim_start().len());
    let end = text.trim_end().len().max(start);
    part(text, start, end)
}

/// In quotes, with escapes for what would not be seen.
pub(super) fn quote<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let [Value::String(text)] = args else { return no_overload() };
    cost.text(text.len().saturating_mul(2))?;
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '\x07' => quoted.push_str("\\a"),
            '\x08' => quoted.push_str("\\b"),
            '\x0c' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\x0b' => quoted.push_str("\\v"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    Ok(Value::text(quoted))
}
