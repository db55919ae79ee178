//! Macros over lists and maps.
//!
//! spec: langdef §Macros

use super::{Evaluated, Evaluator, Fault, at, fault, no_overload};
use crate::{
    Key, List, Map, Value,
    error::Cause,
    functions::sort_by_keys,
    program::{Comprehension, Expr, Goal},
    value::Entries,
};

/// Elements of a list or entries of a map, and those that are still to come.
struct Walk<'a> {
    source: Source<'a>,
    /// Where the variables are among those that are open.
    outer: usize,
    /// Whether there are two.
    pair: bool,
}

enum Source<'a> {
    List(List<'a>, usize),
    Map(Entries<'a>),
}

impl<'a> Source<'a> {
    /// Index and element, or key and value.
    fn next(&mut self) -> Option<(Value<'a>, Value<'a>)> {
        match self {
            Self::List(list, next) => {
                let value = list.get(*next)?;
                let index = i64::try_from(*next).ok()?;
                *next = next.saturating_add(1);
                Some((Value::Int(index), value))
            }
            Self::Map(entries) => entries.next().map(|(key, value)| (Value::from(key), value)),
        }
    }
}

impl<'a> Evaluator<'_, 'a> {
    #[inline(never)]
    pub(super) fn comprehension(
        &mut self,
        place: usize,
        called: &'a Comprehension,
    ) -> Evaluated<'a> {
        let source = match self.value(&called.range)? {
            map @ Value::Map(_) if called.goal == Goal::SortBy => {
                return no_overload(place, "sortBy", &[map]);
            }
            Value::List(list) => Source::List(list, 0),
            Value::Map(map) => Source::Map(map.iter()),
            other => {
                let kind = other.kind().name();
                let why = format!("'{kind}' cannot be the range of a macro: expected list or map");
                return fault(called.range.at, Cause::Invalid(why));
            }
        };
        let outer = self.locals.len();
        let walk = Walk { source, outer, pair: called.pair };
        let result = match called.goal {
            Goal::All => self.quantify(place, called, walk, false),
            Goal::Exists => self.quantify(place, called, walk, true),
            Goal::ExistsOne => self.exists_one(place, called, walk),
            Goal::Filter | Goal::Map => self.collect(place, called, walk),
            Goal::SortBy => self.sort_by(place, called, walk),
            Goal::TransformMap | Goal::TransformMapEntry => self.transform(place, called, walk),
        };
        self.locals.truncate(outer);
        result
    }

    /// Gives the variables their next values, if there are any. One variable is the element of a
    /// list or the key of a map.
    fn step(&mut self, place: usize, walk: &mut Walk<'a>) -> Result<bool, Box<Fault>> {
        self.locals.truncate(walk.outer);
        let Some((key, value)) = walk.source.next() else { return Ok(false) };
        at(place, self.cost.spend(1))?;
        if walk.pair {
            self.locals.push(key);
            self.locals.push(value);
        } else if matches!(walk.source, Source::List(..)) {
            self.locals.push(value);
        } else {
            self.locals.push(key);
        }
        Ok(true)
    }

    /// The next values that the filter lets through.
    fn step_filtered(
        &mut self,
        place: usize,
        called: &'a Comprehension,
        walk: &mut Walk<'a>,
    ) -> Result<bool, Box<Fault>> {
        while self.step(place, walk)? {
            match &called.filter {
                Some(filter) if !self.truth(place, filter, "_?_:_")? => (),
                _ => return Ok(true),
            }
        }
        Ok(false)
    }

    /// `all` is `&&` over the elements and `exists` is `||`, and so with errors.
    fn quantify(
        &mut self,
        place: usize,
        called: &'a Comprehension,
        mut walk: Walk<'a>,
        decides: bool,
    ) -> Evaluated<'a> {
        let name = if decides { "||" } else { "&&" };
        let mut first = None;
        while self.step(place, &mut walk)? {
            match self.truth(called.body.at, &called.body, name) {
                Ok(truth) if truth == decides => return Ok(Value::Bool(decides)),
                Ok(_) => (),
                Err(fault) if fault.cause.is_limit() => return Err(fault),
                Err(fault) => first = first.or(Some(fault)),
            }
        }
        match first {
            Some(fault) => Err(fault),
            None => Ok(Value::Bool(!decides)),
        }
    }

    /// Errors are not absorbed: whether there is exactly one depends on every element.
    fn exists_one(
        &mut self,
        place: usize,
        called: &'a Comprehension,
        mut walk: Walk<'a>,
    ) -> Evaluated<'a> {
        let mut count = 0_usize;
        while self.step(place, &mut walk)? {
            if self.truth(called.body.at, &called.body, "exists_one")? {
                count = count.saturating_add(1);
            }
        }
        Ok(Value::Bool(count == 1))
    }

    /// `filter`, `map`, `transformList`
    fn collect(
        &mut self,
        place: usize,
        called: &'a Comprehension,
        mut walk: Walk<'a>,
    ) -> Evaluated<'a> {
        let mut values = Vec::new();
        while self.step_filtered(place, called, &mut walk)? {
            if called.goal != Goal::Filter {
                values.push(self.value(&called.body)?);
            } else if self.truth(called.body.at, &called.body, "filter")? {
                values.extend(self.locals.get(walk.outer).cloned());
            }
        }
        at(place, List::new(values).map(Value::List))
    }

    fn sort_by(
        &mut self,
        place: usize,
        called: &'a Comprehension,
        mut walk: Walk<'a>,
    ) -> Evaluated<'a> {
        let mut pairs = Vec::new();
        while self.step(place, &mut walk)? {
            let key = self.value(&called.body)?;
            pairs.extend(self.locals.get(walk.outer).cloned().map(|value| (key, value)));
        }
        at(place, sort_by_keys(pairs, self.cost))
    }

    /// `transformMap`, `transformMapEntry`
    fn transform(
        &mut self,
        place: usize,
        called: &'a Comprehension,
        mut walk: Walk<'a>,
    ) -> Evaluated<'a> {
        let mut entries = Vec::new();
        while self.step_filtered(place, called, &mut walk)? {
            let body: &'a Expr = &called.body;
            match self.value(body)? {
                Value::Map(map) if called.goal == Goal::TransformMapEntry => {
                    at(place, self.cost.elements(map.len()))?;
                    entries.extend(map.iter());
                }
                other if called.goal == Goal::TransformMapEntry => {
                    return no_overload(body.at, "transformMapEntry", &[other]);
                }
                value => {
                    let key = self.locals.get(walk.outer).cloned().unwrap_or(Value::Null);
                    entries.push((at(place, Key::new(key))?, value));
                }
            }
        }
        at(place, Map::paid(entries, self.cost).map(Value::Map))
    }
}
