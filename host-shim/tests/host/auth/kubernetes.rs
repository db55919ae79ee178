use std::{path::Path, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign_host::auth::{
    AuthError, CredentialSource, Environment, Keychain, Options, ServiceAccount,
    kubernetes::{Cluster, MountedSecret, MountedSecrets, PullSecret, PullSecrets, Secrets},
};
use serde_json::{Value, json};

use super::{
    basic,
    fake::{Clock, Clouds, environment, server},
    nothing, password,
};
use crate::{
    loopback::{Incoming, Reply},
    scratch::Scratch,
};

const API: &str = "https://10.96.0.1:6443";

fn auths(entries: &[(&str, &str)]) -> Value {
    let entry = |(key, password): &(&str, &str)| {
        ((*key).to_owned(), json!({ "auth": STANDARD.encode(format!("u:{password}")) }))
    };
    entries.iter().map(entry).collect()
}

fn mount(scratch: &Scratch, name: &str, entries: &[(&str, &str)]) {
    let document = json!({ "auths": auths(entries) });
    scratch.write(&format!("{name}/.dockerconfigjson"), document.to_string());
}

fn passwords(source: &dyn CredentialSource, host: &str, repository: &str) -> Vec<String> {
    let found = source.find(host, repository).unwrap();
    found.into_iter().map(|credential| password(Ok(vec![credential]))).collect()
}

#[test]
fn all_secrets_of_a_pod_are_tried_the_most_specific_first() {
    let scratch = Scratch::new();
    mount(&scratch, "shop/one", &[("ghcr.io", "host"), ("*.azurecr.io", "star")]);
    mount(&scratch, "shop/two", &[("ghcr.io/acme", "acme"), ("ghcr.io", "again")]);
    mount(&scratch, "shop/three", &[("acme.azurecr.io", "exact"), ("quay.io", "quay")]);
    mount(&scratch, "other/one", &[("ghcr.io", "of another namespace")]);
    let secrets = Arc::new(MountedSecrets::new(scratch.path()));
    let source = PullSecrets::new(secrets, "shop").of_pod(["one", "two", "three", "one"]);
    assert_eq!(passwords(&source, "ghcr.io", "acme/app"), ["acme", "host", "again"]);
    assert_eq!(passwords(&source, "ghcr.io", "other/app"), ["host", "again"]);
    assert_eq!(passwords(&source, "acme.azurecr.io", "app"), ["exact", "star"]);
    assert_eq!(passwords(&source, "x.azurecr.io", "app"), ["star"]);
    nothing(&source, "a.b.azurecr.io", "app");
    nothing(&source, "evil-ghcr.io", "acme/app");
    nothing(&source, "ghcr.io.evil.com", "acme/app");
    nothing(&source, "ghcr.io:444", "acme/app");
    nothing(&source, "ghcr.io@evil.com", "acme/app");
    nothing(&source, "ghcr.io.", "acme/app");
    assert!(source.notes().is_empty());
}

#[test]
fn secrets_of_the_old_format_are_read_and_programs_in_secrets_are_not_run() {
    let scratch = Scratch::new();
    let old = auths(&[("https://index.docker.io/v1/", "hub")]);
    scratch.write("shop/old/.dockercfg", old.to_string());
    let evil = json!({ "credsStore": "evil", "credHelpers": { "quay.io": "evil" } });
    scratch.write("shop/evil/.dockerconfigjson", evil.to_string());
    let secrets = Arc::new(MountedSecrets::new(scratch.path()));
    let source = PullSecrets::new(secrets, "shop").of_pod(["old", "evil"]);
    assert_eq!(passwords(&source, "registry-1.docker.io", "library/nginx"), ["hub"]);
    nothing(&source, "quay.io", "a");
}

#[test]
fn a_secret_that_is_not_there_is_left_out_and_said() {
    let scratch = Scratch::new();
    mount(&scratch, "shop/one", &[("ghcr.io", "p")]);
    let secrets = Arc::new(MountedSecrets::new(scratch.path()));
    let source = PullSecrets::new(secrets, "shop").of_pod(["gone", "one"]);
    assert_eq!(passwords(&source, "ghcr.io", "a"), ["p"]);
    assert_eq!(source.notes(), ["the Secret `shop/gone` is named for pulling and is not there"]);
    let keychain = Keychain::anonymous().and(source);
    assert_eq!(keychain.notes().len(), 1);
}

#[test]
fn names_stay_within_their_namespace() {
    let scratch = Scratch::new();
    mount(&scratch, "other/one", &[("ghcr.io", "p")]);
    for (namespace, name) in [
        ("shop", "../other/one"),
        ("shop", ".."),
        ("shop", ""),
        ("shop", "one/"),
        ("shop", "One"),
        ("../other", "one"),
        ("", "other"),
        (".", "one"),
        ("shop", "-one"),
        ("shop", "a\0b"),
    ] {
        let secrets = Arc::new(MountedSecrets::new(scratch.path()));
        let source = PullSecrets::new(secrets, namespace).of_pod([name]);
        let error = source.find("ghcr.io", "a").unwrap_err();
        assert!(matches!(error, AuthError::Misconfigured { .. }), "{namespace} {name}: {error}");
    }
}

#[test]
fn a_secret_that_cannot_be_read_is_an_error_and_does_not_show_what_is_in_it() {
    let scratch = Scratch::new();
    for (text, expected) in [
        (r#"{"auths":{"ghcr.io":{"auth":"hunter2!"}}}"#, "the entry for `ghcr.io` has an `auth`"),
        (r#"{"auths":["hunter2"]}"#, "`.dockerconfigjson` is not the JSON"),
        ("hunter2", "`.dockerconfigjson` is not the JSON"),
    ] {
        scratch.write("shop/one/.dockerconfigjson", text);
        let secrets = Arc::new(MountedSecrets::new(scratch.path()));
        let source = PullSecrets::new(secrets, "shop").of_pod(["one"]);
        let error = source.find("ghcr.io", "a").unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains("the Secret `shop/one`") && text.contains(expected), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let secret = PullSecret::DockerConfigJson(b"hunter2".to_vec().into());
    assert_eq!(format!("{secret:?}"), "DockerConfigJson(hidden)");
}

#[test]
fn a_mounted_secret_is_for_all_images_and_must_be_there() {
    let scratch = Scratch::new();
    mount(&scratch, "pull", &[("ghcr.io", "p")]);
    let file = scratch.path().join("pull/.dockerconfigjson");
    let options = Options {
        docker_config: Some(scratch.write("config.json", "{}")),
        pull_secrets: vec![scratch.path().join("pull")],
        clouds: Some(Vec::new()),
        ..Options::default()
    };
    let keychain = Keychain::open(&options, &Environment::fixed::<&str, &str>([])).unwrap();
    assert_eq!(keychain.find("ghcr.io", "a"), Ok(basic("u", "p")));
    assert_eq!(MountedSecret::new(file).find("ghcr.io", "a"), Ok(basic("u", "p")));
    for absent in [scratch.path().join("absent"), scratch.path().to_owned()] {
        let error = MountedSecret::new(absent).find("ghcr.io", "a").unwrap_err().to_string();
        assert!(error.contains("there is no `.dockerconfigjson` or `.dockercfg`"), "{error}");
    }
}

/// A cluster with a Secret of each kind, and two service accounts.
fn api(incoming: &Incoming) -> Reply {
    let secret = |kind: &str, key: &str, value: Value| {
        let data = STANDARD.encode(value.to_string());
        Reply::new(
            200,
            json!({ "kind": "Secret", "type": kind, "data": { key: data } }).to_string(),
        )
    };
    let config = |entries| json!({ "auths": auths(entries) });
    let account = |names: Value| Reply::new(200, json!({ "imagePullSecrets": names }).to_string());
    if incoming.method != "GET" || incoming.header("authorization") != Some("Bearer sa-token") {
        return Reply::new(401, r#"{"kind":"Status","message":"Unauthorized","code":401}"#);
    }
    match incoming.path.as_str() {
        "/api/v1/namespaces/shop/secrets/one" => {
            let entries = config(&[("ghcr.io", "one")]);
            secret("kubernetes.io/dockerconfigjson", ".dockerconfigjson", entries)
        }
        "/api/v1/namespaces/shop/secrets/old" => {
            secret("kubernetes.io/dockercfg", ".dockercfg", auths(&[("ghcr.io", "old")]))
        }
        "/api/v1/namespaces/shop/secrets/opaque" => {
            secret("Opaque", ".dockerconfigjson", config(&[("ghcr.io", "opaque")]))
        }
        "/api/v1/namespaces/shop/secrets/empty" => {
            Reply::new(200, r#"{"type":"kubernetes.io/dockerconfigjson","data":{}}"#)
        }
        "/api/v1/namespaces/shop/secrets/broken" => Reply::new(200, "hunter2"),
        "/api/v1/namespaces/shop/secrets/down" => Reply::new(500, ""),
        "/api/v1/namespaces/closed/secrets/one" => {
            Reply::new(403, r#"{"kind":"Status","message":"forbidden","code":403}"#)
        }
        "/api/v1/namespaces/shop/serviceaccounts/app" => {
            account(json!([{ "name": "old" }, { "name": "one" }]))
        }
        "/api/v1/namespaces/shop/serviceaccounts/bare" => account(Value::Null),
        _ => Reply::new(404, r#"{"kind":"Status","message":"not found","code":404}"#),
    }
}

fn cluster(scratch: &Scratch, clock: &Clock) -> (Arc<Clouds>, Arc<Cluster>) {
    scratch.write("sa/token", "sa-token\n");
    scratch.write("sa/namespace", "shop");
    let clouds = Clouds::new([(API, server(api))]);
    let variables = [("KUBERNETES_SERVICE_HOST", "10.96.0.1"), ("KUBERNETES_SERVICE_PORT", "6443")];
    let environment = environment(clock, &variables);
    let directory = scratch.path().join("sa");
    let cluster = Cluster::over(clouds.clone(), &environment, directory).unwrap();
    (clouds, Arc::new(cluster))
}

#[test]
fn secrets_are_read_from_the_api_with_our_own_token() {
    let (scratch, clock) = (Scratch::new(), Clock::new());
    let (clouds, cluster) = cluster(&scratch, &clock);
    assert_eq!(cluster.namespace(), Ok("shop".to_owned()));
    let source = PullSecrets::new(cluster, "shop").of_pod(["one"]).of_service_account("app");
    assert_eq!(passwords(&source, "ghcr.io", "a"), ["one", "old"]);
    let expected = [
        format!("GET {API}/api/v1/namespaces/shop/serviceaccounts/app"),
        format!("GET {API}/api/v1/namespaces/shop/secrets/one"),
        format!("GET {API}/api/v1/namespaces/shop/secrets/old"),
    ];
    assert_eq!(clouds.asked(), expected);
    // What was read is good for half a minute, and the token is read anew.
    passwords(&source, "ghcr.io", "b");
    assert_eq!(clouds.asked().len(), 3);
    scratch.write("sa/token", "another");
    clock.pass(30);
    let error = source.find("ghcr.io", "a").unwrap_err();
    assert!(matches!(error, AuthError::Denied { .. }), "{error:?}");
    assert!(error.to_string().contains("status 401"), "{error}");
}

#[test]
fn accounts_without_secrets_and_accounts_that_are_not_there_have_none() {
    let (scratch, clock) = (Scratch::new(), Clock::new());
    let (_, cluster) = cluster(&scratch, &clock);
    for account in ["bare", "gone"] {
        let source = PullSecrets::new(cluster.clone(), "shop").of_service_account(account);
        nothing(&source, "ghcr.io", "a");
    }
    let source = PullSecrets::new(cluster, "shop").of_pod(["opaque", "gone"]);
    nothing(&source, "ghcr.io", "a");
    let expected = [
        "the Secret `shop/gone` is named for pulling and is not there",
        "the Secret `shop/opaque` is of type `Opaque` and holds no credentials",
    ];
    assert_eq!(source.notes(), expected);
}

#[test]
fn absent_denied_and_unavailable_are_three_things() {
    let (scratch, clock) = (Scratch::new(), Clock::new());
    let (_, cluster) = cluster(&scratch, &clock);
    let get = |namespace, name| cluster.get(namespace, name);
    assert_eq!(get("shop", "gone"), Ok(None));
    let denied = get("closed", "one").unwrap_err();
    assert!(matches!(denied, AuthError::Denied { .. }), "{denied:?}");
    assert!(denied.to_string().contains("let our service account `get` it"), "{denied}");
    let down = get("shop", "down").unwrap_err();
    assert!(matches!(down, AuthError::Unavailable { .. }), "{down:?}");
    let broken = get("shop", "broken").unwrap_err();
    assert!(matches!(broken, AuthError::Unavailable { .. }), "{broken:?}");
    assert!(!broken.to_string().contains("hunter2"), "{broken}");
    let empty = get("shop", "empty").unwrap_err();
    assert_eq!(empty.to_string(), "the Secret `shop/empty`: has no `.dockerconfigjson`");
    let escape = cluster.object("shop", "secrets/one?x=", "y").unwrap_err();
    assert!(matches!(escape, AuthError::Misconfigured { .. }), "{escape:?}");
}

#[test]
fn outside_of_a_cluster_it_is_said_that_there_is_none() {
    let options = Options {
        service_account: Some(ServiceAccount { namespace: "a".into(), name: "b".into() }),
        ..Options::default()
    };
    let error = Keychain::open(&options, &Environment::fixed::<&str, &str>([])).err().unwrap();
    assert!(matches!(error, AuthError::Misconfigured { .. }), "{error:?}");
    let none = Environment::fixed::<&str, &str>([]);
    let error = Cluster::over(Clouds::new([]), &none, Path::new("/")).err().unwrap().to_string();
    assert_eq!(error, "KUBERNETES_SERVICE_HOST: is not set: this process does not run in a Pod");
}
