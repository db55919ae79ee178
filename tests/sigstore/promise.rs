//! Signed entry timestamps, and the times that they prove.

use countersign::verdict::Code;
use serde_json::{Value, json};

use crate::{
    sigstore::{
        Sigstore,
        bundle::Version,
        instant::{HOUR, SIGNED, YEAR},
        keys::Key,
        rekor::{Entry, Logging},
        trusted_root::{TrustedLog, Window},
    },
    world::{Fault, World, fault, flip, keyed, keyless, stamped, v2},
};

/// Version 0.1, with a promise alone.
fn promised() -> World {
    World::keyless(&Sigstore::new(), |plan, _| {
        let mut plan = plan.version(Version::V01);
        plan.logs[0].proof = false;
        plan
    })
}

pub(crate) fn faults() -> Vec<Fault> {
    let invalid = Code::LogPromiseInvalid;
    let log = |name: &str, change: fn(&mut Logging), code| {
        fault(name, keyless, move |w| change(&mut w.plan.logs[0]), code)
    };
    let signs = |name: &str, change: fn(&mut Value)| {
        fault(name, keyless, move |w| w.plan.logs[0].promised.set(change), invalid)
    };
    let says = |name: &str, change: fn(&mut Entry), code| {
        fault(name, keyless, move |w| w.plan.logs[0].entry.set(change), code)
    };
    vec![
        says("another signature", |e| flip(e.promise.as_mut().unwrap()), invalid),
        says("half of a signature", |e| e.promise.as_mut().unwrap().truncate(30), invalid),
        signs("of another body", |p| p["body"] = json!("e30=")),
        signs("of another time", |p| p["integratedTime"] = json!(SIGNED + 9)),
        signs("of another index", |p| p["logIndex"] = json!(7)),
        signs("of another log", |p| p["logID"] = json!("00".repeat(32))),
        signs("with a member more", |p| p["more"] = json!(1)),
        // CVE-2022-36056: what is not signed must not be believed.
        says("the bundle says another time", |e| e.integrated_time = Some(SIGNED + 6), invalid),
        says("the bundle says another index", |e| e.log_index += 1, invalid),
        says("the bundle says no time", |e| e.integrated_time = None, invalid),
        says("the bundle says 1970", |e| e.integrated_time = Some(0), invalid),
        says(
            "the bundle says a time before 1970",
            |e| e.integrated_time = Some(-1),
            Code::EnvelopeMalformed,
        ),
        says(
            "the bundle says an index before the first",
            |e| e.log_index = -1,
            Code::EnvelopeMalformed,
        ),
        says("the bundle says the last of all indexes", |e| e.log_index = i64::MAX, invalid),
        log(
            "by another key",
            |l| {
                // The id stays that of the log that is believed; the proof is by the same key.
                l.log.key = Key::p256("other");
            },
            invalid,
        ),
        // CVE-2022-23649: a promise for another signature.
        fault(
            "of the same signer's other artifact",
            keyless,
            |w| {
                let mut other = w.plan.clone();
                other.artifact = b"another\n".to_vec();
                let promise = Sigstore::new().sign(&other).entries[0].promise.clone();
                w.plan.logs[0].entry.set(move |e| e.promise = promise.clone());
            },
            invalid,
        ),
        fault(
            "that Rekor v2 did not make",
            v2,
            |w| {
                w.plan.logs[0].entry.set(|e| {
                    e.integrated_time = Some(SIGNED + 5);
                    e.promise = Some(Key::p256("other").sign(b"x"));
                });
            },
            invalid,
        ),
        fault(
            "missing in version 0.1",
            promised,
            |w| w.plan.logs[0].promise = false,
            Code::LogPromiseAbsent,
        ),
        fault(
            "missing in version 0.1, with a proof",
            promised,
            |w| {
                w.plan.logs[0].promise = false;
                w.plan.logs[0].proof = true;
            },
            Code::LogPromiseAbsent,
        ),
        fault(
            "empty in version 0.1",
            promised,
            |w| {
                w.plan.logs[0].entry.set(|e| e.promise = Some(Vec::new()));
            },
            Code::LogPromiseAbsent,
        ),
        fault(
            "another signature in version 0.1",
            promised,
            |w| {
                w.plan.logs[0].entry.set(|e| flip(e.promise.as_mut().unwrap()));
            },
            invalid,
        ),
        log("a time that nobody has signed", |l| l.promise = false, Code::TimeUnproven),
        // CVE-2026-54787: keys of logs have their time.
        fault(
            "by a key that was retired a second before",
            keyless,
            |w| {
                w.root.tlogs[0].valid_for = Some(Window::until(SIGNED + 4));
            },
            Code::LogNotInUse,
        ),
        fault(
            "by a key that was not in use yet",
            keyless,
            |w| {
                w.root.tlogs[0].valid_for = Some(Window::from(SIGNED + 6));
            },
            Code::LogNotInUse,
        ),
        fault(
            "by a retired key, of a signature by a key",
            keyed,
            |w| {
                w.root.tlogs[0].valid_for = Some(Window::until(SIGNED + 4));
            },
            Code::LogNotInUse,
        ),
        fault(
            "by a retired key, within its own time by a timestamp",
            stamped,
            |w| {
                w.root.tlogs[0].valid_for = Some(Window::from(SIGNED + 6));
            },
            Code::LogNotInUse,
        ),
        fault(
            "by a retired key, with another key of the same id in use",
            keyless,
            |w| {
                let mut second: TrustedLog = (&Sigstore::named("second").rekor1).into();
                second.id.clone_from(&w.root.tlogs[0].id);
                w.root.tlogs.push(second);
                w.root.tlogs[0].valid_for = Some(Window::until(SIGNED + 4));
            },
            Code::LogNotInUse,
        ),
        fault("of the future", keyless, |w| w.now = SIGNED + 5 - 301, Code::TimeFuture),
        fault(
            "of the future, of a key",
            keyed,
            |w| w.plan.logs[0].integrated_time = SIGNED + 2 * YEAR,
            Code::TimeFuture,
        ),
        fault(
            "after the certificate",
            keyless,
            |w| {
                w.plan.logs[0].integrated_time = SIGNED + HOUR;
            },
            Code::CertificateExpired,
        ),
        fault(
            "before the certificate",
            keyless,
            |w| {
                w.plan.logs[0].integrated_time = SIGNED - 1;
            },
            Code::CertificateNotYetValid,
        ),
    ]
}
