//! The token protocol of registries: `WWW-Authenticate`, then a bearer token from the realm.

use serde_json::Value;
use ureq::http::Uri;

use super::{
    credentials::Credentials,
    http::{Client, Failure, Get, authority},
    names::Location,
};

const MAX_TOKEN: u64 = 64 << 10;

/// Realms beside the registry's own host that may see the registry's credentials.
const REALMS: [(&str, &str); 2] =
    [("registry-1.docker.io", "auth.docker.io"), ("registry.gitlab.com", "gitlab.com")];

/// What a registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String> },
}

/// Why there is no authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenError {
    Denied(String),
    Failure(Failure),
}

impl Challenge {
    /// Parses `WWW-Authenticate` (RFC 9110 §11.6.1; one challenge, as registries send it).
    pub(super) fn parse(header: &str) -> Option<Self> {
        let header = header.trim();
        let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let parameter = |name: &str| parameters(rest).find(|(n, _)| n == name).map(|(_, v)| v);
        Some(Self::Bearer { realm: parameter("realm")?, service: parameter("service") })
    }

    /// The value of `Authorization` that answers it.
    pub(super) fn answer(
        &self,
        client: &Client,
        credentials: &Credentials,
        location: &Location,
        base: &Uri,
    ) -> Result<String, TokenError> {
        let own = credentials.basic(&location.host);
        match self {
            Self::Basic => own.map(str::to_owned).ok_or_else(|| {
                TokenError::Denied(format!("there are no credentials for `{}`", location.host))
            }),
            Self::Bearer { realm, service } => {
                let realm = client.follow(base, realm).map_err(TokenError::Failure)?;
                let trusted = may_see(&location.host, &authority(&realm));
                let basic = own.filter(|_| trusted);
                let withheld = own.is_some() && !trusted;
                let url = token_url(&realm, service.as_deref(), &location.name)
                    .map_err(TokenError::Failure)?;
                fetch(client, &url, basic).map_err(|e| match e {
                    TokenError::Denied(words) if withheld => TokenError::Denied(format!(
                        "{words}; credentials for `{}` are not sent to `{}`",
                        location.host,
                        authority(&realm)
                    )),
                    e => e,
                })
            }
        }
    }
}

fn may_see(host: &str, realm: &str) -> bool {
    host == realm || REALMS.contains(&(host, realm))
}

fn token_url(realm: &Uri, service: Option<&str>, name: &str) -> Result<Uri, Failure> {
    let mut url = realm.to_string();
    url.push(if realm.query().is_some() { '&' } else { '?' });
    if let Some(service) = service {
        url.push_str("service=");
        url.push_str(&percent(service));
        url.push('&');
    }
    url.push_str("scope=");
    url.push_str(&percent(&format!("repository:{name}:pull")));
    url.parse().map_err(|_| Failure::Garbled("the realm is no URL".to_owned()))
}

fn fetch(client: &Client, url: &Uri, basic: Option<&str>) -> Result<String, TokenError> {
    let get = Get { url, accept: None, authorization: basic, max_bytes: MAX_TOKEN };
    let reply = client.get(&get).map_err(TokenError::Failure)?;
    let words = || format!("the token service says {}", reply.message());
    match reply.status {
        200 => {}
        401 | 403 => return Err(TokenError::Denied(words())),
        429 | 500..=599 => return Err(TokenError::Failure(Failure::Transport(words()))),
        _ => return Err(TokenError::Failure(Failure::Garbled(words()))),
    }
    let body: Option<Value> = serde_json::from_slice(&reply.bytes).ok();
    let token = body.as_ref().and_then(|body| {
        ["token", "access_token"].iter().find_map(|name| body.get(name)?.as_str())
    });
    match token {
        Some(token) if !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(format!("Bearer {token}"))
        }
        _ => Err(TokenError::Failure(Failure::Garbled(
            "the token service answers without a token".to_owned(),
        ))),
    }
}

/// `name="value"` pairs; values may be quoted and hold commas.
fn parameters(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        rest = after.trim_start_matches([',', ' ']);
        Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    })
}

fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_challenges_with_quoted_commas() {
        let header = r#"Bearer realm="https://auth.example/t?x=1",service="a, b", scope="repository:a:pull,push""#;
        let expected = Challenge::Bearer {
            realm: "https://auth.example/t?x=1".to_owned(),
            service: Some("a, b".to_owned()),
        };
        assert_eq!(Challenge::parse(header), Some(expected));
        assert_eq!(Challenge::parse(r#"Basic realm="x""#), Some(Challenge::Basic));
        assert_eq!(Challenge::parse("Negotiate"), None);
        assert_eq!(Challenge::parse(r#"Bearer realm="unclosed"#), None);
    }

    #[test]
    fn asks_for_pull_on_one_repository() {
        let realm = "https://auth.example/token".parse().unwrap();
        let url = token_url(&realm, Some("reg & co"), "a/b").unwrap();
        assert_eq!(
            url.to_string(),
            "https://auth.example/token?service=reg%20%26%20co&scope=repository:a/b:pull"
        );
    }

    #[test]
    fn credentials_go_to_their_host_and_its_known_realm_only() {
        assert!(may_see("ghcr.io", "ghcr.io"));
        assert!(may_see("registry-1.docker.io", "auth.docker.io"));
        assert!(!may_see("ghcr.io", "auth.docker.io"));
        assert!(!may_see("ghcr.io", "ghcr.io:8443"));
    }
}
