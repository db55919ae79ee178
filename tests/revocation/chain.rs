//! Whole chains: requirements 99, 100, 103, 104 and 110.

use countersign::{
    crypto::{Exhausted, Memo, Spend},
    revocation::{
        MOST_URLS, Needed, Overall, Report, RevocationError as E, Status, evaluate, ocsp_request,
    },
    x509::notation_profile::Profile::{self, Compat, Spec},
};

use crate::{
    made::{
        AUTHORITY_INFO_ACCESS, CRL_DISTRIBUTION_POINTS, Entry, FRESHEST_CRL, Fetched, NO_CHECK,
        World, finding, points, report, terms, verdict, with_ocsp,
    },
    sigstore::{certificate::Certificate, der},
};

const BOTH: [Profile; 2] = [Spec, Compat];
const A: &str = "http://c/1.crl";
const B: &str = "http://c/2.crl";

fn verdicts(report: &Report) -> Vec<String> {
    report.findings.iter().map(verdict).collect()
}

fn with_both(world: &World) -> Certificate {
    world.leaf_with_ocsp().with(CRL_DISTRIBUTION_POINTS, false, points(&[&[A]]))
}

fn crl(url: &str) -> Needed {
    Needed::Crl { url: url.to_owned() }
}

#[test]
fn who_names_nobody_cannot_be_revoked() {
    let world = World::new();
    let chain = world.chain(&world.leaf());
    for profile in BOTH {
        let report = report(&chain, &Fetched::asking(&[]), &terms(profile));
        assert_eq!(verdicts(&report), ["NonRevokable/Unknown"; 3]);
        assert_eq!((report.overall(), report.needed), (Overall::Good, Vec::new()));
    }
}

#[test]
fn the_root_is_never_checked() {
    let mut world = World::new();
    world.root = with_ocsp(world.root, &["http://o/"]);
    let chain = world.chain(&world.leaf());
    let found = report(&chain, &Fetched::asking(&[]), &terms(Spec));
    assert_eq!(verdicts(&found), ["NonRevokable/Unknown"; 3]);
    let found = report(&chain[2..], &Fetched::asking(&[]), &terms(Spec));
    assert_eq!((verdicts(&found).len(), found.overall()), (1, Overall::Good));
    let nothing = report(&[], &Fetched::asking(&[]), &terms(Spec));
    assert_eq!(nothing.overall(), Overall::Unknown { position: 0 });
}

/// Rounds: the responder; where it has no answer, the CRL; and its delta.
#[test]
fn what_is_needed_comes_in_order() {
    let world = World::new();
    let leaf = with_both(&world);
    let chain = world.chain(&leaf);
    let request = ocsp_request(&chain[0], &chain[1]).unwrap();
    let ask = |bodies: &[(&str, Vec<u8>)], profile| {
        let report = report(&chain, &Fetched::asking(bodies), &terms(profile));
        let pending = report.findings[0].status == Status::Unknown(E::Pending);
        assert_eq!(pending, !report.needed.is_empty());
        report
    };
    let unknown = world.response().saying(|s| s.unknown()).make();
    let base = world.crl().with(FRESHEST_CRL, false, points(&[&[B]])).make();
    for profile in BOTH {
        let first = ask(&[], profile);
        let url = "http://o/".to_owned();
        assert_eq!(first.needed, [Needed::Ocsp { url, request: request.clone() }]);
        assert_eq!(first.overall(), Overall::Unknown { position: 0 });
        let second = ask(&[("http://o/", unknown.clone())], profile);
        assert_eq!(second.needed, [crl(A)]);
        let bodies = [("http://o/", unknown.clone()), (A, base.clone())];
        assert_eq!(ask(&bodies, profile).needed, [crl(B)]);
        let good = ask(&[("http://o/", world.response().make())], profile);
        assert_eq!((good.needed.len(), good.overall()), (0, Overall::Good));
    }
}

/// A CRL that is there does not stand for a responder that was not asked.
#[test]
fn a_list_does_not_stand_for_an_open_question() {
    let world = World::new();
    let chain = world.chain(&with_both(&world));
    let found = report(&chain, &Fetched::asking(&[(A, world.crl().make())]), &terms(Spec));
    assert_eq!(verdicts(&found)[0], "Unknown/OCSP");
    assert_eq!(found.needed.len(), 1);
}

#[test]
fn responders_are_asked_one_after_the_other() {
    let world = World::new();
    let urls = ["https://o/", "http://o/1", "http://o/2"];
    let leaf = with_ocsp(world.leaf(), &urls);
    let good = world.response().make();
    let revoked = world.response().saying(|s| s.revoked(0, Some(1))).make();
    let unknown = world.response().saying(|s| s.unknown()).make();
    for profile in BOTH {
        let found = |bodies: &[(&str, Vec<u8>)]| {
            finding(&world, &leaf, &Fetched::new(bodies), &terms(profile))
        };
        let second = found(&[("http://o/2", good.clone())]);
        assert_eq!(verdict(&second), "OK/OCSP");
        let failed: Vec<_> = second.failures.iter().map(|(url, _)| url.as_str()).collect();
        assert_eq!(failed, ["https://o/", "http://o/1"]);
        assert_eq!(second.failures[0].1, E::UnsupportedUrl);
        let first = [("http://o/1", good.clone()), ("http://o/2", revoked.clone())];
        assert_eq!(verdict(&found(&first)), "OK/OCSP");
        let first = [("http://o/1", revoked.clone()), ("http://o/2", good.clone())];
        assert_eq!(verdict(&found(&first)), "Revoked/OCSP");
        // That it does not know the certificate is an answer.
        let first = [("http://o/1", unknown.clone()), ("http://o/2", good.clone())];
        assert_eq!(found(&first).status, Status::Unknown(E::StatusUnknown));
        // All are asked for in one round, and the first has the first word.
        let chain = world.chain(&leaf);
        let asked = report(&chain, &Fetched::asking(&[]), &terms(profile));
        assert_eq!(asked.needed.len(), 2);
        let fetched = Fetched::asking(&[("http://o/2", good.clone())]);
        let asked = report(&chain, &fetched, &terms(profile));
        assert_eq!((verdicts(&asked)[0].as_str(), asked.needed.len()), ("Unknown/OCSP", 1));
    }
}

/// Requirement 104: in `spec`, a revocation counts wherever it is.
#[test]
fn all_lists_are_asked_for_and_any_revokes() {
    let world = World::new();
    let revoked = world.crl_with(Entry::new(1)).make();
    let good = world.crl().make();
    for leaf in [
        world.leaf_with_crls(&[A, B]),
        world.leaf().with(CRL_DISTRIBUTION_POINTS, false, points(&[&[A], &[B]])),
    ] {
        let chain = world.chain(&leaf);
        for profile in BOTH {
            let asked = report(&chain, &Fetched::asking(&[]), &terms(profile));
            assert_eq!(asked.needed, [crl(A), crl(B)]);
            let one = Fetched::asking(&[(B, good.clone())]);
            assert_eq!(report(&chain, &one, &terms(profile)).needed, [crl(A)]);
            let both = Fetched::new(&[(A, good.clone()), (B, good.clone())]);
            assert_eq!(verdicts(&report(&chain, &both, &terms(profile)))[0], "OK/CRL");
        }
        let second = |profile| {
            let fetched = Fetched::new(&[(B, revoked.clone())]);
            verdicts(&report(&chain, &fetched, &terms(profile))).remove(0)
        };
        assert_eq!(
            (second(Spec).as_str(), second(Compat).as_str()),
            ("Revoked/CRL", "Unknown/CRL")
        );
        let fetched = Fetched::asking(&[(B, revoked.clone())]);
        assert_eq!(report(&chain, &fetched, &terms(Spec)).needed, []);
    }
}

/// Requirement 100.
#[test]
fn revoked_beats_unknown_beats_good() {
    let mut world = World::new();
    world.inter = world.inter.with(CRL_DISTRIBUTION_POINTS, false, points(&[&[B]]));
    let leaf = world.leaf_with_crls(&[A]);
    let chain = world.chain(&leaf);
    let mut by_root = world.crl_with(Entry::new(1));
    by_root.issuer = world.root.as_issuer();
    by_root.entries[0].serial = chain[1].serial().to_vec();
    let (good, revoked) = (world.crl().make(), world.crl_with(Entry::new(1)).make());
    let overall =
        |bodies: &[(&str, Vec<u8>)]| report(&chain, &Fetched::new(bodies), &terms(Spec)).overall();
    assert_eq!(overall(&[(B, by_root.make())]), Overall::Revoked { position: 1 });
    assert_eq!(
        overall(&[(A, good.clone()), (B, by_root.make())]),
        Overall::Revoked { position: 1 }
    );
    assert_eq!(overall(&[(A, revoked)]), Overall::Revoked { position: 0 });
    assert_eq!(overall(&[(A, good.clone())]), Overall::Unknown { position: 1 });
    by_root.entries.clear();
    assert_eq!(overall(&[(A, good), (B, by_root.make())]), Overall::Good);
    // The intermediate's list is not the leaf's.
    assert_eq!(
        overall(&[(A, by_root.make()), (B, by_root.make())]),
        Overall::Unknown { position: 0 }
    );
}

#[test]
fn information_that_cannot_be_read_is_not_none() {
    let world = World::new();
    for (oid, value, words) in [
        (AUTHORITY_INFO_ACCESS, der::null(), "authorityInfoAccess"),
        (CRL_DISTRIBUTION_POINTS, der::null(), "distribution points of CRLs"),
    ] {
        let leaf = world.leaf().with(oid, false, value);
        for profile in BOTH {
            let found = finding(&world, &leaf, &Fetched::asking(&[]), &terms(profile));
            assert_eq!(found.status, Status::Unknown(E::Malformed(words)));
        }
    }
}

/// A directory name, which nothing here can ask.
#[test]
fn a_point_without_an_address_is_one_in_spec() {
    let world = World::new();
    let name = der::explicit(4, &world.inter.subject);
    let value = der::seq(&[der::seq(&[der::explicit(0, &der::explicit(0, &name))])]);
    let leaf = world.leaf().with(CRL_DISTRIBUTION_POINTS, false, value);
    let found = |profile| finding(&world, &leaf, &Fetched::new(&[]), &terms(profile)).status;
    assert_eq!(found(Spec), Status::Unknown(E::UnsupportedUrl));
    assert_eq!(found(Compat), Status::NonRevokable);
}

#[test]
fn addresses_are_bounded_not_cut() {
    let world = World::new();
    let urls: Vec<String> = (0..=MOST_URLS).map(|n| format!("http://c/{n}")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    for leaf in [with_ocsp(world.leaf(), &urls), world.leaf_with_crls(&urls)] {
        let found = finding(&world, &leaf, &Fetched::asking(&[]), &terms(Spec)).status;
        assert_eq!(found, Status::Unknown(E::TooManyUrls));
    }
    let leaf = world.leaf_with_crls(&urls[..MOST_URLS]);
    let chain = world.chain(&leaf);
    assert_eq!(report(&chain, &Fetched::asking(&[]), &terms(Spec)).needed.len(), MOST_URLS);
}

#[test]
fn every_signature_is_paid_for() {
    let world = World::new();
    let responder = world.responder().with(NO_CHECK, false, der::null());
    for (leaf, url, body, price) in [
        (world.leaf_with_ocsp(), "http://o/", world.response().make(), 1),
        (world.leaf_with_ocsp(), "http://o/", world.response_by(&responder).make(), 2),
        (world.leaf_with_crls(&[A]), A, world.crl().make(), 1),
    ] {
        let (chain, fetched) = (world.chain(&leaf), Fetched::new(&[(url, body)]));
        for profile in BOTH {
            let spend = |most| Spend::new(most, Memo::default());
            let enough = spend(price);
            let found = evaluate(&chain, &fetched, &terms(profile), &enough).unwrap();
            assert_eq!((found.overall(), enough.left()), (Overall::Good, 0));
            let found = evaluate(&chain, &fetched, &terms(profile), &spend(price - 1));
            assert_eq!(found, Err(Exhausted));
        }
    }
}
