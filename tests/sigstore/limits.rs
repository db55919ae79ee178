//! Sizes that nobody needs: a clean refusal, soon. (In the module: host-shim/tests.)
//!
//! CVE-2023-46737, CVE-2024-29902, CVE-2024-29903, CVE-2024-45395 and CVE-2026-32280.

use std::time::Instant;

use countersign::verdict::Code;
use serde_json::{Value, json};

use crate::{
    generator::PROVENANCE,
    sigstore::{
        ARTIFACT, Sigstore,
        bundle::Version,
        keys::Key,
        rekor::Kind,
        signing::{IN_TOTO, statement},
    },
    world::{Fault, Verdict, World, fault, flip, keyless, keyless_dsse, v2},
};

fn chain() -> World {
    World::keyless(&Sigstore::new(), |plan, _| plan.version(Version::V02))
}

fn edit(name: &str, right: fn() -> World, change: fn(&mut Value), code: Code) -> Fault {
    fault(name, right, move |w| w.json.set(change), code)
}

fn repeated(value: &mut Value, times: usize) {
    let one = value[0].clone();
    *value = json!(vec![one; times]);
}

fn all() -> Vec<Fault> {
    let malformed = Code::EnvelopeMalformed;
    vec![
        fault(
            "a bundle of 50 MB",
            keyless,
            |w| {
                w.bytes.set(|bytes| bytes.splice(1..1, vec![b' '; 50 << 20]).for_each(drop));
            },
            Code::BudgetBytes,
        ),
        fault(
            "an envelope of 50 MB",
            keyless_dsse,
            |w| {
                w.json.set(|b| b["dsseEnvelope"]["payload"] = json!("A".repeat(50 << 20)));
            },
            Code::BudgetBytes,
        ),
        fault(
            "10,000 subjects",
            keyless_dsse,
            |w| {
                let bytes = statement(ARTIFACT, PROVENANCE);
                let mut value: Value = serde_json::from_slice(&bytes).unwrap();
                repeated(&mut value["subject"], 10_000);
                w.plan = w.plan.clone().envelope(IN_TOTO, serde_json::to_vec(&value).unwrap());
            },
            Code::StatementMalformed,
        ),
        fault(
            "a subject of 100,000 digests",
            keyless_dsse,
            |w| {
                let bytes = statement(ARTIFACT, PROVENANCE);
                let mut value: Value = serde_json::from_slice(&bytes).unwrap();
                let digests: serde_json::Map<_, _> =
                    (0..100_000).map(|n| (format!("x{n}"), json!("0"))).collect();
                value["subject"][0]["digest"] = digests.into();
                w.plan = w.plan.clone().envelope(IN_TOTO, serde_json::to_vec(&value).unwrap());
            },
            Code::SubjectMismatch,
        ),
        edit(
            "10,000 entries",
            keyless,
            |b| {
                repeated(&mut b["verificationMaterial"]["tlogEntries"], 10_000);
            },
            Code::BudgetBytes,
        ),
        edit(
            "10,000 small entries",
            keyless,
            |b| {
                let small = json!({
                    "logId": {"keyId": "AA=="},
                    "kindVersion": {"kind": "x", "version": "1"},
                    "canonicalizedBody": "AA==",
                });
                let list = b["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap();
                list.extend(vec![small; 10_000]);
            },
            malformed,
        ),
        edit(
            "10,000 small timestamps",
            v2,
            |b| {
                let data = &mut b["verificationMaterial"]["timestampVerificationData"];
                let list = data["rfc3161Timestamps"].as_array_mut().unwrap();
                list.extend(vec![json!({"signedTimestamp": "AA=="}); 10_000]);
            },
            malformed,
        ),
        edit(
            "10,000 certificates",
            chain,
            |b| {
                repeated(
                    &mut b["verificationMaterial"]["x509CertificateChain"]["certificates"],
                    10_000,
                );
            },
            malformed,
        ),
        edit(
            "10,000 signatures",
            keyless_dsse,
            |b| {
                repeated(&mut b["dsseEnvelope"]["signatures"], 10_000);
            },
            malformed,
        ),
        edit(
            "100,000 hashes of a proof",
            keyless,
            |b| {
                let entry = &mut b["verificationMaterial"]["tlogEntries"][0];
                repeated(&mut entry["inclusionProof"]["hashes"], 100_000);
            },
            malformed,
        ),
        fault(
            "1,000,000 lines of a checkpoint",
            keyless,
            |w| {
                w.plan.logs[0].checkpoint.set(|c| {
                    c.note.set(|note| *note += &"\u{2014} w AAAAAAE=\n".repeat(1_000_000));
                });
            },
            Code::CheckpointInvalid,
        ),
        fault(
            "1,000,000 lines of a checkpoint's text",
            v2,
            |w| {
                w.plan.logs[0].checkpoint.set(|c| c.more = vec!["x".to_owned(); 1_000_000]);
            },
            Code::CheckpointInvalid,
        ),
        fault(
            "a bundle that is nested 100,000 deep",
            keyless,
            |w| {
                w.bytes.set(|bytes| *bytes = [b"[".repeat(100_000), b"]".repeat(100_000)].concat());
            },
            malformed,
        ),
        fault(
            "objects that are nested 100,000 deep",
            keyless,
            |w| {
                w.bytes.set(|bytes| {
                    *bytes = [br#"{"a":"#.repeat(100_000), b"}".repeat(100_000)].concat()
                });
            },
            malformed,
        ),
        fault(
            "a member that is nested 100,000 deep",
            keyless,
            |w| {
                w.bytes.set(|bytes| {
                    let deep = [
                        br#""x":"#.to_vec(),
                        b"[".repeat(100_000),
                        b"]".repeat(100_000),
                        b",".to_vec(),
                    ];
                    bytes.splice(1..1, deep.concat()).for_each(drop);
                });
            },
            malformed,
        ),
        fault(
            "millions of small values",
            keyless,
            |w| {
                w.bytes.set(|bytes| {
                    let list =
                        [br#""x":["#.to_vec(), b"[],".repeat(5_000_000), b"0],".to_vec()].concat();
                    bytes.splice(1..1, list).for_each(drop);
                });
            },
            malformed,
        ),
        fault(
            "101 bundles, the good one last",
            keyless,
            |w| {
                let bad = b"{}".to_vec();
                w.more = vec![bad; 99];
                w.more.push(w.bundle());
                w.bytes.set(|bytes| *bytes = b"{}".to_vec());
            },
            Code::BudgetCandidates,
        ),
        fault(
            "a certificate of 64 KiB",
            keyless,
            |w| {
                w.plan.certificate.set("1.3.6.1.4.1.55555.1", false, vec![0; 65 << 10]);
            },
            Code::CertificateMalformed,
        ),
        fault(
            "a body of 15 MB",
            keyless,
            |w| {
                w.plan.logs[0].bytes.set(|bytes| bytes.resize(11 << 20, b' '));
            },
            Code::LogEntryMalformed,
        ),
    ]
}

#[test]
fn what_is_far_too_large_is_refused_and_soon() {
    for case in all() {
        assert!(case.right().is_allowed(), "{}", case.name);
        let before = Instant::now();
        match case.spoilt() {
            Verdict::Refuse { code, .. } if code == case.code => {}
            other => panic!("{}: {} expected, {other:?}", case.name, case.code),
        }
        println!("{}: {}, {:?}", case.name, case.code, before.elapsed());
    }
}

/// Everything about the bad ones is right but their last step, which comes after all others.
#[test]
fn many_bundles_that_cost_much_do_not_spoil_the_good_one() {
    let mut world = keyless();
    let good = world.bundle();
    let bad = |n: usize| {
        let mut world = keyless();
        world.plan = world.plan.key(Key::p256(&format!("signer {n}")));
        world.plan.signature.set(flip);
        world.bundle()
    };
    // Six operations each: 300 are there.
    world.more = (0..40).map(bad).collect();
    world.more.push(good);
    world.plan.signature.set(flip);
    let verdict = world.decide();
    assert!(verdict.is_allowed(), "{verdict:?}");
}

/// More than the budget has: nothing is said of what was not looked at.
#[test]
fn more_bundles_than_can_be_paid_for_are_undetermined() {
    let mut world = keyless();
    let bad = |n: usize| {
        let mut world = World::keyless(&Sigstore::new(), |plan, s| {
            let mut plan = plan.timestamped(s).key(Key::p256(&format!("signer {n}")));
            plan.logs.push(s.rekor2.entry(Kind::HashedRekord2));
            plan
        });
        world.plan.signature.set(flip);
        world.bundle()
    };
    world.more = (0..80).map(bad).collect();
    world.plan.signature.set(flip);
    match world.decide() {
        Verdict::Refuse { code: Code::BudgetSignatures, .. } => {}
        other => panic!("{other:?}"),
    }
}

/// Patterns take linear time, whatever they look like.
#[test]
fn a_pattern_takes_no_longer_for_a_long_name() {
    let name: &'static str = Box::leak(format!("https://x.test/{}", "a".repeat(50_000)).into());
    let mut world = keyless();
    world.plan.certificate =
        world.plan.certificate.clone().sans(&[crate::sigstore::certificate::San::Uri(name)]);
    world.wanted().as_object_mut().unwrap().remove("subject");
    world.wanted()["subjectRegExp"] = json!("https://x\\.test/(a*)*(a|a)*b");
    let before = Instant::now();
    assert!(!world.decide().is_allowed());
    println!("{:?}", before.elapsed());
    assert!(before.elapsed().as_secs() < 30);
}
