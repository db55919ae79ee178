//! Runs the module: wasmtime, a small waPC host and the few WASI imports that the module has.
//!
//! An instance has a fuel limit, a memory cap and a deadline for all of its calls. A guest can do
//! nothing to the host but answer, fail or be stopped.

mod callbacks;
mod engine;
mod error;
mod guest;
mod in_place;
mod instance;
mod limits;
mod memory;
mod module;
mod wapc;
mod wasi;

pub use callbacks::{HostCallbacks, NoCallbacks};
pub use engine::{Engine, Profile, Slots};
pub use error::{LoadError, RuntimeError};
pub use instance::Instance;
pub use limits::Limits;
pub use module::{Call, Compiled, Embedded, Module, Modules, Outcome, precompile};
