//! Cosign's annotations: a signature beside an image, with certificate, chain, entry and timestamp.

use std::collections::BTreeMap;

use countersign::{
    Step, evaluate,
    evidence::Budget,
    policy::Policy,
    reference::Digest,
    time::Time,
    verdict::Code,
    wire::{Answer, Bytes, EvidenceItem, Fetch, ImageRequest, Request},
};
use serde_json::{Value, json};

use crate::promises::Made;
use crate::{
    generator::PROVENANCE,
    sigstore::{
        ARTIFACT, IDENTITY, ISSUER, Signing, Sigstore, Tweak, Who, base64,
        ca::Ca,
        instant::{HOUR, SIGNED, YEAR},
        keys::{Key, pem},
        rekor::Kind,
        trusted_root::Window,
    },
    world::{Fault, Verdict, flip, policy},
};

const REPOSITORY: &str = "registry.test/acme/app";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const DSSE: &str = "application/vnd.dsse.envelope.v1+json";

const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const ENTRY: &str = "dev.sigstore.cosign/bundle";
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

type Annotations = BTreeMap<String, String>;

/// One image with one signature or attestation.
#[derive(Clone)]
struct World {
    plan: Signing,
    root: crate::sigstore::trusted_root::TrustedRoot,
    cosign: Value,
    /// An `.att`, in place of a `.sig`.
    attests: bool,
    /// What is signed of the image.
    payload: Tweak<Value>,
    chain: Vec<Vec<u8>>,
    annotations: Tweak<Annotations>,
    /// The envelope's JSON.
    envelope: Tweak<Value>,
    now: i64,
}

fn image() -> Vec<u8> {
    json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": digest(b"{}"), "size": 2},
        "layers": [],
    })
    .to_string()
    .into_bytes()
}

fn digest(bytes: &[u8]) -> String {
    Digest::sha256(bytes).to_string()
}

fn simple_signing() -> Value {
    json!({
        "critical": {
            "identity": {"docker-reference": REPOSITORY},
            "image": {"docker-manifest-digest": digest(&image())},
            "type": "cosign container image signature",
        },
        "optional": null,
    })
}

fn keyless() -> World {
    let sigstore = Sigstore::new();
    World {
        plan: sigstore.signing(ARTIFACT),
        root: sigstore.trusted_root(),
        cosign: json!({"keyless": [{"issuer": ISSUER, "subject": IDENTITY}], "trust": "test"}),
        attests: false,
        payload: Tweak::default(),
        chain: sigstore.ca.chain(),
        annotations: Tweak::default(),
        envelope: Tweak::default(),
        now: SIGNED + YEAR,
    }
}

fn attested() -> World {
    let mut world = keyless();
    world.plan = world.plan.dsse(PROVENANCE);
    world.attests = true;
    world
}

fn stamped() -> World {
    let mut world = keyless();
    world.plan = world.plan.timestamped(&Sigstore::new());
    world
}

fn only_stamped() -> World {
    let mut world = stamped();
    world.plan = world.plan.unlogged();
    world.cosign["transparencyLog"] = json!("ignore");
    world.cosign["timestamp"] = json!("required");
    world
}

fn keyed() -> World {
    let mut world = keyless();
    world.plan = world.plan.who(Who::Key);
    world.cosign = json!({"keys": [world.plan.key.public_pem()], "trust": "test"});
    world
}

/// Without intermediates in the trusted root: those that travel are needed.
fn chained() -> World {
    let mut world = keyless();
    world.root.certificate_authorities[0].certificates.remove(0);
    world
}

impl World {
    /// The signed blob, and the annotations of its layer.
    fn layer(&self) -> (Vec<u8>, Annotations) {
        let mut plan = self.plan.clone();
        if self.attests {
            let statement = crate::sigstore::signing::statement(&image(), PROVENANCE);
            plan = plan.envelope(crate::sigstore::signing::IN_TOTO, statement);
        } else {
            let mut payload = simple_signing();
            self.payload.apply(&mut payload);
            plan.artifact = serde_json::to_vec(&payload).unwrap();
        }
        let bundle = Sigstore::new().sign(&plan);
        let mut annotations = bundle.annotations(&self.chain);
        let blob = if self.attests {
            let mut envelope = bundle.signed.envelope().value();
            self.envelope.apply(&mut envelope);
            annotations.insert(SIGNATURE.to_owned(), String::new());
            serde_json::to_vec(&envelope).unwrap()
        } else {
            plan.artifact
        };
        self.annotations.apply(&mut annotations);
        (blob, annotations)
    }

    fn document(&self) -> Value {
        let require = if self.attests {
            json!({"attestation": {"type": PROVENANCE, "signedBy": "signer"}})
        } else {
            json!("signer")
        };
        policy(json!({
            "trust": {"test": {"sigstore": {"trustedRoot": self.root.value()}}},
            "authorities": {"signer": {"cosign": self.cosign}},
            "rules": [{"images": ["**"], "require": require}],
        }))
    }

    fn decide(&self) -> Verdict {
        let policy = match Policy::parse(&self.document()) {
            Ok(policy) => policy,
            Err(errors) => return Verdict::BadPolicy(errors),
        };
        let (blob, annotations) = self.layer();
        let (suffix, media_type) =
            if self.attests { ("att", DSSE) } else { ("sig", SIMPLE_SIGNING) };
        let signature = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest(b"{}"), "size": 2},
            "layers": [{"mediaType": media_type, "digest": digest(&blob), "size": blob.len(),
                "annotations": annotations}],
        });
        let image = image();
        let tag = format!("{}.{suffix}", digest(&image).replace(':', "-"));
        let blobs: BTreeMap<_, _> =
            [image.clone(), blob].into_iter().map(|bytes| (digest(&bytes), bytes)).collect();
        let answer = |fetch: &Fetch| {
            let bytes = match fetch {
                Fetch::Tag { tag: asked, .. } if *asked == tag => {
                    Some(signature.to_string().into_bytes())
                }
                Fetch::Manifest { digest, .. } | Fetch::Blob { digest, .. } => {
                    blobs.get(digest).cloned()
                }
                _ => None,
            };
            match bytes {
                Some(bytes) => {
                    Answer::Found { bytes: Bytes(bytes), media_type: None, reserialised: false }
                }
                None => Answer::Absent { message: String::new() },
            }
        };
        let reference = format!("{REPOSITORY}@{}", digest(&image));
        let request =
            Request { images: vec![ImageRequest { reference, path: None }], ..Request::default() };
        let now = Time::from_unix(self.now);
        let mut evidence: Vec<EvidenceItem> = Vec::new();
        for _ in 0..10 {
            match evaluate(&policy, &request, &evidence, now, Budget::default()) {
                Step::Decision(decision) => {
                    let (policy, request, budget) = (&policy, &request, Budget::default());
                    Made { policy, request, evidence: &evidence, now, budget }.holds(&decision);
                    return Verdict::of(&decision);
                }
                Step::Need(needs) => evidence.extend(needs.into_iter().map(|fetch| {
                    let answer = answer(&fetch);
                    EvidenceItem { fetch, answer }
                })),
            }
        }
        Verdict::Odd("no decision".to_owned())
    }
}

fn fault(
    name: &str,
    right: fn() -> World,
    spoil: impl Fn(&mut World) + 'static,
    code: Code,
) -> Fault {
    Fault::of(
        name,
        code,
        move || right().decide(),
        move || {
            let mut world = right();
            spoil(&mut world);
            world.decide()
        },
    )
}

fn annotation(
    name: &str,
    right: fn() -> World,
    change: impl Fn(&mut Annotations) + Clone + 'static,
    code: Code,
) -> Fault {
    fault(name, right, move |w| w.annotations.set(change.clone()), code)
}

/// Changes a JSON annotation.
fn inside(which: &'static str, change: fn(&mut Value)) -> impl Fn(&mut Annotations) + Clone {
    move |annotations: &mut Annotations| {
        let text = annotations.get_mut(which).unwrap();
        let mut value = serde_json::from_str(text).unwrap();
        change(&mut value);
        *text = value.to_string();
    }
}

/// The annotation of the same signer's signature of something else.
fn of_another(which: &'static str) -> impl Fn(&mut Annotations) + Clone {
    move |annotations: &mut Annotations| {
        let s = Sigstore::new();
        let other = s.sign(&s.signing(b"another\n").timestamped(&s));
        let other = other.annotations(&s.ca.chain());
        annotations.insert(which.to_owned(), other[which].clone());
    }
}

pub(crate) fn faults() -> Vec<Fault> {
    let mut all = Vec::new();
    all.extend(entries());
    all.extend(certificates());
    all.extend(timestamps());
    all.extend(payloads());
    all
}

fn entries() -> Vec<Fault> {
    let malformed = Code::LogEntryMalformed;
    let entry = |name: &str, change: fn(&mut Value), code| {
        annotation(name, keyless, inside(ENTRY, change), code)
    };
    let without = |annotations: &mut Annotations| drop(annotations.remove(ENTRY));
    vec![
        annotation("no entry", keyless, without, Code::LogEntryAbsent),
        annotation("no entry of an attestation", attested, without, Code::LogEntryAbsent),
        annotation("no entry of a key's signature", keyed, without, Code::LogEntryAbsent),
        annotation("no entry, and a timestamp", stamped, without, Code::LogEntryAbsent),
        // CVE-2022-23649, CVE-2026-22703.
        annotation(
            "the entry of another signature",
            keyless,
            of_another(ENTRY),
            Code::LogEntryMismatch,
        ),
        annotation(
            "the entry of another signature, of an attestation",
            attested,
            of_another(ENTRY),
            Code::LogEntryMismatch,
        ),
        annotation(
            "the entry of another signature, of a key",
            keyed,
            of_another(ENTRY),
            Code::LogEntryMismatch,
        ),
        entry(
            "a promise of another time",
            |b| b["Payload"]["integratedTime"] = json!(SIGNED + 6),
            Code::LogPromiseInvalid,
        ),
        entry(
            "a promise of another index",
            |b| b["Payload"]["logIndex"] = json!(7),
            Code::LogPromiseInvalid,
        ),
        entry(
            "a promise without a time",
            |b| {
                drop(b["Payload"].as_object_mut().unwrap().remove("integratedTime"));
            },
            Code::LogPromiseInvalid,
        ),
        entry(
            "an empty promise",
            |b| b["SignedEntryTimestamp"] = json!(""),
            Code::LogPromiseInvalid,
        ),
        entry(
            "an unknown log",
            |b| b["Payload"]["logID"] = json!("00".repeat(32)),
            Code::LogEntryAbsent,
        ),
        entry("a log without a number", |b| b["Payload"]["logID"] = json!(""), malformed),
        entry(
            "a promise that is not base64",
            |b| b["SignedEntryTimestamp"] = json!("*"),
            malformed,
        ),
        entry(
            "an entry without a body",
            |b| drop(b["Payload"].as_object_mut().unwrap().remove("body")),
            malformed,
        ),
        entry("an unknown member", |b| b["more"] = json!(1), malformed),
        entry("an unknown member of the payload", |b| b["Payload"]["more"] = json!(1), malformed),
        // CVE-2022-36056: what cannot be read is not ignored.
        annotation(
            "an entry that is no JSON",
            keyless,
            |a: &mut Annotations| {
                a.insert(ENTRY.to_owned(), "entry".to_owned());
            },
            malformed,
        ),
        annotation(
            "an empty entry",
            keyless,
            |a: &mut Annotations| {
                a.insert(ENTRY.to_owned(), String::new());
            },
            Code::LogEntryAbsent,
        ),
        annotation(
            "a member twice",
            keyless,
            |a: &mut Annotations| {
                let text = a.get_mut(ENTRY).unwrap();
                *text = text.replacen('{', "{\"SignedEntryTimestamp\":\"AA==\",", 1);
            },
            malformed,
        ),
        fault(
            "an entry of Rekor v2, which cannot prove its place here",
            stamped,
            |w| {
                w.plan.logs = vec![Sigstore::new().rekor2.entry(Kind::HashedRekord2)];
            },
            Code::LogProofAbsent,
        ),
        fault(
            "an entry of a retired key",
            keyless,
            |w| {
                w.root.tlogs[0].valid_for = Some(Window::until(SIGNED + 4));
            },
            Code::LogNotInUse,
        ),
        fault(
            "an entry of after the certificate",
            keyless,
            |w| {
                w.plan.logs[0].integrated_time = SIGNED + HOUR;
            },
            Code::CertificateExpired,
        ),
        fault("an entry of the future", keyless, |w| w.now = SIGNED - HOUR, Code::TimeFuture),
        fault(
            "an entry of another key",
            keyed,
            |w| {
                w.plan.logs[0].told.set(|told| {
                    told.verifier =
                        crate::sigstore::content::Verifier::Key(Key::p256("other").spki());
                });
            },
            Code::LogEntryMismatch,
        ),
        fault(
            "an entry of another envelope",
            attested,
            |w| {
                w.plan.logs[0].told.set(|told| told.signed.envelope_mut().payload.push(b' '));
            },
            Code::LogEntryMismatch,
        ),
    ]
}

fn certificates() -> Vec<Fault> {
    vec![
        annotation(
            "no certificate",
            keyless,
            |a: &mut Annotations| drop(a.remove(CERTIFICATE)),
            Code::CertificateAbsent,
        ),
        annotation(
            "an empty certificate",
            keyless,
            |a: &mut Annotations| {
                a.insert(CERTIFICATE.to_owned(), String::new());
            },
            Code::CertificateAbsent,
        ),
        annotation(
            "a key in place of the certificate",
            keyless,
            |a: &mut Annotations| {
                a.insert(CERTIFICATE.to_owned(), Key::p256("signer").public_pem());
            },
            Code::CertificateMalformed,
        ),
        annotation(
            "two certificates",
            keyless,
            |a: &mut Annotations| {
                let text = a.get_mut(CERTIFICATE).unwrap();
                *text = format!("{text}{text}");
            },
            Code::CertificateMalformed,
        ),
        annotation(
            "another certificate of the same workflow",
            keyless,
            |a: &mut Annotations| {
                let s = Sigstore::new();
                let other = s.signing(b"x").key(Key::p256("other")).issue();
                a.insert(CERTIFICATE.to_owned(), pem("CERTIFICATE", &other));
            },
            Code::LogEntryMismatch,
        ),
        fault(
            "an own authority, whose root travels",
            keyless,
            |w| {
                let own = Ca::new("own");
                w.plan.issuer = own.issuer();
                w.chain = own.chain();
            },
            Code::CertificateUntrusted,
        ),
        fault(
            "a chain without the intermediate",
            chained,
            |w| drop(w.chain.remove(0)),
            Code::CertificateUntrusted,
        ),
        fault(
            "a chain of another authority",
            chained,
            |w| w.chain = Ca::new("other").chain(),
            Code::CertificateUntrusted,
        ),
        fault(
            "eleven certificates",
            chained,
            |w| w.chain = vec![w.chain[0].clone(); 11],
            Code::CertificateMalformed,
        ),
        annotation(
            "a chain that is not PEM",
            chained,
            |a: &mut Annotations| {
                a.insert(CHAIN.to_owned(), "chain".to_owned());
            },
            Code::CertificateMalformed,
        ),
        fault(
            "another identity",
            keyless,
            |w| {
                w.cosign["keyless"][0]["subject"] = json!("https://github.com/acme/other");
            },
            Code::IdentityMismatch,
        ),
        fault("no timestamp of the certificate", keyless, |w| w.plan.scts.clear(), Code::SctAbsent),
        fault(
            "an intermediate of a retired authority",
            || {
                let mut world = keyless();
                let mut second = Ca::new("one");
                second.authorities[1] = crate::sigstore::certificate::Certificate::authority(
                    "second",
                    Key::p256("second"),
                );
                world.root.certificate_authorities.push((&second).into());
                world
            },
            |w| {
                w.root.certificate_authorities[0].valid_for = Some(Window::until(SIGNED));
            },
            Code::CertificateUntrusted,
        ),
    ]
}

fn timestamps() -> Vec<Fault> {
    vec![
        annotation(
            "no timestamp",
            only_stamped,
            |a: &mut Annotations| drop(a.remove(TIMESTAMP)),
            Code::TimestampAbsent,
        ),
        annotation(
            "the timestamp of another signature",
            only_stamped,
            of_another(TIMESTAMP),
            Code::TimestampInvalid,
        ),
        annotation(
            "the timestamp of another signature, beside an entry",
            stamped,
            of_another(TIMESTAMP),
            Code::TimestampInvalid,
        ),
        annotation(
            "a timestamp that is no JSON",
            only_stamped,
            |a: &mut Annotations| {
                a.insert(TIMESTAMP.to_owned(), "timestamp".to_owned());
            },
            Code::TimestampMalformed,
        ),
        annotation(
            "a timestamp that is not base64",
            only_stamped,
            inside(TIMESTAMP, |t| {
                t["SignedRFC3161Timestamp"] = json!("*");
            }),
            Code::TimestampMalformed,
        ),
        annotation(
            "an empty timestamp",
            only_stamped,
            inside(TIMESTAMP, |t| {
                t["SignedRFC3161Timestamp"] = json!("");
            }),
            Code::TimestampMalformed,
        ),
        fault(
            "a timestamp of the payload",
            only_stamped,
            |w| {
                let payload = serde_json::to_vec(&simple_signing()).unwrap();
                w.plan.timestamps[0].over.set(move |over| over.clone_from(&payload));
            },
            Code::TimestampInvalid,
        ),
        fault(
            "a timestamp of after the certificate",
            only_stamped,
            |w| {
                w.plan.timestamps[0].time = SIGNED + HOUR;
            },
            Code::CertificateExpired,
        ),
        fault(
            "a timestamp of a retired authority",
            only_stamped,
            |w| {
                w.root.timestamp_authorities[0].valid_for = Some(Window::until(SIGNED));
            },
            Code::TimestampUntrusted,
        ),
    ]
}

fn payloads() -> Vec<Fault> {
    let payload = |name: &str, change: fn(&mut Value), code| {
        fault(name, keyless, move |w| w.payload.set(change), code)
    };
    vec![
        payload(
            "the digest of another image",
            |p| {
                p["critical"]["image"]["docker-manifest-digest"] = json!(digest(b"another"));
            },
            Code::SubjectMismatch,
        ),
        payload(
            "no digest",
            |p| {
                drop(
                    p["critical"]["image"]
                        .as_object_mut()
                        .unwrap()
                        .remove("docker-manifest-digest"),
                );
            },
            Code::PayloadMalformed,
        ),
        payload(
            "the digest in capital letters",
            |p| {
                let digest = &mut p["critical"]["image"]["docker-manifest-digest"];
                *digest = json!(digest.as_str().unwrap().to_uppercase());
            },
            Code::SubjectMismatch,
        ),
        payload(
            "another type of payload",
            |p| p["critical"]["type"] = json!("atomic container signature"),
            Code::PayloadType,
        ),
        annotation(
            "another signature",
            keyless,
            |a: &mut Annotations| {
                a.insert(SIGNATURE.to_owned(), base64(&Key::p256("signer").sign(b"x")));
            },
            Code::LogEntryMismatch,
        ),
        annotation(
            "a signature that is not base64",
            keyless,
            |a: &mut Annotations| {
                a.insert(SIGNATURE.to_owned(), "*".to_owned());
            },
            Code::SignatureMalformed,
        ),
        fault(
            "a bad signature, and the log was told so",
            keyless,
            |w| {
                w.plan.signature.set(flip);
            },
            Code::SignatureInvalid,
        ),
        fault(
            "an envelope with another payload",
            attested,
            |w| {
                w.envelope.set(|e| {
                    let other = crate::sigstore::signing::statement(&image(), "https://x.test/v1");
                    e["payload"] = json!(base64(&other));
                });
            },
            Code::AttestationType,
        ),
        fault(
            "an envelope of another image",
            attested,
            |w| {
                w.envelope.set(|e| {
                    let other = crate::sigstore::signing::statement(b"another", PROVENANCE);
                    e["payload"] = json!(base64(&other));
                });
            },
            Code::SubjectMismatch,
        ),
        fault(
            "an envelope with garbage for a signature",
            attested,
            |w| {
                w.envelope.set(|e| e["signatures"][0]["sig"] = json!(base64(b"garbage")));
            },
            Code::LogEntryMismatch,
        ),
        fault(
            "an envelope without signatures",
            attested,
            |w| {
                w.envelope.set(|e| e["signatures"] = json!([]));
            },
            Code::EnvelopeMalformed,
        ),
        fault(
            "an envelope whose certificate stands in it",
            attested,
            |w| {
                w.annotations.set(|a| {
                    let own = a.remove(CERTIFICATE);
                    a.insert("x".to_owned(), own.unwrap());
                });
            },
            Code::CertificateAbsent,
        ),
    ]
}
