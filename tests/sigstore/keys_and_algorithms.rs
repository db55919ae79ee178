//! Keys that are too weak or of another kind, and signatures in other forms.

use countersign::verdict::Code;
use serde_json::json;

use crate::{
    sigstore::{
        ARTIFACT, Sigstore, der,
        keys::{Form, Hash, Key},
    },
    world::{Fault, World, fault, flip, keyed, keyed_dsse, keyed_v2, keyless, keyless_dsse, v2},
};

/// Keyless with this key.
fn by(key: fn() -> Key) -> World {
    World::keyless(&Sigstore::new(), |plan, _| plan.key(key()))
}

/// A key of the policy that no log vouches for.
fn alone() -> World {
    let mut world = keyed();
    world.cosign.as_object_mut().unwrap().remove("trust");
    world
}

fn ec(curve: &str, point: &[u8]) -> Vec<u8> {
    let algorithm = der::algorithm("1.2.840.10045.2.1", &[der::oid(curve)]);
    der::seq(&[algorithm, der::bits(point)])
}

pub(crate) fn faults() -> Vec<Fault> {
    let mut all = Vec::new();
    all.extend(certified());
    all.extend(signatures());
    all.extend(policy_keys());
    all
}

/// Keys of certificates.
fn certified() -> Vec<Fault> {
    let claims = |name: &str, spki: fn() -> Vec<u8>, code| {
        fault(name, keyless, move |w| w.plan.certificate.claimed_spki = Some(spki()), code)
    };
    let (weak, unsupported, malformed) = (Code::KeyWeak, Code::KeyUnsupported, Code::KeyMalformed);
    vec![
        fault("RSA of 1024 bits", keyless, |w| w.plan = w.plan.clone().key(Key::rsa(1024)), weak),
        fault(
            "RSA of 1024 bits, with Rekor v2",
            v2,
            |w| w.plan = w.plan.clone().key(Key::rsa(1024)),
            weak,
        ),
        fault(
            "RSA of 1024 bits, of an envelope",
            keyless_dsse,
            |w| {
                w.plan = w.plan.clone().key(Key::rsa(1024));
            },
            weak,
        ),
        fault("P-224", keyless, |w| w.plan = w.plan.clone().key(Key::p224()), weak),
        fault("P-224, with Rekor v2", v2, |w| w.plan = w.plan.clone().key(Key::p224()), weak),
        claims("P-192", || ec("1.2.840.10045.3.1.1", &[4; 49]), weak),
        claims("secp256k1", || ec("1.3.132.0.10", &[4; 65]), unsupported),
        claims("a curve that is not known", || ec("1.2.3", &[4; 65]), unsupported),
        claims(
            "a compressed point",
            || {
                let spki = Key::p256("signer").spki();
                let point = &spki[spki.len() - 65..];
                ec("1.2.840.10045.3.1.7", &[&[2 + (point[64] & 1)], &point[1..33]].concat())
            },
            unsupported,
        ),
        claims(
            "a point that is not on the curve",
            || ec("1.2.840.10045.3.1.7", &[4; 65]),
            malformed,
        ),
        claims("the point at infinity", || ec("1.2.840.10045.3.1.7", &[0]), unsupported),
        claims(
            "Ed448",
            || der::seq(&[der::algorithm("1.3.101.113", &[]), der::bits(&[1; 57])]),
            unsupported,
        ),
        claims(
            "Ed25519 of small order",
            || der::seq(&[der::algorithm("1.3.101.112", &[]), der::bits(&[0; 32])]),
            weak,
        ),
        claims(
            "RSASSA-PSS by its own identifier",
            || {
                let spki = Key::rsa(2048).pkcs1();
                der::seq(&[der::algorithm("1.2.840.113549.1.1.10", &[]), der::bits(&spki)])
            },
            unsupported,
        ),
        claims(
            "DSA",
            || der::seq(&[der::algorithm("1.2.840.10040.4.1", &[]), der::bits(&[2, 1, 1])]),
            unsupported,
        ),
        claims(
            "RSA of 8192 bits",
            || {
                let mut modulus = vec![0xff; 1024];
                modulus[1023] = 0xfd;
                let key = der::seq(&[der::uint(&modulus), der::uint(&[1, 0, 1])]);
                der::seq(&[der::algorithm("1.2.840.113549.1.1.1", &[der::null()]), der::bits(&key)])
            },
            unsupported,
        ),
        claims(
            "no key",
            || der::seq(&[der::algorithm("1.3.101.112", &[]), der::bits(&[])]),
            malformed,
        ),
        // The certificate is about another key than the one that signed.
        claims(
            "another key of the same kind",
            || Key::p256("other").spki(),
            Code::SignatureInvalid,
        ),
    ]
}

fn signatures() -> Vec<Fault> {
    let invalid = Code::SignatureInvalid;
    let signature = |name: &str, right: fn() -> World, change: fn(&mut Vec<u8>), code| {
        fault(name, right, move |w| w.plan.signature.set(change), code)
    };
    let mut all = Vec::new();
    let kinds: [(&str, fn() -> World); 9] = [
        ("P-256", keyless),
        ("P-256 with Rekor v2", v2),
        ("P-256 in an envelope", keyless_dsse),
        ("P-384", || by(|| Key::p384("signer"))),
        ("P-521", || by(|| Key::p521("signer"))),
        ("RSA", || by(|| Key::rsa(2048))),
        ("a key", keyed),
        ("a key with Rekor v2", keyed_v2),
        ("a key in an envelope", keyed_dsse),
    ];
    for (kind, right) in kinds {
        all.push(signature(&format!("{kind}: another signature"), right, flip, invalid));
        all.push(signature(
            &format!("{kind}: half of a signature"),
            right,
            |s| s.truncate(s.len() / 2),
            invalid,
        ));
        all.push(signature(
            &format!("{kind}: a byte after the signature"),
            right,
            |s| s.push(0),
            invalid,
        ));
        all.push(signature(&format!("{kind}: zeros"), right, |s| s.fill(0), invalid));
    }
    all.extend([
        signature(
            "r and s of zero",
            keyless,
            |s| {
                *s = der::seq(&[der::uint(&[]), der::uint(&[])]);
            },
            invalid,
        ),
        signature("of another artifact", keyless, |s| *s = Key::p256("signer").sign(b"x"), invalid),
        signature("by another key", keyless, |s| *s = Key::p256("other").sign(ARTIFACT), invalid),
        // Decided: DER alone (RFC 3279 §2.2.3), which is what Sigstore's tools write.
        fault("P-256 of fixed width", keyless, |w| w.plan.form = Form::P1363, invalid),
        fault(
            "P-384 of fixed width",
            || by(|| Key::p384("signer")),
            |w| w.plan.form = Form::P1363,
            invalid,
        ),
        fault("P-256 of fixed width, by a key", keyed, |w| w.plan.form = Form::P1363, invalid),
        fault(
            "P-256 of fixed width, by a key alone",
            alone,
            |w| w.plan.form = Form::P1363,
            invalid,
        ),
        fault("P-256 with SHA-384", keyless, |w| w.plan.hash = Hash::Sha384, invalid),
        fault("P-256 with SHA-512, by a key", keyed, |w| w.plan.hash = Hash::Sha512, invalid),
        // The other s of the same signature: nobody logged that one.
        fault(
            "the other s, which was not logged",
            keyless,
            |w| {
                w.plan.bundle.set(|bundle| {
                    *bundle.signed.signature_mut() =
                        Key::p256("signer").sign_as(Hash::Sha256, Form::HighS, ARTIFACT);
                });
            },
            Code::LogEntryMismatch,
        ),
        fault(
            "the digest of another hash than was signed",
            || by(|| Key::p384("signer")),
            |w| {
                w.plan.unsigned.set(|signed| {
                    if let crate::sigstore::content::Signed::Message { hash, digest, .. } = signed {
                        (*hash, *digest) = (Hash::Sha256, Hash::Sha256.of(ARTIFACT));
                    }
                });
            },
            Code::LogEntryMismatch,
        ),
        fault(
            "Ed25519 of a blob that is not there",
            || {
                let mut world = World::keyed(&Sigstore::new(), |plan, _| {
                    let mut plan = plan.key(Key::ed25519("signer"));
                    plan.hash = Hash::Sha256;
                    plan
                });
                world.cosign.as_object_mut().unwrap().remove("trust");
                world
            },
            |w| w.by_digest = true,
            Code::EvidenceHostAsserted,
        ),
    ]);
    all
}

/// Keys of the policy.
fn policy_keys() -> Vec<Fault> {
    let other = |name: &str, right: fn() -> World, code| {
        fault(name, right, |w| w.cosign["keys"] = json!([Key::p256("other").public_pem()]), code)
    };
    vec![
        other("another key", keyed, Code::KeyHintMismatch),
        other("another key alone", alone, Code::KeyHintMismatch),
        other("another key, with Rekor v2", keyed_v2, Code::KeyHintMismatch),
        fault(
            "another key, and a hint that says nothing",
            || {
                let mut world = keyed();
                world.json.set(|b| b["verificationMaterial"]["publicKey"]["hint"] = json!("x"));
                world
            },
            |w| w.cosign["keys"] = json!([Key::p256("other").public_pem()]),
            Code::SignatureInvalid,
        ),
        fault(
            "another key, and a hint at the policy's",
            keyed,
            |w| {
                w.plan = w.plan.clone().key(Key::p256("other"));
                let own = crate::sigstore::base64(&crate::sigstore::keys::sha256(
                    &Key::p256("signer").spki(),
                ));
                w.json.set(move |b| b["verificationMaterial"]["publicKey"]["hint"] = json!(own));
            },
            Code::SignatureInvalid,
        ),
        fault(
            "a certificate of the key, which the log knows by its certificate",
            keyed,
            |w| {
                w.plan = keyless().plan;
            },
            Code::LogEntryMismatch,
        ),
        fault(
            "a signature of an own key, and the policy wants an identity",
            keyless,
            |w| {
                w.plan = w.plan.clone().who(crate::sigstore::Who::Key);
            },
            Code::CertificateAbsent,
        ),
    ]
}
