//! DSSE, the Dead Simple Signing Envelope
//! ([protocol](https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md),
//! [envelope](https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md)).

use std::sync::OnceLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    attestation::statement::{self, Statement, StatementError},
    json,
};

/// The payload type of in-toto statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Signatures that one envelope may carry. in-toto's own layouts use a handful.
const MOST_SIGNATURES: usize = 16;

/// An envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// `payloadType`.
    pub payload_type: String,
    /// The payload, decoded.
    pub payload: Vec<u8>,
    /// The signatures, decoded.
    pub signatures: Vec<Vec<u8>>,
    /// What the payload claims to be, once somebody has looked.
    statement: OnceLock<Result<Statement, StatementError>>,
}

/// Why bytes are not an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DsseError {
    /// Not the JSON of an envelope.
    Json(String),
    /// The payload or a signature is not standard base64.
    Base64,
    /// No signature.
    NoSignature,
    /// More signatures than are looked at.
    TooManySignatures,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    payload_type: String,
    payload: String,
    signatures: Vec<DocumentSignature>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentSignature {
    sig: String,
    #[serde(default, rename = "keyid")]
    _keyid: Option<String>,
    /// cosign's legacy attestations carry it, empty.
    #[serde(default, rename = "cert")]
    _cert: Option<String>,
}

/// Parses an envelope.
pub fn parse(bytes: &[u8]) -> Result<Envelope, DsseError> {
    let value = json::parse(bytes).map_err(|e| DsseError::Json(e.to_string()))?;
    from_value(value)
}

/// Reads an envelope out of a document that was parsed strictly.
pub fn from_value(value: Value) -> Result<Envelope, DsseError> {
    let document: Document =
        serde_json::from_value(value).map_err(|e| DsseError::Json(e.to_string()))?;
    if document.signatures.len() > MOST_SIGNATURES {
        return Err(DsseError::TooManySignatures);
    }
    if document.signatures.is_empty() {
        return Err(DsseError::NoSignature);
    }
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| DsseError::Base64);
    Ok(Envelope {
        payload_type: document.payload_type,
        payload: decode(&document.payload)?,
        signatures: document.signatures.iter().map(|s| decode(&s.sig)).collect::<Result<_, _>>()?,
        statement: OnceLock::new(),
    })
}

impl Envelope {
    /// The statement that the payload claims to be; nothing of it is believed before a signature
    /// is good. Read once, from the very bytes that are verified.
    pub fn statement(&self) -> Result<&Statement, &StatementError> {
        self.statement.get_or_init(|| statement::parse(&self.payload)).as_ref()
    }

    /// What is signed.
    ///
    /// spec: DSSE §Protocol "PAE(type, body) = "DSSEv1" + SP + LEN(type) + SP + type + SP +
    /// LEN(body) + SP + body"
    pub fn pre_authentication_encoding(&self) -> Vec<u8> {
        let mut out = format!(
            "DSSEv1 {} {} {} ",
            self.payload_type.len(),
            self.payload_type,
            self.payload.len()
        )
        .into_bytes();
        out.extend_from_slice(&self.payload);
        out
    }
}

impl std::fmt::Display for DsseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Json(error) => write!(f, "not a DSSE envelope: {error}"),
            Self::Base64 => f.write_str("the payload or a signature is not standard base64"),
            Self::NoSignature => f.write_str("the envelope has no signature"),
            Self::TooManySignatures => {
                write!(f, "the envelope has more than {MOST_SIGNATURES} signatures")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pre_authentication_encoding_is_that_of_the_specification() {
        let envelope = Envelope {
            payload_type: "http://example.com/HelloWorld".into(),
            payload: b"hello world".to_vec(),
            signatures: vec![vec![0]],
            statement: OnceLock::new(),
        };
        assert_eq!(
            envelope.pre_authentication_encoding(),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn broken_envelopes_are_refused() {
        let many = vec![r#"{"sig":"AA=="}"#; 17].join(",");
        for text in [
            "{}".to_owned(),
            r#"{"payloadType":"t","payload":"AA==","signatures":[]}"#.into(),
            r#"{"payloadType":"t","payload":"A","signatures":[{"sig":"AA=="}]}"#.into(),
            r#"{"payloadType":"t","payload":"AA==","signatures":[{"sig":"-_"}]}"#.into(),
            r#"{"payloadType":"t","payload":"AA==","signatures":[{}]}"#.into(),
            r#"{"payloadType":"t","payload":"AA==","payload":"AA==","signatures":[{"sig":"AA=="}]}"#
                .into(),
            format!(r#"{{"payloadType":"t","payload":"AA==","signatures":[{many}]}}"#),
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
