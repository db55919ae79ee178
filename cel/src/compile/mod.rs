//! From text to a program: tokens, a tree of what is written, and what its names mean.

mod lexer;
mod literal;
mod macros;
mod names;
mod parser;
mod resolve;
mod syntax;

use crate::{
    cost::Limits,
    error::{CompileCause, CompileError, Position},
    program::Expr,
};

pub(crate) use names::Reads;
pub(crate) use syntax::Literal;

/// A fault and where it is.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) cause: CompileCause,
}

pub(crate) type Result<T> = std::result::Result<T, Box<Fault>>;

/// A fault, as an error.
pub(crate) fn fault<T>(at: usize, cause: CompileCause) -> Result<T> {
    Err(Box::new(Fault { at, cause }))
}

/// An expression whose names are resolved, and what it reads.
pub(crate) fn compile(
    text: &str,
    container: &str,
    variables: &[&str],
    limits: Limits,
) -> std::result::Result<(Expr, Reads), CompileError> {
    resolved(text, container, variables, limits).map_err(|fault| CompileError {
        position: Position::of(text, fault.at),
        cause: fault.cause,
    })
}

fn resolved(
    text: &str,
    container: &str,
    variables: &[&str],
    limits: Limits,
) -> Result<(Expr, Reads)> {
    if text.len() > limits.text {
        return fault(limits.text, CompileCause::TooLong);
    }
    let syntax = parser::parse(text, limits.depth)?;
    resolve::resolve(&syntax, container, variables)
}
