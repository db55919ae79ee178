//! Operators, and what is like them.

use std::cmp::Ordering;

use super::{Outcome, no_overload};
use crate::{
    Bytes, Key, Value,
    cost::Cost,
    error::Cause,
    value::{List, compare, equal},
};

/// An integer, or its overflow.
fn int<'a>(result: Option<i64>) -> Outcome<'a> {
    result.map(Value::Int).ok_or(Cause::Overflow("int"))
}

fn uint<'a>(result: Option<u64>) -> Outcome<'a> {
    result.map(Value::Uint).ok_or(Cause::Overflow("uint"))
}

pub(super) fn add<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    use Value::{Double, Duration, Int, String, Timestamp, Uint};
    match args {
        [Int(a), Int(b)] => int(a.checked_add(*b)),
        [Uint(a), Uint(b)] => uint(a.checked_add(*b)),
        [Double(a), Double(b)] => Ok(Double(a + b)),
        [String(a), String(b)] => {
            cost.text(a.len().saturating_add(b.len()))?;
            Ok(Value::text([&**a, &**b].concat()))
        }
        [Value::Bytes(a), Value::Bytes(b)] => {
            cost.text(a.len().saturating_add(b.len()))?;
            Ok(Value::Bytes(Bytes::from([&**a, &**b].concat())))
        }
        [Value::List(a), Value::List(b)] => {
            cost.elements(a.len().saturating_add(b.len()))?;
            List::new(a.iter().chain(b.iter()).collect()).map(Value::List)
        }
        [Timestamp(a), Duration(b)] | [Duration(b), Timestamp(a)] => {
            a.checked_add(*b).map(Timestamp).ok_or(Cause::Range("timestamp"))
        }
        [Duration(a), Duration(b)] => duration(a.nanos().checked_add(b.nanos())),
        _ => no_overload(),
    }
}

pub(super) fn subtract<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    use Value::{Double, Duration, Int, Timestamp, Uint};
    match args {
        [Int(a), Int(b)] => int(a.checked_sub(*b)),
        [Uint(a), Uint(b)] => uint(a.checked_sub(*b)),
        [Double(a), Double(b)] => Ok(Double(a - b)),
        [Timestamp(a), Timestamp(b)] => a.since(*b).map(Duration).ok_or(Cause::Range("duration")),
        [Timestamp(a), Duration(b)] => {
            let back = b.nanos().checked_neg().map(crate::Duration::from_nanos);
            let earlier = back.and_then(|back| a.checked_add(back));
            earlier.map(Timestamp).ok_or(Cause::Range("timestamp"))
        }
        [Duration(a), Duration(b)] => duration(a.nanos().checked_sub(b.nanos())),
        _ => no_overload(),
    }
}

fn duration<'a>(nanos: Option<i64>) -> Outcome<'a> {
    let duration = nanos.map(crate::Duration::from_nanos);
    duration.map(Value::Duration).ok_or(Cause::Range("duration"))
}

pub(super) fn multiply<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Int(a), Value::Int(b)] => int(a.checked_mul(*b)),
        [Value::Uint(a), Value::Uint(b)] => uint(a.checked_mul(*b)),
        [Value::Double(a), Value::Double(b)] => Ok(Value::Double(a * b)),
        _ => no_overload(),
    }
}

pub(super) fn divide<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => {
            Err(Cause::DivideByZero)
        }
        [Value::Int(a), Value::Int(b)] => int(a.checked_div(*b)),
        [Value::Uint(a), Value::Uint(b)] => uint(a.checked_div(*b)),
        [Value::Double(a), Value::Double(b)] => Ok(Value::Double(a / b)),
        _ => no_overload(),
    }
}

pub(super) fn remainder<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => {
            Err(Cause::ModulusByZero)
        }
        [Value::Int(a), Value::Int(b)] => int(a.checked_rem(*b)),
        [Value::Uint(a), Value::Uint(b)] => uint(a.checked_rem(*b)),
        _ => no_overload(),
    }
}

pub(super) fn negate<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Int(a)] => int(a.checked_neg()),
        [Value::Double(a)] => Ok(Value::Double(-a)),
        _ => no_overload(),
    }
}

pub(super) fn not<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Bool(truth)] => Ok(Value::Bool(!truth)),
        _ => no_overload(),
    }
}

pub(super) fn equals<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    match args {
        [a, b] => equal(a, b, cost).map(Value::Bool),
        _ => no_overload(),
    }
}

pub(super) fn not_equal<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    match args {
        [a, b] => equal(a, b, cost).map(|equal| Value::Bool(!equal)),
        _ => no_overload(),
    }
}

/// With a NaN every comparison is false.
fn ordered<'a>(args: &[Value<'a>], cost: &mut Cost, holds: fn(Ordering) -> bool) -> Outcome<'a> {
    let [a, b] = args else { return no_overload() };
    match compare(a, b, cost)? {
        Some(order) => Ok(Value::Bool(order.is_some_and(holds))),
        None => no_overload(),
    }
}

pub(super) fn less<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    ordered(args, cost, Ordering::is_lt)
}

pub(super) fn less_equal<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    ordered(args, cost, Ordering::is_le)
}

pub(super) fn greater<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    ordered(args, cost, Ordering::is_gt)
}

pub(super) fn greater_equal<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    ordered(args, cost, Ordering::is_ge)
}

/// `in`
pub(super) fn contained<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    match args {
        [value, Value::List(list)] => {
            for element in list.iter() {
                if equal(value, &element, cost)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        [key, Value::Map(_)] => match args.get(1) {
            Some(map) => Ok(Value::Bool(lookup(map, key, cost)?.is_some())),
            None => no_overload(),
        },
        _ => no_overload(),
    }
}

/// What a list has at an index, or a map at a key; nothing if it has none.
pub(crate) fn lookup<'a>(
    container: &Value<'a>,
    key: &Value<'a>,
    cost: &mut Cost,
) -> Result<Option<Value<'a>>, Cause> {
    match container {
        Value::List(list) => {
            let index = match Key::sought(key) {
                Some(Key::Int(index)) => usize::try_from(index).ok(),
                Some(Key::Uint(index)) => usize::try_from(index).ok(),
                _ => return Err(Cause::Invalid(format!("unsupported index: {key}"))),
            };
            Ok(index.and_then(|index| list.get(index)))
        }
        Value::Map(map) => {
            if let Value::String(text) = key {
                cost.text(text.len())?;
            }
            Ok(Key::sought(key).and_then(|key| map.get(&key)))
        }
        _ => Err(Cause::NoMatchingOverload(String::new())),
    }
}

/// Code points of a string, bytes of `bytes`, elements, entries.
pub(super) fn size<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let size = match args {
        [Value::String(text)] => {
            cost.text(text.len())?;
            text.chars().count()
        }
        [Value::Bytes(bytes)] => bytes.len(),
        [Value::List(list)] => list.len(),
        [Value::Map(map)] => map.len(),
        _ => return no_overload(),
    };
    int(i64::try_from(size).ok())
}
