//! The trusted root: of each service the keys, and when they were in use.

use countersign::verdict::Code;

use crate::{
    sigstore::{
        Sigstore,
        instant::{SIGNED, YEAR},
        keys::Key,
        rekor::Rekor,
        trusted_root::{TrustedRoot, Window},
    },
    world::{Fault, World, fault, keyed, keyless, only_stamped, stamped, v2},
};

pub(crate) fn faults() -> Vec<Fault> {
    let root = |name: &str, right: fn() -> World, change: fn(&mut TrustedRoot), code| {
        fault(name, right, move |w| change(&mut w.root), code)
    };
    let windows: [(&str, fn() -> World, fn(&mut TrustedRoot) -> &mut Option<Window>, i64, Code);
        7] = [
        (
            "Fulcio",
            keyless,
            |r| &mut r.certificate_authorities[0].valid_for,
            5,
            Code::CertificateUntrusted,
        ),
        (
            "Fulcio, by Rekor v2",
            v2,
            |r| &mut r.certificate_authorities[0].valid_for,
            6,
            Code::CertificateUntrusted,
        ),
        ("Rekor v1", keyless, |r| &mut r.tlogs[0].valid_for, 5, Code::LogNotInUse),
        ("Rekor v2", v2, |r| &mut r.tlogs[1].valid_for, 6, Code::LogNotInUse),
        ("the CT log", keyless, |r| &mut r.ctlogs[0].valid_for, 0, Code::SctAbsent),
        (
            "the timestamp authority",
            v2,
            |r| &mut r.timestamp_authorities[0].valid_for,
            6,
            Code::TimestampUntrusted,
        ),
        (
            "the timestamp authority, without a log",
            only_stamped,
            |r| &mut r.timestamp_authorities[0].valid_for,
            6,
            Code::TimestampUntrusted,
        ),
    ];
    let mut all = Vec::new();
    for (service, right, window, at, code) in windows {
        let periods = [
            ("ends a second before", Window::until(SIGNED + at - 1)),
            ("begins a second after", Window::from(SIGNED + at + 1)),
            ("ended years before", Window::until(SIGNED - YEAR)),
            (
                "ends before it begins",
                Window { start: Some(SIGNED + YEAR), end: Some(SIGNED - YEAR) },
            ),
        ];
        for (what, period) in periods {
            all.push(fault(
                format!("{service} {what}"),
                right,
                move |w| *window(&mut w.root) = Some(period.clone()),
                code,
            ));
        }
    }
    all.extend([
        root(
            "another instance",
            keyless,
            |r| *r = Sigstore::named("other").trusted_root(),
            Code::LogEntryAbsent,
        ),
        root(
            "the authority of another instance",
            keyless,
            |r| {
                r.certificate_authorities =
                    Sigstore::named("other").trusted_root().certificate_authorities;
            },
            Code::CertificateUntrusted,
        ),
        root(
            "the logs of another instance",
            keyless,
            |r| {
                r.tlogs = Sigstore::named("other").trusted_root().tlogs;
            },
            Code::LogEntryAbsent,
        ),
        root(
            "the timestamp authority of another instance",
            v2,
            |r| {
                r.timestamp_authorities =
                    Sigstore::named("other").trusted_root().timestamp_authorities;
            },
            Code::TimestampUntrusted,
        ),
        root("no timestamp authority", v2, |r| r.timestamp_authorities.clear(), Code::TimeUnproven),
        root(
            "the log's id with another key",
            keyless,
            |r| {
                r.tlogs[0].key = Key::p256("other").spki();
            },
            Code::LogPromiseInvalid,
        ),
        root(
            "the log's id with another key, in Rekor v2",
            v2,
            |r| {
                r.tlogs[1].key = Key::ed25519("other").spki();
            },
            Code::CheckpointInvalid,
        ),
        root(
            "the log's key with another id",
            keyless,
            |r| {
                r.tlogs[0].id = vec![1; 32];
            },
            Code::LogEntryAbsent,
        ),
        root(
            "the CT log's id with another key",
            keyless,
            |r| {
                r.ctlogs[0].key = Key::p256("other").spki();
            },
            Code::SctInvalid,
        ),
        root(
            "the authority's root with another intermediate",
            keyless,
            |r| {
                r.certificate_authorities[0].certificates[0] =
                    Sigstore::named("other").ca.chain().remove(0);
            },
            Code::CertificateUntrusted,
        ),
        root(
            "the authority's intermediate with another root",
            keyless,
            |r| {
                r.certificate_authorities[0].certificates[1] =
                    Sigstore::named("other").ca.chain().remove(1);
            },
            Code::CertificateUntrusted,
        ),
        // What cannot be used does not count, and is missed.
        root(
            "the log's key is labelled as another type",
            keyless,
            |r| {
                r.tlogs[0].details = "PKIX_ED25519".to_owned();
            },
            Code::LogEntryAbsent,
        ),
        root(
            "the log's tree is of another hash",
            v2,
            |r| {
                r.tlogs[1].hash_algorithm = "SHA2_512".to_owned();
            },
            Code::LogEntryAbsent,
        ),
        fault(
            "the log's key signs with another hash",
            || {
                let mut sigstore = Sigstore::new();
                sigstore.rekor1 = Rekor::v1("one", Key::p384("one Rekor v1"));
                World::keyless(&sigstore, |plan, _| plan)
            },
            |w| w.root.tlogs[0].details = "PKIX_ECDSA_P384_SHA_256".to_owned(),
            Code::LogPromiseInvalid,
        ),
        root(
            "the log of a key's signature was retired",
            keyed,
            |r| {
                r.tlogs[0].valid_for = Some(Window::until(SIGNED));
            },
            Code::LogNotInUse,
        ),
        root(
            "the log had its key after the promise, and the timestamp is within",
            stamped,
            |r| {
                r.tlogs[0].valid_for = Some(Window::from(SIGNED + 6));
            },
            Code::LogNotInUse,
        ),
    ]);
    all
}
