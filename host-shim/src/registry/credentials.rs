//! User names and passwords out of Docker's `config.json`, each for one host.

use std::{collections::BTreeMap, env, fs, io::ErrorKind, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::names::api_host;

/// Values of `Authorization: Basic` by host.
#[derive(Default)]
pub(super) struct Credentials {
    basic: BTreeMap<String, String>,
}

/// Where Docker keeps its configuration.
pub(super) fn default_path() -> Option<PathBuf> {
    let directory = match env::var_os("DOCKER_CONFIG") {
        Some(directory) if !directory.is_empty() => PathBuf::from(directory),
        _ => PathBuf::from(env::var_os("HOME")?).join(".docker"),
    };
    Some(directory.join("config.json"))
}

impl Credentials {
    /// Reads a file. That it is not there is no error; what cannot be used is said, and left out.
    pub(super) fn load(path: &std::path::Path) -> (Self, Vec<String>) {
        let name = path.display();
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => return (Self::default(), Vec::new()),
            Err(e) => {
                return (Self::default(), vec![format!("`{name}` cannot be read: {e}")]);
            }
        };
        match serde_json::from_slice::<Value>(&bytes) {
            Ok(config) => Self::from_config(&config),
            Err(_) => (Self::default(), vec![format!("`{name}` is not valid JSON")]),
        }
    }

    fn from_config(config: &Value) -> (Self, Vec<String>) {
        let mut notes = Vec::new();
        let mut basic = BTreeMap::new();
        for (key, entry) in config.get("auths").and_then(Value::as_object).into_iter().flatten() {
            let host = host_of(key);
            match header(entry) {
                Some(header) => {
                    basic.insert(host, header);
                }
                None => notes.push(format!("the credentials for `{host}` are not in the file")),
            }
        }
        (Self { basic }, notes)
    }

    /// For exactly this host.
    pub(super) fn basic(&self, host: &str) -> Option<&str> {
        self.basic.get(host).map(String::as_str)
    }
}

fn header(entry: &Value) -> Option<String> {
    let part = |name| entry.get(name).and_then(Value::as_str).filter(|s| !s.is_empty());
    let encoded = match (part("auth"), part("username"), part("password")) {
        (Some(auth), ..) => {
            STANDARD.decode(auth).ok().filter(|plain| plain.contains(&b':'))?;
            auth.to_owned()
        }
        (None, Some(user), Some(password)) => STANDARD.encode(format!("{user}:{password}")),
        _ => return None,
    };
    Some(format!("Basic {encoded}"))
}

/// Keys are hosts or, from older clients, URLs.
fn host_of(key: &str) -> String {
    let host = key.split_once("://").map_or(key, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or(host).to_ascii_lowercase();
    api_host(&host).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_credentials_for_exactly_one_host() {
        let (credentials, notes) = Credentials::from_config(&json!({ "auths": {
            "https://index.docker.io/v1/": { "auth": "dTpw" },
            "ghcr.io": { "username": "u", "password": "p" },
            "quay.io": {},
        }}));
        assert_eq!(credentials.basic("registry-1.docker.io"), Some("Basic dTpw"));
        assert_eq!(credentials.basic("ghcr.io"), Some("Basic dTpw"));
        assert_eq!(credentials.basic("evil.ghcr.io"), None);
        assert_eq!(credentials.basic("ghcr.io:444"), None);
        assert_eq!(notes, ["the credentials for `quay.io` are not in the file"]);
    }
}
