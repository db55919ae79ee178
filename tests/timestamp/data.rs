//! Tokens of real tools, what they are about, and whom to trust.

use std::{
    fs,
    path::{Path, PathBuf},
};

pub(crate) use crate::shared::{not_run, vectors};
use base64::{Engine, engine::general_purpose::STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use countersign::{
    crypto::{Memo, Spend},
    timestamp::{Authority, Timestamp, TimestampError, Token, verify},
    x509::Certificate,
};
use serde_json::Value;

pub(crate) fn corpora() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    [here.join("corpora"), here.join("../shared/corpora")].into_iter().find(|path| path.is_dir())
}

/// The trust material of one TSA, owned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    pub(crate) leaf: Option<Certificate>,
    pub(crate) intermediates: Vec<Certificate>,
    pub(crate) roots: Vec<Certificate>,
}

impl Trust {
    pub(crate) fn root(root: Certificate) -> Self {
        Self { roots: vec![root], ..Self::default() }
    }

    pub(crate) fn authority(&self) -> Authority<'_> {
        Authority {
            leaf: self.leaf.as_ref(),
            intermediates: &self.intermediates,
            roots: &self.roots,
        }
    }

    pub(crate) fn verify(&self, token: &[u8], message: &[u8]) -> Result<Timestamp, TimestampError> {
        let spend = Spend::new(100, Memo::default());
        verify(&Token::parse(token)?, message, &self.authority(), &spend)
    }
}

/// Every TSA of a trusted root: its leaf, where the first certificate is none of a CA, its root, and
/// what is between.
pub(crate) fn authorities(trusted_root: &Path) -> Vec<Trust> {
    let root: Value = serde_json::from_slice(&fs::read(trusted_root).unwrap()).unwrap();
    let authorities = root["timestampAuthorities"].as_array().cloned().unwrap_or_default();
    authorities
        .iter()
        .map(|authority| {
            let chain = authority["certChain"]["certificates"].as_array().unwrap();
            let mut chain: Vec<_> = chain.iter().map(|c| certificate(&c["rawBytes"])).collect();
            let leaf = (!chain[0].is_ca()).then(|| chain.remove(0));
            let root = chain.pop().unwrap();
            Trust { leaf, intermediates: chain, roots: vec![root] }
        })
        .collect()
}

fn certificate(base64: &Value) -> Certificate {
    Certificate::from_der(&decode(base64).unwrap()).unwrap()
}

/// Base64, in lines as one case of the conformance suite has it.
fn decode(text: &Value) -> Option<Vec<u8>> {
    let text: String = text.as_str()?.split_ascii_whitespace().collect();
    Some(STANDARD.decode(text).unwrap())
}

pub(crate) fn pem(path: &Path) -> Vec<Certificate> {
    Certificate::from_pem_chain(&fs::read_to_string(path).unwrap(), 10).unwrap()
}

/// A DER or PEM file with one certificate.
pub(crate) fn certificate_file(path: &Path) -> Certificate {
    let bytes = fs::read(path).unwrap();
    match std::str::from_utf8(&bytes) {
        Ok(_) => pem(path).remove(0),
        Err(_) => Certificate::from_der(&bytes).unwrap(),
    }
}

/// Tokens of a Sigstore bundle, and the signature that they are about.
pub(crate) fn tokens_of_bundle(bundle: &Value) -> Option<(Vec<Vec<u8>>, Vec<u8>)> {
    let tokens = bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
        .as_array()?
        .iter()
        .map(|t| decode(&t["signedTimestamp"]).unwrap())
        .collect();
    let signature = decode(&bundle["messageSignature"]["signature"])
        .or_else(|| decode(&bundle["dsseEnvelope"]["signatures"][0]["sig"]))?;
    Some((tokens, signature))
}

/// Tokens in the blobs of a layout, with what they are about.
pub(crate) fn tokens_of_layout(layout: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut files: Vec<_> =
        fs::read_dir(layout.join("blobs/sha256")).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let mut found = Vec::new();
    for file in files {
        let bytes = fs::read(file).unwrap();
        match serde_json::from_slice::<Value>(&bytes) {
            Ok(json) => {
                if let Some((tokens, message)) = tokens_of_bundle(&json) {
                    found.extend(tokens.into_iter().map(|token| (token, message.clone())));
                }
                found.extend(token_of_jws(&json));
            }
            Err(_) => found.extend(token_of_cose(&bytes)),
        }
    }
    found
}

pub(crate) fn token_of_jws(envelope: &Value) -> Option<(Vec<u8>, Vec<u8>)> {
    let token = decode(&envelope["header"]["io.cncf.notary.timestampSignature"])?;
    let signature = BASE64_URL_SAFE_NO_PAD.decode(envelope["signature"].as_str()?).unwrap();
    Some((token, signature))
}

/// The byte string after the header's name, and the one that ends the envelope.
pub(crate) fn token_of_cose(envelope: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let name = b"io.cncf.notary.timestampSignature";
    let at = envelope.windows(name.len()).position(|w| w == name)? + name.len();
    let token = byte_string(&envelope[at..])?;
    let signature = (32..=512).rev().find_map(|length| {
        let start = envelope.len().checked_sub(length)?;
        let head = match length {
            0..=23 => vec![0x40 | length as u8],
            24..=255 => vec![0x58, length as u8],
            _ => vec![0x59, (length >> 8) as u8, length as u8],
        };
        envelope[..start].ends_with(&head).then(|| envelope[start..].to_vec())
    })?;
    Some((token, signature))
}

fn byte_string(cbor: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = match cbor {
        [0x59, high, low, rest @ ..] => (usize::from(*high) << 8 | usize::from(*low), rest),
        [0x58, length, rest @ ..] => (usize::from(*length), rest),
        _ => return None,
    };
    rest.get(..length).map(<[u8]>::to_vec)
}
