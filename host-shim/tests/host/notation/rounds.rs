//! How often the module is asked: whoever counts to [`MAX_ROUNDS`] cuts off nobody.

use countersign_host::driver::MAX_ROUNDS;
use serde_json::json;

use super::revocation::{LATER, Web, leaf, stage, verify};
use crate::{
    loopback::Loopback,
    made::{CRL_DISTRIBUTION_POINTS, Crl, DELTA_CRL_INDICATOR, Entry, FRESHEST_CRL, World, points},
    sigstore::der,
};

/// A list and its delta, at `PATH` and `PATH.delta`.
fn with_delta(web: &Web, world: &World, path: &str, change: impl Fn(Crl) -> Crl) {
    let url = web.url(&format!("{path}.delta"));
    let list = || world.crl().until(Some(LATER));
    web.serve(path, list().with(FRESHEST_CRL, false, points(&[&[&url]])).make());
    let delta = list().with(DELTA_CRL_INDICATOR, true, der::number(5)).with(
        "2.5.29.20",
        false,
        der::number(6),
    );
    web.serve(&format!("{path}.delta"), change(delta).make());
}

/// Eight responders, each with a delegate whose own list, then its delta, has to be asked for: the
/// delta says that the delegate was revoked, and the next responder comes. In the end the
/// certificate's list, and its delta.
#[test]
fn responder_after_responder_is_more_than_a_dozen_rounds() {
    let world = World::new();
    let web = Web::new();
    let responders: Vec<String> = (0..8).map(|n| web.url(&format!("/o{n}"))).collect();
    let leaf = leaf(&world, &responders, &[web.url("/c")]);
    with_delta(&web, &world, "/c", |delta| delta);
    for n in 0..8_u8 {
        let path = format!("/d{n}");
        let mut delegate = world.responder();
        delegate.serial = vec![9, n];
        let own = points(&[&[&web.url(&path)]]);
        let delegate = delegate.with(CRL_DISTRIBUTION_POINTS, false, own);
        web.serve(&format!("/o{n}"), world.response_by(&delegate).make());
        with_delta(&web, &world, &path, |delta| delta.entry(Entry::new(1).of(&[9, n])));
    }
    let Some(stage) = stage(&world, &leaf, json!({})) else { return };
    let registry = Loopback::layout(stage.0.path(), true);
    let repository = registry.repository();
    let verdict = stage.verdict(&format!(
        "verify --plain-http --policy policy.json {} {repository}:1",
        web.host()
    ));
    assert_eq!(verdict.code, "allow", "{} {}", verdict.said, verdict.text());
    assert_eq!(web.asked(&mut 0).len(), 8 + 16 + 2);
    // Tag, manifest and lists, signature, envelope; responders; lists and deltas; the decision.
    let rounds = verdict.report["results"][0]["stats"]["rounds"].as_u64().unwrap();
    assert_eq!(rounds, 4 + 1 + 18 + 1);
    assert!(rounds > 13 && rounds < u64::from(MAX_ROUNDS));
}

/// Lists may be large, so only as many are asked for at a time as there is room for.
#[test]
fn many_lists_are_asked_for_in_turn() {
    let mut world = World::new();
    let web = Web::new();
    let urls =
        |name: &str| -> Vec<String> { (0..8).map(|n| web.url(&format!("/{name}{n}"))).collect() };
    let (of_leaf, of_authority) = (urls("l"), urls("i"));
    let of_authority: Vec<&str> = of_authority.iter().map(String::as_str).collect();
    world.inter.set(CRL_DISTRIBUTION_POINTS, false, points(&[&of_authority]));
    let leaf = leaf(&world, &[], &of_leaf);
    let by_root = Crl { issuer: world.root.as_issuer(), ..world.crl().until(Some(LATER)) };
    for n in 0..8 {
        web.serve(&format!("/l{n}"), world.crl().until(Some(LATER)).make());
        web.serve(&format!("/i{n}"), by_root.make());
    }
    let Some(stage) = stage(&world, &leaf, json!({})) else { return };
    let verdict = verify(&stage, &web.host());
    assert_eq!(verdict.code, "allow", "{} {}", verdict.said, verdict.text());
    assert_eq!(web.asked(&mut 0).len(), 16);
    let stats = &verdict.report["results"][0]["stats"];
    assert_eq!(stats["rounds"], 13, "{stats}");
}
