//! Certificates of a TSA with one fault each, and TSAs that are not trusted.

use countersign::{timestamp::TimestampError, x509::Certificate};

use crate::{
    data::Trust,
    made::{MESSAGE, named, stamp, store, tsa, verify},
    sigstore::{
        certificate::{
            BASIC_CONSTRAINTS, CODE_SIGNING, CRL_SIGN, Certificate as Draft, DIGITAL_SIGNATURE,
            EXTENDED_KEY_USAGE, KEY_CERT_SIGN, KEY_USAGE, TIME_STAMPING,
        },
        der,
        instant::SIGNED,
        keys::Key,
        tsa::{Embedded, Tsa},
    },
};

const ANY_PURPOSE: &str = "2.5.29.37.0";

/// What comes of a token by a TSA with this change.
fn of(change: impl FnOnce(&mut Tsa)) -> Result<(), TimestampError> {
    let mut made = stamp();
    change(&mut made.tsa);
    verify(&made, &made.make(MESSAGE)).map(|_| ())
}

fn purposes(critical: bool, oids: &[&str]) -> impl FnOnce(&mut Tsa) {
    let list: Vec<_> = oids.iter().map(|oid| der::oid(oid)).collect();
    move |tsa| tsa.leaf.set(EXTENDED_KEY_USAGE, critical, der::seq(&list))
}

fn profile(result: &Result<(), TimestampError>) -> &'static str {
    match result {
        Err(TimestampError::CertificateProfile(what)) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_leaf_is_for_timestamps_and_nothing_else() {
    assert_eq!(of(purposes(true, &[TIME_STAMPING])), Ok(()));
    let not_alone = "the leaf's extKeyUsage is not timeStamping alone";
    for wrong in [
        &[TIME_STAMPING, CODE_SIGNING][..],
        &[CODE_SIGNING],
        &[ANY_PURPOSE],
        &[TIME_STAMPING, ANY_PURPOSE],
        &[TIME_STAMPING, TIME_STAMPING],
    ] {
        assert_eq!(profile(&of(purposes(true, wrong))), not_alone, "{wrong:?}");
    }
    assert_eq!(
        profile(&of(purposes(false, &[TIME_STAMPING]))),
        "the leaf's extKeyUsage is not critical"
    );
    assert_eq!(
        profile(&of(|tsa| tsa.leaf.remove(EXTENDED_KEY_USAGE))),
        "the leaf has no extKeyUsage"
    );
}

#[test]
fn the_leaf_signs_and_is_no_ca() {
    assert_eq!(profile(&of(|tsa| tsa.leaf.remove(KEY_USAGE))), "the leaf has no keyUsage");
    assert_eq!(
        profile(&of(|tsa| tsa.leaf = tsa.leaf.clone().usage(KEY_CERT_SIGN))),
        "the leaf's keyUsage lacks digitalSignature"
    );
    assert_eq!(of(|tsa| tsa.leaf = tsa.leaf.clone().basic(false, None)), Ok(()));
    let ca = |tsa: &mut Tsa| {
        tsa.leaf = tsa.leaf.clone().usage(DIGITAL_SIGNATURE | KEY_CERT_SIGN).basic(true, None);
    };
    assert_eq!(profile(&of(ca)), "the leaf is a CA");
    assert_eq!(
        profile(&of(|tsa| tsa.leaf = tsa.leaf.clone().unknown_critical())),
        "a critical extension is not understood"
    );
}

#[test]
fn the_leafs_key_is_strong() {
    assert_eq!(
        of(|tsa| tsa.leaf.key = Key::rsa(1024)),
        Err(TimestampError::WeakAlgorithm("RSA 1024".into()))
    );
    assert_eq!(
        of(|tsa| tsa.leaf.key = Key::p224()),
        Err(TimestampError::WeakAlgorithm("ECDSA P-224".into()))
    );
}

#[test]
fn the_issuer_may_issue() {
    let issuer = |change: fn(Draft) -> Draft| {
        of(|tsa| tsa.authorities[1] = change(tsa.authorities[1].clone()))
    };
    assert_eq!(issuer(|c| c.without(EXTENDED_KEY_USAGE)), Ok(()));
    assert_eq!(
        profile(&issuer(|c| c.purposes(&[CODE_SIGNING]))),
        "an issuer's extKeyUsage lacks the purpose"
    );
    assert_eq!(profile(&issuer(|c| c.basic(false, None))), "an issuer is not a CA");
    assert_eq!(profile(&issuer(|c| c.without(BASIC_CONSTRAINTS))), "an issuer is not a CA");
    assert_eq!(
        profile(&issuer(|c| c.usage(CRL_SIGN))),
        "an intermediate's keyUsage lacks keyCertSign"
    );
    assert_eq!(
        issuer(|c| c.unknown_critical()),
        Err(TimestampError::CertificateProfile("a critical extension is not understood"))
    );
}

#[test]
fn certificates_are_valid_at_the_time_of_the_token() {
    // The token says six seconds after SIGNED; both ends are part of a period.
    let at = SIGNED + 6;
    let expired = Err(TimestampError::CertificateExpired);
    let early = Err(TimestampError::CertificateNotYetValid);
    assert_eq!(of(|tsa| tsa.leaf.not_after = at), Ok(()));
    assert_eq!(of(|tsa| tsa.leaf.not_before = at), Ok(()));
    assert_eq!(of(|tsa| tsa.leaf.not_after = at - 1), expired);
    assert_eq!(of(|tsa| tsa.leaf.not_before = at + 1), early);
    for position in [0, 1] {
        assert_eq!(of(|tsa| tsa.authorities[position].not_after = at), Ok(()));
        assert_eq!(of(|tsa| tsa.authorities[position].not_after = at - 1), expired);
        assert_eq!(of(|tsa| tsa.authorities[position].not_before = at + 1), early);
    }
}

#[test]
fn a_chain_that_a_token_brings_is_not_trusted() {
    let made = stamp();
    let token = made.make(MESSAGE);
    let other = Tsa::new("another", Key::p256("another"));
    assert_eq!(store(&other).verify(&token, MESSAGE), Err(TimestampError::Untrusted));
    assert_eq!(named(&other).verify(&token, MESSAGE), Err(TimestampError::SignerUnknown));
    assert_eq!(Trust::default().verify(&token, MESSAGE), Err(TimestampError::Untrusted));
    // The same names, other keys.
    let mut twin = tsa();
    twin.authorities[0].key = Key::p384("twin");
    assert_eq!(store(&twin).verify(&token, MESSAGE), Err(TimestampError::Untrusted));
    twin.authorities[1].key = Key::p256("twin");
    let twins = Trust { leaf: named(&tsa()).leaf, ..named(&twin) };
    assert_eq!(twins.verify(&token, MESSAGE), Err(TimestampError::Untrusted));
}

#[test]
fn the_named_leaf_is_the_signer() {
    let made = stamp();
    let mut renewed = made.tsa.clone();
    renewed.leaf.serial = vec![9];
    let token = made.make(MESSAGE);
    // Of the same authority, with the same key, and not the one that is named.
    assert_eq!(named(&renewed).verify(&token, MESSAGE), Err(TimestampError::SignerUnknown));
    // The same serial number, another certificate.
    let mut twin = made.tsa.clone();
    twin.leaf.not_after += 1;
    assert_eq!(named(&twin).verify(&token, MESSAGE), Err(TimestampError::SignerUnknown));
    // What travels as the signer's certificate is the one that is named.
    let mut two_faced = stamp();
    let other = twin.chain().remove(0);
    two_faced.certificates.set(move |certificates| certificates[0].clone_from(&other));
    let token = two_faced.make(MESSAGE);
    assert_eq!(named(&made.tsa).verify(&token, MESSAGE), Err(TimestampError::SignerUnknown));
    assert_eq!(store(&made.tsa).verify(&token, MESSAGE), Err(TimestampError::SignerUnknown));
}

#[test]
fn certificates_may_come_from_the_token_or_from_trust() {
    let mut made = stamp();
    let full = named(&made.tsa);
    let without_leaf = Trust { leaf: None, ..full.clone() };
    let only_root = store(&made.tsa);
    let leaf_among_intermediates = Trust {
        leaf: None,
        intermediates: full.leaf.iter().chain(&full.intermediates).cloned().collect(),
        roots: full.roots.clone(),
    };
    // Who names the leaf names the chain.
    let leaf_and_root = Trust { leaf: full.leaf.clone(), ..store(&made.tsa) };
    let expected = [
        (Embedded::Nothing, [true, false, false, true, false]),
        (Embedded::Leaf, [true, true, false, true, false]),
        (Embedded::Chain, [true, true, true, true, false]),
    ];
    for (embedded, accepted) in expected {
        made.embedded = embedded;
        let token = made.make(MESSAGE);
        let trusts = [&full, &without_leaf, &only_root, &leaf_among_intermediates, &leaf_and_root];
        let found = trusts.map(|trust| trust.verify(&token, MESSAGE).is_ok());
        assert_eq!(found, accepted, "{embedded:?}");
    }
}

#[test]
fn of_two_certificates_for_one_name_the_identified_one_counts() {
    let made = stamp();
    let mut twin = made.tsa.clone();
    twin.leaf.not_after += 1;
    let other = twin.chain().remove(0);
    let mut both = stamp();
    both.certificates.set(move |certificates| certificates.insert(0, other.clone()));
    let found = store(&made.tsa).verify(&both.make(MESSAGE), MESSAGE).unwrap();
    assert_eq!(found.leaf, Certificate::from_der(&made.tsa.chain()[0]).unwrap());
}
