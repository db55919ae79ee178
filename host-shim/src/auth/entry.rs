//! One entry of `auths`, as Docker, podman and Kubernetes write it.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Credential, Secret};

/// With and without padding: kubelet takes both
/// ([config.go](https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/credentialprovider/config.go)).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What may be said of one registry
/// ([Docker's](https://github.com/docker/cli/blob/v29.0.0/cli/config/types/authconfig.go)).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entry {
    auth: Option<Secret>,
    username: Option<String>,
    password: Option<Secret>,
    identitytoken: Option<Secret>,
    registrytoken: Option<Secret>,
}

impl Entry {
    /// What to show, in Docker's order; nothing where clients have left a mark only.
    pub(super) fn credential(&self) -> Result<Option<Credential>, &'static str> {
        let set = |secret: &Option<Secret>| secret.clone().filter(|secret| !secret.is_empty());
        if let Some(token) = set(&self.registrytoken) {
            return match token.is_token() {
                true => Ok(Some(Credential::Bearer(token))),
                false => Err("has a `registrytoken` with characters that no token has"),
            };
        }
        if let Some(token) = set(&self.identitytoken) {
            return Ok(Some(Credential::Identity(token)));
        }
        if let Some(auth) = set(&self.auth) {
            return decode(auth.expose()).map(Some);
        }
        let password = set(&self.password);
        match self.username.clone().filter(|name| !name.is_empty()) {
            Some(name) if name.contains(':') => Err("has a `username` with a colon"),
            Some(username) => {
                let password = password.unwrap_or_else(|| Secret::new(""));
                Ok(Some(Credential::Basic { username, password }))
            }
            None if password.is_some() => Err("has a `password` and no `username`"),
            None => Ok(None),
        }
    }
}

/// `base64(user:password)`.
pub(super) fn decode(auth: &str) -> Result<Credential, &'static str> {
    const WRONG: &str = "has an `auth` that is not the base64 of `user:password`";
    let lines: Zeroizing<String> = Zeroizing::new(auth.split_ascii_whitespace().collect());
    let plain = Zeroizing::new(BASE64.decode(lines.as_bytes()).map_err(|_| WRONG)?);
    let plain = std::str::from_utf8(&plain).map_err(|_| WRONG)?;
    match plain.split_once(':') {
        // Docker fills up with zeros, and takes them away.
        Some((user, password)) if !user.is_empty() => Ok(Credential::Basic {
            username: user.to_owned(),
            password: Secret::new(password.trim_matches('\0')),
        }),
        _ => Err(WRONG),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Option<Credential>, &'static str> {
        serde_json::from_str::<Entry>(json).unwrap().credential()
    }

    fn basic(username: &str, password: &str) -> Result<Option<Credential>, &'static str> {
        let (username, password) = (username.to_owned(), Secret::new(password));
        Ok(Some(Credential::Basic { username, password }))
    }

    #[test]
    fn tokens_come_before_passwords_and_auth_before_its_parts() {
        let all = r#"{"auth":"dTpw","username":"a","password":"b","identitytoken":"i","registrytoken":"r"}"#;
        assert_eq!(read(all), Ok(Some(Credential::Bearer(Secret::new("r")))));
        let all = all.replace(r#""r""#, r#""""#);
        assert_eq!(read(&all), Ok(Some(Credential::Identity(Secret::new("i")))));
        assert_eq!(read(r#"{"auth":"dTpw","username":"a","password":"b"}"#), basic("u", "p"));
        assert_eq!(read(r#"{"username":"a","password":"b"}"#), basic("a", "b"));
    }

    #[test]
    fn reads_what_clients_write() {
        assert_eq!(read(r#"{"auth":"dTpwOnE="}"#), basic("u", "p:q"));
        assert_eq!(read(r#"{"auth":"dTpwOnE"}"#), basic("u", "p:q"));
        assert_eq!(read("{\"auth\":\"dTpw\\nOnE=\"}"), basic("u", "p:q"));
        assert_eq!(read(r#"{"auth":"dTpwAAA="}"#), basic("u", "p"));
        assert_eq!(read(r#"{"auth":"dTo="}"#), basic("u", ""));
        assert_eq!(read(r#"{"username":"u"}"#), basic("u", ""));
        for nothing in ["{}", r#"{"auth":""}"#, r#"{"auth":null}"#, r#"{"email":"a@b"}"#] {
            assert_eq!(read(nothing), Ok(None), "{nothing}");
        }
    }

    #[test]
    fn what_cannot_be_shown_is_an_error_and_not_left_out() {
        for bad in [
            r#"{"auth":"!"}"#,
            r#"{"auth":"dXA="}"#,
            r#"{"auth":"OnA="}"#,
            r#"{"auth":"//8="}"#,
            r#"{"password":"p"}"#,
            r#"{"username":"a:b","password":"p"}"#,
            r#"{"registrytoken":"a\r\nX: y"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
