//! `countersign doctor registry`: every way in which a registry can be odd.

use std::{
    process::Command,
    sync::Arc,
    time::{Duration, SystemTime},
};

use countersign_host::{
    auth::Keychain,
    doctor::{Check, Grade, Patient, examine, worst},
    http::HostTls,
    registry::{Options, Registry as Client, Repository},
};
use loopback_registry::{Auth, Fault, Options as Kind, Tls, TokenService, User, What};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::Value;

use crate::{
    scratch::Scratch,
    tree::{
        NAME, World, client,
        shown::{code, err, json_of, out, run},
    },
};

/// A registry with an image and a referrer.
fn world(kind: Kind) -> (World, Value) {
    let world = World::new(kind);
    let image = world.image(Some("1"), "a");
    world.attach(&image, "application/x", b"{}");
    (world, image)
}

fn patient(world: &World, push: bool) -> Patient {
    let repository = Repository::parse(&world.registry.repository(NAME)).unwrap();
    Patient { repository, reference: Some("1".to_owned()), now: SystemTime::now(), push }
}

fn grade(checks: &[Check], id: &str) -> Option<Grade> {
    checks.iter().find(|check| check.id == id).map(|check| check.grade)
}

fn found<'c>(checks: &'c [Check], id: &str) -> &'c str {
    &checks.iter().find(|check| check.id == id).unwrap_or_else(|| panic!("no {id}")).found
}

#[test]
fn a_good_registry_has_nothing_to_complain_of_and_is_not_written_to() {
    let (world, _) = world(Kind::default());
    let before = world.registry.snapshot(NAME);
    let reference = world.registry.repository(NAME);
    let output = run(&["doctor", "registry", "--plain-http", &reference]);
    assert_eq!((code(&output), err(&output)), (0, String::new()));
    let text = out(&output);
    for line in [
        "warn tls          plain HTTP with `127.0.0.1:",
        "ok   credentials  it asks for none; there are none for it: we are anonymous",
        "ok   pull         `1` is sha256:",
        "ok   digest       Docker-Content-Digest is true",
        "ok   tags         the list can be read",
        "ok   referrers    the API lists 1 of this image",
        "ok   filter       by artifactType, and it says so",
        "ok   fallbackTag  there is none for this image",
        "ok   roundTrips   ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(world.registry.log().iter().all(|logged| logged.method == "GET"));
    assert_eq!(world.registry.snapshot(NAME), before);
    let report = json_of(&run(&[
        "doctor",
        "registry",
        "--plain-http",
        "--output",
        "json",
        &format!("{reference}:1"),
    ]));
    assert_eq!(report["apiVersion"], "countersign.dev/doctor/v1");
    assert_eq!((&report["repository"], &report["grade"]), (&NAME.into(), &"warn".into()));
}

/// What is odd, the check that shows it, and how bad that is.
#[test]
fn each_oddity_is_found_and_graded() {
    let html = || What::Status {
        status: 200,
        headers: vec![("Content-Type".into(), "text/html".into())],
        body: b"<html>".to_vec(),
    };
    let header =
        |name: &str, value: Option<&str>| What::Header(name.to_owned(), value.map(str::to_owned));
    let zero = format!("sha256:{}", "0".repeat(64));
    let long_ago = "Sun, 06 Nov 1994 08:49:37 GMT";
    let cases: Vec<(&str, &str, What, &str, Grade)> = vec![
        ("html for referrers", "referrers/*", html(), "referrers", Grade::Warn),
        ("no referrers API", "referrers/*", What::status(404), "referrers", Grade::Warn),
        ("referrers fail", "referrers/*", What::status(400), "referrers", Grade::Fail),
        ("referrers denied", "referrers/*", What::status(403), "referrers", Grade::Fail),
        ("html for a manifest", "manifests/1", html(), "pull", Grade::Fail),
        ("no such image", "manifests/1", What::status(404), "pull", Grade::Fail),
        ("may not pull", "manifests/1", What::status(403), "pull", Grade::Fail),
        ("too many requests", "manifests/1", What::RetryAfter("600".into()), "pull", Grade::Fail),
        ("lying digest", "manifests/1", What::WrongDigestHeader(zero), "digest", Grade::Fail),
        ("no digest", "manifests/1", header("Docker-Content-Digest", None), "digest", Grade::Warn),
        ("no tags", "tags/list*", What::status(403), "tags", Grade::Warn),
        ("html for tags", "tags/list*", html(), "tags", Grade::Warn),
        ("fallback tag fails", "manifests/sha256-*", What::status(403), "fallbackTag", Grade::Warn),
    ];
    for (name, path, what, id, expected) in cases {
        let (world, _) = world(Kind::default());
        world.registry.fault(Fault::on("GET", &format!("/v2/{NAME}/{path}"), what));
        let checks = examine(&client(), &patient(&world, false));
        assert_eq!(grade(&checks, id), Some(expected), "{name}: {checks:#?}");
        let others = checks.iter().filter(|check| check.id != id);
        assert!(others.clone().all(|check| check.grade != Grade::Fail), "{name}: {checks:#?}");
        let check = checks.iter().find(|check| check.id == id).unwrap();
        assert!(check.means.is_some() || id == "fallbackTag", "{name}: {check:?}");
    }
    let (world, _) = world(Kind::default());
    world.registry.fault(Fault::on("GET", "/v2/", header("Date", Some(long_ago))));
    let checks = examine(&client(), &patient(&world, false));
    assert_eq!(grade(&checks, "clock"), Some(Grade::Warn), "{checks:#?}");
    assert!(found(&checks, "clock").contains("1994-11-06T08:49:37Z at the registry"));
    assert_eq!(worst(&checks), Grade::Warn);
}

#[test]
fn a_filter_that_lies_and_lists_that_disagree_are_found() {
    let (world, image) = world(Kind { filters: false, ..Kind::default() });
    let lists = examine(&client(), &patient(&world, false));
    assert_eq!(found(&lists, "filter"), "none: the whole list is read");
    let says = What::Header("OCI-Filters-Applied".into(), Some("artifactType".into()));
    world.registry.fault(Fault::on("GET", "/v2/acme/app/referrers/*", says));
    let checks = examine(&client(), &patient(&world, false));
    assert_eq!(found(&checks, "filter"), "it says that it filters, and does not");

    let other = world.image(None, "b");
    let lost = world.attach(&other, "application/x", b"{\"b\":1}");
    world.fallback(&image, &[lost]);
    let checks = examine(&client(), &patient(&world, false));
    assert_eq!(grade(&checks, "fallbackTag"), Some(Grade::Warn));
    assert_eq!(found(&checks, "fallbackTag"), "lists 1 that the API does not list");

    let digest = image["digest"].as_str().unwrap();
    world.registry.tag(NAME, &digest.replace(':', "-"), digest);
    let checks = examine(&client(), &patient(&world, false));
    assert_eq!(found(&checks, "fallbackTag"), "an image, and no list, lies under the tag");
}

#[test]
fn who_does_not_answer_as_a_registry_is_said_to() {
    let output = run(&["doctor", "registry", "--plain-http", "127.0.0.1:1/acme/app"]);
    assert_eq!(code(&output), 2);
    assert!(
        out(&output).contains("FAIL reachable  unavailable: `127.0.0.1:1`"),
        "{}",
        out(&output)
    );
    let (world, _) = world(Kind::default());
    world.registry.fault(Fault::on("GET", "/v2/", What::status(404)));
    let checks = examine(&client(), &patient(&world, false));
    assert_eq!((checks.len(), checks[0].id, checks[0].grade), (1, "reachable", Grade::Fail));
    for reference in ["UPPER", "host/", "a b/c"] {
        assert_eq!(code(&run(&["doctor", "registry", reference])), 3, "{reference}");
    }
}

#[test]
fn credentials_are_named_and_never_shown() {
    let service = TokenService::new(vec![User::new("ann", "s3cret")]);
    let (world, _) = world(Kind { auth: Auth::Bearer(service), ..Kind::default() });
    let reference = format!("{}:1", world.registry.repository(NAME));
    let anonymous = run(&["doctor", "registry", "--plain-http", &reference]);
    assert_eq!(code(&anonymous), 2);
    let text = out(&anonymous);
    assert!(text.contains("it asks for a token of `127.0.0.1:"), "{text}");
    assert!(text.contains("there are none for it: we are anonymous"), "{text}");
    assert!(text.contains("FAIL"), "{text}");

    let scratch = Scratch::new();
    // ann:s3cret
    let config =
        format!(r#"{{"auths":{{"{}":{{"auth":"YW5uOnMzY3JldA=="}}}}}}"#, world.registry.host);
    scratch.write("config.json", config);
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(["doctor", "registry", "--plain-http", &reference]);
    command.env("DOCKER_CONFIG", scratch.path()).env_remove("REGISTRY_AUTH_FILE");
    let output = command.output().unwrap();
    let text = out(&output);
    assert_eq!(code(&output), 0, "{text}");
    assert!(text.contains("config.json` has user name and password"), "{text}");
    assert!(text.contains("gives a token that is taken"), "{text}");
    for secret in ["s3cret", "YW5uOnMzY3JldA"] {
        assert!(!text.contains(secret) && !err(&output).contains(secret), "{text}");
    }
}

#[test]
fn certificates_are_shown_with_their_end() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2090, 1, 1);
    let certificate = params.self_signed(&key).unwrap().pem();
    let tls = Tls::new(certificate.clone(), key.serialize_pem());
    let (world, _) = world(Kind { tls: Some(tls), ..Kind::default() });
    let ca = HostTls { ca: vec![certificate.into_bytes()], ..HostTls::default() };
    let options = Options { tls: vec![(world.registry.host.clone(), ca)], ..Options::default() };
    let trusting = Client::with_credentials(&options, Arc::new(Keychain::anonymous()));
    let mut patient = patient(&world, false);
    let checks = examine(&trusting, &patient);
    assert_eq!(grade(&checks, "tls"), Some(Grade::Ok), "{checks:#?}");
    assert!(found(&checks, "tls").ends_with("until 2090-01-01T00:00:00Z"));
    assert_eq!(found(&checks, "http"), "HTTP/2: one connection for all requests");
    // A week before its end.
    patient.now = SystemTime::UNIX_EPOCH + Duration::from_secs(3_786_307_200);
    assert_eq!(grade(&examine(&trusting, &patient), "tls"), Some(Grade::Warn));

    let strict = Client::with_credentials(&Options::default(), Arc::new(Keychain::anonymous()));
    let checks = examine(&strict, &patient);
    assert_eq!((checks.len(), grade(&checks, "reachable")), (1, Some(Grade::Fail)));
    let next = checks[0].next.as_deref().unwrap();
    assert!(next.contains(&format!("certs.d/{}/ca.crt", world.registry.host)), "{checks:?}");
}

#[test]
fn what_is_pushed_is_deleted_again() {
    let (world, _) = world(Kind::default());
    let before = world.registry.snapshot(NAME);
    let checks = examine(&client(), &patient(&world, true));
    assert_eq!(grade(&checks, "push"), Some(Grade::Ok), "{checks:#?}");
    assert_eq!(found(&checks, "pushSubject"), "OCI-Subject, and the API lists it at once");
    assert_eq!(grade(&checks, "artifactManifest"), Some(Grade::Ok), "{checks:#?}");
    assert_eq!(grade(&checks, "delete"), Some(Grade::Ok), "{checks:#?}");
    let after = world.registry.snapshot(NAME);
    assert_eq!((after.tags, after.manifests), (before.tags, before.manifests));

    let (world, _) = self::world(Kind { deletes: false, referrers: false, ..Kind::default() });
    let checks = examine(&client(), &patient(&world, true));
    assert!(found(&checks, "pushSubject").starts_with("no OCI-Subject"), "{checks:#?}");
    let left = checks.iter().find(|check| check.id == "delete").unwrap();
    assert_eq!(left.grade, Grade::Warn);
    assert!(left.next.as_ref().unwrap().contains("countersign-doctor-"), "{left:?}");
    assert_eq!(worst(&checks), Grade::Warn);

    let reader = vec![User::new("ann", "pw").may("*", &["pull"])];
    let (world, _) = self::world(Kind { auth: Auth::Basic(reader), ..Kind::default() });
    let config = format!(r#"{{"auths":{{"{}":{{"auth":"YW5uOnB3"}}}}}}"#, world.registry.host);
    let scratch = Scratch::new();
    scratch.write("config.json", config);
    let auth = countersign_host::auth::Options {
        docker_config: Some(scratch.path().join("config.json")),
        ..countersign_host::auth::Options::default()
    };
    let client = Client::new(&Options { plain_http: true, auth, ..Options::default() });
    let checks = examine(&client, &patient(&world, true));
    assert_eq!(grade(&checks, "push"), Some(Grade::Warn), "{checks:#?}");
    assert_eq!(grade(&checks, "delete"), None, "nothing was written");
}
