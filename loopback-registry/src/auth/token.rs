//! The token service of distribution's token authentication, with refresh tokens as in its OAuth2 part.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use hyper::{Method, header};
use serde_json::json;

use super::{Admitted, Need, User, denied, granted, known, shown, unauthorized};
use crate::{
    api::Route,
    digest,
    exchange::{Exchange, Reply, form},
    registry::lock,
};

/// Issues tokens, and knows its own. Clones share what was issued: given to several registries, a token of one is
/// good for all.
#[derive(Clone)]
pub struct TokenService {
    users: Vec<User>,
    anonymous: Vec<(String, Vec<String>)>,
    fixed: BTreeMap<String, String>,
    life: Duration,
    realm: Option<String>,
    service: String,
    issued: Arc<Mutex<Issued>>,
}

#[derive(Default)]
struct Issued {
    access: BTreeMap<String, Token>,
    /// The user of each refresh token.
    refresh: BTreeMap<String, String>,
    count: u64,
}

struct Token {
    user: Option<String>,
    /// Kind, name and actions.
    access: Vec<(String, String, Vec<String>)>,
    until: Instant,
}

impl TokenService {
    /// For these users; whoever shows no password gets a token without access. Tokens live for five minutes.
    #[must_use]
    pub fn new(users: Vec<User>) -> Self {
        Self {
            users,
            anonymous: Vec::new(),
            fixed: BTreeMap::new(),
            life: Duration::from_secs(300),
            realm: None,
            service: "loopback-registry".into(),
            issued: Arc::default(),
        }
    }

    /// Whoever shows no password may do this in repositories that match a pattern with `*`.
    #[must_use]
    pub fn anonymous(mut self, repositories: impl Into<String>, actions: &[&str]) -> Self {
        let actions = actions.iter().map(|&action| action.to_owned()).collect();
        self.anonymous.push((repositories.into(), actions));
        self
    }

    /// How long a token is good.
    #[must_use]
    pub fn life(mut self, life: Duration) -> Self {
        self.life = life;
        self
    }

    /// The realm that challenges name, instead of the registry's own `/token`.
    #[must_use]
    pub fn realm(mut self, url: impl Into<String>) -> Self {
        self.realm = Some(url.into());
        self
    }

    /// The service that challenges name, and that a request for a token must name if it names any.
    #[must_use]
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = name.into();
        self
    }

    /// A token that needs not be asked for and is always good for everything that this user may do.
    #[must_use]
    pub fn registry_token(mut self, token: impl Into<String>, user: impl Into<String>) -> Self {
        self.fixed.insert(token.into(), user.into());
        self
    }

    /// Forgets every token that was issued for access.
    pub fn revoke(&self) {
        lock(&self.issued).access.clear();
    }

    fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    /// Whether this user, or nobody in particular, may have this.
    fn could(&self, user: Option<&str>, kind: &str, name: &str, action: &str) -> bool {
        match user.map(|name| self.user(name)) {
            Some(Some(user)) => {
                kind == "repository" && user.can(name, action) || user.grants.is_empty()
            }
            Some(None) => false,
            None => kind == "repository" && granted(&self.anonymous, name, action),
        }
    }

    // ---- the registry's side

    pub(super) fn admit(
        &self,
        registry: &str,
        exchange: &Exchange,
        need: Option<Need<'_>>,
    ) -> Result<Admitted, Box<Reply>> {
        let challenge =
            |error| Box::new(unauthorized(self.challenge(registry, exchange, need, error)));
        let authorization = exchange.header(header::AUTHORIZATION).and_then(|a| a.split_once(' '));
        let Some(("Bearer" | "bearer", token)) = authorization else { return Err(challenge(None)) };
        let (user, holds, pulls) = if let Some(name) = self.fixed.get(token) {
            let user = self.user(name).ok_or_else(|| challenge(Some("invalid_token")))?;
            let holds = need.is_none_or(|need| user.can(need.name, need.action));
            (Some(name.clone()), holds, super::pulls(&user.grants))
        } else {
            let issued = lock(&self.issued);
            let token = issued.access.get(token).filter(|token| Instant::now() < token.until);
            let token = token.ok_or_else(|| challenge(Some("invalid_token")))?;
            let pulls = token.access.iter().filter(|(_, _, actions)| holds_action(actions, "pull"));
            let pulls = pulls.map(|(_, name, _)| name.clone()).collect();
            (token.user.clone(), need.is_none_or(|need| token.holds(need)), Some(pulls))
        };
        match need {
            Some(need) if !holds => {
                match self.could(user.as_deref(), need.kind, need.name, need.action) {
                    true => Err(challenge(Some("insufficient_scope"))),
                    false => Err(denied().into()),
                }
            }
            _ => Ok(Admitted { user, pulls }),
        }
    }

    fn challenge(
        &self,
        registry: &str,
        exchange: &Exchange,
        need: Option<Need<'_>>,
        error: Option<&str>,
    ) -> String {
        let realm =
            self.realm.clone().unwrap_or_else(|| format!("{registry}{}", super::TOKEN_PATH));
        let mut challenge = format!("Bearer realm=\"{realm}\",service=\"{}\"", self.service);
        if let Some(need) = need {
            let mounts = matches!(Route::of(&exchange.path), Some(Route::Upload { .. }));
            let from = exchange.parameter("from").filter(|_| mounts);
            let more = from.map(|name| format!(" repository:{name}:pull")).unwrap_or_default();
            challenge.push_str(&format!(",scope=\"{}{more}\"", need.scope()));
        }
        if let Some(error) = error {
            challenge.push_str(&format!(",error=\"{error}\""));
        }
        challenge
    }

    // ---- the service's side

    pub(super) fn answer(&self, exchange: &Exchange) -> Reply {
        let fields = match exchange.method {
            Method::GET => exchange.query.clone(),
            Method::POST => form(&exchange.body),
            _ => return Reply::error(405, "UNSUPPORTED", "the operation is unsupported"),
        };
        let field = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        if field("service").is_some_and(|service| service != self.service) {
            return Reply::error(400, "UNSUPPORTED", "this service is not mine");
        }
        let refused = || Reply::error(401, "UNAUTHORIZED", "incorrect username or password");
        let user = if exchange.method == Method::POST {
            let Some(user) = self.by_grant(field) else { return refused() };
            Some(user)
        } else if exchange.headers.contains_key(header::AUTHORIZATION) {
            let user = shown(exchange).and_then(|(name, word)| known(&self.users, &name, &word));
            let Some(user) = user else { return refused() };
            Some(user.name.clone())
        } else {
            None
        };
        let scopes = fields.iter().filter(|(name, _)| name == "scope");
        let scopes = scopes.flat_map(|(_, value)| value.split(' '));
        let access = scopes.filter_map(|scope| self.grant(user.as_deref(), scope)).collect();
        let offline =
            field("offline_token") == Some("true") || field("access_type") == Some("offline");
        self.issue(user, access, offline, exchange.method == Method::POST)
    }

    /// Who a form of OAuth2 is from.
    fn by_grant<'a>(&self, field: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
        match field("grant_type")? {
            "password" => {
                Some(known(&self.users, field("username")?, field("password")?)?.name.clone())
            }
            "refresh_token" => {
                let token = field("refresh_token")?;
                let holder = self.users.iter().find(|user| user.identity.as_deref() == Some(token));
                let holder = holder.map(|user| user.name.clone());
                holder.or_else(|| lock(&self.issued).refresh.get(token).cloned())
            }
            _ => None,
        }
    }

    /// What of a scope is granted.
    fn grant(&self, user: Option<&str>, scope: &str) -> Option<(String, String, Vec<String>)> {
        let (kind, rest) = scope.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        let actions = actions.split(',').filter(|action| self.could(user, kind, name, action));
        Some((kind.to_owned(), name.to_owned(), actions.map(str::to_owned).collect()))
    }

    fn issue(
        &self,
        user: Option<String>,
        access: Vec<(String, String, Vec<String>)>,
        offline: bool,
        oauth2: bool,
    ) -> Reply {
        let mut issued = lock(&self.issued);
        let access_token = issued.token("access");
        let mut body = json!({ "access_token": access_token, "expires_in": self.life.as_secs() });
        if !oauth2 {
            body["token"] = access_token.clone().into();
        }
        if let Some(name) = user.as_ref().filter(|_| offline) {
            let refresh = issued.token("refresh");
            body["refresh_token"] = refresh.clone().into();
            issued.refresh.insert(refresh, name.clone());
        }
        let until = Instant::now() + self.life;
        issued.access.insert(access_token, Token { user, access, until });
        Reply::json(200, &body)
    }
}

impl fmt::Debug for TokenService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenService").field("users", &self.users).finish_non_exhaustive()
    }
}

impl Issued {
    /// A new one, unlike those of other services and runs.
    fn token(&mut self, kind: &str) -> String {
        self.count += 1;
        let here = std::ptr::from_ref(self);
        let seed = format!("{kind} {} {here:p} {:?}", self.count, SystemTime::now());
        let digest = digest::sha256(seed.as_bytes());
        format!("{kind}-{}", digest.trim_start_matches("sha256:"))
    }
}

impl Token {
    fn holds(&self, need: Need<'_>) -> bool {
        let fits = |(kind, name, actions): &(String, String, Vec<String>)| {
            kind == need.kind && name == need.name && holds_action(actions, need.action)
        };
        self.access.iter().any(fits)
    }
}

fn holds_action(actions: &[String], action: &str) -> bool {
    actions.iter().any(|one| one == action || one == "*")
}
