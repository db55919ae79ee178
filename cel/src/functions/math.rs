//! The maths extension.

use super::{Outcome, no_overload};
use crate::{Value, cost::Cost, error::Cause, value::compare};

/// A function of a `double` that is a `double`.
fn rounded<'a>(args: &[Value<'a>], round: fn(f64) -> f64) -> Outcome<'a> {
    match args {
        [Value::Double(double)] => Ok(Value::Double(round(*double))),
        _ => no_overload(),
    }
}

/// A predicate of a `double`.
fn classified<'a>(args: &[Value<'a>], holds: fn(f64) -> bool) -> Outcome<'a> {
    match args {
        [Value::Double(double)] => Ok(Value::Bool(holds(*double))),
        _ => no_overload(),
    }
}

pub(super) fn ceil<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    rounded(args, f64::ceil)
}

pub(super) fn floor<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    rounded(args, f64::floor)
}

/// Halves away from zero.
pub(super) fn round<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    rounded(args, f64::round)
}

pub(super) fn trunc<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    rounded(args, f64::trunc)
}

pub(super) fn is_nan<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    classified(args, f64::is_nan)
}

pub(super) fn is_infinite<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    classified(args, f64::is_infinite)
}

pub(super) fn is_finite<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    classified(args, f64::is_finite)
}

pub(super) fn sqrt<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    let double = match args {
        [Value::Double(double)] => *double,
        [Value::Int(int)] => *int as f64,
        [Value::Uint(uint)] => *uint as f64,
        _ => return no_overload(),
    };
    Ok(Value::Double(double.sqrt()))
}

pub(super) fn abs<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Double(double)] => Ok(Value::Double(double.abs())),
        [Value::Int(int)] => int.checked_abs().map(Value::Int).ok_or(Cause::Overflow("int")),
        [Value::Uint(uint)] => Ok(Value::Uint(*uint)),
        _ => no_overload(),
    }
}

pub(super) fn sign<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Double(double)] if double.is_nan() || *double == 0.0 => {
            Ok(Value::Double(double.abs()))
        }
        [Value::Double(double)] => Ok(Value::Double(double.signum())),
        [Value::Int(int)] => Ok(Value::Int(int.signum())),
        [Value::Uint(uint)] => Ok(Value::Uint(u64::from(*uint > 0))),
        _ => no_overload(),
    }
}

/// Two of the same integer type.
fn bits<'a>(args: &[Value<'a>], join: fn(u64, u64) -> u64) -> Outcome<'a> {
    match args {
        [Value::Int(a), Value::Int(b)] => {
            Ok(Value::Int(join(a.cast_unsigned(), b.cast_unsigned()).cast_signed()))
        }
        [Value::Uint(a), Value::Uint(b)] => Ok(Value::Uint(join(*a, *b))),
        _ => no_overload(),
    }
}

pub(super) fn bit_and<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    bits(args, |a, b| a & b)
}

pub(super) fn bit_or<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    bits(args, |a, b| a | b)
}

pub(super) fn bit_xor<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    bits(args, |a, b| a ^ b)
}

pub(super) fn bit_not<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    match args {
        [Value::Int(a)] => Ok(Value::Int(!a)),
        [Value::Uint(a)] => Ok(Value::Uint(!a)),
        _ => no_overload(),
    }
}

/// By 64 or more nothing is left; there is no sign on the way to the right.
fn shifted<'a>(args: &[Value<'a>], shift: fn(u64, u32) -> Option<u64>) -> Outcome<'a> {
    let [value, Value::Int(by)] = args else { return no_overload() };
    if *by < 0 {
        return Err(Cause::Invalid(format!("negative offset: {by}")));
    }
    let by = u32::try_from(*by).unwrap_or(u32::MAX);
    match value {
        Value::Int(int) => {
            Ok(Value::Int(shift(int.cast_unsigned(), by).unwrap_or(0).cast_signed()))
        }
        Value::Uint(uint) => Ok(Value::Uint(shift(*uint, by).unwrap_or(0))),
        _ => no_overload(),
    }
}

pub(super) fn shift_left<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    shifted(args, u64::checked_shl)
}

pub(super) fn shift_right<'a>(args: &[Value<'a>], _: &mut Cost) -> Outcome<'a> {
    shifted(args, u64::checked_shr)
}

pub(super) fn greatest<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    extreme(args, cost, std::cmp::Ordering::Greater)
}

pub(super) fn least<'a>(args: &[Value<'a>], cost: &mut Cost) -> Outcome<'a> {
    extreme(args, cost, std::cmp::Ordering::Less)
}

/// Of some numbers, or of a list of numbers; of equal ones the first.
fn extreme<'a>(args: &[Value<'a>], cost: &mut Cost, wanted: std::cmp::Ordering) -> Outcome<'a> {
    let mut best = None;
    match args {
        [Value::List(list)] => {
            for value in list.iter() {
                best = Some(better(best, value, cost, wanted)?);
            }
        }
        _ => {
            for value in args {
                best = Some(better(best, value.clone(), cost, wanted)?);
            }
        }
    }
    best.ok_or_else(|| Cause::Invalid("list must not be empty".into()))
}

fn better<'a>(
    best: Option<Value<'a>>,
    value: Value<'a>,
    cost: &mut Cost,
    wanted: std::cmp::Ordering,
) -> Outcome<'a> {
    cost.spend(1)?;
    if !matches!(value, Value::Double(_) | Value::Int(_) | Value::Uint(_)) {
        return no_overload();
    }
    let Some(best) = best else { return Ok(value) };
    let order = compare(&value, &best, cost)?.flatten();
    Ok(if order == Some(wanted) { value } else { best })
}
