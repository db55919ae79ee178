//! Requirement 111: the time limits are the host's. Two seconds for a responder and five for a list, as
//! notation-core-go has them; what does not come in time is not known.

use std::time::{Duration, Instant};

use countersign_host::source::revocation::Options;
use serde_json::json;

use super::revocation::{LATER, Web, leaf, stage, verify};
use crate::{loopback::Reply, made::World};

#[test]
fn a_responder_has_two_seconds_and_a_list_five() {
    let options = Options::default();
    assert_eq!(options.ocsp_timeout, Duration::from_secs(2));
    assert_eq!(options.crl_timeout, Duration::from_secs(5));
}

/// One that takes `seconds`, asked through the command; how long that took.
fn delayed(kind: &str, seconds: f64) -> Option<(String, Duration)> {
    let world = World::new();
    let web = Web::new();
    let (ocsp, crl) = match kind {
        "ocsp" => (vec![web.url("/a")], Vec::new()),
        _ => (Vec::new(), vec![web.url("/a")]),
    };
    let body = match kind {
        "ocsp" => world.response().make(),
        _ => world.crl().until(Some(LATER)).make(),
    };
    web.reply("/a", Reply::new(200, body).after(Duration::from_secs_f64(seconds)));
    let stage = stage(&world, &leaf(&world, &ocsp, &crl), json!({}))?;
    let start = Instant::now();
    let verdict = verify(&stage, &web.host());
    if verdict.code != "allow" {
        assert_eq!(verdict.exit, 2, "nobody was found to be revoked");
        assert!(verdict.text().contains("timed out"), "{}", verdict.text());
    }
    Some((verdict.code, start.elapsed()))
}

#[test]
fn a_responder_that_is_too_slow_leaves_the_status_unknown() {
    let Some((code, _)) = delayed("ocsp", 0.5) else { return };
    assert_eq!(code, "allow");
    let (code, took) = delayed("ocsp", 20.0).unwrap();
    assert_eq!(code, "revocation.unknown");
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn a_list_that_is_too_slow_leaves_the_status_unknown() {
    // Longer than a responder has.
    let Some((code, _)) = delayed("crl", 2.5) else { return };
    assert_eq!(code, "allow");
    let (code, took) = delayed("crl", 20.0).unwrap();
    assert_eq!(code, "revocation.unknown");
    assert!(took >= Duration::from_secs(5) && took < Duration::from_secs(15), "{took:?}");
}

/// All that one round asks for is asked for at once.
#[test]
fn slow_responders_are_waited_for_together() {
    let world = World::new();
    let web = Web::new();
    let urls: Vec<String> = (0..8).map(|n| web.url(&format!("/{n}"))).collect();
    for n in 0..8 {
        let slow = Reply::new(200, "").after(Duration::from_secs(20));
        web.reply(&format!("/{n}"), slow);
    }
    let Some(stage) = stage(&world, &leaf(&world, &urls, &[]), json!({})) else { return };
    let start = Instant::now();
    assert_eq!(verify(&stage, &web.host()).code, "revocation.unknown");
    let took = start.elapsed();
    assert!(took < Duration::from_secs(8), "eight of them took {took:?}");
    assert_eq!(web.asked(&mut 0).len(), 8);
}
