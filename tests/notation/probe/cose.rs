//! COSE envelopes.

use countersign::verdict::Code::*;

use super::{
    Accept, Reject, Row, Verdict, both,
    made::{NOW, Probe, SIGNED_AT},
};
use crate::{
    draft::{AUTHENTIC, Field, Format, SCHEME, SIGNING_TIME, Value, cbor, field, text},
    pki::Form,
};

const D7: &str = "D7: the time of the other scheme is forbidden";

fn row(name: &'static str, verdict: Verdict, make: fn(&mut Probe)) -> Row {
    both(Format::Cose, name, verdict, make)
}

fn differs(
    name: &'static str,
    compat: Verdict,
    spec: Verdict,
    why: &'static str,
    make: fn(&mut Probe),
) -> Row {
    Row { name, format: Format::Cose, compat, spec, why, make }
}

fn salt<const LENGTH: usize>(p: &mut Probe) {
    p.draft.form = Form::Salt(LENGTH);
}

/// The signing time in this encoding.
fn signed_at(p: &mut Probe, bytes: &[&[u8]]) {
    p.draft.set(field(SIGNING_TIME), Value::Cbor(bytes.concat()));
}

fn crit(p: &mut Probe, fields: Vec<Field>) {
    p.draft.set(Field::Crit, Value::Fields(fields));
}

pub(super) fn rows() -> Vec<Row> {
    [envelopes(), chains(), attributes(), encodings()].into_iter().flatten().collect()
}

#[rustfmt::skip]
fn envelopes() -> Vec<Row> {
    vec![
        row("COSE baseline", Accept, |_| ()),
        row("COSE untagged", Reject(EnvelopeMalformed), |p| p.draft.on_envelope = |b| b[1..].to_vec()),
        row("COSE tag 98", Reject(EnvelopeMalformed), |p| p.draft.on_envelope = |b| [b"\xd8\x62", &b[1..]].concat()),
        row("COSE PSS salt=0", Accept, salt::<0>),
        row("COSE PSS salt=20", Accept, salt::<20>),
        row("COSE PSS salt=190", Accept, salt::<190>),
        row("COSE payload nil", Reject(PayloadMalformed), |p| {
            // The signature is the last 256 bytes, after a head of three.
            p.draft.payload.clear();
            p.draft.on_envelope = |b| [&b[..b.len() - 260], b"\xf6", &b[b.len() - 259..]].concat();
        }),
        row("COSE trailing byte", Reject(EnvelopeMalformed), |p| p.draft.on_envelope = |b| [b, vec![0]].concat()),
        row("COSE non-minimal tag d8 12", Reject(EnvelopeMalformed), |p| p.draft.on_envelope = |b| [b"\xd8\x12", &b[1..]].concat()),
        row("COSE payload not JSON object (bytes)", Reject(PayloadMalformed), |p| p.draft.payload = b"hello".to_vec()),
    ]
}

#[rustfmt::skip]
fn chains() -> Vec<Row> {
    vec![
        row("COSE x5chain single bstr", Reject(CertificateAbsent), |p| {
            let leaf = p.issued[0].clone();
            p.draft.set_open(Field::Chain, Value::Bytes(leaf));
        }),
        differs("COSE x5chain only in protected", Reject(CertificateAbsent), Accept, "D8: the chain may be protected", |p| {
            p.draft.unprotected.clear();
            p.draft.set(Field::Chain, Value::Chain(p.issued.to_vec()));
        }),
        differs("COSE x5chain in both", Accept, Reject(EnvelopeMalformed), "D8: the chain is protected or not, and never both", |p| {
            p.draft.set(Field::Chain, Value::Chain(p.issued.to_vec()));
        }),
    ]
}

#[rustfmt::skip]
fn attributes() -> Vec<Row> {
    vec![
        differs("COSE unknown critical tstr", Accept, Reject(NotationCritical), "D1: an unknown critical attribute fails", |p| {
            p.draft.set(field("com.acme.x"), Value::Cbor(cbor::integer(1)));
            p.draft.crit(&[SCHEME, "com.acme.x"]);
        }),
        differs("COSE unknown critical int label", Accept, Reject(NotationCritical), "D1: an unknown critical attribute fails", |p| {
            p.draft.set(Field::Number(-70_000), Value::Cbor(cbor::integer(1)));
            crit(p, vec![field(SCHEME), Field::Number(-70_000)]);
        }),
        differs("COSE crit lists 1 and 3", Accept, Reject(NotationAttribute), "37: labels 0 to 8 are never listed", |p| {
            crit(p, vec![field(SCHEME), Field::Number(1), Field::Number(3)]);
        }),
        differs("COSE crit duplicates", Accept, Reject(NotationAttribute), "37: a label is listed once", |p| p.draft.crit(&[SCHEME, SCHEME])),
        row("COSE crit absent label", Reject(NotationAttribute), |p| p.draft.crit(&[SCHEME, "zz"])),
        row("COSE crit missing", Reject(NotationAttribute), |p| p.draft.remove(Field::Crit)),
        row("COSE signingTime untagged int", Reject(NotationAttribute), |p| signed_at(p, &[&cbor::integer(NOW)])),
        row("COSE signingTime tag0 string", Reject(NotationAttribute), |p| signed_at(p, &[b"\xc0", &cbor::text("2026-11-21T03:00:00Z")])),
        row("COSE signingTime tag1 float", Accept, |p| signed_at(p, &[b"\xc1\xfb", &(NOW as f64 + 0.5).to_be_bytes()])),
        differs("COSE signingTime tag1 negative", Accept, Reject(NotationAttribute), "38: no time is negative", |p| {
            signed_at(p, &[b"\xc1", &cbor::integer(-5)]);
        }),
        differs("COSE x509 scheme + authenticSigningTime present", Accept, Reject(NotationAttribute), D7, |p| {
            p.draft.set(field(AUTHENTIC), Value::Time(NOW));
        }),
        differs("COSE SA + signingTime also present", Accept, Reject(NotationAttribute), D7, |p| {
            p.draft.by_authority(SIGNED_AT);
            p.draft.set(field(SIGNING_TIME), Value::Time(SIGNED_AT));
        }),
        row("COSE cty uint (CoAP)", Reject(NotationAttribute), |p| p.draft.set(Field::Cty, Value::Cbor(cbor::integer(50)))),
        row("COSE alg tstr", Reject(NotationAttribute), |p| p.draft.set(Field::Alg, Value::Cbor(cbor::text("PS256")))),
        row("COSE alg -38 with RSA2048", Reject(SignatureAlgorithm), |p| p.draft.set(Field::Alg, text("PS384"))),
    ]
}

#[rustfmt::skip]
fn encodings() -> Vec<Row> {
    vec![
        row("COSE non-minimal alg int in protected", Accept, |p| p.draft.set(Field::Alg, Value::Cbor(b"\x39\x00\x24".to_vec()))),
        row("COSE protected map not in canonical order", Accept, |p| p.draft.protected.rotate_left(1)),
        row("COSE duplicate label in protected", Reject(EnvelopeMalformed), |p| p.draft.add(Field::Alg, text("PS256"))),
        row("COSE indefinite-length protected map", Reject(EnvelopeMalformed), |p| p.draft.on_protected = |b| [b"\xbf", &b[1..], b"\xff"].concat()),
    ]
}
