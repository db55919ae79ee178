//! The token protocol of registries: `WWW-Authenticate`, then a bearer token from the realm.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{Scope, names::Repository};
use crate::{
    auth::{Credential, Secret},
    http::{Call, Failure, HeaderMap, Http, Reply, Url, authority, header},
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
    /// Of what `WWW-Authenticate` offers (RFC 9110 §11.6.1), a token if there is one to be had, else
    /// a password. What is not known is passed over.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let headers = headers.get_all(header::WWW_AUTHENTICATE).iter();
        let offered = headers.filter_map(|v| v.to_str().ok()).flat_map(Self::parse);
        offered.max_by_key(|challenge| matches!(challenge, Self::Bearer { .. }))
    }

    /// The challenges of one header that are known here.
    fn parse(header: &str) -> Vec<Self> {
        let read = |(scheme, parameters): (String, Vec<(String, String)>)| {
            let parameter = |name: &str| {
                parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
            };
            match scheme.as_str() {
                "basic" => Some(Self::Basic),
                "bearer" => {
                    let (realm, service) = (parameter("realm")?, parameter("service"));
                    Some(Self::Bearer { realm, service })
                }
                _ => None,
            }
        };
        challenges(header).into_iter().filter_map(read).collect()
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

/// Schemes in lower case, each with its parameters. What breaks off ends the list.
fn challenges(header: &str) -> Vec<(String, Vec<(String, String)>)> {
    const BETWEEN: [char; 3] = [' ', '\t', ','];
    let mut all: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = header.trim_matches(BETWEEN);
    while let Some(end) = rest.find(['=', ' ', '\t', ',']).or(Some(rest.len())).filter(|e| *e > 0) {
        let (word, after) = rest.split_at(end);
        let word = word.to_ascii_lowercase();
        let value = after.trim_start_matches([' ', '\t']).strip_prefix('=');
        rest = match (value, all.last_mut()) {
            (Some(value), Some((_, parameters))) => {
                let Some((value, after)) = self::value(value.trim_start()) else { break };
                parameters.push((word, value));
                after
            }
            _ => {
                all.push((word, Vec::new()));
                after
            }
        };
        rest = rest.trim_start_matches(BETWEEN);
    }
    all
}

/// A parameter's value, which may be quoted and then hold commas, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, after) = text.split_at(text.find(',').unwrap_or(text.len()));
        return Some((value.trim().to_owned(), after));
    };
    let (mut value, mut is_escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            '\\' if !is_escaped => is_escaped = true,
            '"' if !is_escaped => return Some((value, quoted.get(at + 1..)?)),
            c => {
                value.push(c);
                is_escaped = false;
            }
        }
    }
    None
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
        assert_eq!(Challenge::parse(header), std::slice::from_ref(&expected));
        assert_eq!(Challenge::parse(r#"Basic realm="x""#), [Challenge::Basic]);
        let both = format!("BASIC realm=\"\\\"\", {header}, Negotiate abc==");
        assert_eq!(Challenge::parse(&both), [Challenge::Basic, expected.clone()]);
        let headers = |values: &[&str]| -> HeaderMap {
            let name = header::WWW_AUTHENTICATE;
            values.iter().map(|v| (name.clone(), v.parse().unwrap())).collect()
        };
        assert_eq!(Challenge::of(&headers(&["Negotiate", header, "Basic"])), Some(expected));
        assert_eq!(Challenge::of(&headers(&["Digest realm=x", "basic"])), Some(Challenge::Basic));
        for none in ["Negotiate", r#"Bearer realm="unclosed"#, "Bearer", "", "=", ",=,", "\""] {
            assert!(Challenge::parse(none).is_empty(), "{none}");
        }
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
