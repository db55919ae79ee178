//! Requirements 83, 84, 87–98: RFC 3161 countersignatures.

use countersign::{
    envelope::{cose, jws},
    verdict::Code::{self, *},
    verify::notation::{Level, Profile, VerifyTimestamp},
    wire::Mark,
};

use crate::{
    draft::{Format, TIMESTAMP, Value, field, text},
    setup::{BOTH, COSE, Case, JWS, SIGNED_AT, Setup, parse, run},
    sigstore::{
        certificate::{BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE, KEY_CERT_SIGN, KEY_USAGE},
        der,
        instant::HOUR,
        keys::{Hash, Key},
        tsa::{Embedded, Naming, Stamp, Tsa},
    },
    tree::Node,
};

const OK: Result<(), Code> = Ok(());

/// The list of signers in a bare token.
const SIGNERS: &[usize] = &[1, 0, 4];

/// The raw signature of an envelope.
fn signature(s: &Setup) -> Vec<u8> {
    let envelope = s.draft.build();
    let parsed = match s.draft.format {
        Format::Jws => jws::parse(&envelope),
        Format::Cose => cose::parse(&envelope),
    };
    parsed.unwrap().signature
}

/// Trusts a TSA, and has a signature stamped by it a minute after it was made.
fn stamped(s: &mut Setup, change: impl FnOnce(&mut Stamp)) {
    stamped_by(s, Tsa::new("stamps", Key::p256("TSA")), change);
}

fn stamped_by(s: &mut Setup, tsa: Tsa, change: impl FnOnce(&mut Stamp)) {
    let mut stamp = tsa.stamp();
    stamp.bare = true;
    stamp.embedded = Embedded::Chain;
    stamp.time = SIGNED_AT + 60;
    change(&mut stamp);
    s.authority.tsa = vec![parse(stamp.tsa.chain().last().unwrap())];
    let token = stamp.make(&signature(s));
    s.draft.set_open(field(TIMESTAMP), Value::Bytes(token));
}

/// Changes the token that is there.
fn edit(s: &mut Setup, change: impl FnOnce(&mut Node)) {
    let (_, value) = s.draft.unprotected.iter_mut().find(|(f, _)| *f == field(TIMESTAMP)).unwrap();
    let Value::Bytes(bytes) = value else { panic!("a token") };
    let mut root = Node::parse(bytes);
    change(&mut root);
    *bytes = root.encode();
}

/// Adds a signer, before or after the one that is there, whose signature is not good.
fn with_a_bad_signer(s: &mut Setup, at: usize) {
    edit(s, |root| {
        let signers = root.at(SIGNERS).children();
        let mut bad = signers[0].clone();
        bad.children()[5].bytes()[9] ^= 1;
        signers.insert(at, bad);
    });
}

fn compat(s: &mut Setup) {
    s.authority.profile = Profile::Compat;
}

fn after_expiry(s: &mut Setup) {
    s.authority.verify_timestamp = VerifyTimestamp::AfterCertExpiry;
}

/// The signer's certificate ends half an hour after the signature, and half an hour before now.
fn expired(s: &mut Setup) {
    s.leaf.not_after = "261121023000Z".into();
    s.issue();
}

#[test]
fn when_a_timestamp_is_asked_for() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("83", "a good timestamp", BOTH, OK, |s| stamped(s, |_| {})),
        ("83", "a good timestamp, compat", BOTH, OK, |s| { stamped(s, |_| {}); compat(s); }),
        ("83", "a good timestamp of an expired certificate", BOTH, OK, |s| { expired(s); stamped(s, |_| {}); }),
        ("83", "and after it has expired", BOTH, OK, |s| { expired(s); stamped(s, |_| {}); after_expiry(s); }),
        ("83", "no `tsa` store", BOTH, Err(AuthenticTimestampInvalid), |s| { expired(s); stamped(s, |_| {}); s.authority.tsa.clear(); }),
        ("84", "no timestamp", BOTH, Err(TimestampAbsent), |s| {
            stamped(s, |_| {});
            s.draft.unprotected.retain(|(f, _)| *f != field(TIMESTAMP));
        }),
        ("84", "no timestamp, permissive", BOTH, OK, |s| {
            stamped(s, |_| {});
            s.draft.unprotected.retain(|(f, _)| *f != field(TIMESTAMP));
            s.level(Level::Permissive);
        }),
        ("84", "an empty timestamp", BOTH, Err(TimestampAbsent), |s| { stamped(s, |_| {}); s.draft.set_open(field(TIMESTAMP), Value::Bytes(Vec::new())); }),
        ("84", "an empty timestamp, compat", BOTH, Err(TimestampAbsent), |s| {
            stamped(s, |_| {});
            s.draft.set_open(field(TIMESTAMP), Value::Bytes(Vec::new()));
            compat(s);
        }),
        ("83,84", "no timestamp, and none is needed yet", BOTH, OK, |s| {
            stamped(s, |_| {});
            s.draft.unprotected.retain(|(f, _)| *f != field(TIMESTAMP));
            after_expiry(s);
        }),
        ("83,84", "no timestamp, and one is needed since", BOTH, Err(TimestampAbsent), |s| {
            expired(s);
            stamped(s, |_| {});
            s.draft.unprotected.retain(|(f, _)| *f != field(TIMESTAMP));
            after_expiry(s);
        }),
        ("83", "garbage that nobody looks at", BOTH, OK, |s| { stamped(s, |_| {}); s.draft.set_open(field(TIMESTAMP), Value::Bytes(vec![7])); after_expiry(s); }),
        ("82,83", "not valid yet, and nothing has expired", BOTH, Err(AuthenticTimestampInvalid), |s| {
            s.leaf.not_before = "261121030001Z".into();
            s.issue();
            stamped(s, |_| {});
            after_expiry(s);
        }),
        // notation-go refuses the envelope; in COSE it takes the attribute for absent.
        ("29,84", "not base64", JWS, Err(EnvelopeMalformed), |s| { stamped(s, |_| {}); s.draft.set_open(field(TIMESTAMP), text("*")); }),
        ("29,84", "not base64, compat", JWS, Err(EnvelopeMalformed), |s| { stamped(s, |_| {}); s.draft.set_open(field(TIMESTAMP), text("*")); compat(s); }),
        ("29,84", "not bytes", COSE, Err(TimestampAbsent), |s| { stamped(s, |_| {}); s.draft.set_open(field(TIMESTAMP), text("*")); }),
        ("29,84", "not bytes, compat", COSE, Err(TimestampAbsent), |s| { stamped(s, |_| {}); s.draft.set_open(field(TIMESTAMP), text("*")); compat(s); }),
        ("97,98", "a signing authority needs none", BOTH, OK, |s| {
            s.by_signing_authority(SIGNED_AT);
            stamped(s, |_| {});
            s.draft.unprotected.retain(|(f, _)| *f != field(TIMESTAMP));
        }),
        ("97,98", "a signing authority's is not looked at", BOTH, OK, |s| {
            s.by_signing_authority(SIGNED_AT);
            stamped(s, |_| {});
            s.draft.set_open(field(TIMESTAMP), Value::Bytes(vec![7]));
        }),
        ("97,98", "a timestamp is no authentic signing time", BOTH, Err(AuthenticTimestampInvalid), |s| {
            s.leaf.not_before = "261121020030Z".into();
            s.issue();
            s.by_signing_authority(SIGNED_AT);
            stamped(s, |_| {});
        }),
    ];
    run("timestamps, when", cases);
}

#[test]
fn what_a_token_is() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("87", "no token", BOTH, Err(TimestampMalformed), |s| { stamped(s, |_| {}); s.draft.set_open(field(TIMESTAMP), Value::Bytes(vec![0x30, 0])); }),
        ("87", "no token, permissive", BOTH, OK, |s| {
            stamped(s, |_| {});
            s.draft.set_open(field(TIMESTAMP), Value::Bytes(vec![0x30, 0]));
            s.level(Level::Permissive);
        }),
        ("87", "another content", BOTH, Err(TimestampMalformed), |s| stamped(s, |t| t.content_type = "1.2.840.113549.1.7.1".into())),
        ("88", "of another version", BOTH, Err(TimestampMalformed), |s| stamped(s, |t| t.info.set(|info| info.version = 2))),
        ("88", "over another signature", BOTH, Err(TimestampInvalid), |s| stamped(s, |t| t.over.set(|bytes| bytes[0] ^= 1))),
        ("88", "over the signature's text", BOTH, Err(TimestampInvalid), |s| {
            stamped(s, |t| t.over.set(|bytes| *bytes = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, &bytes).into_bytes()));
        }),
        ("88", "with SHA-384", BOTH, OK, |s| stamped(s, |t| t.imprint = Hash::Sha384)),
        ("88", "with SHA-512", BOTH, OK, |s| stamped(s, |t| t.imprint = Hash::Sha512)),
        // RFC 3161 has one signer; tspclient tries them all.
        ("89", "a bad signer before", BOTH, Err(TimestampMalformed), |s| { stamped(s, |_| {}); with_a_bad_signer(s, 0); }),
        ("89", "a bad signer after", BOTH, Err(TimestampMalformed), |s| { stamped(s, |_| {}); with_a_bad_signer(s, 1); }),
        ("89", "a bad signer before, compat", BOTH, OK, |s| { stamped(s, |_| {}); with_a_bad_signer(s, 0); compat(s); }),
        ("89", "a bad signer after, compat", BOTH, OK, |s| { stamped(s, |_| {}); with_a_bad_signer(s, 1); compat(s); }),
        ("89", "two bad signers, compat", BOTH, Err(TimestampInvalid), |s| {
            stamped(s, |_| {});
            with_a_bad_signer(s, 0);
            edit(s, |root| drop(root.at(SIGNERS).children().remove(1)));
            with_a_bad_signer(s, 0);
            edit(s, |root| root.at(SIGNERS).children()[0].children()[5].bytes()[9] ^= 2);
            compat(s);
        }),
        ("89", "no signer, compat", BOTH, Err(TimestampMalformed), |s| { stamped(s, |_| {}); edit(s, |root| root.at(SIGNERS).children().clear()); compat(s); }),
        ("90", "the certificate named by SHA-1", BOTH, Err(TimestampMalformed), |s| stamped(s, |t| t.naming = Naming::V1)),
        ("90", "the certificate named by SHA-1, compat", BOTH, Err(TimestampMalformed), |s| { stamped(s, |t| t.naming = Naming::V1); compat(s); }),
        ("90", "the certificate not named", BOTH, Err(TimestampMalformed), |s| stamped(s, |t| t.naming = Naming::Absent)),
        ("90", "without certificates", BOTH, Err(TimestampUntrusted), |s| stamped(s, |t| t.embedded = Embedded::Nothing)),
        ("91", "a changed signature", BOTH, Err(TimestampInvalid), |s| stamped(s, |t| t.signature.set(|bytes| bytes[9] ^= 1))),
        ("92", "signed when a certificate had expired", BOTH, Err(TimestampInvalid), |s| {
            stamped(s, |t| t.attributes.set(|all| all[1].value = der::validity(SIGNED_AT + 500_000_000)));
        }),
    ];
    run("timestamps, tokens", cases);
}

#[test]
fn who_may_stamp() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("93", "another root", BOTH, Err(TimestampUntrusted), |s| {
            stamped(s, |_| {});
            s.authority.tsa = vec![parse(Tsa::new("other", Key::p256("TSA")).chain().last().unwrap())];
        }),
        ("93", "another root, audit", BOTH, OK, |s| {
            stamped(s, |_| {});
            s.authority.tsa = vec![parse(Tsa::new("other", Key::p256("TSA")).chain().last().unwrap())];
            s.level(Level::Audit);
        }),
        ("93", "the signer's root does not stamp", BOTH, Err(TimestampUntrusted), |s| { stamped(s, |_| {}); s.authority.tsa = s.authority.ca.clone(); }),
        ("93", "one of several roots", BOTH, OK, |s| { stamped(s, |_| {}); s.authority.tsa.insert(0, s.authority.ca[0].clone()); }),
        ("93", "a TSA that has expired since", BOTH, OK, |s| stamped(s, |t| t.tsa.leaf.not_after = SIGNED_AT + HOUR / 2)),
        ("93", "a TSA that had expired", BOTH, Err(TimestampInvalid), |s| stamped(s, |t| t.tsa.leaf.not_after = SIGNED_AT)),
        ("93", "the root need not travel", BOTH, OK, |s| stamped(s, |t| t.certificates.set(|chain| chain.truncate(2)))),
        ("93", "the intermediate must", BOTH, Err(TimestampUntrusted), |s| stamped(s, |t| t.certificates.set(|chain| chain.truncate(1)))),
        ("94", "a purpose that is not critical", BOTH, Err(TimestampInvalid), |s| {
            stamped(s, |t| t.tsa.leaf.extensions.iter_mut().find(|e| e.oid == EXTENDED_KEY_USAGE).unwrap().critical = false);
        }),
        ("94", "another purpose beside", BOTH, Err(TimestampInvalid), |s| {
            stamped(s, |t| {
                let purposes = ["1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.3"].map(der::oid);
                t.tsa.leaf.set(EXTENDED_KEY_USAGE, true, der::seq(&purposes));
            });
        }),
        ("94", "keyUsage that is not critical", BOTH, OK, |s| {
            stamped(s, |t| t.tsa.leaf.extensions.iter_mut().find(|e| e.oid == KEY_USAGE).unwrap().critical = false);
        }),
        ("94", "a leaf that may sign certificates", BOTH, Err(TimestampInvalid), |s| stamped(s, |t| t.tsa.leaf = t.tsa.leaf.clone().usage(0x8000 | KEY_CERT_SIGN))),
        ("94", "an intermediate without keyUsage", BOTH, Err(TimestampInvalid), |s| stamped(s, |t| t.tsa.authorities[1].remove(KEY_USAGE))),
        ("94", "a root without keyUsage", BOTH, Err(TimestampInvalid), |s| stamped(s, |t| t.tsa.authorities[0].remove(KEY_USAGE))),
        ("94,D5", "basicConstraints that is not critical", BOTH, Err(TimestampInvalid), |s| {
            stamped(s, |t| t.tsa.authorities[1].extensions.iter_mut().find(|e| e.oid == BASIC_CONSTRAINTS).unwrap().critical = false);
        }),
        ("94,D5", "basicConstraints that is not critical, compat", BOTH, OK, |s| {
            stamped(s, |t| t.tsa.authorities[1].extensions.iter_mut().find(|e| e.oid == BASIC_CONSTRAINTS).unwrap().critical = false);
            compat(s);
        }),
        ("94", "a path that is too long for the root", BOTH, Err(TimestampInvalid), |s| stamped(s, |t| t.tsa.authorities[0] = t.tsa.authorities[0].clone().basic(true, Some(0)))),
        ("94", "RSA 2048", BOTH, OK, |s| stamped_by(s, Tsa::new("stamps", Key::rsa(2048)), |_| {})),
        ("94", "RSA 3072", BOTH, OK, |s| stamped_by(s, Tsa::new("stamps", Key::rsa(3072)), |_| {})),
        ("94", "P-384", BOTH, OK, |s| stamped_by(s, Tsa::new("stamps", Key::p384("TSA")), |_| {})),
        ("94", "Ed25519", BOTH, Err(TimestampInvalid), |s| stamped_by(s, Tsa::new("stamps", Key::ed25519("TSA")), |t| (t.digest, t.imprint) = (Hash::Sha512, Hash::Sha512))),
    ];
    run("timestamps, authorities", cases);
}

/// 2026-11-21T02:01:00Z, when [`stamped`] stamps.
const STAMPED: &str = "261121020100Z";
const SECOND_BEFORE: &str = "261121020059Z";
const SECOND_AFTER: &str = "261121020101Z";

#[test]
fn the_whole_interval_lies_within_every_certificate() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("95", "a second after the leaf begins, accurate to it", BOTH, OK, |s| { begins(s, SECOND_BEFORE); stamped(s, |_| {}); }),
        ("95", "when the leaf begins, accurate to a second", BOTH, Err(AuthenticTimestampInvalid), |s| { begins(s, STAMPED); stamped(s, |_| {}); }),
        ("95", "when the leaf begins, exactly", BOTH, OK, |s| { begins(s, STAMPED); stamped(s, exactly); }),
        ("95", "when the leaf begins, under ETSI's policy", BOTH, Err(AuthenticTimestampInvalid), |s| {
            begins(s, STAMPED);
            stamped(s, |t| { exactly(t); t.info.set(|info| info.policy = "0.4.0.2023.1.1".into()); });
        }),
        ("95", "a second before the leaf ends, accurate to it", BOTH, OK, |s| { ends(s, SECOND_AFTER); stamped(s, |_| {}); }),
        ("95", "when the leaf ends, accurate to a second", BOTH, Err(AuthenticTimestampInvalid), |s| { ends(s, STAMPED); stamped(s, |_| {}); }),
        ("95", "when the leaf ends, accurate to a millisecond", BOTH, Err(AuthenticTimestampInvalid), |s| {
            ends(s, STAMPED);
            stamped(s, |t| t.info.set(|info| info.accuracy = Some((0, 1, 0))));
        }),
        ("95", "when the leaf ends, exactly", BOTH, OK, |s| { ends(s, STAMPED); stamped(s, exactly); }),
        ("95", "when the leaf ends, exactly, compat", BOTH, OK, |s| { ends(s, STAMPED); stamped(s, exactly); compat(s); }),
        ("95", "after the root has ended", BOTH, Err(AuthenticTimestampInvalid), |s| {
            s.root.not_after = SECOND_BEFORE.into();
            s.issue();
            stamped(s, exactly);
        }),
        ("95", "before the intermediate begins", BOTH, Err(AuthenticTimestampInvalid), |s| {
            s.intermediate.not_before = SECOND_AFTER.into();
            s.issue();
            stamped(s, exactly);
        }),
        ("95", "before the intermediate begins, permissive", BOTH, OK, |s| {
            s.intermediate.not_before = SECOND_AFTER.into();
            s.issue();
            stamped(s, exactly);
            s.level(Level::Permissive);
        }),
    ];
    run("timestamps, intervals", cases);
}

fn exactly(stamp: &mut Stamp) {
    stamp.info.set(|info| info.accuracy = None);
}

fn begins(s: &mut Setup, time: &str) {
    s.leaf.not_before = time.into();
    s.issue();
}

fn ends(s: &mut Setup, time: &str) {
    s.leaf.not_after = time.into();
    s.issue();
}

/// 85, 86: the time and who vouches for it are said; so is what is only logged.
#[test]
fn a_timestamp_is_shown() {
    for format in BOTH {
        let mut setup = Setup::new(*format);
        stamped(&mut setup, |_| {});
        let accepted = setup.verify().0.unwrap();
        let check = accepted.checks.iter().find(|n| n.name == "authentic timestamp").unwrap();
        assert_eq!(
            check.detail.as_deref(),
            Some("2026-11-21T02:01:00Z, stamped by CN=stamps TSA,O=sigstore.test")
        );
        setup.authority.tsa = setup.authority.ca.clone();
        setup.level(Level::Permissive);
        let accepted = setup.verify().0.unwrap();
        let check = accepted.checks.iter().find(|n| n.name == "authentic timestamp").unwrap();
        assert_eq!(check.mark, Mark::Logged);
        assert_eq!(accepted.weakened[0].code, TimestampUntrusted);
        assert!(accepted.signer.is_some());
    }
}

/// 96: revocation of the TSA is skipped, and said to be.
#[test]
fn revocation_is_said_to_be_skipped() {
    let mut setup = Setup::new(Format::Jws);
    stamped(&mut setup, |_| {});
    let accepted = setup.verify().0.unwrap();
    let codes: Vec<_> = accepted.weakened.iter().map(|r| r.code).collect();
    assert_eq!(codes, [RevocationSkipped]);
}

#[test]
fn timestamps_of_strangers_cost_no_signature_operation() {
    for format in BOTH {
        let mut setup = Setup::new(*format);
        stamped(&mut setup, |_| {});
        setup.authority.ca = vec![parse(&setup.intermediate.self_signed())];
        let (answer, operations) = setup.verify();
        assert_eq!((answer.unwrap_err().reason.code, operations), (AuthenticityUntrusted, 0));
        // Nor do those about something else.
        let mut setup = Setup::new(*format);
        stamped(&mut setup, |t| t.over.set(|bytes| bytes[0] ^= 1));
        let (answer, operations) = setup.verify();
        assert_eq!((answer.unwrap_err().reason.code, operations), (TimestampInvalid, 4));
    }
}

#[test]
fn a_timestamp_beyond_the_budget_is_undetermined() {
    for format in BOTH {
        let mut setup = Setup::new(*format);
        stamped(&mut setup, |_| {});
        let (_, needed) = setup.verify();
        assert_eq!(needed, 7);
        for operations in 4..needed {
            setup.operations = operations;
            let rejected = setup.verify().0.unwrap_err();
            assert_eq!(rejected.reason.code, BudgetSignatures);
            let last = rejected.checks.last().unwrap();
            assert_eq!((last.name.as_str(), last.mark), ("authentic timestamp", Mark::Unknown));
        }
    }
}
