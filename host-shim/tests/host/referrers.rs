use countersign::wire::{Answer, Bytes, Fetch, UnavailableReason};
use countersign_host::source::EvidenceSource;
use serde_json::{Value, json};

use crate::{
    loopback::{Loopback, Reply},
    registry::{BODY, LIMIT, client, digest, unavailable},
    scratch::{INDEX, Scratch},
};

fn referrers(registry: &Loopback) -> Fetch {
    Fetch::Referrers { repository: registry.repository(), digest: digest(BODY), max_bytes: LIMIT }
}

#[test]
fn merges_the_pages_of_the_referrers() {
    let registry = Loopback::start(|incoming| {
        let page = |n: u32| json!({ "manifests": [{ "digest": n }] }).to_string();
        match incoming.path.split_once('?').map(|(_, query)| query) {
            None => Reply::new(200, page(1)).with("Link", "<?n=2>; rel=\"next\""),
            Some("n=2") => {
                Reply::new(200, page(2)).with("Link", "</v2/app/referrers/x?n=3>; rel=\"next\"")
            }
            _ => Reply::new(200, page(3)),
        }
        .with("Content-Type", format!("{INDEX}; charset=utf-8"))
    });
    let answer = client(&Scratch::new()).fetch(&referrers(&registry));
    let Answer::Found { bytes: Bytes(bytes), .. } = answer else { panic!("{answer:?}") };
    let index: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(index["manifests"], json!([{"digest": 1}, {"digest": 2}, {"digest": 3}]));
    assert_eq!(index["mediaType"], INDEX);
}

#[test]
fn endless_pages_end() {
    let endless = Loopback::start(|_| {
        Reply::new(200, r#"{"manifests":[]}"#)
            .with("Content-Type", INDEX)
            .with("Link", "<?again>; rel=\"next\"")
    });
    let answer = client(&Scratch::new()).fetch(&referrers(&endless));
    assert_eq!(unavailable(&answer), Some(UnavailableReason::TooLarge));
    assert_eq!(endless.log().len(), 32);

    let elsewhere = Loopback::start(|_| {
        Reply::new(200, r#"{"manifests":[]}"#)
            .with("Content-Type", INDEX)
            .with("Link", "<http://127.0.0.1:1/x>; rel=\"next\"")
    });
    let answer = client(&Scratch::new()).fetch(&referrers(&elsewhere));
    assert_eq!(unavailable(&answer), Some(UnavailableReason::Garbled));
}

#[test]
fn a_registry_without_the_referrers_api_is_absent_and_a_broken_one_is_not() {
    let kind = |reply: Reply| {
        let registry = Loopback::start(move |_| reply.clone());
        client(&Scratch::new()).fetch(&referrers(&registry))
    };
    assert!(matches!(kind(Reply::new(404, "404 page not found")), Answer::Absent { .. }));
    let page = Reply::new(200, "<html>").with("Content-Type", "text/html");
    assert!(matches!(kind(page), Answer::Absent { .. }));
    // Registries from before that API refuse the path in one of these ways.
    for status in [400, 405, 406] {
        assert!(matches!(kind(Reply::new(status, "")), Answer::Absent { .. }), "{status}");
    }
    let broken = Reply::new(200, "not an index").with("Content-Type", INDEX);
    assert_eq!(unavailable(&kind(broken)), Some(UnavailableReason::Garbled));
    let failing = kind(Reply::new(500, ""));
    assert_eq!(unavailable(&failing), Some(UnavailableReason::Transport));
    assert!(matches!(kind(Reply::new(403, "")), Answer::Denied { .. }));
}
