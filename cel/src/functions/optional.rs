//! Optional values.

use super::{Outcome, no_overload};
use crate::{Optional, Value, cost::Cost, error::Cause, value::List};

pub(super) fn none<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [] => Ok(Value::Optional(Optional::NONE)),
        _ => no_overload(),
    }
}

pub(super) fn of<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [value] => Optional::of(value.clone()).map(Value::Optional),
        _ => no_overload(),
    }
}

pub(super) fn of_non_zero<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    match args {
        [value] if is_zero(value) => Ok(Value::Optional(Optional::NONE)),
        _ => of(args, cost),
    }
}

/// Whether a value is the one that its type has when nobody says another.
fn is_zero(value: &Value<'_>) -> bool {
    match value {
        Value::Bool(truth) => !truth,
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::Double(double) => *double == 0.0,
        Value::Duration(duration) => duration.nanos() == 0,
        Value::Int(int) => *int == 0,
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::Null => true,
        Value::Optional(optional) => optional.get().is_none(),
        Value::String(text) => text.is_empty(),
        Value::Timestamp(timestamp) => timestamp.seconds() == 0 && timestamp.nanos() == 0,
        Value::Type(_) => false,
        Value::Uint(uint) => *uint == 0,
    }
}

pub(super) fn has_value<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Optional(optional)] => Ok(Value::Bool(optional.get().is_some())),
        _ => no_overload(),
    }
}

pub(super) fn value<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Optional(optional)] => optional
            .get()
            .cloned()
            .ok_or_else(|| Cause::Invalid("optional.none() dereference".into())),
        _ => no_overload(),
    }
}

pub(super) fn or<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Optional(first), Value::Optional(second)] => {
            let chosen = if first.get().is_some() { first } else { second };
            Ok(Value::Optional(chosen.clone()))
        }
        _ => no_overload(),
    }
}

pub(super) fn or_value<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Optional(optional), other] => Ok(optional.get().unwrap_or(other).clone()),
        _ => no_overload(),
    }
}

/// The values that are there.
pub(super) fn unwrap_list<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let [Value::List(list)] = args else { return no_overload() };
    cost.elements(list.len())?;
    let mut values = Vec::new();
    for element in list.iter() {
        let Value::Optional(optional) = element else { return no_overload() };
        values.extend(optional.get().cloned());
    }
    List::new(values).map(Value::List)
}
