use std::time::{Duration, Instant};

use loopback_registry::{Fault, Options as Kind, What};

use super::{Ask, Registry, World, anonymous, ask, outcome};

struct Case {
    name: &'static str,
    faults: Vec<Fault>,
    ask: Ask,
    outcome: &'static str,
    /// Of each request; the one thing asked for is left out.
    statuses: &'static [u16],
}

fn case(
    name: &'static str,
    faults: impl IntoIterator<Item = Fault>,
    ask: Ask,
    outcome: &'static str,
    statuses: &'static [u16],
) -> Case {
    Case { name, faults: faults.into_iter().collect(), ask, outcome, statuses }
}

fn always(what: What) -> [Fault; 1] {
    [Fault::new(what)]
}

fn once(what: What) -> [Fault; 1] {
    [Fault::new(what).times(1)]
}

fn status(status: u16, headers: &[(&str, &str)], body: &str) -> What {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    What::Status { status, headers, body: body.into() }
}

fn redirect(to: &str) -> [Fault; 1] {
    always(What::Redirect(to.to_owned()))
}

fn cases() -> Vec<Case> {
    let dripping = What::SlowBody { bytes: 1, pause: Duration::from_millis(20) };
    let late = What::Delay(Duration::from_secs(3));
    let json_error = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"unknown"}]}"#;
    let other = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    vec![
        // Busy and broken registries.
        case(
            "429 twice",
            [Fault::new(What::RetryAfter("0".into())).times(2)],
            Ask::Manifest,
            "found",
            &[429, 429, 200],
        ),
        case(
            "429 for ever",
            always(What::RetryAfter("0".into())),
            Ask::Manifest,
            "transport",
            &[429; 3],
        ),
        case(
            "429 for ten minutes",
            always(What::RetryAfter("600".into())),
            Ask::Manifest,
            "transport",
            &[429],
        ),
        case(
            "429 until a date",
            [Fault::new(What::RetryAfter("Wed, 21 Oct 2026 07:28:00 GMT".into())).times(1)],
            Ask::Tag,
            "found",
            &[429, 200],
        ),
        case("500 once", once(What::status(500)), Ask::Blob, "found", &[500, 200]),
        case("500 for ever", always(What::status(500)), Ask::Blob, "transport", &[500; 3]),
        case(
            "503 twice",
            [Fault::new(What::status(503)).times(2)],
            Ask::Referrers,
            "found",
            &[503, 503, 200],
        ),
        case("504 for ever", always(What::status(504)), Ask::Resolve, "transport", &[504; 3]),
        // Connections that end.
        case("reset once", once(What::Reset), Ask::Manifest, "found", &[0, 200]),
        case("reset for ever", always(What::Reset), Ask::Manifest, "transport", &[0; 3]),
        case("answer lost once", once(What::LoseReply), Ask::Tag, "found", &[0, 200]),
        case("answer lost for ever", always(What::LoseReply), Ask::Tag, "transport", &[0; 3]),
        case("body cut once", once(What::CutBody(4)), Ask::Manifest, "found", &[200, 200]),
        case("body cut for ever", always(What::CutBody(4)), Ask::Manifest, "transport", &[200; 3]),
        case("body cut before its start", once(What::CutBody(0)), Ask::Blob, "found", &[200, 200]),
        // Time.
        case("dripping", always(dripping), Ask::Manifest, "transport", &[200; 3]),
        case("silent", always(late), Ask::Manifest, "transport", &[200]),
        case(
            "slow, but soon enough",
            always(What::Delay(Duration::from_millis(50))),
            Ask::Blob,
            "found",
            &[200],
        ),
        // Other content than that of the digest.
        case(
            "a bit of a manifest flipped",
            always(What::WrongBytes),
            Ask::Manifest,
            "garbled",
            &[200],
        ),
        case("a bit of a blob flipped", always(What::WrongBytes), Ask::Blob, "garbled", &[200]),
        case("a bit flipped under a tag", always(What::WrongBytes), Ask::Tag, "garbled", &[200]),
        case(
            "another digest in the header of a tag",
            always(What::WrongDigestHeader(other.into())),
            Ask::Tag,
            "garbled",
            &[200],
        ),
        case(
            "another digest in the header while resolving",
            always(What::WrongDigestHeader(other.into())),
            Ask::Resolve,
            "garbled",
            &[200],
        ),
        case(
            "no digest in the header",
            always(What::Header("Docker-Content-Digest".into(), None)),
            Ask::Tag,
            "found",
            &[200],
        ),
        case(
            "a header that is no digest",
            always(What::WrongDigestHeader("sha256:x".into())),
            Ask::Tag,
            "garbled",
            &[200],
        ),
        case(
            "another digest in the header of a digest",
            always(What::WrongDigestHeader(other.into())),
            Ask::Manifest,
            "found",
            &[200],
        ),
        case(
            "another manifest",
            always(What::Body(b"{}".to_vec())),
            Ask::Manifest,
            "garbled",
            &[200],
        ),
        case("an empty manifest", always(What::Body(Vec::new())), Ask::Manifest, "garbled", &[200]),
        // Sizes.
        case(
            "a length that is too long",
            always(What::WrongLength(10)),
            Ask::Manifest,
            "transport",
            &[200; 3],
        ),
        case(
            "a length that is too short",
            always(What::WrongLength(-5)),
            Ask::Manifest,
            "garbled",
            &[200],
        ),
        case("no length", always(What::NoLength), Ask::Manifest, "found", &[200]),
        case(
            "a manifest without end",
            always(What::Flood(1 << 30)),
            Ask::Manifest,
            "too large",
            &[200],
        ),
        case("a blob without end", always(What::Flood(1 << 30)), Ask::Blob, "too large", &[200]),
        case(
            "a list of referrers without end",
            always(What::Flood(1 << 30)),
            Ask::Referrers,
            "too large",
            &[200],
        ),
        case(
            "an error without end",
            [Fault::new(What::status(403)), Fault::new(What::Flood(1 << 20))],
            Ask::Blob,
            "denied",
            &[403],
        ),
        // Lies about what it is.
        case(
            "a manifest that is said to be a page",
            always(What::MediaType("text/html".into())),
            Ask::Manifest,
            "found",
            &[200],
        ),
        case(
            "a page under a tag",
            always(What::Body(b"<html>log in</html>".to_vec())),
            Ask::Resolve,
            "garbled",
            &[200],
        ),
        case(
            "a list under a tag",
            always(What::Body(b"[]".to_vec())),
            Ask::Resolve,
            "garbled",
            &[200],
        ),
        case(
            "referrers that are said to be a page",
            always(What::MediaType("text/html".into())),
            Ask::Referrers,
            "absent",
            &[200],
        ),
        case(
            "referrers that are no list",
            always(What::Body(b"{}".to_vec())),
            Ask::Referrers,
            "garbled",
            &[200],
        ),
        case(
            "referrers that are no JSON",
            always(What::Body(b"no".to_vec())),
            Ask::Referrers,
            "garbled",
            &[200],
        ),
        case(
            "pages without end",
            always(What::EndlessPages),
            Ask::Referrers,
            "too large",
            &[200; 32],
        ),
        case(
            "a next page elsewhere",
            always(What::Header(
                "Link".into(),
                Some("<http://127.0.0.1:1/x>; rel=\"next\"".into()),
            )),
            Ask::Referrers,
            "garbled",
            &[200],
        ),
        case(
            "a next page over ftp",
            always(What::Header("Link".into(), Some("<ftp://127.0.0.1/x>; rel=\"next\"".into()))),
            Ask::Referrers,
            "garbled",
            &[200],
        ),
        // Statuses.
        case(
            "404 with a page",
            always(status(404, &[], "<html>")),
            Ask::Manifest,
            "absent",
            &[404],
        ),
        case("404 with words", always(status(404, &[], json_error)), Ask::Tag, "absent", &[404]),
        case(
            "404 of an API",
            always(status(404, &[], "404 page not found")),
            Ask::Referrers,
            "absent",
            &[404],
        ),
        case("403", always(What::status(403)), Ask::Referrers, "denied", &[403]),
        case("401 without a challenge", always(What::status(401)), Ask::Manifest, "denied", &[401]),
        case(
            "401 with a challenge that nobody knows",
            always(status(401, &[("WWW-Authenticate", "Negotiate")], "")),
            Ask::Blob,
            "denied",
            &[401],
        ),
        case("204", always(What::status(204)), Ask::Manifest, "garbled", &[204]),
        case("206", always(status(206, &[], "part")), Ask::Blob, "garbled", &[206]),
        case("304", always(What::status(304)), Ask::Manifest, "garbled", &[304]),
        case("418", always(What::status(418)), Ask::Manifest, "garbled", &[418]),
        // Redirects.
        case("to itself for ever", always(What::RedirectLoop), Ask::Blob, "garbled", &[307; 6]),
        case(
            "to plain HTTP elsewhere",
            redirect("http://example.invalid{}"),
            Ask::Blob,
            "garbled",
            &[307],
        ),
        case("to another scheme", redirect("file:///etc/passwd"), Ask::Blob, "garbled", &[307]),
        case("with a user", redirect("http://u:p@127.0.0.1:1{}"), Ask::Blob, "garbled", &[307]),
        case("to nowhere", redirect(""), Ask::Blob, "garbled", &[307]),
        case("to a name of its own", redirect("//"), Ask::Blob, "garbled", &[307]),
    ]
}

#[test]
fn each_fault_has_its_outcome_and_costs_no_more_requests_than_it_may() {
    let mut wrong = Vec::new();
    for Case { name, faults, ask: what, outcome: expected, statuses } in cases() {
        let world = World::new(Kind { faults, ..Kind::default() });
        let answer = ask(&anonymous(), &world, what);
        let seen: Vec<u16> = world.registry.log().iter().map(|logged| logged.status).collect();
        if outcome(&answer) != expected || seen != statuses {
            wrong.push(format!(
                "{name}: {} {seen:?}, not {expected} {statuses:?}: {answer:?}",
                outcome(&answer)
            ));
        }
    }
    assert!(cases().len() >= 40, "the issue asks for 40");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn who_drips_is_given_up_in_time() {
    let drip = What::SlowBody { bytes: 1, pause: Duration::from_millis(50) };
    let world = World::new(Kind { faults: vec![Fault::new(drip)], ..Kind::default() });
    let start = Instant::now();
    assert_eq!(outcome(&ask(&anonymous(), &world, Ask::Manifest)), "transport");
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
}

#[test]
fn one_fault_spoils_nothing_that_comes_after() {
    let world = World::new(Kind::default());
    let client = anonymous();
    for what in [What::Reset, What::CutBody(3), What::status(500), What::WrongBytes] {
        world.registry.fault(Fault::new(what));
        assert_ne!(outcome(&ask(&client, &world, Ask::Blob)), "found");
        world.registry.clear_faults();
        assert_eq!(outcome(&ask(&client, &world, Ask::Blob)), "found");
    }
}

#[test]
fn so_many_requests_go_to_one_host_at_once() {
    let delay = What::Delay(Duration::from_millis(100));
    let world = World::new(Kind { faults: vec![Fault::new(delay)], ..Kind::default() });
    let client = anonymous();
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| assert_eq!(outcome(&ask(&client, &world, Ask::Blob)), "found"));
        }
    });
    let connections = world.registry.log().iter().map(|logged| logged.connection).max();
    assert!(connections.is_some_and(|most| most <= 8), "{connections:?}");
}

#[test]
fn connections_are_kept() {
    let world = World::new(Kind::default());
    let client = anonymous();
    for what in [Ask::Tag, Ask::Manifest, Ask::Blob, Ask::Referrers] {
        ask(&client, &world, what);
    }
    assert!(world.registry.log().iter().all(|logged| logged.connection == 1));
    let _: &Registry = &world.registry;
}
