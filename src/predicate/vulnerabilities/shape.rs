//! Reading reports member by member. A `null` is a member that is not there.

use serde_json::{Map, Value};

use crate::{
    time::Time,
    verdict::{Code, Reason},
};

pub(super) type Members = Map<String, Value>;
pub(super) type Read<T> = Result<T, Reason>;

/// What is not of the shape that its format asks for.
pub(super) fn wrong(what: &str, expected: &str, found: Option<&Value>) -> Reason {
    let found = match found {
        None => "nothing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "a boolean",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "a string",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "an object",
    };
    Reason::new(Code::PredicateMalformed, format!("{what} is not {expected}"))
        .expected(expected)
        .found(found)
}

/// What is of a kind that is not read.
pub(super) fn unsupported(message: impl Into<String>) -> Reason {
    Reason::new(Code::PredicateUnsupported, message.into())
}

pub(super) fn object<'a>(value: Option<&'a Value>, what: &str) -> Read<&'a Members> {
    value.and_then(Value::as_object).ok_or_else(|| wrong(what, "an object", value))
}

pub(super) fn list<'a>(value: Option<&'a Value>, what: &str) -> Read<&'a [Value]> {
    match value {
        Some(Value::Array(items)) => Ok(items),
        _ => Err(wrong(what, "a list", value)),
    }
}

/// A list that may be absent.
pub(super) fn list_if_there<'a>(value: Option<&'a Value>, what: &str) -> Read<&'a [Value]> {
    if value.is_none_or(Value::is_null) { Ok(&[]) } else { list(value, what) }
}

/// A member that is there and not null.
pub(super) fn member<'a>(members: &'a Members, name: &str) -> Option<&'a Value> {
    members.get(name).filter(|value| !value.is_null())
}

/// An object that may be absent.
pub(super) fn object_if_there<'a>(members: &'a Members, name: &str) -> Read<Option<&'a Members>> {
    member(members, name).map(|value| object(Some(value), &format!("`{name}`"))).transpose()
}

/// A text that may be absent or empty.
pub(super) fn text<'a>(members: &'a Members, name: &str) -> Read<Option<&'a str>> {
    match member(members, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
        found => Err(wrong(&format!("`{name}`"), "a string", found)),
    }
}

/// A text that is there.
pub(super) fn needed<'a>(members: &'a Members, name: &str) -> Read<&'a str> {
    text(members, name)?
        .ok_or_else(|| wrong(&format!("`{name}`"), "a string that says something", None))
}

/// An instant that may be absent.
pub(super) fn time(members: &Members, name: &str) -> Read<Option<Time>> {
    let Some(text) = text(members, name)? else {
        return Ok(None);
    };
    let read = Time::parse_or_date(text).ok_or_else(|| {
        let message = format!("`{name}` is not a time");
        Reason::new(Code::PredicateMalformed, message).expected("RFC 3339").found(shortened(text))
    });
    read.map(Some)
}

/// Characters of one name in a verdict.
const MOST_SHOWN: usize = 100;

/// A text of a report as a verdict shows it: short, in one line.
pub(super) fn shortened(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut shown: String = text.chars().take(MOST_SHOWN).map(plain).collect();
    if text.chars().nth(MOST_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
