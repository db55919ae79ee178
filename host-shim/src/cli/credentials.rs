//! Where credentials for registries come from, on a command line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::auth::{Cloud, KubeletPlugins, Options, ServiceAccount};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Credentials for registries")]
pub(super) struct CredentialOptions {
    /// A file like Docker's config.json, in place of Docker's and podman's own
    #[arg(long, value_name = "FILE")]
    authfile: Option<PathBuf>,
    /// A mounted Secret for pulling images, its directory or the file in it
    #[arg(long = "pull-secret", value_name = "PATH")]
    pull_secrets: Vec<PathBuf>,
    /// The imagePullSecrets of a service account, from the API of the cluster that this runs in
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = service_account)]
    service_account: Option<ServiceAccount>,
    /// Kubelet's configuration of credential providers, a file or directory
    #[arg(long, value_name = "PATH", requires = "image_credential_provider_bin_dir")]
    image_credential_provider_config: Option<PathBuf>,
    /// Where the programs of that configuration are
    #[arg(long, value_name = "DIR", requires = "image_credential_provider_config")]
    image_credential_provider_bin_dir: Option<PathBuf>,
    /// The clouds whose registries are shown this machine's or Pod's identity; without the option,
    /// those for which the environment has one
    #[arg(long = "cloud", value_name = "CLOUDS", value_enum, value_delimiter = ',')]
    clouds: Vec<Provider>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Provider {
    /// Amazon's ECR, the public registry too.
    Aws,
    /// Azure's container registries.
    Azure,
    /// Google's Artifact Registry.
    Gcp,
    /// No cloud, whatever the environment has.
    None,
}

impl CredentialOptions {
    /// As the library has them.
    pub(super) fn options(&self) -> Options {
        let programs = self.image_credential_provider_bin_dir.clone();
        let kubelet = self.image_credential_provider_config.clone().zip(programs);
        let clouds = self.clouds.iter().filter_map(|provider| match provider {
            Provider::Aws => Some(Cloud::Aws),
            Provider::Azure => Some(Cloud::Azure),
            Provider::Gcp => Some(Cloud::Gcp),
            Provider::None => None,
        });
        Options {
            docker_config: self.authfile.clone(),
            pull_secrets: self.pull_secrets.clone(),
            service_account: self.service_account.clone(),
            kubelet: kubelet.map(|(config, programs)| KubeletPlugins { config, programs }),
            clouds: (!self.clouds.is_empty()).then(|| clouds.collect()),
        }
    }
}

fn service_account(text: &str) -> Result<ServiceAccount, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
            Ok(ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned() })
        }
        _ => Err("a namespace and a name, such as shop/default".to_owned()),
    }
}
