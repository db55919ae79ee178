//! What a row is made of: a good signature with its image, keys and policy, to be spoilt.

use std::{collections::BTreeMap, sync::OnceLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign::{
    Step, evaluate,
    evidence::Budget,
    policy::Policy,
    reference::Digest,
    time::Time,
    verify::notation::Profile,
    wire::{Answer, Bytes, Decision, EvidenceItem, Fetch, ImageRequest, Outcome, Request},
};
use serde_json::{Value, json};

use super::Verdict;
use crate::{
    draft::{AGENT, Draft, Field, Format, SCHEME, SIGNING_TIME, field},
    pki::{Certificate, Key},
    setup::{MANIFEST, Setup, parse},
    support::MOST_ROUNDS,
};

pub(super) use crate::setup::{NOW, SIGNED_AT};

pub(super) const HOUR: i64 = 3600;

/// Two days before now, and ten days after.
const NOT_BEFORE: &str = "261119030000Z";
const NOT_AFTER: &str = "261201030000Z";

const IMAGE: &[u8] = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;

fn digest(bytes: &[u8]) -> String {
    Digest::sha256(bytes).to_string()
}

fn payload() -> String {
    format!(
        r#"{{"targetArtifact":{{"mediaType":"{MANIFEST}","digest":"{}","size":{}}}}}"#,
        digest(IMAGE),
        IMAGE.len()
    )
}

/// A signature to be, with the policy that it is held against.
pub(super) struct Probe {
    pub(super) draft: Draft,
    pub(super) root: Certificate,
    pub(super) intermediate: Certificate,
    pub(super) leaf: Certificate,
    /// DER of leaf, intermediate and root.
    pub(super) issued: [Vec<u8>; 3],
    /// The trust store, for both signing schemes.
    pub(super) store: Vec<Vec<u8>>,
    pub(super) identities: Vec<&'static str>,
    pub(super) level: &'static str,
    /// The store holds what no policy may name, and is given to the verification as it is.
    pub(super) is_store_in_memory: bool,
}

fn dated(certificate: Certificate) -> Certificate {
    Certificate { not_before: NOT_BEFORE.into(), not_after: NOT_AFTER.into(), ..certificate }
}

pub(super) fn authority(name: &str, key: Key) -> Certificate {
    dated(Certificate::authority(name, key))
}

pub(super) fn leaf(name: &str, key: Key) -> Certificate {
    Certificate { basic_constraints: None, ..dated(Certificate::leaf(name, key)) }
}

impl Probe {
    /// RSA throughout: 2048 bits, under 3072 and 4096.
    pub(super) fn new(format: Format) -> Self {
        static ISSUED: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
        let root = authority("root", Key::rsa(4096));
        let intermediate = authority("inter", Key::rsa(3072));
        let leaf = leaf("leaf", Key::rsa(2048));
        let issued = ISSUED.get_or_init(|| {
            [leaf.issued_by(&intermediate), intermediate.issued_by(&root), root.self_signed()]
        });
        let payload = payload();
        let chain = issued.to_vec();
        let mut draft = Draft::new(format, Key::rsa(2048), chain, payload.as_bytes(), SIGNED_AT);
        draft.unprotected.retain(|(name, _)| *name != field(AGENT));
        // In the canonical order of CBOR.
        let order = [Field::Alg, Field::Crit, Field::Cty, field(SIGNING_TIME), field(SCHEME)];
        draft.protected.sort_by_key(|(name, _)| order.iter().position(|known| known == name));
        Self {
            draft,
            store: vec![issued[2].clone()],
            issued: issued.clone(),
            root,
            intermediate,
            leaf,
            identities: vec!["*"],
            level: "strict",
            is_store_in_memory: false,
        }
    }

    /// The envelope has this chain.
    pub(super) fn chain(&mut self, chain: &[&[u8]]) {
        self.draft.chain(chain.iter().map(|der| der.to_vec()).collect());
    }

    /// The leaf says something else.
    pub(super) fn leaf(&mut self, change: impl FnOnce(&mut Certificate)) {
        change(&mut self.leaf);
        self.issued[0] = self.leaf.issued_by(&self.intermediate);
        self.draft.chain(self.issued.to_vec());
    }

    /// The intermediate says something else.
    pub(super) fn intermediate(&mut self, change: impl FnOnce(&mut Certificate)) {
        change(&mut self.intermediate);
        self.issued[1] = self.intermediate.issued_by(&self.root);
        self.draft.chain(self.issued.to_vec());
    }

    /// The root says something else, and is trusted.
    pub(super) fn root(&mut self, change: impl FnOnce(&mut Certificate)) {
        change(&mut self.root);
        self.issued[2] = self.root.self_signed();
        self.store = vec![self.issued[2].clone()];
        self.draft.chain(self.issued.to_vec());
    }

    /// The payload with a part replaced.
    pub(super) fn payload(&mut self, from: &str, to: &str) {
        let payload = String::from_utf8(self.draft.payload.clone()).unwrap();
        assert!(payload.contains(from), "{from} is not in the payload");
        self.draft.payload = payload.replacen(from, to, 1).into_bytes();
    }

    /// What comes of it in a profile, and in words.
    pub(super) fn verdict(&self, envelope: &[u8], profile: &str) -> (Verdict, String) {
        if self.is_store_in_memory {
            return self.verdict_without_policy(envelope, profile);
        }
        let policy = match Policy::parse(&self.policy(profile)) {
            Ok(policy) => policy,
            Err(errors) => {
                let error = errors.first().unwrap();
                assert!(error.path.starts_with("/spec/notationTrustPolicy/document"), "{error:?}");
                let code = countersign::verdict::ALL_CODES
                    .iter()
                    .find(|code| code.as_str() == error.code)
                    .unwrap();
                return (Verdict::Refuse(*code), error.message.clone());
            }
        };
        let decision = Host::with(envelope, self.draft.format).decide(&policy);
        match &decision.images[0].reason {
            None => {
                assert_eq!(decision.outcome, Outcome::Allow);
                (Verdict::Accept, String::new())
            }
            Some(reason) => {
                assert_eq!(decision.outcome, Outcome::Deny, "{reason:?}");
                (Verdict::Reject(reason.code), reason.message.clone())
            }
        }
    }

    fn policy(&self, profile: &str) -> Value {
        let pem = |der: &Vec<u8>| {
            let body = STANDARD.encode(der);
            format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
        };
        let store: Vec<String> = self.store.iter().map(pem).collect();
        json!({
            "apiVersion": "countersign.dev/v1",
            "kind": "ImagePolicy",
            "spec": { "notationTrustPolicy": {
                "profile": profile,
                "stores": { "ca": { "a": store }, "signingAuthority": { "a": store } },
                "document": { "version": "1.0", "trustPolicies": [{
                    "name": "p",
                    "registryScopes": ["*"],
                    "signatureVerification": { "level": self.level },
                    "trustStores": ["ca:a", "signingAuthority:a"],
                    "trustedIdentities": self.identities,
                }] },
            } },
        })
    }

    fn verdict_without_policy(&self, envelope: &[u8], profile: &str) -> (Verdict, String) {
        let mut setup = Setup::new(self.draft.format);
        setup.authority.ca = self.store.iter().map(|der| parse(der)).collect();
        setup.authority.profile = match profile {
            "spec" => Profile::Spec,
            _ => Profile::Compat,
        };
        setup.target.digest = digest(IMAGE);
        setup.target.size = Some(IMAGE.len() as u64);
        match setup.verify_bytes(envelope).0 {
            Ok(_) => (Verdict::Accept, String::new()),
            Err(rejected) => (Verdict::Reject(rejected.reason.code), rejected.reason.message),
        }
    }
}

/// A registry with one image and its one signature.
struct Host {
    stored: BTreeMap<String, Vec<u8>>,
    referrers: Value,
}

impl Host {
    fn with(envelope: &[u8], format: Format) -> Self {
        let media_type = match format {
            Format::Jws => "application/jose+json",
            Format::Cose => "application/cose",
        };
        let kind = "application/vnd.cncf.notary.signature";
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2 },
            "layers": [{ "mediaType": media_type, "digest": digest(envelope), "size": envelope.len() }],
            "subject": { "mediaType": MANIFEST, "digest": digest(IMAGE), "size": IMAGE.len() },
        });
        let manifest = manifest.to_string().into_bytes();
        let descriptor = json!({ "mediaType": MANIFEST, "artifactType": kind, "digest": digest(&manifest), "size": manifest.len() });
        let stored = [IMAGE.to_vec(), envelope.to_vec(), manifest];
        Self {
            stored: stored.into_iter().map(|bytes| (digest(&bytes), bytes)).collect(),
            referrers: json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [descriptor] }),
        }
    }

    fn answer(&self, fetch: &Fetch) -> Answer {
        let bytes = match fetch {
            Fetch::Manifest { digest, .. } | Fetch::Blob { digest, .. } => {
                self.stored.get(digest).cloned()
            }
            Fetch::Referrers { digest: of, .. } if *of == digest(IMAGE) => {
                Some(self.referrers.to_string().into_bytes())
            }
            _ => None,
        };
        match bytes {
            Some(bytes) => {
                Answer::Found { bytes: Bytes(bytes), media_type: None, reserialised: false }
            }
            None => Answer::Absent { message: String::new() },
        }
    }

    fn decide(&self, policy: &Policy) -> Decision {
        let reference = format!("reg.example/a/b@{}", digest(IMAGE));
        let images = vec![ImageRequest { reference, path: None }];
        let request = Request { images, ..Request::default() };
        let now = Time::from_unix(NOW);
        let mut evidence: Vec<EvidenceItem> = Vec::new();
        for _ in 0..MOST_ROUNDS {
            match evaluate(policy, &request, &evidence, now, Budget::default()) {
                Step::Decision(decision) => return *decision,
                Step::Need(needs) => evidence.extend(
                    needs
                        .into_iter()
                        .map(|fetch| EvidenceItem { answer: self.answer(&fetch), fetch }),
                ),
            }
        }
        panic!("no decision after {MOST_ROUNDS} rounds");
    }
}
