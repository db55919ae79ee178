//! The Sigstore in memory makes what it says: structure here, validity by the oracle of interop/.
use std::{collections::BTreeSet, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

pub(crate) use crate::shared::not_run;
use crate::sigstore::{
    ARTIFACT, IDENTITY, Signing, Sigstore, Who,
    bundle::Version,
    ca::Ca,
    certificate::{CODE_SIGNING, EXTENDED_KEY_USAGE, FULCIO_OTHER_NAME, San, fulcio_oid},
    content::Verifier,
    ctlog::CtLog,
    instant::{HOUR, SIGNED},
    keys::{Form, Hash, Key},
    note::NoteSigner,
    rekor::{Kind, Rekor},
    trusted_root::{TrustedRoot, Window},
    tsa::{Embedded, Naming, Tsa},
};

pub(crate) const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

/// A plan, and what an oracle is told about it.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) root: TrustedRoot,
    pub(crate) plan: Signing,
    pub(crate) identity: &'static str,
    /// What is not asked for: `tlog`, `sct`.
    pub(crate) skip: &'static str,
}

struct Paths(Vec<Case>);

impl Paths {
    fn add(&mut self, name: &str, instance: &Sigstore, plan: Signing) -> &mut Case {
        let (name, root) = (name.to_owned(), instance.trusted_root());
        self.0.push(Case { name, root, plan, identity: IDENTITY, skip: "" });
        self.0.last_mut().unwrap()
    }

    fn with(&mut self, name: &str, plan: &Signing, change: impl Fn(&mut Sigstore, &mut Signing)) {
        let mut instance = Sigstore::new();
        let mut plan = plan.clone();
        change(&mut instance, &mut plan);
        self.add(name, &instance, plan);
    }
}

/// Every happy path.
pub(crate) fn happy_paths() -> Vec<Case> {
    let s = Sigstore::new();
    let plan = || s.signing(ARTIFACT);
    let mut all = Paths(Vec::new());

    // Envelopes and entries.
    all.add("v1-message", &s, plan());
    all.add("v1-message-v01", &s, plan().version(Version::V01));
    all.add("v1-message-v02", &s, plan().version(Version::V02));
    all.add("v1-message-v03-old-type", &s, plan().version(Version::V03Old));
    all.add("v1-message-whole-chain", &s, plan().version(Version::V02).who(Who::WholeChain));
    all.add("v1-dsse", &s, plan().dsse(PROVENANCE));
    all.add("v1-intoto-1", &s, plan().dsse(PROVENANCE).kind(Kind::Intoto1));
    all.add("v1-intoto-2", &s, plan().dsse(PROVENANCE).kind(Kind::Intoto2));
    all.add("v2-message", &s, plan().v2(&s));
    all.add("v2-dsse-hashedrekord", &s, plan().dsse(PROVENANCE).v2(&s));
    all.add("v2-dsse", &s, plan().dsse(PROVENANCE).v2(&s).kind(Kind::Dsse2));
    all.add("key-v1-message", &s, plan().who(Who::Key));
    all.add("key-v1-dsse", &s, plan().who(Who::Key).dsse(PROVENANCE));
    all.add("key-v2-message", &s, plan().who(Who::Key).v2(&s));
    all.add("key-timestamp-only", &s, plan().who(Who::Key).unlogged().timestamped(&s)).skip =
        "tlog\n";
    let mut proof_only = plan().timestamped(&s);
    proof_only.logs[0].promise = false;
    proof_only.logs[0].entry.set(|entry| entry.integrated_time = None);
    all.add("v1-proof-only", &s, proof_only);
    let mut promise_only = plan().version(Version::V01);
    promise_only.logs[0].proof = false;
    all.add("v1-promise-only", &s, promise_only);
    let mut both = plan().v2(&s);
    both.logs.push(s.rekor1.entry(Kind::HashedRekord1));
    all.add("v1-and-v2", &s, both);
    all.add("timestamp-only", &s, plan().unlogged().timestamped(&s)).skip = "tlog\n";

    keys(&mut all);
    certificates(&mut all);
    logs(&mut all);
    timestamps(&mut all);
    all.0
}

fn keys(all: &mut Paths) {
    let s = Sigstore::new();
    for (name, key) in [
        ("p384", Key::p384("signer")),
        ("p521", Key::p521("signer")),
        ("rsa2048", Key::rsa(2048)),
        ("rsa3072", Key::rsa(3072)),
        ("rsa4096", Key::rsa(4096)),
        ("ed25519", Key::ed25519("signer")),
    ] {
        let plan = s.signing(ARTIFACT).key(key.clone());
        all.add(&format!("{name}-v1-dsse"), &s, plan.clone().dsse(PROVENANCE));
        let mut message = plan.clone();
        if matches!(key, Key::Ed25519(_)) {
            message.form = Form::Prehashed;
        }
        all.add(&format!("{name}-v1-message"), &s, message.clone());
        all.add(&format!("{name}-v2-message"), &s, message.v2(&s));
        let mut sha256 = plan;
        sha256.hash = Hash::Sha256;
        if matches!(key, Key::P384(_) | Key::P521(_)) {
            all.add(&format!("{name}-sha256-v1-message"), &s, sha256.clone());
            all.add(&format!("{name}-sha256-v2-message"), &s, sha256.v2(&s));
        }
    }
}

fn certificates(all: &mut Paths) {
    let s = Sigstore::new();
    let plan = s.signing(ARTIFACT);
    let names: [(_, _, &[San<'_>]); 4] = [
        ("email", "a@example.test", &[San::Email("a@example.test")]),
        ("othername", "user!example.test", &[San::Other(FULCIO_OTHER_NAME, "user!example.test")]),
        ("dns", "build.example.test", &[San::Dns("build.example.test")]),
        ("two-names", IDENTITY, &[San::Uri(IDENTITY), San::Email("a@example.test")]),
    ];
    for (name, identity, sans) in names {
        let mut plan = plan.clone();
        plan.certificate = plan.certificate.sans(sans);
        all.add(&format!("san-{name}"), &s, plan).identity = identity;
    }
    let mut only = plan.clone();
    only.certificate.remove(&fulcio_oid(8));
    all.add("issuer-v1-only", &s, only);
    let mut only = plan.clone();
    only.certificate.remove(&fulcio_oid(1));
    all.add("issuer-v2-only", &s, only);
    all.with("every-extension", &plan, |_, plan| {
        plan.certificate = plan.certificate.clone().github();
    });

    for depth in [1, 3, 4] {
        let mut deep = Sigstore::new();
        deep.ca = Ca::of_depth("one", depth);
        all.add(&format!("ca-depth-{depth}"), &deep, deep.signing(ARTIFACT));
    }
    let mut other = Sigstore::new();
    other.ca = Ca::of_keys("one", vec![Key::rsa(4096), Key::p384("one CA 1")]);
    all.add("ca-rsa-root", &other, other.signing(ARTIFACT));
    let mut constrained = Sigstore::new();
    let middle = constrained.ca.authorities[1].clone();
    constrained.ca.authorities[1] = middle.constrained(&[San::Email("example.test")], &[]);
    let mut named = constrained.signing(ARTIFACT);
    named.certificate = named.certificate.sans(&[San::Email("a@example.test")]);
    all.add("ca-name-constraints", &constrained, named).identity = "a@example.test";
}

fn logs(all: &mut Paths) {
    let s = Sigstore::new();
    let plan = s.signing(ARTIFACT);
    for (name, key) in [("p384", Key::p384("ct")), ("rsa", Key::rsa(2048))] {
        let mut other = Sigstore::new();
        other.ct = CtLog::new("one", key);
        all.add(&format!("ct-{name}"), &other, other.signing(ARTIFACT));
    }
    let mut pkcs1 = Sigstore::new();
    let key = Key::rsa(2048);
    pkcs1.ct = CtLog::new("one", key.clone());
    let happy = all.add("ct-rsa-pkcs1", &pkcs1, pkcs1.signing(ARTIFACT));
    happy.root.ctlogs[0].key = key.pkcs1();
    happy.root.ctlogs[0].details = "PKCS1_RSA_PKCS1V5".to_owned();
    all.with("sct-extensions", &plan, |_, plan| plan.scts[0].extensions = vec![0, 0, 5, 1, 2]);
    all.with("two-scts", &plan, |s, plan| plan.scts.push(s.ct.sct()));
    let unpublished = Signing { scts: Vec::new(), ..plan.clone() };
    all.add("no-sct", &s, unpublished).skip = "sct\n";

    for (before, after) in [(0, 0), (0, 1), (1, 0), (6, 0), (7, 0), (8, 5), (100, 27)] {
        let mut plan = plan.clone();
        plan.logs[0].others = (before, after);
        all.add(&format!("tree-{before}-{after}"), &s, plan);
    }
    all.with("v1-checkpoint-with-timestamp", &plan, |_, plan| {
        plan.logs[0].checkpoint.set(|c| c.more.push("Timestamp: 1748779205000000000".to_owned()));
    });
    let v2 = plan.clone().v2(&s);
    all.with("v2-cosigned", &v2, |_, plan| {
        plan.logs[0].checkpoint.set(|c| {
            c.signers.push(NoteSigner::witness("witness.test/w1", 1_748_779_207));
            c.signers.insert(0, NoteSigner::witness("witness.test/w2", 1_748_779_208));
        });
    });
    let key = Key::p256("one Rekor v2 ECDSA");
    let mut ecdsa = Sigstore::new();
    ecdsa.rekor2 = Rekor::v2("one", key);
    all.add("v2-ecdsa", &ecdsa, ecdsa.signing(ARTIFACT).v2(&ecdsa));
}

fn timestamps(all: &mut Paths) {
    let s = Sigstore::new();
    let v2 = s.signing(ARTIFACT).v2(&s);
    let v1 = s.signing(ARTIFACT).timestamped(&s);
    all.add("v1-timestamped", &s, v1);
    for (name, key) in [("p384", Key::p384("one TSA")), ("rsa", Key::rsa(2048))] {
        let mut other = Sigstore::new();
        other.tsa = Tsa::new("one", key);
        all.add(&format!("tsa-{name}"), &other, other.signing(ARTIFACT).v2(&other));
    }
    for (name, hash) in [("sha384", Hash::Sha384), ("sha512", Hash::Sha512)] {
        all.with(&format!("tsa-imprint-{name}"), &v2, |_, p| p.timestamps[0].imprint = hash);
        all.with(&format!("tsa-digest-{name}"), &v2, |_, p| p.timestamps[0].digest = hash);
    }
    all.with("tsa-nothing-embedded", &v2, |_, p| p.timestamps[0].embedded = Embedded::Nothing);
    all.with("tsa-chain-embedded", &v2, |_, p| p.timestamps[0].embedded = Embedded::Chain);
    all.with("tsa-named-v1", &v2, |_, p| p.timestamps[0].naming = Naming::V1);
    all.with("tsa-unnamed", &v2, |_, p| p.timestamps[0].naming = Naming::Absent);
    all.with("tsa-bare-token", &v2, |_, p| p.timestamps[0].bare = true);
    all.with("tsa-nonce", &v2, |_, p| {
        p.timestamps[0].info.set(|info| {
            info.nonce = Some(vec![0x81, 2, 3]);
            info.accuracy = Some((1, 500, 20));
            info.ordering = true;
        });
    });
    all.with("tsa-no-accuracy", &v2, |_, p| p.timestamps[0].info.set(|i| i.accuracy = None));
    let mut two = Sigstore::new();
    two.tsa.uri.push_str("/second");
    let second = Tsa::new("second", Key::p384("second TSA"));
    let mut plan = two.signing(ARTIFACT).v2(&two);
    plan.timestamps.push(second.stamp());
    all.add("two-tsas", &two, plan).root.timestamp_authorities.push((&second).into());
}

/// Plans with one fault each, a few for every part: what they are for is in tests/sigstore.
pub(crate) fn faults() -> Vec<Case> {
    let s = Sigstore::new();
    let v1 = s.signing(ARTIFACT);
    let dsse = v1.clone().dsse(PROVENANCE);
    let v2 = v1.clone().v2(&s);
    let mut all = Paths(Vec::new());
    let flip = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;

    all.with("no-code-signing", &v1, |_, p| p.certificate.remove(EXTENDED_KEY_USAGE));
    all.with("leaf-is-ca", &v1, |_, p| p.certificate = p.certificate.clone().basic(true, None));
    all.with("unknown-critical", &v1, |_, p| {
        p.certificate = p.certificate.clone().unknown_critical();
    });
    all.with("signed-after-expiry", &v1, |_, p| p.certificate.not_after = SIGNED + 4);
    all.with("other-ca", &v1, |_, p| p.issuer = Ca::new("other").issuer());
    all.with("rsa-1024", &v1, |_, p| *p = p.clone().key(Key::rsa(1024)));
    all.with("p224", &v1, |_, p| *p = p.clone().key(Key::p224()));
    all.with("sct-signature", &v1, move |_, p| p.scts[0].signature.set(flip));
    all.with("sct-other-certificate", &v1, move |_, p| {
        p.scts[0].signed.set(move |precertificate| flip(&mut precertificate.tbs));
    });
    all.with("sct-other-log", &v1, |_, p| p.scts[0].log = CtLog::new("x", Key::p256("x")));
    all.with("signature", &v1, move |_, p| p.signature.set(flip));
    all.with("log-other-certificate", &v1, |_, p| {
        let other = p.clone().key(Key::p256("other")).issue();
        p.logs[0].told.set(move |told| told.verifier = Verifier::Certificate(other.clone()));
    });
    all.with("log-other-signature", &v1, |_, p| {
        let other = Key::p256("signer").sign(b"other");
        p.logs[0].told.set(move |told| *told.signed.signature_mut() = other.clone());
    });
    all.with("log-other-digest", &v1, |_, p| {
        p.logs[0].body.set(|body| body["spec"]["data"]["hash"]["value"] = "0".repeat(64).into());
    });
    all.with("log-other-payload", &dsse, |_, p| {
        p.logs[0].told.set(|told| told.signed.envelope_mut().payload.push(b' '));
    });
    all.with("promise-other-time", &v1, |_, p| {
        p.logs[0].promised.set(|promised| promised["integratedTime"] = (SIGNED + 9).into());
    });
    all.with("proof-hash", &v1, move |_, p| {
        p.logs[0].entry.set(move |entry| flip(&mut entry.proof.as_mut().unwrap().hashes[0]));
    });
    all.with("checkpoint-other-root", &v1, move |_, p| {
        p.logs[0].checkpoint.set(move |checkpoint| flip(&mut checkpoint.root));
    });
    all.with("checkpoint-other-key", &v1, |_, p| {
        p.logs[0].checkpoint.set(|checkpoint| checkpoint.signers[0].key = Key::p256("x"));
    });
    all.with("v2-other-origin", &v2, |_, p| {
        p.logs[0].checkpoint.set(|checkpoint| checkpoint.origin = "log.other.test".to_owned());
    });
    all.with("v2-other-certificate", &v2, |_, p| {
        let other = p.clone().key(Key::p256("other")).issue();
        p.logs[0].told.set(move |told| told.verifier = Verifier::Certificate(other.clone()));
    });
    all.with("v2-no-timestamp", &v2, |_, p| p.timestamps.clear());
    all.with("stamp-of-another", &v2, move |_, p| p.timestamps[0].over.set(flip));
    all.with("stamp-too-late", &v2, |_, p| p.timestamps[0].time = SIGNED + HOUR);
    all.with("stamp-signature", &v2, move |_, p| p.timestamps[0].signature.set(flip));
    all.with("stamp-message-digest", &v2, move |_, p| {
        p.timestamps[0].attributes.set(move |attributes| flip(&mut attributes[2].value));
    });
    all.with("stamp-names-another", &v2, move |_, p| {
        p.timestamps[0].attributes.set(move |attributes| flip(&mut attributes[3].value));
    });
    all.with("stamp-code-signing", &v2, |s, p| {
        s.tsa.leaf = s.tsa.leaf.clone().purposes(&[CODE_SIGNING]);
        p.timestamps[0].tsa = s.tsa.clone();
    });
    all.with("stamp-other-authority", &v2, |_, p| {
        p.timestamps[0].tsa = Tsa::new("other", Key::p256("other TSA"));
    });
    for (name, plan, change) in [
        ("root-ca-ended", &v1, root_ca_ended as fn(&mut TrustedRoot)),
        ("root-log-ended", &v1, |root| root.tlogs[0].valid_for = Some(Window::until(SIGNED))),
        ("root-ct-ended", &v1, |root| root.ctlogs[0].valid_for = Some(Window::until(SIGNED - 1))),
        ("root-tsa-ended", &v2, |root| {
            root.timestamp_authorities[0].valid_for = Some(Window::until(SIGNED));
        }),
        ("root-without-log", &v1, |root| {
            root.tlogs.remove(0);
        }),
    ] {
        change(&mut all.add(name, &s, plan.clone()).root);
    }
    all.0
}

fn root_ca_ended(root: &mut TrustedRoot) {
    root.certificate_authorities[0].valid_for = Some(Window::until(SIGNED));
}

#[test]
fn every_fault_changes_something_and_makes_the_same_bytes_again() {
    for (one, two) in faults().iter().zip(faults()) {
        let right = Sigstore::new();
        assert_eq!(bundle(one), bundle(&two), "{}", one.name);
        let rights = [right.signing(ARTIFACT), right.signing(ARTIFACT).v2(&right)];
        let changed = rights.iter().all(|plan| right.sign(plan).json() != bundle(one));
        assert!(changed || one.root.json() != right.trusted_root().json(), "{}", one.name);
    }
}

#[test]
fn annotations_say_what_the_bundle_says() {
    let s = Sigstore::new();
    let bundle = s.sign(&s.signing(ARTIFACT).timestamped(&s));
    let annotations = bundle.annotations(&s.ca.chain());
    let value: Value = serde_json::from_str(&annotations["dev.sigstore.cosign/bundle"]).unwrap();
    let entry = &bundle.value()["verificationMaterial"]["tlogEntries"][0];
    let payload = &value["Payload"];
    assert_eq!(payload["body"], entry["canonicalizedBody"]);
    assert_eq!(payload["logIndex"].to_string(), entry["logIndex"].as_str().unwrap());
    assert_eq!(payload["integratedTime"].to_string(), entry["integratedTime"].as_str().unwrap());
    assert_eq!(value["SignedEntryTimestamp"], entry["inclusionPromise"]["signedEntryTimestamp"]);
    assert_eq!(annotations["dev.sigstore.cosign/chain"].matches("BEGIN CERTIFICATE").count(), 2);
    assert!(annotations["dev.sigstore.cosign/rfc3161timestamp"].contains("SignedRFC3161Timestamp"));
    assert!(annotations["dev.sigstore.cosign/certificate"].starts_with("-----BEGIN CERTIFICATE"));
    assert!(annotations.contains_key("dev.cosignproject.cosign/signature"));
}

/// Paths of all members, and the types of their values; a log's proof may be of any length.
fn shape(value: &Value, path: &str, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| shape(value, &format!("{path}/{name}"), all));
        }
        Value::Array(items) => items.iter().for_each(|item| shape(item, &format!("{path}[]"), all)),
        Value::String(_) => drop(all.insert(format!("{path}: string"))),
        _ => drop(all.insert(format!("{path}: other"))),
    }
}

fn shapes(bundle: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    shape(bundle, "", &mut all);
    for entry in bundle["verificationMaterial"]["tlogEntries"].as_array().unwrap() {
        let body = entry["canonicalizedBody"].as_str().unwrap();
        let body = STANDARD.decode(body).unwrap();
        shape(&serde_json::from_slice(&body).unwrap(), "body", &mut all);
    }
    all
}

/// Vectors in whose place a happy path could stand, and members that only the vector has.
#[test]
fn shapes_are_those_of_the_conformance_vectors() {
    let Some(vectors) = vectors() else {
        return not_run("the conformance vectors are not there");
    };
    let s = Sigstore::new();
    let v1 = s.signing(ARTIFACT);
    let dsse = v1.clone().dsse(PROVENANCE);
    let cases: [(_, _, &[&str]); 8] = [
        ("happy-path-v0.1", v1.clone().version(Version::V01), &[]),
        ("happy-path-v0.3", v1.clone().version(Version::V03Old), &[]),
        ("happy-path-v0.3-new-mediaType", v1.clone(), &[]),
        ("happy-path-intoto-in-dsse-v3", dsse.clone(), &[]),
        ("managed-key-happy-path", v1.clone().who(Who::Key).timestamped(&s), &[]),
        ("rekor2-happy-path", v1.v2(&s), &[]),
        ("rekor2-dsse-happy-path", dsse.clone().v2(&s), &[]),
        (
            "intoto-with-custom-trust-root",
            dsse.version(Version::V02).timestamped(&s).kind(Kind::Intoto2),
            // A mock's, which keeps the payload; and an empty key id.
            &[
                "body/spec/content/envelope/payload: string",
                "/dsseEnvelope/signatures[]/keyid: string",
            ],
        ),
    ];
    for (name, mut plan, only_theirs) in cases {
        if name == "intoto-with-custom-trust-root" {
            plan.logs[0].others = (0, 0);
        }
        let read = |file: &str| std::fs::read(vectors.join(name).join(file)).unwrap();
        let theirs: Value = serde_json::from_slice(&read("bundle.sigstore.json")).unwrap();
        let mut expected = shapes(&theirs);
        for path in only_theirs {
            assert!(expected.remove(*path), "{name}: {path}");
        }
        assert_eq!(shapes(&s.sign(&plan).value()), expected, "{name}");
        assert_eq!(s.sign(&plan).media_type, theirs["mediaType"], "{name}");
    }
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    for (one, two) in happy_paths().iter().zip(happy_paths()) {
        assert_eq!(bundle(one), bundle(&two), "{}", one.name);
        assert_eq!(one.root.json(), two.root.json(), "{}", one.name);
    }
}

fn bundle(happy: &Case) -> Vec<u8> {
    Sigstore::new().sign(&happy.plan).json()
}

/// The public vectors of this test.
pub(crate) fn vectors() -> Option<PathBuf> {
    crate::shared::vectors("sigstore-conformance")
}
