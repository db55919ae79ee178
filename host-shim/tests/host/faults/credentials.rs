//! Who gets to see credentials.

use std::time::Duration;

use countersign_host::{
    auth::{Credential, Secret},
    http::{Call, HeaderName, Http, Options as HttpOptions, Url, header},
};
use loopback_registry::{Auth, Fault, Options as Kind, TokenService, User, What};

use super::{Ask, Known, World, anonymous, ask, outcome};

fn basic() -> Kind {
    Kind { auth: Auth::Basic(vec![User::new("ann", "secret")]), ..Kind::default() }
}

fn bearer(service: TokenService) -> Kind {
    Kind { auth: Auth::Bearer(service), ..Kind::default() }
}

fn ann() -> Vec<User> {
    vec![User::new("ann", "secret").identity("refresh-me")]
}

fn authorizations(world: &World) -> Vec<Option<String>> {
    let log = world.registry.log();
    log.iter().map(|logged| logged.header("authorization").map(str::to_owned)).collect()
}

#[test]
fn a_password_is_shown_when_it_is_asked_for_and_then_at_once() {
    let world = World::new(basic());
    let client = Known::default().basic(&world.registry.host, "ann", "secret").client();
    assert_eq!(outcome(&ask(&client, &world, Ask::Manifest)), "found");
    assert_eq!(outcome(&ask(&client, &world, Ask::Blob)), "found");
    assert_eq!(
        world.requests(),
        ["GET manifests/{image} 401", "GET manifests/{image} 200 ann", "GET blobs/{blob} 200 ann"]
    );
}

#[test]
fn a_wrong_password_is_denied_and_tried_once() {
    let world = World::new(basic());
    let client = Known::default().basic(&world.registry.host, "ann", "wrong").client();
    assert_eq!(outcome(&ask(&client, &world, Ask::Manifest)), "denied");
    assert_eq!(world.requests(), ["GET manifests/{image} 401", "GET manifests/{image} 401"]);
}

#[test]
fn of_several_credentials_the_one_that_works_is_found_and_kept() {
    let world = World::new(basic());
    let host = world.registry.host.clone();
    let known = Known::default().basic(&host, "ann", "old").basic(&host, "ann", "secret");
    let client = known.client();
    assert_eq!(outcome(&ask(&client, &world, Ask::Manifest)), "found");
    assert_eq!(world.requests().len(), 3);
    assert_eq!(outcome(&ask(&client, &world, Ask::Blob)), "found");
    assert_eq!(world.requests(), ["GET blobs/{blob} 200 ann"]);
}

#[test]
fn hosts_that_look_alike_get_nothing() {
    let world = World::new(basic());
    let host = world.registry.host.clone();
    let port = host.rsplit(':').next().unwrap().to_owned();
    for other in [
        format!("localhost:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{port}0"),
        format!("{host}@evil.example"),
    ] {
        let client = Known::default().basic(&other, "ann", "secret").client();
        assert_eq!(outcome(&ask(&client, &world, Ask::Manifest)), "denied", "{other}");
        assert_eq!(authorizations(&world), [None], "{other}");
        let _ = world.registry.take_log();
    }
}

#[test]
fn a_token_is_asked_for_once_and_used_again() {
    let world = World::new(bearer(TokenService::new(ann())));
    let client = Known::default().basic(&world.registry.host, "ann", "secret").client();
    for what in [Ask::Manifest, Ask::Blob, Ask::Referrers] {
        assert_eq!(outcome(&ask(&client, &world, what)), "found");
    }
    assert_eq!(
        world.requests(),
        [
            "GET manifests/{image} 401",
            "GET /token?service=loopback-registry&scope=repository%3Aacme%2Fapp%3Apull 200",
            "GET manifests/{image} 200 ann",
            "GET blobs/{blob} 200 ann",
            "GET referrers/{image} 200 ann",
        ]
    );
}

#[test]
fn what_is_open_to_everybody_needs_a_token_without_a_name() {
    let service = TokenService::new(ann()).anonymous("*", &["pull"]);
    let world = World::new(bearer(service));
    assert_eq!(outcome(&ask(&anonymous(), &world, Ask::Manifest)), "found");
    assert_eq!(world.requests().len(), 3);
}

#[test]
fn a_token_that_has_run_out_is_asked_for_anew() {
    let service = TokenService::new(ann());
    let world = World::new(bearer(service.clone()));
    let client = Known::default().basic(&world.registry.host, "ann", "secret").client();
    assert_eq!(outcome(&ask(&client, &world, Ask::Manifest)), "found");
    service.revoke();
    let _ = world.requests();
    assert_eq!(outcome(&ask(&client, &world, Ask::Manifest)), "found");
    let requests = world.requests();
    assert_eq!(requests.len(), 3, "{requests:?}");
    assert!(requests[1].starts_with("GET /token?"), "{requests:?}");
}

#[test]
fn an_identity_token_goes_to_the_token_service_in_a_form() {
    let world = World::new(bearer(TokenService::new(ann())));
    let identity = Credential::Identity(Secret::new("refresh-me"));
    let client = Known::default().and(&world.registry.host, identity).client();
    assert_eq!(outcome(&ask(&client, &world, Ask::Manifest)), "found");
    let log = world.registry.log();
    assert_eq!((log[1].method.as_str(), log[1].path.as_str()), ("POST", "/token"));
    assert_eq!(
        String::from_utf8_lossy(&log[1].body),
        "grant_type=refresh_token&client_id=countersign&service=loopback-registry\
         &scope=repository%3Aacme%2Fapp%3Apull&refresh_token=refresh-me"
    );
    assert!(log.iter().all(|logged| !logged.path.contains("refresh-me")));
}

#[test]
fn a_registry_token_is_shown_as_it_is() {
    let service = TokenService::new(ann()).registry_token("as-it-is", "ann");
    let world = World::new(bearer(service));
    let token = Credential::Bearer(Secret::new("as-it-is"));
    let client = Known::default().and(&world.registry.host, token).client();
    assert_eq!(outcome(&ask(&client, &world, Ask::Manifest)), "found");
    assert_eq!(world.requests(), ["GET manifests/{image} 401", "GET manifests/{image} 200 ann"]);
}

#[test]
fn a_token_service_elsewhere_is_asked_without_credentials() {
    let thief = World::new(Kind::default());
    let realm = format!("{}/token", thief.registry.url());
    let world = World::new(bearer(TokenService::new(ann()).realm(realm)));
    let client = Known::default().basic(&world.registry.host, "ann", "secret").client();
    let answer = ask(&client, &world, Ask::Manifest);
    assert_ne!(outcome(&answer), "found");
    assert_eq!(thief.registry.log().len(), 1);
    assert_eq!(authorizations(&thief), [None]);
}

#[test]
fn realms_that_are_tricks_are_not_asked() {
    for realm in [
        "http://example.invalid/token",
        "ftp://127.0.0.1/token",
        "http://ann:secret@127.0.0.1:1/token",
        "",
        "javascript:alert(1)",
        "http://[::1/token",
    ] {
        let world = World::new(bearer(TokenService::new(ann()).realm(realm)));
        let client = Known::default().basic(&world.registry.host, "ann", "secret").client();
        let answer = ask(&client, &world, Ask::Manifest);
        assert!(matches!(outcome(&answer), "garbled" | "denied"), "{realm}: {answer:?}");
        assert!(
            authorizations(&world)
                .iter()
                .all(|a| !a.as_deref().unwrap_or_default().contains("Basic")),
            "{realm}"
        );
    }
}

#[test]
fn a_redirect_to_another_host_carries_no_credentials() {
    let other = World::new(Kind::default());
    let world = World::new(basic());
    world.registry.fault(Fault::on(
        "GET",
        "*",
        What::Redirect(format!("{}{{}}", other.registry.url())),
    ));
    let client = Known::default().basic(&world.registry.host, "ann", "secret").client();
    assert_eq!(outcome(&ask(&client, &world, Ask::Blob)), "found");
    assert_eq!(world.requests(), ["GET blobs/{blob} 401", "GET blobs/{blob} 307 ann"]);
    assert_eq!(authorizations(&other), [None]);
}

#[test]
fn a_challenge_from_where_a_redirect_led_is_not_the_registrys() {
    let thief = World::new(Kind::default());
    let realm = format!("{}/token", thief.registry.url());
    for auth in [Auth::Bearer(TokenService::new(ann()).realm(realm)), Auth::Basic(ann())] {
        let storage = World::new(Kind { auth, ..Kind::default() });
        let world = World::new(Kind::default());
        let to = format!("{}{{}}", storage.registry.url());
        world.registry.fault(Fault::on("GET", "*/blobs/*", What::Redirect(to)));
        let client = Known::default().basic(&world.registry.host, "ann", "secret").client();
        assert_eq!(outcome(&ask(&client, &world, Ask::Blob)), "denied");
        assert_eq!(outcome(&ask(&client, &world, Ask::Manifest)), "found");
        assert_eq!(world.requests(), ["GET blobs/{blob} 307", "GET manifests/{image} 200"]);
        assert_eq!(authorizations(&storage), [None]);
    }
    assert!(thief.registry.log().is_empty(), "{:?}", thief.registry.log());
}

#[test]
fn headers_for_the_one_who_is_asked_do_not_go_to_where_a_redirect_leads() {
    let other = World::new(Kind::default());
    let world = World::new(Kind::default());
    let to = format!("{}{{}}", other.registry.url());
    world.registry.fault(Fault::on("GET", "*", What::Redirect(to)));
    let http = Http::new(&HttpOptions { plain_http: true, ..HttpOptions::default() });
    let url: Url = format!("{}/v2/", world.registry.url()).parse().unwrap();
    let secret = HeaderName::from_static("x-aws-ec2-metadata-token");
    let call = Call::get(&url).header(secret, "token").header(header::ACCEPT, "a/b");
    assert_eq!(http.send(&mut { call }).unwrap().status, 200);
    let shown = |world: &World, name| world.registry.log()[0].header(name).map(str::to_owned);
    assert_eq!(shown(&world, "x-aws-ec2-metadata-token").as_deref(), Some("token"));
    assert_eq!(shown(&other, "x-aws-ec2-metadata-token"), None);
    assert_eq!(shown(&other, "accept").as_deref(), Some("a/b"));
}

#[test]
fn of_several_challenges_the_one_that_is_known_is_answered() {
    let challenges = |headers: &[&str]| {
        let headers = headers.iter().map(|h| ("WWW-Authenticate".to_owned(), (*h).to_owned()));
        What::Status { status: 401, headers: headers.collect(), body: Vec::new() }
    };
    for fault in [
        challenges(&["Negotiate", "Basic realm=\"x\""]),
        challenges(&["Negotiate, Basic realm=\"x, y\""]),
        challenges(&["Negotiate oYIw==, Basic realm=x"]),
        challenges(&["Basic realm=\"a \\\"quoted\\\" word\", Negotiate"]),
    ] {
        let world = World::new(basic());
        world.registry.fault(Fault::new(fault.clone()).times(1).even_turned_away());
        let client = Known::default().basic(&world.registry.host, "ann", "secret").client();
        assert_eq!(outcome(&ask(&client, &world, Ask::Manifest)), "found", "{fault:?}");
        assert_eq!(world.requests().len(), 2);
    }
}

#[test]
fn a_token_service_that_is_busy_is_waited_for_and_one_that_is_down_is_not_a_denial() {
    for (fault, expected) in [
        (Fault::on("GET", "/token*", What::RetryAfter("0".into())).times(2), "found"),
        (Fault::on("GET", "/token*", What::status(500)), "transport"),
        (Fault::on("GET", "/token*", What::status(403)), "denied"),
        (Fault::on("GET", "/token*", What::status(401)), "denied"),
        (Fault::on("GET", "/token*", What::Body(b"{}".to_vec())), "garbled"),
        (Fault::on("GET", "/token*", What::Body(b"<html>".to_vec())), "garbled"),
        (
            Fault::on("GET", "/token*", What::Body(b"{\"token\":\"a\\r\\nX: y\"}".to_vec())),
            "garbled",
        ),
        (Fault::on("GET", "/token*", What::Flood(1 << 24)), "garbled"),
        (Fault::on("GET", "/token*", What::RedirectLoop), "garbled"),
    ] {
        let world = World::new(bearer(TokenService::new(ann())));
        let what = format!("{fault:?}");
        world.registry.fault(fault.even_turned_away());
        let client = Known::default().basic(&world.registry.host, "ann", "secret").client();
        let answer = ask(&client, &world, Ask::Manifest);
        let expected: &[&str] =
            if what.contains("Flood") { &["too large", "garbled"] } else { &[expected] };
        assert!(expected.contains(&outcome(&answer)), "{what}: {answer:?}");
    }
}

#[test]
fn nobody_may_pull_more_than_his_token_says() {
    let user = User::new("ann", "secret").may("other/*", &["pull"]);
    let world = World::new(bearer(TokenService::new(vec![user]).life(Duration::from_secs(60))));
    let client = Known::default().basic(&world.registry.host, "ann", "secret").client();
    assert_eq!(outcome(&ask(&client, &world, Ask::Manifest)), "denied");
    assert!(world.requests().len() <= 4);
}
