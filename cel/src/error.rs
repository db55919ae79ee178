//! What can be wrong with a program, and with an evaluation.

use std::{error::Error, fmt};

/// A place in the text of a program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Position {
    /// Bytes before it.
    pub offset: usize,
    /// Its line, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
}

impl Position {
    /// Counts lines and characters up to an offset.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count();
        let last = before.rsplit('\n').next().unwrap_or(before);
        Self {
            offset,
            line: line.saturating_add(1),
            column: last.chars().count().saturating_add(1),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A program that is none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CompileError {
    /// Where.
    pub position: Position,
    /// Why.
    pub cause: CompileCause,
}

impl CompileError {
    /// The name that was probably meant.
    pub fn suggestion(&self) -> Option<&str> {
        match &self.cause {
            CompileCause::Undeclared { suggestion, .. } => suggestion.as_deref(),
            _ => None,
        }
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.cause)
    }
}

impl Error for CompileError {}

/// Why a text is not a program.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CompileCause {
    /// A function or macro with too few or too many arguments.
    Arity {
        /// Its name.
        name: String,
        /// How many it takes: `1`, or `1 to 2`.
        expected: String,
        /// How many it was given.
        found: usize,
    },
    /// A literal that cannot be read.
    Literal(&'static str),
    /// An argument of a macro that is not of the form it needs.
    Macro {
        /// The macro.
        name: String,
        /// What the argument has to be.
        expected: &'static str,
    },
    /// A regular expression that cannot be read, or is too large.
    Regex(String),
    /// Something else than the grammar wants.
    Syntax {
        /// What it wants.
        expected: &'static str,
        /// What there is.
        found: String,
    },
    /// More levels than the limit.
    TooDeep,
    /// More bytes than the limit.
    TooLong,
    /// A name of nothing.
    Undeclared {
        /// The name.
        name: String,
        /// The most similar name of something.
        suggestion: Option<String>,
    },
    /// A part of the language that is left out.
    Unsupported(&'static str),
}

impl fmt::Display for CompileCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arity { name, expected, found } => {
                write!(
                    f,
                    "wrong number of arguments to '{name}': expected {expected}, found {found}"
                )
            }
            Self::Literal(why) => f.write_str(why),
            Self::Macro { name, expected } => {
                write!(f, "invalid argument to '{name}': expected {expected}")
            }
            Self::Regex(why) => write!(f, "invalid regular expression: {why}"),
            Self::Syntax { expected, found } => {
                let quote = if expected.len() <= 2 { "'" } else { "" };
                write!(f, "syntax error: expected {quote}{expected}{quote}, found {found}")
            }
            Self::TooDeep => f.write_str("expression is nested too deeply"),
            Self::TooLong => f.write_str("expression is too long"),
            Self::Undeclared { name, suggestion } => {
                write!(f, "undeclared reference to '{name}'")?;
                match suggestion {
                    Some(suggestion) => write!(f, ", did you mean '{suggestion}'?"),
                    None => Ok(()),
                }
            }
            Self::Unsupported(what) => write!(f, "{what} are not supported"),
        }
    }
}

/// An evaluation without a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EvaluateError {
    /// The subexpression.
    pub position: Position,
    /// What happened to it.
    pub cause: Cause,
}

impl EvaluateError {
    /// Whether a limit was reached, which says nothing about the condition.
    pub const fn is_limit(&self) -> bool {
        self.cause.is_limit()
    }
}

impl fmt::Display for EvaluateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.cause)
    }
}

impl Error for EvaluateError {}

/// Why a subexpression has no value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cause {
    /// The cost is spent.
    CostExceeded,
    /// Values within values, more than the limit.
    DepthExceeded,
    /// Division by zero.
    DivideByZero,
    /// A map with the same key twice.
    DuplicateKey(String),
    /// An index beyond the list or the string.
    Index(i64),
    /// An argument that its function does not take; said in words.
    Invalid(String),
    /// Remainder of a division by zero.
    ModulusByZero,
    /// A function that does not take arguments of these types.
    NoMatchingOverload(String),
    /// A map without that key.
    NoSuchKey(String),
    /// A variable that has no value.
    NoSuchVariable(String),
    /// A result beyond its type.
    Overflow(&'static str),
    /// A value beyond the type it is converted to.
    Range(&'static str),
    /// A key of a type that no map has.
    UnsupportedKey(&'static str),
}

impl Cause {
    /// Limits end an evaluation: no operator absorbs them.
    pub const fn is_limit(&self) -> bool {
        matches!(self, Self::CostExceeded | Self::DepthExceeded)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CostExceeded => f.write_str("cost limit exceeded"),
            Self::DepthExceeded => f.write_str("value is nested too deeply"),
            Self::DivideByZero => f.write_str("division by zero"),
            Self::DuplicateKey(key) => write!(f, "repeated key: {key}"),
            Self::Index(index) => write!(f, "index out of range: {index}"),
            Self::Invalid(why) => f.write_str(why),
            Self::ModulusByZero => f.write_str("modulus by zero"),
            Self::NoMatchingOverload(call) => write!(f, "no matching overload for {call}"),
            Self::NoSuchKey(key) => write!(f, "no such key: {key}"),
            Self::NoSuchVariable(name) => write!(f, "no value for variable '{name}'"),
            Self::Overflow(kind) => write!(f, "{kind} overflow"),
            Self::Range(kind) => write!(f, "{kind} range error: value out of range"),
            Self::UnsupportedKey(kind) => write!(f, "unsupported key type: {kind}"),
        }
    }
}
