//! Trust material that changes: Sigstore's trusted roots by TUF, kept on disk; keys in Kubernetes.
//!
//! ```text
//! RepositoryFiles (mirror, directory, archive) ──▶ walk (TUF) ──▶ Store ──▶ Kept ──▶ policy
//! ```
//!
//! The module that decides has neither network nor disk: what is found here is put in the policy
//! before the module sees it, and so stands in every record of a decision.

mod age;
mod cluster;
mod contents;
mod error;
mod files;
mod instance;
mod kept;
mod local;
mod mirror;
mod objects;
mod record;
mod refresher;
mod stand_in;
mod store;
mod update;
mod walk;

pub use age::{Age, age};
pub use cluster::InCluster;
pub use contents::{Kind, Service, read as read_trusted_root, services};
pub use error::TrustError;
pub use files::RepositoryFiles;
pub use instance::{EMBEDDED_SINCE, Embedded, Instance};
pub use kept::{Kept, Standing};
pub use local::Local;
pub use mirror::Mirror;
pub use objects::{KubernetesObjects, ObjectFiles, ObjectKind, ObjectReference, ObjectsError};
pub use record::{RECORD_VERSION, Record};
pub use refresher::{Background, Current, Refresher, Schedule, Tick};
pub use stand_in::{Choice, Report, StandIn, choose, embedded_since, from_file, said, stand_ins};
pub use store::{Lock, Store, default_directory};
pub use update::{Updated, update};
pub use walk::RoleState;
