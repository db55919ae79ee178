//! What is signed, whom the policy believes, and what is decided.

use std::rc::Rc;

use countersign::{
    Step, evaluate,
    evidence::Budget,
    policy::Policy,
    time::Time,
    verdict::Code,
    wire::{BlobRequest, BlobSignature, Bytes, Decision, Outcome, PolicyError, Request},
};
use serde_json::{Value, json};

use crate::promises::Made;
use crate::{
    generator::PROVENANCE,
    sigstore::{
        ARTIFACT, IDENTITY, ISSUER, Signing, Sigstore, Tweak, Who,
        instant::{SIGNED, YEAR},
        rekor::Kind,
        trusted_root::TrustedRoot,
    },
};

pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// One bundle about one blob, and one policy with an authority `signer` that believes `root`.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) plan: Signing,
    pub(crate) root: TrustedRoot,
    /// `authorities.signer.cosign`.
    pub(crate) cosign: Value,
    pub(crate) require: Value,
    /// What is asked about.
    pub(crate) blob: Vec<u8>,
    /// The host says the digest, and keeps the bytes.
    pub(crate) by_digest: bool,
    /// The bundle's JSON.
    pub(crate) json: Tweak<Value>,
    /// The bundle's bytes.
    pub(crate) bytes: Tweak<Vec<u8>>,
    /// The policy.
    pub(crate) policy: Tweak<Value>,
    /// Bundles beside it.
    pub(crate) more: Vec<Vec<u8>>,
    pub(crate) media_type: &'static str,
    pub(crate) now: i64,
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Verdict {
    Allow,
    /// Outcome and reason agree.
    Refuse {
        code: Code,
        #[allow(dead_code, reason = "shown where a test fails")]
        why: String,
    },
    /// Outcome and reason do not agree, or there is no reason.
    #[allow(dead_code, reason = "shown where a test fails")]
    Odd(String),
    #[allow(dead_code, reason = "shown where a test fails")]
    BadPolicy(Vec<PolicyError>),
}

/// A behaviour, by what must be refused.
pub(crate) struct Fault {
    pub(crate) name: String,
    pub(crate) code: Code,
    right: Box<dyn Fn() -> Verdict>,
    spoilt: Box<dyn Fn() -> Verdict>,
    worlds: Option<Box<dyn Fn() -> Twins>>,
}

/// What is right, and the same with its fault.
pub(crate) struct Twins {
    pub(crate) right: World,
    pub(crate) spoilt: World,
}

impl Fault {
    pub(crate) fn of(
        name: impl Into<String>,
        code: Code,
        right: impl Fn() -> Verdict + 'static,
        spoilt: impl Fn() -> Verdict + 'static,
    ) -> Self {
        let (right, spoilt) = (Box::new(right), Box::new(spoilt));
        Self { name: name.into(), code, right, spoilt, worlds: None }
    }

    pub(crate) fn right(&self) -> Verdict {
        (self.right)()
    }

    pub(crate) fn spoilt(&self) -> Verdict {
        (self.spoilt)()
    }

    /// None where it is not about one bundle and one blob.
    pub(crate) fn worlds(&self) -> Option<Twins> {
        self.worlds.as_ref().map(|worlds| worlds())
    }
}

/// `right` is allowed, and after `spoil` refused for `code`.
pub(crate) fn fault(
    name: impl Into<String>,
    right: impl Fn() -> World + 'static,
    spoil: impl Fn(&mut World) + 'static,
    code: Code,
) -> Fault {
    let twins = move || {
        let right = right();
        let mut spoilt = right.clone();
        spoil(&mut spoilt);
        Twins { right, spoilt }
    };
    let twins = Rc::new(twins);
    let (right, spoilt) = (twins.clone(), twins.clone());
    let mut fault =
        Fault::of(name, code, move || right().right.decide(), move || spoilt().spoilt.decide());
    fault.worlds = Some(Box::new(move || twins()));
    fault
}

/// The last byte, changed.
#[allow(clippy::ptr_arg, reason = "as tweaks take it")]
pub(crate) fn flip(bytes: &mut Vec<u8>) {
    *bytes.last_mut().unwrap() ^= 1;
}

/// Rekor v1, with promise and proof.
pub(crate) fn keyless() -> World {
    World::keyless(&Sigstore::new(), |plan, _| plan)
}

pub(crate) fn keyless_dsse() -> World {
    World::keyless(&Sigstore::new(), |plan, _| plan.dsse(PROVENANCE))
}

/// Rekor v2, with proof and timestamp.
pub(crate) fn v2() -> World {
    World::keyless(&Sigstore::new(), Signing::v2)
}

/// An envelope in a `hashedrekord`.
pub(crate) fn v2_dsse() -> World {
    World::keyless(&Sigstore::new(), |plan, s| plan.dsse(PROVENANCE).v2(s))
}

/// An envelope in a `dsse` 0.0.2.
pub(crate) fn v2_dsse_2() -> World {
    World::keyless(&Sigstore::new(), |plan, s| plan.dsse(PROVENANCE).v2(s).kind(Kind::Dsse2))
}

/// Rekor v1 and a timestamp.
pub(crate) fn stamped() -> World {
    World::keyless(&Sigstore::new(), Signing::timestamped)
}

/// A timestamp, which is required, and no log.
pub(crate) fn only_stamped() -> World {
    let mut world = World::keyless(&Sigstore::new(), |plan, s| plan.unlogged().timestamped(s));
    world.cosign["transparencyLog"] = json!("ignore");
    world.cosign["timestamp"] = json!("required");
    world
}

/// A key and Rekor v1.
pub(crate) fn keyed() -> World {
    World::keyed(&Sigstore::new(), |plan, _| plan)
}

pub(crate) fn keyed_dsse() -> World {
    World::keyed(&Sigstore::new(), |plan, _| plan.dsse(PROVENANCE))
}

pub(crate) fn keyed_v2() -> World {
    World::keyed(&Sigstore::new(), Signing::v2)
}

impl World {
    /// A plan made by this instance, which is believed.
    pub(crate) fn keyless(
        sigstore: &Sigstore,
        plan: impl Fn(Signing, &Sigstore) -> Signing,
    ) -> Self {
        let plan = plan(sigstore.signing(ARTIFACT), sigstore);
        Self::new(sigstore, plan)
    }

    pub(crate) fn keyed(sigstore: &Sigstore, plan: impl Fn(Signing, &Sigstore) -> Signing) -> Self {
        let plan = plan(sigstore.signing(ARTIFACT), sigstore).who(Who::Key);
        Self::new(sigstore, plan)
    }

    fn new(sigstore: &Sigstore, plan: Signing) -> Self {
        Self::believing(sigstore.trusted_root(), plan)
    }

    pub(crate) fn believing(root: TrustedRoot, plan: Signing) -> Self {
        let cosign = match plan.who {
            Who::Key => json!({"keys": [plan.key.public_pem()], "trust": "test"}),
            _ => json!({
                "keyless": [{"issuer": ISSUER, "subject": IDENTITY}],
                "trust": "test",
            }),
        };
        let require = match &plan.content {
            crate::sigstore::signing::Content::Message => json!("signer"),
            crate::sigstore::signing::Content::Envelope(..) => {
                json!({"attestation": {"type": "*", "signedBy": "signer"}})
            }
        };
        Self {
            blob: plan.artifact.clone(),
            plan,
            root,
            cosign,
            require,
            by_digest: false,
            json: Tweak::default(),
            bytes: Tweak::default(),
            policy: Tweak::default(),
            more: Vec::new(),
            media_type: BUNDLE,
            now: SIGNED + YEAR,
        }
    }

    /// The only identity of the policy.
    pub(crate) fn wanted(&mut self) -> &mut Value {
        &mut self.cosign["keyless"][0]
    }

    pub(crate) fn document(&self) -> Value {
        let mut document = policy(json!({
            "trust": {"test": {"sigstore": {"trustedRoot": self.root.value()}}},
            "authorities": {"signer": {"cosign": self.cosign}},
            "rules": [{"blobs": ["**"], "require": self.require}],
        }));
        self.policy.apply(&mut document);
        document
    }

    pub(crate) fn bundle(&self) -> Vec<u8> {
        let mut value = Sigstore::new().sign(&self.plan).value();
        self.json.apply(&mut value);
        let mut bytes = serde_json::to_vec(&value).unwrap();
        self.bytes.apply(&mut bytes);
        bytes
    }

    pub(crate) fn request(&self) -> Request {
        let signature =
            |bytes| BlobSignature { media_type: self.media_type.to_owned(), content: Bytes(bytes) };
        let digest = countersign::reference::Digest::sha256(&self.blob).to_string();
        let blob = BlobRequest {
            name: "artifact".to_owned(),
            digests: if self.by_digest { vec![digest] } else { Vec::new() },
            content: (!self.by_digest).then(|| Bytes(self.blob.clone())),
            signatures: std::iter::once(self.bundle())
                .chain(self.more.clone())
                .map(signature)
                .collect(),
        };
        Request { blobs: vec![blob], ..Request::default() }
    }

    pub(crate) fn decide(&self) -> Verdict {
        match Policy::parse(&self.document()) {
            Err(errors) => Verdict::BadPolicy(errors),
            Ok(policy) => {
                let now = Time::from_unix(self.now);
                match evaluate(&policy, &self.request(), &[], now, Budget::default()) {
                    Step::Decision(decision) => {
                        let (policy, request, budget) =
                            (&policy, &self.request(), Budget::default());
                        Made { policy, request, evidence: &[], now, budget }.holds(&decision);
                        Verdict::of(&decision)
                    }
                    Step::Need(needs) => Verdict::Odd(format!("{needs:?}")),
                }
            }
        }
    }
}

impl Verdict {
    /// Of the only image or blob.
    pub(crate) fn of(decision: &Decision) -> Self {
        let blobs = decision.blobs.iter().map(|b| (b.outcome, &b.reason));
        let images = decision.images.iter().map(|i| (i.outcome, &i.reason));
        let [(outcome, reason)] = blobs.chain(images).collect::<Vec<_>>()[..] else {
            return Self::Odd(format!("{decision:?}"));
        };
        let expected = match reason {
            None => Outcome::Allow,
            Some(reason) if reason.code.is_undetermined() => Outcome::Undetermined,
            Some(_) => Outcome::Deny,
        };
        if outcome != expected || decision.outcome != outcome || !decision.errors.is_empty() {
            return Self::Odd(format!("{decision:?}"));
        }
        match reason {
            None => Self::Allow,
            Some(reason) => Self::Refuse {
                code: reason.code,
                why: format!("{} {:?} {:?}", reason.message, reason.expected, reason.found),
            },
        }
    }

    pub(crate) fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow)
    }
}

pub(crate) fn policy(spec: Value) -> Value {
    json!({"apiVersion": "countersign.dev/v1", "kind": "ImagePolicy", "spec": spec})
}
