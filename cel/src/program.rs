//! Programs: what is compiled once and evaluated often.

use std::{fmt, sync::Arc};

use crate::{
    Scope, Type, Value,
    compile::{self, Reads},
    cost::{Cost, Limits},
    error::{CompileError, EvaluateError, Position},
    evaluate,
    functions::{Function, Pattern},
};

pub(crate) use crate::compile::Literal;

/// An expression that was parsed, and whose names are known.
#[derive(Clone)]
pub struct Program {
    inner: Arc<Inner>,
}

struct Inner {
    text: String,
    expr: Expr,
    reads: Reads,
}

impl Program {
    /// Parses and checks: syntax, names of variables and functions, numbers of arguments, regular
    /// expressions in quotes. Types are checked when it is evaluated.
    pub fn compile(text: &str, variables: &[&str], limits: Limits) -> Result<Self, CompileError> {
        Self::compile_in("", text, variables, limits)
    }

    /// The same within a container, whose dotted name is put before the names of variables.
    ///
    /// spec: langdef §Name Resolution
    pub fn compile_in(
        container: &str,
        text: &str,
        variables: &[&str],
        limits: Limits,
    ) -> Result<Self, CompileError> {
        let (expr, reads) = compile::compile(text, container, variables, limits)?;
        Ok(Self { inner: Arc::new(Inner { text: text.into(), expr, reads }) })
    }

    /// The text it was compiled from.
    pub fn text(&self) -> &str {
        &self.inner.text
    }

    /// What it may read, sorted, so that nothing else has to be fetched or parsed.
    pub fn reads(&self) -> impl Iterator<Item = Read<'_>> {
        self.inner.reads.iter().map(|(variable, field)| Read { variable, field })
    }

    /// Its value.
    ///
    /// spec: langdef §Evaluation
    pub fn evaluate<'a>(
        &'a self,
        scope: &Scope<'a>,
        cost: &mut Cost,
    ) -> Result<Value<'a>, EvaluateError> {
        let Inner { text, expr, reads } = &*self.inner;
        evaluate::evaluate(expr, reads.variables(), scope, cost).map_err(|fault| EvaluateError {
            position: Position::of(text, fault.at),
            cause: fault.cause,
        })
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.inner.text).finish()
    }
}

/// A variable that a program reads.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Read<'p> {
    /// Its name.
    pub variable: &'p str,
    /// The field of it that is read; all of it if there is none.
    pub field: Option<&'p str>,
}

/// A node, and where it is in the text.
pub(crate) struct Expr {
    pub(crate) at: usize,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    And(Vec<Expr>),
    /// A name for a value, in an expression.
    Bind(Box<[Expr; 2]>),
    Call(&'static Function, Vec<Expr>),
    Comprehension(Box<Comprehension>),
    Conditional(Box<[Expr; 3]>),
    /// An optional value, and what is evaluated if there is none.
    Fallback(&'static Function, Box<[Expr; 2]>),
    Has {
        operand: Box<Expr>,
        field: String,
    },
    Index {
        operands: Box<[Expr; 2]>,
        optional: bool,
    },
    List(Vec<Element>),
    Literal(Literal),
    /// A variable of a macro, by its place among those that are open.
    Local(usize),
    Map(Vec<Entry>),
    /// What an optional value becomes; `flat` if that is optional itself.
    OptionalMap {
        operands: Box<[Expr; 2]>,
        flat: bool,
    },
    Or(Vec<Expr>),
    /// A function of a regular expression that is known.
    Search {
        function: &'static Function,
        pattern: Pattern,
        args: Vec<Expr>,
    },
    Select {
        operand: Box<Expr>,
        field: String,
        optional: bool,
    },
    Type(Type),
    Variable(usize),
}

pub(crate) struct Element {
    pub(crate) optional: bool,
    pub(crate) value: Expr,
}

pub(crate) struct Entry {
    pub(crate) optional: bool,
    pub(crate) key: Expr,
    pub(crate) value: Expr,
}

/// A macro over the elements of a list or the entries of a map.
pub(crate) struct Comprehension {
    pub(crate) goal: Goal,
    pub(crate) range: Expr,
    /// Whether it has two variables: index and element, or key and value.
    pub(crate) pair: bool,
    pub(crate) filter: Option<Expr>,
    pub(crate) body: Expr,
}

/// What a macro makes of the values of its body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Goal {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
    SortBy,
    TransformMap,
    TransformMapEntry,
}
