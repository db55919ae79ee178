use std::sync::Arc;

use countersign_host::auth::{AuthError, CredentialSource, Environment, gcp::Gcp};
use serde_json::{Value, json};

use super::{
    basic,
    fake::{Clock, Clouds, environment, fields, http, pairs, server},
    nothing,
};
use crate::{
    loopback::{Incoming, Loopback, Reply},
    scratch::Scratch,
};

const HOST: &str = "europe-west1-docker.pkg.dev";
const METADATA: &str = "http://metadata.google.internal";
const STS: &str = "https://sts.googleapis.com";
const IAM: &str = "https://iamcredentials.googleapis.com";
const USER: &str = "oauth2accesstoken";
const AUDIENCE: &str =
    "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q";

type Change = Box<dyn FnOnce(&mut Value)>;
type Handler = Box<dyn Fn(&Incoming) -> Reply + Send + Sync>;

fn metadata() -> Handler {
    let answer = r#"{"access_token":"ya29.c.x","expires_in":3599,"token_type":"Bearer"}"#;
    server(move |_| Reply::new(200, answer).with("Metadata-Flavor", "Google"))
}

fn sts() -> Handler {
    let answer = r#"{"access_token":"federated","issued_token_type":"urn:x","token_type":"Bearer","expires_in":3600}"#;
    server(move |_| Reply::new(200, answer))
}

/// The file of an external account.
fn external(scratch: &Scratch, change: impl FnOnce(&mut Value)) -> Environment {
    let subject = scratch.write("subject", "eyJh.eyJz.c2ln\n");
    let mut document = json!({
        "type": "external_account",
        "audience": AUDIENCE,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": { "file": subject },
    });
    change(&mut document);
    credentials(scratch, &document.to_string())
}

fn credentials(scratch: &Scratch, document: &str) -> Environment {
    let path = scratch.write("credentials.json", document);
    let path = path.to_str().unwrap();
    environment(&Clock::new(), &[("GOOGLE_APPLICATION_CREDENTIALS", path)])
}

#[test]
fn an_instance_gets_its_token_from_the_metadata_server() {
    let clock = Clock::new();
    let clouds = Clouds::new([(METADATA, metadata())]);
    let source = Gcp::new(clouds.clone(), &environment(&clock, &[]));
    for host in [HOST, "gcr.io", "eu.gcr.io", "us-docker.pkg.dev"] {
        assert_eq!(source.find(host, "project/app"), Ok(basic(USER, "ya29.c.x")));
    }
    let log = clouds.log(METADATA);
    assert_eq!(log.len(), 1);
    let path = "/computeMetadata/v1/instance/service-accounts/default/token";
    assert_eq!((log[0].method.as_str(), log[0].path.as_str()), ("GET", path));
    assert_eq!(log[0].header("metadata-flavor"), Some("Google"));
    clock.pass(3599 - 301);
    source.find(HOST, "a").unwrap();
    assert_eq!(clouds.log(METADATA).len(), 1);
    clock.pass(1);
    source.find(HOST, "a").unwrap();
    assert_eq!(clouds.log(METADATA).len(), 2);
}

#[test]
fn the_metadata_server_is_where_the_environment_says() {
    let server = Loopback::start(|_| {
        let answer = r#"{"access_token":"here","expires_in":3599}"#;
        Reply::new(200, answer).with("Metadata-Flavor", "Google")
    });
    let variables = [("GCE_METADATA_HOST", server.host.as_str())];
    let source = Gcp::new(Arc::new(http()), &environment(&Clock::new(), &variables));
    assert_eq!(source.find(HOST, "a"), Ok(basic(USER, "here")));
    let bad = environment(&Clock::new(), &[("GCE_METADATA_HOST", "evil.com/x?")]);
    let error = Gcp::new(Arc::new(http()), &bad).find(HOST, "a").unwrap_err();
    assert_eq!(
        error,
        AuthError::Misconfigured {
            place: "GCE_METADATA_HOST".to_owned(),
            message: "is no host".to_owned(),
        }
    );
}

#[test]
fn an_external_account_exchanges_its_token() {
    let scratch = Scratch::new();
    let clouds = Clouds::new([(STS, sts())]);
    let source = Gcp::new(clouds.clone(), &external(&scratch, |_| {}));
    assert_eq!(source.find(HOST, "a"), Ok(basic(USER, "federated")));
    assert_eq!(clouds.asked(), [format!("POST {STS}/v1/token")]);
    let asked = &clouds.log(STS)[0];
    assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    let expected = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("audience", AUDIENCE),
        ("scope", "https://www.googleapis.com/auth/cloud-platform"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("subject_token", "eyJh.eyJz.c2ln"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
    ];
    assert_eq!(fields(&asked.body), pairs(&expected));
}

#[test]
fn an_external_account_may_act_for_a_service_account_and_read_json() {
    let scratch = Scratch::new();
    let subject = scratch.write("subject.json", r#"{"id_token":"inner"}"#);
    let account = format!(
        "{IAM}/v1/projects/-/serviceAccounts/a@p.iam.gserviceaccount.com:generateAccessToken"
    );
    let environment = external(&scratch, |document| {
        document["service_account_impersonation_url"] = account.clone().into();
        document["credential_source"] = json!({
            "file": subject,
            "format": { "type": "json", "subject_token_field_name": "id_token" },
        });
    });
    let iam = server(|incoming| match incoming.header("authorization") {
        Some("Bearer federated") => {
            Reply::new(200, r#"{"accessToken":"acting","expireTime":"2026-11-21T04:00:00.5Z"}"#)
        }
        _ => Reply::new(401, ""),
    });
    let clouds = Clouds::new([(STS, sts()), (IAM, iam)]);
    let source = Gcp::new(clouds.clone(), &environment);
    assert_eq!(source.find(HOST, "a"), Ok(basic(USER, "acting")));
    assert_eq!(clouds.asked()[1], format!("POST {account}"));
    let fields = fields(&clouds.log(STS)[0].body);
    assert!(fields.contains(&("subject_token".to_owned(), "inner".to_owned())));
    let asked = &clouds.log(IAM)[0];
    let expected =
        json!({ "scope": ["https://www.googleapis.com/auth/cloud-platform"], "lifetime": "3600s" });
    assert_eq!(serde_json::from_slice::<Value>(&asked.body).unwrap(), expected);
    assert_eq!(asked.header("content-type"), Some("application/json"));
}

#[test]
fn the_key_of_a_service_account_is_a_password_as_it_is() {
    let scratch = Scratch::new();
    let key = r#"{"type":"service_account","private_key":"-----BEGIN"}"#;
    let clouds = Clouds::new([]);
    let source = Gcp::new(clouds.clone(), &credentials(&scratch, key));
    assert_eq!(source.find(HOST, "a"), Ok(basic("_json_key", key)));
    assert!(clouds.asked().is_empty());
}

#[test]
fn a_file_that_would_lead_elsewhere_is_refused() {
    let set =
        |pointer: &'static str, value: Value| move |document: &mut Value| document[pointer] = value;
    let cases: Vec<(Change, &str)> = vec![
        (
            Box::new(set("token_url", "https://sts.googleapis.com.evil.com/v1/token".into())),
            "its `token_url` is",
        ),
        (
            Box::new(set("token_url", "http://sts.googleapis.com/v1/token".into())),
            "its `token_url` is",
        ),
        (
            Box::new(set(
                "service_account_impersonation_url",
                "https://evil.com/a:generateAccessToken".into(),
            )),
            "impersonation_url` is not",
        ),
        (
            Box::new(set(
                "service_account_impersonation_url",
                format!("{IAM}/v1/projects/-/serviceAccounts/../../x:generateAccessToken").into(),
            )),
            "impersonation_url` is not",
        ),
        (
            Box::new(set("credential_source", json!({ "url": "http://169.254.169.254/" }))),
            "is not a file",
        ),
        (
            Box::new(set("credential_source", json!({ "executable": { "command": "/bin/sh" } }))),
            "is not a file",
        ),
        (
            Box::new(set("credential_source", json!({ "file": "/nowhere" }))),
            "`/nowhere`: is not there",
        ),
        (
            Box::new(set(
                "credential_source",
                json!({ "file": "/nowhere", "format": { "type": "xml" } }),
            )),
            "of format `xml`",
        ),
        (Box::new(set("audience", Value::Null)), "is no external account"),
        (Box::new(set("type", "authorized_user".into())), "is of type `authorized_user`"),
    ];
    for (change, expected) in cases {
        let scratch = Scratch::new();
        let clouds = Clouds::new([]);
        let error = Gcp::new(clouds.clone(), &external(&scratch, change)).find(HOST, "a");
        let error = error.unwrap_err();
        assert!(matches!(error, AuthError::Misconfigured { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(clouds.asked().is_empty());
    }
    let scratch = Scratch::new();
    for (text, expected) in [("hunter2", "is not JSON"), ("{}", "is of type ``")] {
        let source = Gcp::new(Clouds::new([]), &credentials(&scratch, text));
        let error = source.find(HOST, "a").unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn who_refuses_has_refused_and_who_is_silent_may_answer_later() {
    let good = r#"{"access_token":"hunter2","expires_in":1}"#;
    for (reply, is_denied, expected) in [
        (
            Reply::new(403, r#"{"error":"access_denied","error_description":"no scope"}"#),
            true,
            "refuses credentials: status 403 access_denied no scope",
        ),
        (Reply::new(404, "").with("Metadata-Flavor", "Google"), true, "status 404"),
        (Reply::new(500, ""), false, "gives no credentials: status 500"),
        (Reply::new(200, good), false, "is not from Google"),
        (Reply::new(200, good).with("Metadata-Flavor", "Evil"), false, "is not from Google"),
        (Reply::new(200, "hunter2").with("Metadata-Flavor", "Google"), false, "is not JSON"),
        (
            Reply::new(200, r#"{"access_token":"a b","expires_in":1}"#)
                .with("Metadata-Flavor", "Google"),
            false,
            "has no `access_token`",
        ),
        (
            Reply::new(200, r#"{"access_token":"hunter2"}"#).with("Metadata-Flavor", "Google"),
            false,
            "how long it holds",
        ),
    ] {
        let clouds = Clouds::new([(METADATA, server(move |_| reply.clone()))]);
        let error = Gcp::new(clouds.clone(), &environment(&Clock::new(), &[])).find(HOST, "a");
        let error = error.unwrap_err();
        let text = error.to_string();
        assert_eq!(matches!(error, AuthError::Denied { .. }), is_denied, "{text}");
        assert!(text.starts_with("the metadata server of Google Cloud "), "{text}");
        assert!(text.contains(expected) && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn no_other_host_gets_a_token_or_a_request() {
    let clouds = Clouds::new([(METADATA, metadata())]);
    let source = Gcp::new(clouds.clone(), &environment(&Clock::new(), &[]));
    for host in [
        "evil-gcr.io",
        "evilgcr.io",
        "gcr.io.evil.com",
        "gcr.iox",
        "a.b.gcr.io",
        "gcr.io:443",
        "gcr.io.",
        ".gcr.io",
        "gcr.io@evil.com",
        "evil.com@gcr.io",
        "ghcr.io",
        "pkg.dev",
        "docker.pkg.dev",
        "-docker.pkg.dev.evil.com",
        "europe-docker.pkg.dev.evil.com",
        "evil.com-docker.pkg.dev",
        "europe-npm.pkg.dev",
        "europe-dockerxpkg.dev",
    ] {
        nothing(&source, host, "a");
        nothing(&source, host, HOST);
    }
    assert!(clouds.asked().is_empty());
}
