//! Kubelet's credential providers: programs that cloud vendors put on their nodes
//! ([tasks](https://kubernetes.io/docs/tasks/administer-cluster/kubelet-credential-provider/),
//! [protocol](https://kubernetes.io/docs/reference/config-api/kubelet-credentialprovider.v1/)).

mod config;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;

use super::{
    AuthError, Credential, CredentialSource, Environment, Secret,
    error::words,
    file,
    helper::is_executable,
    kept::{Kept, MAX_KEYS},
    keyring::{Keyring, Pattern},
    process::{self, Limits, Program},
    target::Target,
};
use config::Provider;

/// Kubelet's own limit
/// ([plugin.go](https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/credentialprovider/plugin/plugin.go)).
const WITHIN: Duration = Duration::from_secs(60);
/// Bytes of an answer: as large as the Secret that it stands for could be.
const MAX_OUTPUT: u64 = file::MAX_FILE;

/// The providers of one configuration.
pub struct Kubelet {
    plugins: Vec<Plugin>,
    environment: Environment,
    within: Duration,
}

struct Plugin {
    provider: Provider,
    path: PathBuf,
    patterns: Vec<Pattern>,
    kept: Kept<Auths>,
}

type Auths = BTreeMap<String, Auth>;

#[derive(Clone, Deserialize)]
struct Auth {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: Option<Secret>,
}

#[derive(Clone, Copy, Deserialize)]
enum KeyType {
    Image,
    Registry,
    Global,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    api_version: String,
    kind: String,
    cache_key_type: KeyType,
    cache_duration: Option<String>,
    auth: Option<Auths>,
}

impl Kubelet {
    /// Reads a `CredentialProviderConfig` (a file, or a directory of them), whose programs are in
    /// `programs`: the values of kubelet's `--image-credential-provider-config` and `-bin-dir`.
    pub fn open(
        config: &Path,
        programs: &Path,
        environment: &Environment,
    ) -> Result<Self, AuthError> {
        let plugins = config::read(config)?
            .into_iter()
            .map(|provider| Plugin::new(provider, programs))
            .collect::<Result<_, _>>()?;
        Ok(Self { plugins, environment: environment.clone(), within: WITHIN })
    }

    /// How long a program may take; a minute if nothing else is said, as with kubelet.
    #[must_use]
    pub fn with_time_limit(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }
}

impl CredentialSource for Kubelet {
    fn find(&self, host: &str, repository: &str) -> Result<Vec<Credential>, AuthError> {
        let Some(target) = Target::new(host, repository) else {
            return Ok(Vec::new());
        };
        let mut keyring = Keyring::default();
        for plugin in &self.plugins {
            if plugin.patterns.iter().any(|pattern| pattern.matches(&target)) {
                for (key, auth) in plugin.ask(&target, &self.environment, self.within)? {
                    keyring.add(&key, auth.credential(&plugin.place()));
                }
            }
        }
        keyring.find(&target)
    }
}

impl Plugin {
    fn new(provider: Provider, programs: &Path) -> Result<Self, AuthError> {
        let file = format!("{}{}", provider.name, std::env::consts::EXE_SUFFIX);
        let path = programs.join(file);
        if !is_executable(&path) {
            let message = "is no program that can be run, and is named as a credential provider";
            return Err(AuthError::misconfigured(file::name(&path), message));
        }
        let patterns = provider.match_images.iter().filter_map(|text| Pattern::of_image(text));
        Ok(Self { patterns: patterns.collect(), path, kept: Kept::of(MAX_KEYS), provider })
    }

    fn place(&self) -> String {
        format!("credential provider `{}`", self.provider.name)
    }

    /// What it answers for an image, or has answered for its registry or for all.
    fn ask(
        &self,
        target: &Target,
        environment: &Environment,
        within: Duration,
    ) -> Result<Auths, AuthError> {
        let image = target.image();
        let key = format!("image {image}");
        let shared = |kind| match kind {
            KeyType::Image => key.clone(),
            KeyType::Registry => format!("registry {}", target.host),
            KeyType::Global => "global".to_owned(),
        };
        for kind in [KeyType::Image, KeyType::Registry, KeyType::Global] {
            if let Some(auths) = self.kept.peek(&shared(kind), environment) {
                return Ok(auths);
            }
        }
        self.kept.get(&key, environment, || {
            let response = self.run(&image, within)?;
            let lasts = self.lasts(&response)?;
            let expires = environment.now().checked_add(lasts).ok_or_else(|| self.garbled())?;
            let auths = response.auth.unwrap_or_default();
            if !matches!(response.cache_key_type, KeyType::Image) && !lasts.is_zero() {
                let key = shared(response.cache_key_type);
                self.kept.put(&key, environment, auths.clone(), expires);
            }
            Ok((auths, expires))
        })
    }

    fn lasts(&self, response: &Response) -> Result<Duration, AuthError> {
        match &response.cache_duration {
            Some(text) => config::duration(text).ok_or_else(|| self.garbled()),
            None => Ok(self.provider.default_cache_duration),
        }
    }

    fn run(&self, image: &str, within: Duration) -> Result<Response, AuthError> {
        let Provider { api_version, args, env, .. } = &self.provider;
        let program = Program { path: &self.path, arguments: args, variables: env };
        let request = json!({
            "apiVersion": api_version,
            "kind": "CredentialProviderRequest",
            "image": image,
        });
        let limits = Limits { within, max_output: MAX_OUTPUT };
        let ended = process::run(&program, request.to_string().as_bytes(), limits)
            .map_err(|message| AuthError::unavailable(self.place(), message))?;
        if !ended.status.success() {
            let message = format!("{}: {}", ended.status, words(&ended.words));
            return Err(AuthError::unavailable(self.place(), message.trim_end_matches(": ")));
        }
        // The parser's own words could have the password in them.
        let response: Response =
            serde_json::from_slice(&ended.output).map_err(|_| self.garbled())?;
        if response.kind != "CredentialProviderResponse" || response.api_version != *api_version {
            return Err(self.garbled());
        }
        Ok(response)
    }

    fn garbled(&self) -> AuthError {
        let version = &self.provider.api_version;
        let message = format!("its answer is no CredentialProviderResponse of {version}");
        AuthError::unavailable(self.place(), message)
    }
}

impl Auth {
    fn credential(self, place: &str) -> Result<Option<Credential>, AuthError> {
        let password = self.password.filter(|password| !password.is_empty());
        match (self.username, password) {
            (name, None) if name.is_empty() => Ok(None),
            (name, _) if name.is_empty() || name.contains(':') => {
                Err(AuthError::unavailable(place, "its answer has a user name that none can have"))
            }
            (username, password) => {
                let password = password.unwrap_or_else(|| Secret::new(""));
                Ok(Some(Credential::Basic { username, password }))
            }
        }
    }
}
