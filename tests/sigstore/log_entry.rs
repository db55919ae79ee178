//! What an entry is about: this artifact, this signature, this key or certificate, and no other.
//!
//! CVE-2022-23649, CVE-2022-36056, CVE-2024-53267 and CVE-2026-22703 are entries of something else.

use countersign::verdict::Code;
use serde_json::{Value, json};

use crate::{
    generator::PROVENANCE,
    sigstore::{
        ARTIFACT, Signing, Sigstore, base64,
        content::{Told, Verifier},
        keys::{Form, Hash, Key, hex, sha256},
        rekor::{Entry, Kind, Logging},
    },
    world::{
        Fault, World, fault, flip, keyed, keyed_dsse, keyed_v2, keyless, keyless_dsse, stamped, v2,
        v2_dsse, v2_dsse_2,
    },
};

fn intoto_1() -> World {
    World::keyless(&Sigstore::new(), |plan, _| plan.dsse(PROVENANCE).kind(Kind::Intoto1))
}

fn intoto_2() -> World {
    World::keyless(&Sigstore::new(), |plan, _| plan.dsse(PROVENANCE).kind(Kind::Intoto2))
}

/// An Ed25519 key, whose envelopes a `dsse` entry may have.
fn ed25519() -> World {
    World::keyless(&Sigstore::new(), |plan, s| {
        plan.key(Key::ed25519("signer")).dsse(PROVENANCE).v2(s).kind(Kind::Dsse2)
    })
}

fn p384() -> World {
    World::keyless(&Sigstore::new(), |plan, s| plan.key(Key::p384("signer")).v2(s))
}

fn rsa() -> World {
    World::keyless(&Sigstore::new(), |plan, s| plan.key(Key::rsa(2048)).v2(s))
}

pub(crate) fn faults() -> Vec<Fault> {
    let mut all = Vec::new();
    all.extend(others());
    all.extend(labels());
    all.extend(bodies());
    all.extend(swapped());
    all.extend(absent());
    all
}

/// Every kind of entry, about something else.
fn others() -> Vec<Fault> {
    let kinds: [(&str, fn() -> World); 10] = [
        ("hashedrekord 0.0.1", keyless),
        ("hashedrekord 0.0.1, of a key", keyed),
        ("hashedrekord 0.0.2", v2),
        ("hashedrekord 0.0.2, of a key", keyed_v2),
        ("hashedrekord 0.0.2 of an envelope", v2_dsse),
        ("dsse 0.0.1", keyless_dsse),
        ("dsse 0.0.1, of a key", keyed_dsse),
        ("dsse 0.0.2", v2_dsse_2),
        ("intoto 0.0.1", intoto_1),
        ("intoto 0.0.2", intoto_2),
    ];
    let mut all = Vec::new();
    for (kind, right) in kinds {
        let mut told = |what: &str, change: fn(&mut Told)| {
            all.push(fault(
                format!("{kind} with another {what}"),
                right,
                move |w| w.plan.logs[0].told.set(change),
                Code::LogEntryMismatch,
            ));
        };
        told("content", |told| match &mut told.signed {
            crate::sigstore::content::Signed::Message { digest, .. } => flip(digest),
            crate::sigstore::content::Signed::Envelope(envelope) => envelope.payload.push(b' '),
        });
        told("signature", |told| *told.signed.signature_mut() = Key::p256("signer").sign(b"other"));
        told("key or certificate", |told| {
            let other = Key::p256("other");
            told.verifier = match told.verifier {
                Verifier::Certificate(_) => {
                    let plan = Sigstore::new().signing(ARTIFACT).key(other);
                    Verifier::Certificate(plan.issue())
                }
                Verifier::Key(_) => Verifier::Key(other.spki()),
            };
        });
        // The same key, and not the same word about it.
        told("kind of verifier", |told| {
            let plan = Sigstore::new().signing(ARTIFACT);
            told.verifier = match told.verifier {
                Verifier::Certificate(_) => Verifier::Key(plan.key.spki()),
                Verifier::Key(_) => Verifier::Certificate(plan.issue()),
            };
        });
    }
    all
}

fn body(
    name: &str,
    right: impl Fn() -> World + Clone + 'static,
    change: fn(&mut Value),
    code: Code,
) -> Fault {
    fault(name, right, move |w| w.plan.logs[0].body.set(change), code)
}

/// What the entry calls hash, key and signature.
fn labels() -> Vec<Fault> {
    let (mismatch, malformed) = (Code::LogEntryMismatch, Code::LogEntryMalformed);
    vec![
        // Digest and label agree, and the signature is of another hash.
        body(
            "the digest of another hash",
            keyless,
            |b| {
                b["spec"]["data"]["hash"] =
                    json!({"algorithm": "sha512", "value": hex(&Hash::Sha512.of(ARTIFACT))});
            },
            mismatch,
        ),
        body(
            "the digest of another hash, in Rekor v2",
            v2,
            |b| {
                b["spec"]["hashedRekordV002"]["data"] =
                    json!({"algorithm": "SHA2_512", "digest": base64(&Hash::Sha512.of(ARTIFACT))});
            },
            mismatch,
        ),
        body(
            "the digest of another hash, with its key details",
            p384,
            |b| {
                let entry = &mut b["spec"]["hashedRekordV002"];
                entry["data"] =
                    json!({"algorithm": "SHA2_256", "digest": base64(&sha256(ARTIFACT))});
                entry["signature"]["verifier"]["keyDetails"] = json!("PKIX_ECDSA_P384_SHA_256");
            },
            mismatch,
        ),
        body(
            "a label that does not fit its digest",
            keyless,
            |b| {
                b["spec"]["data"]["hash"]["algorithm"] = json!("sha512");
            },
            malformed,
        ),
        body(
            "a label that does not fit its digest, in Rekor v2",
            v2,
            |b| {
                b["spec"]["hashedRekordV002"]["data"]["algorithm"] = json!("SHA2_384");
            },
            malformed,
        ),
        body(
            "a label of SHA-1",
            keyless,
            |b| {
                b["spec"]["data"]["hash"]["algorithm"] = json!("sha1");
            },
            malformed,
        ),
        body(
            "a label of MD5",
            keyless,
            |b| {
                b["spec"]["data"]["hash"]["algorithm"] = json!("md5");
            },
            malformed,
        ),
        body(
            "a label in other letters",
            keyless,
            |b| {
                b["spec"]["data"]["hash"]["algorithm"] = json!("SHA256");
            },
            malformed,
        ),
        body(
            "no label",
            keyless,
            |b| {
                b["spec"]["data"]["hash"].as_object_mut().unwrap().remove("algorithm");
            },
            malformed,
        ),
        body(
            "an unspecified label",
            v2,
            |b| {
                b["spec"]["hashedRekordV002"]["data"]["algorithm"] =
                    json!("HASH_ALGORITHM_UNSPECIFIED");
            },
            malformed,
        ),
        body(
            "the payload's hash of another label",
            keyless_dsse,
            |b| {
                b["spec"]["payloadHash"]["algorithm"] = json!("sha384");
            },
            malformed,
        ),
        body(
            "key details of another curve",
            v2,
            |b| {
                b["spec"]["hashedRekordV002"]["signature"]["verifier"]["keyDetails"] =
                    json!("PKIX_ECDSA_P384_SHA_256");
            },
            mismatch,
        ),
        body(
            "key details of another hash",
            p384,
            |b| {
                b["spec"]["hashedRekordV002"]["signature"]["verifier"]["keyDetails"] =
                    json!("PKIX_ECDSA_P384_SHA_256");
            },
            mismatch,
        ),
        body(
            "key details of another padding",
            rsa,
            |b| {
                b["spec"]["hashedRekordV002"]["signature"]["verifier"]["keyDetails"] =
                    json!("PKIX_RSA_PSS_2048_SHA256");
            },
            mismatch,
        ),
        body(
            "key details of another size",
            rsa,
            |b| {
                b["spec"]["hashedRekordV002"]["signature"]["verifier"]["keyDetails"] =
                    json!("PKIX_RSA_PKCS1V15_4096_SHA256");
            },
            mismatch,
        ),
        body(
            "key details of Ed25519ph on Ed25519",
            ed25519,
            |b| {
                b["spec"]["dsseV002"]["signatures"][0]["verifier"]["keyDetails"] =
                    json!("PKIX_ED25519_PH");
            },
            mismatch,
        ),
        fault(
            "key details of Ed25519 on Ed25519ph",
            || {
                let mut world = ed25519();
                world.plan.form = Form::Prehashed;
                world
            },
            |w| {
                w.plan.logs[0].body.set(|b| {
                    b["spec"]["dsseV002"]["signatures"][0]["verifier"]["keyDetails"] =
                        json!("PKIX_ED25519");
                });
            },
            mismatch,
        ),
        body(
            "key details that are not known",
            v2,
            |b| {
                b["spec"]["hashedRekordV002"]["signature"]["verifier"]["keyDetails"] =
                    json!("PKIX_ECDSA_P224_SHA_256");
            },
            malformed,
        ),
        body(
            "no key details",
            v2,
            |b| {
                let verifier = &mut b["spec"]["hashedRekordV002"]["signature"]["verifier"];
                verifier.as_object_mut().unwrap().remove("keyDetails");
            },
            malformed,
        ),
        fault(
            "pure Ed25519 in a hashedrekord",
            || {
                World::keyless(&Sigstore::new(), |plan, _| {
                    let mut plan = plan.key(Key::ed25519("signer"));
                    plan.form = Form::Prehashed;
                    plan
                })
            },
            |w| w.plan.form = Form::Usual,
            mismatch,
        ),
    ]
}

/// What is no entry.
fn bodies() -> Vec<Fault> {
    let malformed = Code::LogEntryMalformed;
    let bytes = |name: &str, change: fn(&mut Vec<u8>)| {
        fault(name, keyless, move |w| w.plan.logs[0].bytes.set(change), malformed)
    };
    let entry = |name: &str, change: fn(&mut Entry), code| {
        fault(name, keyless, move |w| w.plan.logs[0].entry.set(change), code)
    };
    vec![
        bytes("a body that is no JSON", |b| b.insert(0, b'x')),
        bytes("an empty body", Vec::clear),
        bytes("a body with something after it", |b| b.extend(b"{}")),
        bytes("a body in UTF-16", |b| *b = b.iter().flat_map(|c| [*c, 0]).collect()),
        bytes("a body with a member twice", |b| {
            let end = b.len() - 1;
            b.splice(end.., *br#","kind":"hashedrekord"}"#);
        }),
        bytes("a body that is nested without end", |b| *b = b"[".repeat(100_000)),
        bytes("a body of two megabytes", |b| {
            let end = b.len() - 1;
            let long = format!(r#","x":"{}"}}"#, "x".repeat(2 << 20));
            b.splice(end.., long.into_bytes());
        }),
        body(
            "a body without a kind",
            keyless,
            |b| {
                b.as_object_mut().unwrap().remove("kind");
            },
            malformed,
        ),
        body(
            "a body of another kind than the bundle says",
            keyless,
            |b| b["kind"] = json!("rekord"),
            malformed,
        ),
        body(
            "a body of another version than the bundle says",
            keyless,
            |b| {
                b["apiVersion"] = json!("0.0.2");
            },
            malformed,
        ),
        entry(
            "a bundle that says another kind than the body",
            |e| e.kind = "dsse".to_owned(),
            malformed,
        ),
        entry(
            "a bundle that says another version than the body",
            |e| e.version = "0.0.2".to_owned(),
            malformed,
        ),
        fault(
            "a kind that is not known",
            keyless,
            |w| {
                w.plan.logs[0].body.set(|b| b["kind"] = json!("rekord"));
                w.plan.logs[0].entry.set(|e| e.kind = "rekord".to_owned());
            },
            Code::LogEntryUnsupported,
        ),
        fault(
            "a version that is not known",
            keyless,
            |w| {
                w.plan.logs[0].body.set(|b| b["apiVersion"] = json!("0.0.3"));
                w.plan.logs[0].entry.set(|e| e.version = "0.0.3".to_owned());
            },
            Code::LogEntryUnsupported,
        ),
        fault(
            "a kind of envelopes for a message",
            keyless,
            |w| {
                let dsse = w.plan.clone().dsse(PROVENANCE);
                let bundle = Sigstore::new().sign(&dsse);
                w.plan.bundle.set(move |own| own.entries = bundle.entries.clone());
            },
            Code::LogEntryMismatch,
        ),
        // The hash of the payload, in place of the hash of what is signed.
        body(
            "a hashedrekord of an envelope's payload",
            v2_dsse,
            |b| {
                let payload = crate::sigstore::signing::statement(ARTIFACT, PROVENANCE);
                b["spec"]["hashedRekordV002"]["data"]["digest"] = json!(base64(&sha256(&payload)));
            },
            Code::LogEntryMismatch,
        ),
        body(
            "two signatures in an entry",
            keyless_dsse,
            |b| {
                let list = b["spec"]["signatures"].as_array_mut().unwrap();
                list.push(list[0].clone());
            },
            Code::LogEntryMismatch,
        ),
        body(
            "the signature beside another one",
            keyless_dsse,
            |b| {
                let list = b["spec"]["signatures"].as_array_mut().unwrap();
                let mut other = list[0].clone();
                other["signature"] = json!(base64(b"other"));
                list.insert(0, other);
            },
            Code::LogEntryMismatch,
        ),
        body(
            "no signature in an entry",
            keyless_dsse,
            |b| b["spec"]["signatures"] = json!([]),
            malformed,
        ),
        body(
            "no signature in an entry of Rekor v2",
            v2_dsse_2,
            |b| {
                b["spec"]["dsseV002"]["signatures"] = json!([]);
            },
            malformed,
        ),
        body(
            "seventeen signatures in an entry",
            keyless_dsse,
            |b| {
                let list = b["spec"]["signatures"].as_array_mut().unwrap();
                *list = vec![list[0].clone(); 17];
            },
            malformed,
        ),
        body(
            "an empty signature in an entry",
            keyless,
            |b| {
                b["spec"]["signature"]["content"] = json!("");
            },
            malformed,
        ),
        body(
            "a signature that is not base64",
            keyless,
            |b| {
                b["spec"]["signature"]["content"] = json!("*");
            },
            malformed,
        ),
        body(
            "a digest that is not hexadecimal",
            keyless,
            |b| {
                b["spec"]["data"]["hash"]["value"] = json!("x".repeat(64));
            },
            malformed,
        ),
        body(
            "a digest that is cut off",
            keyless,
            |b| {
                let value = b["spec"]["data"]["hash"]["value"].as_str().unwrap()[..62].to_owned();
                b["spec"]["data"]["hash"]["value"] = json!(value);
            },
            malformed,
        ),
        body(
            "a key and a certificate in an entry",
            v2,
            |b| {
                let verifier = &mut b["spec"]["hashedRekordV002"]["signature"]["verifier"];
                let key = Key::p256("signer").spki();
                verifier["publicKey"] = json!({"rawBytes": base64(&key)});
            },
            malformed,
        ),
        body(
            "neither key nor certificate in an entry",
            v2,
            |b| {
                let verifier = &mut b["spec"]["hashedRekordV002"]["signature"]["verifier"];
                verifier.as_object_mut().unwrap().remove("x509Certificate");
            },
            malformed,
        ),
        body(
            "a private key in an entry",
            keyless,
            |b| {
                let pem = crate::sigstore::keys::pem("PRIVATE KEY", b"x");
                b["spec"]["signature"]["publicKey"]["content"] = json!(base64(pem.as_bytes()));
            },
            malformed,
        ),
        body(
            "another certificate before the signer's",
            keyless,
            |b| {
                let other = Sigstore::new().signing(ARTIFACT).key(Key::p256("other")).issue();
                let own = Sigstore::new().signing(ARTIFACT).issue();
                let pem = [other, own].map(|der| crate::sigstore::keys::pem("CERTIFICATE", &der));
                b["spec"]["signature"]["publicKey"]["content"] =
                    json!(base64(pem.concat().as_bytes()));
            },
            Code::LogEntryMismatch,
        ),
        body(
            "an unknown member in an entry of Rekor v2",
            v2,
            |b| {
                b["spec"]["hashedRekordV002"]["more"] = json!(1);
            },
            malformed,
        ),
        body(
            "two specs in an entry of Rekor v2",
            v2,
            |b| {
                b["spec"]["dsseV002"] = json!({});
            },
            malformed,
        ),
        body(
            "another type of payload in an entry",
            intoto_2,
            |b| {
                b["spec"]["content"]["envelope"]["payloadType"] = json!("text/plain");
            },
            Code::LogEntryMismatch,
        ),
        body(
            "no hash of the payload in an entry",
            intoto_2,
            |b| {
                b["spec"]["content"].as_object_mut().unwrap().remove("payloadHash");
            },
            malformed,
        ),
        body(
            "another hash of the envelope in an entry without a signature",
            intoto_1,
            |b| {
                b["spec"]["content"]["hash"]["value"] = json!("0".repeat(64));
            },
            Code::LogEntryMismatch,
        ),
    ]
}

/// Entries that are right about another signature (CVE-2026-22703: any entry of the log would do).
fn swapped() -> Vec<Fault> {
    let of = |name: &str, right: fn() -> World, plan: fn(&Signing) -> Signing| {
        fault(
            name,
            right,
            move |w| {
                let entries = Sigstore::new().sign(&plan(&w.plan)).entries;
                w.plan.bundle.set(move |bundle| bundle.entries = entries.clone());
            },
            Code::LogEntryMismatch,
        )
    };
    let artifact = |plan: &Signing| Signing { artifact: b"another\n".to_vec(), ..plan.clone() };
    let payload = |plan: &Signing| {
        let other = crate::sigstore::signing::statement(b"another\n", PROVENANCE);
        plan.clone().envelope(crate::sigstore::signing::IN_TOTO, other)
    };
    let key = |plan: &Signing| plan.clone().key(Key::p256("another"));
    vec![
        of("the entry of another artifact by the same signer", keyless, artifact),
        of("the entry of another artifact by the same key", keyed, artifact),
        of("the entry of another artifact, in Rekor v2", v2, artifact),
        of("the entry of another envelope by the same signer", keyless_dsse, payload),
        of("the entry of another envelope, in Rekor v2", v2_dsse, payload),
        of("the entry of another envelope, as intoto", intoto_2, payload),
        of("another's entry of the same artifact", keyless, key),
        of("another's entry of the same artifact, in Rekor v2", v2, key),
        of("another's entry of the same envelope", keyless_dsse, key),
        fault(
            "a good entry and one of another artifact",
            keyless,
            |w| {
                let other = Signing { artifact: b"another\n".to_vec(), ..w.plan.clone() };
                let entries = Sigstore::new().sign(&other).entries;
                w.plan.bundle.set(move |bundle| bundle.entries.extend(entries.clone()));
            },
            Code::LogEntryMismatch,
        ),
    ]
}

fn absent() -> Vec<Fault> {
    let absent = Code::LogEntryAbsent;
    let log = |name: &str, right: fn() -> World, change: fn(&mut Logging), code| {
        fault(name, right, move |w| change(&mut w.plan.logs[0]), code)
    };
    vec![
        fault("no entry", keyless, |w| w.plan.logs.clear(), absent),
        fault("no entry, of a key", keyed, |w| w.plan.logs.clear(), absent),
        fault("a timestamp in place of an entry", stamped, |w| w.plan.logs.clear(), absent),
        fault(
            "an entry of another instance's log",
            keyless,
            |w| {
                w.plan.logs[0].log = Sigstore::named("other").rekor1;
            },
            absent,
        ),
        fault(
            "an entry of another instance's log, in Rekor v2",
            v2,
            |w| {
                w.plan.logs[0].log = Sigstore::named("other").rekor2;
            },
            absent,
        ),
        log("an empty id of the log", keyless, |l| l.entry.set(|e| e.log_id.clear()), absent),
        log(
            "the first bytes of the log's id",
            keyless,
            |l| {
                l.entry.set(|e| e.log_id.truncate(4));
            },
            absent,
        ),
        fault(
            "33 entries",
            keyless,
            |w| {
                let other = Sigstore::named("other").rekor1.entry(Kind::HashedRekord1);
                w.plan.logs.extend(vec![other; 32]);
            },
            Code::EnvelopeMalformed,
        ),
    ]
}
