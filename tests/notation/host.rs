//! A registry, the responders around it, and a decision as hosts come to it.

use std::collections::BTreeMap;

use ::base64::{Engine, engine::general_purpose::STANDARD};
use countersign::{
    Step, evaluate,
    evidence::Budget,
    policy::Policy,
    reference::Digest,
    time::Time,
    wire::{
        Answer, Bytes, Decision, EvidenceItem, Fetch, ImageRequest, Outcome, Request,
        UnavailableReason,
    },
};
use serde_json::{Value, json};

use crate::support::promises::Made;
use crate::{
    draft::{Draft, Format},
    made::{HOUR, NOW, World},
    pki::Key,
    sigstore::certificate::Certificate,
    support::MOST_ROUNDS,
};

pub(crate) const SIGNATURE: &str = "application/vnd.cncf.notary.signature";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const IMAGE: &[u8] = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;

pub(crate) fn digest(bytes: &[u8]) -> String {
    Digest::sha256(bytes).to_string()
}

pub(crate) fn pem(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
}

pub(crate) fn found(bytes: Vec<u8>) -> Answer {
    Answer::Found { bytes: Bytes(bytes), media_type: None, reserialised: false }
}

/// A registry with one image, and the world around it.
#[derive(Default)]
pub(crate) struct Host {
    pub(crate) stored: BTreeMap<String, Vec<u8>>,
    /// What refers to the image.
    pub(crate) referrers: Vec<Value>,
    /// What refers to other manifests, by digest.
    pub(crate) others: BTreeMap<String, Vec<Value>>,
    pub(crate) tags: BTreeMap<String, String>,
    /// OCSP responses and CRLs by address.
    web: BTreeMap<String, Vec<u8>>,
    /// What is answered in place of what is not there; else that nobody answers.
    pub(crate) silence: Option<Answer>,
    /// Rounds beyond those that a decision takes.
    pub(crate) more_rounds: usize,
}

impl Host {
    pub(crate) fn with(envelopes: &[Vec<u8>]) -> Self {
        let mut host = Self::default();
        host.store(IMAGE);
        for envelope in envelopes {
            host.sign(envelope);
        }
        host
    }

    pub(crate) fn store(&mut self, bytes: &[u8]) -> String {
        self.stored.insert(digest(bytes), bytes.to_vec());
        digest(bytes)
    }

    /// Signs the image.
    pub(crate) fn sign(&mut self, envelope: &[u8]) {
        self.sign_of(envelope, MANIFEST, IMAGE);
    }

    /// Puts a signature beside a manifest, whatever it is about.
    pub(crate) fn sign_of(&mut self, envelope: &[u8], media_type: &str, subject: &[u8]) {
        self.attach(SIGNATURE, "application/jose+json", envelope, media_type, subject);
    }

    /// A manifest of this type with one layer, which refers to another: its bytes.
    pub(crate) fn attach(
        &mut self,
        kind: &str,
        layer_type: &str,
        layer: &[u8],
        media_type: &str,
        subject: &[u8],
    ) -> Vec<u8> {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2 },
            "layers": [{ "mediaType": layer_type, "digest": self.store(layer), "size": layer.len() }],
            "subject": { "mediaType": media_type, "digest": digest(subject), "size": subject.len() },
        });
        let bytes = manifest.to_string().into_bytes();
        let entry = json!({ "mediaType": MANIFEST, "artifactType": kind, "digest": self.store(&bytes), "size": bytes.len() });
        if subject == IMAGE {
            self.referrers.push(entry);
        } else {
            self.others.entry(digest(subject)).or_default().push(entry);
        }
        bytes
    }

    pub(crate) fn on(mut self, url: &str, body: Vec<u8>) -> Self {
        self.web.insert(url.to_owned(), body);
        self
    }

    fn answer(&self, fetch: &Fetch) -> Answer {
        let absent = || Answer::Absent { message: String::new() };
        match fetch {
            Fetch::Manifest { digest, .. } | Fetch::Blob { digest, .. } => {
                self.stored.get(digest).map_or_else(absent, |bytes| found(bytes.clone()))
            }
            Fetch::Resolve { reference } => {
                let digest = self.tags.get(reference).cloned();
                digest.map_or_else(absent, |digest| Answer::Resolved { digest })
            }
            Fetch::Referrers { digest: of, .. } => {
                let none = Vec::new();
                let entries = if *of == digest(IMAGE) {
                    &self.referrers
                } else {
                    self.others.get(of).unwrap_or(&none)
                };
                let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
                found(index.to_string().into_bytes())
            }
            Fetch::Ocsp { url, .. } | Fetch::Crl { url, .. } => match self.web.get(url) {
                Some(body) => found(body.clone()),
                None => self.silence.clone().unwrap_or_else(|| Answer::Unavailable {
                    reason: UnavailableReason::Transport,
                    message: "connection refused".into(),
                }),
            },
            _ => absent(),
        }
    }

    pub(crate) fn decide(&self, policy: &Value) -> Decided {
        self.decide_within(policy, &image(), Budget::default())
    }

    pub(crate) fn decide_within(
        &self,
        policy: &Value,
        request: &Request,
        budget: Budget,
    ) -> Decided {
        let policy = Policy::parse(policy).unwrap();
        let mut evidence: Vec<EvidenceItem> = Vec::new();
        let mut asked = Vec::new();
        let most_rounds = MOST_ROUNDS + self.more_rounds;
        for _ in 0..most_rounds {
            match evaluate(&policy, request, &evidence, Time::from_unix(NOW), budget) {
                Step::Decision(decision) => {
                    let (policy, now) = (&policy, Time::from_unix(NOW));
                    Made { policy, request, evidence: &evidence, now, budget }.holds(&decision);
                    return Decided { decision: *decision, asked, evidence };
                }
                Step::Need(needs) => {
                    let round: Vec<String> = needs
                        .iter()
                        .filter_map(|fetch| match fetch {
                            Fetch::Ocsp { url, .. } | Fetch::Crl { url, .. } => Some(url.clone()),
                            _ => None,
                        })
                        .collect();
                    if !round.is_empty() {
                        asked.push(round);
                    }
                    for fetch in needs {
                        assert!(evidence.iter().all(|e| e.fetch != fetch), "{fetch:?} twice");
                        // The order of evidence does not matter.
                        let answer = self.answer(&fetch);
                        evidence.insert(0, EvidenceItem { fetch, answer });
                    }
                }
            }
        }
        panic!("no decision after {most_rounds} rounds");
    }
}

pub(crate) struct Decided {
    pub(crate) decision: Decision,
    /// Addresses, round by round.
    pub(crate) asked: Vec<Vec<String>>,
    pub(crate) evidence: Vec<EvidenceItem>,
}

impl Decided {
    /// `allow`, or the code of the reason.
    pub(crate) fn verdict(&self) -> String {
        match &self.decision.images[0].reason {
            None => "allow".to_owned(),
            Some(reason) => {
                let code = reason.code.as_str().to_owned();
                let expected = if reason.code.is_undetermined() {
                    Outcome::Undetermined
                } else {
                    Outcome::Deny
                };
                assert_eq!(self.decision.outcome, expected, "{code}");
                code
            }
        }
    }

    pub(crate) fn warns_of(&self, code: &str) -> bool {
        self.decision.warnings.iter().any(|warning| warning.contains(code))
    }
}

pub(crate) fn image() -> Request {
    let reference = format!("reg.test/app@{}", digest(IMAGE));
    Request { images: vec![ImageRequest { reference, path: None }], ..Request::default() }
}

fn ders(world: &World, leaf: &Certificate) -> Vec<Vec<u8>> {
    world.chain(leaf).iter().map(|certificate| certificate.der().to_vec()).collect()
}

/// An envelope about the image, by the leaf whose key is `leaf`.
pub(crate) fn draft(world: &World, leaf: &Certificate) -> Draft {
    draft_of(world, leaf, MANIFEST, IMAGE)
}

/// The same about another manifest.
pub(crate) fn draft_of(world: &World, leaf: &Certificate, media_type: &str, of: &[u8]) -> Draft {
    let payload = json!({ "targetArtifact": { "mediaType": media_type, "digest": digest(of), "size": of.len() } });
    Draft::new(
        Format::Jws,
        Key::p256("leaf"),
        ders(world, leaf),
        payload.to_string().as_bytes(),
        NOW - HOUR,
    )
}

/// A rule that asks for a signature under this root; `fields` are of the authority.
pub(crate) fn policy(world: &World, fields: Value) -> Value {
    let root = pem(&world.root.issued_by(&world.root.as_issuer()));
    policy_of(json!({ "ca": [root] }), fields)
}

pub(crate) fn policy_of(stores: Value, fields: Value) -> Value {
    let mut authority = json!({ "trust": "t", "trustedIdentities": ["*"] });
    authority.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "spec": {
            "trust": { "t": { "notation": stores } },
            "authorities": { "a": { "notation": authority } },
            "rules": [{ "images": ["reg.test/**"], "require": "a" }],
        },
    })
}
