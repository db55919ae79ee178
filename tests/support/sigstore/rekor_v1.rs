//! Entries of Rekor v1: bodies, and the signed entry timestamp.

use serde_json::{Value, json};

use super::{
    base64, canonical,
    content::Told,
    keys::{hex, sha256},
};

fn sha256_value(bytes: &[u8]) -> Value {
    json!({"algorithm": "sha256", "value": hex(&sha256(bytes))})
}

pub(crate) fn hashedrekord(told: &Told) -> Value {
    let (hash, digest) = told.digest();
    json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": hash.name(), "value": hex(&digest)}},
            "signature": {
                "content": base64(told.signed.signature()),
                "publicKey": {"content": base64(told.verifier.pem().as_bytes())},
            },
        },
    })
}

pub(crate) fn dsse(told: &Told) -> Value {
    let envelope = told.signed.envelope();
    let verifier = base64(told.verifier.pem().as_bytes());
    let signatures: Vec<_> = envelope
        .signatures
        .iter()
        .map(|s| json!({"signature": base64(&s.signature), "verifier": verifier}))
        .collect();
    json!({
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            "envelopeHash": sha256_value(&canonical(&envelope.value())),
            "payloadHash": sha256_value(&envelope.payload),
            "signatures": signatures,
        },
    })
}

pub(crate) fn intoto_1(told: &Told) -> Value {
    let envelope = told.signed.envelope();
    json!({
        "apiVersion": "0.0.1",
        "kind": "intoto",
        "spec": {
            "content": {
                "hash": sha256_value(&canonical(&envelope.value())),
                "payloadHash": sha256_value(&envelope.payload),
            },
            "publicKey": base64(told.verifier.pem().as_bytes()),
        },
    })
}

/// Without the payload, which the log does not keep in the body; signatures are encoded twice.
pub(crate) fn intoto_2(told: &Told) -> Value {
    let envelope = told.signed.envelope();
    let key = base64(told.verifier.pem().as_bytes());
    let signatures: Vec<_> = envelope
        .signatures
        .iter()
        .map(|s| {
            let signature = base64(base64(&s.signature).as_bytes());
            match s.key_id.as_deref().filter(|id| !id.is_empty()) {
                Some(id) => json!({"keyid": id, "publicKey": key, "sig": signature}),
                None => json!({"publicKey": key, "sig": signature}),
            }
        })
        .collect();
    json!({
        "apiVersion": "0.0.2",
        "kind": "intoto",
        "spec": {
            "content": {
                "envelope": {"payloadType": envelope.payload_type, "signatures": signatures},
                "hash": sha256_value(&canonical(&envelope.value())),
                "payloadHash": sha256_value(&envelope.payload),
            },
        },
    })
}

/// What a signed entry timestamp signs.
pub(crate) fn promised(body: &[u8], time: i64, log_id: &[u8], index: i64) -> Value {
    json!({
        "body": base64(body),
        "integratedTime": time,
        "logID": hex(log_id),
        "logIndex": index,
    })
}
