//! CRLs and their deltas: requirements 104 to 108.

use countersign::{
    revocation::{MOST_CRL_BYTES, Reason, Revocation, RevocationError as E, Status},
    time::Time,
    x509::notation_profile::Profile::{self, Compat, Spec},
};

use crate::{
    made::{
        CRL_DISTRIBUTION_POINTS, CRL_NUMBER, Crl, DAY, DELTA_CRL_INDICATOR, Entry, FRESHEST_CRL,
        Fetched, HOUR, INVALIDITY_DATE, ISSUING_DISTRIBUTION_POINT, MINUTE, NOW, World, by_crl,
        finding, generalized, named, points, terms, uri,
    },
    sigstore::{
        certificate::{CRL_SIGN, KEY_CERT_SIGN},
        der,
    },
};

const URL: &str = "http://c/1.crl";
const DELTA: &str = "http://c/d.crl";
const BOTH: [Profile; 2] = [Spec, Compat];

fn status(world: &World, crl: &Crl, profile: Profile) -> Status {
    by_crl(world, crl, &terms(profile))
}

fn unknown(error: E) -> Status {
    Status::Unknown(error)
}

fn revoked(at: i64, reason: u8) -> Status {
    Status::Revoked(Revocation { at: Time::from_unix(at), reason: Reason(reason) })
}

/// The base 5, and a delta 6 for it.
fn base(world: &World) -> Crl {
    world.crl().with(FRESHEST_CRL, false, points(&[&[DELTA]]))
}

fn delta(world: &World) -> Crl {
    world.crl().with(CRL_NUMBER, false, der::number(6)).with(
        DELTA_CRL_INDICATOR,
        true,
        der::number(5),
    )
}

fn with_delta(world: &World, base: &Crl, delta: &Crl, profile: Profile) -> Status {
    let fetched = Fetched::new(&[(URL, base.make()), (DELTA, delta.make())]);
    finding(world, &world.leaf_with_crls(&[URL]), &fetched, &terms(profile)).status
}

#[test]
fn the_entry_says_when_and_why() {
    let world = World::new();
    for profile in BOTH {
        for reason in [0, 1, 2, 3, 4, 5, 9, 10, 7, 99] {
            let crl = world.crl_with(Entry::new(reason));
            assert_eq!(status(&world, &crl, profile), revoked(NOW - MINUTE, reason));
        }
        let mut plain = Entry::new(0);
        plain.extensions.clear();
        let crl = world.crl_with(Entry::new(1).of(&[2])).entry(plain);
        assert_eq!(status(&world, &crl, profile), revoked(NOW - MINUTE, 0));
    }
}

#[test]
fn the_latest_of_hold_and_release_holds() {
    let world = World::new();
    let entry = |reason, at| Entry::new(reason).at(NOW + at);
    for profile in BOTH {
        for (entries, expected) in [
            (vec![entry(6, -9), entry(8, -8)], Status::Ok),
            (vec![entry(8, -8), entry(6, -9)], Status::Ok),
            (vec![entry(8, -9), entry(6, -8)], revoked(NOW - 8, 6)),
            (vec![entry(6, -9), entry(8, -9)], revoked(NOW - 9, 6)),
            (vec![entry(6, -9), entry(8, -8), entry(4, -9)], revoked(NOW - 9, 4)),
        ] {
            let crl = Crl { entries, ..world.crl() };
            assert_eq!(status(&world, &crl, profile), expected);
        }
    }
}

/// Requirement 105, and the trust policy specification's step 3.2 of CRLs.
#[test]
fn an_expired_list_still_revokes_for_good_and_nothing_else() {
    let world = World::new();
    let expired = |next: i64| unknown(E::Expired { next_update: Some(Time::from_unix(next)) });
    let at = |crl: Crl| crl.until(Some(NOW - 1));
    let listed = at(world.crl_with(Entry::new(1)));
    assert_eq!(status(&world, &listed, Spec), revoked(NOW - MINUTE, 1));
    assert_eq!(status(&world, &listed, Compat), expired(NOW - 1));
    for crl in [world.crl(), world.crl_with(Entry::new(6)), world.crl_with(Entry::new(8))] {
        for profile in BOTH {
            assert_eq!(status(&world, &at(crl.clone()), profile), expired(NOW - 1));
        }
    }
    for profile in BOTH {
        let endless = world.crl().until(None);
        assert_eq!(status(&world, &endless, profile), unknown(E::Expired { next_update: None }));
        assert_eq!(status(&world, &world.crl().until(Some(NOW)), profile), Status::Ok);
    }
}

#[test]
fn a_list_may_be_too_old_for_the_policy() {
    let world = World::new();
    for profile in BOTH {
        let mut terms = terms(profile);
        terms.max_age = Some(HOUR - 1);
        let error = unknown(E::TooOld { this_update: Time::from_unix(NOW - HOUR) });
        assert_eq!(by_crl(&world, &world.crl(), &terms), error);
        // A delta makes it new.
        let fetched =
            |delta: Crl| Fetched::new(&[(URL, base(&world).make()), (DELTA, delta.make())]);
        let leaf = world.leaf_with_crls(&[URL]);
        let old = finding(&world, &leaf, &fetched(delta(&world)), &terms).status;
        assert_eq!(old, error);
        let new = delta(&world).from(NOW - HOUR + 1);
        assert_eq!(finding(&world, &leaf, &fetched(new), &terms).status, Status::Ok);
    }
}

/// Requirement 106.
#[test]
fn the_list_is_the_issuers_own() {
    let world = World::new();
    let other_name = named("other", world.inter.key.clone());
    let crl = Crl { issuer: other_name, ..world.crl() };
    assert_eq!(status(&world, &crl, Spec), unknown(E::IssuerMismatch));
    assert_eq!(status(&world, &crl, Compat), Status::Ok);
    let other_key = named("inter", world.other_key.clone());
    let crl = Crl { issuer: other_key, ..world.crl() };
    for profile in BOTH {
        assert_eq!(status(&world, &crl, profile), unknown(E::SignatureInvalid));
    }
    for (usage, expected) in
        [(KEY_CERT_SIGN, unknown(E::IssuerMayNotSign)), (KEY_CERT_SIGN | CRL_SIGN, Status::Ok)]
    {
        let mut world = World::new();
        world.inter = world.inter.usage(usage);
        for profile in BOTH {
            assert_eq!(status(&world, &world.crl(), profile), expected);
        }
    }
    let mut world = World::new();
    world.inter = world.inter.without("2.5.29.15");
    assert_eq!(status(&world, &world.crl(), Spec), Status::Ok);
}

/// Requirement 105: notation-go reads nothing of issuingDistributionPoint.
#[test]
fn the_list_covers_the_certificate() {
    let world = World::new();
    let yes = &[0xff][..];
    let named_point = |url: &str| der::explicit(0, &der::explicit(0, &uri(url)));
    let flag = |n: u8| der::implicit(n, yes);
    let scoped =
        |parts: &[Vec<u8>]| world.crl().with(ISSUING_DISTRIBUTION_POINT, true, der::seq(parts));
    let relative =
        der::explicit(0, &der::tlv(0xa1, &der::seq(&[der::oid("2.5.4.3"), der::utf8("x")])));
    for (parts, expected) in [
        (vec![], Status::Ok),
        (vec![named_point(URL)], Status::Ok),
        (vec![named_point(URL), flag(1)], Status::Ok),
        (
            vec![named_point("http://c/2.crl")],
            unknown(E::NotInScope("it is of another distribution point")),
        ),
        (vec![relative], unknown(E::NotInScope("it is of another distribution point"))),
        (vec![flag(2)], unknown(E::NotInScope("only CA certificates"))),
        (
            vec![der::implicit(3, &[1, 0x40])],
            unknown(E::NotInScope("not all reasons of revocation")),
        ),
        (vec![flag(4)], unknown(E::NotInScope("it is indirect"))),
        (vec![flag(5)], unknown(E::NotInScope("only attribute certificates"))),
        (vec![flag(6)], unknown(E::Malformed("issuingDistributionPoint"))),
    ] {
        assert_eq!(status(&world, &scoped(&parts), Spec), expected);
        assert_eq!(status(&world, &scoped(&parts), Compat), Status::Ok);
    }
    // Who is listed for one of some reasons is revoked.
    let some = scoped(&[der::implicit(3, &[1, 0x40])]).entry(Entry::new(1));
    assert_eq!(status(&world, &some, Spec), revoked(NOW - MINUTE, 1));
}

/// The same about a CA's certificate.
#[test]
fn the_list_covers_the_intermediate() {
    let mut world = World::new();
    world.inter = world.inter.with(CRL_DISTRIBUTION_POINTS, false, points(&[&[URL]]));
    let chain = world.chain(&world.leaf());
    let mut crl = world.crl();
    crl.issuer = world.root.as_issuer();
    for (n, expected) in
        [(1, unknown(E::NotInScope("only certificates that are no CA's"))), (2, Status::Ok)]
    {
        let scope = der::seq(&[der::implicit(n, &[0xff])]);
        let crl = crl.clone().with(ISSUING_DISTRIBUTION_POINT, true, scope);
        let fetched = Fetched::new(&[(URL, crl.make())]);
        let report = crate::made::report(&chain, &fetched, &terms(Spec));
        assert_eq!(report.findings[1].status, expected);
        assert_eq!(report.findings[0].status, Status::NonRevokable);
    }
}

#[test]
fn points_for_some_reasons_or_by_other_issuers_prove_nothing() {
    let world = World::new();
    let names = der::explicit(0, &der::explicit(0, &uri(URL)));
    let issuer = der::tlv(0xa2, &der::explicit(4, &world.root.subject));
    for (extra, error) in [
        (der::implicit(1, &[1, 0x40]), E::NotInScope("not all reasons of revocation")),
        (issuer, E::NotInScope("it is indirect")),
    ] {
        let value = der::seq(&[der::seq(&[names.clone(), extra])]);
        let leaf = world.leaf().with(CRL_DISTRIBUTION_POINTS, false, value);
        let fetched = Fetched::new(&[(URL, world.crl().make())]);
        let found = |profile| finding(&world, &leaf, &fetched, &terms(profile)).status;
        assert_eq!(found(Spec), unknown(error));
        assert_eq!(found(Compat), Status::Ok);
    }
}

#[test]
fn critical_extensions_are_not_understood() {
    let world = World::new();
    let error = unknown(E::CriticalExtension("1.2.3".into()));
    let crl = world.crl().with("1.2.3", true, der::null());
    let ours = world.crl_with(Entry::new(1).with("1.2.3", true, der::null()));
    let theirs = world.crl_with(Entry::new(1).of(&[4]).with("1.2.3", true, der::null()));
    for profile in BOTH {
        assert_eq!(status(&world, &crl, profile), error);
        assert_eq!(status(&world, &ours, profile), error);
    }
    assert_eq!(status(&world, &theirs, Spec), error);
    assert_eq!(status(&world, &theirs, Compat), Status::Ok);
    let plain = world.crl().with("1.2.3", false, der::null());
    assert_eq!(status(&world, &plain, Spec), Status::Ok);
}

/// Requirement 108. notation-go stops at the first entry that decides.
#[test]
fn an_invalidity_date_spares_signatures_from_before_it() {
    let world = World::new();
    let since = |entry: Entry| entry.with(INVALIDITY_DATE, true, generalized(NOW - HOUR));
    for profile in BOTH {
        let mut terms = terms(profile);
        for (signed_at, expected) in
            [(NOW - HOUR - 1, Status::Ok), (NOW - HOUR, revoked(NOW - MINUTE, 1))]
        {
            terms.signed_at = Some(Time::from_unix(signed_at));
            let crl = world.crl_with(since(Entry::new(1)));
            assert_eq!(by_crl(&world, &crl, &terms), expected);
        }
        terms.signed_at = Some(Time::from_unix(NOW - DAY));
        let twice = world.crl_with(since(Entry::new(1))).entry(Entry::new(4));
        let expected = if profile == Spec { revoked(NOW - MINUTE, 4) } else { Status::Ok };
        assert_eq!(by_crl(&world, &twice, &terms), expected);
        let unreadable = Entry::new(1).with(INVALIDITY_DATE, false, der::null());
        let error = unknown(E::Malformed("invalidityDate"));
        assert_eq!(by_crl(&world, &world.crl_with(unreadable), &terms), error);
    }
}

/// Requirement 107.
#[test]
fn a_delta_adds_to_its_base() {
    let world = World::new();
    let hold = base(&world).entry(Entry::new(6).at(NOW - HOUR));
    let listed = base(&world).entry(Entry::new(1));
    for profile in BOTH {
        let check = |base: &Crl, delta: Crl, expected: Status| {
            assert_eq!(with_delta(&world, base, &delta, profile), expected);
        };
        check(&base(&world), delta(&world), Status::Ok);
        check(&base(&world), delta(&world).entry(Entry::new(1)), revoked(NOW - MINUTE, 1));
        check(&hold, delta(&world), revoked(NOW - HOUR, 6));
        check(&hold, delta(&world).entry(Entry::new(8)), Status::Ok);
        check(&hold, delta(&world).entry(Entry::new(4)), revoked(NOW - MINUTE, 4));
        check(&listed, delta(&world).entry(Entry::new(8)), revoked(NOW - MINUTE, 1));
    }
}

#[test]
fn a_delta_must_go_with_its_base() {
    let world = World::new();
    let good = base(&world);
    for profile in BOTH {
        let check = |delta: Crl, expected: E| {
            assert_eq!(with_delta(&world, &good, &delta, profile), unknown(expected));
        };
        let number = |n: u64| delta(&world).with(CRL_NUMBER, false, der::number(n));
        check(number(5), E::Delta("it is not newer"));
        check(number(4), E::Delta("it is not newer"));
        let for_base = |n: u64| delta(&world).with(DELTA_CRL_INDICATOR, true, der::number(n));
        check(for_base(6), E::Delta("it is for a newer base"));
        check(world.crl().with(CRL_NUMBER, false, der::number(6)), E::Delta("it is no delta"));
        let mut nameless = delta(&world);
        nameless.extensions.retain(|extension| extension.0 != CRL_NUMBER);
        check(nameless, E::Delta("a number is missing"));
        let next_update = Some(Time::from_unix(NOW - 1));
        check(delta(&world).until(Some(NOW - 1)), E::Expired { next_update });
        let mut forged = delta(&world);
        forged.issuer.key = world.other_key.clone();
        check(forged, E::SignatureInvalid);
        let old = delta(&world).with(DELTA_CRL_INDICATOR, true, der::number(1));
        assert_eq!(with_delta(&world, &good, &old, profile), Status::Ok);
    }
    let scope = der::seq(&[der::implicit(1, &[0xff])]);
    let other = delta(&world).with(ISSUING_DISTRIBUTION_POINT, true, scope);
    let error = unknown(E::Delta("it has another scope"));
    assert_eq!(with_delta(&world, &good, &other, Spec), error);
    assert_eq!(with_delta(&world, &good, &other, Compat), Status::Ok);
}

#[test]
fn a_delta_that_cannot_be_had_leaves_the_status_unknown() {
    let world = World::new();
    let leaf = world.leaf_with_crls(&[URL]);
    let alone = |base: &Crl, profile| {
        let fetched = Fetched::new(&[(URL, base.make())]);
        finding(&world, &leaf, &fetched, &terms(profile)).status
    };
    for profile in BOTH {
        let error = unknown(E::Unavailable("connection refused".into()));
        assert_eq!(alone(&base(&world), profile), error);
        let https = world.crl().with(FRESHEST_CRL, false, points(&[&["https://c/d.crl"]]));
        assert_eq!(alone(&https, profile), unknown(E::UnsupportedUrl));
        // The addresses are of one delta: the second has it.
        let two = world.crl().with(FRESHEST_CRL, false, points(&[&["http://c/x.crl", DELTA]]));
        assert_eq!(with_delta(&world, &two, &delta(&world), profile), Status::Ok);
    }
    let listed = base(&world).entry(Entry::new(1));
    assert_eq!(alone(&listed, Spec), revoked(NOW - MINUTE, 1));
    assert!(matches!(alone(&listed, Compat), Status::Unknown(E::Unavailable(_))));
    let nowhere = world.crl().with(FRESHEST_CRL, false, points(&[&[]]));
    assert_eq!(alone(&nowhere, Spec), unknown(E::Delta("it has no address")));
    assert_eq!(alone(&nowhere, Compat), Status::Ok);
}

#[test]
fn deltas_that_only_the_certificate_names_are_not_supported() {
    let world = World::new();
    let leaf = world.leaf_with_crls(&[URL]).with(FRESHEST_CRL, false, points(&[&[DELTA]]));
    for profile in BOTH {
        let found = |base: &Crl| {
            let fetched = Fetched::new(&[(URL, base.make()), (DELTA, delta(&world).make())]);
            finding(&world, &leaf, &fetched, &terms(profile)).status
        };
        assert_eq!(found(&world.crl()), unknown(E::FreshestInCertificate));
        assert_eq!(found(&base(&world)), Status::Ok);
    }
}

/// The same key signs both, and a delta does not list whom its base lists.
#[test]
fn a_delta_is_no_base() {
    let world = World::new();
    let delta = delta(&world);
    assert_eq!(status(&world, &delta, Spec), unknown(E::NotInScope("it is a delta")));
    assert_eq!(status(&world, &delta, Compat), Status::Ok);
}

#[test]
fn bytes_that_are_no_list_are_refused() {
    let world = World::new();
    let with = |body: Vec<u8>| {
        let fetched = Fetched::new(&[(URL, body)]);
        finding(&world, &world.leaf_with_crls(&[URL]), &fetched, &terms(Spec)).status
    };
    for body in [&b""[..], b"<html>", &[0x30, 0], &[0x30, 0x80, 0, 0]] {
        assert_eq!(with(body.to_vec()), unknown(E::Malformed("CertificateList")));
    }
    assert_eq!(with(vec![0; MOST_CRL_BYTES + 1]), unknown(E::TooLarge(MOST_CRL_BYTES + 1)));
    let trailing = [world.crl().make(), vec![0]].concat();
    assert_eq!(with(trailing), unknown(E::Malformed("CertificateList")));
    let twice = Entry::new(1).with("1.2.3", false, vec![]).with("1.2.3", false, vec![]);
    assert_eq!(with(world.crl_with(twice).make()), unknown(E::Malformed("extensions")));
    let mut reason = Entry::new(1);
    reason.extensions[0].2 = der::null();
    assert_eq!(with(world.crl_with(reason).make()), unknown(E::Malformed("reasonCode")));
    let twice = world.crl().with("1.2.3", false, vec![]);
    let twice =
        Crl { extensions: [twice.extensions.clone(), twice.extensions].concat(), ..world.crl() };
    assert_eq!(with(twice.make()), unknown(E::Malformed("extensions")));
}

/// 100,000 entries, the last of them ours.
#[test]
fn a_long_list_is_read_to_its_end() {
    let world = World::new();
    let mut entries: Vec<_> = (0..100_000_u32)
        .map(|n| Entry::new(1).of(&[&[1][..], &n.to_be_bytes()].concat()))
        .collect();
    entries.push(Entry::new(4));
    let long = Crl { entries, ..world.crl() };
    let fetched = Fetched::new(&[(URL, long.make())]);
    let leaf = world.leaf_with_crls(&[URL]);
    for profile in BOTH {
        let found = finding(&world, &leaf, &fetched, &terms(profile)).status;
        assert_eq!(found, revoked(NOW - MINUTE, 4));
    }
}
