//! Who is let in, and how tokens are had.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use loopback_registry::{Auth, Fault, Options, Registry, TokenService, User, What, sha256};

use crate::{
    client::{Answer, get, send},
    conformance::with_image,
};

const MANIFEST: &str = "GET /v2/a/app/manifests/1";

fn with(auth: Auth) -> Registry {
    with_image(Options { auth, ..Options::default() })
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn ask(registry: &Registry, request: &str, authorization: &str) -> Answer {
    send(registry, request, &[("Authorization", authorization)], b"")
}

#[test]
fn basic_lets_in_whom_it_knows_to_what_they_may() {
    let registry = with(Auth::Basic(vec![
        User::new("admin", "p:w"),
        User::new("reader", "pw").may("a/*", &["pull"]),
    ]));
    let answer = get(&registry, "/v2/");
    assert_eq!((answer.status, answer.code().as_str()), (401, "UNAUTHORIZED"));
    assert!(answer.header("www-authenticate").unwrap().starts_with("Basic realm="));
    assert_eq!(ask(&registry, MANIFEST, &basic("admin", "p:w")).status, 200);
    assert_eq!(ask(&registry, MANIFEST, &basic("reader", "pw")).status, 200);
    assert_eq!(ask(&registry, MANIFEST, &basic("reader", "p:w")).status, 401);
    assert_eq!(ask(&registry, MANIFEST, "Bearer x").status, 401);
    for denied in
        ["POST /v2/a/app/blobs/uploads/", "GET /v2/b/manifests/1", "DELETE /v2/a/app/manifests/1"]
    {
        let answer = ask(&registry, denied, &basic("reader", "pw"));
        assert_eq!((answer.status, answer.code().as_str()), (403, "DENIED"), "{denied}");
    }
    let users: Vec<_> = registry.log().into_iter().filter_map(|one| one.user).collect();
    assert_eq!(users, ["admin", "reader"]);
}

#[test]
fn nothing_is_mounted_from_where_one_may_not_read() {
    let registry = with(Auth::Basic(vec![User::new("w", "pw").may("b", &["pull", "push"])]));
    let mount = format!("POST /v2/b/blobs/uploads/?mount={}&from=a/app", sha256(b"{}"));
    assert_eq!(ask(&registry, &mount, &basic("w", "pw")).status, 202);
}

fn service() -> TokenService {
    TokenService::new(vec![
        User::new("admin", "pw").identity("known-refresh-token"),
        User::new("reader", "pw").may("a/*", &["pull"]),
    ])
    .anonymous("open/*", &["pull"])
    .registry_token("fixed", "reader")
}

/// A token for this scope; with no user, anonymously.
fn token(registry: &Registry, user: &str, scope: &str) -> String {
    let request = format!("GET /token?service=loopback-registry&scope={scope}");
    let answer = match user {
        "" => get(registry, &request[4..]),
        user => ask(registry, &request, &basic(user, "pw")),
    };
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(answer.json()["access_token"], token);
    format!("Bearer {token}")
}

#[test]
fn a_challenge_names_realm_service_and_scope() {
    let registry = with(Auth::Bearer(service()));
    let challenge = |request: &str| {
        let answer = send(&registry, request, &[], b"");
        assert_eq!(answer.status, 401);
        answer.header("www-authenticate").unwrap().to_owned()
    };
    let start =
        format!("Bearer realm=\"http://{}/token\",service=\"loopback-registry\"", registry.host);
    assert_eq!(challenge("GET /v2/"), start);
    assert_eq!(challenge(MANIFEST), format!("{start},scope=\"repository:a/app:pull\""));
    let upload = "POST /v2/a/app/blobs/uploads/";
    assert_eq!(challenge(upload), format!("{start},scope=\"repository:a/app:pull,push\""));
    assert_eq!(
        challenge("POST /v2/b/blobs/uploads/?mount=x&from=a/app"),
        format!("{start},scope=\"repository:b:pull,push repository:a/app:pull\"")
    );
    assert_eq!(challenge("GET /v2/_catalog"), format!("{start},scope=\"registry:catalog:*\""));
}

#[test]
fn a_token_is_good_for_its_scope_and_for_nothing_else() {
    let registry = with(Auth::Bearer(service()));
    let pull = token(&registry, "admin", "repository:a/app:pull");
    assert_eq!(ask(&registry, MANIFEST, &pull).status, 200);
    let answer = ask(&registry, "POST /v2/a/app/blobs/uploads/", &pull);
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").unwrap().ends_with(",error=\"insufficient_scope\""));
    let push = token(&registry, "admin", "repository:a/app:pull,push");
    assert_eq!(ask(&registry, "POST /v2/a/app/blobs/uploads/", &push).status, 202);
    let elsewhere = token(&registry, "admin", "repository:b:pull");
    assert_eq!(ask(&registry, MANIFEST, &elsewhere).status, 401, "of another repository");
    let both = token(&registry, "admin", "repository:b:pull&scope=repository:a/app:pull");
    assert_eq!(ask(&registry, MANIFEST, &both).status, 200);

    let reader = token(&registry, "reader", "repository:a/app:pull,push");
    assert_eq!(ask(&registry, MANIFEST, &reader).status, 200);
    let answer = ask(&registry, "POST /v2/a/app/blobs/uploads/", &reader);
    assert_eq!((answer.status, answer.code().as_str()), (403, "DENIED"), "whoever may never push");

    let answer = ask(&registry, MANIFEST, "Bearer forged");
    assert!(answer.header("www-authenticate").unwrap().ends_with(",error=\"invalid_token\""));
    assert_eq!(ask(&registry, MANIFEST, "Bearer fixed").status, 200);
    assert_eq!(ask(&registry, "GET /v2/", &pull).status, 200);
}

#[test]
fn anonymous_tokens_open_what_is_open() {
    let registry = with(Auth::Bearer(service()));
    let open = token(&registry, "", "repository:open/x:pull");
    assert_eq!(ask(&registry, "GET /v2/open/x/manifests/1", &open).code(), "NAME_UNKNOWN");
    let closed = token(&registry, "", "repository:a/app:pull");
    assert_eq!(ask(&registry, MANIFEST, &closed).status, 403);
}

#[test]
fn wrong_passwords_and_services_get_no_token() {
    let registry = with(Auth::Bearer(service()));
    assert_eq!(ask(&registry, "GET /token", &basic("admin", "no")).status, 401);
    assert_eq!(get(&registry, "/token?service=another").status, 400);
    let plain = with_image(Options::default());
    assert_eq!(get(&plain, "/token").status, 404);
}

#[test]
fn refresh_tokens_are_taken_and_given() {
    let registry = with(Auth::Bearer(service()));
    let post = |form: &str| {
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        send(&registry, "POST /token", &headers, form.as_bytes())
    };
    let scope = "service=loopback-registry&client_id=t&scope=repository%3Aa%2Fapp%3Apull";
    let known =
        post(&format!("grant_type=refresh_token&refresh_token=known-refresh-token&{scope}"));
    let access = known.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(ask(&registry, MANIFEST, &format!("Bearer {access}")).status, 200);
    assert_eq!(known.json().get("token"), None);

    let offline = post(&format!(
        "grant_type=password&username=reader&password=pw&access_type=offline&{scope}"
    ));
    let refresh = offline.json()["refresh_token"].as_str().unwrap().to_owned();
    let again = post(&format!("grant_type=refresh_token&refresh_token={refresh}&{scope}"));
    assert_eq!((again.status, again.json().get("refresh_token")), (200, None));
    let get_offline = ask(&registry, "GET /token?offline_token=true", &basic("admin", "pw"));
    assert!(get_offline.json()["refresh_token"].is_string());
    for wrong in [
        "grant_type=refresh_token&refresh_token=x",
        "grant_type=password&username=admin&password=x",
        "",
        "grant_type=magic",
    ] {
        assert_eq!(post(wrong).status, 401, "{wrong}");
    }
    assert_eq!(
        registry.log()[0].body,
        format!("grant_type=refresh_token&refresh_token=known-refresh-token&{scope}").as_bytes()
    );
}

#[test]
fn tokens_end_and_are_shared_by_who_shares_the_service() {
    let shared = service();
    let (one, other) = (with(Auth::Bearer(shared.clone())), with(Auth::Bearer(shared.clone())));
    let pull = token(&one, "admin", "repository:a/app:pull");
    assert_eq!(ask(&other, MANIFEST, &pull).status, 200);
    shared.revoke();
    assert_eq!(ask(&one, MANIFEST, &pull).status, 401);

    let short = with(Auth::Bearer(service().life(Duration::ZERO)));
    let pull = token(&short, "admin", "repository:a/app:pull");
    assert_eq!(ask(&short, MANIFEST, &pull).status, 401);
    let elsewhere = with(Auth::Bearer(service().realm("https://auth.test/t").service("s")));
    let challenge = get(&elsewhere, "/v2/").header("www-authenticate").unwrap().to_owned();
    assert_eq!(challenge, "Bearer realm=\"https://auth.test/t\",service=\"s\"");
}

#[test]
fn faults_meet_what_was_let_in_unless_they_say_otherwise() {
    let registry = with(Auth::Basic(vec![User::new("u", "pw")]));
    registry.fault(Fault::on("GET", "*", What::status(500)).times(1));
    assert_eq!(get(&registry, "/v2/").status, 401);
    assert_eq!(ask(&registry, "GET /v2/", &basic("u", "pw")).status, 500);
    registry.fault(Fault::on("GET", "*", What::status(502)).even_turned_away());
    assert_eq!(get(&registry, "/v2/").status, 502);
}
