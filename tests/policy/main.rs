//! What a policy says of attestations, of exceptions and block lists, and of the objects that hold
//! images, end to end: everything is signed in memory, and each refusal has a twin with one fault
//! less that is allowed.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the core reads no files and no clock; tests of it do"
)]

#[path = "../support/sigstore/mod.rs"]
#[allow(unused_imports, reason = "each test takes what it needs")]
mod sigstore;

#[path = "../support/promises.rs"]
mod promises;

mod registry;

mod admission;
mod ages;
mod blocks;
mod bound;
mod conditions;
mod embedded;
mod exceptions;
mod horizon;
mod inline;
mod joins;
mod matching;
mod modes;
mod reference;
mod references;
mod selection;
mod subjects;
