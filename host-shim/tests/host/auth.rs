//! Credentials: where they are found, for whom, and for whom not.

mod aws;
mod azure;
mod command;
mod docker;
mod fake;
mod gcp;
mod kubelet;
mod kubernetes;
mod look_alikes;

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use countersign_host::auth::{AuthError, Credential, CredentialSource, Environment, Secret};

use crate::scratch::Scratch;

pub(crate) fn basic(username: &str, password: &str) -> Vec<Credential> {
    vec![Credential::Basic { username: username.to_owned(), password: Secret::new(password) }]
}

/// The only password of the only credential.
pub(crate) fn password(found: Result<Vec<Credential>, AuthError>) -> String {
    match found.unwrap().as_slice() {
        [Credential::Basic { password, .. }] => password.expose().to_owned(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn nothing(source: &dyn CredentialSource, host: &str, repository: &str) {
    assert_eq!(source.find(host, repository), Ok(Vec::new()), "{host}/{repository}");
}

/// A shell script that can be run.
pub(crate) fn script(scratch: &Scratch, name: &str, body: &str) -> PathBuf {
    let path = scratch.write(name, format!("#!/bin/sh\n{body}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// An environment with the scratch directory's `bin` as `PATH` and its `home` as home.
pub(crate) fn environment(scratch: &Scratch, more: &[(&str, &str)]) -> Environment {
    let below = |name| scratch.path().join(name).to_str().unwrap().to_owned();
    let own = [("PATH".to_owned(), below("bin")), ("HOME".to_owned(), below("home"))];
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Environment::fixed(own.into_iter().chain(more))
}
