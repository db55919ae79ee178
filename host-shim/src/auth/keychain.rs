//! Sources in order.

use std::{path::PathBuf, sync::Arc};

use super::{AuthError, Credential, CredentialSource, DockerConfig, Environment};

/// Where credentials are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// A file in Docker's format in place of Docker's and podman's own. It must be there.
    pub docker_config: Option<PathBuf>,
}

/// The configured sources. The first that has anything for a repository is the one that counts; one
/// that fails is not passed over.
#[derive(Clone, Default)]
pub struct Keychain {
    sources: Vec<Arc<dyn CredentialSource>>,
}

impl Keychain {
    /// These sources in this order.
    pub fn new(sources: impl IntoIterator<Item = Arc<dyn CredentialSource>>) -> Self {
        Self { sources: sources.into_iter().collect() }
    }

    /// Without credentials.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// The sources that are configured. Nothing is read, run or sent yet.
    pub fn open(options: &Options, environment: &Environment) -> Result<Self, AuthError> {
        let files = match &options.docker_config {
            Some(path) => vec![DockerConfig::docker(path, environment).that_must_exist()],
            None => DockerConfig::well_known(environment),
        };
        Ok(Self::new(files.into_iter().map(|file| -> Arc<dyn CredentialSource> { Arc::new(file) })))
    }

    /// With one more source, asked last.
    #[must_use]
    pub fn and(mut self, source: impl CredentialSource + 'static) -> Self {
        self.sources.push(Arc::new(source));
        self
    }
}

impl CredentialSource for Keychain {
    fn find(&self, host: &str, repository: &str) -> Result<Vec<Credential>, AuthError> {
        for source in &self.sources {
            let found = source.find(host, repository)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    fn notes(&self) -> Vec<String> {
        self.sources.iter().flat_map(|source| source.notes()).collect()
    }
}
