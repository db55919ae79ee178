#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::unreachable,
        clippy::todo
    )
)]
//! Pure verification of container-image signatures.
//!
//! **Call [`evaluate`] with policy, request, evidence, `now` and budget; fetch exactly what `Need`
//! lists; call again. Everything else is a decision.**

pub mod admission;
pub mod attestation;
pub mod crypto;
pub mod discovery;
pub mod envelope;
mod evaluate;
pub mod evidence;
pub mod glob;
pub mod json;
pub mod pack;
pub mod pem;
pub mod policy;
pub mod predicate;
pub mod reference;
pub mod revocation;
pub mod time;
pub mod timestamp;
pub mod transparency;
pub mod trust;
pub mod verdict;
pub mod verify;
pub mod wire;
pub mod x509;

pub use evaluate::{Step, evaluate, step_json, step_with};
