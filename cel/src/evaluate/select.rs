//! Fields and indices.
//!
//! spec: langdef §Field Selection

use super::{Evaluated, Evaluator, Fault, at, fault, no_overload};
use crate::{Key, Optional, Value, error::Cause, functions::lookup, program::Expr};

impl<'a> Evaluator<'_, 'a> {
    /// `operand.field`, `operand.?field`
    #[inline(never)]
    pub(super) fn select(
        &mut self,
        place: usize,
        operand: &'a Expr,
        field: &'a str,
        optional: bool,
    ) -> Evaluated<'a> {
        let operand = self.value(operand)?;
        let found = match &operand {
            Value::Optional(inner) => match inner.get() {
                Some(value) => self.field(place, value, field)?,
                None => None,
            },
            value => self.field(place, value, field)?,
        };
        chosen(place, found, optional || matches!(operand, Value::Optional(_)), &field)
    }

    /// A field of a map.
    fn field(
        &mut self,
        place: usize,
        operand: &Value<'a>,
        field: &'a str,
    ) -> Result<Option<Value<'a>>, Box<Fault>> {
        at(place, self.cost.text(field.len()))?;
        match operand {
            Value::Map(map) => Ok(map.get(&Key::from(field))),
            other => {
                let kind = other.kind().name();
                let why = format!("no such key: {field}: type '{kind}' has no fields");
                fault(place, Cause::Invalid(why))
            }
        }
    }

    /// `has(operand.field)`
    #[inline(never)]
    pub(super) fn has(&mut self, place: usize, operand: &'a Expr, field: &'a str) -> Evaluated<'a> {
        let operand = self.value(operand)?;
        let found = match &operand {
            Value::Optional(inner) => match inner.get() {
                Some(value) => self.field(place, value, field)?,
                None => None,
            },
            value => self.field(place, value, field)?,
        };
        Ok(Value::Bool(found.is_some()))
    }

    /// `operand[index]`, `operand[?index]`
    #[inline(never)]
    pub(super) fn index(
        &mut self,
        place: usize,
        operands: &'a [Expr; 2],
        optional: bool,
    ) -> Evaluated<'a> {
        let [operand, index] = operands;
        let operand = self.value(operand)?;
        let index = self.value(index)?;
        let found = match &operand {
            Value::Optional(inner) => match inner.get() {
                Some(value) => lookup(value, &index, self.cost),
                None => Ok(None),
            },
            value => lookup(value, &index, self.cost),
        };
        let found = match found {
            Err(Cause::NoMatchingOverload(_)) => {
                return no_overload(place, "_[_]", &[operand, index]);
            }
            found => at(place, found)?,
        };
        if let (None, false, Value::List(_)) = (&found, optional, &operand) {
            let why = format!("index out of bounds: {index}");
            return fault(place, Cause::Invalid(why));
        }
        chosen(place, found, optional || matches!(operand, Value::Optional(_)), &index)
    }
}

/// What was found; what was not is an error, or a missing value.
fn chosen<'a>(
    place: usize,
    found: Option<Value<'a>>,
    optional: bool,
    sought: &dyn Sought,
) -> Evaluated<'a> {
    match (found, optional) {
        (Some(value), false) => Ok(value),
        (Some(value), true) => at(place, Optional::of(value).map(Value::Optional)),
        (None, true) => Ok(Value::Optional(Optional::NONE)),
        (None, false) => fault(place, Cause::NoSuchKey(sought.shown())),
    }
}

/// What was looked for, in words.
trait Sought {
    fn shown(&self) -> String;
}

impl Sought for &str {
    fn shown(&self) -> String {
        short(self)
    }
}

impl Sought for Value<'_> {
    fn shown(&self) -> String {
        match self {
            Value::String(text) => short(text),
            Value::Bool(_) | Value::Double(_) | Value::Int(_) | Value::Uint(_) => self.to_string(),
            other => other.kind().name().into(),
        }
    }
}

/// In quotes, and no longer than a line.
fn short(text: &str) -> String {
    let shown: String = text.chars().take(64).collect();
    format!("\"{shown}\"")
}
