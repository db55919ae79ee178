//! Numbers of logs, timestamp authorities and signers: each counts once.
//!
//! CVE-2026-49834 is one log that counts twice, RUSTSEC-2020-0024 one key.

use countersign::verdict::Code;
use serde_json::{Value, json};

use crate::{
    sigstore::{
        ARTIFACT, ISSUER, Sigstore,
        certificate::San,
        keys::Key,
        rekor::Kind,
        trusted_root::{TrustedAuthority, TrustedLog, Window},
        tsa::Tsa,
    },
    world::{Fault, World, fault, flip, keyless, stamped},
};

/// Two logs, both of which are asked for.
fn two_logs() -> World {
    let mut world = World::keyless(&Sigstore::new(), |plan, s| {
        let mut plan = plan.timestamped(s);
        plan.logs.push(s.rekor2.entry(Kind::HashedRekord2));
        plan
    });
    world.cosign["transparencyLog"] = json!({"atLeast": 2});
    world
}

/// Two timestamp authorities, both of which are asked for.
fn two_authorities() -> World {
    let mut world = stamped();
    let second = Tsa::new("second", Key::p256("second TSA"));
    world.plan.timestamps.push(second.stamp());
    world.root.timestamp_authorities.push((&second).into());
    world.cosign["timestamp"] = json!({"atLeast": 2});
    world
}

/// Two people, both of whom must have signed.
fn two_signers() -> World {
    let person = |name: &'static str| {
        let mut world = keyless();
        world.plan = world.plan.key(Key::p256(name));
        world.plan.certificate = world.plan.certificate.clone().sans(&[San::Email(name)]);
        world
    };
    let mut world = person("a@example.test");
    world.more = vec![person("b@example.test").bundle()];
    world.wanted()["subject"] = json!("a@example.test");
    world.require = json!({"atLeast": 2, "of": ["signer", "second"]});
    world.policy.set(|document| {
        document["spec"]["authorities"]["second"] = json!({"cosign": {
            "keyless": [{"issuer": ISSUER, "subjectRegExp": "[ab]@example\\.test"}],
            "trust": "test",
        }});
    });
    world
}

/// Another signature of the first of them, by another key.
fn again(world: &mut World) {
    let mut plan = world.plan.clone().key(Key::p256("again"));
    plan.logs[0].integrated_time += 1;
    let second = World { plan, ..keyless() };
    world.more = vec![second.bundle()];
}

fn root(document: &mut Value) -> &mut Value {
    &mut document["spec"]["trust"]["test"]["sigstore"]["trustedRoot"]
}

pub(crate) fn faults() -> Vec<Fault> {
    let mut all = logs();
    all.extend(authorities());
    all.extend(signers());
    all
}

fn logs() -> Vec<Fault> {
    let absent = Code::LogEntryAbsent;
    let log = |name: &str, change: fn(&mut World), code| fault(name, two_logs, change, code);
    vec![
        log("one log", |w| drop(w.plan.logs.pop()), absent),
        log("one entry twice", |w| w.plan.logs[1] = w.plan.logs[0].clone(), absent),
        log(
            "two entries of one log",
            |w| {
                w.plan.logs[1] = w.plan.logs[0].clone();
                w.plan.logs[1].others = (2, 9);
                w.plan.logs[1].integrated_time += 1;
            },
            absent,
        ),
        log(
            "a log and one that is not believed",
            |w| {
                w.plan.logs[1].log = Sigstore::named("other").rekor2;
            },
            absent,
        ),
        log(
            "two logs of one operator",
            |w| {
                w.policy.set(|document| {
                    for log in root(document)["tlogs"].as_array_mut().unwrap() {
                        log["operator"] = json!("sigstore.test");
                    }
                });
            },
            absent,
        ),
        log(
            "one key under two ids",
            |w| {
                let mut second: TrustedLog = w.root.tlogs[0].clone();
                second.id = vec![7; 32];
                w.root.tlogs.push(second);
                w.plan.logs[1] = w.plan.logs[0].clone();
                w.plan.logs[1].log.id = vec![7; 32];
            },
            absent,
        ),
        log(
            "a log and one with a bad proof",
            |w| {
                w.plan.logs[1].entry.set(|e| flip(&mut e.proof.as_mut().unwrap().hashes[0]));
            },
            Code::LogProofInvalid,
        ),
        log(
            "a log and one with a bad promise",
            |w| {
                w.plan.logs[0].entry.set(|e| flip(e.promise.as_mut().unwrap()));
            },
            Code::LogPromiseInvalid,
        ),
        log(
            "a log and one that was retired",
            |w| {
                w.root.tlogs[1].valid_for = Some(Window::until(crate::sigstore::instant::SIGNED));
            },
            Code::LogNotInUse,
        ),
        log(
            "a log and one with another signature",
            |w| {
                w.plan.logs[1].told.set(|told| {
                    *told.signed.signature_mut() = Key::p256("signer").sign(b"x");
                });
            },
            Code::LogEntryMismatch,
        ),
        log("three logs", |w| w.cosign["transparencyLog"]["atLeast"] = json!(3), absent),
    ]
}

fn authorities() -> Vec<Fault> {
    let absent = Code::TimestampAbsent;
    let stamp =
        |name: &str, change: fn(&mut World), code| fault(name, two_authorities, change, code);
    vec![
        stamp("one authority", |w| drop(w.plan.timestamps.pop()), absent),
        stamp(
            "one timestamp twice",
            |w| w.plan.timestamps[1] = w.plan.timestamps[0].clone(),
            absent,
        ),
        stamp(
            "two timestamps of one authority",
            |w| {
                w.plan.timestamps[1] = w.plan.timestamps[0].clone();
                w.plan.timestamps[1].time += 1;
            },
            absent,
        ),
        stamp(
            "one authority that is listed twice",
            |w| {
                let second: TrustedAuthority = w.root.timestamp_authorities[0].clone();
                w.root.timestamp_authorities[1] = second;
                w.plan.timestamps[1] = w.plan.timestamps[0].clone();
            },
            absent,
        ),
        stamp(
            "two authorities of one operator",
            |w| {
                w.policy.set(|document| {
                    for tsa in root(document)["timestampAuthorities"].as_array_mut().unwrap() {
                        tsa["operator"] = json!("sigstore.test");
                    }
                });
            },
            absent,
        ),
        stamp(
            "an authority and one that is not believed",
            |w| {
                drop(w.root.timestamp_authorities.pop());
            },
            Code::TimestampUntrusted,
        ),
        stamp(
            "an authority and one that was retired",
            |w| {
                w.root.timestamp_authorities[1].valid_for =
                    Some(Window::until(crate::sigstore::instant::SIGNED));
            },
            Code::TimestampUntrusted,
        ),
        stamp(
            "an authority and a bad timestamp of another",
            |w| {
                w.plan.timestamps[1].signature.set(flip);
            },
            Code::TimestampInvalid,
        ),
    ]
}

fn signers() -> Vec<Fault> {
    let signer = |name: &str, change: fn(&mut World), code| fault(name, two_signers, change, code);
    vec![
        signer("one person", |w| w.more.clear(), Code::ThresholdSameSigner),
        signer("one person, with two keys", again, Code::ThresholdSameSigner),
        signer("one bundle twice", |w| w.more = vec![w.bundle()], Code::ThresholdSameSigner),
        signer(
            "one person, by two roots",
            |w| {
                again(w);
                w.policy.set(|document| {
                    let trust = document["spec"]["trust"]["test"].clone();
                    document["spec"]["trust"]["second"] = trust;
                    document["spec"]["authorities"]["second"]["cosign"]["trust"] = json!("second");
                });
            },
            Code::ThresholdSameSigner,
        ),
        signer(
            "a person and somebody else's artifact",
            |w| {
                let other = Sigstore::new().signing(b"another\n");
                w.more = vec![Sigstore::new().sign(&other).json()];
                w.policy.set(|document| {
                    document["spec"]["authorities"]["second"]["cosign"]["keyless"] =
                        json!([{"issuer": ISSUER, "subject": "b@example.test"}]);
                });
            },
            Code::ThresholdUnmet,
        ),
        // A certificate with both names is one signer, whichever of them is asked for.
        signer(
            "one person of two names",
            |w| {
                let both = [San::Email("a@example.test"), San::Email("b@example.test")];
                w.plan.certificate = w.plan.certificate.clone().sans(&both);
                let plan = Sigstore::new().signing(ARTIFACT).key(Key::p256("again"));
                let mut second = World { plan, ..keyless() };
                second.plan.certificate = second.plan.certificate.clone().sans(&both);
                w.more = vec![second.bundle()];
            },
            Code::ThresholdSameSigner,
        ),
    ]
}
