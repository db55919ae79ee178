//! Values as people read them: what `%s` of `format` writes.

use std::fmt::{self, Write};

use super::{Key, Value};
use crate::order::sorted;

/// Most values that are shown to people: one that an expression has made may hold the same one over
/// and over, and be written for ever.
const MAX_SHOWN: usize = 1000;
/// Most levels that are written; deeper ones are `…`.
const MAX_DEPTH: u16 = 64;

impl fmt::Display for Value<'_> {
    /// As `%s` of `format` writes it, but `…` for what is too large or too deep.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Writer { out: f, left: MAX_SHOWN }.value(self, 0)
    }
}

/// Writes all of a value, which the caller has found to be of a size that can be written.
///
/// spec: cel-spec doc/extensions/strings.md §Conversion, `s`
pub(crate) fn write_plain(out: &mut dyn Write, value: &Value<'_>) -> fmt::Result {
    Writer { out, left: usize::MAX }.value(value, 0)
}

struct Writer<'o> {
    out: &'o mut dyn Write,
    /// Values that may still be written.
    left: usize,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value<'_>, depth: u16) -> fmt::Result {
        if depth > MAX_DEPTH || self.left == 0 {
            return self.out.write_str("…");
        }
        self.left = self.left.saturating_sub(1);
        match value {
            Value::Bool(truth) => write!(self.out, "{truth}"),
            Value::Bytes(bytes) => self.out.write_str(&String::from_utf8_lossy(bytes)),
            Value::Double(double) => self.double(*double),
            Value::Duration(duration) => write!(self.out, "{duration}"),
            Value::Int(int) => write!(self.out, "{int}"),
            Value::List(list) => self.row('[', ']', list.iter().map(|value| (None, value)), depth),
            Value::Map(map) => self.map(map.iter(), depth),
            Value::Null => self.out.write_str("null"),
            Value::Optional(optional) => match optional.get() {
                None => self.out.write_str("optional.none()"),
                Some(value) => {
                    self.out.write_str("optional.of(")?;
                    self.value(value, depth.saturating_add(1))?;
                    self.out.write_char(')')
                }
            },
            Value::String(text) => self.out.write_str(text),
            Value::Timestamp(timestamp) => write!(self.out, "{timestamp}"),
            Value::Type(kind) => self.out.write_str(kind.name()),
            Value::Uint(uint) => write!(self.out, "{uint}"),
        }
    }

    /// "sorted by the formatted keys in ascending order"
    fn map<'a>(
        &mut self,
        entries: impl Iterator<Item = (Key<'a>, Value<'a>)>,
        depth: u16,
    ) -> fmt::Result {
        let entries: Vec<_> =
            entries.map(|(key, value)| (Some(Value::from(key).to_string()), value)).collect();
        let entries = sorted(entries, |(a, _), (b, _)| a.cmp(b));
        self.row('{', '}', entries.into_iter(), depth)
    }

    fn row<'a>(
        &mut self,
        open: char,
        close: char,
        elements: impl Iterator<Item = (Option<String>, Value<'a>)>,
        depth: u16,
    ) -> fmt::Result {
        self.out.write_char(open)?;
        for (index, (key, value)) in elements.enumerate() {
            self.out.write_str(if index == 0 { "" } else { ", " })?;
            if self.left == 0 {
                self.out.write_str("…")?;
                break;
            }
            if let Some(key) = key {
                write!(self.out, "{key}: ")?;
            }
            self.value(&value, depth.saturating_add(1))?;
        }
        self.out.write_char(close)
    }

    /// Decimal, without an exponent.
    fn double(&mut self, double: f64) -> fmt::Result {
        if double.is_infinite() {
            return self.out.write_str(if double > 0.0 { "Infinity" } else { "-Infinity" });
        }
        write!(self.out, "{double}")
    }
}
