//! Certificate chains and trust stores.

use countersign::verdict::Code::*;

use super::{
    Accept, Reject, Row, Verdict, both,
    made::{Probe, authority, leaf},
};
use crate::{
    draft::Format,
    pki::{
        CONTENT_COMMITMENT, CRL_SIGN, DIGITAL_SIGNATURE, KEY_CERT_SIGN, KEY_ENCIPHERMENT, Key, der,
    },
};

const ANY: &str = "2.5.29.37.0";
const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";

const D4: &str = "D4: a purpose that is any is not one of a signer";

fn row(name: &'static str, verdict: Verdict, make: fn(&mut Probe)) -> Row {
    both(Format::Jws, name, verdict, make)
}

fn differs(
    name: &'static str,
    compat: Verdict,
    spec: Verdict,
    why: &'static str,
    make: fn(&mut Probe),
) -> Row {
    Row { name, format: Format::Jws, compat, spec, why, make }
}

/// A chain of one certificate, which is trusted.
fn alone(p: &mut Probe, der: &[u8]) {
    p.chain(&[der]);
    p.store = vec![der.to_vec()];
}

pub(super) fn rows() -> Vec<Row> {
    [orders(), leaves(), authorities()].into_iter().flatten().collect()
}

#[rustfmt::skip]
fn orders() -> Vec<Row> {
    vec![
        row("no root in chain", Reject(CertificateProfile), |p| {
            let [l, i, _] = p.issued.clone();
            p.chain(&[&l, &i]);
            p.store = vec![i];
        }),
        row("root twice", Reject(CertificateProfile), |p| {
            let [l, i, r] = p.issued.clone();
            p.chain(&[&l, &i, &r, &r]);
        }),
        row("wrong order", Reject(CertificateProfile), |p| {
            let [l, i, r] = p.issued.clone();
            p.chain(&[&l, &r, &i]);
        }),
        row("trust store = intermediate only", Accept, |p| p.store = vec![p.issued[1].clone()]),
        row("trust store = leaf only (in-memory)", Accept, |p| {
            p.store = vec![p.issued[0].clone()];
            p.is_store_in_memory = true;
        }),
        row("trust store = same-key re-issued root", Reject(AuthenticityUntrusted), |p| {
            p.root.serial = 9;
            p.store = vec![p.root.self_signed()];
        }),
        row("self-signed leaf", Accept, |p| alone(p, &leaf("self", Key::rsa(2048)).self_signed())),
        row("self-signed CA cert as signer", Reject(CertificateProfile), |p| {
            let mut own = authority("selfca", Key::rsa(2048));
            own.key_usage = Some((true, DIGITAL_SIGNATURE | KEY_CERT_SIGN | CRL_SIGN));
            alone(p, &own.self_signed());
        }),
        differs("self-signed SHA1WithRSA leaf", Accept, Reject(CertificateWeak), "D3: SHA-1 is in no chain", |p| {
            let own = leaf("self", Key::rsa(2048));
            alone(p, &own.issued_over_sha1_by(&own));
        }),
        row("leaf signed SHA1WithRSA by inter", Reject(CertificateWeak), |p| {
            let [_, i, r] = p.issued.clone();
            let l = p.leaf.issued_over_sha1_by(&p.intermediate);
            p.chain(&[&l, &i, &r]);
        }),
    ]
}

#[rustfmt::skip]
fn leaves() -> Vec<Row> {
    vec![
        differs("leaf: EKU any", Accept, Reject(CertificateProfile), D4, |p| p.leaf(|c| c.purposes = vec![ANY])),
        differs("leaf: EKU codeSigning+any", Accept, Reject(CertificateProfile), D4, |p| p.leaf(|c| c.purposes = vec![CODE_SIGNING, ANY])),
        row("leaf: EKU none", Accept, |p| p.leaf(|c| c.purposes.clear())),
        row("leaf: EKU serverAuth+codeSigning", Reject(CertificateProfile), |p| p.leaf(|c| c.purposes = vec![CODE_SIGNING, SERVER_AUTH])),
        row("leaf: EKU timeStamping", Reject(CertificateProfile), |p| p.leaf(|c| c.purposes = vec![TIME_STAMPING])),
        row("leaf: EKU OCSPSigning", Reject(CertificateProfile), |p| p.leaf(|c| c.purposes = vec![OCSP_SIGNING])),
        row("leaf: EKU unknown oid only", Accept, |p| p.leaf(|c| c.purposes = vec!["1.2.3.4"])),
        row("leaf: KU digSig+contentCommitment(nonRepudiation)", Accept, |p| {
            p.leaf(|c| c.key_usage = Some((true, DIGITAL_SIGNATURE | CONTENT_COMMITMENT)));
        }),
        row("leaf: KU digSig+keyEncipherment", Reject(CertificateProfile), |p| {
            p.leaf(|c| c.key_usage = Some((true, DIGITAL_SIGNATURE | KEY_ENCIPHERMENT)));
        }),
        row("leaf: KU missing", Reject(CertificateProfile), |p| p.leaf(|c| c.key_usage = None)),
        row("leaf: KU non-critical", Reject(CertificateProfile), |p| p.leaf(|c| c.key_usage = Some((false, DIGITAL_SIGNATURE)))),
        row("leaf: BC cA=true", Reject(CertificateProfile), |p| p.leaf(|c| c.basic_constraints = Some((true, true, None)))),
        row("leaf: unknown critical ext", Accept, |p| p.leaf(|c| c.extensions.push(("1.2.3.4.5", true, vec![5, 0])))),
        row("leaf: expired", Reject(AuthenticTimestampInvalid), |p| p.leaf(|c| c.not_after = "261121025900Z".into())),
        row("leaf: not yet valid", Reject(AuthenticTimestampInvalid), |p| p.leaf(|c| c.not_before = "261121040000Z".into())),
    ]
}

#[rustfmt::skip]
fn authorities() -> Vec<Row> {
    vec![
        differs("inter: BC non-critical", Accept, Reject(CertificateProfile), "D5: basicConstraints is critical", |p| {
            p.intermediate(|c| c.basic_constraints = Some((false, true, None)));
        }),
        row("inter: KU non-critical certSign", Reject(CertificateProfile), |p| p.intermediate(|c| c.key_usage = Some((false, KEY_CERT_SIGN)))),
        row("inter: KU lacks certSign", Reject(CertificateProfile), |p| p.intermediate(|c| c.key_usage = Some((true, CRL_SIGN)))),
        row("inter: EKU serverAuth only on CA", Accept, |p| p.intermediate(|c| c.purposes = vec![SERVER_AUTH])),
        row("inter: pathlen 0", Accept, |p| p.intermediate(|c| c.basic_constraints = Some((true, true, Some(0))))),
        row("inter: nameConstraints excluding", Accept, |p| p.intermediate(|c| {
            // permittedSubtrees: one DNS name.
            let subtree = der::sequence(&[der::tlv(0x82, b"x.example")]);
            c.extensions.push(("2.5.29.30", true, der::sequence(&[der::tlv(0xa0, &subtree)])));
        })),
        row("root pathlen 0 with 1 inter", Reject(CertificateProfile), |p| p.root(|c| c.basic_constraints = Some((true, true, Some(0))))),
    ]
}
