//! Values as people read them: what `%s` of `format` writes.

use std::fmt::{self, Write};

use super::{Key, Value};
use crate::order::sorted;

/// Most levels that are written; deeper ones are `…`.
const MAX_DEPTH: u16 = 64;

impl fmt::Display for Value<'_> {
    /// As `%s` of `format` writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_plain(f, self, 0)
    }
}

/// spec: cel-spec doc/extensions/strings.md §Conversion, `s`
pub(crate) fn write_plain(out: &mut dyn Write, value: &Value<'_>, depth: u16) -> fmt::Result {
    if depth > MAX_DEPTH {
        return out.write_str("…");
    }
    match value {
        Value::Bool(truth) => write!(out, "{truth}"),
        Value::Bytes(bytes) => out.write_str(&String::from_utf8_lossy(bytes)),
        Value::Double(double) => write_double(out, *double),
        Value::Duration(duration) => write!(out, "{duration}"),
        Value::Int(int) => write!(out, "{int}"),
        Value::List(list) => {
            out.write_char('[')?;
            for (index, value) in list.iter().enumerate() {
                out.write_str(if index == 0 { "" } else { ", " })?;
                write_plain(out, &value, depth.saturating_add(1))?;
            }
            out.write_char(']')
        }
        Value::Map(map) => write_map(out, map.iter(), depth),
        Value::Null => out.write_str("null"),
        Value::Optional(optional) => match optional.get() {
            None => out.write_str("optional.none()"),
            Some(value) => {
                out.write_str("optional.of(")?;
                write_plain(out, value, depth.saturating_add(1))?;
                out.write_char(')')
            }
        },
        Value::String(text) => out.write_str(text),
        Value::Timestamp(timestamp) => write!(out, "{timestamp}"),
        Value::Type(kind) => out.write_str(kind.name()),
        Value::Uint(uint) => write!(out, "{uint}"),
    }
}

/// "sorted by the formatted keys in ascending order"
fn write_map<'a>(
    out: &mut dyn Write,
    entries: impl Iterator<Item = (Key<'a>, Value<'a>)>,
    depth: u16,
) -> fmt::Result {
    let entries: Vec<_> =
        entries.map(|(key, value)| (Value::from(key).to_string(), value)).collect();
    let entries = sorted(entries, |(a, _), (b, _)| a.cmp(b));
    out.write_char('{')?;
    for (index, (key, value)) in entries.iter().enumerate() {
        out.write_str(if index == 0 { "" } else { ", " })?;
        write!(out, "{key}: ")?;
        write_plain(out, value, depth.saturating_add(1))?;
    }
    out.write_char('}')
}

/// Decimal, without an exponent.
fn write_double(out: &mut dyn Write, double: f64) -> fmt::Result {
    if double.is_infinite() {
        return out.write_str(if double > 0.0 { "Infinity" } else { "-Infinity" });
    }
    write!(out, "{double}")
}
