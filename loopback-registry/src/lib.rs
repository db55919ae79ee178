//! An OCI registry on this machine's loopback, for tests, demos and interop: distribution specification v1.1
//! with push, pull, referrers and deletion, and whatever faults a test asks for.
//!
//! ```
//! use loopback_registry::{Fault, Options, Registry, What};
//!
//! let registry = Registry::start(Options::default());
//! let digest = registry.push_blob("acme/app", b"a layer");
//! registry.fault(Fault::on("GET", "/v2/acme/*", What::RetryAfter("0".into())).times(2));
//! // The next two requests for it are answered 429, and the third with the blob.
//! println!("http://{}/v2/acme/app/blobs/{digest}", registry.host);
//! assert!(registry.log().is_empty());
//! ```
//!
//! Everything is in memory; [`Options::directory`] keeps it as OCI layouts too. It listens on loopback only,
//! and it is no registry for use: nothing is limited but the size of manifests.

mod api;
mod auth;
mod digest;
mod exchange;
mod fault;
mod layout;
mod log;
mod options;
mod outgoing;
mod registry;
mod server;
mod store;
mod tls;

pub use auth::{Auth, TokenService, User};
pub use digest::{sha256, sha512};
pub use fault::{Fault, What, When};
pub use layout::Loaded;
pub use log::Logged;
pub use options::Options;
pub use registry::{Registry, Snapshot};
pub use tls::Tls;

/// The media type of an OCI image index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of an OCI image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of the OCI artifact manifest that the specification had before 1.1.
pub const ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
