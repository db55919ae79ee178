//! The token protocol of registries: `WWW-Authenticate`, then a bearer token from the realm.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{Scope, names::Repository};
use crate::{
    auth::{Credential, Secret},
    http::{Call, Failure, Http, Reply, Url, authority},
};

const MAX_TOKEN: u64 = 64 << 10;

/// Realms beside the registry's own host that may see the registry's credentials.
const REALMS: [(&str, &str); 2] =
    [("registry-1.docker.io", "auth.docker.io"), ("registry.gitlab.com", "gitlab.com")];

/// Domains below which everybody may have a name.
const SHARED_DOMAINS: [&str; 10] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "azurecr.cn",
    "azurecr.io",
    "azurecr.us",
    "azurewebsites.net",
    "github.io",
    "herokuapp.com",
    "ocir.io",
    "pkg.dev",
];

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

    /// The value of `Authorization` that answers it, with a credential or without.
    pub(super) fn answer(
        &self,
        http: &Http,
        credential: Option<&Credential>,
        realms: &[(String, String)],
        (repository, scope): (&Repository, Scope<'_>),
    ) -> Result<String, TokenError> {
        let host = &repository.host;
        let (realm, service) = match (self, credential) {
            (_, Some(Credential::Bearer(token))) => {
                return Ok(format!("Bearer {}", token.expose()));
            }
            (Self::Basic, Some(Credential::Basic { username, password })) => {
                return Ok(basic(username, password));
            }
            (Self::Basic, Some(Credential::Identity(_))) => {
                let message = format!("`{host}` asks for a password, and there is a token for it");
                return Err(TokenError::Denied(message));
            }
            (Self::Basic, None) => {
                let message = format!("there are no credentials for `{host}`");
                return Err(TokenError::Denied(message));
            }
            (Self::Bearer { realm, service }, _) => (realm, service.as_deref()),
        };
        let base = http.url(host, "/v2/").map_err(TokenError::Failure)?;
        let realm = http.follow(&base, realm).map_err(TokenError::Failure)?;
        let trusted = may_see(host, &authority(&realm), realms);
        let asked = Asked { realm: &realm, service, scopes: scope.of(repository) };
        let token = match credential.filter(|_| trusted) {
            Some(Credential::Identity(token)) => asked.refresh(http, token),
            Some(Credential::Basic { username, password }) => {
                asked.get(http, Some(&basic(username, password)))
            }
            _ => asked.get(http, None),
        };
        token.map_err(|e| match e {
            TokenError::Denied(words) if credential.is_some() && !trusted => TokenError::Denied(format!(
                "{words}; credentials for `{host}` are not sent to `{}`: name it as its token service",
                authority(&realm)
            )),
            e => e,
        })
    }
}

fn basic(username: &str, password: &Secret) -> String {
    format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.expose())))
}

/// A request for a token.
struct Asked<'a> {
    realm: &'a Url,
    service: Option<&'a str>,
    scopes: Vec<String>,
}

impl Asked<'_> {
    /// distribution, "Token Authentication Specification".
    fn get(&self, http: &Http, basic: Option<&str>) -> Result<String, TokenError> {
        let url = token_url(self.realm, self.service, &self.scopes);
        let mut call = Call::get(&url).authorization(basic).max_bytes(MAX_TOKEN);
        token_of(&http.send(&mut call).map_err(TokenError::Failure)?)
    }

    /// distribution, "Oauth2 Token Authentication".
    fn refresh(&self, http: &Http, token: &Secret) -> Result<String, TokenError> {
        let mut form = Url::parse("form:").map_err(|_| no_url())?;
        form.query_pairs_mut()
            .append_pair("grant_type", "refresh_token")
            .append_pair("client_id", "countersign")
            .append_pair("service", self.service.unwrap_or_default())
            .append_pair("scope", &self.scopes.join(" "))
            .append_pair("refresh_token", token.expose());
        let body = Secret::new(form.query().unwrap_or_default());
        let form = "application/x-www-form-urlencoded";
        let mut call = Call::post(self.realm, form, body.expose().as_bytes()).max_bytes(MAX_TOKEN);
        token_of(&http.send(&mut call).map_err(TokenError::Failure)?)
    }
}

fn no_url() -> TokenError {
    TokenError::Failure(Failure::Garbled("the realm is no URL".to_owned()))
}

fn may_see(host: &str, realm: &str, more: &[(String, String)]) -> bool {
    host == realm
        || REALMS.contains(&(host, realm))
        || more.iter().any(|(h, r)| h == host && r == realm)
        || are_siblings(host, realm)
}

/// `registry.example.com` and `gitlab.example.com`: whoever has the domain above both has both. Not
/// directly below a domain that is open to everybody, and never at another port.
fn are_siblings(host: &str, realm: &str) -> bool {
    let above = |name: &str| name.split_once('.').map(|(_, above)| above.to_owned());
    let (Some(ours), Some(theirs)) = (above(host), above(realm)) else { return false };
    let is_number = host.bytes().all(|b| b.is_ascii_digit() || b".:".contains(&b));
    ours == theirs
        && !is_number
        && ours.contains('.')
        && !ours.contains(':')
        && !SHARED_DOMAINS.iter().any(|s| ours == *s || ours.ends_with(&format!(".{s}")))
        // `co.uk` and its like: a second level this short is a registry's more often than a name.
        && ours.split('.').next().is_some_and(|label| ours.split('.').count() > 2 || label.len() > 3)
}

fn token_url(realm: &Url, service: Option<&str>, scopes: &[String]) -> Url {
    let mut url = realm.clone();
    {
        let mut query = url.query_pairs_mut();
        if let Some(service) = service {
            query.append_pair("service", service);
        }
        for scope in scopes {
            query.append_pair("scope", scope);
        }
    }
    url
}

fn token_of(reply: &Reply) -> Result<String, TokenError> {
    let words = || format!("the token service says {}", reply.message());
    match reply.status {
        200 => {}
        400 | 401 | 403 => return Err(TokenError::Denied(words())),
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
    fn asks_for_what_is_needed_and_no_more() {
        let realm = "https://auth.example/token?a=1".parse().unwrap();
        let url = token_url(&realm, Some("reg & co"), &["repository:a/b:pull".to_owned()]);
        assert_eq!(
            url.to_string(),
            "https://auth.example/token?a=1&service=reg+%26+co&scope=repository%3Aa%2Fb%3Apull"
        );
    }

    #[test]
    fn credentials_go_to_their_host_and_its_known_realm_only() {
        let own = [("r.example".to_owned(), "auth.example".to_owned())];
        let may_see = |host, realm| may_see(host, realm, &own);
        assert!(may_see("ghcr.io", "ghcr.io"));
        assert!(may_see("registry-1.docker.io", "auth.docker.io"));
        assert!(may_see("r.example", "auth.example"));
        assert!(may_see("registry.acme.com", "gitlab.acme.com"));
        assert!(may_see("registry.acme.co.uk", "gitlab.acme.co.uk"));
        for (host, realm) in [
            ("ghcr.io", "auth.docker.io"),
            ("ghcr.io", "ghcr.io:8443"),
            ("ghcr.io", "evil.io"),
            ("acme.com", "evil.com"),
            ("acme.co.uk", "evil.co.uk"),
            ("acme.azurecr.io", "evil.azurecr.io"),
            ("1.dkr.ecr.eu-west-1.amazonaws.com", "2.dkr.ecr.eu-west-1.amazonaws.com"),
            ("registry.acme.com:5000", "gitlab.acme.com:5000"),
            ("registry.acme.com", "gitlab.acme.com.evil.com"),
            ("10.0.0.1", "11.0.0.1"),
            ("localhost:5000", "localhost:5001"),
        ] {
            assert!(!may_see(host, realm), "{host} {realm}");
        }
    }
}
