//! Bytes to types, without any trust: what a payload, an envelope or a bundle says.

pub mod bundle;
pub mod cose;
pub mod dsse;
pub(crate) mod go_json;
pub mod jws;
pub mod layer;
pub mod log_entry;
pub mod notation;
pub mod simple_signing;
