//! Sources in order.

use std::{path::PathBuf, sync::Arc};

use super::{
    AuthError, Credential, CredentialSource, DockerConfig, Environment,
    aws::Aws,
    azure::Azure,
    gcp::Gcp,
    kubelet::Kubelet,
    kubernetes::{Cluster, MountedSecret, PullSecrets},
};
use crate::http::{self, Http};

/// Where credentials are looked for. What is not named is not looked at, but for the files of Docker
/// and podman and the clouds that the environment names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// A file in Docker's format in place of Docker's and podman's own. It must be there.
    pub docker_config: Option<PathBuf>,
    /// Mounted Secrets for pulling images, each a directory or a file.
    pub pull_secrets: Vec<PathBuf>,
    /// The Secrets of a service account, read from the API of the cluster that we run in.
    pub service_account: Option<ServiceAccount>,
    /// Kubelet's credential providers.
    pub kubelet: Option<KubeletPlugins>,
    /// Clouds whose registries are shown our identity there. If nothing is said, those for which the
    /// environment has one, and of Amazon's registries the private ones only.
    pub clouds: Option<Vec<Cloud>>,
}

/// A service account of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What kubelet is told of credential providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeletPlugins {
    /// A `CredentialProviderConfig`, or a directory of them.
    pub config: PathBuf,
    /// The directory of the programs.
    pub programs: PathBuf,
}

/// A cloud with registries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Amazon's ECR.
    Aws,
    /// Azure's container registries.
    Azure,
    /// Google's Artifact Registry.
    Gcp,
}

impl Cloud {
    const ALL: [Self; 3] = [Self::Aws, Self::Azure, Self::Gcp];

    /// Whether the environment gives this process an identity there.
    pub fn is_named_in(self, environment: &Environment) -> bool {
        match self {
            Self::Aws => Aws::is_named_in(environment),
            Self::Azure => Azure::is_named_in(environment),
            Self::Gcp => Gcp::is_named_in(environment),
        }
    }

    /// Its registries, by our identity there.
    fn source(self, asked: bool, http: &Http, environment: &Environment) -> Source {
        let transport = Arc::new(http.clone());
        match self {
            Self::Aws if asked => {
                Arc::new(Aws::new(transport, environment).and_the_public_registry())
            }
            Self::Aws => Arc::new(Aws::new(transport, environment)),
            Self::Azure => Arc::new(Azure::new(transport, environment)),
            Self::Gcp => Arc::new(Gcp::new(transport, environment)),
        }
    }
}

type Source = Arc<dyn CredentialSource>;

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

    /// The sources that are configured, in the order of [`Options`]: what is said of one registry comes
    /// before who we are in a cloud. Configuration of kubelet and the cluster's CA are read, nothing is
    /// run or sent yet.
    ///
    /// # Errors
    /// [`AuthError::Misconfigured`].
    pub fn open(options: &Options, environment: &Environment) -> Result<Self, AuthError> {
        let files = match &options.docker_config {
            Some(path) => vec![DockerConfig::docker(path, environment).that_must_exist()],
            None => DockerConfig::well_known(environment),
        };
        let mut sources: Vec<Source> = Vec::new();
        sources.extend(files.into_iter().map(|file| -> Source { Arc::new(file) }));
        for path in &options.pull_secrets {
            sources.push(Arc::new(MountedSecret::new(path)));
        }
        if let Some(ServiceAccount { namespace, name }) = &options.service_account {
            let cluster = Arc::new(Cluster::here(&http::Options::default(), environment)?);
            sources.push(Arc::new(PullSecrets::new(cluster, namespace).of_service_account(name)));
        }
        if let Some(KubeletPlugins { config, programs }) = &options.kubelet {
            sources.push(Arc::new(Kubelet::open(config, programs, environment)?));
        }
        let http = Http::new(&http::Options::default());
        let named =
            || Cloud::ALL.into_iter().filter(|cloud| cloud.is_named_in(environment)).collect();
        let asked = options.clouds.is_some();
        let clouds = options.clouds.clone().unwrap_or_else(named);
        sources.extend(clouds.into_iter().map(|cloud| cloud.source(asked, &http, environment)));
        Ok(Self::new(sources))
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

    fn found_in(&self, host: &str, repository: &str) -> Result<Option<String>, AuthError> {
        for source in &self.sources {
            let name = source.found_in(host, repository)?;
            if name.is_some() {
                return Ok(name);
            }
        }
        Ok(None)
    }

    fn notes(&self) -> Vec<String> {
        self.sources.iter().flat_map(|source| source.notes()).collect()
    }
}
