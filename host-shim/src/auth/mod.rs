//! Credentials for registries: from files, helpers, Kubernetes and clouds.
//!
//! A source is asked for one repository on one host, and answers for exactly that host: names that
//! only look alike get nothing. What cannot be found out is an error, and never taken for "there are
//! none".

pub mod aws;
pub mod azure;
mod docker;
mod entry;
mod environment;
mod error;
mod file;
pub mod gcp;
mod helper;
mod kept;
mod keychain;
mod keyring;
pub mod kubelet;
pub mod kubernetes;
mod process;
mod secret;
mod service;
mod target;

pub use docker::DockerConfig;
pub use environment::Environment;
pub use error::AuthError;
pub use keychain::{Cloud, Keychain, KubeletPlugins, Options, ServiceAccount};
pub use secret::Secret;
pub use service::Transport;

/// What to show a registry. `Debug` hides secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A name and a password, for the registry or for its token service.
    Basic {
        /// The user's name, without a colon.
        username: String,
        /// The password, or a token in its place.
        password: Secret,
    },
    /// Docker's identity token: an OAuth 2.0 refresh token, for the registry's token service.
    Identity(Secret),
    /// Docker's registry token: shown to the registry as it is.
    Bearer(Secret),
}

/// Where credentials come from.
pub trait CredentialSource: Send + Sync {
    /// What there is for a repository, the most specific first; empty where the source knows nothing of
    /// it, which means to be anonymous. `host` is the registry's, with its port if it has one,
    /// `repository` the name below it.
    fn find(&self, host: &str, repository: &str) -> Result<Vec<Credential>, AuthError>;

    /// Where it is, for people: a file, a helper, a service. Never a secret.
    fn name(&self) -> String {
        "the credentials that are configured".to_owned()
    }

    /// The name of the source that has something for a repository.
    fn found_in(&self, host: &str, repository: &str) -> Result<Option<String>, AuthError> {
        let found = self.find(host, repository)?;
        Ok((!found.is_empty()).then(|| self.name()))
    }

    /// What the user should know of what happened so far.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}
