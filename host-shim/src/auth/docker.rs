//! Docker's `config.json` and podman's `auth.json`.
//!
//! Docker's order ([file.go](https://github.com/docker/cli/blob/v29.0.0/cli/config/configfile/file.go)):
//! the helper of the registry in `credHelpers`, else `credsStore`, else `auths`. Podman's
//! ([containers-auth.json(5)](https://github.com/containers/image/blob/v5.36.2/docs/containers-auth.json.5.md)):
//! `credHelpers`, else `auths` with keys down to single repositories. Such keys are read in both files,
//! and are never taken for the whole registry.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{
    AuthError, Credential, CredentialSource, Environment,
    entry::Entry,
    file,
    helper::Helpers,
    target::{DOCKER_HUB, DOCKER_HUB_KEY, Key, Target, most_specific},
};

/// One file, read anew each time that it is asked.
pub struct DockerConfig {
    path: PathBuf,
    dialect: Dialect,
    must_exist: bool,
    helpers: Helpers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Docker,
    Podman,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct File {
    auths: Option<BTreeMap<String, Entry>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

impl DockerConfig {
    /// A file in Docker's format. One that is not there has no credentials.
    pub fn docker(path: impl Into<PathBuf>, environment: &Environment) -> Self {
        Self::new(path.into(), Dialect::Docker, environment)
    }

    /// A file in podman's format. One that is not there has no credentials.
    pub fn podman(path: impl Into<PathBuf>, environment: &Environment) -> Self {
        Self::new(path.into(), Dialect::Podman, environment)
    }

    /// That the file is not there is an error.
    #[must_use]
    pub fn that_must_exist(mut self) -> Self {
        self.must_exist = true;
        self
    }

    /// How long a credential helper may take; 30 seconds if nothing else is said.
    #[must_use]
    pub fn with_helper_time_limit(mut self, within: Duration) -> Self {
        self.helpers = self.helpers.with_time_limit(within);
        self
    }

    /// The files that Docker and podman read, in the order in which they are asked:
    /// `$REGISTRY_AUTH_FILE`, Docker's (`$DOCKER_CONFIG` or `~/.docker`), podman's
    /// (`$XDG_RUNTIME_DIR/containers`, then `$XDG_CONFIG_HOME/containers` or `~/.config/containers`).
    pub fn well_known(environment: &Environment) -> Vec<Self> {
        let below = |directory: &str| environment.home().map(|home| home.join(directory));
        let named = environment.path("REGISTRY_AUTH_FILE");
        let docker = environment.path("DOCKER_CONFIG").or_else(|| below(".docker"));
        let runtime = environment.path("XDG_RUNTIME_DIR");
        let config = environment.path("XDG_CONFIG_HOME").or_else(|| below(".config"));
        let podman = |directory: PathBuf| {
            Self::podman(directory.join("containers").join("auth.json"), environment)
        };
        let named = named.map(|path| Self::podman(path, environment).that_must_exist());
        let docker = docker.map(|path| Self::docker(path.join("config.json"), environment));
        [named, docker, runtime.map(podman), config.map(podman)].into_iter().flatten().collect()
    }

    fn new(path: PathBuf, dialect: Dialect, environment: &Environment) -> Self {
        Self { path, dialect, must_exist: false, helpers: Helpers::new(environment) }
    }

    fn read(&self) -> Result<File, AuthError> {
        let name = file::name(&self.path);
        let Some(bytes) = file::read(&self.path)? else {
            let message = "is not there; it was named as the file of credentials";
            return match self.must_exist {
                true => Err(AuthError::misconfigured(name, message)),
                false => Ok(File::default()),
            };
        };
        parse(&bytes, &name)
    }

    fn helper<'a>(&self, file: &'a File, target: &Target) -> Option<&'a str> {
        let helpers = file.cred_helpers.iter().flatten();
        let whole = helpers.filter(|(key, _)| Key::parse(key).is_some_and(|k| k.path.is_empty()));
        let name = match most_specific(whole, target) {
            Some((_, name)) => Some(name.as_str()),
            None if self.dialect == Dialect::Docker => file.creds_store.as_deref(),
            None => None,
        };
        name.filter(|name| !name.is_empty())
    }

    /// How the registry is named to a helper.
    fn server<'a>(&self, target: &'a Target) -> &'a str {
        match self.dialect {
            Dialect::Docker if target.host == DOCKER_HUB => DOCKER_HUB_KEY,
            _ => &target.host,
        }
    }
}

impl CredentialSource for DockerConfig {
    fn name(&self) -> String {
        file::name(&self.path)
    }

    fn find(&self, host: &str, repository: &str) -> Result<Vec<Credential>, AuthError> {
        let Some(target) = Target::new(host, repository) else {
            return Ok(Vec::new());
        };
        let file = self.read()?;
        let name = file::name(&self.path);
        let found = match self.helper(&file, &target) {
            Some(helper) => self.helpers.get(helper, self.server(&target), &name)?,
            None => match most_specific(file.auths.iter().flatten(), &target) {
                Some((key, entry)) => entry.credential().map_err(|what| {
                    AuthError::misconfigured(&name, format!("the entry for `{key}` {what}"))
                })?,
                None => None,
            },
        };
        Ok(found.into_iter().collect())
    }
}

/// The document; its parser's words are not repeated, since they may quote it.
fn parse(bytes: &[u8], name: &str) -> Result<File, AuthError> {
    let bytes = bytes.trim_ascii();
    let wrong = |what: &str| AuthError::misconfigured(name, format!("is {what}"));
    match bytes.first() {
        None => Ok(File::default()),
        Some(b'{') => serde_json::from_slice(bytes).map_err(|e| {
            let what = if e.is_data() { "not in Docker's format" } else { "not JSON" };
            wrong(&format!("{what} (line {}, column {})", e.line(), e.column()))
        }),
        Some(_) => Err(wrong("not in Docker's format: it should be a JSON object")),
    }
}
