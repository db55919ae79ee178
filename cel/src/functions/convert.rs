//! Conversions between types.

use super::{Outcome, no_overload};
use crate::{Bytes, Duration, Timestamp, Value, cost::Cost, error::Cause};

/// Longest text that is read as a number, a time or a truth.
const MAX_SCALAR: usize = 512;

/// Text that is short enough to be parsed at a constant cost.
fn short(text: &str) -> Option<&str> {
    (text.len() <= MAX_SCALAR).then_some(text)
}

fn conversion<'a>(value: Option<Value<'a>>, from: &str, to: &str) -> Outcome<'a> {
    value.ok_or_else(|| {
        let shown: String = from.chars().take(64).collect();
        Cause::Invalid(format!("type conversion error from string to '{to}': '{shown}'"))
    })
}

pub(super) fn identity<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [value] => Ok(value.clone()),
        _ => no_overload(),
    }
}

pub(super) fn type_of<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [value] => Ok(Value::Type(value.kind())),
        _ => no_overload(),
    }
}

pub(super) fn bool<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Bool(truth)] => Ok(Value::Bool(*truth)),
        [Value::String(text)] => match &**text {
            "1" | "t" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
            _ => conversion(None, text, "bool"),
        },
        _ => no_overload(),
    }
}

pub(super) fn bytes<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Bytes(bytes)] => Ok(Value::Bytes(bytes.clone())),
        [Value::String(text)] => {
            cost.text(text.len())?;
            Ok(Value::Bytes(text.clone().into_bytes()))
        }
        _ => no_overload(),
    }
}

pub(super) fn double<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Double(double)] => Ok(Value::Double(*double)),
        [Value::Int(int)] => Ok(Value::Double(*int as f64)),
        [Value::Uint(uint)] => Ok(Value::Double(*uint as f64)),
        [Value::String(text)] => {
            let double = short(text).and_then(|text| text.parse().ok());
            conversion(double.map(Value::Double), text, "double")
        }
        _ => no_overload(),
    }
}

/// spec: langdef §Overflow "Double to int conversions are limited to (minInt, maxInt)
/// non-inclusive."
pub(super) fn int<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Int(int)] => Ok(Value::Int(*int)),
        [Value::Uint(uint)] => {
            i64::try_from(*uint).map(Value::Int).map_err(|_| Cause::Range("int"))
        }
        [Value::Double(double)] => {
            let bound = 9_223_372_036_854_775_808.0;
            let fits = *double > -bound && *double < bound;
            if fits { Ok(Value::Int(*double as i64)) } else { Err(Cause::Range("int")) }
        }
        [Value::String(text)] => {
            let int = short(text).and_then(|text| text.parse().ok());
            conversion(int.map(Value::Int), text, "int")
        }
        [Value::Timestamp(timestamp)] => Ok(Value::Int(timestamp.seconds())),
        _ => no_overload(),
    }
}

pub(super) fn uint<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Uint(uint)] => Ok(Value::Uint(*uint)),
        [Value::Int(int)] => u64::try_from(*int).map(Value::Uint).map_err(|_| Cause::Range("uint")),
        [Value::Double(double)] => {
            let fits = (0.0..18_446_744_073_709_551_616.0).contains(double);
            if fits { Ok(Value::Uint(*double as u64)) } else { Err(Cause::Range("uint")) }
        }
        [Value::String(text)] => {
            let plain = short(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let uint = plain.and_then(|text| text.parse().ok());
            conversion(uint.map(Value::Uint), text, "uint")
        }
        _ => no_overload(),
    }
}

pub(super) fn string<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::String(text)] => Ok(Value::String(text.clone())),
        [Value::Bytes(bytes)] => {
            cost.text(bytes.len())?;
            from_utf8(bytes)
        }
        [Value::Double(double)] => Ok(Value::text(double_to_text(*double))),
        [
            value @ (Value::Bool(_)
            | Value::Int(_)
            | Value::Uint(_)
            | Value::Timestamp(_)
            | Value::Duration(_)),
        ] => Ok(Value::text(value.to_string())),
        _ => no_overload(),
    }
}

fn from_utf8<'a>(bytes: &Bytes<'a>) -> Outcome<'a> {
    let invalid = || Cause::Invalid("invalid UTF-8 in bytes, cannot convert to string".into());
    match bytes {
        Bytes::Borrowed(bytes) => str::from_utf8(bytes).map(Value::from).map_err(|_| invalid()),
        Bytes::Shared(bytes) => {
            str::from_utf8(bytes).map(|text| Value::text(text.into())).map_err(|_| invalid())
        }
    }
}

/// The shortest digits that are this number; with an exponent below 1e-4 and from 1e6 on, as cel-go
/// writes it.
fn double_to_text(double: f64) -> String {
    if double.is_nan() {
        return "NaN".into();
    }
    if double.is_infinite() {
        return if double > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    let magnitude = double.abs();
    if magnitude == 0.0 || (1e-4..1e6).contains(&magnitude) {
        return format!("{double}");
    }
    let text = format!("{double:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => format!("{digits}e{}", padded(exponent)),
        None => text,
    }
}

/// An exponent with its sign and at least two digits.
pub(super) fn padded(exponent: &str) -> String {
    match exponent.strip_prefix('-') {
        Some(digits) => format!("-{digits:0>2}"),
        None => format!("+{exponent:0>2}"),
    }
}

pub(super) fn timestamp<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Timestamp(timestamp)] => Ok(Value::Timestamp(*timestamp)),
        [Value::Int(seconds)] => {
            Timestamp::new(*seconds, 0).map(Value::Timestamp).ok_or(Cause::Range("timestamp"))
        }
        [Value::String(text)] => {
            let timestamp = short(text).and_then(Timestamp::parse);
            conversion(timestamp.map(Value::Timestamp), text, "timestamp")
        }
        _ => no_overload(),
    }
}

pub(super) fn duration<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Duration(duration)] => Ok(Value::Duration(*duration)),
        [Value::String(text)] => {
            let duration = short(text).and_then(Duration::parse);
            conversion(duration.map(Value::Duration), text, "duration")
        }
        _ => no_overload(),
    }
}
