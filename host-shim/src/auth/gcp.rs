//! Google Cloud: Artifact Registry, and Container Registry's names.
//!
//! The identity of this process gets an access token, which is the password of a user of a fixed name
//! ([docs](https://cloud.google.com/artifact-registry/docs/docker/authentication#token)).

mod external;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use super::{
    AuthError, Credential, CredentialSource, Environment, Secret, Transport, file,
    kept::Kept,
    service::{Service, url},
    target::{Target, canonical_host},
};
use crate::http::{Call, HeaderName};
use external::External;

const USER: &str = "oauth2accesstoken";
/// The user whose password is a service account's key, as it is in its file
/// ([docs](https://cloud.google.com/artifact-registry/docs/docker/authentication#json-key)).
const KEY_USER: &str = "_json_key";
/// How long a key that was read from a file is used before it is read again.
const KEY_LASTS: Duration = Duration::from_secs(60);
const CREDENTIALS: &str = "GOOGLE_APPLICATION_CREDENTIALS";
const METADATA_HOST: &str = "GCE_METADATA_HOST";
const TOKEN_PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";
const FLAVOR: &str = "metadata-flavor";

/// Registries of Google's, by the identity of this process: the file that
/// `GOOGLE_APPLICATION_CREDENTIALS` names (workload identity federation, a service account's key), else the
/// metadata server (Compute Engine, GKE's workload identity).
pub struct Gcp {
    transport: Arc<dyn Transport>,
    environment: Environment,
    kept: Kept<Credential>,
}

impl Gcp {
    /// Nothing is read or sent yet.
    pub fn new(transport: Arc<dyn Transport>, environment: &Environment) -> Self {
        Self { transport, environment: environment.clone(), kept: Kept::of(1) }
    }

    /// Whether the environment gives this process an identity; the instance's needs no word there.
    pub fn is_named_in(environment: &Environment) -> bool {
        environment.os(CREDENTIALS).is_some() || environment.os(METADATA_HOST).is_some()
    }

    fn credential(&self) -> Result<(Credential, SystemTime), AuthError> {
        let token = |(password, end): (Secret, SystemTime)| {
            (Credential::Basic { username: USER.to_owned(), password }, end)
        };
        let Some(path) = self.environment.path(CREDENTIALS) else {
            return self.of_metadata().map(token);
        };
        let name = file::name(&path);
        let wrong = |what: &str| AuthError::misconfigured(&name, what);
        let bytes = file::read(&path)?.ok_or_else(|| wrong("is not there"))?;
        let document: Value = serde_json::from_slice(&bytes).map_err(|_| wrong("is not JSON"))?;
        match document.get("type").and_then(Value::as_str).unwrap_or_default() {
            "external_account" => {
                let external = External::read(&document, &name)?;
                external.token(&*self.transport, &self.environment).map(token)
            }
            "service_account" => {
                let text = std::str::from_utf8(&bytes).map_err(|_| wrong("is not UTF-8"))?;
                let password = Secret::new(text);
                let username = KEY_USER.to_owned();
                let end = self.environment.now() + KEY_LASTS;
                Ok((Credential::Basic { username, password }, end))
            }
            other => Err(wrong(&format!(
                "is of type `{}`; expected `external_account` or `service_account`. A user's own \
                 login is shown by the helper `docker-credential-gcloud`",
                super::error::words(other.as_bytes())
            ))),
        }
    }

    /// [docs](https://cloud.google.com/compute/docs/access/authenticate-workloads#applications)
    fn of_metadata(&self) -> Result<(Secret, SystemTime), AuthError> {
        let host = match self.environment.text(METADATA_HOST) {
            Some(host) => canonical_host(&host)
                .ok_or_else(|| AuthError::misconfigured(METADATA_HOST, "is no host"))?,
            None => "metadata.google.internal".to_owned(),
        };
        let url = url(&format!("http://{host}{TOKEN_PATH}"))?;
        let flavor = HeaderName::from_static(FLAVOR);
        let place = "the metadata server of Google Cloud";
        let service = Service { place, transport: &*self.transport };
        let reply = service.ask(Call::get(&url).header(flavor.clone(), "Google"))?;
        // Google's libraries ask for this too: a gateway of a network may answer to the name.
        if reply.header(flavor) != Some("Google") {
            return Err(service.garbled("is not from Google: there is no `Metadata-Flavor`"));
        }
        let answer: Value =
            serde_json::from_slice(&reply.bytes).map_err(|_| service.garbled("is not JSON"))?;
        lasting(&answer, service, &self.environment)
    }
}

/// RFC 6749 §5.1.
fn lasting(
    answer: &Value,
    service: Service<'_>,
    environment: &Environment,
) -> Result<(Secret, SystemTime), AuthError> {
    let token = service.secret(answer, "/access_token")?;
    let seconds = answer.get("expires_in").and_then(Value::as_u64).map(Duration::from_secs);
    let end = seconds.and_then(|seconds| environment.now().checked_add(seconds));
    Ok((token, end.ok_or_else(|| service.garbled("does not say how long it holds"))?))
}

/// `gcr.io`, one name below it, and `LOCATION-docker.pkg.dev`; no other host.
fn is_google(domain: &str) -> bool {
    let one = |label: &str| !label.is_empty() && !label.contains('.');
    domain == "gcr.io"
        || domain.strip_suffix(".gcr.io").is_some_and(one)
        || domain.strip_suffix("-docker.pkg.dev").is_some_and(one)
}

impl CredentialSource for Gcp {
    fn find(&self, host: &str, repository: &str) -> Result<Vec<Credential>, AuthError> {
        let target = Target::new(host, repository);
        if !target.as_ref().and_then(Target::domain).is_some_and(is_google) {
            return Ok(Vec::new());
        }
        Ok(vec![self.kept.get("token", &self.environment, || self.credential())?])
    }
}
