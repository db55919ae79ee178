//! The native host of the Countersign module.
//!
//! **A decision is always made by the wasm module**: this crate runs it ([`runtime`]), fetches what
//! it asks for ([`source`]) and goes round until there is a verdict ([`driver`]).
//!
//! ```text
//! cli ──▶ driver ──▶ runtime (wasmtime, waPC, WASI: fuel, memory, deadline)
//!           │             ▲
//!           └──▶ source   └── kubewarden callbacks, where a front needs them
//!             registry (OCI distribution) ──▶ http
//!             (OCI layout, revocation)
//! ```
//!
//! Beside it, without a verdict: [`copy`] brings images with all that is attached from one place to
//! another, and [`attach`] stores signatures that were made elsewhere.
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod attach;
pub mod auth;
pub mod blob;
pub mod cache;
pub mod cli;
pub mod copy;
mod der;
pub mod doctor;
pub mod driver;
pub mod http;
pub mod object;
pub mod pack;
pub mod policy;
pub mod record;
pub mod registry;
pub mod runtime;
pub mod source;
pub mod trust;
pub mod walk;
