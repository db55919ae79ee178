//! The API of the cluster that this process runs in.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{PullSecret, Secrets, check_name};
use crate::{
    auth::{
        AuthError, Environment, Transport, file,
        kept::Kept,
        service::{Service, url},
    },
    http::{self, Call, HostTls, Http},
};

/// Where Kubernetes puts token, CA and namespace
/// ([docs](https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/)).
pub const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const PLACE: &str = "the Kubernetes API";
/// How long a Secret that was changed may still be used as it was.
const OBJECT_LASTS: Duration = Duration::from_secs(30);
/// Objects that are kept; each may have a mebibyte.
const MAX_KEPT: usize = 128;

/// Reads objects with the token of this process's service account, which needs `get` on them.
pub struct Cluster {
    transport: Arc<dyn Transport>,
    /// `https://host:port`.
    base: String,
    directory: PathBuf,
    environment: Environment,
    secrets: Kept<Option<PullSecret>>,
    accounts: Kept<Option<Vec<String>>>,
}

impl Cluster {
    /// The cluster of `KUBERNETES_SERVICE_HOST`, its CA and our token below [`SERVICE_ACCOUNT`].
    pub fn here(options: &http::Options, environment: &Environment) -> Result<Self, AuthError> {
        let host = host(environment)?;
        let directory = Path::new(SERVICE_ACCOUNT);
        let path = directory.join("ca.crt");
        let missing =
            "is not there: mount the service account's token, as Kubernetes does of itself";
        let ca = file::read(&path)?
            .ok_or_else(|| AuthError::misconfigured(file::name(&path), missing))?;
        let mut options = options.clone();
        options.tls.insert(0, (host, HostTls { ca: vec![ca.to_vec()], client: None }));
        Self::over(Arc::new(Http::new(&options)), environment, directory)
    }

    /// Over a transport that knows the cluster's CA, with the service account in this directory.
    pub fn over(
        transport: Arc<dyn Transport>,
        environment: &Environment,
        directory: impl Into<PathBuf>,
    ) -> Result<Self, AuthError> {
        Ok(Self {
            transport,
            base: format!("https://{}", host(environment)?),
            directory: directory.into(),
            environment: environment.clone(),
            secrets: Kept::of(MAX_KEPT),
            accounts: Kept::of(MAX_KEPT),
        })
    }

    /// The namespace of this process.
    pub fn namespace(&self) -> Result<String, AuthError> {
        let name = self.read("namespace")?;
        check_name("namespace", &name)?;
        Ok(name.to_string())
    }

    /// An object of core/v1, such as of `secrets` or `configmaps`; nothing if there is none.
    pub fn object(
        &self,
        namespace: &str,
        resource: &str,
        name: &str,
    ) -> Result<Option<Value>, AuthError> {
        check_name("namespace", namespace)?;
        check_name("resource", resource)?;
        check_name("object", name)?;
        let path = format!("/api/v1/namespaces/{namespace}/{resource}/{name}");
        let url = url(&format!("{}{path}", self.base))?;
        // Kubernetes renews the file before the token in it ends.
        let token = Zeroizing::new(format!("Bearer {}", self.read("token")?.as_str()));
        let service = Service { place: PLACE, transport: &*self.transport };
        let call = Call::get(&url).authorization(Some(token.as_str()));
        let reply = service.send(call)?;
        match reply.status {
            200 => {
                let object = serde_json::from_slice(&reply.bytes);
                object.map(Some).map_err(|_| service.garbled("is not JSON"))
            }
            404 => Ok(None),
            403 => {
                let message = format!(
                    "`{resource}/{name}` in `{namespace}`: let our service account `get` it by a \
                     Role and a RoleBinding"
                );
                Err(AuthError::denied(PLACE, message))
            }
            _ => Err(service.refusal(&reply)),
        }
    }

    fn read(&self, name: &str) -> Result<Zeroizing<String>, AuthError> {
        let path = self.directory.join(name);
        let wrong = |what| AuthError::misconfigured(file::name(&path), what);
        let bytes = file::read(&path)?.ok_or_else(|| wrong("is not there"))?;
        let text = std::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
        match !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) {
            true => Ok(Zeroizing::new(text.to_owned())),
            false => Err(wrong("holds no name or token")),
        }
    }
}

impl Secrets for Cluster {
    fn get(&self, namespace: &str, name: &str) -> Result<Option<PullSecret>, AuthError> {
        self.secrets.get(&format!("{namespace}/{name}"), &self.environment, || {
            let object = self.object(namespace, "secrets", name)?;
            let place = format!("the Secret `{namespace}/{name}`");
            let secret = object.map(|object| secret(&object, &place)).transpose()?;
            Ok((secret, self.environment.now() + OBJECT_LASTS))
        })
    }

    fn of_service_account(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Vec<String>>, AuthError> {
        self.accounts.get(&format!("{namespace}/{name}"), &self.environment, || {
            let object = self.object(namespace, "serviceaccounts", name)?;
            let names = |object: Value| -> Vec<String> {
                let secrets = object.get("imagePullSecrets").and_then(Value::as_array);
                let name = |secret: &Value| Some(secret.get("name")?.as_str()?.to_owned());
                secrets.into_iter().flatten().filter_map(name).collect()
            };
            Ok((object.map(names), self.environment.now() + OBJECT_LASTS))
        })
    }
}

fn host(environment: &Environment) -> Result<String, AuthError> {
    let missing = "is not set: this process does not run in a Pod";
    let host = environment
        .text("KUBERNETES_SERVICE_HOST")
        .ok_or_else(|| AuthError::misconfigured("KUBERNETES_SERVICE_HOST", missing))?;
    let port = environment.text("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".to_owned());
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    Ok(format!("{host}:{port}"))
}

fn secret(object: &Value, place: &str) -> Result<PullSecret, AuthError> {
    let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
    let data = |key: &str| {
        let text = object.get("data").and_then(|data| data.get(key)).and_then(Value::as_str);
        let bytes = text.and_then(|text| STANDARD.decode(text).ok()).map(Zeroizing::new);
        bytes.ok_or_else(|| AuthError::misconfigured(place, format!("has no `{key}`")))
    };
    match kind {
        "kubernetes.io/dockerconfigjson" => {
            data(".dockerconfigjson").map(PullSecret::DockerConfigJson)
        }
        "kubernetes.io/dockercfg" => data(".dockercfg").map(PullSecret::DockerCfg),
        other => Ok(PullSecret::Other(super::clean(other))),
    }
}
