//! Docker's credential helpers: programs `docker-credential-NAME`
//! ([protocol](https://github.com/docker/docker-credential-helpers#development)).

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use super::{
    AuthError, Credential, Environment, Secret,
    error::words,
    kept::{Kept, MAX_KEYS},
    process::{self, Ended, Limits, Program},
};

/// A helper may ask the user to unlock something; nobody waits longer.
const WITHIN: Duration = Duration::from_secs(30);
/// Bytes of an answer: a name and a token. The longest tokens, with claims of many groups, have
/// some kilobytes, since they have to fit into headers.
const MAX_OUTPUT: u64 = 64 << 10;
/// Helpers do not say how long their answers hold; they have caches of their own.
const ANSWER_LASTS: Duration = Duration::from_secs(60);
/// What a helper says that knows nothing of a registry
/// ([error.go](https://github.com/docker/docker-credential-helpers/blob/v0.9.4/credentials/error.go)).
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The user name that stands before an identity token.
const IS_TOKEN: &str = "<token>";

/// Runs helpers, and keeps for a minute what they answer.
pub(super) struct Helpers {
    environment: Environment,
    within: Duration,
    kept: Kept<Option<Credential>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: Option<Secret>,
}

impl Helpers {
    pub(super) fn new(environment: &Environment) -> Self {
        Self { environment: environment.clone(), within: WITHIN, kept: Kept::of(MAX_KEYS) }
    }

    pub(super) fn with_time_limit(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// What helper `name` knows of `server`; `named_in` is the file that names it.
    pub(super) fn get(
        &self,
        name: &str,
        server: &str,
        named_in: &str,
    ) -> Result<Option<Credential>, AuthError> {
        if !is_name(name) {
            let message = format!("`{name}` is no name of a credential helper");
            return Err(AuthError::misconfigured(named_in, message));
        }
        let program = format!("docker-credential-{name}");
        self.kept.get(&format!("{name} {server}"), &self.environment, || {
            let Some(path) = find(&program, &self.environment) else {
                let message = format!(
                    "names the credential helper `{program}`, which is not in PATH: install it, or \
                     take it out of the file"
                );
                return Err(AuthError::misconfigured(named_in, message));
            };
            let credential = self.ask(&program, &path, server)?;
            Ok((credential, self.environment.now() + ANSWER_LASTS))
        })
    }

    fn ask(&self, name: &str, path: &Path, server: &str) -> Result<Option<Credential>, AuthError> {
        let place = format!("credential helper `{name}`");
        let program = Program { path, arguments: &["get".to_owned()], variables: &[] };
        let limits = Limits { within: self.within, max_output: MAX_OUTPUT };
        let ended = process::run(&program, server.as_bytes(), limits)
            .map_err(|message| AuthError::unavailable(&place, message))?;
        if !ended.status.success() {
            return failure(&place, &ended);
        }
        // The parser's own words could have the secret in them.
        let garbled = |what: &str| AuthError::unavailable(&place, format!("its answer {what}"));
        let answer: Answer = serde_json::from_slice(&ended.output)
            .map_err(|_| garbled("is not the JSON of a user name and a secret"))?;
        let secret = answer.secret.filter(|secret| !secret.is_empty());
        match (answer.username, secret) {
            (name, None) if name.is_empty() => Ok(None),
            (name, Some(token)) if name == IS_TOKEN => Ok(Some(Credential::Identity(token))),
            (name, _) if name.contains(':') => Err(garbled("has a user name with a colon")),
            (name, Some(_)) if name.is_empty() => Err(garbled("has a secret and no user name")),
            (_, None) => Err(garbled("has a user name and no secret")),
            (username, Some(password)) => Ok(Some(Credential::Basic { username, password })),
        }
    }
}

fn failure(place: &str, ended: &Ended) -> Result<Option<Credential>, AuthError> {
    let said = String::from_utf8_lossy(&ended.output);
    if said.trim() == NOT_FOUND {
        return Ok(None);
    }
    // Helpers say what is wrong where their answer would be; what has JSON in it is not repeated.
    let said = match said.trim() {
        "" => words(&ended.words),
        said if said.contains('{') => String::new(),
        said => words(said.as_bytes()),
    };
    let message = format!("{}: {said}", ended.status);
    Err(AuthError::unavailable(place, message.trim_end_matches(": ")))
}

/// A name that stays one file name.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    (1..=128).contains(&name.len()) && name.bytes().all(plain)
}

/// A program in `PATH`. Relative directories are left out: they would mean whatever directory this
/// process happens to be in.
fn find(program: &str, environment: &Environment) -> Option<PathBuf> {
    let file = format!("{program}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&environment.os("PATH")?)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(&file))
        .find(|path| is_executable(path))
}

#[cfg(unix)]
pub(super) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
pub(super) fn is_executable(path: &Path) -> bool {
    path.is_file()
}
