//! RFC 3161 timestamps: tokens of real TSAs, tokens with one fault each, and changed bits.
#![allow(clippy::disallowed_methods, reason = "the core reads no files; tests of it do")]

#[path = "../support/shared.rs"]
mod shared;
#[path = "../support/sigstore/mod.rs"]
mod sigstore;

mod data;
mod faults;
mod faults_of_trust;
mod made;
mod mutation;
mod real_tokens;
mod tree;
