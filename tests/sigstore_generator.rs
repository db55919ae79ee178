//! The Sigstore in memory makes what it says: structure here, validity by the oracle of interop/.
#![allow(clippy::disallowed_methods, reason = "the core reads no files; tests of it do")]

#[path = "support/sigstore/mod.rs"]
mod sigstore;

use sigstore::{
    ARTIFACT, IDENTITY, ISSUER, Signing, Sigstore, Who,
    bundle::Version,
    ca::Ca,
    certificate::{FULCIO_OTHER_NAME, San},
    ctlog::CtLog,
    keys::{Form, Hash, Key},
    note::NoteSigner,
    rekor::{Kind, Rekor},
    trusted_root::TrustedRoot,
    tsa::{Embedded, Naming, Tsa},
};

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

/// A plan that is right in every way, and what an oracle is told about it.
struct Happy {
    name: String,
    root: TrustedRoot,
    plan: Signing,
    identity: &'static str,
    /// Lines of the oracle's `skip`.
    skip: &'static str,
}

struct Paths(Vec<Happy>);

impl Paths {
    fn add(&mut self, name: &str, instance: &Sigstore, plan: Signing) -> &mut Happy {
        let (name, root) = (name.to_owned(), instance.trusted_root());
        self.0.push(Happy { name, root, plan, identity: IDENTITY, skip: "" });
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
fn happy_paths() -> Vec<Happy> {
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
    only.certificate.remove(&sigstore::certificate::fulcio_oid(8));
    all.add("issuer-v1-only", &s, only);
    let mut only = plan.clone();
    only.certificate.remove(&sigstore::certificate::fulcio_oid(1));
    all.add("issuer-v2-only", &s, only);
    let mut every = plan.clone();
    every.certificate = every.certificate.github();
    all.add("every-extension", &s, every);

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

#[test]
fn the_same_plan_gives_the_same_bytes() {
    for (one, two) in happy_paths().iter().zip(happy_paths()) {
        assert_eq!(bundle(one), bundle(&two), "{}", one.name);
        assert_eq!(one.root.json(), two.root.json(), "{}", one.name);
    }
}

fn bundle(happy: &Happy) -> Vec<u8> {
    Sigstore::new().sign(&happy.plan).json()
}

/// With `SIGSTORE_DUMP=DIR`, writes every happy path for the oracle.
#[test]
fn happy_paths_can_be_dumped() {
    let Ok(directory) = std::env::var("SIGSTORE_DUMP") else {
        return;
    };
    for happy in happy_paths() {
        let directory = std::path::Path::new(&directory).join(&happy.name);
        std::fs::create_dir_all(&directory).unwrap();
        let write = |file: &str, bytes: &[u8]| {
            std::fs::write(directory.join(file), bytes).unwrap();
        };
        write("bundle.json", &bundle(&happy));
        write("trusted_root.json", &happy.root.json());
        write("artifact", &happy.plan.artifact);
        if !happy.skip.is_empty() {
            write("skip", happy.skip.as_bytes());
        }
        if happy.plan.who == Who::Key {
            write("key.pub", happy.plan.key.public_pem().as_bytes());
        } else {
            write("identity", happy.identity.as_bytes());
            write("issuer", ISSUER.as_bytes());
        }
    }
}
