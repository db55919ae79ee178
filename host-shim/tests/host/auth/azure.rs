use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_host::auth::{AuthError, CredentialSource, Environment, azure::Azure};
use serde_json::json;

use super::{
    basic,
    fake::{Clock, Clouds, START, environment, fields, http, pairs, server},
    nothing,
};
use crate::{
    loopback::{Incoming, Loopback, Reply},
    scratch::Scratch,
};

const HOST: &str = "acme.azurecr.io";
const REGISTRY: &str = "https://acme.azurecr.io";
const ENTRA: &str = "https://login.microsoftonline.com";
const METADATA: &str = "http://169.254.169.254";
const USER: &str = "00000000-0000-0000-0000-000000000000";

type Handler = Box<dyn Fn(&Incoming) -> Reply + Send + Sync>;

fn entra() -> Handler {
    server(|_| Reply::new(200, r#"{"token_type":"Bearer","expires_in":3599,"access_token":"aad"}"#))
}

/// A registry's token that ends so many seconds after the start of the clock.
fn token(seconds: u64) -> String {
    let claims = json!({ "exp": START + seconds }).to_string();
    format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims))
}

fn registry() -> Handler {
    server(|_| Reply::new(200, json!({ "refresh_token": token(10_800) }).to_string()))
}

fn federated(scratch: &Scratch, clock: &Clock, more: &[(&str, &str)]) -> Environment {
    let assertion = scratch.write("assertion", "eyJh.eyJz.c2ln\n");
    let mut variables = vec![
        ("AZURE_FEDERATED_TOKEN_FILE", assertion.to_str().unwrap()),
        ("AZURE_CLIENT_ID", "client"),
        ("AZURE_TENANT_ID", "tenant.example"),
    ];
    variables.extend(more);
    environment(clock, &variables)
}

#[test]
fn a_federated_identity_gets_a_token_that_the_registry_exchanges() {
    let (scratch, clock) = (Scratch::new(), Clock::new());
    let clouds = Clouds::new([(ENTRA, entra()), (REGISTRY, registry())]);
    let source = Azure::new(clouds.clone(), &federated(&scratch, &clock, &[]));
    assert_eq!(source.find(HOST, "app"), Ok(basic(USER, &token(10_800))));
    let expected = [
        format!("POST {ENTRA}/tenant.example/oauth2/v2.0/token"),
        format!("POST {REGISTRY}/oauth2/exchange"),
    ];
    assert_eq!(clouds.asked(), expected);

    let asked = &clouds.log(ENTRA)[0];
    assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    let expected = [
        ("grant_type", "client_credentials"),
        ("client_id", "client"),
        ("scope", "https://containerregistry.azure.net/.default"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", "eyJh.eyJz.c2ln"),
    ];
    assert_eq!(fields(&asked.body), pairs(&expected));

    let exchanged = &clouds.log(REGISTRY)[0];
    assert_eq!(exchanged.header("content-type"), Some("application/x-www-form-urlencoded"));
    let expected = [
        ("grant_type", "access_token"),
        ("service", HOST),
        ("tenant", "tenant.example"),
        ("access_token", "aad"),
    ];
    assert_eq!(fields(&exchanged.body), pairs(&expected));
}

#[test]
fn a_managed_identity_is_had_from_the_metadata_service() {
    let clock = Clock::new();
    for (variables, query) in
        [(vec![], ""), (vec![("AZURE_CLIENT_ID", "my client")], "&client_id=my+client")]
    {
        // It writes its numbers as text.
        let answer = r#"{"access_token":"managed","expires_in":"86400","token_type":"Bearer"}"#;
        let clouds = Clouds::new([
            (METADATA, server(move |_| Reply::new(200, answer))),
            (REGISTRY, registry()),
        ]);
        let source = Azure::new(clouds.clone(), &environment(&clock, &variables));
        assert_eq!(source.find(HOST, "app"), Ok(basic(USER, &token(10_800))));
        let asked = &clouds.log(METADATA)[0];
        let path = format!(
            "/metadata/identity/oauth2/token?api-version=2018-02-01\
             &resource=https%3A%2F%2Fcontainerregistry.azure.net{query}"
        );
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", path.as_str()));
        assert_eq!(asked.header("metadata"), Some("true"));
        let fields = fields(&clouds.log(REGISTRY)[0].body);
        assert!(fields.contains(&("access_token".to_owned(), "managed".to_owned())));
        assert!(!fields.iter().any(|(name, _)| name == "tenant"));
    }
}

#[test]
fn tokens_are_renewed_before_they_end_and_not_earlier() {
    let (scratch, clock) = (Scratch::new(), Clock::new());
    let other = "https://other.azurecr.io";
    let clouds = Clouds::new([(ENTRA, entra()), (REGISTRY, registry()), (other, registry())]);
    let source = Azure::new(clouds.clone(), &federated(&scratch, &clock, &[]));
    let rounds = || (clouds.log(ENTRA).len(), clouds.log(REGISTRY).len(), clouds.log(other).len());
    source.find(HOST, "a").unwrap();
    source.find(HOST, "b").unwrap();
    // One token of Entra ID is for all registries, one of a registry's for itself.
    source.find("other.azurecr.io", "b").unwrap();
    assert_eq!(rounds(), (1, 1, 1));
    clock.pass(10_800 - 301);
    source.find(HOST, "a").unwrap();
    assert_eq!(rounds(), (1, 1, 1));
    clock.pass(1);
    source.find(HOST, "a").unwrap();
    assert_eq!(rounds(), (2, 2, 1));
}

#[test]
fn the_authority_is_where_the_environment_says() {
    let (scratch, clock) = (Scratch::new(), Clock::new());
    let entra = Loopback::start(|_| Reply::new(403, r#"{"error":"invalid_client"}"#));
    let authority = format!("http://{}/", entra.host);
    let environment = federated(&scratch, &clock, &[("AZURE_AUTHORITY_HOST", &authority)]);
    let error = Azure::new(Arc::new(http()), &environment).find(HOST, "a").unwrap_err();
    assert_eq!(error.to_string(), "Entra ID refuses credentials: status 403 invalid_client");
    assert_eq!(entra.log()[0].path, "/tenant.example/oauth2/v2.0/token");
}

#[test]
fn a_token_of_one_cloud_is_not_shown_in_another() {
    let scratch = Scratch::new();
    let all = ["acme.azurecr.io", "acme.azurecr.cn", "acme.azurecr.us"];
    for (authority, own) in [
        ("https://login.microsoftonline.com/", "acme.azurecr.io"),
        ("https://login.microsoftonline.us", "acme.azurecr.us"),
        ("https://login.partner.microsoftonline.cn/", "acme.azurecr.cn"),
        ("https://login.chinacloudapi.cn/", "acme.azurecr.cn"),
    ] {
        for host in all {
            let clock = Clock::new();
            let clouds = Clouds::new([
                (authority.trim_end_matches('/'), entra()),
                ("https://acme.azurecr.io", registry()),
                ("https://acme.azurecr.cn", registry()),
                ("https://acme.azurecr.us", registry()),
            ]);
            let environment = federated(&scratch, &clock, &[("AZURE_AUTHORITY_HOST", authority)]);
            let found = Azure::new(clouds.clone(), &environment).find(host, "a").unwrap();
            assert_eq!(!found.is_empty(), host == own, "{authority} {host}");
            assert_eq!(clouds.asked().is_empty(), host != own, "{authority} {host}");
        }
    }
}

#[test]
fn who_refuses_has_refused_and_who_is_silent_may_answer_later() {
    let bad = r#"{"error":"invalid_client","error_description":"AADSTS700213: no matching federated identity"}"#;
    let unauthorized =
        r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
    for (of_entra, of_registry, is_denied, expected) in [
        (
            Some(Reply::new(401, bad)),
            None,
            true,
            "Entra ID refuses credentials: status 401 invalid_client AADSTS700213",
        ),
        (Some(Reply::new(500, "")), None, false, "Entra ID gives no credentials: status 500"),
        (Some(Reply::new(200, r#"{"access_token":"hunter2"}"#)), None, false, "how long it holds"),
        (Some(Reply::new(200, r#"{"expires_in":1}"#)), None, false, "has no `access_token`"),
        (
            None,
            Some(Reply::new(401, unauthorized)),
            true,
            "`acme.azurecr.io` refuses credentials: status 401 UNAUTHORIZED",
        ),
        (None, Some(Reply::new(404, "")), true, "status 404"),
        (None, Some(Reply::new(429, "").with("Retry-After", "60")), false, "status 429"),
        (None, Some(Reply::new(200, "[]")), false, "has no `refresh_token`"),
        (
            None,
            Some(Reply::new(307, "").with("Location", "https://evil.com/")),
            false,
            "status 307",
        ),
    ] {
        let (scratch, clock) = (Scratch::new(), Clock::new());
        let of = |reply: Option<Reply>, good: Handler| -> Handler {
            match reply {
                Some(reply) => server(move |_| reply.clone()),
                None => good,
            }
        };
        let clouds =
            Clouds::new([(ENTRA, of(of_entra, entra())), (REGISTRY, of(of_registry, registry()))]);
        let error = Azure::new(clouds.clone(), &federated(&scratch, &clock, &[])).find(HOST, "a");
        let error = error.unwrap_err();
        let text = error.to_string();
        assert_eq!(matches!(error, AuthError::Denied { .. }), is_denied, "{text}");
        assert!(text.contains(expected) && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn what_is_missing_or_wrong_in_the_environment_is_said() {
    let (scratch, clock) = (Scratch::new(), Clock::new());
    let assertion = scratch.write("assertion", "t");
    let file = ("AZURE_FEDERATED_TOKEN_FILE", assertion.to_str().unwrap());
    let (client, tenant) = (("AZURE_CLIENT_ID", "c"), ("AZURE_TENANT_ID", "t"));
    for (variables, expected) in [
        (vec![file, tenant], "AZURE_CLIENT_ID: is not set"),
        (vec![file, client], "AZURE_TENANT_ID: is not set"),
        (vec![file, client, ("AZURE_TENANT_ID", "../evil")], "is no tenant's id or domain"),
        (
            vec![("AZURE_FEDERATED_TOKEN_FILE", "/nowhere"), client, tenant],
            "`/nowhere`: is not there",
        ),
        (
            vec![file, client, tenant, ("AZURE_AUTHORITY_HOST", "http://login.evil.com")],
            "neither https",
        ),
        (vec![("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://evil.com")], "neither https"),
    ] {
        let clouds = Clouds::new([]);
        let error = Azure::new(clouds.clone(), &environment(&clock, &variables)).find(HOST, "a");
        let error = error.unwrap_err();
        assert!(matches!(error, AuthError::Misconfigured { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(clouds.asked().is_empty());
    }
}

#[test]
fn no_other_host_gets_a_token_or_a_request() {
    let (scratch, clock) = (Scratch::new(), Clock::new());
    let clouds = Clouds::new([]);
    let source = Azure::new(clouds.clone(), &federated(&scratch, &clock, &[]));
    for host in [
        "azurecr.io",
        "acme.azurecr.io.evil.com",
        "acme.azurecr.iox",
        "acme-azurecr.io",
        "acme.evilazurecr.io",
        "a.b.azurecr.io",
        "acme.azurecr.io:443",
        "acme.azurecr.io.",
        "acme.azurecr.io@evil.com",
        "evil.com@acme.azurecr.io",
        ".azurecr.io",
        "ac_me.azurecr.io",
        "mcr.microsoft.com",
        "ghcr.io",
    ] {
        nothing(&source, host, "a");
        nothing(&source, host, HOST);
    }
    assert!(clouds.asked().is_empty());
}
