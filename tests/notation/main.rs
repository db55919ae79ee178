//! Notation: our own corpora, the public vectors with what notation-go said to them, and envelopes
//! with one fault each.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the core reads no files; tests of it do"
)]

#[path = "../support/notation_draft.rs"]
mod draft;
#[path = "../revocation/made.rs"]
#[allow(dead_code, unused_imports, reason = "it is another test's too")]
mod made;
#[path = "../support/notation_pki.rs"]
mod pki;
#[path = "../support/shared.rs"]
mod shared;
#[path = "../support/sigstore/mod.rs"]
#[allow(unused_imports, reason = "each test takes what it needs")]
mod sigstore;
#[path = "../support/mod.rs"]
mod support;
#[path = "../timestamp/tree.rs"]
#[allow(dead_code, reason = "it is another test's too")]
mod tree;

mod aws_signer;
mod blobs;
mod corpora;
mod documents;
mod faults_of_chains;
mod faults_of_envelopes;
mod faults_of_policies;
mod horizon;
mod host;
mod layout;
mod multi_arch;
mod mutation;
mod nested;
mod options;
mod probe;
mod profiles;
mod public_vectors;
mod referrers;
mod requirements;
mod revocation;
mod setup;
mod timestamps;
mod trust_policies;
mod withheld;
