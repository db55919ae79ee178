#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::unreachable,
        clippy::todo
    )
)]
//! The Common Expression Language, for conditions in policies.
//!
//! **[`Program::compile`] once; [`Program::evaluate`] with a [`Scope`] that borrows what it names
//! and a [`Cost`] that bounds what it does.** JSON is never converted: a field costs one lookup.
//!
//! Semantics are those of the language definition of
//! [cel-spec](https://github.com/google/cel-spec), without protocol buffers and without a type
//! checker; `tests/conformance.rs` runs the specification's own tests. docs/cel.md says what there
//! is for those who write policies.

mod compile;
mod cost;
mod error;
mod evaluate;
mod functions;
mod order;
mod program;
mod scope;
mod time;
mod value;

pub use cost::{Cost, Limits};
pub use error::{Cause, CompileCause, CompileError, EvaluateError, Position};
pub use program::{Program, Read};
pub use scope::Scope;
pub use time::{Duration, Timestamp};
pub use value::{Bytes, Entries, Key, List, Map, Optional, Text, Type, Value};
