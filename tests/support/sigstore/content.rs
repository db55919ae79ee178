//! What is signed, and by whom: said to the log, and carried by the bundle.

use serde_json::{Value, json};

use super::{
    base64,
    keys::{Form, Hash, Key, pem},
};

/// A DSSE envelope.
#[derive(Clone)]
pub(crate) struct Envelope {
    pub(crate) payload_type: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) signatures: Vec<EnvelopeSignature>,
}

#[derive(Clone)]
pub(crate) struct EnvelopeSignature {
    pub(crate) key_id: Option<String>,
    pub(crate) signature: Vec<u8>,
}

/// What is signed, with its signature.
#[derive(Clone)]
pub(crate) enum Signed {
    Message { hash: Hash, digest: Vec<u8>, signature: Vec<u8> },
    Envelope(Envelope),
}

/// Who signed, as evidence says it.
#[derive(Clone)]
pub(crate) enum Verifier {
    /// DER, the signer's first.
    Certificate(Vec<u8>),
    /// SubjectPublicKeyInfo.
    Key(Vec<u8>),
}

/// What a log is told.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) signed: Signed,
    pub(crate) verifier: Verifier,
    /// `PublicKeyDetails`, and the hash that it names.
    pub(crate) details: String,
    pub(crate) hash: Hash,
}

impl Envelope {
    pub(crate) fn new(payload_type: &str, payload: Vec<u8>) -> Self {
        Self { payload_type: payload_type.to_owned(), payload, signatures: Vec::new() }
    }

    /// DSSE v1, pre-authentication encoding.
    pub(crate) fn pae(&self) -> Vec<u8> {
        let head = format!(
            "DSSEv1 {} {} {} ",
            self.payload_type.len(),
            self.payload_type,
            self.payload.len()
        );
        [head.into_bytes(), self.payload.clone()].concat()
    }

    pub(crate) fn value(&self) -> Value {
        let signatures: Vec<_> = self
            .signatures
            .iter()
            .map(|s| match &s.key_id {
                Some(id) => json!({"keyid": id, "sig": base64(&s.signature)}),
                None => json!({"sig": base64(&s.signature)}),
            })
            .collect();
        json!({
            "payload": base64(&self.payload),
            "payloadType": self.payload_type,
            "signatures": signatures,
        })
    }
}

impl Signed {
    /// The first signature.
    pub(crate) fn signature(&self) -> &[u8] {
        match self {
            Self::Message { signature, .. } => signature,
            Self::Envelope(envelope) => &envelope.signatures[0].signature,
        }
    }

    pub(crate) fn signature_mut(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Message { signature, .. } => signature,
            Self::Envelope(envelope) => &mut envelope.signatures[0].signature,
        }
    }

    /// The envelope; a message has none.
    pub(crate) fn envelope(&self) -> &Envelope {
        match self {
            Self::Envelope(envelope) => envelope,
            Self::Message { .. } => panic!("a message is no envelope"),
        }
    }

    pub(crate) fn envelope_mut(&mut self) -> &mut Envelope {
        match self {
            Self::Envelope(envelope) => envelope,
            Self::Message { .. } => panic!("a message is no envelope"),
        }
    }
}

impl Verifier {
    pub(crate) fn der(&self) -> &[u8] {
        match self {
            Self::Certificate(der) | Self::Key(der) => der,
        }
    }

    /// As Rekor v1 has it.
    pub(crate) fn pem(&self) -> String {
        match self {
            Self::Certificate(der) => pem("CERTIFICATE", der),
            Self::Key(der) => pem("PUBLIC KEY", der),
        }
    }
}

impl Told {
    pub(crate) fn new(
        signed: Signed,
        verifier: Verifier,
        key: &Key,
        hash: Hash,
        form: Form,
    ) -> Self {
        let details = match (key, hash) {
            (Key::P384(_), Hash::Sha256) => "PKIX_ECDSA_P384_SHA_256",
            (Key::P521(_), Hash::Sha256) => "PKIX_ECDSA_P521_SHA_256",
            (Key::Ed25519(_), _) if form == Form::Prehashed => "PKIX_ED25519_PH",
            _ => key.details(),
        };
        Self { signed, verifier, details: details.to_owned(), hash }
    }

    /// The digest that hashedrekord has, of the message or of what the envelope's signature covers.
    pub(crate) fn digest(&self) -> (Hash, Vec<u8>) {
        match &self.signed {
            Signed::Message { hash, digest, .. } => (*hash, digest.clone()),
            Signed::Envelope(envelope) => (self.hash, self.hash.of(&envelope.pae())),
        }
    }
}
