//! Changed bits and cut bytes of evidence: never a panic, and never a better status.

use countersign::{
    crypto::{Memo, Spend},
    revocation::{Status, Terms, evaluate},
    x509::{
        self,
        notation_profile::Profile::{Compat, Spec},
    },
};

use crate::{
    made::{
        CRL_NUMBER, DELTA_CRL_INDICATOR, Entry, FRESHEST_CRL, Fetched, ISSUING_DISTRIBUTION_POINT,
        NO_CHECK, NOW, World, points, terms, uri,
    },
    sigstore::{certificate::Certificate, der},
};

const URL: &str = "http://c/1.crl";
const DELTA: &str = "http://c/d.crl";

/// What is changed: the body at `url`; the others stay.
struct Subject {
    chain: Vec<x509::Certificate>,
    fetched: Fetched,
    url: &'static str,
}

impl Subject {
    fn new(world: &World, leaf: &Certificate, bodies: &[(&'static str, Vec<u8>)]) -> Self {
        let url = bodies.last().unwrap().0;
        Self { chain: world.chain(leaf), fetched: Fetched::new(bodies), url }
    }

    fn body(&self) -> Vec<u8> {
        self.fetched.bodies[self.url].clone()
    }

    fn with(&mut self, body: Vec<u8>, terms: &Terms<'_>, memo: &Memo) -> Status {
        self.fetched.bodies.insert(self.url.to_owned(), body);
        let spend = Spend::new(100, memo.clone());
        evaluate(&self.chain, &self.fetched, terms, &spend).unwrap().findings.remove(0).status
    }

    /// Every changed bit and every cut end leaves the status unknown; as evidence is signed whole
    /// and read strictly, there is no inert part.
    fn must_be_whole(mut self, expected: fn(&Status) -> bool) {
        let good = self.body();
        for profile in [Spec, Compat] {
            let (terms, memo) = (terms(profile), Memo::default());
            let unchanged = self.with(good.clone(), &terms, &memo);
            assert!(expected(&unchanged), "{unchanged:?}");
            let mut changed = good.clone();
            for at in 0..good.len() {
                for bit in 0..8 {
                    changed[at] ^= 1 << bit;
                    let status = self.with(changed.clone(), &terms, &memo);
                    assert!(matches!(status, Status::Unknown(_)), "{at} {bit} {status:?}");
                    changed[at] ^= 1 << bit;
                }
            }
            for end in 0..good.len() {
                let status = self.with(good[..end].to_vec(), &terms, &memo);
                assert!(matches!(status, Status::Unknown(_)), "{end} {status:?}");
            }
            assert!(expected(&self.with(good.clone(), &terms, &memo)));
        }
    }
}

fn is_ok(status: &Status) -> bool {
    *status == Status::Ok
}

fn is_revoked(status: &Status) -> bool {
    matches!(status, Status::Revoked(_))
}

#[test]
fn no_changed_bit_of_a_good_response_is_good() {
    let world = World::new();
    let good = world.response().make();
    Subject::new(&world, &world.leaf_with_ocsp(), &[("http://o/", good)]).must_be_whole(is_ok);
}

#[test]
fn no_changed_bit_of_a_delegates_response_is_good() {
    let world = World::new();
    let responder = world.responder().with(NO_CHECK, false, der::null());
    let good = world.response_by(&responder).make();
    Subject::new(&world, &world.leaf_with_ocsp(), &[("http://o/", good)]).must_be_whole(is_ok);
}

#[test]
fn no_changed_bit_of_a_revoking_response_is_good() {
    let world = World::new();
    let response = world.response().saying(|s| s.revoked(NOW - 1, Some(1)));
    let leaf = world.leaf_with_ocsp();
    Subject::new(&world, &leaf, &[("http://o/", response.make())]).must_be_whole(is_revoked);
}

#[test]
fn no_changed_bit_of_a_list_is_good() {
    let world = World::new();
    let point = der::explicit(0, &der::explicit(0, &uri(URL)));
    let good = world
        .crl_with(Entry::new(1).of(&[4]))
        .with(ISSUING_DISTRIBUTION_POINT, true, der::seq(&[point]))
        .make();
    Subject::new(&world, &world.leaf_with_crls(&[URL]), &[(URL, good)]).must_be_whole(is_ok);
}

#[test]
fn no_changed_bit_of_a_revoking_list_is_good() {
    let world = World::new();
    let crl = world.crl_with(Entry::new(1)).make();
    Subject::new(&world, &world.leaf_with_crls(&[URL]), &[(URL, crl)]).must_be_whole(is_revoked);
}

#[test]
fn no_changed_bit_of_a_delta_is_good() {
    let world = World::new();
    let base = world.crl().with(FRESHEST_CRL, false, points(&[&[DELTA]])).make();
    let delta = world
        .crl_with(Entry::new(1).of(&[4]))
        .with(CRL_NUMBER, false, der::number(6))
        .with(DELTA_CRL_INDICATOR, true, der::number(5))
        .make();
    let leaf = world.leaf_with_crls(&[URL]);
    Subject::new(&world, &leaf, &[(URL, base), (DELTA, delta)]).must_be_whole(is_ok);
}
