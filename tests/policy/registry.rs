//! A registry in memory, what is signed in it, and a decision as hosts come to it.

use std::collections::BTreeMap;

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

use crate::promises::Made;
use crate::sigstore::{
    IDENTITY, ISSUER, Signing, Sigstore, Who,
    instant::{SIGNED, rfc3339},
    keys::{Key, hex, sha256},
    signing::IN_TOTO,
};

pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 24 * HOUR;
/// A day after everything was signed.
pub(crate) const NOW: i64 = SIGNED + DAY;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
pub(crate) const VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
pub(crate) const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

/// Rounds that no decision needs more of.
const MOST_ROUNDS: usize = 16;

pub(crate) fn digest(bytes: &[u8]) -> String {
    Digest::sha256(bytes).to_string()
}

/// The image's configuration.
pub(crate) fn config() -> Vec<u8> {
    json!({ "os": "linux", "config": { "User": "1000", "Labels": { "team": "a" } } })
        .to_string()
        .into_bytes()
}

/// The image that is asked about; another for each name.
pub(crate) fn image(name: &str) -> Vec<u8> {
    let config = config();
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&config), "size": config.len() },
        "layers": [],
        "annotations": { "name": name },
    })
    .to_string()
    .into_bytes()
}

/// `2025-06-02T12:00:00Z` less so many hours.
pub(crate) fn hours_ago(hours: i64) -> String {
    rfc3339(NOW - hours * HOUR)
}

pub(crate) fn key(name: &str) -> Key {
    Key::p256(name)
}

/// A statement about an artifact.
pub(crate) fn statement(of: &[u8], predicate_type: &str, predicate: &Value) -> Vec<u8> {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "artifact", "digest": { "sha256": hex(&sha256(of)) } }],
        "predicateType": predicate_type,
        "predicate": predicate,
    })
    .to_string()
    .into_bytes()
}

/// A scan, made so many hours ago, that says whether the image is good.
pub(crate) fn scan(of: &[u8], hours: i64, good: bool) -> Vec<u8> {
    let predicate = json!({ "metadata": { "scanFinishedOn": hours_ago(hours) }, "good": good });
    statement(of, VULN, &predicate)
}

/// By a long-lived key, with nothing around it.
fn by_key(name: &str, plan: Signing) -> Signing {
    plan.key(key(name)).who(Who::Key).unlogged()
}

/// An attestation by the holder of this key.
pub(crate) fn attested_by(name: &str, payload: Vec<u8>) -> Vec<u8> {
    let sigstore = Sigstore::new();
    let plan = sigstore.signing(b"").envelope(IN_TOTO, payload);
    sigstore.sign(&by_key(name, plan)).json()
}

/// An image signature by the holder of this key.
pub(crate) fn signed_by(name: &str, image: &[u8]) -> Vec<u8> {
    let sigstore = Sigstore::new();
    sigstore.sign(&by_key(name, sigstore.signing(image))).json()
}

/// An attestation by the workflow, with a certificate of [`SIGNED`] and a log entry.
pub(crate) fn attested_by_workflow(payload: Vec<u8>) -> Vec<u8> {
    let sigstore = Sigstore::new();
    sigstore.sign(&sigstore.signing(b"").envelope(IN_TOTO, payload)).json()
}

/// A registry with images and what refers to them.
#[derive(Clone, Default)]
pub(crate) struct Registry {
    stored: BTreeMap<String, Vec<u8>>,
    referrers: BTreeMap<String, Vec<Value>>,
    tags: BTreeMap<String, String>,
    /// What is answered in place of what is stored, by digest; `referrers of …` for a list.
    pub(crate) answers: BTreeMap<String, Answer>,
}

impl Registry {
    /// With [`image`] `app`, as `reg.test/app:1`.
    pub(crate) fn new() -> Self {
        let mut registry = Self::default();
        registry.store(&config());
        let digest = registry.store(&image("app"));
        registry.tags.insert("reg.test/app:1".to_owned(), digest);
        registry
    }

    pub(crate) fn store(&mut self, bytes: &[u8]) -> String {
        self.stored.insert(digest(bytes), bytes.to_vec());
        digest(bytes)
    }

    /// A tag of the image's repository.
    pub(crate) fn tag(&mut self, tag: &str, bytes: &[u8]) {
        let digest = self.store(bytes);
        self.tags.insert(format!("reg.test/app:{tag}"), digest);
    }

    /// Puts a bundle beside an artifact, whatever it is about: the digest of its blob.
    pub(crate) fn attach_to(&mut self, of: &[u8], bundle: &[u8]) -> String {
        let blob = self.store(bundle);
        let layer = json!({ "mediaType": BUNDLE, "digest": blob, "size": bundle.len() });
        self.refer(of, BUNDLE, &layer, json!({}));
        blob
    }

    /// A referrer with this layer: its manifest.
    pub(crate) fn refer(
        &mut self,
        of: &[u8],
        kind: &str,
        layer: &Value,
        annotations: Value,
    ) -> Vec<u8> {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2 },
            "layers": [layer],
            "subject": { "mediaType": MANIFEST, "digest": digest(of), "size": of.len() },
            "annotations": annotations,
        });
        let bytes = manifest.to_string().into_bytes();
        let entry = json!({
            "mediaType": MANIFEST, "artifactType": kind,
            "digest": self.store(&bytes), "size": bytes.len(),
        });
        self.referrers.entry(digest(of)).or_default().push(entry);
        bytes
    }

    pub(crate) fn attach(&mut self, bundle: &[u8]) -> String {
        self.attach_to(&image("app"), bundle)
    }

    /// With attestations or signatures of the image.
    pub(crate) fn with(bundles: &[Vec<u8>]) -> Self {
        let mut registry = Self::new();
        for bundle in bundles {
            registry.attach(bundle);
        }
        registry
    }

    /// What is stored under a digest cannot be had.
    pub(crate) fn withhold(&mut self, digest: &str) {
        self.answers.insert(digest.to_owned(), unavailable(UnavailableReason::Transport));
    }

    pub(crate) fn answer(&self, fetch: &Fetch) -> Answer {
        let absent = || Answer::Absent { message: String::new() };
        match fetch {
            Fetch::Manifest { digest, .. } | Fetch::Blob { digest, .. } => {
                if let Some(answer) = self.answers.get(digest) {
                    return answer.clone();
                }
                self.stored.get(digest).map_or_else(absent, |bytes| found(bytes.clone()))
            }
            Fetch::Resolve { reference } => {
                if let Some(answer) = self.answers.get(reference) {
                    return answer.clone();
                }
                let digest = self.tags.get(reference).cloned();
                digest.map_or_else(absent, |digest| Answer::Resolved { digest })
            }
            Fetch::Referrers { digest, .. } => {
                if let Some(answer) = self.answers.get(&format!("referrers of {digest}")) {
                    return answer.clone();
                }
                let none = Vec::new();
                let entries = self.referrers.get(digest).unwrap_or(&none);
                let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
                found(index.to_string().into_bytes())
            }
            _ => absent(),
        }
    }

    /// The decision on the image by its digest.
    pub(crate) fn decide(&self, policy: &Value) -> Decided {
        self.decide_on(policy, &by_digest())
    }

    pub(crate) fn decide_on(&self, policy: &Value, request: &Request) -> Decided {
        self.decide_within(policy, request, Budget::default())
    }

    pub(crate) fn decide_within(
        &self,
        policy: &Value,
        request: &Request,
        budget: Budget,
    ) -> Decided {
        let policy = Policy::parse(policy).unwrap_or_else(|errors| panic!("{errors:#?}"));
        let (decision, evidence) = self.judge(&policy, request, budget);
        let (policy, evidence, now) = (&policy, &evidence, Time::from_unix(NOW));
        Made { policy, request, evidence, now, budget }.holds(&decision);
        Decided(decision)
    }

    /// What a decision takes.
    pub(crate) fn evidence(&self, policy: &Policy, request: &Request) -> Vec<EvidenceItem> {
        self.judge(policy, request, Budget::default()).1
    }

    fn judge(
        &self,
        policy: &Policy,
        request: &Request,
        budget: Budget,
    ) -> (Decision, Vec<EvidenceItem>) {
        let mut evidence: Vec<EvidenceItem> = Vec::new();
        for _ in 0..MOST_ROUNDS {
            match evaluate(policy, request, &evidence, Time::from_unix(NOW), budget) {
                Step::Decision(decision) => return (*decision, evidence),
                Step::Need(needs) => {
                    for fetch in needs {
                        assert!(evidence.iter().all(|e| e.fetch != fetch), "{fetch:?} twice");
                        let answer = self.answer(&fetch);
                        // The order of evidence does not matter.
                        evidence.insert(0, EvidenceItem { fetch, answer });
                    }
                }
            }
        }
        panic!("no decision after {MOST_ROUNDS} rounds");
    }
}

pub(crate) fn found(bytes: Vec<u8>) -> Answer {
    Answer::Found { bytes: Bytes(bytes), media_type: None, reserialised: false }
}

pub(crate) fn unavailable(reason: UnavailableReason) -> Answer {
    Answer::Unavailable { reason, message: "no".to_owned() }
}

pub(crate) fn ask(reference: &str) -> Request {
    let image = ImageRequest { reference: reference.to_owned(), path: None };
    Request { images: vec![image], ..Request::default() }
}

pub(crate) fn by_digest() -> Request {
    ask(&format!("reg.test/app@{}", digest(&image("app"))))
}

/// A Pod in namespace `a` whose only container has this image.
pub(crate) fn pod(reference: &str, can_patch: bool) -> Request {
    let mut request = ask(reference);
    request.images[0].path = Some("/spec/containers/0/image".to_owned());
    Request {
        can_patch,
        group: Some(String::new()),
        kind: Some("Pod".to_owned()),
        namespace: Some("a".to_owned()),
        operation: Some("CREATE".to_owned()),
        object: Some(json!({
            "metadata": { "labels": { "team": "a" } },
            "spec": { "containers": [{ "name": "c", "image": reference }] },
        })),
        ..request
    }
}

/// A decision.
pub(crate) struct Decided(pub(crate) Decision);

impl Decided {
    /// `allow`, or the code of the only image's reason.
    pub(crate) fn verdict(&self) -> String {
        let image = &self.0.images[0];
        let Some(reason) = &image.reason else {
            assert_eq!(self.0.outcome, Outcome::Allow, "{image:?}");
            return "allow".to_owned();
        };
        let expected =
            if reason.code.is_undetermined() { Outcome::Undetermined } else { Outcome::Deny };
        assert_eq!(self.0.outcome, expected, "{}", reason.code);
        assert_eq!(image.outcome, expected, "{}", reason.code);
        reason.code.as_str().to_owned()
    }

    pub(crate) fn warns_of(&self, text: &str) -> bool {
        self.0.warnings.iter().any(|warning| warning.contains(text))
    }
}

/// A policy with three holders of keys and one workflow.
pub(crate) fn policy(spec: Value) -> Value {
    let key = |name: &str| json!({ "cosign": { "keys": [key(name).public_pem()] } });
    let sigstore = Sigstore::new();
    let mut whole = json!({
        "trust": { "test": { "sigstore": { "trustedRoot": sigstore.trusted_root().value() } } },
        "authorities": {
            "ci": key("ci"),
            "security": key("security"),
            "logged": { "cosign": { "keys": [self::key("ci").public_pem()], "trust": "test" } },
            "workflow": { "cosign": {
                "trust": "test",
                "keyless": [{ "issuer": ISSUER, "subject": IDENTITY }],
            } },
        },
    });
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    json!({ "apiVersion": "countersign.dev/v1", "kind": "ImagePolicy", "spec": whole })
}

/// A policy with one rule, for everything.
pub(crate) fn requiring(require: &Value) -> Value {
    policy(json!({ "rules": [{ "name": "app", "images": ["**"], "require": require }] }))
}

/// A policy that asks for one attestation by `ci`, of type `vuln` unless `fields` say otherwise.
pub(crate) fn attestation(fields: Value) -> Value {
    requiring(&json!({ "attestation": wanted(fields) }))
}

/// The fields of one attestation.
pub(crate) fn wanted(fields: Value) -> Value {
    let mut wanted = json!({ "type": "vuln", "signedBy": "ci" });
    wanted.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    wanted
}
