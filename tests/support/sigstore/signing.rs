//! The plan of one signature, and its making.

use serde_json::json;

use super::{
    Kind, Sigstore, Tweak, base64,
    bundle::{Bundle, Material, Version},
    certificate::{Certificate, Issuer},
    content::{Envelope, EnvelopeSignature, Signed, Told, Verifier},
    ctlog::{self, Sct},
    keys::{Form, Hash, Key, hex, sha256},
    rekor::Logging,
    tsa::Stamp,
};

pub(crate) const IN_TOTO: &str = "application/vnd.in-toto+json";

/// What is signed.
#[derive(Clone)]
pub(crate) enum Content {
    Message,
    /// Payload type and payload.
    Envelope(String, Vec<u8>),
}

/// What the bundle says about who signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Certificate,
    /// The certificate in a chain of one.
    Chain,
    /// The certificate and its issuers, without the root.
    WholeChain,
    /// A key that the policy knows.
    Key,
}

/// How one signature is made, in this order: certificate, content, signature, log entries,
/// timestamps, bundle.
#[derive(Clone)]
pub(crate) struct Signing {
    pub(crate) artifact: Vec<u8>,
    pub(crate) content: Content,
    pub(crate) key: Key,
    /// Of the signature and of the message digest.
    pub(crate) hash: Hash,
    pub(crate) form: Form,
    pub(crate) who: Who,
    pub(crate) version: Version,
    /// The signer's certificate, its SCTs aside.
    pub(crate) certificate: Certificate,
    pub(crate) issuer: Issuer,
    /// DER of the issuers, for `Who::WholeChain`.
    pub(crate) issuers: Vec<Vec<u8>>,
    pub(crate) scts: Vec<Sct>,
    /// The TLS-encoded list.
    pub(crate) sct_list: Tweak<Vec<u8>>,
    /// The certificate's DER, before anything is said about it.
    pub(crate) issued: Tweak<Vec<u8>>,
    /// What is signed, before it is signed (its signature is empty).
    pub(crate) unsigned: Tweak<Signed>,
    /// The signature, before anything is said about it.
    pub(crate) signature: Tweak<Vec<u8>>,
    /// What is signed, with its signature, before anything is said about it.
    pub(crate) signed: Tweak<Signed>,
    pub(crate) logs: Vec<Logging>,
    pub(crate) timestamps: Vec<Stamp>,
    /// The whole.
    pub(crate) bundle: Tweak<Bundle>,
}

impl Signing {
    pub(super) fn new(sigstore: &Sigstore, artifact: &[u8]) -> Self {
        let key = Key::p256("signer");
        let mut issuers = sigstore.ca.chain();
        issuers.pop();
        Self {
            artifact: artifact.to_vec(),
            content: Content::Message,
            hash: Hash::Sha256,
            form: Form::Usual,
            who: Who::Certificate,
            version: Version::V03,
            certificate: sigstore.workflow(key.clone()),
            key,
            issuer: sigstore.issuer(),
            issuers,
            scts: vec![sigstore.ct.sct()],
            sct_list: Tweak::default(),
            issued: Tweak::default(),
            unsigned: Tweak::default(),
            signature: Tweak::default(),
            signed: Tweak::default(),
            logs: vec![sigstore.rekor1.entry(Kind::HashedRekord1)],
            timestamps: Vec::new(),
            bundle: Tweak::default(),
        }
    }

    /// Signs with another key, which the certificate is about too.
    pub(crate) fn key(mut self, key: Key) -> Self {
        self.hash = key.usual_hash();
        self.certificate.key = key.clone();
        self.certificate = self.certificate.identified_by(&self.issuer);
        self.key = key;
        self
    }

    /// Signs an in-toto statement about the artifact.
    pub(crate) fn dsse(self, predicate_type: &str) -> Self {
        let payload = statement(&self.artifact, predicate_type);
        self.envelope(IN_TOTO, payload)
    }

    pub(crate) fn envelope(mut self, payload_type: &str, payload: Vec<u8>) -> Self {
        self.content = Content::Envelope(payload_type.to_owned(), payload);
        for log in &mut self.logs {
            if log.kind == Kind::HashedRekord1 {
                log.kind = Kind::Dsse1;
            }
        }
        self
    }

    pub(crate) fn kind(mut self, kind: Kind) -> Self {
        self.logs[0].kind = kind;
        self
    }

    /// Logged in Rekor v2, and timestamped.
    pub(crate) fn v2(mut self, sigstore: &Sigstore) -> Self {
        self.logs = vec![sigstore.rekor2.entry(Kind::HashedRekord2)];
        self.timestamped(sigstore)
    }

    pub(crate) fn timestamped(mut self, sigstore: &Sigstore) -> Self {
        self.timestamps.push(sigstore.tsa.stamp());
        self
    }

    pub(crate) fn unlogged(mut self) -> Self {
        self.logs.clear();
        self
    }

    pub(crate) fn who(mut self, who: Who) -> Self {
        self.who = who;
        self
    }

    /// v0.1 and v0.2 have the certificate in a chain.
    pub(crate) fn version(mut self, version: Version) -> Self {
        self.version = version;
        let early = matches!(version, Version::V01 | Version::V02);
        if self.who == Who::Certificate && early {
            self.who = Who::Chain;
        }
        self
    }

    /// The certificate as it is issued, with its SCTs.
    pub(crate) fn issue(&self) -> Vec<u8> {
        let mut certificate = self.certificate.clone();
        ctlog::embed(&mut certificate, &self.issuer, &self.scts, &self.sct_list);
        let mut der = certificate.issued_by(&self.issuer);
        self.issued.apply(&mut der);
        der
    }

    fn signed(&self) -> Signed {
        let mut signed = match &self.content {
            Content::Message => Signed::Message {
                hash: self.hash,
                digest: self.hash.of(&self.artifact),
                signature: Vec::new(),
            },
            Content::Envelope(payload_type, payload) => {
                let mut envelope = Envelope::new(payload_type, payload.clone());
                let signature = Vec::new();
                envelope.signatures.push(EnvelopeSignature { key_id: None, signature });
                Signed::Envelope(envelope)
            }
        };
        self.unsigned.apply(&mut signed);
        let message = match &signed {
            Signed::Message { .. } => self.artifact.clone(),
            Signed::Envelope(envelope) => envelope.pae(),
        };
        let mut signature = self.key.sign_as(self.hash, self.form, &message);
        self.signature.apply(&mut signature);
        *signed.signature_mut() = signature;
        self.signed.apply(&mut signed);
        signed
    }

    pub(super) fn make(&self) -> Bundle {
        let (verifier, material) = match self.who {
            Who::Key => {
                let spki = self.key.spki();
                let hint = base64(&sha256(&spki));
                (Verifier::Key(spki), Material::PublicKey(hint))
            }
            who => {
                let der = self.issue();
                let mut chain = vec![der.clone()];
                let material = match who {
                    Who::Certificate => Material::Certificate(der.clone()),
                    Who::Chain => Material::Chain(chain),
                    _ => {
                        chain.extend(self.issuers.clone());
                        Material::Chain(chain)
                    }
                };
                (Verifier::Certificate(der), material)
            }
        };
        let signed = self.signed();
        let told = Told::new(signed.clone(), verifier, &self.key, self.hash, self.form);
        let entries = self.logs.iter().map(|log| log.make(&told)).collect();
        let timestamps =
            self.timestamps.iter().map(|stamp| stamp.make(signed.signature())).collect();
        let media_type = self.version.media_type().to_owned();
        let mut bundle = Bundle { media_type, material, entries, timestamps, signed };
        self.bundle.apply(&mut bundle);
        bundle
    }
}

/// An in-toto statement about `artifact`.
pub(crate) fn statement(artifact: &[u8], predicate_type: &str) -> Vec<u8> {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "artifact", "digest": {"sha256": hex(&sha256(artifact))}}],
        "predicateType": predicate_type,
        "predicate": {"buildDefinition": {"buildType": "https://example.test/build/v1"}},
    });
    serde_json::to_vec(&statement).unwrap()
}
