//! Evaluation. Its recursion is as deep as the expression, which is bounded when that is parsed.

mod comprehension;
mod select;

use crate::{
    Key, List, Map, Optional, Scope, Value,
    cost::Cost,
    error::Cause,
    functions::{self, Function, Pattern, call_text},
    program::{Element, Entry, Expr, Kind, Literal},
};

/// A cause and where it is.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) cause: Cause,
}

/// The value of a node, or what is in its way.
type Evaluated<'a> = Result<Value<'a>, Box<Fault>>;

/// The value of an expression.
pub(crate) fn evaluate<'a>(
    expr: &'a Expr,
    variables: &'a [String],
    scope: &Scope<'a>,
    cost: &mut Cost,
) -> Evaluated<'a> {
    let bound = variables.iter().map(|name| (name.as_str(), scope.get(name))).collect();
    Evaluator { bound, locals: Vec::new(), cost }.value(expr)
}

struct Evaluator<'e, 'a> {
    /// The variables of the program, by their places.
    bound: Vec<(&'a str, Option<&'e Value<'a>>)>,
    /// The variables of the macros that are open.
    locals: Vec<Value<'a>>,
    cost: &'e mut Cost,
}

/// A cause, at its place.
fn at<T>(place: usize, result: Result<T, Cause>) -> Result<T, Box<Fault>> {
    result.map_err(|cause| Box::new(Fault { at: place, cause }))
}

fn fault<T>(place: usize, cause: Cause) -> Result<T, Box<Fault>> {
    at(place, Err(cause))
}

/// No overload of a name takes these types.
fn no_overload<T>(place: usize, name: &str, args: &[Value<'_>]) -> Result<T, Box<Fault>> {
    fault(place, Cause::NoMatchingOverload(call_text(name, args)))
}

impl<'a> Evaluator<'_, 'a> {
    fn value(&mut self, expr: &'a Expr) -> Evaluated<'a> {
        let place = expr.at;
        at(place, self.cost.spend(1))?;
        match &expr.kind {
            Kind::And(terms) => self.junction(place, terms, false),
            Kind::Bind(operands) => self.bind(operands),
            Kind::Call(function, args) => self.call(place, function, args),
            Kind::Comprehension(comprehension) => self.comprehension(place, comprehension),
            Kind::Conditional(parts) => self.conditional(place, parts),
            Kind::Fallback(function, operands) => self.fallback(place, function, operands),
            Kind::Has { operand, field } => self.has(place, operand, field),
            Kind::Index { operands, optional } => self.index(place, operands, *optional),
            Kind::List(elements) => self.list(place, elements),
            Kind::Literal(literal) => Ok(literal_value(literal)),
            Kind::Local(slot) => match self.locals.get(*slot) {
                Some(value) => Ok(value.clone()),
                None => fault(place, Cause::NoSuchVariable(String::new())),
            },
            Kind::Map(entries) => self.map(place, entries),
            Kind::OptionalMap { operands, flat } => self.optional_map(place, operands, *flat),
            Kind::Or(terms) => self.junction(place, terms, true),
            Kind::Search { function, pattern, args } => self.search(place, function, pattern, args),
            Kind::Select { operand, field, optional } => {
                self.select(place, operand, field, *optional)
            }
            Kind::Type(kind) => Ok(Value::Type(*kind)),
            Kind::Variable(variable) => match self.bound.get(*variable) {
                Some((_, Some(value))) => Ok((*value).clone()),
                Some((name, None)) => fault(place, Cause::NoSuchVariable((*name).into())),
                None => fault(place, Cause::NoSuchVariable(String::new())),
            },
        }
    }

    /// `&&` and `||`: a term that decides does so whatever is wrong with the others; only a limit
    /// ends the evaluation.
    ///
    /// spec: langdef §Logical Operators
    #[inline(never)]
    fn junction(&mut self, place: usize, terms: &'a [Expr], decides: bool) -> Evaluated<'a> {
        let mut first = None;
        for term in terms {
            match self.truth(place, term, if decides { "||" } else { "&&" }) {
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

    /// The truth of a node that has to have one.
    fn truth(&mut self, place: usize, expr: &'a Expr, name: &str) -> Result<bool, Box<Fault>> {
        match self.value(expr)? {
            Value::Bool(truth) => Ok(truth),
            other => no_overload(place, name, &[other]),
        }
    }

    #[inline(never)]
    fn conditional(&mut self, place: usize, parts: &'a [Expr; 3]) -> Evaluated<'a> {
        let [condition, then, otherwise] = parts;
        let chosen = if self.truth(place, condition, "?:")? { then } else { otherwise };
        self.value(chosen)
    }

    /// Evaluates with a value for the innermost variable.
    fn within(&mut self, value: Value<'a>, body: &'a Expr) -> Evaluated<'a> {
        let outer = self.locals.len();
        self.locals.push(value);
        let result = self.value(body);
        self.locals.truncate(outer);
        result
    }

    #[inline(never)]
    fn bind(&mut self, operands: &'a [Expr; 2]) -> Evaluated<'a> {
        let [value, body] = operands;
        let value = self.value(value)?;
        self.within(value, body)
    }

    #[inline(never)]
    fn call(&mut self, place: usize, function: &Function, args: &'a [Expr]) -> Evaluated<'a> {
        match args {
            [only] => {
                let values = [self.value(only)?];
                self.apply(place, function, &values)
            }
            [first, second] => {
                let values = [self.value(first)?, self.value(second)?];
                self.apply(place, function, &values)
            }
            _ => {
                let values = self.values(args)?;
                self.apply(place, function, &values)
            }
        }
    }

    fn values(&mut self, args: &'a [Expr]) -> Result<Vec<Value<'a>>, Box<Fault>> {
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            values.push(self.value(arg)?);
        }
        Ok(values)
    }

    #[inline(never)]
    fn apply(&mut self, place: usize, function: &Function, args: &[Value<'a>]) -> Evaluated<'a> {
        match (function.call)(args, self.cost) {
            Err(Cause::NoMatchingOverload(_)) => no_overload(place, function.name, args),
            result => at(place, result),
        }
    }

    #[inline(never)]
    fn search(
        &mut self,
        place: usize,
        function: &Function,
        pattern: &Pattern,
        args: &'a [Expr],
    ) -> Evaluated<'a> {
        let values = self.values(args)?;
        match functions::search(function.name, pattern, &values, self.cost) {
            Err(Cause::NoMatchingOverload(_)) => no_overload(place, function.name, &values),
            result => at(place, result),
        }
    }

    /// `or` and `orValue` evaluate their argument only if they need it.
    #[inline(never)]
    fn fallback(
        &mut self,
        place: usize,
        function: &Function,
        operands: &'a [Expr; 2],
    ) -> Evaluated<'a> {
        let [first, second] = operands;
        let first = self.value(first)?;
        if let Value::Optional(optional) = &first
            && let Some(value) = optional.get()
        {
            return Ok(if function.name == "or" { first } else { value.clone() });
        }
        let second = self.value(second)?;
        self.apply(place, function, &[first, second])
    }

    #[inline(never)]
    fn optional_map(&mut self, place: usize, operands: &'a [Expr; 2], flat: bool) -> Evaluated<'a> {
        let [target, body] = operands;
        let name = if flat { "optFlatMap" } else { "optMap" };
        let target = self.value(target)?;
        let Value::Optional(optional) = &target else { return no_overload(place, name, &[target]) };
        let Some(value) = optional.get() else { return Ok(target) };
        let mapped = self.within(value.clone(), body)?;
        match mapped {
            Value::Optional(_) if flat => Ok(mapped),
            _ if flat => no_overload(place, name, &[target, mapped]),
            _ => at(place, Optional::of(mapped).map(Value::Optional)),
        }
    }

    #[inline(never)]
    fn list(&mut self, place: usize, elements: &'a [Element]) -> Evaluated<'a> {
        let mut values = Vec::with_capacity(elements.len());
        for element in elements {
            let value = self.value(&element.value)?;
            values.extend(present(place, value, element.optional)?);
        }
        at(place, List::new(values).map(Value::List))
    }

    #[inline(never)]
    fn map(&mut self, place: usize, entries: &'a [Entry]) -> Evaluated<'a> {
        let mut pairs = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = self.value(&entry.key)?;
            let key = at(entry.key.at, Key::new(key))?;
            let value = self.value(&entry.value)?;
            pairs.extend(present(place, value, entry.optional)?.map(|value| (key, value)));
        }
        at(place, Map::paid(pairs, self.cost).map(Value::Map))
    }
}

/// An element of a literal, unless it is an optional one without a value.
fn present(
    place: usize,
    value: Value<'_>,
    optional: bool,
) -> Result<Option<Value<'_>>, Box<Fault>> {
    match value {
        value if !optional => Ok(Some(value)),
        Value::Optional(optional) => Ok(optional.get().cloned()),
        other => no_overload(place, "?", &[other]),
    }
}

fn literal_value(literal: &Literal) -> Value<'_> {
    match literal {
        Literal::Bool(truth) => Value::Bool(*truth),
        Literal::Bytes(bytes) => Value::Bytes(crate::Bytes::Borrowed(bytes)),
        Literal::Double(double) => Value::Double(*double),
        Literal::Int(int) => Value::Int(*int),
        Literal::Null => Value::Null,
        Literal::String(text) => Value::from(text.as_str()),
        Literal::Uint(uint) => Value::Uint(*uint),
    }
}
