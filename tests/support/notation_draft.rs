//! Envelopes in which every part can be wrong.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use super::pki::{Form, Key};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Jws,
    Cose,
}

/// A header parameter by its role, or by a name or number of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Alg,
    Crit,
    Cty,
    Chain,
    Name(String),
    Number(i64),
    Cbor(Vec<u8>),
}

/// A value as both formats write it, or raw.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    /// RFC 3339 in JWS, tag 1 in COSE.
    Time(i64),
    Fields(Vec<Field>),
    Chain(Vec<Vec<u8>>),
    Bytes(Vec<u8>),
    Json(String),
    Cbor(Vec<u8>),
}

/// An envelope to be.
pub(crate) struct Draft {
    pub(crate) format: Format,
    pub(crate) key: Key,
    pub(crate) form: Form,
    pub(crate) protected: Vec<(Field, Value)>,
    pub(crate) unprotected: Vec<(Field, Value)>,
    pub(crate) payload: Vec<u8>,
    /// Changes the protected header before it is signed.
    pub(crate) on_protected: fn(Vec<u8>) -> Vec<u8>,
    /// Changes the signature's encoding: text in JWS, bytes in COSE.
    pub(crate) on_signature: fn(Vec<u8>) -> Vec<u8>,
    /// Changes the finished envelope.
    pub(crate) on_envelope: fn(Vec<u8>) -> Vec<u8>,
    /// Replaces the payload after it was signed.
    pub(crate) payload_after: Option<Vec<u8>>,
}

pub(crate) const SCHEME: &str = "io.cncf.notary.signingScheme";
pub(crate) const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
pub(crate) const AUTHENTIC: &str = "io.cncf.notary.authenticSigningTime";
pub(crate) const EXPIRY: &str = "io.cncf.notary.expiry";
pub(crate) const PLUGIN: &str = "io.cncf.notary.verificationPlugin";
pub(crate) const MIN_VERSION: &str = "io.cncf.notary.verificationPluginMinVersion";
pub(crate) const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";
pub(crate) const AGENT: &str = "io.cncf.notary.signingAgent";
pub(crate) const PAYLOAD_TYPE: &str = "application/vnd.cncf.notary.payload.v1+json";

pub(crate) fn field(name: &str) -> Field {
    Field::Name(name.to_owned())
}

pub(crate) fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

impl Draft {
    /// A good envelope under `notary.x509`, signed at `time`.
    pub(crate) fn new(
        format: Format,
        key: Key,
        chain: Vec<Vec<u8>>,
        payload: &[u8],
        time: i64,
    ) -> Self {
        Self {
            format,
            form: Form::Normal,
            protected: vec![
                (Field::Alg, text(key.algorithm())),
                (Field::Cty, text(PAYLOAD_TYPE)),
                (Field::Crit, Value::Fields(vec![field(SCHEME)])),
                (field(SCHEME), text("notary.x509")),
                (field(SIGNING_TIME), Value::Time(time)),
            ],
            unprotected: vec![(Field::Chain, Value::Chain(chain)), (field(AGENT), text("tests/1"))],
            key,
            payload: payload.to_vec(),
            on_protected: |bytes| bytes,
            on_signature: |bytes| bytes,
            on_envelope: |bytes| bytes,
            payload_after: None,
        }
    }

    /// Sets a protected parameter.
    pub(crate) fn set(&mut self, field: Field, value: Value) {
        match self.protected.iter_mut().find(|(f, _)| *f == field) {
            Some((_, old)) => *old = value,
            None => self.protected.push((field, value)),
        }
    }

    /// Adds a protected parameter, even where it is there.
    pub(crate) fn add(&mut self, field: Field, value: Value) {
        self.protected.push((field, value));
    }

    pub(crate) fn remove(&mut self, field: Field) {
        self.protected.retain(|(f, _)| *f != field);
    }

    /// Sets an unprotected parameter.
    pub(crate) fn set_open(&mut self, field: Field, value: Value) {
        match self.unprotected.iter_mut().find(|(f, _)| *f == field) {
            Some((_, old)) => *old = value,
            None => self.unprotected.push((field, value)),
        }
    }

    pub(crate) fn crit(&mut self, names: &[&str]) {
        self.set(Field::Crit, Value::Fields(names.iter().map(|n| field(n)).collect()));
    }

    pub(crate) fn chain(&mut self, chain: Vec<Vec<u8>>) {
        self.set_open(Field::Chain, Value::Chain(chain));
    }

    /// Turns it into one under `notary.x509.signingAuthority`.
    pub(crate) fn by_authority(&mut self, time: i64) {
        self.set(field(SCHEME), text("notary.x509.signingAuthority"));
        self.remove(field(SIGNING_TIME));
        self.set(field(AUTHENTIC), Value::Time(time));
        self.crit(&[SCHEME, AUTHENTIC]);
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        let envelope = match self.format {
            Format::Jws => self.jws(),
            Format::Cose => self.cose(),
        };
        (self.on_envelope)(envelope)
    }

    fn jws(&self) -> Vec<u8> {
        let protected = (self.on_protected)(object(&self.protected).into_bytes());
        let protected = URL_SAFE_NO_PAD.encode(protected);
        let payload = URL_SAFE_NO_PAD.encode(&self.payload);
        let signature = self.key.sign(format!("{protected}.{payload}").as_bytes(), self.form);
        let signature = (self.on_signature)(URL_SAFE_NO_PAD.encode(signature).into_bytes());
        let signature = String::from_utf8(signature).unwrap();
        let header = object(&self.unprotected);
        let payload = self.payload_after.as_ref().map_or(payload, |p| URL_SAFE_NO_PAD.encode(p));
        format!(
            r#"{{"payload":"{payload}","protected":"{protected}","header":{header},"signature":"{signature}"}}"#
        )
        .into_bytes()
    }

    fn cose(&self) -> Vec<u8> {
        let protected = cbor::bytes(&(self.on_protected)(map(&self.protected)));
        let payload = cbor::bytes(&self.payload);
        let message = [&b"\x84\x6aSignature1"[..], &protected, b"\x40", &payload].concat();
        let signature = cbor::bytes(&(self.on_signature)(self.key.sign(&message, self.form)));
        let payload = self.payload_after.as_ref().map_or(payload, |p| cbor::bytes(p));
        [vec![0xd2, 0x84], protected, map(&self.unprotected), payload, signature].concat()
    }
}

fn object(header: &[(Field, Value)]) -> String {
    let members: Vec<String> =
        header.iter().map(|(f, v)| format!("{}:{}", quoted(&jws_name(f)), json(v))).collect();
    format!("{{{}}}", members.join(","))
}

fn jws_name(field: &Field) -> String {
    match field {
        Field::Alg => "alg".into(),
        Field::Crit => "crit".into(),
        Field::Cty => "cty".into(),
        Field::Chain => "x5c".into(),
        Field::Name(name) => name.clone(),
        Field::Number(number) => number.to_string(),
        Field::Cbor(_) => panic!("not a JWS parameter"),
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn json(value: &Value) -> String {
    match value {
        Value::Text(text) => quoted(text),
        Value::Time(time) => quoted(&countersign::time::Time::from_unix(*time).to_string()),
        Value::Fields(fields) => {
            let names: Vec<_> = fields.iter().map(|f| quoted(&jws_name(f))).collect();
            format!("[{}]", names.join(","))
        }
        Value::Chain(chain) => {
            let list: Vec<_> = chain.iter().map(|c| quoted(&STANDARD.encode(c))).collect();
            format!("[{}]", list.join(","))
        }
        Value::Bytes(bytes) => quoted(&STANDARD.encode(bytes)),
        Value::Json(text) => text.clone(),
        Value::Cbor(_) => panic!("not JSON"),
    }
}

fn map(header: &[(Field, Value)]) -> Vec<u8> {
    let pairs = header.iter().flat_map(|(f, v)| [label(f), cose_value(f, v)].concat()).collect();
    [cbor::head(0xa0, header.len() as u64), pairs].concat()
}

fn label(field: &Field) -> Vec<u8> {
    match field {
        Field::Alg => cbor::integer(1),
        Field::Crit => cbor::integer(2),
        Field::Cty => cbor::integer(3),
        Field::Chain => cbor::integer(33),
        Field::Name(name) => cbor::text(name),
        Field::Number(number) => cbor::integer(*number),
        Field::Cbor(bytes) => bytes.clone(),
    }
}

fn cose_value(field: &Field, value: &Value) -> Vec<u8> {
    const ALGORITHMS: [(&str, i64); 6] = [
        ("ES256", -7),
        ("ES384", -35),
        ("ES512", -36),
        ("PS256", -37),
        ("PS384", -38),
        ("PS512", -39),
    ];
    match value {
        Value::Text(text) if *field == Field::Alg => {
            match ALGORITHMS.iter().find(|(name, _)| name == text) {
                Some((_, number)) => cbor::integer(*number),
                None => cbor::text(text),
            }
        }
        Value::Text(text) => cbor::text(text),
        Value::Time(time) => [vec![0xc1], cbor::integer(*time)].concat(),
        Value::Fields(fields) => {
            let labels = fields.iter().flat_map(label).collect();
            [cbor::head(0x80, fields.len() as u64), labels].concat()
        }
        Value::Chain(chain) => {
            let list = chain.iter().flat_map(|c| cbor::bytes(c)).collect();
            [cbor::head(0x80, chain.len() as u64), list].concat()
        }
        Value::Bytes(bytes) => cbor::bytes(bytes),
        Value::Cbor(bytes) => bytes.clone(),
        Value::Json(_) => panic!("not CBOR"),
    }
}

pub(crate) mod cbor {
    //! Just enough CBOR.

    pub(crate) fn head(major: u8, number: u64) -> Vec<u8> {
        let all = number.to_be_bytes();
        match number {
            0..24 => vec![major | all[7]],
            24..0x100 => vec![major | 24, all[7]],
            0x100..0x1_0000 => vec![major | 25, all[6], all[7]],
            0x1_0000..0x1_0000_0000 => [&[major | 26][..], &all[4..]].concat(),
            _ => [&[major | 27][..], &all].concat(),
        }
    }

    pub(crate) fn integer(number: i64) -> Vec<u8> {
        match u64::try_from(number) {
            Ok(number) => head(0, number),
            Err(_) => head(0x20, !number as u64),
        }
    }

    pub(crate) fn bytes(bytes: &[u8]) -> Vec<u8> {
        [head(0x40, bytes.len() as u64), bytes.to_vec()].concat()
    }

    pub(crate) fn text(text: &str) -> Vec<u8> {
        [head(0x60, text.len() as u64), text.as_bytes().to_vec()].concat()
    }
}
