//! The host from outside: sources against a faulty registry, the runtime against hostile guests,
//! the command as it is run. One binary, so that wasmtime is linked once.

mod blob;
mod cli;
mod corpora;
mod credentials;
mod driver;
mod guest;
mod layout;
mod loopback;
mod referrers;
mod registry;
mod revocation;
mod road;
mod runtime;
mod scratch;
