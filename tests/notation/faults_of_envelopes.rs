//! Requirements 9–41 and 112: the envelopes.

use countersign::{
    crypto::KeyKind,
    verdict::Code::{self, *},
    verify::notation::{Level, Profile},
};

use crate::{
    draft::{
        AGENT, AUTHENTIC, EXPIRY, Field, MIN_VERSION, PLUGIN, SCHEME, SIGNING_TIME, TIMESTAMP,
        Value, cbor, field, text,
    },
    pki::{Form, Key},
    setup::{BOTH, COSE, Case, JWS, NOW, SIGNED_AT, Setup, run},
};

const OK: Result<(), Code> = Ok(());

fn json(value: &str) -> Value {
    Value::Json(value.into())
}

fn raw(bytes: &[u8]) -> Value {
    Value::Cbor(bytes.to_vec())
}

fn edit(bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains(from), "{from} is not in the envelope");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn common_rules() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("15,31", "a good envelope", BOTH, OK, |_| ()),
        ("9", "layer of another type", BOTH, Err(EnvelopeUnsupported), |s| s.media_type = "application/json"),
        ("9", "layer of the other format", JWS, Err(EnvelopeMalformed), |s| s.media_type = "application/cose"),
        ("9", "layer of the other format", COSE, Err(EnvelopeMalformed), |s| s.media_type = "application/jose+json"),
        ("10", "more than 1 MiB", BOTH, Err(EnvelopeUnsupported), |s| s.draft.set_open(field(AGENT), text(&"x".repeat(1 << 20)))),
        ("10", "more than 10 certificates", BOTH, Err(EnvelopeUnsupported), |s| {
            let leaf = s.certificates()[0].clone();
            s.draft.chain(vec![leaf; 11]);
        }),
        ("10", "more than 64 parameters", BOTH, Err(EnvelopeUnsupported), |s| {
            for i in 0..64 {
                s.draft.add(field(&format!("x{i}")), text(""));
            }
        }),
        ("18,39", "no chain", BOTH, Err(CertificateAbsent), |s| s.draft.unprotected.clear()),
        ("18,39", "an empty chain", BOTH, Err(CertificateAbsent), |s| s.draft.chain(Vec::new())),
        ("18,39", "a leaf that is not DER", BOTH, Err(CertificateMalformed), |s| {
            let mut chain = s.certificates().to_vec();
            chain[0].truncate(100);
            s.draft.chain(chain);
        }),
        ("18,39", "a leaf with data after it", BOTH, Err(CertificateMalformed), |s| {
            let mut chain = s.certificates().to_vec();
            chain[0].push(0);
            s.draft.chain(chain);
        }),
        ("19,35", "no algorithm", BOTH, Err(NotationAttribute), |s| s.draft.remove(Field::Alg)),
        ("19,35", "the algorithm of another curve", BOTH, Err(SignatureAlgorithm), |s| s.draft.set(Field::Alg, text("ES384"))),
        ("19,35", "the algorithm of another key type", BOTH, Err(SignatureAlgorithm), |s| s.draft.set(Field::Alg, text("PS256"))),
        ("20", "ECDSA signature in DER", BOTH, Err(SignatureMalformed), |s| s.draft.form = Form::Der),
        ("20", "ECDSA signature with high s", BOTH, OK, |s| s.draft.form = Form::HighS),
        ("21,36", "another content type", BOTH, Err(NotationContentType), |s| s.draft.set(Field::Cty, text("application/json"))),
        ("21,36", "a content type with a space", BOTH, Err(NotationContentType), |s| s.draft.set(Field::Cty, text(" application/vnd.cncf.notary.payload.v1+json"))),
        ("21,36", "no content type", BOTH, Err(NotationAttribute), |s| s.draft.remove(Field::Cty)),
        ("22,37", "no crit", BOTH, Err(NotationAttribute), |s| s.draft.remove(Field::Crit)),
        ("22,37", "an empty crit", BOTH, Err(NotationAttribute), |s| s.draft.crit(&[])),
        ("22,37", "crit without the signing scheme", BOTH, Err(NotationAttribute), |s| {
            s.draft.set(field("x"), text("y"));
            s.draft.crit(&["x"]);
        }),
        ("22,37", "crit with a name that is not there", BOTH, Err(NotationAttribute), |s| s.draft.crit(&[SCHEME, "nope"])),
        ("22,37", "crit with a name twice", BOTH, Err(NotationAttribute), |s| s.draft.crit(&[SCHEME, SCHEME])),
        ("22,37", "crit with the algorithm", BOTH, Err(NotationAttribute), |s| {
            s.draft.set(Field::Crit, Value::Fields(vec![field(SCHEME), Field::Alg]));
        }),
        ("22,37", "crit with the content type", BOTH, Err(NotationAttribute), |s| {
            s.draft.set(Field::Crit, Value::Fields(vec![field(SCHEME), Field::Cty]));
        }),
        ("22,37", "crit with crit", BOTH, Err(NotationAttribute), |s| {
            s.draft.set(Field::Crit, Value::Fields(vec![field(SCHEME), Field::Crit]));
        }),
        ("22,37", "crit with the signing time", BOTH, Err(NotationAttribute), |s| s.draft.crit(&[SCHEME, SIGNING_TIME])),
        ("22,37", "crit only in the unprotected header", BOTH, Err(NotationAttribute), |s| {
            s.draft.remove(Field::Crit);
            s.draft.set_open(Field::Crit, Value::Fields(vec![field(SCHEME)]));
        }),
        ("22", "expiry that is not critical", BOTH, Err(NotationAttribute), |s| s.draft.set(field(EXPIRY), Value::Time(NOW + 60))),
        ("22", "critical expiry to come", BOTH, OK, |s| {
            s.draft.set(field(EXPIRY), Value::Time(NOW + 60));
            s.draft.crit(&[SCHEME, EXPIRY]);
        }),
        ("23,D1", "unknown critical attribute", BOTH, Err(NotationCritical), |s| {
            s.draft.set(field("x"), text("y"));
            s.draft.crit(&[SCHEME, "x"]);
        }),
        ("23,D1", "unknown critical attribute, compat", BOTH, OK, |s| {
            s.draft.set(field("x"), text("y"));
            s.draft.crit(&[SCHEME, "x"]);
            s.authority.profile = Profile::Compat;
        }),
        ("23", "unknown critical attribute at audit", BOTH, Err(NotationCritical), |s| {
            s.draft.set(field("x"), text("y"));
            s.draft.crit(&[SCHEME, "x"]);
            s.level(Level::Audit);
        }),
        ("23", "unknown attribute that is not critical", BOTH, OK, |s| s.draft.set(field("x"), text("y"))),
        ("24", "unknown scheme", BOTH, Err(NotationScheme), |s| s.draft.set(field(SCHEME), text("notary.tuf"))),
        ("24", "no scheme", BOTH, Err(NotationAttribute), |s| {
            s.draft.remove(field(SCHEME));
            s.draft.set(field("x"), text("y"));
            s.draft.crit(&["x"]);
        }),
        ("24", "a scheme that is a list", BOTH, Err(NotationAttribute), |s| s.draft.set(field(SCHEME), Value::Fields(vec![]))),
        ("25", "no signing time", BOTH, Err(NotationAttribute), |s| s.draft.remove(field(SIGNING_TIME))),
        ("25", "signing time to come", BOTH, OK, |s| s.draft.set(field(SIGNING_TIME), Value::Time(NOW + 31_536_000))),
        ("25", "signing time before the certificates", BOTH, OK, |s| s.draft.set(field(SIGNING_TIME), Value::Time(0))),
        ("25,D7", "authentic signing time under notary.x509", BOTH, Err(NotationAttribute), |s| {
            s.draft.set(field(AUTHENTIC), Value::Time(SIGNED_AT));
            s.draft.crit(&[SCHEME, AUTHENTIC]);
        }),
        ("26", "expiry at the signing time", BOTH, Err(NotationAttribute), |s| {
            s.draft.set(field(EXPIRY), Value::Time(SIGNED_AT));
            s.draft.crit(&[SCHEME, EXPIRY]);
        }),
        ("26", "expiry before the authentic signing time", BOTH, Err(NotationAttribute), |s| {
            s.by_signing_authority(SIGNED_AT);
            s.draft.set(field(EXPIRY), Value::Time(SIGNED_AT - 1));
            s.draft.crit(&[SCHEME, AUTHENTIC, EXPIRY]);
        }),
        ("27", "signing authority", BOTH, OK, |s| s.by_signing_authority(SIGNED_AT)),
        ("27", "signing authority without its time", BOTH, Err(NotationAttribute), |s| {
            s.by_signing_authority(SIGNED_AT);
            s.draft.remove(field(AUTHENTIC));
            s.draft.crit(&[SCHEME]);
        }),
        ("27", "signing authority with its time not critical", BOTH, Err(NotationAttribute), |s| {
            s.by_signing_authority(SIGNED_AT);
            s.draft.crit(&[SCHEME]);
        }),
        ("27,D7", "signing authority with a signing time too", BOTH, Err(NotationAttribute), |s| {
            s.by_signing_authority(SIGNED_AT);
            s.draft.set(field(SIGNING_TIME), Value::Time(SIGNED_AT));
        }),
        ("30", "payload that is a list", BOTH, Err(PayloadMalformed), |s| s.draft.payload = b"[]".to_vec()),
        ("41", "payload that is not JSON", BOTH, Err(PayloadMalformed), |s| s.draft.payload = b"hello".to_vec()),
        ("16", "payload with a member twice", BOTH, Err(PayloadMalformed), |s| {
            let payload = s.draft.payload.clone();
            s.draft.payload = edit(payload, r#""size":16724"#, r#""size":1,"size":16724"#);
        }),
        ("17,34", "payload changed after signing", BOTH, Err(SignatureInvalid), |s| {
            let payload = s.draft.payload.clone();
            s.draft.payload_after = Some(edit(payload, "16724", "16725"));
        }),
        ("29,39", "signing agent that is not text", JWS, OK, |s| s.draft.set_open(field(AGENT), json("7"))),
        ("29,39", "signing agent that is not text", COSE, OK, |s| s.draft.set_open(field(AGENT), raw(&[7]))),
        ("29,83", "timestamp that is no token", BOTH, OK, |s| s.draft.set_open(field(TIMESTAMP), Value::Bytes(vec![1, 2, 3]))),
        ("29,39", "timestamp of another type", JWS, Err(EnvelopeMalformed), |s| s.draft.set_open(field(TIMESTAMP), text("*"))),
        ("29,39", "timestamp of another type", COSE, OK, |s| s.draft.set_open(field(TIMESTAMP), text("*"))),
        ("112", "a plugin", BOTH, Err(NotationPlugin), |s| {
            s.draft.set(field(PLUGIN), text("com.example.plugin"));
            s.draft.crit(&[SCHEME, PLUGIN]);
        }),
        ("112", "a plugin at audit", BOTH, Err(NotationPlugin), |s| {
            s.draft.set(field(PLUGIN), text("com.example.plugin"));
            s.draft.crit(&[SCHEME, PLUGIN]);
            s.level(Level::Audit);
        }),
        ("112", "a plugin, compat", BOTH, Err(NotationPlugin), |s| {
            s.draft.set(field(PLUGIN), text("com.example.plugin"));
            s.draft.crit(&[SCHEME, PLUGIN]);
            s.authority.profile = Profile::Compat;
        }),
        ("112,116", "a plugin with an attribute of its own", BOTH, Err(NotationPlugin), |s| {
            s.draft.set(field(PLUGIN), text("com.example.plugin"));
            s.draft.set(field("com.example.key"), text("y"));
            s.draft.crit(&[SCHEME, PLUGIN, "com.example.key"]);
        }),
        ("112", "a plugin that is not critical", BOTH, Err(NotationAttribute), |s| s.draft.set(field(PLUGIN), text("p"))),
        ("112", "a plugin without a name", BOTH, Err(NotationAttribute), |s| {
            s.draft.set(field(PLUGIN), text("  "));
            s.draft.crit(&[SCHEME, PLUGIN]);
        }),
        ("113", "a plugin with a version", BOTH, Err(NotationPlugin), |s| {
            s.draft.set(field(PLUGIN), text("p"));
            s.draft.set(field(MIN_VERSION), text("1.0.0"));
            s.draft.crit(&[SCHEME, PLUGIN, MIN_VERSION]);
        }),
        ("113", "a plugin version that is not critical", BOTH, Err(NotationAttribute), |s| {
            s.draft.set(field(PLUGIN), text("p"));
            s.draft.set(field(MIN_VERSION), text("1.0.0"));
            s.draft.crit(&[SCHEME, PLUGIN]);
        }),
        ("113,D2", "a plugin version without a plugin", BOTH, Err(NotationCritical), |s| {
            s.draft.set(field(MIN_VERSION), text("1.0.0"));
            s.draft.crit(&[SCHEME, MIN_VERSION]);
        }),
        ("113,D2", "a plugin version without a plugin, compat", BOTH, OK, |s| {
            s.draft.set(field(MIN_VERSION), text("1.0.0"));
            s.draft.crit(&[SCHEME, MIN_VERSION]);
            s.authority.profile = Profile::Compat;
        }),
    ];
    run("envelopes, common", cases);
}

#[test]
fn rules_of_jws() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("15", "general serialization", JWS, Err(EnvelopeMalformed), |s| {
            s.draft.on_envelope = |e| {
                let e = edit(e, r#""protected""#, r#""signatures":[{"protected""#);
                [&e[..e.len() - 1], b"}]}"].concat()
            };
        }),
        ("15", "compact serialization", JWS, Err(EnvelopeMalformed), |s| s.draft.on_envelope = |_| b"e30.e30.AAEC".to_vec()),
        ("15", "another top-level member", JWS, Err(EnvelopeMalformed), |s| s.draft.on_envelope = |e| edit(e, r#"{"payload""#, r#"{"x":1,"payload""#)),
        ("15", "data after the envelope", JWS, Err(EnvelopeMalformed), |s| s.draft.on_envelope = |e| [e, b" x".to_vec()].concat()),
        ("15", "white space after the envelope", JWS, OK, |s| s.draft.on_envelope = |e| [e, b"\n".to_vec()].concat()),
        ("15", "no protected header", JWS, Err(EnvelopeMalformed), |s| s.draft.on_envelope = |e| edit(e, r#""protected":"#, r#""protectex":"#)),
        ("15", "no payload", JWS, Err(PayloadMalformed), |s| s.draft.on_envelope = |e| edit(e, r#""payload":"#, r#""payloax":"#)),
        ("15", "no signature", JWS, Err(SignatureMissing), |s| s.draft.on_envelope = |e| edit(e, r#""signature":"#, r#""signaturx":"#)),
        ("15", "an empty signature", JWS, Err(SignatureMissing), |s| s.draft.on_signature = |_| Vec::new()),
        ("16", "a top-level member twice", JWS, Err(EnvelopeMalformed), |s| s.draft.on_envelope = |e| edit(e, r#"{"payload""#, r#"{"payload":"e30","payload""#)),
        ("16", "the algorithm twice", JWS, Err(EnvelopeMalformed), |s| s.draft.add(Field::Alg, text("ES256"))),
        ("16", "an unprotected parameter twice", JWS, Err(EnvelopeMalformed), |s| s.draft.unprotected.push((field(AGENT), text("x")))),
        ("16", "the content type in capitals", JWS, Err(NotationAttribute), |s| {
            s.draft.remove(Field::Cty);
            s.draft.set(field("CTY"), text("application/vnd.cncf.notary.payload.v1+json"));
        }),
        ("16", "the scheme in capitals", JWS, Err(NotationAttribute), |s| {
            s.draft.remove(field(SCHEME));
            s.draft.set(field("IO.CNCF.NOTARY.SIGNINGSCHEME"), text("notary.x509"));
            s.draft.crit(&["IO.CNCF.NOTARY.SIGNINGSCHEME"]);
        }),
        ("16", "a parameter in both headers", JWS, Err(EnvelopeMalformed), |s| s.draft.set_open(Field::Alg, text("none"))),
        ("17", "a signature with padding", JWS, Err(EnvelopeMalformed), |s| s.draft.on_signature = |t| [t, b"==".to_vec()].concat()),
        ("17", "a signature with a newline", JWS, Err(EnvelopeMalformed), |s| s.draft.on_signature = |t| [b"\\n".to_vec(), t].concat()),
        ("17", "a signature with a space", JWS, Err(EnvelopeMalformed), |s| s.draft.on_signature = |t| [t, b" ".to_vec()].concat()),
        ("17", "protected that is not base64url", JWS, Err(EnvelopeMalformed), |s| s.draft.on_envelope = |e| edit(e, r#""protected":""#, r#""protected":"+"#)),
        ("17", "white space in the protected header", JWS, OK, |s| s.draft.on_protected = |p| edit(p, "{", "{ \n")),
        ("18", "x5c that is a text", JWS, Err(CertificateAbsent), |s| s.draft.set_open(Field::Chain, text("AAEC"))),
        ("18", "x5c of numbers", JWS, Err(EnvelopeMalformed), |s| s.draft.set_open(Field::Chain, json("[7]"))),
        ("18", "x5c with a newline", JWS, Err(EnvelopeMalformed), |s| s.draft.on_envelope = |e| edit(e, r#""x5c":["MI"#, r#""x5c":["\nMI"#)),
        ("18", "x5c without padding", JWS, Err(EnvelopeMalformed), |s| s.draft.set_open(Field::Chain, json(r#"["AAE"]"#))),
        ("19", "alg none", JWS, Err(SignatureAlgorithm), |s| s.draft.set(Field::Alg, text("none"))),
        ("19", "alg RS256", JWS, Err(SignatureAlgorithm), |s| s.draft.set(Field::Alg, text("RS256"))),
        ("19", "alg HS256", JWS, Err(SignatureAlgorithm), |s| s.draft.set(Field::Alg, text("HS256"))),
        ("19", "alg ES256K", JWS, Err(SignatureAlgorithm), |s| s.draft.set(Field::Alg, text("ES256K"))),
        ("19", "alg in small letters", JWS, Err(SignatureAlgorithm), |s| s.draft.set(Field::Alg, text("es256"))),
        ("19", "alg that is a number", JWS, Err(NotationAttribute), |s| s.draft.set(Field::Alg, json("-7"))),
        ("22", "crit that is a text", JWS, Err(NotationAttribute), |s| s.draft.set(Field::Crit, text(SCHEME))),
        ("22", "crit with a number", JWS, Err(NotationAttribute), |s| s.draft.set(Field::Crit, json(r#"["io.cncf.notary.signingScheme",7]"#))),
        ("22", "crit with b64", JWS, Err(NotationCritical), |s| {
            s.draft.set(field("b64"), json("false"));
            s.draft.crit(&[SCHEME, "b64"]);
        }),
        ("28", "a time with an offset and a fraction", JWS, OK, |s| s.draft.set(field(SIGNING_TIME), text("2026-11-21T10:00:00.25+08:00"))),
        ("28", "a time in small letters", JWS, Err(NotationAttribute), |s| s.draft.set(field(SIGNING_TIME), text("2026-11-21t02:00:00z"))),
        ("28", "a time that is a number", JWS, Err(NotationAttribute), |s| s.draft.set(field(SIGNING_TIME), json("1795226400"))),
        ("28", "a time with an impossible offset", JWS, Err(NotationAttribute), |s| s.draft.set(field(SIGNING_TIME), text("2026-11-21T02:00:00+36:12"))),
        ("28", "expiry compared as an instant", JWS, OK, |s| {
            s.draft.set(field(EXPIRY), text("2026-11-20T23:30:00-05:00"));
            s.draft.crit(&[SCHEME, EXPIRY]);
        }),
    ];
    run("envelopes, JWS", cases);
}

#[test]
fn rules_of_cose() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("31", "no tag", COSE, Err(EnvelopeMalformed), |s| s.draft.on_envelope = |e| e[1..].to_vec()),
        ("31", "tag 98", COSE, Err(EnvelopeMalformed), |s| s.draft.on_envelope = |e| [b"\xd8\x62", &e[1..]].concat()),
        ("31", "tag 18 in two bytes", COSE, Err(EnvelopeMalformed), |s| s.draft.on_envelope = |e| [b"\xd8\x12", &e[1..]].concat()),
        ("31", "tag 61 around it", COSE, Err(EnvelopeMalformed), |s| s.draft.on_envelope = |e| [&b"\xd8\x3d"[..], &e].concat()),
        ("31", "data after the envelope", COSE, Err(EnvelopeMalformed), |s| s.draft.on_envelope = |e| [&e[..], b"\x00"].concat()),
        ("32", "an array of five", COSE, Err(EnvelopeMalformed), |s| s.draft.on_envelope = |e| [b"\xd2\x85", &e[2..], b"\x00"].concat()),
        ("32", "an envelope that is cut", COSE, Err(SignatureMissing), |s| {
            s.draft.on_signature = |_| Vec::new();
        }),
        ("32", "a signature that is cut", COSE, Err(EnvelopeMalformed), |s| s.draft.on_envelope = |e| e[..e.len() - 1].to_vec()),
        ("32", "a detached payload", COSE, Err(PayloadMalformed), |s| {
            s.draft.payload.clear();
            s.draft.on_envelope = |e| [&e[..e.len() - 67], b"\xf6", &e[e.len() - 66..]].concat();
        }),
        ("32", "a payload that is text", COSE, Err(EnvelopeMalformed), |s| {
            s.draft.payload.clear();
            s.draft.on_envelope = |e| [&e[..e.len() - 67], b"\x60", &e[e.len() - 66..]].concat();
        }),
        ("32", "a protected header that is a map", COSE, Err(EnvelopeMalformed), |s| s.draft.on_envelope = |e| [b"\xd2\x84\xa0", &e[4..]].concat()),
        ("32", "a protected header that is empty", COSE, Err(EnvelopeMalformed), |s| s.draft.on_protected = |_| Vec::new()),
        ("32", "data after the protected map", COSE, Err(EnvelopeMalformed), |s| s.draft.on_protected = |p| [p, vec![0]].concat()),
        ("33", "a map of indefinite length", COSE, Err(EnvelopeMalformed), |s| s.draft.on_protected = |p| [b"\xbf", &p[1..], b"\xff"].concat()),
        ("33", "a text of indefinite length", COSE, Err(EnvelopeMalformed), |s| s.draft.set(field("x"), raw(b"\x7f\x61a\xff"))),
        ("33", "a label twice", COSE, Err(EnvelopeMalformed), |s| s.draft.add(Field::Alg, text("ES256"))),
        ("33", "a label twice in two forms", COSE, Err(EnvelopeMalformed), |s| s.draft.add(Field::Cbor(vec![0x18, 1]), text("ES256"))),
        ("33", "an unprotected label twice", COSE, Err(EnvelopeMalformed), |s| s.draft.unprotected.push((field(AGENT), text("x")))),
        ("33", "a label in both headers", COSE, Err(EnvelopeMalformed), |s| s.draft.set_open(Field::Alg, text("ES256"))),
        ("33", "integers in longer forms", COSE, OK, |s| {
            s.draft.remove(Field::Alg);
            s.draft.add(Field::Cbor(vec![0x19, 0, 1]), raw(b"\x38\x06"));
        }),
        ("33", "keys in another order", COSE, OK, |s| s.draft.protected.reverse()),
        ("33", "a label that is bytes", COSE, Err(EnvelopeMalformed), |s| s.draft.add(Field::Cbor(vec![0x41, 1]), text(""))),
        ("33", "a label beyond 64 bits", COSE, Err(EnvelopeMalformed), |s| s.draft.add(Field::Cbor(b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()), text(""))),
        ("33", "nesting of nine levels", COSE, Err(EnvelopeUnsupported), |s| s.draft.set(field("x"), raw(b"\x81\x81\x81\x81\x81\x81\x81\x81\x81\x00"))),
        ("33", "a text that is not UTF-8", COSE, Err(EnvelopeMalformed), |s| s.draft.set(field("x"), raw(b"\x61\xff"))),
        ("35", "alg that is a text", COSE, Err(NotationAttribute), |s| s.draft.set(Field::Alg, raw(&cbor::text("ES256")))),
        ("35", "alg EdDSA", COSE, Err(SignatureAlgorithm), |s| s.draft.set(Field::Alg, raw(&cbor::integer(-8)))),
        ("35", "alg HMAC", COSE, Err(SignatureAlgorithm), |s| s.draft.set(Field::Alg, raw(&cbor::integer(5)))),
        ("36", "a content type that is a number", COSE, Err(NotationAttribute), |s| s.draft.set(Field::Cty, raw(&cbor::integer(50)))),
        ("37", "crit that is a text", COSE, Err(NotationAttribute), |s| s.draft.set(Field::Crit, raw(&cbor::text(SCHEME)))),
        ("37", "crit with label 4", COSE, Err(NotationAttribute), |s| {
            s.draft.set(Field::Number(4), Value::Bytes(vec![1]));
            s.draft.set(Field::Crit, Value::Fields(vec![field(SCHEME), Field::Number(4)]));
        }),
        ("37", "key id, not critical", COSE, OK, |s| s.draft.set(Field::Number(4), Value::Bytes(vec![1]))),
        ("37,D1", "an unknown critical number", COSE, Err(NotationCritical), |s| {
            s.draft.set(Field::Number(-70_000), text("y"));
            s.draft.set(Field::Crit, Value::Fields(vec![field(SCHEME), Field::Number(-70_000)]));
        }),
        ("38", "a time that is a text", COSE, Err(NotationAttribute), |s| s.draft.set(field(SIGNING_TIME), text("2026-11-21T02:00:00Z"))),
        ("38", "a time with tag 0", COSE, Err(NotationAttribute), |s| s.draft.set(field(SIGNING_TIME), raw(&[vec![0xc0], cbor::text("2026-11-21T02:00:00Z")].concat()))),
        ("38", "a time without a tag", COSE, Err(NotationAttribute), |s| s.draft.set(field(SIGNING_TIME), raw(&cbor::integer(SIGNED_AT)))),
        ("38", "a time that is a float", COSE, OK, |s| s.draft.set(field(SIGNING_TIME), raw(&[b"\xc1\xfb".to_vec(), 1_795_226_400.5_f64.to_be_bytes().to_vec()].concat()))),
        ("38", "a time that is not a number", COSE, Err(NotationAttribute), |s| s.draft.set(field(SIGNING_TIME), raw(b"\xc1\xf9\x7e\x00"))),
        ("38", "a time before the epoch", COSE, Err(NotationAttribute), |s| s.draft.set(field(SIGNING_TIME), raw(b"\xc1\x20"))),
        ("39,D8", "one certificate without a list", COSE, Err(CertificateAbsent), |s| {
            let leaf = s.certificates()[0].clone();
            s.draft.set_open(Field::Chain, Value::Bytes(leaf));
        }),
        ("39,D8", "the chain in the protected header", COSE, OK, |s| {
            let chain = s.certificates().to_vec();
            s.draft.unprotected.clear();
            s.draft.set(Field::Chain, Value::Chain(chain));
        }),
        ("39,D8", "the chain in both headers", COSE, Err(EnvelopeMalformed), |s| {
            let chain = s.certificates().to_vec();
            s.draft.set(Field::Chain, Value::Chain(chain));
        }),
        ("39", "a chain of texts", COSE, Err(EnvelopeMalformed), |s| s.draft.set_open(Field::Chain, raw(b"\x81\x61a"))),
        ("40", "an initialisation vector", COSE, Err(EnvelopeMalformed), |s| s.draft.set(Field::Number(5), Value::Bytes(vec![1]))),
        ("40", "a countersignature that is protected", COSE, Err(EnvelopeMalformed), |s| s.draft.set(Field::Number(11), Value::Bytes(vec![1]))),
        ("40", "a countersignature that is not", COSE, OK, |s| s.draft.set_open(Field::Number(11), Value::Bytes(vec![1]))),
    ];
    run("envelopes, COSE", cases);
}

/// 19, 20, 35: each key has its algorithm, and no other is accepted for it.
#[test]
fn every_algorithm_is_verified_in_both_formats() {
    let keys = || {
        [2048, 3072, 4096].map(Key::rsa).into_iter().chain([
            Key::p256("k"),
            Key::p384("k"),
            Key::p521("k"),
        ])
    };
    for format in BOTH {
        for key in keys() {
            let mut setup = Setup::signed_by(*format, key.clone());
            let (answer, operations) = setup.verify();
            let accepted = answer.unwrap_or_else(|r| panic!("{}: {:?}", key.algorithm(), r.reason));
            assert!(accepted.signer.is_some());
            // The envelope, and three certificates.
            assert_eq!(operations, 4);
            for other in keys().filter(|k| k.algorithm() != key.algorithm()) {
                setup.draft.set(Field::Alg, text(other.algorithm()));
                let (answer, operations) = setup.verify();
                assert_eq!(answer.unwrap_err().reason.code, SignatureAlgorithm);
                assert_eq!(operations, 0);
            }
        }
    }
    assert_eq!(KeyKind::P256.to_string(), "ECDSA P-256");
}

/// D9: the salt of RSASSA-PSS may have any length. PKCS#1 v1.5 is no PSS.
#[test]
fn the_salt_of_pss_has_any_length() {
    for format in BOTH {
        for (form, accepted) in [
            (Form::Salt(0), true),
            (Form::Salt(20), true),
            (Form::Salt(32), true),
            (Form::Salt(190), true),
            (Form::Pkcs1, false),
        ] {
            let mut setup = Setup::signed_by(*format, Key::rsa(2048));
            setup.draft.form = form;
            assert_eq!(setup.verify().0.is_ok(), accepted);
        }
    }
}
