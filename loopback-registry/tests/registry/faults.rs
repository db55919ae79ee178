//! What a test can ask to go wrong.

use std::time::{Duration, Instant};

use loopback_registry::{Fault, Options, Registry, What, sha256};

use crate::{
    client::{Answer, Client, get, send},
    conformance::{manifest, with_image},
};

const BLOB: &[u8] = b"0123456789";

/// What a GET of the blob brings under this fault.
fn blob(what: What) -> (Registry, Answer) {
    let registry = with_image(Options::default());
    registry.fault(Fault::on("GET", "/v2/*/blobs/*", what));
    let answer = get(&registry, &path());
    (registry, answer)
}

fn path() -> String {
    format!("/v2/a/app/blobs/{}", sha256(BLOB))
}

/// Status, meant bytes, of the last request.
fn logged(registry: &Registry) -> (u16, u64) {
    let last = registry.log().pop().unwrap();
    (last.status, last.bytes_out)
}

#[test]
fn the_first_two_requests_are_answered_429_and_the_third_is_served() {
    let registry = with_image(Options::default());
    registry.fault(Fault::on("GET", "/v2/*", What::RetryAfter("0".into())).times(2));
    let mut client = Client::new(&registry);
    let mut ask = || client.send(&format!("GET {}", path()), &[], b"");
    for _ in 0..2 {
        let answer = ask();
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("0")));
        assert_eq!(answer.code(), "TOOMANYREQUESTS");
    }
    assert_eq!(ask().body, BLOB);
    assert_eq!(registry.log().iter().map(|one| one.status).collect::<Vec<_>>(), [429, 429, 200]);
}

#[test]
fn a_fault_can_begin_later_and_be_taken_back() {
    let registry = with_image(Options::default());
    registry.fault(Fault::new(What::status(503)).from(2));
    let statuses: Vec<_> = (0..3).map(|_| get(&registry, "/v2/").status).collect();
    assert_eq!(statuses, [200, 503, 503]);
    registry.clear_faults();
    assert_eq!(get(&registry, "/v2/").status, 200);
}

#[test]
fn an_answer_of_any_kind_takes_the_place_of_the_registrys() {
    let (registry, answer) = blob(What::Status {
        status: 418,
        headers: vec![("X-Tea".into(), "yes".into())],
        body: b"short and stout".to_vec(),
    });
    assert_eq!((answer.status, answer.header("x-tea")), (418, Some("yes")));
    assert_eq!(answer.body, b"short and stout");
    assert_eq!(logged(&registry), (418, 15));

    // It is not carried out.
    registry.fault(Fault::on("DELETE", "*", What::status(500)));
    send(&registry, &format!("DELETE {}", path()), &[], b"");
    assert_eq!(registry.snapshot("a/app").blobs[&sha256(BLOB)], BLOB);
}

#[test]
fn a_cut_body_breaks_off_after_so_many_bytes() {
    let (registry, answer) = blob(What::CutBody(4));
    assert_eq!((answer.status, answer.header("content-length")), (200, Some("10")));
    assert!(answer.cut && answer.body == b"0123", "{answer:?}");
    assert_eq!(logged(&registry), (200, 4));
    let (_, answer) = blob(What::CutBody(0));
    assert!(answer.cut && answer.body.is_empty() && answer.status == 200, "{answer:?}");
}

#[test]
fn a_connection_is_reset_or_closed_without_an_answer() {
    let (registry, answer) = blob(What::Reset);
    assert_eq!((answer.status, answer.reset), (0, true), "{answer:?}");
    assert_eq!(logged(&registry), (0, 0));

    let registry = with_image(Options::default());
    registry.fault(Fault::on("DELETE", "*", What::LoseReply));
    let answer = send(&registry, &format!("DELETE {}", path()), &[], b"");
    assert_eq!((answer.status, answer.reset), (0, false), "{answer:?}");
    assert!(!registry.snapshot("a/app").blobs.contains_key(&sha256(BLOB)), "it is carried out");
}

#[test]
fn bodies_and_headers_can_lie() {
    let (_, answer) = blob(What::WrongBytes);
    assert_eq!(answer.body.len(), BLOB.len());
    assert_eq!(answer.body.iter().zip(BLOB).filter(|(a, b)| a != b).count(), 1);
    assert_eq!(answer.header("docker-content-digest"), Some(sha256(BLOB).as_str()));

    let (_, answer) = blob(What::Body(b"another".to_vec()));
    assert_eq!(
        (answer.body.as_slice(), answer.header("content-length")),
        (&b"another"[..], Some("7"))
    );

    let (_, answer) = blob(What::WrongDigestHeader(sha256(b"x")));
    assert_eq!(answer.header("docker-content-digest"), Some(sha256(b"x").as_str()));
    let (_, answer) = blob(What::MediaType("text/html".into()));
    assert_eq!(answer.header("content-type"), Some("text/html"));
    let (_, answer) = blob(What::Header("docker-content-digest".into(), None));
    assert_eq!((answer.status, answer.header("docker-content-digest")), (200, None));
    let (_, answer) = blob(What::Header("Link".into(), Some("</x>; rel=\"next\"".into())));
    assert_eq!(answer.header("link"), Some("</x>; rel=\"next\""));
}

#[test]
fn lengths_can_lie_or_be_left_unsaid() {
    let (registry, answer) = blob(What::WrongLength(5));
    assert_eq!(answer.header("content-length"), Some("15"));
    assert!(answer.cut && answer.body == BLOB, "{answer:?}");
    assert_eq!(logged(&registry), (200, 10));
    let (registry, answer) = blob(What::WrongLength(-4));
    assert_eq!((answer.body.as_slice(), answer.cut), (&BLOB[..6], false));
    assert_eq!(logged(&registry), (200, 6));
    let (_, answer) = blob(What::NoLength);
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!((answer.body.as_slice(), answer.cut), (BLOB, false));
    let (registry, answer) = blob(What::Flood(100_000));
    assert_eq!(answer.body.len(), 100_010);
    assert!(answer.body.starts_with(BLOB) && answer.body.ends_with(b"  "));
    assert_eq!(logged(&registry), (200, 100_010));
}

#[test]
fn time_can_be_lost_before_the_answer_and_within_it() {
    let start = Instant::now();
    let (_, answer) = blob(What::Delay(Duration::from_millis(150)));
    assert!(answer.body == BLOB && start.elapsed() >= Duration::from_millis(150));

    let start = Instant::now();
    let (_, answer) = blob(What::SlowBody { bytes: 2, pause: Duration::from_millis(40) });
    assert!(answer.body == BLOB && !answer.cut && start.elapsed() >= Duration::from_millis(160));
}

#[test]
fn faults_of_one_request_add_up() {
    let registry = with_image(Options::default());
    registry.fault(Fault::on("GET", "*", What::MediaType("a/b".into())));
    registry.fault(Fault::on("GET", "*", What::CutBody(1)));
    let answer = get(&registry, &path());
    assert_eq!((answer.header("content-type"), answer.cut), (Some("a/b"), true));
}

#[test]
fn redirects_lead_elsewhere_or_in_a_circle() {
    let (_, answer) = blob(What::Redirect("http://127.0.0.1:1{}?x=1".into()));
    let to = format!("http://127.0.0.1:1{}?x=1", path());
    assert_eq!((answer.status, answer.header("location")), (307, Some(to.as_str())));
    let (_, answer) = blob(What::RedirectLoop);
    assert_eq!((answer.status, answer.header("location")), (307, Some(path().as_str())));
}

#[test]
fn pages_can_go_on_for_ever() {
    let registry = with_image(Options::default());
    registry.fault(Fault::on("GET", "/v2/*/referrers/*", What::EndlessPages));
    let mut path = format!("/v2/a/app/referrers/{}", sha256(&manifest()));
    for _ in 0..20 {
        let answer = get(&registry, &path);
        let link = answer.header("link").unwrap();
        let next = link.strip_prefix('<').unwrap().split_once('>').unwrap().0.to_owned();
        assert_ne!(next, path, "each page is another");
        path = next;
    }
}
