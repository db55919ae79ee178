//! Bodies of log entries: the JSON of
//! [Rekor v1](https://github.com/sigstore/rekor/tree/v1.4.2/pkg/types) and
//! [Rekor v2](https://github.com/sigstore/rekor-tiles/tree/v2.0.1/api/proto/rekor/v2).
//!
//! Rekor v2's is protobuf, whose reader refuses unknown members; Rekor v1's ignores them. So do we.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::entry::{
    Content, Digest, EntryError, Kind, LoggedEntry, LoggedSignature, LoggedVerifier,
};
use crate::{
    crypto::{HashAlgorithm, KeyDetails},
    json, pem,
};

/// Bytes of one body. Rekor v2's are counted in 16 bits (C2SP tlog-tiles §Log Entries); Rekor v1's
/// hold a certificate, in some versions the payload.
const MOST_BYTES: usize = 1 << 20;

/// Signatures of one entry that are read; one is accepted.
const MOST_SIGNATURES: usize = 16;

/// Certificates of a chain that was logged, of which the first is the signer's (rekor,
/// pkg/pki/x509: CanonicalValue).
const MOST_CERTIFICATES: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    api_version: String,
    kind: String,
    spec: Value,
}

/// A digest of Rekor v1.
#[derive(Deserialize)]
struct Hash {
    algorithm: String,
    value: String,
}

#[derive(Deserialize)]
struct HashedRekord001 {
    data: Data001,
    signature: Signature001,
}

#[derive(Deserialize)]
struct Data001 {
    hash: Hash,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signature001 {
    content: String,
    public_key: PublicKey001,
}

#[derive(Deserialize)]
struct PublicKey001 {
    content: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dsse001 {
    envelope_hash: Hash,
    payload_hash: Hash,
    signatures: Vec<DsseSignature001>,
}

#[derive(Deserialize)]
struct DsseSignature001 {
    signature: String,
    verifier: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Intoto001 {
    content: IntotoContent001,
    public_key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoContent001 {
    hash: Hash,
    payload_hash: Option<Hash>,
}

#[derive(Deserialize)]
struct Intoto002 {
    content: IntotoContent002,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoContent002 {
    envelope: IntotoEnvelope002,
    hash: Option<Hash>,
    payload_hash: Hash,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoEnvelope002 {
    payload_type: String,
    signatures: Vec<IntotoSignature002>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoSignature002 {
    public_key: String,
    sig: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashedRekord002 {
    #[serde(rename = "hashedRekordV002")]
    entry: HashedRekordEntry002,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashedRekordEntry002 {
    data: HashOutput,
    signature: Signature002,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dsse002 {
    #[serde(rename = "dsseV002")]
    entry: DsseEntry002,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DsseEntry002 {
    payload_hash: HashOutput,
    signatures: Vec<Signature002>,
}

/// A digest of Rekor v2.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashOutput {
    algorithm: String,
    digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature002 {
    content: String,
    verifier: Verifier002,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Verifier002 {
    key_details: String,
    public_key: Option<RawBytes>,
    x509_certificate: Option<RawBytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawBytes {
    raw_bytes: String,
}

pub(super) fn parse(body: &[u8], claimed: Option<(&str, &str)>) -> Result<LoggedEntry, EntryError> {
    if body.len() > MOST_BYTES {
        return Err(EntryError::TooLarge(body.len()));
    }
    let body: Body = json::parse_as(body).map_err(|e| EntryError::Json(e.to_string()))?;
    let name = |kind: &str, version: &str| format!("{kind} {version}");
    let found = name(&body.kind, &body.api_version);
    if let Some((kind, version)) = claimed.filter(|c| *c != (&body.kind, &body.api_version)) {
        return Err(EntryError::Kind { claimed: name(kind, version), found });
    }
    let kind =
        Kind::from_names(&body.kind, &body.api_version).ok_or(EntryError::Unsupported(found))?;
    let (content, signatures) = match kind {
        Kind::Dsse001 => dsse_001(spec(body.spec)?),
        Kind::Dsse002 => dsse_002(spec(body.spec)?),
        Kind::HashedRekord001 => hashedrekord_001(spec(body.spec)?),
        Kind::HashedRekord002 => hashedrekord_002(spec(body.spec)?),
        Kind::Intoto001 => intoto_001(spec(body.spec)?),
        Kind::Intoto002 => intoto_002(spec(body.spec)?),
    }?;
    if signatures.is_empty() {
        return Err(EntryError::Field("list of signatures"));
    }
    Ok(LoggedEntry { kind, content, signatures })
}

type Parsed = Result<(Content, Vec<LoggedSignature>), EntryError>;

fn spec<T: DeserializeOwned>(spec: Value) -> Result<T, EntryError> {
    serde_json::from_value(spec).map_err(|e| EntryError::Json(e.to_string()))
}

fn hashedrekord_001(entry: HashedRekord001) -> Parsed {
    let content = Content::Signed(entry.data.hash.read()?);
    let signature = base64(&entry.signature.content, "signature")?;
    let signature = logged(Some(signature), &entry.signature.public_key.content)?;
    Ok((content, vec![signature]))
}

fn dsse_001(entry: Dsse001) -> Parsed {
    let content = Content::Envelope {
        payload: Some(entry.payload_hash.read()?),
        payload_type: None,
        envelope: Some(entry.envelope_hash.read()?),
    };
    let signatures =
        few(&entry.signatures, |s| logged(Some(base64(&s.signature, "signature")?), &s.verifier))?;
    Ok((content, signatures))
}

fn intoto_001(entry: Intoto001) -> Parsed {
    let content = Content::Envelope {
        payload: entry.content.payload_hash.map(|hash| hash.read()).transpose()?,
        payload_type: None,
        envelope: Some(entry.content.hash.read()?),
    };
    Ok((content, vec![logged(None, &entry.public_key)?]))
}

fn intoto_002(entry: Intoto002) -> Parsed {
    let IntotoContent002 { envelope, hash, payload_hash } = entry.content;
    let signatures = few(&envelope.signatures, |s| {
        // The envelope has base64, and the field is base64 of that.
        let inner = base64(&s.sig, "signature")?;
        let signature = STANDARD.decode(inner).map_err(|_| EntryError::Field("signature"))?;
        logged(Some(signature), &s.public_key)
    })?;
    let content = Content::Envelope {
        payload: Some(payload_hash.read()?),
        payload_type: Some(envelope.payload_type),
        envelope: hash.map(|hash| hash.read()).transpose()?,
    };
    Ok((content, signatures))
}

fn hashedrekord_002(entry: HashedRekord002) -> Parsed {
    let HashedRekordEntry002 { data, signature } = entry.entry;
    Ok((Content::Signed(data.read()?), vec![signature.read()?]))
}

fn dsse_002(entry: Dsse002) -> Parsed {
    let content = Content::Envelope {
        payload: Some(entry.entry.payload_hash.read()?),
        payload_type: None,
        envelope: None,
    };
    Ok((content, few(&entry.entry.signatures, Signature002::read)?))
}

fn few<T>(
    list: &[T],
    read: impl Fn(&T) -> Result<LoggedSignature, EntryError>,
) -> Result<Vec<LoggedSignature>, EntryError> {
    if list.len() > MOST_SIGNATURES {
        return Err(EntryError::Field("list of signatures"));
    }
    list.iter().map(read).collect()
}

impl Hash {
    /// spec: rekor, hashedrekord_v0_0_1_schema.json: algorithms and lower-case hexadecimal; rekor
    /// itself reads both cases.
    fn read(&self) -> Result<Digest, EntryError> {
        let algorithm = match self.algorithm.as_str() {
            "sha256" => HashAlgorithm::Sha256,
            "sha384" => HashAlgorithm::Sha384,
            "sha512" => HashAlgorithm::Sha512,
            _ => return Err(EntryError::Field("hash algorithm")),
        };
        digest(algorithm, unhex(&self.value).ok_or(EntryError::Field("digest"))?)
    }
}

impl HashOutput {
    /// spec: sigstore_common.proto, `HashAlgorithm`
    fn read(&self) -> Result<Digest, EntryError> {
        let algorithm = match self.algorithm.as_str() {
            "SHA2_256" => HashAlgorithm::Sha256,
            "SHA2_384" => HashAlgorithm::Sha384,
            "SHA2_512" => HashAlgorithm::Sha512,
            _ => return Err(EntryError::Field("hash algorithm")),
        };
        digest(algorithm, base64(&self.digest, "digest")?)
    }
}

impl Signature002 {
    fn read(&self) -> Result<LoggedSignature, EntryError> {
        let key_details = KeyDetails::from_label(&self.verifier.key_details)
            .ok_or(EntryError::Field("key details"))?;
        let verifier = match (&self.verifier.public_key, &self.verifier.x509_certificate) {
            (Some(key), None) => LoggedVerifier::Key(base64(&key.raw_bytes, "public key")?),
            (None, Some(certificate)) => {
                LoggedVerifier::Certificate(base64(&certificate.raw_bytes, "certificate")?)
            }
            _ => return Err(EntryError::Field("verifier")),
        };
        let value = Some(base64(&self.content, "signature")?);
        Ok(LoggedSignature { value, verifier, key_details: Some(key_details) })
    }
}

/// A signature of Rekor v1, whose verifier is the base64 of PEM.
fn logged(value: Option<Vec<u8>>, verifier: &str) -> Result<LoggedSignature, EntryError> {
    let invalid = EntryError::Field("verifier");
    let text = String::from_utf8(base64(verifier, "verifier")?).map_err(|_| invalid.clone())?;
    let first = |label, most| {
        pem::blocks(&text, label, most).ok().and_then(|blocks| blocks.into_iter().next())
    };
    let verifier = first("CERTIFICATE", MOST_CERTIFICATES)
        .map(LoggedVerifier::Certificate)
        .or_else(|| first("PUBLIC KEY", 1).map(LoggedVerifier::Key))
        .ok_or(invalid)?;
    Ok(LoggedSignature { value, verifier, key_details: None })
}

fn digest(algorithm: HashAlgorithm, value: Vec<u8>) -> Result<Digest, EntryError> {
    let length = match algorithm {
        HashAlgorithm::Sha256 => 32,
        HashAlgorithm::Sha384 => 48,
        HashAlgorithm::Sha512 => 64,
    };
    if value.len() != length {
        return Err(EntryError::Field("digest"));
    }
    Ok(Digest { algorithm, value })
}

/// Not empty.
fn base64(text: &str, field: &'static str) -> Result<Vec<u8>, EntryError> {
    match STANDARD.decode(text) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => Err(EntryError::Field(field)),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
