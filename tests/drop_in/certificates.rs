//! `certificates`: the key of each certificate must have signed.

use countersign::{policy::Policy, time::Time, wire::PolicyError};
use serde_json::{Value, json};

use crate::{
    sigstore::{
        Signing, Who,
        ca::Ca,
        certificate::{
            DIGITAL_SIGNATURE, EXTENDED_KEY_USAGE, KEY_CERT_SIGN, SUBJECT_ALT_NAME, San,
        },
        instant::{SIGNED, YEAR},
        keys::{Key, pem},
    },
    world::{World, one, signing},
};

/// A signature with a certificate of an own CA, for two years.
fn own(ca: &str, name: &str) -> Signing {
    let issuer = Ca::new(ca).issuer();
    let mut plan = signing().key(Key::p256(name));
    plan.issuer = issuer.clone();
    plan.scts.clear();
    plan.certificate.not_before = SIGNED - YEAR;
    plan.certificate.not_after = SIGNED + 2 * YEAR;
    plan.certificate =
        plan.certificate.identified_by(&issuer).sans(&[San::Email(&format!("{name}@acme.test"))]);
    plan
}

fn certificate(plan: &Signing) -> String {
    pem("CERTIFICATE", &plan.issue())
}

/// Such a certificate.
pub(crate) fn pem_of(ca: &str, name: &str) -> String {
    certificate(&own(ca, name))
}

fn chain(ca: &str) -> Vec<String> {
    Ca::new(ca).chain().iter().map(|der| pem("CERTIFICATE", der)).collect()
}

fn asked(certificates: &[String], chain: &[String], rekor: bool) -> Value {
    one(json!({
        "certificates": certificates, "certificateChain": chain, "requireRekorBundle": rekor,
    }))
}

#[test]
fn every_certificate_must_have_signed_and_need_not_travel() {
    let (alice, bob) = (own("acme", "alice").unlogged(), own("acme", "bob").unlogged());
    let (a, b) = (certificate(&alice), certificate(&bob));
    let both = World::signed(alice.clone().who(Who::Key)).and(bob, &json!(null), |_| {});
    for (certificates, expected) in [
        (vec![a.clone()], "allow"),
        (vec![b.clone()], "allow"),
        (vec![a.clone(), b.clone()], "allow"),
        (vec![a.clone(), b.clone(), certificate(&own("acme", "carol"))], "signature.invalid"),
    ] {
        assert_eq!(both.verdict(&asked(&certificates, &chain("acme"), false)), expected);
    }
    let alone = World::signed(alice);
    assert_eq!(alone.verdict(&asked(&[a, b], &chain("acme"), false)), "signature.invalid");
}

#[test]
fn the_certificate_must_chain_to_the_last_of_its_chain() {
    let plan = own("acme", "alice").unlogged();
    let world = World::signed(plan.clone());
    let certificates = [certificate(&plan)];
    let verdict = |chain: &[String]| world.verdict(&asked(&certificates, chain, false));
    assert_eq!(verdict(&chain("acme")), "allow");
    // The intermediate as the end of the chain.
    assert_eq!(verdict(&chain("acme")[..1]), "allow");
    assert_eq!(verdict(&chain("evil")), "certificate.untrusted");
    // Without what is between.
    assert_eq!(verdict(&chain("acme")[1..]), "certificate.untrusted");
    // The root is the last one, and the only one that is believed.
    let (ours, theirs) = (chain("acme"), chain("evil"));
    let other_root = [ours[0].clone(), ours[1].clone(), theirs[1].clone()];
    assert_eq!(verdict(&other_root), "certificate.untrusted");
}

#[test]
fn without_a_chain_the_certificate_itself_is_believed() {
    let plan = own("acme", "alice").unlogged();
    let settings = |plan: &Signing| {
        one(json!({ "certificates": [certificate(plan)], "requireRekorBundle": false }))
    };
    assert_eq!(World::signed(plan.clone()).verdict(&settings(&plan)), "allow");
    let other = own("acme", "bob").unlogged();
    assert_eq!(World::signed(other).verdict(&settings(&plan)), "signature.invalid");
    // As the host, which reads `null` as absent.
    let mut null = settings(&plan);
    null["signatures"][0]["certificateChain"] = json!(null);
    assert_eq!(World::signed(plan).verdict(&null), "allow");
}

#[test]
fn it_is_valid_now_and_was_when_the_log_saw_the_signature() {
    let mut plan = own("acme", "alice").who(Who::Key);
    let (chain, now) = (chain("acme"), SIGNED + YEAR);
    let verdict = |plan: &Signing, certificate: &str, now: i64| {
        let mut world = World::signed(plan.clone());
        world.now = now;
        world.verdict(&asked(&[certificate.to_owned()], &chain, true))
    };
    let good = certificate(&plan);
    assert_eq!(verdict(&plan, &good, now), "allow");
    assert_eq!(verdict(&plan, &good, SIGNED + 3 * YEAR), "certificate.expired");
    // Issued after the signature was logged.
    plan.certificate.not_before = SIGNED + YEAR / 2;
    let late = certificate(&plan);
    assert_eq!(verdict(&plan, &late, now), "certificate.notYetValid");
    plan.logs[0].integrated_time = SIGNED + YEAR / 2 + 1;
    assert_eq!(verdict(&plan, &late, now), "allow");
}

#[test]
fn a_rekor_bundle_is_needed_where_it_is_required_and_right_where_it_is_not() {
    // Of the certificate, as `cosign sign --certificate` logs it, and of its key alone.
    for plan in [own("acme", "alice"), own("acme", "alice").who(Who::Key)] {
        let certificates = [certificate(&plan)];
        for (rekor, expected) in [(true, "logEntry.absent"), (false, "allow")] {
            let settings = asked(&certificates, &chain("acme"), rekor);
            assert_eq!(World::signed(plan.clone()).verdict(&settings), "allow", "{rekor}");
            let unlogged = World::signed(plan.clone().unlogged());
            assert_eq!(unlogged.verdict(&settings), expected, "{rekor}");
            let mut spoilt = plan.clone();
            spoilt.logs[0].promised.set(|promised| promised["logIndex"] = json!(77));
            let verdict = World::signed(spoilt).verdict(&settings);
            assert_eq!(verdict, "logPromise.invalid", "{rekor}");
        }
    }
}

/// A difference: the old host takes annotations from any signature that it trusts.
#[test]
fn annotations_are_those_of_the_same_signature() {
    let (alice, bob) = (own("acme", "alice").unlogged(), own("acme", "bob").unlogged());
    let mut settings = asked(&[certificate(&alice)], &chain("acme"), false);
    settings["signatures"][0]["annotations"] = json!({ "env": "prod" });
    let signed = json!({ "env": "prod" });
    let apart = World::signed(alice.clone()).and(bob, &signed, |_| {});
    assert_eq!(apart.verdict(&settings), "annotation.mismatch");
    assert_eq!(World::new().and(alice, &signed, |_| {}).verdict(&settings), "allow");
}

/// What the old policy says of such settings, too.
#[test]
fn a_certificate_that_does_not_chain_now_is_said_of_the_settings() {
    let pem = [pem_of("acme", "alice")];
    let at = |chain: &[String], now: i64| {
        let settings = asked(&pem, chain, false);
        let policy = Policy::parse(&settings).unwrap();
        let errors = policy.untrusted(&settings, Time::from_unix(now));
        let one = |e: PolicyError| {
            assert_eq!(e.path, "/signatures/0/certificates/0");
            e.code
        };
        errors.into_iter().map(one).collect::<Vec<_>>()
    };
    let good = chain("acme");
    assert_eq!(at(&good, SIGNED), Vec::<String>::new());
    assert_eq!(at(&chain("evil"), SIGNED), ["certificate.untrusted"]);
    assert_eq!(at(&good[1..], SIGNED), ["certificate.untrusted"]);
    assert_eq!(at(&good, SIGNED + 3 * YEAR), ["certificate.expired"]);
    assert_eq!(at(&good, SIGNED - 2 * YEAR), ["certificate.notYetValid"]);
}

#[test]
fn a_certificate_that_is_for_something_else_is_refused_with_the_settings() {
    let plan = own("acme", "alice");
    let with = |change: fn(&mut Signing)| {
        let mut plan = plan.clone();
        change(&mut plan);
        certificate(&plan)
    };
    let two = format!("{}{}", certificate(&plan), chain("acme")[0]);
    for (pem, words) in [
        (with(|p| p.certificate.remove(EXTENDED_KEY_USAGE)), "codeSigning"),
        (with(|p| p.certificate = p.certificate.clone().usage(KEY_CERT_SIGN)), "digitalSignature"),
        (with(|p| p.certificate.remove(SUBJECT_ALT_NAME)), "alternative name"),
        (
            with(|p| {
                p.certificate = p.certificate.clone().usage(DIGITAL_SIGNATURE | KEY_CERT_SIGN);
                p.certificate = p.certificate.clone().basic(true, None);
            }),
            "CA",
        ),
        (two, "more than one"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(),
            "certificate",
        ),
        ("xxxxx".to_owned(), "PEM"),
    ] {
        let errors = Policy::parse(&asked(&[pem], &chain("acme"), false)).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        assert_eq!(errors[0].path, "/signatures/0/certificates/0");
        assert!(errors[0].message.contains(words), "{words}: {errors:#?}");
    }
}
