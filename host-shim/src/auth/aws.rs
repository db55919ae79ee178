//! AWS: private registries of ECR, and its public one.
//!
//! The identity of this process signs one request to ECR, which answers with a password for twelve hours
//! ([GetAuthorizationToken](https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html)).

mod host;
mod identity;
mod sigv4;

use std::{sync::Arc, time::SystemTime};

use serde_json::Value;

use super::{
    AuthError, Credential, CredentialSource, Environment, Transport,
    entry::decode,
    kept::Kept,
    service::{Service, endpoint, from_unix, url},
    target::Target,
};
use crate::http::{Call, HeaderName, Url, authority};
use host::Ecr;
use identity::{Identity, Keys};
use sigv4::Request;

/// Regions of one process.
const MAX_KEPT: usize = 64;

/// Registries of ECR, by the identity of this process: static keys in the environment, a web identity
/// (EKS's IRSA), the container credentials endpoint (ECS, EKS Pod Identity), the instance's role.
pub struct Aws {
    identity: Identity,
    transport: Arc<dyn Transport>,
    environment: Environment,
    passwords: Kept<Credential>,
    public: bool,
}

impl Aws {
    /// Nothing is read or sent yet.
    pub fn new(transport: Arc<dyn Transport>, environment: &Environment) -> Self {
        Self {
            identity: Identity::new(transport.clone(), environment),
            transport,
            environment: environment.clone(),
            passwords: Kept::of(MAX_KEPT),
            public: false,
        }
    }

    /// The public registry too, which anybody may read: an identity that may not ask for its password
    /// would be worse than none.
    #[must_use]
    pub fn and_the_public_registry(mut self) -> Self {
        self.public = true;
        self
    }

    /// Whether the environment gives this process an identity; the instance's role needs no word there.
    pub fn is_named_in(environment: &Environment) -> bool {
        Identity::is_named_in(environment)
    }

    fn password(&self, ecr: &Ecr) -> Result<(Credential, SystemTime), AuthError> {
        let place = format!("AWS ECR in `{}`", ecr.region);
        let url = match overridden(ecr.variable, &self.environment)? {
            Some(url) => url,
            None => url(&format!("https://{}/", ecr.endpoint))?,
        };
        let keys = self.identity.keys(&ecr.region)?;
        let service = Service { place: &place, transport: &*self.transport };
        let answer = self.call(ecr, &url, &keys, service)?;
        let data = ["/authorizationData/0", "/authorizationData"];
        let data = data.iter().find_map(|p| answer.pointer(p).filter(|v| v.is_object()));
        let data = data.ok_or_else(|| service.garbled("has no `authorizationData`"))?;
        let token = service.secret(data, "/authorizationToken")?;
        let credential = decode(token.expose())
            .map_err(|_| service.garbled("has a token that is no user name and password"))?;
        let expires = data.get("expiresAt").and_then(Value::as_f64).and_then(seconds);
        let expires = expires.ok_or_else(|| service.garbled("does not say how long it holds"))?;
        Ok((credential, expires))
    }

    fn call(
        &self,
        ecr: &Ecr,
        url: &Url,
        keys: &Keys,
        service: Service<'_>,
    ) -> Result<Value, AuthError> {
        const TYPE: &str = "application/x-amz-json-1.1";
        let host = authority(url);
        let request = Request {
            method: "POST",
            path: url.path(),
            headers: &[("content-type", TYPE), ("host", &host), ("x-amz-target", ecr.action)],
            body: b"{}",
        };
        let signed =
            sigv4::sign(&request, keys, (&ecr.region, ecr.service), self.environment.now())
                .ok_or_else(|| {
                    service.garbled("cannot be asked for: the request cannot be signed")
                })?;
        let named = HeaderName::from_static;
        let mut call = Call::post(url, TYPE, request.body)
            .header(named("x-amz-target"), ecr.action)
            .header(named("x-amz-date"), &signed.date)
            .authorization(Some(&signed.authorization));
        if let Some(session) = &keys.session {
            call = call.header(named("x-amz-security-token"), session.expose());
        }
        service.ask_json(call)
    }
}

impl CredentialSource for Aws {
    fn find(&self, host: &str, repository: &str) -> Result<Vec<Credential>, AuthError> {
        let target = Target::new(host, repository);
        let ecr = target.as_ref().and_then(Target::domain).and_then(Ecr::parse);
        let Some(ecr) = ecr.filter(|ecr| self.public || !ecr.is_public()) else {
            return Ok(Vec::new());
        };
        let password = || self.password(&ecr);
        Ok(vec![self.passwords.get(&ecr.endpoint, &self.environment, password)?])
    }
}

/// The endpoint that the environment names for a service, or for all
/// ([docs](https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html)).
fn overridden(variable: &str, environment: &Environment) -> Result<Option<Url>, AuthError> {
    if environment.text("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|v| v == "true") {
        return Ok(None);
    }
    for name in [variable, "AWS_ENDPOINT_URL"] {
        let Some(text) = environment.text(name) else { continue };
        let url = endpoint(name, &text, &[])?;
        // What is signed is what is sent, without rules of encoding between them.
        if url.query().is_some()
            || !url.path().bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~".contains(&b))
        {
            let message = format!("`{text}` has more than a plain path");
            return Err(AuthError::misconfigured(name, message));
        }
        return Ok(Some(url));
    }
    Ok(None)
}

/// AWS writes seconds with a fraction.
fn seconds(seconds: f64) -> Option<SystemTime> {
    let whole = std::time::Duration::try_from_secs_f64(seconds).ok()?.as_secs();
    from_unix(whole)
}
