//! Lists as sets.

use super::{Outcome, no_overload};
use crate::{
    Value,
    cost::Cost,
    error::Cause,
    value::{List, equal},
};

fn member(list: &List<'_>, value: &Value<'_>, cost: &mut Cost) -> Result<bool, Cause> {
    for element in list.iter() {
        if equal(&element, value, cost)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether every element of one list is in the other.
fn subset(small: &List<'_>, large: &List<'_>, cost: &mut Cost) -> Result<bool, Cause> {
    for value in small.iter() {
        if !member(large, &value, cost)? {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn contains<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::List(large), Value::List(small)] => subset(small, large, cost).map(Value::Bool),
        _ => no_overload(),
    }
}

pub(super) fn equivalent<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::List(a), Value::List(b)] => {
            Ok(Value::Bool(subset(a, b, cost)? && subset(b, a, cost)?))
        }
        _ => no_overload(),
    }
}

pub(super) fn intersects<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let [Value::List(a), Value::List(b)] = args else { return no_overload() };
    for value in a.iter() {
        if member(b, &value, cost)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}
