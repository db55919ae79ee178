//! Certificates with timestamps of a log of our own, with one fault each.

use countersign::{
    crypto::{Exhausted, Memo, PublicKey, Spend},
    transparency::sct::{CtLog as ByLog, Precertificate, SctError, SctProblem, parse_list},
    x509,
};

use crate::sigstore::{
    Tweak,
    certificate::{Certificate, Issuer, KEY_USAGE, SCT_LIST, San},
    ctlog::{CtLog, Sct, embed},
    der,
    keys::{Form, Hash, Key, sha256},
};

fn issuer() -> Issuer {
    Certificate::authority("ca", Key::p256("ca")).as_issuer()
}

fn signer() -> Certificate {
    Certificate::signer(Key::p256("signer")).sans(&[San::Email("a@example.com")])
}

fn log() -> CtLog {
    CtLog::new("ct", Key::p256("ct"))
}

/// The certificate with these timestamps.
fn with(scts: &[Sct]) -> x509::Certificate {
    let mut certificate = signer();
    embed(&mut certificate, &issuer(), scts, &Tweak::default());
    x509::Certificate::from_der(&certificate.issued_by(&issuer())).unwrap()
}

/// The certificate with this in the extension.
fn with_value(value: Vec<u8>) -> x509::Certificate {
    let certificate = signer().with(SCT_LIST, false, value);
    x509::Certificate::from_der(&certificate.issued_by(&issuer())).unwrap()
}

/// The list of one good timestamp, changed.
fn with_list(change: impl Fn(&mut Vec<u8>) + 'static) -> x509::Certificate {
    let mut list = Tweak::default();
    list.set(change);
    let mut certificate = signer();
    embed(&mut certificate, &issuer(), &[log().sct()], &list);
    x509::Certificate::from_der(&certificate.issued_by(&issuer())).unwrap()
}

fn verify_with(
    leaf: &x509::Certificate,
    log: &CtLog,
    spend: &Spend,
) -> Vec<Result<(), SctProblem>> {
    let key = PublicKey::from_spki_der(&log.key.spki()).unwrap();
    let by = ByLog { id: &log.id, key: &key };
    let precertificate = Precertificate::of(leaf, &issuer().key.spki()).unwrap();
    let scts = parse_list(leaf).unwrap();
    scts.iter().map(|sct| sct.verify(&precertificate, by, spend).unwrap()).collect()
}

fn verify(leaf: &x509::Certificate, log: &CtLog) -> Vec<Result<(), SctProblem>> {
    verify_with(leaf, log, &Spend::new(100, Memo::default()))
}

#[test]
fn one_timestamp_and_several_are_read_and_good() {
    for count in [1, 2, 5, 16] {
        let leaf = with(&vec![log().sct(); count]);
        let spend = Spend::new(100, Memo::default());
        assert_eq!(verify_with(&leaf, &log(), &spend), vec![Ok(()); count]);
        assert_eq!(spend.used(), count as u64);
        let scts = parse_list(&leaf).unwrap();
        assert_eq!(scts[0].timestamp_ms, log().sct().timestamp);
        assert_eq!(scts[0].log_id[..], log().id);
    }
    assert_eq!(parse_list(&with(&vec![log().sct(); 17])), Err(SctError::TooMany));
}

#[test]
fn timestamps_with_extensions_are_good() {
    for extensions in [vec![0], vec![7; 8], vec![9; 3000]] {
        let leaf = with(&[Sct { extensions, ..log().sct() }]);
        assert_eq!(verify(&leaf, &log()), [Ok(())]);
    }
}

#[test]
fn the_extension_may_be_anywhere_and_critical() {
    for place in 0..4 {
        for critical in [false, true] {
            let mut certificate = signer();
            let places = certificate.extensions.len();
            embed(&mut certificate, &issuer(), &[log().sct()], &Tweak::default());
            let mut list = certificate.extensions.pop().unwrap();
            list.critical = critical;
            certificate.extensions.insert(place.min(places), list);
            let leaf = x509::Certificate::from_der(&certificate.issued_by(&issuer())).unwrap();
            assert_eq!(verify(&leaf, &log()), [Ok(())], "{place}");
        }
    }
    let mut alone = signer();
    alone.extensions.clear();
    embed(&mut alone, &issuer(), &[log().sct()], &Tweak::default());
    let leaf = x509::Certificate::from_der(&alone.issued_by(&issuer())).unwrap();
    assert_eq!(verify(&leaf, &log()), [Ok(())]);
}

#[test]
fn a_log_signs_with_ecdsa_or_rsa_and_sha2() {
    let rsa = CtLog::new("ct", Key::rsa(2048));
    assert_eq!(verify(&with(&[rsa.sct()]), &rsa), [Ok(())]);
    // On a larger curve, with its own hash or with SHA-256.
    let p384 = CtLog::new("ct", Key::p384("ct"));
    let mut sct = Sct { algorithm: Some([4, 3]), ..p384.sct() };
    let (key, timestamp) = (p384.key.clone(), sct.timestamp);
    sct.signature.set(move |signature| {
        let tbs = signer().tbs(&issuer());
        let message = [
            &[0, 0][..],
            &timestamp.to_be_bytes(),
            &[0, 1],
            &sha256(&issuer().key.spki()),
            &(tbs.len() as u32).to_be_bytes()[1..],
            &tbs,
            &[0, 0],
        ]
        .concat();
        *signature = key.sign_as(Hash::Sha256, Form::Usual, &message);
    });
    assert_eq!(verify(&with(&[sct]), &p384), [Ok(())]);
    assert_eq!(verify(&with(&[p384.sct()]), &p384), [Ok(())]);
    // The label is part of what is checked.
    for algorithm in [[5, 3], [6, 3]] {
        let leaf = with(&[Sct { algorithm: Some(algorithm), ..log().sct() }]);
        assert_eq!(verify(&leaf, &log()), [Err(SctProblem::Signature)]);
    }
    for (log, algorithm) in [
        (log(), [4, 1]),
        (log(), [2, 3]),
        (log(), [4, 2]),
        (log(), [0, 3]),
        (log(), [4, 0]),
        (log(), [8, 7]),
        (rsa.clone(), [4, 3]),
        (rsa, [2, 1]),
        (p384, [3, 3]),
        (CtLog::new("ct", Key::ed25519("ct")), [4, 3]),
        (CtLog::new("ct", Key::ed25519("ct")), [8, 7]),
    ] {
        let leaf = with(&[Sct { algorithm: Some(algorithm), ..log.sct() }]);
        let [hash, signature] = algorithm;
        assert_eq!(verify(&leaf, &log), [Err(SctProblem::Algorithm(hash, signature))]);
    }
}

#[test]
fn a_timestamp_is_of_one_log() {
    let leaf = with(&[log().sct()]);
    let other = CtLog::new("other", Key::p256("other"));
    assert_eq!(verify(&leaf, &other), [Err(SctProblem::Log)]);
    // Another log's key under this log's id, and the reverse.
    let posing = CtLog { id: log().id, ..other };
    assert_eq!(verify(&leaf, &posing), [Err(SctProblem::Signature)]);
    assert_eq!(verify(&with(&[posing.sct()]), &log()), [Err(SctProblem::Signature)]);
}

#[test]
fn a_timestamp_is_of_one_certificate_by_one_issuer() {
    let wrong: [fn(&mut Sct); 6] = [
        |sct| sct.signed.set(|signed| signed.issuer_key_hash[0] ^= 1),
        |sct| sct.signed.set(|signed| *signed.tbs.last_mut().unwrap() ^= 1),
        |sct| sct.signed.set(|signed| signed.tbs.push(0)),
        |sct| sct.signature.set(|signature| signature[10] ^= 1),
        |sct| sct.signature.set(|signature| signature.push(0)),
        |sct| sct.signature.set(Vec::clear),
    ];
    for (n, wrong) in wrong.into_iter().enumerate() {
        let mut sct = log().sct();
        wrong(&mut sct);
        assert_eq!(verify(&with(&[sct]), &log()), [Err(SctProblem::Signature)], "{n}");
    }
    // The timestamp of another certificate.
    let mut other = signer().without(KEY_USAGE);
    embed(&mut other, &issuer(), &[log().sct()], &Tweak::default());
    let list = other.extensions.pop().unwrap().value;
    assert_eq!(verify(&with_value(list), &log()), [Err(SctProblem::Signature)]);
    // With the key of another issuer.
    let leaf = with(&[log().sct()]);
    let key = PublicKey::from_spki_der(&log().key.spki()).unwrap();
    let by = ByLog { id: &log().id, key: &key };
    let precertificate = Precertificate::of(&leaf, &log().key.spki()).unwrap();
    let spend = Spend::new(1, Memo::default());
    let result = parse_list(&leaf).unwrap()[0].verify(&precertificate, by, &spend);
    assert_eq!(result, Ok(Err(SctProblem::Signature)));
}

#[test]
fn a_bad_timestamp_does_not_hide_behind_a_good_one() {
    let mut bad = log().sct();
    bad.signature.set(|signature| signature[10] ^= 1);
    let leaf = with(&[log().sct(), bad]);
    assert_eq!(verify(&leaf, &log()), [Ok(()), Err(SctProblem::Signature)]);
}

#[test]
fn lists_that_are_not_whole_are_refused() {
    let malformed = Err(SctError::Malformed);
    // After the list, in the list, and lengths that are too long or too short.
    assert_eq!(parse_list(&with_list(|list| list.push(0))), malformed);
    for by in [1_u8, 2, 0xff] {
        let more = move |list: &mut Vec<u8>| {
            list[1] = list[1].wrapping_add(by);
        };
        assert_eq!(parse_list(&with_list(more)), malformed);
        let inner = move |list: &mut Vec<u8>| {
            list[3] = list[3].wrapping_add(by);
        };
        assert_eq!(parse_list(&with_list(inner)), malformed);
    }
    // A whole vector of nothing, or of one byte too many, within the timestamp.
    let grown = |list: &mut Vec<u8>| {
        list.push(0);
        list[1] += 1;
        list[3] += 1;
    };
    assert_eq!(parse_list(&with_list(grown)), malformed);
    assert_eq!(parse_list(&with_list(|list| *list = vec![0, 0])), malformed);
    assert_eq!(parse_list(&with_list(|list| *list = vec![0, 2, 0, 0])), malformed);
    assert_eq!(parse_list(&with_list(Vec::clear)), malformed);
    let length = with_list(|_| ()).der().len();
    for cut in 1..120.min(length) {
        assert_eq!(parse_list(&with_list(move |list| drop(list.pop_n(cut)))), malformed, "{cut}");
    }
    // Around the list.
    assert_eq!(parse_list(&with_value(Vec::new())), malformed);
    assert_eq!(parse_list(&with_value(vec![0, 0])), malformed);
    let good = with(&[log().sct()]);
    let list = der::octets(&[0, 0]);
    assert_eq!(parse_list(&with_value([list, vec![0]].concat())), malformed);
    assert!(parse_list(&good).is_ok());
}

/// Cuts from the end.
trait PopN {
    fn pop_n(&mut self, n: usize) -> Vec<u8>;
}

impl PopN for Vec<u8> {
    fn pop_n(&mut self, n: usize) -> Vec<u8> {
        self.split_off(self.len().saturating_sub(n))
    }
}

#[test]
fn unknown_versions_and_certificates_without_timestamps_are_told_apart() {
    let leaf = with(&[Sct { version: 1, ..log().sct() }]);
    assert_eq!(parse_list(&leaf), Err(SctError::Version(1)));
    let none = with(&[]);
    assert_eq!(parse_list(&none), Err(SctError::Absent));
    assert_eq!(Precertificate::of(&none, &[]), Err(SctError::Absent));
}

#[test]
fn timestamps_are_paid_for() {
    let leaf = with(&[log().sct()]);
    let key = PublicKey::from_spki_der(&log().key.spki()).unwrap();
    let by = ByLog { id: &log().id, key: &key };
    let precertificate = Precertificate::of(&leaf, &issuer().key.spki()).unwrap();
    let spend = Spend::new(0, Memo::default());
    let result = parse_list(&leaf).unwrap()[0].verify(&precertificate, by, &spend);
    assert_eq!(result, Err(Exhausted));
}
