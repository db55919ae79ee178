//! The host from outside: sources against a faulty registry, the runtime against hostile guests,
//! the command as it is run. One binary, so that wasmtime is linked once.

#[path = "../../../tests/support/notation_draft.rs"]
#[allow(dead_code, reason = "it is the core's too")]
mod draft;
#[path = "../../../tests/revocation/made.rs"]
#[allow(dead_code, unused_imports, reason = "it is the core's too")]
mod made;
#[path = "../../../tests/support/notation_pki.rs"]
#[allow(dead_code, reason = "it is the core's too")]
mod pki;
#[path = "../../../tests/support/promises.rs"]
mod promises;
#[path = "../../../tests/policy/registry.rs"]
#[allow(dead_code, reason = "it is the core's too")]
mod signed;
#[path = "../../../tests/support/sigstore/mod.rs"]
#[allow(unused_imports, reason = "it is the core's too")]
mod sigstore;
/// As the core's tests call it.
mod shared {
    pub(crate) use crate::corpora::{not_run, vectors};
}

mod attach;
mod auth;
mod blob;
mod cache;
mod cli;
mod copy;
mod corpora;
mod credentials;
mod doctor;
mod driver;
mod evidence;
mod examples;
mod faults;
mod gateway;
mod guest;
mod kubewarden;
mod layout;
mod loopback;
mod notation;
mod policy;
mod referrers;
mod registry;
mod revocation;
mod road;
mod runtime;
mod scratch;
mod tree;
mod trust;
mod warm;
