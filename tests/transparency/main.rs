//! Transparency logs: what real logs made, what others say of proofs, one fault each in what logs
//! of our own made, and changed bits.
#![allow(clippy::disallowed_methods, reason = "the core reads no files; tests of it do")]

#[path = "../support/shared.rs"]
mod shared;
#[path = "../support/sigstore/mod.rs"]
#[allow(unused_imports, reason = "each test takes what it needs")]
mod sigstore;

mod data;
mod merkle_vectors;
mod mutation;
mod real_logs;
mod timestamps_of_certificates;
