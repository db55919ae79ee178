//! Secrets for pulling images: those of a Pod, of its service account, or mounted.
//!
//! Of a Secret `auths` is read and nothing else, as kubelet does it: who may write a Secret could
//! otherwise have programs run here.

mod cluster;
mod mounted;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Deserialize;
use zeroize::Zeroizing;

use super::{
    AuthError, Credential, CredentialSource, entry::Entry, keyring::Keyring, target::Target,
};

pub use cluster::{Cluster, SERVICE_ACCOUNT};
pub use mounted::{MountedSecret, MountedSecrets};

/// Names in a note at the most; who writes Pods chooses them.
const MAX_NOTES: usize = 16;

/// A Secret of one of the two types that hold credentials for registries
/// ([docs](https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets)).
#[derive(Clone, PartialEq, Eq)]
pub enum PullSecret {
    /// `kubernetes.io/dockerconfigjson`: the value of `.dockerconfigjson`.
    DockerConfigJson(Zeroizing<Vec<u8>>),
    /// `kubernetes.io/dockercfg`, the format of old: the value of `.dockercfg`.
    DockerCfg(Zeroizing<Vec<u8>>),
    /// Of another type, which is here: of no use for pulling.
    Other(String),
}

impl fmt::Debug for PullSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DockerConfigJson(_) => "DockerConfigJson(hidden)",
            Self::DockerCfg(_) => "DockerCfg(hidden)",
            Self::Other(_) => "Other",
        })
    }
}

/// Where Secrets are.
pub trait Secrets: Send + Sync {
    /// One Secret; nothing if there is none of this name.
    fn get(&self, namespace: &str, name: &str) -> Result<Option<PullSecret>, AuthError>;

    /// The names of a service account's `imagePullSecrets`; nothing if there is no such account, or
    /// accounts are not known here.
    fn of_service_account(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Vec<String>>, AuthError>;
}

/// The Secrets of one Pod. A Secret that is not there is left out, as kubelet does it, and noted.
pub struct PullSecrets {
    secrets: Arc<dyn Secrets>,
    namespace: String,
    names: Vec<String>,
    service_account: Option<String>,
    notes: Mutex<BTreeSet<String>>,
}

#[derive(Deserialize)]
struct DockerConfigJson {
    auths: Option<BTreeMap<String, Entry>>,
}

impl PullSecrets {
    /// Those of a namespace; none of them yet.
    pub fn new(secrets: Arc<dyn Secrets>, namespace: impl Into<String>) -> Self {
        Self {
            secrets,
            namespace: namespace.into(),
            names: Vec::new(),
            service_account: None,
            notes: Mutex::default(),
        }
    }

    /// A Pod's own `imagePullSecrets`, by name.
    #[must_use]
    pub fn of_pod<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.names.extend(names.into_iter().map(Into::into));
        self
    }

    /// And those of the service account that it runs as, after its own.
    #[must_use]
    pub fn of_service_account(mut self, name: impl Into<String>) -> Self {
        self.service_account = Some(name.into());
        self
    }

    fn keyring(&self) -> Result<Keyring, AuthError> {
        let of_account = match &self.service_account {
            Some(account) => self.secrets.of_service_account(&self.namespace, account)?,
            None => None,
        };
        let mut keyring = Keyring::default();
        let mut seen = BTreeSet::new();
        for name in self.names.iter().chain(of_account.iter().flatten()) {
            if !seen.insert(name) {
                continue;
            }
            let place = format!("the Secret `{}/{name}`", self.namespace);
            match self.secrets.get(&self.namespace, name)? {
                Some(PullSecret::Other(kind)) => {
                    self.note(format!("{place} is of type `{kind}` and holds no credentials"));
                }
                Some(secret) => add(&mut keyring, &secret, &place)?,
                None => self.note(format!("{place} is named for pulling and is not there")),
            }
        }
        Ok(keyring)
    }

    fn note(&self, note: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() < MAX_NOTES {
            notes.insert(note);
        }
    }
}

impl CredentialSource for PullSecrets {
    fn find(&self, host: &str, repository: &str) -> Result<Vec<Credential>, AuthError> {
        match Target::new(host, repository) {
            Some(target) => self.keyring()?.find(&target),
            None => Ok(Vec::new()),
        }
    }

    fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// Adds the entries of a Secret. The parser's words are not repeated, since they may quote it.
fn add(keyring: &mut Keyring, secret: &PullSecret, place: &str) -> Result<(), AuthError> {
    let wrong = |key: &str| {
        let message = format!("its `{key}` is not the JSON that this type of Secret has");
        AuthError::misconfigured(place, message)
    };
    let entries = match secret {
        PullSecret::DockerConfigJson(bytes) => serde_json::from_slice::<DockerConfigJson>(bytes)
            .map_err(|_| wrong(".dockerconfigjson"))?
            .auths
            .unwrap_or_default(),
        PullSecret::DockerCfg(bytes) => {
            serde_json::from_slice(bytes).map_err(|_| wrong(".dockercfg"))?
        }
        PullSecret::Other(_) => return Ok(()),
    };
    for (key, entry) in &entries {
        let found = entry.credential();
        keyring.add(
            key,
            found.map_err(|what| {
                AuthError::misconfigured(place, format!("the entry for `{key}` {what}"))
            }),
        );
    }
    Ok(())
}

/// RFC 1123's names as Kubernetes has them: what they name stays one segment of a path.
fn check_name(what: &str, name: &str) -> Result<(), AuthError> {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let plain = name.bytes().all(|b| word(b) || b == b'-' || b == b'.');
    let ends = |b: Option<&u8>| b.copied().is_some_and(word);
    if plain && name.len() <= 253 && ends(name.as_bytes().first()) && ends(name.as_bytes().last()) {
        return Ok(());
    }
    Err(AuthError::misconfigured("Kubernetes", format!("`{}` is no name of a {what}", clean(name))))
}

fn clean(name: &str) -> String {
    super::error::words(name.as_bytes())
}
