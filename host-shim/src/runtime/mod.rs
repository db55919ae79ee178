//! Runs the module: wasmtime, a small waPC host and the few WASI imports that the module has.
//!
//! Every call gets a fresh instance, a fuel limit, a memory cap and a deadline. A guest can do
//! nothing to the host but answer, fail or be stopped.

mod callbacks;
mod engine;
mod error;
mod guest;
mod limits;
mod memory;
mod module;
mod wapc;
mod wasi;

pub use callbacks::{HostCallbacks, NoCallbacks};
pub use engine::{Engine, Profile};
pub use error::{LoadError, RuntimeError};
pub use limits::Limits;
pub use module::{Call, Embedded, Module, Modules, Outcome, precompile};
