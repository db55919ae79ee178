//! `string.format`.
//!
//! spec: [strings.md](https://github.com/google/cel-spec/blob/master/doc/extensions/strings.md)

use std::fmt::Write;

use super::{Outcome, convert::padded, no_overload};
use crate::{
    Type, Value,
    cost::Cost,
    error::Cause,
    value::{List, write_plain},
};

/// Most digits after the point. Every `double` is exact with 1074 of them.
const MAX_PRECISION: usize = 1074;
const DEFAULT_PRECISION: usize = 6;

pub(super) fn format<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let [Value::String(template), Value::List(list)] = args else { return no_overload() };
    cost.text(template.len())?;
    let mut out = String::new();
    let mut rest: &str = template;
    let mut next = 0;
    while let Some((before, clause)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(after) = clause.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let (clause, after) = Clause::parse(clause)?;
        let value = list.get(next).ok_or_else(|| {
            Cause::Invalid(format!("error during formatting: index {next} out of range"))
        })?;
        clause.write(&mut out, &value, cost)?;
        next = next.saturating_add(1);
        rest = after;
    }
    out.push_str(rest);
    Ok(Value::text(out))
}

/// `%[.precision]conversion`
struct Clause {
    precision: usize,
    conversion: char,
}

impl Clause {
    fn parse(text: &str) -> Result<(Self, &str), Cause> {
        let (precision, text) = match text.strip_prefix('.') {
            None => (DEFAULT_PRECISION, text),
            Some(text) => {
                let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
                let (digits, rest) = text.split_at_checked(end).unwrap_or_default();
                let precision = digits.parse().ok().filter(|digits| *digits <= MAX_PRECISION);
                (precision.ok_or_else(|| unparsed("precision", digits))?, rest)
            }
        };
        let mut characters = text.chars();
        match characters.next() {
            Some(conversion @ ('s' | 'd' | 'f' | 'e' | 'x' | 'X' | 'o' | 'b')) => {
                Ok((Self { precision, conversion }, characters.as_str()))
            }
            Some(other) => Err(unparsed("unrecognized formatting clause", &other.to_string())),
            None => Err(unparsed("unexpected end of string after", "%")),
        }
    }

    fn write(&self, out: &mut String, value: &Value<'_>, cost: &mut Cost) -> Result<(), Cause> {
        cost.spend(1)?;
        match self.conversion {
            's' => write_string(out, value, cost),
            'd' => write_decimal(out, value),
            'f' => write_fixed(out, value, self.precision, cost),
            'e' => write_scientific(out, value, self.precision, cost),
            'o' => write_octal(out, value),
            'b' => write_binary(out, value),
            upper_or_lower => write_hex(out, value, upper_or_lower == 'X', cost),
        }
    }
}

fn unparsed(why: &str, found: &str) -> Cause {
    Cause::Invalid(format!("could not parse formatting clause: {why} \"{found}\""))
}

fn refused(clause: &str, kind: Type) -> Cause {
    Cause::Invalid(format!("error during formatting: {clause}, was given {}", kind.name()))
}

/// Pays for what is written before it is made.
fn write_string(out: &mut String, value: &Value<'_>, cost: &mut Cost) -> Result<(), Cause> {
    weigh(value, cost, 0)?;
    // A String takes all that is written.
    let _ = write_plain(out, value);
    Ok(())
}

fn weigh(value: &Value<'_>, cost: &mut Cost, depth: u16) -> Result<(), Cause> {
    cost.spend(1)?;
    match value {
        Value::Bytes(bytes) => cost.text(bytes.len().saturating_mul(3)),
        // Every digit before the point is written.
        Value::Double(_) => cost.text(324),
        Value::String(text) => cost.text(text.len()),
        Value::List(list) => weigh_list(list, cost, depth),
        Value::Map(map) => {
            for (key, value) in map.iter() {
                weigh(&Value::from(key), cost, depth)?;
                deeper(&value, cost, depth)?;
            }
            Ok(())
        }
        Value::Optional(_) => {
            let clause = "string clause can only be used on strings, bools, bytes, ints, doubles, \
                          maps, lists, types, durations, and timestamps";
            Err(refused(clause, value.kind()))
        }
        _ => Ok(()),
    }
}

fn weigh_list(list: &List<'_>, cost: &mut Cost, depth: u16) -> Result<(), Cause> {
    list.iter().try_for_each(|value| deeper(&value, cost, depth))
}

/// What is written as `…` would be a lie in a string that a condition compares.
fn deeper(value: &Value<'_>, cost: &mut Cost, depth: u16) -> Result<(), Cause> {
    if depth >= 64 {
        return Err(Cause::DepthExceeded);
    }
    weigh(value, cost, depth.saturating_add(1))
}

/// `NaN`, `Infinity`, `-Infinity`.
fn not_finite(double: f64) -> Option<&'static str> {
    if double.is_nan() {
        return Some("NaN");
    }
    double.is_infinite().then_some(if double > 0.0 { "Infinity" } else { "-Infinity" })
}

fn write_decimal(out: &mut String, value: &Value<'_>) -> Result<(), Cause> {
    match value {
        Value::Int(_) | Value::Uint(_) | Value::Double(_) => {
            let _ = write_plain(out, value);
            Ok(())
        }
        other => Err(refused("decimal clause can only be used on integers", other.kind())),
    }
}

fn as_double(value: &Value<'_>, why: &'static str) -> Result<f64, Cause> {
    match value {
        Value::Double(double) => Ok(*double),
        Value::Int(int) => Ok(*int as f64),
        Value::Uint(uint) => Ok(*uint as f64),
        _ => Err(refused(why, value.kind())),
    }
}

fn write_fixed(
    out: &mut String,
    value: &Value<'_>,
    precision: usize,
    cost: &mut Cost,
) -> Result<(), Cause> {
    let double = as_double(value, "fixed-point clause can only be used on doubles")?;
    cost.text(precision.saturating_add(320))?;
    let _ = match not_finite(double) {
        Some(text) => out.write_str(text),
        None => write!(out, "{double:.precision$}"),
    };
    Ok(())
}

fn write_scientific(
    out: &mut String,
    value: &Value<'_>,
    precision: usize,
    cost: &mut Cost,
) -> Result<(), Cause> {
    let double = as_double(value, "scientific clause can only be used on doubles")?;
    cost.text(precision.saturating_add(16))?;
    if let Some(text) = not_finite(double) {
        out.push_str(text);
        return Ok(());
    }
    let text = format!("{double:.precision$e}");
    if let Some((digits, exponent)) = text.split_once('e') {
        let _ = write!(out, "{digits}e{}", padded(exponent));
    }
    Ok(())
}

fn write_octal(out: &mut String, value: &Value<'_>) -> Result<(), Cause> {
    let _ = match value {
        Value::Int(int) => write!(out, "{}{:o}", minus(*int), int.unsigned_abs()),
        Value::Uint(uint) => write!(out, "{uint:o}"),
        other => {
            return Err(refused("octal clause can only be used on integers", other.kind()));
        }
    };
    Ok(())
}

fn write_binary(out: &mut String, value: &Value<'_>) -> Result<(), Cause> {
    let _ = match value {
        Value::Bool(truth) => out.write_char(if *truth { '1' } else { '0' }),
        Value::Int(int) => write!(out, "{}{:b}", minus(*int), int.unsigned_abs()),
        Value::Uint(uint) => write!(out, "{uint:b}"),
        other => {
            return Err(refused(
                "only integers and bools can be formatted as binary",
                other.kind(),
            ));
        }
    };
    Ok(())
}

fn minus(int: i64) -> &'static str {
    if int < 0 { "-" } else { "" }
}

fn write_hex(
    out: &mut String,
    value: &Value<'_>,
    upper: bool,
    cost: &mut Cost,
) -> Result<(), Cause> {
    let bytes: &[u8] = match value {
        Value::Int(int) => {
            let text = format!("{}{:x}", minus(*int), int.unsigned_abs());
            out.push_str(&if upper { text.to_ascii_uppercase() } else { text });
            return Ok(());
        }
        Value::Uint(uint) => {
            let text = format!("{uint:x}");
            out.push_str(&if upper { text.to_ascii_uppercase() } else { text });
            return Ok(());
        }
        Value::String(text) => text.as_bytes(),
        Value::Bytes(bytes) => bytes,
        other => {
            return Err(refused(
                "only integers, byte buffers, and strings can be formatted as hex",
                other.kind(),
            ));
        }
    };
    cost.text(bytes.len().saturating_mul(8))?;
    for byte in bytes {
        let _ = if upper { write!(out, "{byte:02X}") } else { write!(out, "{byte:02x}") };
    }
    Ok(())
}
