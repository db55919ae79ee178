//! The lists extension.

use super::{Outcome, no_overload};
use crate::{
    Optional, Value,
    cost::Cost,
    error::Cause,
    order::sorted,
    value::{List, compare, equal},
};

pub(super) fn range<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let [Value::Int(count)] = args else { return no_overload() };
    cost.spend(u64::try_from(*count).unwrap_or(0))?;
    List::new((0..*count).map(Value::Int).collect()).map(Value::List)
}

/// A copy of a list, paid for.
fn copied<'a>(list: &List<'a>, cost: &mut Cost) -> Result<Vec<Value<'a>>, Cause> {
    cost.elements(list.len())?;
    Ok(list.iter().collect())
}

/// A list backwards, or a string.
pub(super) fn reverse<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::List(list)] => {
            let mut values = copied(list, cost)?;
            values.reverse();
            List::new(values).map(Value::List)
        }
        [Value::String(text)] => {
            cost.text(text.len().saturating_mul(2))?;
            Ok(Value::text(text.chars().rev().collect()))
        }
        _ => no_overload(),
    }
}

pub(super) fn slice<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let [Value::List(list), Value::Int(start), Value::Int(end)] = args else {
        return no_overload();
    };
    let index = |index: i64| {
        let known = usize::try_from(index).ok().filter(|index| *index <= list.len());
        known.ok_or(Cause::Index(index))
    };
    let (from, to) = (index(*start)?, index(*end)?);
    let Some(count) = to.checked_sub(from) else {
        return Err(Cause::Invalid(format!("invalid slice range. start: {start}, end: {end}")));
    };
    cost.elements(count)?;
    let values = (from..to).map_while(|index| list.get(index)).collect();
    List::new(values).map(Value::List)
}

pub(super) fn first<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::List(list)] => optional(list.get(0)),
        _ => no_overload(),
    }
}

pub(super) fn last<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::List(list)] => optional(list.len().checked_sub(1).and_then(|last| list.get(last))),
        _ => no_overload(),
    }
}

fn optional(value: Option<Value<'_>>) -> Outcome<'_> {
    match value {
        Some(value) => Optional::of(value).map(Value::Optional),
        None => Ok(Value::Optional(Optional::NONE)),
    }
}

pub(super) fn flatten<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let (list, levels) = match args {
        [Value::List(list)] => (list, 1),
        [Value::List(list), Value::Int(levels)] => (list, *levels),
        _ => return no_overload(),
    };
    if levels < 0 {
        return Err(Cause::Invalid(format!("level must be non-negative: {levels}")));
    }
    let mut values = Vec::new();
    // No list has more levels than this, and the recursion has an end.
    flatten_into(&mut values, list, levels.min(256), cost)?;
    List::new(values).map(Value::List)
}

fn flatten_into<'a>(
    values: &mut Vec<Value<'a>>,
    list: &List<'a>,
    levels: i64,
    cost: &mut Cost,
) -> Result<(), Cause> {
    for element in list.iter() {
        cost.spend(1)?;
        match element {
            Value::List(inner) if levels > 0 => flatten_into(values, &inner, levels - 1, cost)?,
            other => values.push(other),
        }
    }
    Ok(())
}

/// Of equal elements the first.
pub(super) fn distinct<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let [Value::List(list)] = args else { return no_overload() };
    let mut values: Vec<Value<'a>> = Vec::new();
    for element in list.iter() {
        cost.spend(1)?;
        let mut known = false;
        for value in &values {
            known = equal(value, &element, cost)?;
            if known {
                break;
            }
        }
        if !known {
            values.push(element);
        }
    }
    List::new(values).map(Value::List)
}

pub(super) fn sort<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    let [Value::List(list)] = args else { return no_overload() };
    let values = copied(list, cost)?;
    let keyed = values.into_iter().map(|value| (value.clone(), value)).collect();
    sort_by_keys(keyed, cost)
}

/// The second of each pair, in the order of the first; elements with equal keys keep their order.
pub(crate) fn sort_by_keys<'a>(pairs: Vec<(Value<'a>, Value<'a>)>, cost: &mut Cost) -> Outcome<'a> {
    let kind = pairs.first().map(|(key, _)| key.kind());
    if pairs.iter().any(|(key, _)| Some(key.kind()) != kind) {
        return Err(Cause::Invalid("list elements must have the same type to be sorted".into()));
    }
    // A merge sort compares each element as often as the count can be halved.
    let halvings = u64::from(pairs.len().checked_ilog2().unwrap_or(0)) + 1;
    for (key, _) in &pairs {
        let text = match key {
            Value::Bytes(bytes) => bytes.len(),
            Value::String(text) => text.len(),
            _ => 0,
        };
        cost.spend(halvings.saturating_mul(u64::try_from(text / 16).unwrap_or(u64::MAX) + 1))?;
        if compare(key, key, cost)?.is_none() {
            return Err(Cause::Invalid("list elements must be comparable to be sorted".into()));
        }
    }
    let mut free = Cost::new(u64::MAX);
    let pairs = sorted(pairs, |(a, _), (b, _)| match compare(a, b, &mut free) {
        Ok(Some(Some(order))) => order,
        // NaNs last, so that there is an order; their bits are not looked at.
        _ => is_nan(a).cmp(&is_nan(b)),
    });
    List::new(pairs.into_iter().map(|(_, value)| value).collect()).map(Value::List)
}

fn is_nan(value: &Value<'_>) -> bool {
    matches!(value, Value::Double(double) if double.is_nan())
}
