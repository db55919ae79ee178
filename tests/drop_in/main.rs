//! Settings of Kubewarden's verify-image-signatures, taken as they are: what it documents, in our own
//! words and with our own keys, and each difference from it (docs/kubewarden-migration.md).
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

mod certificates;
mod images;
mod keyless;
mod keys;
mod requests;
mod settings;
mod world;
