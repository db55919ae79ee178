//! What kind of registry it is.

use std::{net::SocketAddr, path::PathBuf};

use crate::{auth::Auth, fault::Fault, tls::Tls};

/// What kind of registry to start. The default is a correct one with referrers API, without authentication,
/// on plain HTTP and a free port.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen: an address of the loopback. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether it has the referrers API. Without it, such a request is answered 404, and a manifest's `subject`
    /// is not looked at.
    pub referrers: bool,
    /// Whether the referrers API filters by `artifactType`, and says so.
    pub filters: bool,
    /// How many tags, repositories or referrers there are on a page at most.
    pub page_size: Option<usize>,
    /// Whether a tag that is there can be moved.
    pub immutable_tags: bool,
    /// Whether manifests and blobs can be deleted.
    pub deletes: bool,
    /// Whether manifests are taken whose blobs and children are not there.
    pub sparse: bool,
    /// Whether an OCI manifest is refused to who does not name its type in `Accept`, as distribution does.
    /// A request without `Accept` takes everything.
    pub honours_accept: bool,
    /// Bytes of a manifest that is taken; 4 MiB, as much as the specification asks for.
    pub max_manifest: usize,
    /// Who may do what.
    pub auth: Auth,
    /// HTTPS instead of HTTP.
    pub tls: Option<Tls>,
    /// Keeps every repository `NAME` as an OCI layout `DIRECTORY/NAME` as it is after each change by a request or
    /// `load`, and reads those that are there at the start.
    pub directory: Option<PathBuf>,
    /// Appends one JSON object a request to this file. Values of `Authorization` and bodies are left out.
    pub log_file: Option<PathBuf>,
    /// The faults it starts with.
    pub faults: Vec<Fault>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            referrers: true,
            filters: true,
            page_size: None,
            immutable_tags: false,
            deletes: true,
            sparse: false,
            honours_accept: true,
            max_manifest: 4 << 20,
            auth: Auth::None,
            tls: None,
            directory: None,
            log_file: None,
            faults: Vec::new(),
        }
    }
}
