//! Trust material: TUF repositories, what is kept of them, keys in Kubernetes.

mod command;
mod embedded;
mod local;
mod mirror;
mod objects;
mod refresher;
pub(crate) mod tuf;
mod update;
