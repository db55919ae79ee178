//! Equality and order.

use std::cmp::Ordering;

use super::{Key, List, Map, Value};
use crate::{cost::Cost, error::Cause};

/// Most levels that are compared: those that an expression may build, over those that JSON has.
const MAX_DEPTH: u16 = 384;

/// Whether two values are equal; numbers by value, other types only among themselves.
///
/// spec: langdef §Equality
pub(crate) fn equal(a: &Value<'_>, b: &Value<'_>, cost: &mut Cost) -> Result<bool, Cause> {
    equal_at(a, b, cost, 0)
}

fn equal_at(a: &Value<'_>, b: &Value<'_>, cost: &mut Cost, depth: u16) -> Result<bool, Cause> {
    if depth > MAX_DEPTH {
        return Err(Cause::DepthExceeded);
    }
    cost.spend(1)?;
    Ok(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Bytes(a), Value::Bytes(b)) => {
            cost.text(a.len().min(b.len()))?;
            **a == **b
        }
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::List(a), Value::List(b)) => return equal_lists(a, b, cost, depth),
        (Value::Map(a), Value::Map(b)) => return equal_maps(a, b, cost, depth),
        (Value::Null, Value::Null) => true,
        (Value::Optional(a), Value::Optional(b)) => match (a.get(), b.get()) {
            (Some(a), Some(b)) => return equal_at(a, b, cost, depth.saturating_add(1)),
            (None, None) => true,
            _ => false,
        },
        (Value::String(a), Value::String(b)) => {
            cost.text(a.len().min(b.len()))?;
            **a == **b
        }
        (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
        (Value::Type(a), Value::Type(b)) => a == b,
        _ => compare_numbers(a, b) == Some(Some(Ordering::Equal)),
    })
}

fn equal_lists(a: &List<'_>, b: &List<'_>, cost: &mut Cost, depth: u16) -> Result<bool, Cause> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.iter().zip(b.iter()) {
        if !equal_at(&a, &b, cost, depth.saturating_add(1))? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn equal_maps(a: &Map<'_>, b: &Map<'_>, cost: &mut Cost, depth: u16) -> Result<bool, Cause> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (key, a) in a.iter() {
        if let Key::String(text) = &key {
            cost.text(text.len())?;
        }
        let Some(b) = b.get(&key) else { return Ok(false) };
        if !equal_at(&a, &b, cost, depth.saturating_add(1))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The order of two values, none with a NaN; nothing for types without an order.
///
/// spec: langdef §Ordering
pub(crate) fn compare(
    a: &Value<'_>,
    b: &Value<'_>,
    cost: &mut Cost,
) -> Result<Option<Option<Ordering>>, Cause> {
    Ok(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Some(Some(a.cmp(b))),
        (Value::Bytes(a), Value::Bytes(b)) => {
            cost.text(a.len().min(b.len()))?;
            Some(Some((**a).cmp(&**b)))
        }
        (Value::Duration(a), Value::Duration(b)) => Some(Some(a.cmp(b))),
        (Value::String(a), Value::String(b)) => {
            cost.text(a.len().min(b.len()))?;
            Some(Some((**a).cmp(&**b)))
        }
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(Some(a.cmp(b))),
        _ => compare_numbers(a, b),
    })
}

/// The order of two numbers; nothing for what is no number.
fn compare_numbers(a: &Value<'_>, b: &Value<'_>) -> Option<Option<Ordering>> {
    Some(match (a, b) {
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::Double(a), Value::Int(b)) => double_to_int(*a, *b),
        (Value::Double(a), Value::Uint(b)) => double_to_uint(*a, *b),
        (Value::Int(a), Value::Double(b)) => double_to_int(*b, *a).map(Ordering::reverse),
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Int(a), Value::Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Value::Uint(a), Value::Double(b)) => double_to_uint(*b, *a).map(Ordering::reverse),
        (Value::Uint(a), Value::Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Value::Uint(a), Value::Uint(b)) => Some(a.cmp(b)),
        _ => return None,
    })
}

/// Beyond 2^53 an `int` is compared as the nearest `double`, as the conformance tests want it.
fn double_to_int(double: f64, int: i64) -> Option<Ordering> {
    double.partial_cmp(&(int as f64))
}

fn double_to_uint(double: f64, uint: u64) -> Option<Ordering> {
    double.partial_cmp(&(uint as f64))
}
