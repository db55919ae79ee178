//! Entries of Rekor v2, which is made of tiles: protobuf-specs' rekor.v2.Entry as JSON.

use serde_json::{Value, json};

use super::{
    base64,
    content::{Told, Verifier},
    keys::sha256,
};

fn signature(told: &Told, signature: &[u8]) -> Value {
    let raw = json!({"rawBytes": base64(told.verifier.der())});
    let kind = match told.verifier {
        Verifier::Certificate(_) => "x509Certificate",
        Verifier::Key(_) => "publicKey",
    };
    json!({
        "content": base64(signature),
        "verifier": {"keyDetails": told.details, kind: raw},
    })
}

pub(crate) fn hashedrekord(told: &Told) -> Value {
    let (hash, digest) = told.digest();
    json!({
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": {"hashedRekordV002": {
            "data": {"algorithm": hash.label(), "digest": base64(&digest)},
            "signature": signature(told, told.signed.signature()),
        }},
    })
}

pub(crate) fn dsse(told: &Told) -> Value {
    let envelope = told.signed.envelope();
    let signatures: Vec<_> =
        envelope.signatures.iter().map(|s| signature(told, &s.signature)).collect();
    json!({
        "apiVersion": "0.0.2",
        "kind": "dsse",
        "spec": {"dsseV002": {
            "payloadHash": {"algorithm": "SHA2_256", "digest": base64(&sha256(&envelope.payload))},
            "signatures": signatures,
        }},
    })
}
