//! What an envelope says, about what, and of which type.

use countersign::verdict::Code;
use serde_json::{Value, json};

use crate::{
    generator::PROVENANCE,
    sigstore::{
        ARTIFACT, Sigstore, base64,
        content::Envelope,
        keys::{Hash, Key, hex, sha256},
        signing::{IN_TOTO, statement},
    },
    world::{Fault, World, fault, flip, keyed, keyed_dsse, keyless, keyless_dsse, v2_dsse},
};

const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// An image signature in an envelope.
fn signature() -> World {
    let mut world = World::keyless(&Sigstore::new(), |plan, _| plan.dsse(SIGN));
    world.require = json!("signer");
    world
}

/// Another statement, signed and logged as it is.
fn states(
    name: impl Into<String>,
    change: impl Fn(&mut Value) + Clone + 'static,
    code: Code,
) -> Fault {
    fault(
        name,
        keyless_dsse,
        move |w| {
            let bytes = statement(ARTIFACT, PROVENANCE);
            let mut value: Value = serde_json::from_slice(&bytes).unwrap();
            change(&mut value);
            w.plan = w.plan.clone().envelope(IN_TOTO, serde_json::to_vec(&value).unwrap());
        },
        code,
    )
}

fn subject(name: &str, digest: Value) -> Fault {
    states(name, move |s| s["subject"][0]["digest"] = digest.clone(), Code::SubjectMismatch)
}

fn payload(name: &str, change: impl Fn(Vec<u8>) -> Vec<u8> + 'static, code: Code) -> Fault {
    fault(
        name,
        keyless_dsse,
        move |w| {
            let payload = change(statement(ARTIFACT, PROVENANCE));
            w.plan = w.plan.clone().envelope(IN_TOTO, payload);
        },
        code,
    )
}

pub(crate) fn faults() -> Vec<Fault> {
    let mut all = Vec::new();
    all.extend(subjects());
    all.extend(statements());
    all.extend(types());
    all.extend(envelopes());
    all
}

/// GHSA-mhg6-2q2v-9h2c: the statement of another artifact.
fn subjects() -> Vec<Fault> {
    let own = hex(&sha256(ARTIFACT));
    let other = hex(&sha256(b"another\n"));
    let mismatch = Code::SubjectMismatch;
    let asked = |name: &str, right: fn() -> World| {
        fault(name, right, |w| w.blob = b"another\n".to_vec(), mismatch)
    };
    vec![
        asked("another artifact is asked about", keyless_dsse),
        asked("another artifact is asked about, with Rekor v2", v2_dsse),
        asked("another artifact is asked about, with a key", keyed_dsse),
        asked("another artifact is asked about, of a message", keyless),
        asked("another artifact is asked about, of a key's message", keyed),
        asked("another artifact is asked about, of an image signature", signature),
        fault(
            "another artifact is asked about by its digest",
            || {
                let mut world = keyless_dsse();
                world.by_digest = true;
                world
            },
            |w| w.blob = b"another\n".to_vec(),
            mismatch,
        ),
        subject("the digest of another artifact", json!({"sha256": other})),
        subject("a digest in capital letters", json!({"sha256": own.to_uppercase()})),
        subject(
            "a digest with its algorithm before it",
            json!({"sha256": format!("sha256:{own}")}),
        ),
        subject("a digest that is cut off", json!({"sha256": own[..62]})),
        subject("an empty digest", json!({"sha256": ""})),
        subject("no digest", json!({})),
        subject("a digest under the name of another algorithm", json!({"sha512": own})),
        subject("a digest under a name that is not known", json!({"SHA256": own})),
        subject(
            "a good digest and a bad one",
            json!({
                "sha256": own, "sha512": hex(&Hash::Sha512.of(b"another\n"))
            }),
        ),
        subject("a digest of SHA-1 alone", json!({"sha1": "0".repeat(40)})),
        states(
            "two others",
            {
                let other = other.clone();
                move |s| {
                    s["subject"] =
                        json!([{"digest": {"sha256": other}}, {"digest": {"sha256": "0"}}])
                }
            },
            mismatch,
        ),
        states(
            "the artifact in the predicate alone",
            {
                let (own, other) = (own, other);
                move |s| {
                    s["subject"][0]["digest"]["sha256"] = json!(other);
                    s["predicate"]["subject"] = json!([{"digest": {"sha256": own}}]);
                }
            },
            mismatch,
        ),
    ]
}

fn statements() -> Vec<Fault> {
    let malformed = Code::StatementMalformed;
    vec![
        states("no subject", |s| s["subject"] = json!([]), malformed),
        states("a subject that is no list", |s| s["subject"] = s["subject"][0].clone(), malformed),
        states(
            "a subject without digests",
            |s| s["subject"] = json!([{"name": "artifact"}]),
            malformed,
        ),
        states(
            "1,025 subjects",
            |s| {
                let one = s["subject"][0].clone();
                s["subject"] = json!(vec![one; 1025]);
            },
            malformed,
        ),
        states(
            "no type of statement",
            |s| drop(s.as_object_mut().unwrap().remove("_type")),
            malformed,
        ),
        states(
            "another type of statement",
            |s| s["_type"] = json!("https://in-toto.io/Statement/v2"),
            malformed,
        ),
        states("a link", |s| s["_type"] = json!("link"), malformed),
        states(
            "no type of predicate",
            |s| {
                drop(s.as_object_mut().unwrap().remove("predicateType"));
            },
            malformed,
        ),
        states("a type of predicate that is no text", |s| s["predicateType"] = json!(1), malformed),
        // CVE-2026-39395: what cannot be read is not verified.
        payload("no JSON", |_| b"provenance".to_vec(), malformed),
        payload("nothing", |_| Vec::new(), malformed),
        payload("a list", |p| [b"[", &p[..], b"]"].concat(), malformed),
        payload("two statements", |p| [&p[..], &p[..]].concat(), malformed),
        payload("a byte order mark", |p| [b"\xef\xbb\xbf", &p[..]].concat(), malformed),
        payload(
            "the subject twice",
            |p| {
                let text = String::from_utf8(p).unwrap();
                let other = format!(
                    r#"{{"subject":[{{"digest":{{"sha256":"{}"}}}}],"#,
                    hex(&sha256(b"another\n"))
                );
                text.replacen('{', &other, 1).into_bytes()
            },
            malformed,
        ),
        payload("a statement in base64", |p| base64(&p).into_bytes(), malformed),
        payload("nesting without end", |_| b"[".repeat(100_000), malformed),
    ]
}

fn types() -> Vec<Fault> {
    let wanted = || {
        let mut world = keyless_dsse();
        world.require["attestation"]["type"] = json!(PROVENANCE);
        world
    };
    // CVE-2022-35929, CVE-2022-35930.
    let asks = |what: &'static str| {
        fault(
            format!("the policy asks for {what}"),
            wanted,
            move |w| w.require["attestation"]["type"] = json!(what),
            Code::AttestationType,
        )
    };
    let content = |name: &str, payload_type: &'static str| {
        fault(
            name,
            keyless_dsse,
            move |w| {
                let payload = statement(ARTIFACT, PROVENANCE);
                w.plan = w.plan.clone().envelope(payload_type, payload);
            },
            Code::PayloadType,
        )
    };
    vec![
        asks("spdx"),
        asks("vuln"),
        asks("slsaprovenance02"),
        asks("https://slsa.dev/provenance/v1/"),
        asks("https://slsa.dev/provenance"),
        asks("HTTPS://slsa.dev/provenance/v1"),
        content("text", "text/plain"),
        content("no type of content", ""),
        content("JSON", "application/json"),
        content("a type of content that begins well", "application/vnd.in-toto+json; x=1"),
        content("a type of content in other letters", "application/vnd.In-Toto+json"),
        fault(
            "an image signature as an attestation",
            keyless_dsse,
            |w| {
                w.plan = w.plan.clone().dsse(SIGN);
            },
            Code::PayloadNotAttestation,
        ),
        fault(
            "an attestation as an image signature",
            signature,
            |w| {
                w.plan = w.plan.clone().dsse(PROVENANCE);
            },
            Code::PayloadNotSignature,
        ),
        fault(
            "a message signature as an attestation",
            keyless_dsse,
            |w| {
                w.plan = keyless().plan;
            },
            Code::PayloadNotAttestation,
        ),
        fault(
            "a key's message signature as an attestation",
            keyed_dsse,
            |w| {
                w.plan = keyed().plan;
            },
            Code::PayloadNotAttestation,
        ),
    ]
}

/// Envelopes that were changed after they were signed and logged: CVE-2022-36056, policy-controller
/// #1971 (envelopes that nobody verifies).
fn envelopes() -> Vec<Fault> {
    let signed = |name: &str, right: fn() -> World, change: fn(&mut Envelope), code| {
        fault(
            name,
            right,
            move |w| {
                w.plan.bundle.set(move |bundle| change(bundle.signed.envelope_mut()));
            },
            code,
        )
    };
    let invalid = Code::SignatureInvalid;
    vec![
        signed(
            "a payload that was changed after it was logged",
            keyless_dsse,
            |e| {
                e.payload = [e.payload.as_slice(), b" "].concat();
            },
            Code::LogEntryMismatch,
        ),
        signed(
            "a payload that was changed, with Rekor v2",
            v2_dsse,
            |e| {
                e.payload = [e.payload.as_slice(), b" "].concat();
            },
            Code::LogEntryMismatch,
        ),
        signed(
            "a signature that was changed after it was logged",
            keyless_dsse,
            |e| {
                flip(&mut e.signatures[0].signature);
            },
            Code::LogEntryMismatch,
        ),
        signed(
            "garbage in place of the signature, with Rekor v2",
            v2_dsse,
            |e| {
                e.signatures[0].signature = vec![7; 70];
            },
            Code::LogEntryMismatch,
        ),
        fault(
            "a payload that was changed, and the log was told so",
            keyless_dsse,
            |w| {
                w.plan.signed.set(|signed| signed.envelope_mut().payload.push(b' '));
            },
            invalid,
        ),
        fault(
            "a signature that is bad, and the log was told so",
            keyless_dsse,
            |w| {
                w.plan.signature.set(flip);
            },
            invalid,
        ),
        fault(
            "a signature over the payload alone",
            keyless_dsse,
            |w| {
                w.plan.signature.set(|s| {
                    *s = Key::p256("signer").sign(&statement(ARTIFACT, PROVENANCE));
                });
            },
            invalid,
        ),
        fault(
            "a signature over the payload's base64",
            keyless_dsse,
            |w| {
                w.plan.signature.set(|s| {
                    let envelope = Envelope::new(
                        IN_TOTO,
                        base64(&statement(ARTIFACT, PROVENANCE)).into_bytes(),
                    );
                    *s = Key::p256("signer").sign(&envelope.pae());
                });
            },
            invalid,
        ),
        fault(
            "a signature over another type of content",
            keyless_dsse,
            |w| {
                w.plan.signature.set(|s| {
                    let envelope = Envelope::new("text/plain", statement(ARTIFACT, PROVENANCE));
                    *s = Key::p256("signer").sign(&envelope.pae());
                });
            },
            invalid,
        ),
        fault(
            "a signature over the artifact",
            keyless_dsse,
            |w| {
                w.plan.signature.set(|s| *s = Key::p256("signer").sign(ARTIFACT));
            },
            invalid,
        ),
        fault(
            "a message signature over the artifact's digest in words",
            keyless,
            |w| {
                w.plan.signature.set(|s| {
                    *s = Key::p256("signer").sign(hex(&sha256(ARTIFACT)).as_bytes());
                });
            },
            invalid,
        ),
        fault(
            "a payload in base64 for addresses",
            || {
                let mut world = keyless_dsse();
                // Letters that the two alphabets write differently.
                world.plan = world
                    .plan
                    .envelope(IN_TOTO, statement(ARTIFACT, "https://example.test/???>>>~~~"));
                world
            },
            |w| {
                w.json.set(|b| {
                    let payload = b["dsseEnvelope"]["payload"].as_str().unwrap();
                    let changed = payload.replace('+', "-").replace('/', "_");
                    assert_ne!(payload, changed);
                    b["dsseEnvelope"]["payload"] = json!(changed);
                });
            },
            Code::EnvelopeMalformed,
        ),
    ]
}
