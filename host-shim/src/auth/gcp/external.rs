//! Workload identity federation: another's token for one of Google's
//! ([AIP-4117](https://google.aip.dev/auth/4117)).

use std::time::SystemTime;

use serde::Deserialize;
use serde_json::{Value, json};

use super::lasting;
use crate::{
    auth::{
        AuthError, Environment, Secret, Transport, file,
        service::{FORM, Service, form, instant, url},
    },
    http::Call,
};

/// Google's token service and no other: a file that somebody else wrote could name any
/// ([docs](https://cloud.google.com/docs/authentication/external/externally-sourced-credentials)).
const TOKEN_URL: &str = "https://sts.googleapis.com/v1/token";
const IMPERSONATION: (&str, &str) = (
    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/",
    ":generateAccessToken",
);
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// What the file of type `external_account` says.
#[derive(Deserialize)]
pub(super) struct External {
    audience: String,
    subject_token_type: String,
    token_url: String,
    service_account_impersonation_url: Option<String>,
    credential_source: Source,
    #[serde(skip)]
    place: String,
}

#[derive(Deserialize)]
struct Source {
    file: Option<String>,
    format: Option<Format>,
}

#[derive(Deserialize)]
struct Format {
    r#type: Option<String>,
    subject_token_field_name: Option<String>,
}

impl External {
    pub(super) fn read(document: &Value, place: &str) -> Result<Self, AuthError> {
        let wrong = |what: String| AuthError::misconfigured(place, what);
        let read = Self::deserialize(document);
        let mut read = read.map_err(|e| wrong(format!("is no external account: {e}")))?;
        if read.token_url != TOKEN_URL {
            let message =
                format!("its `token_url` is `{}`; expected `{TOKEN_URL}`", read.token_url);
            return Err(wrong(message));
        }
        if let Some(url) = &read.service_account_impersonation_url {
            let (before, after) = IMPERSONATION;
            let account = url.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.@".contains(&b);
            if !account.is_some_and(|a| !a.is_empty() && a.bytes().all(plain)) {
                let message = format!(
                    "its `service_account_impersonation_url` is not `{before}ACCOUNT{after}`"
                );
                return Err(wrong(message));
            }
        }
        if read.credential_source.file.is_none() {
            let message = "its `credential_source` is not a file; others are not supported";
            return Err(wrong(message.to_owned()));
        }
        read.place = place.to_owned();
        Ok(read)
    }

    /// A token of Google's.
    pub(super) fn token(
        &self,
        transport: &dyn Transport,
        environment: &Environment,
    ) -> Result<(Secret, SystemTime), AuthError> {
        let body = form(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("audience", &self.audience),
            ("scope", SCOPE),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("subject_token", self.subject()?.expose()),
            ("subject_token_type", &self.subject_token_type),
        ]);
        let service = Service { place: "the token service of Google Cloud", transport };
        let answer = service.ask_json(Call::post(&url(TOKEN_URL)?, FORM, body.as_bytes()))?;
        let federated = lasting(&answer, service, environment)?;
        match &self.service_account_impersonation_url {
            Some(url) => impersonate(url, &federated.0, transport),
            None => Ok(federated),
        }
    }

    /// The token that somebody else has made.
    fn subject(&self) -> Result<Secret, AuthError> {
        let path = self.credential_source.file.as_deref().unwrap_or_default();
        let format = self.credential_source.format.as_ref();
        let wrong = |what: &str| AuthError::misconfigured(format!("`{path}`"), what);
        match format.and_then(|format| format.r#type.as_deref()) {
            None | Some("text") => file::token(path.as_ref()),
            Some("json") => {
                let field = format.and_then(|format| format.subject_token_field_name.as_deref());
                let bytes = file::read(path.as_ref())?.ok_or_else(|| wrong("is not there"))?;
                let document: Value =
                    serde_json::from_slice(&bytes).map_err(|_| wrong("is not JSON"))?;
                let token = field.and_then(|field| document.get(field)?.as_str());
                let token = token.map(Secret::new).filter(Secret::is_token);
                token.ok_or_else(|| wrong("has no token under `subject_token_field_name`"))
            }
            Some(other) => {
                let message = format!("its `credential_source` is of format `{other}`");
                Err(AuthError::misconfigured(&self.place, message))
            }
        }
    }
}

/// [generateAccessToken](https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken)
fn impersonate(
    address: &str,
    federated: &Secret,
    transport: &dyn Transport,
) -> Result<(Secret, SystemTime), AuthError> {
    let service = Service { place: "the IAM service of Google Cloud", transport };
    let bearer = zeroize::Zeroizing::new(format!("Bearer {}", federated.expose()));
    let body = json!({ "scope": [SCOPE], "lifetime": "3600s" }).to_string();
    let url = url(address)?;
    let call =
        Call::post(&url, "application/json", body.as_bytes()).authorization(Some(bearer.as_str()));
    let answer = service.ask_json(call)?;
    let token = service.secret(&answer, "/accessToken")?;
    let end = answer.get("expireTime").and_then(Value::as_str).and_then(instant);
    Ok((token, end.ok_or_else(|| service.garbled("does not say how long it holds"))?))
}
