//! Why a module could not be loaded, and why a call into it gave no answer.

use std::{fmt, time::Duration};

/// A module that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// This build has no module inside.
    Absent,
    /// wasmtime does not start on this machine.
    Engine(String),
    /// It asks for something that this host does not give.
    Import {
        /// `module.name` of the import.
        name: String,
    },
    /// It is not a wasm module, or uses a feature that is off.
    Malformed(String),
    /// It lacks an export of a waPC guest.
    MissingExport(&'static str),
    /// The file cannot be read.
    Unreadable(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("this build embeds no module: pass --module FILE"),
            Self::Engine(e) => write!(f, "the wasm engine does not start: {e}"),
            Self::Import { name } => {
                write!(f, "the module imports `{name}`, which this host does not offer")
            }
            Self::Malformed(e) => write!(f, "not a module that can be run: {e}"),
            Self::MissingExport(name) => write!(f, "the module does not export `{name}`"),
            Self::Unreadable(e) => write!(f, "the module cannot be read: {e}"),
        }
    }
}

impl std::error::Error for LoadError {}

/// A call that gave no answer. Whoever called must refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuntimeError {
    /// All instances that there is room for are at work.
    Busy(String),
    /// The deadline passed.
    Deadline(Duration),
    /// The guest ended itself.
    Exit(i32),
    /// The fuel ran out.
    Fuel(u64),
    /// The guest's own words for why it failed.
    Guest(String),
    /// The memory cap was hit.
    Memory(usize),
    /// The guest broke the waPC protocol.
    Protocol(String),
    /// Any other trap.
    Trap(String),
}

impl fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(message) => write!(f, "no instance of the module is free: {message}"),
            Self::Deadline(limit) => {
                write!(f, "internal trap: the module ran longer than its deadline of {limit:?}")
            }
            Self::Exit(code) => write!(f, "internal trap: the module ended itself with {code}"),
            Self::Fuel(limit) => {
                write!(f, "internal trap: the module used up its fuel of {limit} units")
            }
            Self::Guest(message) => write!(f, "the module failed: {message}"),
            Self::Memory(limit) => write!(
                f,
                "internal trap: the module needs more memory than its limit of {} MiB",
                limit >> 20
            ),
            Self::Protocol(message) => write!(f, "internal trap: {message}"),
            Self::Trap(message) => write!(f, "internal trap: {message}"),
        }
    }
}

impl std::error::Error for RuntimeError {}
