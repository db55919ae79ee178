//! JWS envelopes: header, encoding, payload, algorithms; and the levels.

use countersign::verdict::Code::*;

use super::{
    Accept, Reject, Row, Verdict, both,
    made::{HOUR, NOW, Probe, SIGNED_AT, leaf},
};
use crate::{
    draft::{
        AUTHENTIC, EXPIRY, Field, Format, MIN_VERSION, PLUGIN, SCHEME, SIGNING_TIME, Value, field,
        text,
    },
    pki::{Form, Key},
};

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

/// The first of these texts becomes the second.
fn edit(bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains(from), "{from} is not there");
    text.replacen(from, to, 1).into_bytes()
}

/// A member is put in at the front.
fn front(bytes: Vec<u8>, member: &str) -> Vec<u8> {
    edit(bytes, "{", &format!("{{{member},"))
}

/// `more` is put in so many bytes after the end of `at`.
fn within(bytes: Vec<u8>, at: &str, after: usize, more: &str) -> Vec<u8> {
    let mut text = String::from_utf8(bytes).unwrap();
    let start = text.find(at).unwrap() + at.len();
    text.insert_str(start + after, more);
    text.into_bytes()
}

fn expires(p: &mut Probe, time: i64) {
    p.draft.set(field(EXPIRY), Value::Time(time));
    p.draft.crit(&[SCHEME, EXPIRY]);
}

fn salt<const LENGTH: usize>(p: &mut Probe) {
    p.draft.form = Form::Salt(LENGTH);
}

/// The leaf has this key, and the envelope's signature is written in this form.
fn signed_by(p: &mut Probe, key: Key, form: Form) {
    p.draft.set(Field::Alg, text(key.algorithm()));
    p.draft.key = key.clone();
    p.draft.form = form;
    p.leaf(|c| c.key = key);
}

/// A chain of another signer's is trusted.
fn trust_another(p: &mut Probe) {
    p.store = vec![leaf("self", Key::rsa(2048)).self_signed()];
}

pub(super) fn rows() -> Vec<Row> {
    [headers(), encodings(), payloads(), levels(), curves()].into_iter().flatten().collect()
}

#[rustfmt::skip]
fn headers() -> Vec<Row> {
    vec![
        row("baseline jws 3-cert", Accept, |_| ()),
        differs("unknown CRITICAL ext attr, no plugin", Accept, Reject(NotationCritical), "D1: an unknown critical attribute fails", |p| {
            p.draft.set(field("com.acme.mustUnderstand"), text("x"));
            p.draft.crit(&[SCHEME, "com.acme.mustUnderstand"]);
        }),
        row("unknown non-critical ext attr", Accept, |p| p.draft.set(field("com.acme.x"), text("x"))),
        row("crit names absent header", Reject(NotationAttribute), |p| p.draft.crit(&[SCHEME, "nope"])),
        row("crit lists alg", Reject(NotationAttribute), |p| p.draft.crit(&[SCHEME, "alg"])),
        row("crit lists signingTime", Reject(NotationAttribute), |p| p.draft.crit(&[SCHEME, SIGNING_TIME])),
        row("crit duplicates scheme", Reject(NotationAttribute), |p| p.draft.crit(&[SCHEME, SCHEME])),
        row("crit empty", Reject(NotationAttribute), |p| p.draft.crit(&[])),
        row("crit missing", Reject(NotationAttribute), |p| p.draft.remove(Field::Crit)),
        row("expiry not critical", Reject(NotationAttribute), |p| p.draft.set(field(EXPIRY), Value::Time(NOW + HOUR))),
        row("expiry critical future", Accept, |p| expires(p, NOW + HOUR)),
        row("expiry critical past", Reject(ExpiryExpired), |p| expires(p, NOW - 60)),
        row("expiry <= signingTime", Reject(NotationAttribute), |p| expires(p, SIGNED_AT)),
        row("crit expiry but absent", Reject(NotationAttribute), |p| p.draft.crit(&[SCHEME, EXPIRY])),
        row("signingTime missing", Reject(NotationAttribute), |p| p.draft.remove(field(SIGNING_TIME))),
        row("signingTime future +1y", Accept, |p| p.draft.set(field(SIGNING_TIME), Value::Time(NOW + 8760 * HOUR))),
        row("signingTime before cert notBefore", Accept, |p| p.draft.set(field(SIGNING_TIME), text("2001-01-01T00:00:00Z"))),
        // What was measured is no RFC 3339: the zone is 36 hours and 120 minutes away.
        row("signingTime fractional+offset", Reject(NotationAttribute), |p| {
            p.draft.set(field(SIGNING_TIME), text("2026-11-21T00:48:36.11211248366789+36:120"));
        }),
        row("signingTime lower-case t/z", Reject(NotationAttribute), |p| p.draft.set(field(SIGNING_TIME), text("2026-01-01t00:00:00z"))),
        row("x509 scheme + authenticSigningTime", Reject(NotationAttribute), |p| p.draft.set(field(AUTHENTIC), Value::Time(NOW))),
        row("SA ok", Accept, |p| p.draft.by_authority(SIGNED_AT)),
        differs("SA authenticSigningTime in the FUTURE (within cert)", Accept, Reject(AuthenticTimestampInvalid), "27: a time that has not come vouches for nothing", |p| {
            p.draft.by_authority(NOW + 24 * HOUR);
        }),
        row("SA time outside cert", Reject(AuthenticTimestampInvalid), |p| p.draft.by_authority(NOW - 100 * 24 * HOUR)),
        row("SA time not critical", Reject(NotationAttribute), |p| {
            p.draft.by_authority(SIGNED_AT);
            p.draft.crit(&[SCHEME]);
        }),
        row("SA with signingTime also", Reject(NotationAttribute), |p| {
            p.draft.by_authority(SIGNED_AT);
            p.draft.set(field(SIGNING_TIME), Value::Time(NOW));
        }),
        row("scheme unknown", Reject(NotationScheme), |p| p.draft.set(field(SCHEME), text("notary.tuf"))),
        row("cty unsupported", Reject(NotationContentType), |p| p.draft.set(Field::Cty, text("application/json"))),
        row("alg PS384 w/ RSA2048 (sig is PS256)", Reject(SignatureAlgorithm), |p| p.draft.set(Field::Alg, text("PS384"))),
        row("alg RS256", Reject(SignatureAlgorithm), |p| p.draft.set(Field::Alg, text("RS256"))),
        row("alg none", Reject(SignatureAlgorithm), |p| p.draft.set(Field::Alg, text("none"))),
        row("plugin attr, no plugin mgr", Reject(NotationPlugin), |p| {
            p.draft.set(field(PLUGIN), text("p"));
            p.draft.crit(&[SCHEME, PLUGIN]);
        }),
        row("plugin attr NON-critical", Reject(NotationAttribute), |p| p.draft.set(field(PLUGIN), text("p"))),
        differs("only MinVersion attr critical, no plugin name", Accept, Reject(NotationCritical), "D2: nobody has processed a critical attribute", |p| {
            p.draft.set(field(MIN_VERSION), text("9.9.9"));
            p.draft.crit(&[SCHEME, MIN_VERSION]);
        }),
        differs("dup alg key (last wins)", Accept, Reject(EnvelopeMalformed), "16: a member is there once", |p| {
            p.draft.on_protected = |b| edit(b, r#""alg":"PS256""#, r#""alg":"none","alg":"PS256""#);
        }),
        differs("CTY upper-case key only", Accept, Reject(NotationAttribute), "16: names have one case", |p| {
            p.draft.on_protected = |b| edit(b, r#""cty":"#, r#""CTY":"#);
        }),
        differs("scheme key upper-case", Accept, Reject(NotationAttribute), "16: names have one case", |p| {
            p.draft.on_protected = |b| edit(b, r#""io.cncf.notary.signingScheme":"#, r#""IO.CNCF.NOTARY.SIGNINGSCHEME":"#);
        }),
    ]
}

#[rustfmt::skip]
fn encodings() -> Vec<Row> {
    vec![
        row("JWS PSS salt=0", Accept, salt::<0>),
        row("JWS PSS salt=20", Accept, salt::<20>),
        row("JWS PSS salt=32", Accept, salt::<32>),
        row("JWS PSS salt=190", Accept, salt::<190>),
        differs("extra top-level member", Accept, Reject(EnvelopeMalformed), "15: no other member", |p| {
            p.draft.on_envelope = |b| front(b, r#""extra":1"#);
        }),
        row("sig with padding", Reject(EnvelopeMalformed), |p| p.draft.on_signature = |b| [b, b"==".to_vec()].concat()),
        differs("sig with newline inside", Accept, Reject(EnvelopeMalformed), "17: base64url has no line breaks", |p| {
            p.draft.on_envelope = |b| within(b, r#""signature":""#, 10, "\\n");
        }),
        differs("x5c with newline", Accept, Reject(EnvelopeMalformed), "18: base64 has no line breaks", |p| {
            p.draft.on_envelope = |b| within(b, r#""x5c":[""#, 64, "\\n");
        }),
        row("general JSON serialization", Reject(EnvelopeMalformed), |p| p.draft.on_envelope = |b| {
            let text = String::from_utf8(b).unwrap();
            let (payload, rest) = text[1..].split_once(',').unwrap();
            format!(r#"{{{payload},"signatures":[{{{payload},{rest}]}}"#).into_bytes()
        }),
        row("trailing garbage after envelope", Reject(EnvelopeMalformed), |p| p.draft.on_envelope = |b| [b, b" x".to_vec()].concat()),
    ]
}

#[rustfmt::skip]
fn payloads() -> Vec<Row> {
    vec![
        row("payload not JSON object (array)", Reject(PayloadMalformed), |p| p.draft.payload = b"[1]".to_vec()),
        row("payload extra members", Accept, |p| p.payload("{", r#"{"other":1,"#)),
        differs("payload dup targetArtifact", Accept, Reject(PayloadMalformed), "16: a member is there once", |p| {
            p.payload("{", r#"{"targetArtifact":{"digest":"sha256:00"},"#);
        }),
        differs("payload TARGETARTIFACT upper-case", Accept, Reject(PayloadMalformed), "16: names have one case", |p| {
            p.payload("targetArtifact", "TARGETARTIFACT");
        }),
        row("payload mediaType differs", Reject(DescriptorMismatch), |p| p.payload("oci.image.manifest.v1", "oci.image.index.v1")),
        row("payload size differs", Reject(DescriptorMismatch), |p| p.payload(r#""size":2"#, r#""size":3"#)),
    ]
}

#[rustfmt::skip]
fn levels() -> Vec<Row> {
    vec![
        row("audit: untrusted root", Accept, |p| {
            trust_another(p);
            p.level = "audit";
        }),
        row("permissive: untrusted root", Reject(AuthenticityUntrusted), |p| {
            trust_another(p);
            p.level = "permissive";
        }),
        row("audit, tampered sig", Reject(SignatureInvalid), |p| {
            p.draft.on_signature = |b| [b"AAAA".to_vec(), b].concat();
            p.level = "audit";
        }),
    ]
}

#[rustfmt::skip]
fn curves() -> Vec<Row> {
    vec![
        row("ES256 raw r||s", Accept, |p| signed_by(p, Key::p256("leaf"), Form::Normal)),
        row("ES256 r||(n-s)", Accept, |p| signed_by(p, Key::p256("leaf"), Form::HighS)),
        row("ES256 DER sig", Reject(SignatureMalformed), |p| signed_by(p, Key::p256("leaf"), Form::Der)),
        row("ES384 raw r||s", Accept, |p| signed_by(p, Key::p384("leaf"), Form::Normal)),
        row("ES384 r||(n-s)", Accept, |p| signed_by(p, Key::p384("leaf"), Form::HighS)),
        row("ES384 DER sig", Reject(SignatureMalformed), |p| signed_by(p, Key::p384("leaf"), Form::Der)),
        row("ES512 raw r||s", Accept, |p| signed_by(p, Key::p521("leaf"), Form::Normal)),
        row("ES512 r||(n-s)", Accept, |p| signed_by(p, Key::p521("leaf"), Form::HighS)),
        row("ES512 DER sig", Reject(SignatureMalformed), |p| signed_by(p, Key::p521("leaf"), Form::Der)),
    ]
}
