//! What a Kubewarden host can be asked
//! ([its operations](https://docs.kubewarden.io/reference/spec/host-capabilities/intro-host-capabilities)).

use std::time::{Duration, Instant};

use serde::Serialize;

/// The host behind the callbacks.
pub(crate) trait Host {
    /// Calls an operation of a namespace. What fails is said in the host's words.
    fn call(&self, namespace: &str, operation: &str, payload: &[u8]) -> Result<Vec<u8>, String>;

    /// Time since the request came in.
    fn elapsed(&self) -> Duration;
}

/// The host that runs this module.
pub(crate) struct WapcHost {
    start: Instant,
}

impl WapcHost {
    /// The request has come in.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Host for WapcHost {
    fn call(&self, namespace: &str, operation: &str, payload: &[u8]) -> Result<Vec<u8>, String> {
        wapc_guest::host_call("kubewarden", namespace, operation, payload)
            .map_err(|e| e.to_string())
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

/// One question to the host. The same is never asked twice for one request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Question {
    /// The digest that a tag names.
    Digest(String),
    /// A manifest or index.
    Manifest(String),
    /// A manifest and its configuration.
    Config(String),
    /// A Kubernetes object of the core group.
    Resource {
        /// `kind`.
        kind: &'static str,
        /// Where, for what is in a namespace.
        namespace: Option<String>,
        /// Its name.
        name: String,
    },
}

/// `kubernetes/get_resource`.
#[derive(Serialize)]
struct GetResource<'a> {
    api_version: &'static str,
    kind: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    disable_cache: bool,
}

impl Question {
    /// What the host does for it, each as long as the other: it asks whether a registry is there, and for one
    /// thing. A configuration comes after its manifest.
    pub(crate) fn parts(&self) -> u32 {
        match self {
            Self::Config(_) => 2,
            Self::Digest(_) | Self::Manifest(_) | Self::Resource { .. } => 1,
        }
    }

    /// As `hostCapabilities` names it.
    pub(crate) fn capability(&self) -> &'static str {
        match self {
            Self::Digest(_) => "oci/v1/manifest_digest",
            Self::Manifest(_) => "oci/v1/oci_manifest",
            Self::Config(_) => "oci/v1/oci_manifest_config",
            Self::Resource { .. } => "kubernetes/get_resource",
        }
    }

    /// Asks it.
    pub(crate) fn ask(&self, host: &impl Host) -> Result<Vec<u8>, String> {
        let payload = match self {
            Self::Digest(image) | Self::Manifest(image) | Self::Config(image) => {
                serde_json::to_vec(image)
            }
            Self::Resource { kind, namespace, name } => serde_json::to_vec(&GetResource {
                api_version: "v1",
                kind,
                name,
                namespace: namespace.as_deref(),
                disable_cache: false,
            }),
        };
        let payload = payload.map_err(|e| e.to_string())?;
        let (namespace, operation) = self.capability().split_once('/').unwrap_or_default();
        host.call(namespace, operation, &payload)
    }
}
