//! What logs prove: inclusion in a tree ([`merkle`]), the tree's head ([`checkpoint`]), a promise
//! ([`set`]), what an entry is about ([`LoggedEntry`]), and that a certificate was logged ([`sct`]).
//!
//! Keys are given by the caller; nothing here knows whom to trust.

mod body;
pub mod checkpoint;
mod entry;
pub mod merkle;
pub mod sct;
pub mod set;
mod tbs;

pub use entry::{
    Artifact, Content, Difference, Digest, Digests, EntryError, Kind, LoggedEntry, LoggedSignature,
    LoggedVerifier, Material, Verifier,
};
