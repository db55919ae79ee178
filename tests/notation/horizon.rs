//! `validUntil` of Notation's decisions, to the second: certificates, expiry, revocation.

use countersign::time::Time;
use serde_json::json;

use crate::{
    draft::{EXPIRY, SCHEME, Value as Field, field},
    host::{Host, draft, policy},
    made::{HOUR, NOW, World},
};

const RESPONDER: &str = "http://o/";
const LIST: &str = "http://c/1.crl";

/// The verdict, and until when it holds, in seconds from now.
fn until(host: &Host, document: &serde_json::Value) -> (String, Option<i64>) {
    let decided = host.decide(document);
    let until = decided.decision.valid_until.as_deref();
    (decided.verdict(), until.map(|text| Time::parse(text).unwrap().unix() - NOW))
}

#[test]
fn a_chain_holds_until_the_first_of_its_certificates_ends() {
    let world = World::new();
    let skip = json!({ "override": { "revocation": "skip" } });
    let mut leaf = world.leaf();
    for (left, expected) in [(HOUR, HOUR + 1), (0, 1)] {
        leaf.not_after = NOW + left;
        let host = Host::with(&[draft(&world, &leaf).build()]);
        let judged = until(&host, &policy(&world, skip.clone()));
        assert_eq!(judged, ("allow".to_owned(), Some(expected)));
    }
}

#[test]
fn a_signature_holds_until_it_expires() {
    let world = World::new();
    let skip = json!({ "override": { "revocation": "skip" } });
    for left in [60, 1] {
        let mut draft = draft(&world, &world.leaf());
        draft.set(field(EXPIRY), Field::Time(NOW + left));
        draft.crit(&[SCHEME, EXPIRY]);
        let host = Host::with(&[draft.build()]);
        let judged = until(&host, &policy(&world, skip.clone()));
        assert_eq!(judged, ("allow".to_owned(), Some(left)));
    }
}

#[test]
fn what_is_said_about_revocation_holds_until_its_next_update() {
    let world = World::new();
    let by_ocsp = Host::with(&[draft(&world, &world.leaf_with_ocsp()).build()]);
    let mut good = world.good();
    good.next_update = Some(NOW + HOUR);
    let response = world.response().saying(|_| good).make();
    let host = by_ocsp.on(RESPONDER, response);
    let strict = policy(&world, json!({}));
    assert_eq!(until(&host, &strict), ("allow".to_owned(), Some(HOUR + 1)));
    let by_crl = Host::with(&[draft(&world, &world.leaf_with_crls(&[LIST])).build()]);
    let host = by_crl.on(LIST, world.crl().from(NOW - 60).until(Some(NOW + HOUR)).make());
    assert_eq!(until(&host, &strict), ("allow".to_owned(), Some(HOUR + 1)));
    let aged = policy(&world, json!({ "maxEvidenceAge": "10m" }));
    assert_eq!(until(&host, &aged), ("allow".to_owned(), Some(541)));
}
