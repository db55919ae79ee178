//! Bundles, and what Cosign wrote before there were any.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{base64, content::Signed, keys::pem, rekor::Entry};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V01,
    V02,
    /// `application/vnd.dev.sigstore.bundle+json;version=0.3`
    V03Old,
    /// `application/vnd.dev.sigstore.bundle.v0.3+json`
    V03,
}

/// Who signed.
#[derive(Clone)]
pub(crate) enum Material {
    /// DER.
    Certificate(Vec<u8>),
    /// DER, the signer's first.
    Chain(Vec<Vec<u8>>),
    /// Hint.
    PublicKey(String),
}

/// Everything that a bundle says.
#[derive(Clone)]
pub(crate) struct Bundle {
    pub(crate) media_type: String,
    pub(crate) material: Material,
    pub(crate) entries: Vec<Entry>,
    /// TimeStampResp.
    pub(crate) timestamps: Vec<Vec<u8>>,
    pub(crate) signed: Signed,
}

impl Version {
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::V01 => "application/vnd.dev.sigstore.bundle+json;version=0.1",
            Self::V02 => "application/vnd.dev.sigstore.bundle+json;version=0.2",
            Self::V03Old => "application/vnd.dev.sigstore.bundle+json;version=0.3",
            Self::V03 => "application/vnd.dev.sigstore.bundle.v0.3+json",
        }
    }
}

impl Bundle {
    pub(crate) fn value(&self) -> Value {
        let entries: Vec<_> = self.entries.iter().map(Entry::value).collect();
        let mut material = json!({"tlogEntries": entries});
        match &self.material {
            Material::Certificate(der) => {
                material["certificate"] = json!({"rawBytes": base64(der)});
            }
            Material::Chain(chain) => {
                let chain: Vec<_> =
                    chain.iter().map(|der| json!({"rawBytes": base64(der)})).collect();
                material["x509CertificateChain"] = json!({"certificates": chain});
            }
            Material::PublicKey(hint) => material["publicKey"] = json!({"hint": hint}),
        }
        if !self.timestamps.is_empty() {
            let timestamps: Vec<_> =
                self.timestamps.iter().map(|t| json!({"signedTimestamp": base64(t)})).collect();
            material["timestampVerificationData"] = json!({"rfc3161Timestamps": timestamps});
        }
        let (name, content) = match &self.signed {
            Signed::Message { hash, digest, signature } => (
                "messageSignature",
                json!({
                    "messageDigest": {"algorithm": hash.label(), "digest": base64(digest)},
                    "signature": base64(signature),
                }),
            ),
            Signed::Envelope(envelope) => ("dsseEnvelope", envelope.value()),
        };
        json!({
            "mediaType": self.media_type,
            "verificationMaterial": material,
            name: content,
        })
    }

    pub(crate) fn json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.value()).unwrap()
    }

    /// The signer's certificate, or none.
    pub(crate) fn certificate(&self) -> Option<&[u8]> {
        match &self.material {
            Material::Certificate(der) => Some(der),
            Material::Chain(chain) => chain.first().map(Vec::as_slice),
            Material::PublicKey(_) => None,
        }
    }

    /// Annotations of a legacy Cosign layer. `chain` is of the authorities.
    pub(crate) fn annotations(&self, chain: &[Vec<u8>]) -> BTreeMap<String, String> {
        let mut annotations = BTreeMap::new();
        let mut say = |name: &str, value: String| annotations.insert(name.to_owned(), value);
        if let Signed::Message { signature, .. } = &self.signed {
            say("dev.cosignproject.cosign/signature", base64(signature));
        }
        if let Some(der) = self.certificate() {
            say("dev.sigstore.cosign/certificate", pem("CERTIFICATE", der));
            let chain: String = chain.iter().map(|der| pem("CERTIFICATE", der)).collect();
            say("dev.sigstore.cosign/chain", chain);
        }
        if let Some(entry) = self.entries.first() {
            say("dev.sigstore.cosign/bundle", entry.legacy().to_string());
        }
        if let Some(timestamp) = self.timestamps.first() {
            let value = json!({"SignedRFC3161Timestamp": base64(timestamp)});
            say("dev.sigstore.cosign/rfc3161timestamp", value.to_string());
        }
        annotations
    }
}
