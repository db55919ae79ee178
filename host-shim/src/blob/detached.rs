//! Signatures in files of their own, and the bundles of older cosigns: both become Sigstore bundles.
//! Nothing is checked here; what was written wrongly fails in the module.

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign::{crypto::PublicKey, pem};
use serde::Deserialize;
use serde_json::{Value, json};

/// Certificates of one chain.
const MOST_CERTIFICATES: usize = 10;

/// A detached signature and what goes with it.
#[derive(Clone, Copy, Debug)]
pub struct Detached<'a> {
    /// Base64 as `cosign sign-blob` prints it, or the bytes.
    pub signature: &'a [u8],
    /// The certificate, PEM, leaf first.
    pub certificate: Option<&'a str>,
    /// The public key, PEM: a hint for those who have several.
    pub key: Option<&'a str>,
    /// An RFC 3161 timestamp: DER, or the JSON that cosign writes.
    pub timestamp: Option<&'a [u8]>,
}

impl Detached<'_> {
    /// As a bundle.
    pub fn to_bundle(&self) -> Result<Vec<u8>, String> {
        let mut material = match self.certificate {
            Some(text) => chain(text)?,
            None => json!({ "publicKey": { "hint": hint(self.key) } }),
        };
        if let Some(bytes) = self.timestamp {
            let stamp = json!({ "signedTimestamp": timestamp(bytes)? });
            material["timestampVerificationData"] = json!({ "rfc3161Timestamps": [stamp] });
        }
        // A chain of several certificates is not for v0.3.
        let version = if material.get("x509CertificateChain").is_some() {
            "application/vnd.dev.sigstore.bundle+json;version=0.2"
        } else {
            "application/vnd.dev.sigstore.bundle.v0.3+json"
        };
        let bundle = json!({
            "mediaType": version,
            "verificationMaterial": material,
            "messageSignature": { "signature": signature(self.signature) },
        });
        Ok(bundle.to_string().into_bytes())
    }
}

/// What `cosign sign-blob --bundle` wrote before Sigstore bundles; nothing for anything else.
pub fn from_cosign_bundle(bytes: &[u8]) -> Option<Result<Vec<u8>, String>> {
    let value = countersign::json::parse(bytes).ok()?;
    value.get("base64Signature")?;
    Some(convert(value).map_err(|e| format!("not a bundle of cosign's old format: {e}")))
}

/// cosign's LocalSignedPayload (pkg/cosign/fetch.go).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Old {
    #[serde(rename = "base64Signature")]
    signature: String,
    cert: Option<String>,
    #[serde(rename = "rekorBundle")]
    rekor: Option<OldRekor>,
}

/// cosign's RekorBundle (pkg/cosign/bundle/rekor.go).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OldRekor {
    signed_entry_timestamp: String,
    payload: OldPayload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OldPayload {
    body: String,
    integrated_time: i64,
    log_index: i64,
    #[serde(rename = "logID")]
    log_id: String,
}

fn convert(value: Value) -> Result<Vec<u8>, String> {
    let old: Old = serde_json::from_value(value).map_err(|e| e.to_string())?;
    // `cert` is a certificate or the public key, PEM in base64.
    let cert = match &old.cert {
        Some(text) => {
            let bytes = STANDARD.decode(text).map_err(|_| "`cert` is not base64".to_owned())?;
            String::from_utf8(bytes).map_err(|_| "`cert` is not text".to_owned())?
        }
        None => String::new(),
    };
    let mut material = if cert.contains("BEGIN CERTIFICATE") {
        let certificates = certificates(&cert)?;
        json!({ "x509CertificateChain": { "certificates": certificates } })
    } else {
        json!({ "publicKey": { "hint": hint(Some(&cert)) } })
    };
    if let Some(rekor) = &old.rekor {
        material["tlogEntries"] = json!([entry(rekor)?]);
    }
    // v0.1 is the version whose log entries need no inclusion proof.
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "verificationMaterial": material,
        "messageSignature": { "signature": old.signature },
    });
    Ok(bundle.to_string().into_bytes())
}

fn entry(rekor: &OldRekor) -> Result<Value, String> {
    let payload = &rekor.payload;
    let body = STANDARD.decode(&payload.body).map_err(|_| "`body` is not base64".to_owned())?;
    let body = countersign::json::parse(&body).map_err(|e| format!("`body`: {e}"))?;
    let id = unhex(&payload.log_id).ok_or("`logID` is not hexadecimal")?;
    Ok(json!({
        "logIndex": payload.log_index.to_string(),
        "logId": { "keyId": STANDARD.encode(id) },
        "kindVersion": { "kind": body["kind"], "version": body["apiVersion"] },
        "integratedTime": payload.integrated_time.to_string(),
        "inclusionPromise": { "signedEntryTimestamp": rekor.signed_entry_timestamp },
        "canonicalizedBody": payload.body,
    }))
}

fn chain(text: &str) -> Result<Value, String> {
    let certificates = certificates(text)?;
    Ok(match certificates.as_slice() {
        [one] => json!({ "certificate": one }),
        _ => json!({ "x509CertificateChain": { "certificates": certificates } }),
    })
}

fn certificates(text: &str) -> Result<Vec<Value>, String> {
    let blocks = pem::blocks(text, "CERTIFICATE", MOST_CERTIFICATES)
        .map_err(|e| format!("the certificate: {e}"))?;
    Ok(blocks.iter().map(|der| json!({ "rawBytes": STANDARD.encode(der) })).collect())
}

/// As cosign writes it: the base64 of the key's SHA-256.
fn hint(key: Option<&str>) -> String {
    let key = key.and_then(|pem| PublicKey::from_pem(pem).ok());
    key.map(|key| STANDARD.encode(key.spki_sha256())).unwrap_or_default()
}

fn signature(bytes: &[u8]) -> String {
    let text = str::from_utf8(bytes).unwrap_or_default().trim();
    match STANDARD.decode(text) {
        Ok(decoded) if !decoded.is_empty() => text.to_owned(),
        _ => STANDARD.encode(bytes),
    }
}

fn timestamp(bytes: &[u8]) -> Result<String, String> {
    // DER starts with a SEQUENCE, which is no JSON.
    if bytes.first() == Some(&0x30) {
        return Ok(STANDARD.encode(bytes));
    }
    let value = countersign::json::parse(bytes).map_err(|e| e.to_string())?;
    let text = value.get("SignedRFC3161Timestamp").and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| "no `SignedRFC3161Timestamp` in it".to_owned())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    digits?
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(high << 4 | low),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use countersign::envelope::bundle::{self, Content, KeyMaterial, Version};

    use super::*;

    const KEY: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
";
    /// Not a certificate, but PEM of one.
    const PEM: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";

    fn bundle_of(detached: Detached<'_>) -> bundle::Bundle {
        bundle::parse(&detached.to_bundle().unwrap()).unwrap()
    }

    fn by_key(signature: &[u8]) -> Detached<'_> {
        Detached { signature, certificate: None, key: Some(KEY), timestamp: None }
    }

    #[test]
    fn base64_and_bytes_are_the_same_signature() {
        for signature in [&b"MAYCAQECAQI=\n"[..], &[0x30, 6, 2, 1, 1, 2, 1, 2]] {
            let bundle = bundle_of(by_key(signature));
            assert_eq!(bundle.version, Version::V03);
            let Content::Message { signature, .. } = bundle.content else { panic!() };
            assert_eq!(signature, [0x30, 6, 2, 1, 1, 2, 1, 2]);
        }
    }

    #[test]
    fn a_key_is_hinted_at_as_cosign_does() {
        let hint = STANDARD.encode(PublicKey::from_pem(KEY).unwrap().spki_sha256());
        assert_eq!(bundle_of(by_key(b"MAA=")).key, KeyMaterial::PublicKey { hint });
    }

    #[test]
    fn one_certificate_or_a_chain_travels_with_the_signature() {
        let with = |text: &str| bundle_of(Detached { certificate: Some(text), ..by_key(b"MAA=") });
        let der = vec![0x30, 0];
        assert_eq!(with(PEM).key, KeyMaterial::Certificates(vec![der.clone()]));
        let chain = format!("Certificate:\n{PEM}{PEM}");
        assert_eq!(with(&chain).key, KeyMaterial::Certificates(vec![der.clone(), der]));
        let none = Detached { certificate: Some("nothing"), ..by_key(b"MAA=") };
        assert!(none.to_bundle().unwrap_err().contains("certificate"));
    }

    #[test]
    fn a_timestamp_is_der_or_what_cosign_writes() {
        let with = |stamp| Detached { timestamp: Some(stamp), ..by_key(b"MAA=") };
        assert_eq!(bundle_of(with(&[0x30, 0])).timestamps, [vec![0x30, 0]]);
        let json = br#"{"SignedRFC3161Timestamp":"MAA="}"#;
        assert_eq!(bundle_of(with(json)).timestamps, [vec![0x30, 0]]);
        assert!(with(b"{}").to_bundle().is_err() && with(b"").to_bundle().is_err());
    }

    #[test]
    fn an_old_bundle_of_cosign_keeps_its_certificate_and_log_entry() {
        let body = STANDARD.encode(r#"{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{}}"#);
        let old = json!({
            "base64Signature": "MAA=", "cert": STANDARD.encode(PEM),
            "rekorBundle": { "SignedEntryTimestamp": "MAA=", "Payload": {
                "body": body, "integratedTime": 1_700_000_000, "logIndex": 7, "logID": "00ff" } },
        });
        let bytes = from_cosign_bundle(old.to_string().as_bytes()).unwrap().unwrap();
        let bundle = bundle::parse(&bytes).unwrap();
        assert_eq!(bundle.version, Version::V01);
        assert_eq!(bundle.key, KeyMaterial::Certificates(vec![vec![0x30, 0]]));
        assert_eq!(bundle.entries.len(), 1);
        assert!(from_cosign_bundle(br#"{"mediaType":"x"}"#).is_none());
        assert!(from_cosign_bundle(br#"{"base64Signature":"","x":1}"#).unwrap().is_err());
    }
}
