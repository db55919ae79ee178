//! OCSP responses: requirements 101 to 103.

use countersign::{
    revocation::{MOST_OCSP_BYTES, Reason, Revocation, RevocationError as E, Status},
    time::Time,
    x509::notation_profile::Profile::{self, Compat, Spec},
};

use crate::{
    made::{
        CRL_DISTRIBUTION_POINTS, DAY, Entry, Fetched, HOUR, MINUTE, NO_CHECK, NOW, Response, World,
        by_crl, by_ocsp, finding, generalized, key_bits, points, sha1, terms,
    },
    sigstore::{
        certificate::{CRL_SIGN, Certificate},
        der,
        keys::{Key, sha256},
    },
};

const BOTH: [Profile; 2] = [Spec, Compat];

fn status(world: &World, response: &Response, profile: Profile) -> Status {
    by_ocsp(world, response, &terms(profile))
}

fn unknown(error: E) -> Status {
    Status::Unknown(error)
}

#[test]
fn a_responder_with_nocheck_or_a_short_life_vouches() {
    let world = World::new();
    let no_check = world.responder().with(NO_CHECK, false, der::null());
    assert_eq!(status(&world, &world.response_by(&no_check), Spec), Status::Ok);
    let mut short = world.responder();
    (short.not_before, short.not_after) = (NOW - DAY, NOW + 6 * DAY);
    assert_eq!(status(&world, &world.response_by(&short), Spec), Status::Ok);
    short.not_after += 1;
    let error = E::Responder("cannot be checked for revocation");
    assert_eq!(status(&world, &world.response_by(&short), Spec), unknown(error));
    let mut by_key = world.response_by(&no_check);
    by_key.responder = der::explicit(2, &der::octets(&sha1(&key_bits(&world.other_key))));
    for profile in BOTH {
        assert_eq!(status(&world, &by_key, profile), Status::Ok);
    }
}

/// Requirement 101, and the trust policy specification's step 4 of OCSP.
#[test]
fn a_responder_without_nocheck_is_looked_up_in_its_crl() {
    let world = World::new();
    let responder =
        world.responder().with(CRL_DISTRIBUTION_POINTS, false, points(&[&["http://c/o.crl"]]));
    let response = world.response_by(&responder).make();
    let with = |bodies: &[(&str, Vec<u8>)], asks| {
        let mut fetched = Fetched::new(bodies);
        (fetched.asks, _) = (asks, fetched.bodies.insert("http://o/".into(), response.clone()));
        finding(&world, &world.leaf_with_ocsp(), &fetched, &terms(Spec)).status
    };
    let good = world.crl_with(Entry::new(1)).make();
    assert_eq!(with(&[("http://c/o.crl", good)], false), Status::Ok);
    let revoked = world.crl_with(Entry::new(1).of(&[9])).make();
    let error = E::Responder("is revoked");
    assert_eq!(with(&[("http://c/o.crl", revoked)], false), unknown(error));
    let error = E::Responder("may have been revoked");
    assert_eq!(with(&[], false), unknown(error));
    assert_eq!(with(&[], true), unknown(E::Pending));
}

#[test]
fn an_unfit_responder_is_refused() {
    let world = World::new();
    let base = || world.responder().with(NO_CHECK, false, der::null());
    let check = |responder: &Certificate, words: &'static str| {
        let response = world.response_by(responder);
        assert_eq!(status(&world, &response, Spec), unknown(E::Responder(words)), "{words}");
        assert_eq!(status(&world, &response, Compat), Status::Ok, "{words}");
    };
    check(&base().purposes(&["1.3.6.1.5.5.7.3.3"]), "lacks the purpose OCSPSigning");
    check(&base().purposes(&["2.5.29.37.0"]), "lacks the purpose OCSPSigning");
    check(&base().usage(CRL_SIGN), "is not for signatures");
    let mut early = base();
    early.not_before = NOW - HOUR + 1;
    check(&early, "is not valid at the time");
    let mut elsewhere = base();
    elsewhere.claimed_issuer = Some(world.root.subject.clone());
    check(&elsewhere, "is of another issuer");
}

#[test]
fn the_signature_must_be_the_issuers_or_its_delegates() {
    let world = World::new();
    let mut response = world.response();
    response.key = world.other_key.clone();
    for profile in BOTH {
        assert_eq!(status(&world, &response, profile), unknown(E::SignatureInvalid));
    }
    // By the root, which issued the issuer and not the certificate.
    let mut response = world.response();
    response.key = world.root.key.clone();
    response.responder = der::explicit(1, &world.root.subject);
    response.embedded = vec![world.root.issued_by(&world.root.as_issuer())];
    let error = E::Responder("is of another issuer");
    assert_eq!(status(&world, &response, Spec), unknown(error));
    assert_eq!(status(&world, &response, Compat), unknown(E::SignatureInvalid));
    // A good delegate, and a response that says to be of somebody else.
    let responder = world.responder().with(NO_CHECK, false, der::null());
    let mut response = world.response_by(&responder);
    response.responder = der::explicit(1, &world.root.subject);
    assert_eq!(status(&world, &response, Spec), unknown(E::SignatureInvalid));
    assert_eq!(status(&world, &response, Compat), Status::Ok);
}

/// notation-go takes the first certificate for a delegate, also where it is the issuer's own.
#[test]
fn a_response_may_bring_the_issuers_own_certificate() {
    let world = World::new();
    let mut response = world.response();
    response.embedded = vec![world.inter.issued_by(&world.root.as_issuer())];
    assert_eq!(status(&world, &response, Spec), Status::Ok);
    assert_eq!(status(&world, &response, Compat), unknown(E::SignatureInvalid));
}

/// D10: issuer hashes.
#[test]
fn an_answer_names_the_issuer_too() {
    let world = World::new();
    for sha256 in [false, true] {
        let response = world.response().saying(|mut s| {
            s.sha256 = sha256;
            s
        });
        for profile in BOTH {
            assert_eq!(status(&world, &response, profile), Status::Ok);
        }
        let other_name = response.clone().saying(|mut s| {
            s.issuer_name = world.root.subject.clone();
            s
        });
        let other_key = response.saying(|mut s| {
            s.issuer_key = key_bits(&world.root.key);
            s
        });
        for response in [other_name, other_key] {
            assert_eq!(status(&world, &response, Spec), unknown(E::NotAboutThis));
            assert_eq!(status(&world, &response, Compat), Status::Ok);
        }
    }
    let other = world.response().saying(|mut s| {
        s.serial = vec![4];
        s
    });
    for profile in BOTH {
        assert_eq!(status(&world, &other, profile), unknown(E::NotAboutThis));
    }
}

#[test]
fn one_answer_of_several_is_ours() {
    let world = World::new();
    let mut other = world.good().revoked(NOW - HOUR, Some(1));
    other.serial = vec![4];
    let mut response = world.response();
    response.answers.insert(0, other);
    for profile in BOTH {
        assert_eq!(status(&world, &response, profile), Status::Ok);
    }
    response.answers.push(world.good().revoked(NOW - HOUR, Some(1)));
    assert_eq!(status(&world, &response, Spec), unknown(E::Ambiguous));
    assert_eq!(status(&world, &response, Compat), Status::Ok);
}

#[test]
fn times_are_those_of_the_decision() {
    let world = World::new();
    let at = |this: i64, next: Option<i64>| {
        world.response().saying(|mut s| {
            (s.this_update, s.next_update) = (this, next);
            s
        })
    };
    let expired =
        |next: Option<i64>| unknown(E::Expired { next_update: next.map(Time::from_unix) });
    for profile in BOTH {
        assert_eq!(status(&world, &at(NOW, Some(NOW)), profile), Status::Ok);
        assert_eq!(status(&world, &at(NOW - 2, Some(NOW - 1)), profile), expired(Some(NOW - 1)));
        assert_eq!(status(&world, &at(NOW - 2, None), profile), expired(None));
        assert_eq!(status(&world, &at(NOW + 5 * MINUTE, Some(NOW + DAY)), profile), Status::Ok);
    }
    let this = NOW + 5 * MINUTE + 1;
    let error = E::NotYetValid { this_update: Time::from_unix(this) };
    assert_eq!(status(&world, &at(this, Some(NOW + DAY)), Spec), unknown(error));
    assert_eq!(status(&world, &at(this, Some(NOW + DAY)), Compat), Status::Ok);
}

#[test]
fn evidence_may_be_too_old_for_the_policy() {
    let world = World::new();
    for profile in BOTH {
        let mut terms = terms(profile);
        terms.max_age = Some(HOUR);
        assert_eq!(by_ocsp(&world, &world.response(), &terms), Status::Ok);
        terms.max_age = Some(HOUR - 1);
        let this_update = Time::from_unix(NOW - HOUR);
        let error = unknown(E::TooOld { this_update });
        assert_eq!(by_ocsp(&world, &world.response(), &terms), error);
    }
}

#[test]
fn critical_extensions_are_not_understood() {
    let world = World::new();
    let single = world.response().saying(|s| s.with("1.2.3", true, der::null()));
    for profile in BOTH {
        let error = unknown(E::CriticalExtension("1.2.3".into()));
        assert_eq!(status(&world, &single, profile), error);
    }
    let mut all = world.response();
    all.extensions = vec![("1.2.3", true, der::null())];
    assert_eq!(status(&world, &all, Spec), unknown(E::CriticalExtension("1.2.3".into())));
    assert_eq!(status(&world, &all, Compat), Status::Ok);
    all.extensions = vec![("1.2.3", false, der::null())];
    assert_eq!(status(&world, &all, Spec), Status::Ok);
}

#[test]
fn a_revocation_says_when_and_why() {
    let world = World::new();
    for (reason, expected) in [(None, 0), (Some(1), 1), (Some(6), 6), (Some(99), 99)] {
        let response = world.response().saying(|s| s.revoked(NOW + HOUR, reason));
        let revocation = Revocation { at: Time::from_unix(NOW + HOUR), reason: Reason(expected) };
        for profile in BOTH {
            assert_eq!(status(&world, &response, profile), Status::Revoked(revocation));
        }
    }
}

/// Requirement 102: strictly before.
#[test]
fn an_invalidity_date_spares_signatures_from_before_it() {
    let world = World::new();
    let since = |value: Vec<u8>| {
        world
            .response()
            .saying(|s| s.revoked(NOW - MINUTE, Some(1)).with("2.5.29.24", false, value))
    };
    for profile in BOTH {
        let mut terms = terms(profile);
        for (signed_at, spared) in [(NOW - HOUR - 1, true), (NOW - HOUR, false)] {
            terms.signed_at = Some(Time::from_unix(signed_at));
            let found = by_ocsp(&world, &since(generalized(NOW - HOUR)), &terms);
            assert_eq!(found == Status::Ok, spared, "{found:?}");
        }
        terms.signed_at = Some(Time::from_unix(0));
        for unreadable in [der::null(), der::tlv(0x18, b"20261121")] {
            let found = by_ocsp(&world, &since(unreadable), &terms);
            assert!(matches!(found, Status::Revoked(_)), "{found:?}");
        }
    }
}

#[test]
fn refusals_of_the_responder_are_named() {
    let world = World::new();
    for status_code in [1, 2, 3, 5, 6, 4, 77] {
        let response = Response { status: status_code, ..world.response() };
        for profile in BOTH {
            assert_eq!(status(&world, &response, profile), unknown(E::Refused(status_code)));
        }
    }
}

#[test]
fn bytes_that_are_no_response_are_refused() {
    let world = World::new();
    let with = |body: Vec<u8>| {
        let fetched = Fetched::new(&[("http://o/", body)]);
        finding(&world, &world.leaf_with_ocsp(), &fetched, &terms(Spec)).status
    };
    for body in [&b""[..], b"<html>", &[0x30, 0], &[0x30, 3, 0x0a, 1, 0], &[0x30, 0x80, 0, 0]] {
        assert_eq!(with(body.to_vec()), unknown(E::Malformed("OCSPResponse")));
    }
    assert_eq!(with(vec![0; MOST_OCSP_BYTES + 1]), unknown(E::TooLarge(MOST_OCSP_BYTES + 1)));
    let trailing = [world.response().make(), vec![0]].concat();
    assert_eq!(with(trailing), unknown(E::Malformed("OCSPResponse")));
}

#[test]
fn any_accepted_key_may_answer() {
    for key in [Key::p384("inter"), Key::p521("inter"), Key::rsa(2048), Key::ed25519("inter")] {
        let mut world = World::new();
        world.inter.key = key;
        let name = world.inter.key.details();
        assert_eq!(status(&world, &world.response(), Spec), Status::Ok, "{name}");
        assert_eq!(by_crl(&world, &world.crl(), &terms(Spec)), Status::Ok, "{name}");
    }
}

#[test]
fn sha_256_of_the_key_is_no_responder_id() {
    let world = World::new();
    let mut response = world.response();
    response.responder = der::explicit(2, &der::octets(&sha256(&key_bits(&world.inter.key))));
    assert_eq!(status(&world, &response, Spec), unknown(E::SignatureInvalid));
}
