//! Whose keys sign: the order of AWS's SDKs, as far as it is about workloads
//! ([docs](https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html)).

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::Value;
use zeroize::Zeroizing;

use super::{host, overridden};
use crate::{
    auth::{
        AuthError, Environment, Secret, Transport, file,
        kept::Kept,
        service::{FORM, Service, element, endpoint, form, instant, url},
    },
    http::{Call, HeaderName, Method, Url},
};

/// Where ECS's agent answers, and EKS's
/// ([docs](https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html)).
const CONTAINER_HOSTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];
/// Where an instance's metadata service answers
/// ([docs](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html)).
const METADATA: &str = "http://169.254.169.254";
const METADATA_HOSTS: [&str; 2] = ["169.254.169.254", "[fd00:ec2::254]"];
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
/// Keys of the environment have no end; they are read again after this.
const STATIC_LASTS: Duration = Duration::from_secs(900);

/// What signs a request.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: Secret,
    /// Of keys that end.
    pub(super) session: Option<Secret>,
}

impl Keys {
    pub(super) fn session(&self) -> Option<&str> {
        self.session.as_ref().map(Secret::expose)
    }
}

/// The identity of this process.
pub(super) struct Identity {
    transport: Arc<dyn Transport>,
    environment: Environment,
    kept: Kept<Keys>,
}

type Lasting = Result<(Keys, SystemTime), AuthError>;

impl Identity {
    pub(super) fn new(transport: Arc<dyn Transport>, environment: &Environment) -> Self {
        Self { transport, environment: environment.clone(), kept: Kept::of(super::MAX_KEPT) }
    }

    pub(super) fn is_named_in(environment: &Environment) -> bool {
        let is_set = |name| environment.os(name).is_some();
        is_set("AWS_ACCESS_KEY_ID")
            || is_set("AWS_WEB_IDENTITY_TOKEN_FILE")
            || is_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
            || is_set("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    }

    /// Keys for requests to a region.
    pub(super) fn keys(&self, region: &str) -> Result<Keys, AuthError> {
        let region = match self.text("AWS_REGION").or_else(|| self.text("AWS_DEFAULT_REGION")) {
            Some(own) if host::is_region(&own) => own,
            Some(_) => return Err(AuthError::misconfigured("AWS_REGION", "is no region of AWS")),
            None => region.to_owned(),
        };
        self.kept.get(&region, &self.environment, || {
            if self.text("AWS_ACCESS_KEY_ID").is_some() {
                return self.of_environment();
            }
            if self.text("AWS_WEB_IDENTITY_TOKEN_FILE").is_some() {
                return self.of_web_identity(&region);
            }
            match self.container()? {
                Some(url) => self.of_container(&url),
                None => self.of_instance(),
            }
        })
    }

    fn text(&self, name: &str) -> Option<String> {
        self.environment.text(name)
    }

    fn required(&self, name: &'static str, beside: &str) -> Result<String, AuthError> {
        let message = || format!("is not set, and {beside} is");
        self.text(name).ok_or_else(|| AuthError::misconfigured(name, message()))
    }

    fn of_environment(&self) -> Lasting {
        let id = self.required("AWS_ACCESS_KEY_ID", "")?;
        let secret = self.required("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")?;
        let session = self.text("AWS_SESSION_TOKEN").map(Secret::new);
        let keys = Keys { id, secret: Secret::new(secret), session };
        let is_header = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
        if !is_header(&keys.id) || !keys.session().is_none_or(is_header) {
            let message = "has characters that no key has, such as the end of a line";
            return Err(AuthError::misconfigured(
                "AWS_ACCESS_KEY_ID or AWS_SESSION_TOKEN",
                message,
            ));
        }
        Ok((keys, self.environment.now() + STATIC_LASTS))
    }

    /// [AssumeRoleWithWebIdentity](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html):
    /// a request that nothing signs.
    fn of_web_identity(&self, region: &str) -> Lasting {
        let path = self.required("AWS_WEB_IDENTITY_TOKEN_FILE", "")?;
        let role = self.required("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE")?;
        let session =
            self.text("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "countersign".to_owned());
        let token = file::token(path.as_ref())?;
        let url = match overridden("AWS_ENDPOINT_URL_STS", &self.environment)? {
            Some(url) => url,
            None => url(&format!("https://{}/", host::sts(region)))?,
        };
        let body = form(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", &role),
            ("RoleSessionName", &session),
            ("WebIdentityToken", token.expose()),
        ]);
        let service = self.service("AWS STS");
        let reply = service.ask(Call::post(&url, FORM, body.as_bytes()))?;
        let xml = Zeroizing::new(String::from_utf8_lossy(&reply.bytes).into_owned());
        let part = |name: &str| {
            let text = element(&xml, name).map(Secret::new).filter(Secret::is_token);
            text.ok_or_else(|| service.garbled(&format!("has no `{name}`")))
        };
        let keys = Keys {
            id: part("AccessKeyId")?.expose().to_owned(),
            secret: part("SecretAccessKey")?,
            session: Some(part("SessionToken")?),
        };
        let expires = instant(part("Expiration")?.expose());
        Ok((keys, expires.ok_or_else(|| service.garbled("has an `Expiration` that is no time"))?))
    }

    /// Where the container credentials endpoint is, if there is one.
    fn container(&self) -> Result<Option<Url>, AuthError> {
        const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
        const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
        if let Some(path) = self.text(RELATIVE) {
            if !path.starts_with('/') {
                return Err(AuthError::misconfigured(RELATIVE, "does not begin with `/`"));
            }
            return endpoint(RELATIVE, &format!("http://169.254.170.2{path}"), &CONTAINER_HOSTS)
                .map(Some);
        }
        self.text(FULL).map(|text| endpoint(FULL, &text, &CONTAINER_HOSTS)).transpose()
    }

    fn of_container(&self, url: &Url) -> Lasting {
        let token = match self.text("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(path) => Some(file::token(path.as_ref())?),
            None => self.text("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Secret::new),
        };
        let is_header =
            |token: &Secret| token.expose().bytes().all(|b| b == b' ' || b.is_ascii_graphic());
        if !token.as_ref().is_none_or(is_header) {
            let message = "has characters that no token has, such as the end of a line";
            return Err(AuthError::misconfigured("AWS_CONTAINER_AUTHORIZATION_TOKEN", message));
        }
        let service = self.service("the AWS container credentials endpoint");
        let call = Call::get(url).authorization(token.as_ref().map(Secret::expose));
        temporary(&service.ask_json(call)?, service)
    }

    /// The role of the instance, by version 2 of the metadata service.
    fn of_instance(&self) -> Lasting {
        const NAME: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
        if self.text("AWS_EC2_METADATA_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true")) {
            return Err(AuthError::misconfigured(
                "AWS",
                "this process has no identity: run it under a service account with a role, or set \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ));
        }
        let base = self.text(NAME).unwrap_or_else(|| METADATA.to_owned());
        let base = endpoint(NAME, &base, &METADATA_HOSTS)?;
        let at = |path: &str| url(&format!("{}{path}", base.as_str().trim_end_matches('/')));
        let service = self.service("the metadata service of EC2");
        let token_url = at("/latest/api/token")?;
        let ttl = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
        let reply = service.ask(Call::new(Method::PUT, &token_url).header(ttl, "21600"))?;
        let token = Secret::new(String::from_utf8_lossy(&reply.bytes).trim());
        if !token.is_token() {
            return Err(service.garbled("is no token"));
        }
        let header = HeaderName::from_static("x-aws-ec2-metadata-token");
        let roles_url = at(ROLES)?;
        let roles = service.ask(Call::get(&roles_url).header(header.clone(), token.expose()))?;
        let role = String::from_utf8_lossy(&roles.bytes).trim().to_owned();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b);
        if role.is_empty() || !role.bytes().all(plain) {
            return Err(service.garbled("names no role: give the instance one"));
        }
        let role_url = at(&format!("{ROLES}{role}"))?;
        let keys = service.ask_json(Call::get(&role_url).header(header, token.expose()))?;
        temporary(&keys, service)
    }

    fn service<'a>(&'a self, place: &'a str) -> Service<'a> {
        Service { place, transport: &*self.transport }
    }
}

fn temporary(answer: &Value, service: Service<'_>) -> Lasting {
    let keys = Keys {
        id: service.secret(answer, "/AccessKeyId")?.expose().to_owned(),
        secret: service.secret(answer, "/SecretAccessKey")?,
        session: Some(service.secret(answer, "/Token")?),
    };
    let expires = answer.get("Expiration").and_then(Value::as_str).and_then(instant);
    Ok((keys, expires.ok_or_else(|| service.garbled("has an `Expiration` that is no time"))?))
}
