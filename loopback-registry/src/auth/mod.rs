//! Who may do what: nobody is asked, passwords, or tokens of a token service.

mod token;

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::{Method, header};

pub use token::TokenService;

use crate::{
    api::Route,
    exchange::{Exchange, Reply},
    fault::glob,
    registry::Shared,
};

/// Where a registry's own token service is.
pub(crate) const TOKEN_PATH: &str = "/token";

/// How a registry asks who it is.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// It does not.
    #[default]
    None,
    /// HTTP Basic with each request.
    Basic(Vec<User>),
    /// Bearer tokens, from a token service that is at `/token` of the registry itself unless it says otherwise.
    Bearer(TokenService),
}

/// Somebody with a password. Debug hides it.
#[derive(Clone)]
pub struct User {
    name: String,
    password: String,
    identity: Option<String>,
    grants: Vec<(String, Vec<String>)>,
}

impl User {
    /// May do everything, until [`User::may`] says what.
    pub fn new(name: impl Into<String>, password: impl Into<String>) -> Self {
        let (name, password) = (name.into(), password.into());
        Self { name, password, identity: None, grants: Vec::new() }
    }

    /// May do this (`pull`, `push`, `delete`) in repositories that match a pattern with `*`, and nothing that is
    /// not said so.
    #[must_use]
    pub fn may(mut self, repositories: impl Into<String>, actions: &[&str]) -> Self {
        let actions = actions.iter().map(|&action| action.to_owned()).collect();
        self.grants.push((repositories.into(), actions));
        self
    }

    /// A refresh token, which Docker calls an identity token, that is always good for this user.
    #[must_use]
    pub fn identity(mut self, token: impl Into<String>) -> Self {
        self.identity = Some(token.into());
        self
    }

    fn can(&self, name: &str, action: &str) -> bool {
        self.grants.is_empty() || granted(&self.grants, name, action)
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Who was let in.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    pub(crate) user: Option<String>,
    /// Repositories that are open for pulling; `None` is all.
    pulls: Option<Vec<String>>,
}

impl Admitted {
    pub(crate) fn may_pull(&self, name: &str) -> bool {
        self.pulls.as_ref().is_none_or(|patterns| patterns.iter().any(|p| glob(p, name)))
    }
}

/// What a request needs: kind, name and action of a scope.
#[derive(Clone, Copy, Debug)]
struct Need<'a> {
    kind: &'a str,
    name: &'a str,
    action: &'a str,
}

impl<'a> Need<'a> {
    /// Nothing where being known is enough.
    fn of(exchange: &'a Exchange) -> Option<Self> {
        let route = Route::of(&exchange.path)?;
        if route == Route::Catalog {
            return Some(Self { kind: "registry", name: "catalog", action: "*" });
        }
        let uploads = matches!(route, Route::Upload { .. });
        let action = match exchange.method {
            _ if uploads => "push",
            Method::GET | Method::HEAD => "pull",
            Method::DELETE => "delete",
            _ => "push",
        };
        Some(Self { kind: "repository", name: route.name()?, action })
    }

    /// As a challenge asks for it.
    fn scope(&self) -> String {
        let actions = if self.action == "push" { "pull,push" } else { self.action };
        format!("{}:{}:{actions}", self.kind, self.name)
    }
}

/// Lets a request in, or turns it away.
pub(crate) fn admit(shared: &Shared, exchange: &Exchange) -> Result<Admitted, Box<Reply>> {
    let need = Need::of(exchange);
    match &shared.options.auth {
        _ if exchange.path == TOKEN_PATH => Ok(Admitted::default()),
        Auth::None => Ok(Admitted::default()),
        Auth::Basic(users) => basic(users, exchange, need),
        Auth::Bearer(service) => service.admit(&shared.url(), exchange, need),
    }
}

impl Auth {
    /// The token service's answer, where there is one.
    pub(crate) fn token(&self, exchange: &Exchange) -> Option<Reply> {
        match self {
            Self::Bearer(service) => Some(service.answer(exchange)),
            Self::None | Self::Basic(_) => None,
        }
    }
}

fn basic(
    users: &[User],
    exchange: &Exchange,
    need: Option<Need<'_>>,
) -> Result<Admitted, Box<Reply>> {
    let Some(user) = shown(exchange).and_then(|(name, password)| known(users, &name, &password))
    else {
        return Err(unauthorized("Basic realm=\"loopback\"".into()).into());
    };
    if need.is_some_and(|need| !user.can(need.name, need.action)) {
        return Err(denied().into());
    }
    Ok(Admitted { user: Some(user.name.clone()), pulls: pulls(&user.grants) })
}

fn pulls(grants: &[(String, Vec<String>)]) -> Option<Vec<String>> {
    let pulls = grants.iter().filter(|(_, actions)| actions.iter().any(|a| a == "pull"));
    (!grants.is_empty()).then(|| pulls.map(|(pattern, _)| pattern.clone()).collect())
}

/// User and password of a Basic `Authorization`.
fn shown(exchange: &Exchange) -> Option<(String, String)> {
    let (kind, value) = exchange.header(header::AUTHORIZATION)?.split_once(' ')?;
    if !kind.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

fn known<'a>(users: &'a [User], name: &str, password: &str) -> Option<&'a User> {
    users.iter().find(|user| user.name == name && user.password == password)
}

fn granted(grants: &[(String, Vec<String>)], name: &str, action: &str) -> bool {
    grants
        .iter()
        .any(|(pattern, actions)| glob(pattern, name) && actions.iter().any(|a| a == action))
}

fn unauthorized(challenge: String) -> Reply {
    Reply::error(401, "UNAUTHORIZED", "authentication required").with("WWW-Authenticate", challenge)
}

fn denied() -> Reply {
    Reply::error(403, "DENIED", "requested access to the resource is denied")
}
