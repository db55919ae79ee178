//! An image under Cosign's tag scheme, its signatures, and what settings make of it.

use std::collections::BTreeMap;

use countersign::{
    Step, evaluate,
    evidence::Budget,
    policy::{Policy, kubewarden},
    reference::Digest,
    time::Time,
    wire::{Answer, Bytes, Decision, EvidenceItem, Fetch, ImageRequest, Outcome, Request},
};
use serde_json::{Value, json};

use crate::promises::Made;
use crate::sigstore::{
    ARTIFACT, Signing, Sigstore,
    instant::{SIGNED, YEAR},
};

pub(crate) const IMAGE: &str = "registry.test/acme/app:1";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// Rounds that no decision needs more of.
const MOST_ROUNDS: usize = 16;

pub(crate) type Annotations = BTreeMap<String, String>;

/// A registry in which every name is the same image.
pub(crate) struct World {
    pub(crate) now: i64,
    layers: Vec<(Vec<u8>, Annotations)>,
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    Digest::sha256(bytes).to_string()
}

pub(crate) fn image() -> Vec<u8> {
    json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(b"{}"), "size": 2 },
        "layers": [],
    })
    .to_string()
    .into_bytes()
}

/// How everything here is signed, unless a test says otherwise: keyless, by a workflow.
pub(crate) fn signing() -> Signing {
    Sigstore::new().signing(ARTIFACT)
}

impl World {
    pub(crate) fn new() -> Self {
        Self { now: SIGNED + YEAR, layers: Vec::new() }
    }

    /// With a signature.
    pub(crate) fn signed(plan: Signing) -> Self {
        Self::new().and(plan, &json!(null), |_| {})
    }

    /// One more, with these annotations in what is signed, and other ones beside it.
    pub(crate) fn and(
        mut self,
        mut plan: Signing,
        optional: &Value,
        change: impl Fn(&mut Annotations),
    ) -> Self {
        let payload = json!({
            "critical": {
                "identity": { "docker-reference": "registry.test/acme/app" },
                "image": { "docker-manifest-digest": digest(&image()) },
                "type": "cosign container image signature",
            },
            "optional": optional,
        });
        plan.artifact = payload.to_string().into_bytes();
        let bundle = Sigstore::new().sign(&plan);
        let mut annotations = bundle.annotations(&Sigstore::new().ca.chain());
        change(&mut annotations);
        self.layers.push((plan.artifact, annotations));
        self
    }

    fn answer(&self, fetch: &Fetch) -> Answer {
        let layers: Vec<_> = self
            .layers
            .iter()
            .map(|(blob, annotations)| {
                json!({ "mediaType": SIMPLE_SIGNING, "digest": digest(blob), "size": blob.len(), "annotations": annotations })
            })
            .collect();
        let signatures = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(b"{}"), "size": 2 },
            "layers": layers,
        });
        let image = image();
        let tag = format!("{}.sig", digest(&image).replace(':', "-"));
        let bytes = match fetch {
            Fetch::Resolve { .. } => return Answer::Resolved { digest: digest(&image) },
            Fetch::Tag { tag: asked, .. } if *asked == tag && !self.layers.is_empty() => {
                Some(signatures.to_string().into_bytes())
            }
            Fetch::Manifest { digest: asked, .. } if *asked == digest(&image) => Some(image),
            Fetch::Blob { digest: asked, .. } => {
                let blobs = self.layers.iter().map(|(blob, _)| blob);
                blobs.clone().find(|blob| digest(blob) == *asked).cloned()
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

    /// The decision on an image of a Pod. In the place of the public-good instance stands the test's.
    pub(crate) fn decide_on(&self, settings: &Value, image: &str) -> Decision {
        let mut document = match kubewarden::translate(settings) {
            Ok(translation) => translation.document,
            Err(errors) => panic!("{errors:#?}"),
        };
        document["spec"]["trust"]["public-good"]["sigstore"]["trustedRoot"] =
            Sigstore::new().trusted_root().value();
        let policy = Policy::parse(&document).unwrap_or_else(|errors| panic!("{errors:#?}"));
        let path = Some("/spec/containers/0/image".to_owned());
        let request = Request {
            images: vec![ImageRequest { reference: image.to_owned(), path }],
            can_patch: true,
            kind: Some("Pod".to_owned()),
            ..Request::default()
        };
        let (now, budget) = (Time::from_unix(self.now), Budget::default());
        let mut evidence: Vec<EvidenceItem> = Vec::new();
        for _ in 0..MOST_ROUNDS {
            match evaluate(&policy, &request, &evidence, now, budget) {
                Step::Decision(decision) => {
                    let (policy, request) = (&policy, &request);
                    Made { policy, request, evidence: &evidence, now, budget }.holds(&decision);
                    return *decision;
                }
                Step::Need(needs) => evidence.extend(needs.into_iter().map(|fetch| {
                    let answer = self.answer(&fetch);
                    EvidenceItem { fetch, answer }
                })),
            }
        }
        panic!("no decision after {MOST_ROUNDS} rounds");
    }

    /// `allow`, or the code of the reason.
    pub(crate) fn verdict(&self, settings: &Value) -> String {
        verdict(&self.decide_on(settings, IMAGE))
    }
}

pub(crate) fn verdict(decision: &Decision) -> String {
    match &decision.images[0].reason {
        None if decision.outcome == Outcome::Allow => "allow".to_owned(),
        Some(reason) if decision.outcome != Outcome::Allow => reason.code.as_str().to_owned(),
        _ => panic!("{decision:?}"),
    }
}

/// Settings with one entry for every image.
pub(crate) fn one(entry: Value) -> Value {
    let mut entry = entry;
    entry["image"] = json!("*");
    json!({ "signatures": [entry] })
}
