//! Certificate transparency: signed certificate timestamps, embedded (RFC 6962 §3.2, §3.3).

use super::{
    Tweak,
    certificate::{Certificate, Issuer, SCT_LIST},
    der,
    instant::SIGNED,
    keys::{Form, Key, sha256},
};

#[derive(Clone)]
pub(crate) struct CtLog {
    pub(crate) base_url: String,
    pub(crate) key: Key,
    pub(crate) id: Vec<u8>,
}

/// What a log signs about a certificate.
#[derive(Clone)]
pub(crate) struct Precertificate {
    pub(crate) issuer_key_hash: Vec<u8>,
    pub(crate) tbs: Vec<u8>,
}

/// One timestamp to be made.
#[derive(Clone)]
pub(crate) struct Sct {
    pub(crate) log: CtLog,
    pub(crate) version: u8,
    /// Milliseconds.
    pub(crate) timestamp: u64,
    pub(crate) extensions: Vec<u8>,
    /// HashAlgorithm and SignatureAlgorithm, in place of the true ones.
    pub(crate) algorithm: Option<[u8; 2]>,
    /// Before it is signed.
    pub(crate) signed: Tweak<Precertificate>,
    /// The signature, once it is made.
    pub(crate) signature: Tweak<Vec<u8>>,
}

impl CtLog {
    pub(crate) fn new(name: &str, key: Key) -> Self {
        let id = sha256(&key.spki());
        Self { base_url: format!("https://ctfe.{name}.test/2025"), key, id }
    }

    /// The plan of an SCT by this log.
    pub(crate) fn sct(&self) -> Sct {
        Sct {
            log: self.clone(),
            version: 0,
            timestamp: SIGNED as u64 * 1000 + 123,
            extensions: Vec::new(),
            algorithm: None,
            signed: Tweak::default(),
            signature: Tweak::default(),
        }
    }
}

impl Sct {
    /// SerializedSCT of this certificate, which has no SCTs yet.
    pub(crate) fn about(&self, certificate: &Certificate, issuer: &Issuer) -> Vec<u8> {
        let mut precertificate = Precertificate {
            issuer_key_hash: sha256(&issuer.key.spki()),
            tbs: certificate.tbs(issuer),
        };
        self.signed.apply(&mut precertificate);
        let mut message = vec![self.version, 0];
        message.extend(self.timestamp.to_be_bytes());
        message.extend([0, 1]);
        message.extend(&precertificate.issuer_key_hash);
        message.extend(&(precertificate.tbs.len() as u32).to_be_bytes()[1..]);
        message.extend(&precertificate.tbs);
        message.extend(vector(&self.extensions));
        let key = &self.log.key;
        let hash = key.usual_hash();
        let mut signature = key.sign_as(hash, Form::Usual, &message);
        self.signature.apply(&mut signature);

        let algorithm = self.algorithm.unwrap_or(match key {
            Key::Rsa(_) => [4, 1],
            Key::P384(_) => [5, 3],
            Key::P521(_) => [6, 3],
            _ => [4, 3],
        });
        let mut out = vec![self.version];
        out.extend(&self.log.id);
        out.extend(self.timestamp.to_be_bytes());
        out.extend(vector(&self.extensions));
        out.extend(algorithm);
        out.extend(vector(&signature));
        out
    }
}

/// Adds the SCTs to a certificate.
pub(crate) fn embed(
    certificate: &mut Certificate,
    issuer: &Issuer,
    scts: &[Sct],
    list: &Tweak<Vec<u8>>,
) {
    if scts.is_empty() {
        return;
    }
    let made: Vec<_> = scts.iter().map(|sct| vector(&sct.about(certificate, issuer))).collect();
    let mut value = vector(&made.concat());
    list.apply(&mut value);
    certificate.set(SCT_LIST, false, der::octets(&value));
}

/// A vector of TLS with a length of two bytes.
fn vector(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}
