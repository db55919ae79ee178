use countersign::wire::{Answer, Fetch, UnavailableReason};
use countersign_host::source::EvidenceSource;
use serde_json::json;

use crate::{
    loopback::{Loopback, Reply},
    registry::{BODY, LIMIT, always, client, digest, manifest, unavailable},
    scratch::Scratch,
};

#[test]
fn credentials_stay_with_their_host() {
    let other = Loopback::start(|_| Reply::new(200, BODY));
    let there = format!("http://{}/elsewhere", other.host);
    let registry = Loopback::start(move |incoming| match incoming.header("authorization") {
        None => Reply::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\""),
        Some(_) => Reply::new(307, "").with("Location", there.clone()),
    });
    let scratch = Scratch::new();
    let auths = json!({ "auths": { registry.host.clone(): { "auth": "dTpw" } } });
    scratch.write("config.json", auths.to_string());
    let blob =
        Fetch::Blob { repository: registry.repository(), digest: digest(BODY), max_bytes: LIMIT };
    let answer = client(&scratch).fetch(&blob);
    assert!(matches!(answer, Answer::Found { .. }), "{answer:?}");
    assert_eq!(registry.log()[1].header("authorization"), Some("Basic dTpw"));
    assert_eq!(other.log().len(), 1);
    assert_eq!(other.log()[0].header("authorization"), None);
}

#[test]
fn fetches_a_token_once_and_uses_it() {
    let scratch = Scratch::new();
    let tokens = Loopback::start(|_| Reply::new(200, r#"{"access_token":"t0ken"}"#));
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"reg\"", tokens.host);
    let registry = Loopback::start(move |incoming| match incoming.header("authorization") {
        Some("Bearer t0ken") => Reply::new(200, BODY),
        _ => Reply::new(401, "").with("WWW-Authenticate", realm.clone()),
    });
    let auths = json!({ "auths": { registry.host.clone(): { "auth": "dTpw" } } });
    scratch.write("config.json", auths.to_string());
    let client = client(&scratch);
    for _ in 0..2 {
        let answer = client.fetch(&manifest(&registry, BODY));
        assert!(matches!(answer, Answer::Found { .. }), "{answer:?}");
    }
    assert_eq!(registry.log().len(), 3);
    assert_eq!(tokens.log().len(), 1);
    assert_eq!(tokens.log()[0].path, "/token?service=reg&scope=repository%3Aapp%3Apull");
    // The realm is another host, and not one that is known to belong to the registry.
    assert_eq!(tokens.log()[0].header("authorization"), None);
}

#[test]
fn a_token_that_is_refused_is_denied_and_one_that_cannot_be_had_is_not() {
    for (status, body, expected) in [
        (200, r#"{"token":"wrong"}"#, None),
        (403, "", None),
        (503, "", Some(UnavailableReason::Transport)),
        (200, "{}", Some(UnavailableReason::Garbled)),
        (200, "{\"token\":\"a\\r\\nX: y\"}", Some(UnavailableReason::Garbled)),
    ] {
        let tokens = Loopback::start(move |_| Reply::new(status, body));
        let realm = format!("Bearer realm=\"http://{}/token\"", tokens.host);
        let reply = Reply::new(401, "").with("WWW-Authenticate", realm);
        let (answer, _) = always(reply);
        assert_eq!(unavailable(&answer), expected, "{status} {body}");
        assert_eq!(matches!(answer, Answer::Denied { .. }), expected.is_none(), "{answer:?}");
    }
}
