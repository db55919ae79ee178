//! Azure: container registries.
//!
//! The identity of this process gets a token of Entra ID, which the registry exchanges for one of its own
//! ([docs](https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md)).

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use super::{
    AuthError, Credential, CredentialSource, Environment, Secret, Transport, file,
    kept::Kept,
    service::{FORM, Service, endpoint, form, jwt_end, url},
    target::Target,
};
use crate::http::{Call, HeaderName};

/// The domains of registries, and the authority of the cloud that each is in
/// ([docs](https://learn.microsoft.com/en-us/entra/identity-platform/authentication-national-cloud)).
const CLOUDS: [(&str, &str); 4] = [
    ("azurecr.io", "https://login.microsoftonline.com/"),
    ("azurecr.cn", "https://login.partner.microsoftonline.cn/"),
    ("azurecr.cn", "https://login.chinacloudapi.cn/"),
    ("azurecr.us", "https://login.microsoftonline.us/"),
];
/// The registries' own audience, in each cloud: a token for it is of no use elsewhere.
const AUDIENCE: &str = "https://containerregistry.azure.net";
/// The user whose password is a registry's token
/// ([docs](https://learn.microsoft.com/en-us/azure/container-registry/container-registry-authentication)).
const USER: &str = "00000000-0000-0000-0000-000000000000";
const METADATA: &str = "http://169.254.169.254";
/// Where a registry's token does not say when it ends: they hold for three hours.
const TOKEN_LASTS: Duration = Duration::from_secs(3600);
const MAX_KEPT: usize = 256;

/// Registries `NAME.azurecr.io` (and those of the national clouds), by the identity of this process: a
/// federated one (workload identity), or a managed one (metadata service).
pub struct Azure {
    transport: Arc<dyn Transport>,
    environment: Environment,
    tokens: Kept<Secret>,
    passwords: Kept<Credential>,
}

impl Azure {
    /// Nothing is read or sent yet.
    pub fn new(transport: Arc<dyn Transport>, environment: &Environment) -> Self {
        Self {
            transport,
            environment: environment.clone(),
            tokens: Kept::of(1),
            passwords: Kept::of(MAX_KEPT),
        }
    }

    /// Whether the environment gives this process an identity; a managed one needs no word there.
    pub fn is_named_in(environment: &Environment) -> bool {
        environment.os("AZURE_FEDERATED_TOKEN_FILE").is_some()
    }

    /// Whether a host is a registry of the cloud that our identity is of. A token is not shown to the
    /// registries of another cloud, which other people run.
    fn is_ours(&self, domain: &str) -> bool {
        let Some((name, suffix)) = domain.split_once('.') else { return false };
        let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let authority = self.authority();
        let of_cloud = |(_, known): &&(&str, &str)| known.trim_end_matches('/') == authority;
        match CLOUDS.iter().find(of_cloud) {
            Some((own, _)) => is_name && suffix == *own,
            // Somebody's own authority: any registry of Azure's.
            None => is_name && CLOUDS.iter().any(|(known, _)| suffix == *known),
        }
    }

    fn authority(&self) -> String {
        let named = self.environment.text("AZURE_AUTHORITY_HOST");
        let named = named.unwrap_or_else(|| "https://login.microsoftonline.com".to_owned());
        named.trim_end_matches('/').to_ascii_lowercase()
    }

    fn token(&self) -> Result<(Secret, SystemTime), AuthError> {
        match self.environment.path("AZURE_FEDERATED_TOKEN_FILE") {
            Some(path) => self.of_federation(file::token(&path)?),
            None => self.of_metadata(),
        }
    }

    /// The client credentials grant with a federated assertion
    /// ([docs](https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow#third-case-access-token-request-with-a-federated-credential)).
    fn of_federation(&self, assertion: Secret) -> Result<(Secret, SystemTime), AuthError> {
        let required = |name: &'static str| {
            let message = "is not set, and AZURE_FEDERATED_TOKEN_FILE is";
            self.environment.text(name).ok_or_else(|| AuthError::misconfigured(name, message))
        };
        let (client, tenant) = (required("AZURE_CLIENT_ID")?, required("AZURE_TENANT_ID")?);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        if !tenant.bytes().all(plain) {
            return Err(AuthError::misconfigured("AZURE_TENANT_ID", "is no tenant's id or domain"));
        }
        let text = format!("{}/{tenant}/oauth2/v2.0/token", self.authority());
        let url = endpoint("AZURE_AUTHORITY_HOST", &text, &[])?;
        let body = form(&[
            ("grant_type", "client_credentials"),
            ("client_id", &client),
            ("scope", &format!("{AUDIENCE}/.default")),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.expose()),
        ]);
        let service = self.service("Entra ID");
        let answer = service.ask_json(Call::post(&url, FORM, body.as_bytes()))?;
        self.lasting(&answer, service)
    }

    /// A managed identity
    /// ([docs](https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token)).
    fn of_metadata(&self) -> Result<(Secret, SystemTime), AuthError> {
        const NAME: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
        let base = self.environment.text(NAME).unwrap_or_else(|| METADATA.to_owned());
        let mut url = endpoint(NAME, &base, &["169.254.169.254"])?;
        url.set_path("/metadata/identity/oauth2/token");
        let mut query =
            vec![("api-version", "2018-02-01".to_owned()), ("resource", AUDIENCE.to_owned())];
        query.extend(self.environment.text("AZURE_CLIENT_ID").map(|id| ("client_id", id)));
        url.query_pairs_mut().clear().extend_pairs(query);
        let service = self.service("the metadata service of Azure");
        let call = Call::get(&url).header(HeaderName::from_static("metadata"), "true");
        let answer = service.ask_json(call)?;
        self.lasting(&answer, service)
    }

    /// `expires_in` is a number from Entra ID, and text from the metadata service.
    fn lasting(
        &self,
        answer: &Value,
        service: Service<'_>,
    ) -> Result<(Secret, SystemTime), AuthError> {
        let token = service.secret(answer, "/access_token")?;
        let seconds = answer.get("expires_in").and_then(|value| match value {
            Value::String(text) => text.parse().ok(),
            value => value.as_u64(),
        });
        let end = seconds.and_then(|s| self.environment.now().checked_add(Duration::from_secs(s)));
        Ok((token, end.ok_or_else(|| service.garbled("does not say how long it holds"))?))
    }

    fn password(&self, host: &str) -> Result<(Credential, SystemTime), AuthError> {
        let token = self.tokens.get("token", &self.environment, || self.token())?;
        let url = url(&format!("https://{host}/oauth2/exchange"))?;
        let tenant = self.environment.text("AZURE_TENANT_ID");
        let mut fields = vec![("grant_type", "access_token"), ("service", host)];
        fields.extend(tenant.as_deref().map(|tenant| ("tenant", tenant)));
        fields.push(("access_token", token.expose()));
        let body = form(&fields);
        let place = format!("`{host}`");
        let service = self.service(&place);
        let answer = service.ask_json(Call::post(&url, FORM, body.as_bytes()))?;
        let password = service.secret(&answer, "/refresh_token")?;
        let end = jwt_end(password.expose());
        let end = end.unwrap_or_else(|| self.environment.now() + TOKEN_LASTS);
        Ok((Credential::Basic { username: USER.to_owned(), password }, end))
    }

    fn service<'a>(&'a self, place: &'a str) -> Service<'a> {
        Service { place, transport: &*self.transport }
    }
}

impl CredentialSource for Azure {
    fn find(&self, host: &str, repository: &str) -> Result<Vec<Credential>, AuthError> {
        let target = Target::new(host, repository);
        let Some(domain) = target.as_ref().and_then(Target::domain).filter(|d| self.is_ours(d))
        else {
            return Ok(Vec::new());
        };
        Ok(vec![self.passwords.get(domain, &self.environment, || self.password(domain))?])
    }
}
