//! Sigstore as an attacker sees it: what several candidates, authorities and instances do to one
//! another. Each is named by what must hold.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the core knows no clock; tests of it do"
)]

#[path = "support/sigstore/mod.rs"]
mod sigstore;

use std::time::{Duration, Instant};

use countersign::{
    Step, evaluate,
    evidence::Budget,
    policy::Policy,
    time::Time,
    verdict::Code,
    wire::{BlobRequest, BlobSignature, Bytes, Decision, Outcome, Request},
};
use serde_json::{Value, json};
use sigstore::{
    ARTIFACT, IDENTITY, ISSUER, Signing, Sigstore, Who,
    instant::{SIGNED, YEAR},
    keys::{Hash, Key, pem},
    rekor::Kind,
    signing::{IN_TOTO, statement},
    trusted_root::TrustedRoot,
    tsa::Naming,
};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const TYPE: &str = "https://example.test/type";

/// The decision on [`ARTIFACT`], of which the host delivers the bytes.
fn decide(spec: &Value, bundles: &[Vec<u8>]) -> Decision {
    decide_blob(spec, bundles, Some(Bytes(ARTIFACT.to_vec())), Vec::new())
}

fn decide_blob(
    spec: &Value,
    bundles: &[Vec<u8>],
    content: Option<Bytes>,
    digests: Vec<String>,
) -> Decision {
    let signature =
        |b: &Vec<u8>| BlobSignature { media_type: BUNDLE.into(), content: Bytes(b.clone()) };
    let signatures = bundles.iter().map(signature).collect();
    let blob = BlobRequest { name: "artifact".into(), digests, content, signatures };
    let request = Request { blobs: vec![blob], ..Request::default() };
    let policy = Policy::parse(&document(spec)).unwrap();
    match evaluate(&policy, &request, &[], Time::from_unix(SIGNED + YEAR), Budget::default()) {
        Step::Decision(decision) => *decision,
        Step::Need(needs) => panic!("{needs:?}"),
    }
}

fn document(spec: &Value) -> Value {
    json!({ "apiVersion": "countersign.dev/v1", "kind": "ImagePolicy", "spec": spec })
}

fn code(decision: &Decision) -> Option<Code> {
    decision.blobs[0].reason.as_ref().map(|reason| reason.code)
}

fn spec(root: &TrustedRoot, authorities: &Value, require: &Value) -> Value {
    json!({
        "trust": { "test": { "sigstore": { "trustedRoot": root.value() } } },
        "authorities": authorities,
        "rules": [{ "blobs": ["**"], "require": require }],
    })
}

/// The authority `signer`, without any trust.
fn alone(authorities: &Value) -> Value {
    json!({ "authorities": authorities, "rules": [{ "blobs": ["**"], "require": "signer" }] })
}

fn keyless() -> Value {
    json!({ "cosign": { "trust": "test", "keyless": [{ "issuer": ISSUER, "subject": IDENTITY }] } })
}

fn bundle(plan: &Signing) -> Vec<u8> {
    Sigstore::new().sign(plan).json()
}

#[test]
fn one_certificate_is_one_signer_whether_fulcio_is_trusted_as_fulcio_or_as_an_own_ca() {
    let sigstore = Sigstore::new();
    let plan = sigstore.signing(ARTIFACT);
    let chain = sigstore.ca.chain();
    let (root, intermediates) = chain.split_last().unwrap();
    let own = json!({ "cosign": { "trust": "own", "certificate": { "subject": IDENTITY } } });
    let mut spec = spec(
        &sigstore.trusted_root(),
        &json!({ "fulcio": keyless(), "own": own }),
        &json!({ "atLeast": 2, "of": ["fulcio", "own"] }),
    );
    let intermediates: Vec<_> = intermediates.iter().map(|der| pem("CERTIFICATE", der)).collect();
    spec["trust"]["own"] =
        json!({ "x509": { "roots": [pem("CERTIFICATE", root)], "intermediates": intermediates } });
    // Own CAs without a log are judged now.
    let mut plan = plan;
    plan.certificate.not_after = SIGNED + 2 * YEAR;
    let decision = decide(&spec, &[bundle(&plan)]);
    assert_eq!(code(&decision), Some(Code::ThresholdSameSigner), "{decision:#?}");
}

#[test]
fn one_key_is_one_signer_with_a_certificate_and_without() {
    let sigstore = Sigstore::new();
    let plan = sigstore.signing(ARTIFACT);
    let key = json!({ "cosign": { "keys": [plan.key.public_pem()] } });
    let spec = spec(
        &sigstore.trusted_root(),
        &json!({ "fulcio": keyless(), "key": key }),
        &json!({ "atLeast": 2, "of": ["fulcio", "key"] }),
    );
    let decision = decide(&spec, &[bundle(&plan)]);
    assert_eq!(code(&decision), Some(Code::ThresholdSameSigner), "{decision:#?}");
}

#[test]
fn a_digest_that_the_host_did_not_compute_is_not_a_bad_signature() {
    let sigstore = Sigstore::new();
    let plan = sigstore.signing(ARTIFACT).key(Key::p384("signer")).who(Who::Key).unlogged();
    let key = json!({ "cosign": { "keys": [plan.key.public_pem()] } });
    let spec = alone(&json!({ "signer": key }));
    let mut bundle: Value = serde_json::from_slice(&bundle(&plan)).unwrap();
    bundle["messageSignature"].as_object_mut().unwrap().remove("messageDigest");
    let bundle = bundle.to_string().into_bytes();
    let digest =
        |hash: Hash| format!("{}:{}", hash.name(), sigstore::keys::hex(&hash.of(ARTIFACT)));
    let known = vec![digest(Hash::Sha256), digest(Hash::Sha384)];
    let decision = decide_blob(&spec, std::slice::from_ref(&bundle), None, known.clone());
    assert_eq!(code(&decision), None, "{decision:#?}");
    let decision = decide_blob(&spec, &[bundle], None, known[..1].to_vec());
    assert_eq!(code(&decision), Some(Code::EvidenceHostAsserted), "{decision:#?}");
}

#[test]
fn a_key_that_needs_more_than_the_digest_does_not_stand_before_one_that_does_not() {
    let sigstore = Sigstore::new();
    let plan = sigstore.signing(ARTIFACT).who(Who::Key).unlogged();
    let digest = format!("sha256:{}", sigstore::keys::hex(&Hash::Sha256.of(ARTIFACT)));
    let mut bundle: Value = serde_json::from_slice(&bundle(&plan)).unwrap();
    bundle["verificationMaterial"]["publicKey"]["hint"] = json!("");
    for first in [Key::ed25519("other"), Key::p384("other"), Key::rsa(2048)] {
        let keys = [first.public_pem(), plan.key.public_pem()];
        let signer = json!({ "cosign": { "keys": keys } });
        let spec = alone(&json!({ "signer": signer }));
        let bundles = [bundle.to_string().into_bytes()];
        let decision = decide_blob(&spec, &bundles, None, vec![digest.clone()]);
        assert_eq!(code(&decision), None, "{decision:#?}");
    }
}

#[test]
fn a_key_under_a_trust_that_proves_nothing_is_warned_about() {
    let sigstore = Sigstore::new();
    let mut root = sigstore.trusted_root();
    root.tlogs.clear();
    let plan = sigstore.signing(ARTIFACT).who(Who::Key).unlogged();
    let key = json!({ "cosign": { "keys": [plan.key.public_pem()], "trust": "test" } });
    let decision =
        decide(&spec(&root, &json!({ "signer": key }), &json!("signer")), &[bundle(&plan)]);
    assert_eq!(decision.outcome, Outcome::Allow);
    assert!(decision.warnings.iter().any(|w| w.contains("checks the key alone")), "{decision:#?}");
}

#[test]
fn what_is_weakened_in_any_of_several_attestations_is_said() {
    let sigstore = Sigstore::new();
    let plan = |predicate: &str| sigstore.signing(ARTIFACT).dsse(predicate).timestamped(&sigstore);
    let other = {
        let mut plan = plan("https://example.test/2").key(Key::p256("other")).who(Who::Key);
        plan.unsigned = Default::default();
        plan
    };
    let weak = json!({ "cosign": { "trust": "test", "transparencyLog": "ignore",
        "timestamp": "required", "keyless": [{ "issuer": ISSUER, "subject": IDENTITY }] } });
    let strong = json!({ "cosign": { "trust": "test", "keys": [other.key.public_pem()] } });
    let spec = spec(
        &sigstore.trusted_root(),
        &json!({ "weak": weak, "strong": strong }),
        &json!({ "atLeast": 2, "of": [
            { "attestation": { "type": "*", "signedBy": { "any": ["weak", "strong"] } } },
            "none",
        ] }),
    );
    let mut spec = spec;
    spec["rules"][0]["require"]["of"][1] = json!(
        { "attestation": { "type": "https://example.test/2", "signedBy": "strong" } });
    let decision = decide(&spec, &[bundle(&plan("https://example.test/1")), bundle(&other)]);
    assert_eq!(decision.outcome, Outcome::Allow, "{decision:#?}");
    assert!(
        decision.warnings.iter().any(|w| w.contains("log.ignored")),
        "{:#?}",
        decision.warnings
    );
}

#[test]
fn the_order_of_timestamp_authorities_does_not_matter() {
    let sigstore = Sigstore::new();
    let other = Sigstore::named("two");
    let mut plan = sigstore.signing(ARTIFACT).timestamped(&sigstore);
    plan.timestamps[0].naming = Naming::V1;
    // An authority of which only the root is known.
    let mut rootless = other.trusted_root().timestamp_authorities.remove(0);
    let anchor = rootless.certificates.pop().unwrap();
    rootless.certificates = vec![anchor];
    for first in [true, false] {
        let mut root = sigstore.trusted_root();
        root.timestamp_authorities.insert(usize::from(!first), rootless.clone());
        let spec = spec(&root, &json!({ "signer": keyless() }), &json!("signer"));
        let decision = decide(&spec, &[bundle(&plan)]);
        assert_eq!(code(&decision), None, "{first} {decision:#?}");
    }
}

#[test]
fn expressions_match_the_whole_identity_whatever_flags_they_have() {
    let sigstore = Sigstore::new();
    for (text, good) in [
        ("https://github\\.com/acme/.+", true),
        ("(?i)HTTPS://github\\.com/acme/.+", true),
        ("github\\.com/acme", false),
        ("(?m)^.*acme$", false),
        ("(?s).*acme", false),
        ("x|https://github\\.com/acme", false),
        ("(?x) https://github\\.com/ acme/.+", true),
    ] {
        let signer = json!({ "cosign": { "trust": "test",
            "keyless": [{ "issuer": ISSUER, "subjectRegExp": text }] } });
        let spec = spec(&sigstore.trusted_root(), &json!({ "signer": signer }), &json!("signer"));
        let decision = decide(&spec, &[bundle(&sigstore.signing(ARTIFACT))]);
        assert_eq!(code(&decision).is_none(), good, "{text}");
    }
    for text in ["(?x)a # )", "a)|(b", "(?x)a #", "("] {
        let signer = json!({ "cosign": { "trust": "test",
            "keyless": [{ "issuer": ISSUER, "subjectRegExp": text }] } });
        let spec = spec(&sigstore.trusted_root(), &json!({ "signer": signer }), &json!("signer"));
        assert!(Policy::parse(&document(&spec)).is_err(), "{text}");
    }
}

/// A signature by nobody whom Fulcio knows, of which everything else is in order: logged, and with
/// as many timestamps as a bundle may have.
fn by_nobody(n: usize) -> Vec<u8> {
    let sigstore = Sigstore::new();
    let mut plan = sigstore.signing(ARTIFACT);
    plan.issuer.key = Key::p256(&format!("nobody {n}"));
    for second in 0..32 {
        let mut stamp = sigstore.tsa.stamp();
        stamp.time = SIGNED + 10 + second;
        plan.timestamps.push(stamp);
    }
    bundle(&plan)
}

#[test]
fn bundles_that_cost_much_leave_enough_for_the_good_one() {
    let sigstore = Sigstore::new();
    let spec = spec(&sigstore.trusted_root(), &json!({ "signer": keyless() }), &json!("signer"));
    let mut bundles: Vec<_> = (0..20).map(by_nobody).collect();
    bundles.push(bundle(&sigstore.signing(ARTIFACT)));
    let decision = decide(&spec, &bundles);
    assert_eq!(code(&decision), None, "{:?}", decision.usage);
    bundles.pop();
    let decision = decide(&spec, &bundles);
    assert_eq!(code(&decision), Some(Code::BudgetSignatures), "{:?}", decision.usage);
    assert!(decision.usage.signature_operations <= Budget::default().signatures);
}

#[test]
fn a_large_payload_is_not_hashed_again_for_every_entry() {
    let sigstore = Sigstore::new();
    let mut statement: Value = serde_json::from_slice(&statement(ARTIFACT, TYPE)).unwrap();
    statement["predicate"]["text"] = json!("x".repeat(11 << 20));
    // An entry that has the signature only within the digest of the envelope's JSON.
    let payload = statement.to_string().into_bytes();
    let mut plan = sigstore.signing(ARTIFACT).envelope(IN_TOTO, payload).kind(Kind::Intoto1);
    plan.logs = vec![plan.logs[0].clone(); 32];
    let tree = json!({ "attestation": { "type": TYPE, "signedBy": "signer" } });
    let spec = spec(&sigstore.trusted_root(), &json!({ "signer": keyless() }), &tree);
    let bundles = [bundle(&plan)];
    let start = Instant::now();
    let decision = decide(&spec, &bundles);
    let took = start.elapsed();
    assert_eq!(code(&decision), None, "{decision:#?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}
