//! Revocation: what OCSP responders and CRLs may answer, in both profiles, and changed bytes.
#![allow(clippy::disallowed_methods, reason = "the core reads no files; tests of it do")]

#[path = "../support/shared.rs"]
mod shared;
#[path = "../support/sigstore/mod.rs"]
#[allow(unused_imports, reason = "certificates and keys are all that is used of it")]
mod sigstore;

mod chain;
mod lists;
mod made;
mod measured;
mod mutation;
mod responses;
mod seeds;
