//! What the registry says, heard by a client that knows nothing of it but HTTP.

mod auth;
mod client;
mod conformance;
mod faults;
mod layout;
mod pages;
mod push;
mod tls;
