//! RFC 3161 timestamps: of this signature, by an authority that is believed and was in use.

use countersign::verdict::Code;
use serde_json::json;

use crate::{
    sigstore::{
        Sigstore,
        certificate::{CODE_SIGNING, Certificate, EXTENDED_KEY_USAGE, KEY_USAGE, TIME_STAMPING},
        der,
        instant::{HOUR, SIGNED, YEAR, generalized},
        keys::{Hash, Key},
        rekor::Kind,
        trusted_root::Window,
        tsa::{Embedded, SIGNING_TIME, Stamp, Tsa, TstInfo},
    },
    world::{Fault, World, fault, flip, only_stamped, stamped, v2, v2_dsse},
};

const SHA1: &str = "1.3.14.3.2.26";

pub(crate) fn faults() -> Vec<Fault> {
    let mut all = Vec::new();
    all.extend(tokens());
    all.extend(authorities());
    all.extend(times());
    all.extend(absent());
    all
}

/// The same fault with Rekor v2 and without any log: both need the time.
fn stamp(name: &str, change: fn(&mut Stamp), code: Code) -> [Fault; 2] {
    let rights: [(&str, fn() -> World); 2] = [("Rekor v2", v2), ("no log", only_stamped)];
    rights.map(|(which, right)| {
        fault(format!("{name}, {which}"), right, move |w| change(&mut w.plan.timestamps[0]), code)
    })
}

fn info(name: &str, change: fn(&mut TstInfo), code: Code) -> Fault {
    fault(name, v2, move |w| w.plan.timestamps[0].info.set(change), code)
}

fn tokens() -> Vec<Fault> {
    let (invalid, malformed) = (Code::TimestampInvalid, Code::TimestampMalformed);
    let whole = |name: &str, change: fn(&mut Vec<u8>)| {
        fault(name, v2, move |w| w.plan.timestamps[0].whole.set(change), malformed)
    };
    let mut all: Vec<Fault> = [
        stamp("of another signature", |s| s.over.set(flip), invalid),
        stamp("of nothing", |s| s.over.set(Vec::clear), invalid),
        stamp("another signature", |s| s.signature.set(flip), invalid),
        stamp("an empty signature", |s| s.signature.set(Vec::clear), invalid),
        stamp(
            "the digest of another content",
            |s| {
                s.attributes.set(|a| flip(&mut a[2].value));
            },
            invalid,
        ),
        stamp(
            "another certificate named",
            |s| s.attributes.set(|a| flip(&mut a[3].value)),
            Code::TimestampUntrusted,
        ),
        stamp(
            "another serial number named",
            |s| s.signer.set(|(_, serial)| flip(serial)),
            Code::TimestampUntrusted,
        ),
        stamp("refused by the authority", |s| s.status = 2, malformed),
        stamp("another content", |s| s.content_type = "1.2.840.113549.1.7.1".to_owned(), malformed),
        stamp(
            "an attribute twice",
            |s| {
                s.attributes.set(|a| {
                    let mut more = a[2].clone();
                    flip(&mut more.value);
                    a.push(more);
                });
            },
            malformed,
        ),
        stamp("no digest of the content", |s| s.attributes.set(|a| drop(a.remove(2))), malformed),
        stamp("no type of the content", |s| s.attributes.set(|a| drop(a.remove(0))), malformed),
    ]
    .into_iter()
    .flatten()
    .collect();
    all.extend([
        info("another imprint", |i| flip(&mut i.imprint), invalid),
        info("an imprint that is cut off", |i| i.imprint.truncate(31), invalid),
        info("an imprint of SHA-1", |i| i.hash = SHA1.to_owned(), malformed),
        info("an imprint of MD5", |i| i.hash = "1.2.840.113549.2.5".to_owned(), malformed),
        info("an imprint with another label", |i| i.hash = Hash::Sha512.oid().to_owned(), invalid),
        info("version 2", |i| i.version = 2, malformed),
        info("a time without a zone", |i| i.time = generalized(SIGNED)[..14].to_owned(), malformed),
        info("a time with an offset", |i| i.time = "20250601120006+0000".to_owned(), malformed),
        info("a thirteenth month", |i| i.time = "20251301120006Z".to_owned(), malformed),
        info("a time in words", |i| i.time = "yesterday".to_owned(), malformed),
        info(
            "an accuracy of more than a second's milliseconds",
            |i| {
                i.accuracy = Some((1, 1_000, 0));
            },
            malformed,
        ),
        whole("a byte after it", |w| w.push(0)),
        whole("half of it", |w| w.truncate(w.len() / 2)),
        whole("nothing", Vec::clear),
        whole("JSON", |w| *w = b"{}".to_vec()),
        whole("more than 64 KiB", |w| w.resize(65 << 10, 0)),
        // CVE-2025-66564, CVE-2026-49835: memory by a token's own word on its size.
        whole("a length of four gigabytes", |w| {
            *w = vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x30]
        }),
        whole("an indefinite length", |w| w[1] = 0x80),
        fault(
            "of the payload in place of the signature",
            v2_dsse,
            |w| {
                let payload = crate::sigstore::signing::statement(
                    crate::sigstore::ARTIFACT,
                    crate::generator::PROVENANCE,
                );
                w.plan.timestamps[0].over.set(move |over| over.clone_from(&payload));
            },
            invalid,
        ),
        fault(
            "of the artifact in place of the signature",
            v2,
            |w| {
                w.plan.timestamps[0].over.set(|over| *over = crate::sigstore::ARTIFACT.to_vec());
            },
            invalid,
        ),
        fault(
            "of the base64 of the signature",
            v2,
            |w| {
                w.plan.timestamps[0]
                    .over
                    .set(|over| *over = crate::sigstore::base64(over).into_bytes());
            },
            invalid,
        ),
        fault(
            "a good one and a bad one",
            v2,
            |w| {
                let mut bad = w.plan.timestamps[0].clone();
                bad.signature.set(flip);
                w.plan.timestamps.push(bad);
            },
            invalid,
        ),
        fault(
            "a bad one beside a promise",
            stamped,
            |w| {
                w.plan.timestamps[0].signature.set(flip);
            },
            invalid,
        ),
        fault(
            "33 of them",
            v2,
            |w| {
                w.plan.timestamps = vec![w.plan.timestamps[0].clone(); 33];
            },
            Code::EnvelopeMalformed,
        ),
    ]);
    all
}

/// The world of an instance whose authority is changed.
fn authority(name: &str, change: fn(&mut Tsa), code: Code) -> Fault {
    fault(
        name,
        v2,
        move |w| {
            let mut sigstore = Sigstore::new();
            change(&mut sigstore.tsa);
            *w = World::keyless(&sigstore, |plan, s| plan.v2(s));
        },
        code,
    )
}

fn authorities() -> Vec<Fault> {
    let (invalid, untrusted) = (Code::TimestampInvalid, Code::TimestampUntrusted);
    let leaf = |name: &str, change: fn(Certificate) -> Certificate| {
        fault(
            name,
            v2,
            move |w| {
                let mut sigstore = Sigstore::new();
                sigstore.tsa.leaf = change(sigstore.tsa.leaf);
                *w = World::keyless(&sigstore, |plan, s| plan.v2(s));
            },
            invalid,
        )
    };
    let own = || Tsa::new("own", Key::p256("own TSA"));
    vec![
        leaf("a leaf without extKeyUsage", |c| c.without(EXTENDED_KEY_USAGE)),
        leaf("a leaf for code", |c| c.purposes(&[CODE_SIGNING])),
        leaf("a leaf whose extKeyUsage is not critical", |c| c.purposes(&[TIME_STAMPING])),
        leaf("a leaf for timestamps and code", |c| {
            let both = der::seq(&[der::oid(TIME_STAMPING), der::oid(CODE_SIGNING)]);
            c.with(EXTENDED_KEY_USAGE, true, both)
        }),
        leaf("a leaf without keyUsage", |c| c.without(KEY_USAGE)),
        leaf("a leaf that encrypts", |c| c.usage(0x2000)),
        leaf("a leaf with an unknown critical extension", Certificate::unknown_critical),
        leaf("a leaf that had expired", |c| Certificate { not_after: SIGNED + 5, ..c }),
        leaf("a leaf that was not valid yet", |c| Certificate { not_before: SIGNED + 7, ..c }),
        authority(
            "an intermediate that had expired",
            |t| t.authorities[1].not_after = SIGNED + 5,
            invalid,
        ),
        authority(
            "an intermediate that was not valid yet",
            |t| t.authorities[1].not_before = SIGNED + 7,
            invalid,
        ),
        authority("a root that had expired", |t| t.authorities[0].not_after = SIGNED + 5, invalid),
        authority(
            "an intermediate for code",
            |t| {
                t.authorities[1] = t.authorities[1].clone().purposes(&[CODE_SIGNING]);
            },
            invalid,
        ),
        authority(
            "an intermediate that is no CA",
            |t| {
                t.authorities[1] = t.authorities[1].clone().basic(false, None);
            },
            invalid,
        ),
        authority(
            "a leaf of RSA with 1024 bits",
            |t| t.leaf.key = Key::rsa(1024),
            Code::TimestampMalformed,
        ),
        fault(
            "an authority that nobody believes",
            v2,
            move |w| {
                w.plan.timestamps[0].tsa = own();
            },
            untrusted,
        ),
        fault(
            "an authority that nobody believes, with its chain",
            v2,
            move |w| {
                w.plan.timestamps[0].tsa = own();
                w.plan.timestamps[0].embedded = Embedded::Chain;
            },
            untrusted,
        ),
        fault(
            "an authority that nobody believes, without certificates",
            v2,
            move |w| {
                w.plan.timestamps[0].tsa = own();
                w.plan.timestamps[0].embedded = Embedded::Nothing;
            },
            untrusted,
        ),
        // CVE-2026-39984: the signer out of the token's bag.
        fault(
            "a forged certificate before the authority's",
            v2,
            |w| {
                let mut forged = Sigstore::new().tsa;
                forged.leaf.key = Key::p256("forged");
                let real = Sigstore::new().tsa.chain();
                w.plan.timestamps[0].tsa = forged;
                w.plan.timestamps[0].certificates.set(move |c| c.push(real[0].clone()));
            },
            untrusted,
        ),
        fault(
            "a forged certificate behind the authority's",
            v2,
            |w| {
                let mut forged = Sigstore::new().tsa;
                forged.leaf.key = Key::p256("forged");
                let real = Sigstore::new().tsa.chain();
                w.plan.timestamps[0].tsa = forged;
                w.plan.timestamps[0].certificates.set(move |c| c.insert(0, real[0].clone()));
            },
            untrusted,
        ),
        fault(
            "a leaf by a leaf of the authority",
            v2,
            |w| {
                let tsa = &mut w.plan.timestamps[0].tsa;
                let own = Certificate::stamper("own", Key::p256("own"));
                tsa.authorities.push(tsa.leaf.clone());
                tsa.leaf = own;
                w.plan.timestamps[0].embedded = Embedded::Chain;
            },
            untrusted,
        ),
        fault(
            "another leaf of the same authority",
            v2,
            |w| {
                let tsa = &mut w.plan.timestamps[0].tsa;
                tsa.leaf = Certificate::stamper("another", Key::p256("another"));
            },
            untrusted,
        ),
        fault(
            "another leaf of an authority that lists none, for code",
            || {
                let mut world = v2();
                world.root.timestamp_authorities[0].certificates.remove(0);
                world
            },
            |w| {
                let tsa = &mut w.plan.timestamps[0].tsa;
                tsa.leaf = tsa.leaf.clone().purposes(&[CODE_SIGNING]);
            },
            invalid,
        ),
        fault(
            "no certificate of an authority that lists none",
            || {
                let mut world = v2();
                world.root.timestamp_authorities[0].certificates.remove(0);
                world
            },
            |w| w.plan.timestamps[0].embedded = Embedded::Nothing,
            untrusted,
        ),
        fault(
            "an intermediate of a retired authority",
            || {
                let mut world = v2();
                world.root.timestamp_authorities[0].certificates.remove(0);
                let mut second = Sigstore::new().tsa;
                second.authorities[1] = Certificate::authority("second", Key::p256("second"))
                    .basic(true, Some(0))
                    .purposes(&[TIME_STAMPING]);
                let mut second: crate::sigstore::trusted_root::TrustedAuthority = (&second).into();
                second.certificates.remove(0);
                world.root.timestamp_authorities.push(second);
                world
            },
            |w| {
                w.root.timestamp_authorities[0].valid_for = Some(Window::until(SIGNED));
                w.plan.timestamps[0].embedded = Embedded::Chain;
            },
            untrusted,
        ),
    ]
}

fn times() -> Vec<Fault> {
    let untrusted = Code::TimestampUntrusted;
    let mut all: Vec<Fault> = [
        stamp(
            "after the signer's certificate",
            |s| s.time = SIGNED + HOUR,
            Code::CertificateExpired,
        ),
        stamp(
            "before the signer's certificate",
            |s| s.time = SIGNED - 1,
            Code::CertificateNotYetValid,
        ),
        stamp("of the future", |s| s.time = SIGNED + 2 * YEAR, Code::TimeFuture),
        stamp(
            "signed after the authority's certificate",
            |s| {
                s.attributes.set(|attributes| {
                    let time = attributes.iter_mut().find(|a| a.oid == SIGNING_TIME).unwrap();
                    time.value = der::validity(SIGNED + 16 * YEAR);
                });
            },
            Code::TimestampInvalid,
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    let window = |name: &str, right: fn() -> World, window: Window| {
        fault(
            name,
            right,
            move |w| w.root.timestamp_authorities[0].valid_for = Some(window.clone()),
            untrusted,
        )
    };
    // CVE-2026-54787.
    all.extend([
        window("an authority that was retired a second before", v2, Window::until(SIGNED + 5)),
        window("an authority that was not in use yet", v2, Window::from(SIGNED + 7)),
        window("a retired authority without a log", only_stamped, Window::until(SIGNED + 5)),
        fault(
            "two, one of which is after the certificate",
            v2,
            |w| {
                let mut late = w.plan.timestamps[0].clone();
                late.time = SIGNED + HOUR;
                w.plan.timestamps.push(late);
            },
            Code::CertificateExpired,
        ),
    ]);
    all
}

fn absent() -> Vec<Fault> {
    let required = || {
        let mut world = stamped();
        world.cosign["timestamp"] = json!("required");
        world
    };
    vec![
        fault("none, with Rekor v2", v2, |w| w.plan.timestamps.clear(), Code::TimeUnproven),
        fault(
            "none, of an envelope with Rekor v2",
            v2_dsse,
            |w| w.plan.timestamps.clear(),
            Code::TimeUnproven,
        ),
        fault(
            "none, without a log",
            only_stamped,
            |w| w.plan.timestamps.clear(),
            Code::TimestampAbsent,
        ),
        fault(
            "none, where one is required",
            required,
            |w| w.plan.timestamps.clear(),
            Code::TimestampAbsent,
        ),
        fault(
            "of an unknown authority, where one is required",
            required,
            |w| {
                w.plan.timestamps = vec![Sigstore::named("other").tsa.stamp()];
            },
            Code::TimestampUntrusted,
        ),
        fault(
            "none, with a promise of a log that is ignored",
            only_stamped,
            |w| {
                w.plan.timestamps.clear();
                w.plan.logs = vec![Sigstore::new().rekor1.entry(Kind::HashedRekord1)];
            },
            Code::TimestampAbsent,
        ),
        fault(
            "none, and the entry claims a time",
            v2,
            |w| {
                w.plan.timestamps.clear();
                w.plan.logs[0].entry.set(|e| e.integrated_time = Some(SIGNED + 5));
            },
            Code::TimeUnproven,
        ),
    ]
}
