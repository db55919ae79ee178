//! The gateway itself: an axum router over a registry.
//!
//! Manifests are decided on before they are handed out; blobs, and the children of an index, are
//! handed out once a manifest that names them was, for as long as that decision holds and an hour at
//! the most. (A rule with `subject: { platforms: […] }` decides on those platforms, and all are handed
//! out: let rules decide on `platforms` or on the index.) What is refused is answered as a registry answers:
//! 403 `DENIED` with the reason, and 503 where evidence could not be had.

use std::{
    collections::HashMap,
    io::Read,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, Response, StatusCode, header},
    routing::get,
};
use countersign::{
    time::Time,
    wire::{ImageRequest, Outcome, Request},
};
use countersign_host::{
    driver::{Evaluator, Question, decide},
    registry::{MAX_MANIFEST, Registry, RegistryError, Repository, sha256_of},
};
use serde_json::{Value, json};

/// Descriptors that are remembered of manifests that were handed out.
const MAX_KNOWN: usize = 100_000;
/// Seconds for which they are, if the decision holds as long: a pull has come to its end by then.
const KNOWN_FOR: i64 = 3600;

/// What the gateway is made of.
pub(crate) struct Gateway {
    /// The host of the registry behind it.
    pub(crate) upstream: String,
    /// The policy document.
    pub(crate) policy: Value,
    /// Makes decisions: [`Warm`](countersign_host::driver::Warm) in a server.
    pub(crate) evaluator: Box<dyn Evaluator + Send + Sync>,
    /// The client of the registry, which is the source of evidence too.
    pub(crate) registry: Registry,
    /// What time it is: RFC 3339 in UTC.
    pub(crate) clock: fn() -> String,
    /// By repository and digest, what manifests that were handed out name.
    pub(crate) known: Mutex<HashMap<(String, String), Known>>,
}

/// Part of an image that was allowed.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    size: u64,
    /// Unix time at which the image is decided on anew.
    until: i64,
}

/// An answer other than what was asked for.
struct Refused(StatusCode, &'static str, String);

/// The routes of a registry that `docker pull` needs.
pub(crate) fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/v2/", get(async || ""))
        .route("/v2/{*path}", get(serve))
        .with_state(gateway)
}

/// The client and the module block, so each request has a thread of those that may.
async fn serve(State(gateway): State<Arc<Gateway>>, Path(path): Path<String>) -> Response<Body> {
    let answer = tokio::task::spawn_blocking(move || gateway.answer(&path)).await;
    let failed =
        |_| Err(Refused(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", "failed".to_owned()));
    answer.unwrap_or_else(failed).unwrap_or_else(Refused::into_response)
}

impl Gateway {
    fn answer(&self, path: &str) -> Result<Response<Body>, Refused> {
        let unknown = || Refused(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "no such path".to_owned());
        let (rest, what) = path.rsplit_once('/').ok_or_else(unknown)?;
        let (name, kind) = rest.rsplit_once('/').ok_or_else(unknown)?;
        let named = format!("{}/{name}", self.upstream);
        let repository = Repository::parse(&named).ok_or_else(unknown)?;
        match kind {
            "manifests" => self.manifest(&named, &repository, what),
            "blobs" => self.blob(&named, &repository, what),
            _ => Err(unknown()),
        }
    }

    fn manifest(
        &self,
        named: &str,
        repository: &Repository,
        what: &str,
    ) -> Result<Response<Body>, Refused> {
        let (digest, until) = match self.known(named, what) {
            // A platform of an index that was handed out.
            Some(known) => (what.to_owned(), known.until),
            None => self.decide(named, what)?,
        };
        // By the digest that was decided on, whatever the tag says by now.
        let manifest = self.registry.manifest(repository, &digest, MAX_MANIFEST)?;
        self.remember(named, &manifest.bytes, until);
        let media_type = manifest.media_type.unwrap_or_default();
        let digest = sha256_of(&manifest.bytes);
        Ok(found(Body::from(manifest.bytes), &media_type, &digest))
    }

    /// The digest of the image, if the policy allows it, and until when.
    fn decide(&self, named: &str, what: &str) -> Result<(String, i64), Refused> {
        let joint = if what.contains(':') { '@' } else { ':' };
        let reference = format!("{named}{joint}{what}");
        let request =
            Request { images: vec![ImageRequest { reference, path: None }], ..Request::default() };
        let now = (self.clock)();
        let question =
            Question { policy: &self.policy, request: &request, now: &now, budget: None };
        let judgement = decide(&*self.evaluator, &self.registry, &question)
            .map_err(|e| Refused(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", e.to_string()))?;
        let decision = judgement.decision;
        let image = decision.images.first();
        let reason = || {
            let reason = image.and_then(|image| image.reason.as_ref());
            reason.map_or_else(|| "refused".to_owned(), |r| format!("{}: {}", r.code, r.message))
        };
        let until = decision.valid_until.as_deref().and_then(Time::parse).map(Time::unix);
        let until = until.unwrap_or(i64::MAX).min(unix(&now).saturating_add(KNOWN_FOR));
        match (decision.enforced(), image.and_then(|image| image.digest.clone())) {
            (Outcome::Allow, Some(digest)) => Ok((digest, until)),
            (Outcome::Undetermined, _) => {
                Err(Refused(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", reason()))
            }
            _ => Err(Refused(StatusCode::FORBIDDEN, "DENIED", reason())),
        }
    }

    fn blob(
        &self,
        named: &str,
        repository: &Repository,
        digest: &str,
    ) -> Result<Response<Body>, Refused> {
        let Known { size, .. } = self.known(named, digest).ok_or_else(|| {
            let words = "no manifest that names this blob was pulled through here".to_owned();
            Refused(StatusCode::FORBIDDEN, "DENIED", words)
        })?;
        let mut bytes = Vec::new();
        let mut reader = self.registry.open_blob(repository, digest, size)?;
        // Of an example: a gateway for large layers streams what it reads.
        let read = reader.read_to_end(&mut bytes);
        read.map_err(|e| Refused(StatusCode::BAD_GATEWAY, "UNAVAILABLE", e.to_string()))?;
        Ok(found(Body::from(bytes), "application/octet-stream", digest))
    }

    fn known(&self, named: &str, digest: &str) -> Option<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(&(named.to_owned(), digest.to_owned())).copied();
        known.filter(|known| unix(&(self.clock)()) < known.until)
    }

    /// Config, layers and children. References to somewhere else, such as `subject`, are not of it.
    fn remember(&self, named: &str, manifest: &[u8], until: i64) {
        let Ok(manifest) = serde_json::from_slice::<Value>(manifest) else { return };
        let list = |name: &str| manifest[name].as_array().cloned().unwrap_or_default();
        let parts = [vec![manifest["config"].clone()], list("layers"), list("manifests")];
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > MAX_KNOWN {
            known.clear();
        }
        for part in parts.iter().flatten() {
            if let (Some(digest), Some(size)) = (part["digest"].as_str(), part["size"].as_u64()) {
                let part = known.entry((named.to_owned(), digest.to_owned()));
                let part = part.or_insert(Known { size, until });
                *part = Known { size, until: until.max(part.until) };
            }
        }
    }
}

/// What is no time is over.
fn unix(time: &str) -> i64 {
    Time::parse(time).map_or(i64::MAX, Time::unix)
}

fn found(body: Body, media_type: &str, digest: &str) -> Response<Body> {
    let mut response = Response::new(body);
    let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    response.headers_mut().insert(header::CONTENT_TYPE, value(media_type));
    response.headers_mut().insert("docker-content-digest", value(digest));
    response
}

impl From<RegistryError> for Refused {
    fn from(error: RegistryError) -> Self {
        let words = error.to_string();
        match error {
            RegistryError::Absent(_) => Self(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", words),
            RegistryError::Denied(_) => Self(StatusCode::FORBIDDEN, "DENIED", words),
            _ => Self(StatusCode::BAD_GATEWAY, "UNAVAILABLE", words),
        }
    }
}

impl Refused {
    fn into_response(self) -> Response<Body> {
        let Self(status, code, message) = self;
        let body = json!({ "errors": [{ "code": code, "message": message }] }).to_string();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}
