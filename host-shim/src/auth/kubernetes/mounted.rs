//! Secrets as files, where kubelet or somebody else has put them.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{PullSecret, Secrets, add, check_name};
use crate::auth::{
    AuthError, Credential, CredentialSource, file, keyring::Keyring, target::Target,
};

/// Secrets as directories: `DIRECTORY/NAMESPACE/NAME/.dockerconfigjson`, or `.dockercfg`. There is no
/// place without a namespace: one tenant's name is not to find another's Secret.
#[derive(Clone, Debug)]
pub struct MountedSecrets {
    directory: PathBuf,
}

impl MountedSecrets {
    /// Below this directory. Nothing is read yet.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }
}

impl Secrets for MountedSecrets {
    fn get(&self, namespace: &str, name: &str) -> Result<Option<PullSecret>, AuthError> {
        check_name("namespace", namespace)?;
        check_name("Secret", name)?;
        read(&self.directory.join(namespace).join(name))
    }

    fn of_service_account(&self, _: &str, _: &str) -> Result<Option<Vec<String>>, AuthError> {
        Ok(None)
    }
}

/// One mounted Secret, for all images: its directory, or the file in it.
#[derive(Clone, Debug)]
pub struct MountedSecret {
    path: PathBuf,
}

impl MountedSecret {
    /// It is read each time that it is asked, and has to be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl CredentialSource for MountedSecret {
    fn find(&self, host: &str, repository: &str) -> Result<Vec<Credential>, AuthError> {
        let Some(target) = Target::new(host, repository) else {
            return Ok(Vec::new());
        };
        let place = format!("the mounted Secret {}", file::name(&self.path));
        let secret = match self.path.is_dir() {
            true => read(&self.path)?,
            false => read_file(&self.path)?,
        };
        let secret = secret.ok_or_else(|| {
            let message = "there is no `.dockerconfigjson` or `.dockercfg`: mount the whole Secret";
            AuthError::misconfigured(&place, message)
        })?;
        let mut keyring = Keyring::default();
        add(&mut keyring, &secret, &place)?;
        keyring.find(&target)
    }
}

fn read(directory: &Path) -> Result<Option<PullSecret>, AuthError> {
    for name in [".dockerconfigjson", ".dockercfg"] {
        if let Some(secret) = read_file(&directory.join(name))? {
            return Ok(Some(secret));
        }
    }
    Ok(None)
}

/// The format is that of the name; a file that is called otherwise is of today's.
fn read_file(path: &Path) -> Result<Option<PullSecret>, AuthError> {
    let of_old = path.file_name().is_some_and(|name| name == ".dockercfg");
    let secret = |bytes: Zeroizing<Vec<u8>>| match of_old {
        true => PullSecret::DockerCfg(bytes),
        false => PullSecret::DockerConfigJson(bytes),
    };
    Ok(file::read(path)?.map(secret))
}
