//! Signed certificate timestamps.

use countersign::verdict::Code;

use crate::{
    sigstore::{
        certificate::{Extension, SCT_LIST},
        ctlog::{CtLog, Sct},
        der,
        instant::{HOUR, SIGNED, YEAR},
        keys::{Key, sha256},
        trusted_root::Window,
    },
    world::{Fault, World, fault, flip, keyless, v2},
};

/// Of an instance with two logs, of which the certificate has a timestamp each.
fn two() -> World {
    let mut world = keyless();
    let second = CtLog::new("second", Key::p256("second CT log"));
    world.root.ctlogs.push((&second).into());
    world.plan.scts.push(second.sct());
    world
}

pub(crate) fn faults() -> Vec<Fault> {
    let sct = |name: &str, change: fn(&mut Sct), code| {
        fault(name, keyless, move |w| change(&mut w.plan.scts[0]), code)
    };
    let list = |name: &str, change: fn(&mut Vec<u8>), code| {
        fault(name, keyless, move |w| w.plan.sct_list.set(change), code)
    };
    let (absent, malformed, invalid) = (Code::SctAbsent, Code::SctMalformed, Code::SctInvalid);
    vec![
        fault("no timestamp", keyless, |w| w.plan.scts.clear(), absent),
        fault("no timestamp, by Rekor v2", v2, |w| w.plan.scts.clear(), absent),
        sct("another signature", |s| s.signature.set(flip), invalid),
        sct("an empty signature", |s| s.signature.set(Vec::clear), invalid),
        sct("a timestamp of another certificate", |s| s.signed.set(|p| flip(&mut p.tbs)), invalid),
        sct(
            "a timestamp of another issuer",
            |s| s.signed.set(|p| flip(&mut p.issuer_key_hash)),
            invalid,
        ),
        sct("a log that is not known", |s| s.log = CtLog::new("x", Key::p256("x")), absent),
        sct("the log's id with another key", |s| s.log.key = Key::p256("x"), invalid),
        sct("another id with the log's key", |s| flip(&mut s.log.id), absent),
        sct("version 2", |s| s.version = 1, malformed),
        sct("a label of SHA-1", |s| s.algorithm = Some([2, 3]), invalid),
        sct("a label of MD5", |s| s.algorithm = Some([1, 3]), invalid),
        sct("a label of no hash", |s| s.algorithm = Some([0, 3]), invalid),
        sct(
            "a label of SHA-384 on a signature with SHA-256",
            |s| s.algorithm = Some([5, 3]),
            invalid,
        ),
        sct("a label of RSA on an ECDSA key", |s| s.algorithm = Some([4, 1]), invalid),
        sct("a label of anonymous", |s| s.algorithm = Some([4, 0]), invalid),
        list("an empty list", |l| *l = vec![0, 0], malformed),
        list("no list", Vec::clear, malformed),
        list("a byte after the list", |l| l.push(0), malformed),
        list("a list that is cut off", |l| l.truncate(l.len() - 1), malformed),
        list("a timestamp of no bytes", |l| *l = vec![0, 2, 0, 0], malformed),
        list("another time", |l| l[2 + 2 + 1 + 32 + 7] ^= 1, invalid),
        list(
            "another extension",
            |l| {
                // Length of extensions, behind version, id and time: one byte more in every length.
                l[2 + 2 + 1 + 32 + 8 + 1] = 1;
                l.insert(2 + 2 + 1 + 32 + 8 + 2, 0);
                l[1] += 1;
                l[3] += 1;
            },
            invalid,
        ),
        list(
            "a byte after a timestamp",
            |l| {
                l.push(0);
                l[1] += 1;
                l[3] += 1;
            },
            malformed,
        ),
        fault(
            "seventeen timestamps",
            keyless,
            |w| {
                w.plan.scts = vec![w.plan.scts[0].clone(); 17];
            },
            malformed,
        ),
        fault(
            "the list's extension twice",
            keyless,
            |w| {
                let value = der::octets(&[0, 0]);
                let extension = Extension { oid: SCT_LIST.to_owned(), critical: false, value };
                w.plan.certificate.extensions.extend([extension.clone(), extension]);
                w.plan.scts.clear();
            },
            Code::CertificateMalformed,
        ),
        fault(
            "a good one and a bad one of one log",
            keyless,
            |w| {
                let mut bad = w.plan.scts[0].clone();
                bad.signature.set(flip);
                w.plan.scts.push(bad);
            },
            invalid,
        ),
        fault(
            "a good one and a bad one of another log",
            two,
            |w| {
                w.plan.scts[1].signature.set(flip);
            },
            invalid,
        ),
        fault(
            "a retired log and a log that is not known",
            two,
            |w| {
                w.root.ctlogs.pop();
                w.root.ctlogs[0].valid_for = Some(Window::until(SIGNED - 1));
            },
            absent,
        ),
        fault(
            "two retired logs",
            two,
            |w| {
                for log in &mut w.root.ctlogs {
                    log.valid_for = Some(Window::until(SIGNED - 1));
                }
            },
            absent,
        ),
        fault(
            "a log that was not in use yet",
            keyless,
            |w| {
                w.root.ctlogs[0].valid_for = Some(Window::from(SIGNED + 1));
            },
            absent,
        ),
        sct(
            "a timestamp of before the log",
            |s| s.timestamp = (SIGNED - 5 * YEAR) as u64 * 1000,
            absent,
        ),
        // RFC 6962 §5.2.
        fault(
            "a timestamp of the future",
            keyless,
            |w| {
                w.plan.scts[0].timestamp = (w.now + HOUR) as u64 * 1000;
            },
            invalid,
        ),
        sct("a timestamp beyond all time", |s| s.timestamp = u64::MAX, invalid),
        fault(
            "a timestamp of the same key's other certificate",
            keyless,
            |w| {
                let mut other = w.plan.certificate.clone();
                other.serial = sha256(b"other")[..16].to_vec();
                let issuer = w.plan.issuer.clone();
                w.plan.scts[0].signed.set(move |p| p.tbs = other.tbs(&issuer));
            },
            invalid,
        ),
        fault(
            "a log of another instance",
            keyless,
            |w| {
                w.root.ctlogs = crate::sigstore::Sigstore::named("other").trusted_root().ctlogs;
            },
            absent,
        ),
    ]
}
