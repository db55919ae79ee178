//! The features of `docs/features.md`: the page, and tests of those that no other test shows.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the core reads no files and no clock; tests of it do"
)]

#[path = "../policy/registry.rs"]
#[allow(dead_code, reason = "each test takes what it needs")]
mod registry;
#[path = "../support/sigstore/mod.rs"]
#[allow(unused_imports, reason = "each test takes what it needs")]
mod sigstore;
#[path = "../support/mod.rs"]
mod support;

mod bound;
mod page;
mod platforms;
mod smaller;

use support::promises;
