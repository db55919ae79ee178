//! What logs prove: inclusion in a tree ([`merkle`]), the tree's head ([`checkpoint`]), a promise
//! ([`set`]), what an entry is about ([`entry`]), and that a certificate was logged ([`sct`]).
//!
//! Keys are given by the caller; nothing here knows whom to trust.

mod body;
pub mod checkpoint;
pub mod entry;
pub mod key_details;
pub mod merkle;
pub mod sct;
pub mod set;
mod tbs;

pub use checkpoint::{Checkpoint, CheckpointError, NoteError, NoteSignature, NoteVerifier};
pub use entry::{
    Artifact, Content, Difference, Digest, EntryError, Kind, LoggedEntry, LoggedSignature,
    LoggedVerifier, Material, Verifier,
};
pub use key_details::KeyDetails;
pub use merkle::{InclusionError, leaf_hash, verify_inclusion};
pub use sct::{CtLog, Precertificate, Sct, SctError, SctProblem};
pub use set::SignedEntry;
