//! The certificate and its path, at every verified time.

use countersign::verdict::Code;
use serde_json::json;

use crate::{
    sigstore::{
        IDENTITY, Sigstore, Who,
        bundle::{Material, Version},
        ca::Ca,
        certificate::{
            BASIC_CONSTRAINTS, CODE_SIGNING, Certificate, EXTENDED_KEY_USAGE, Extension,
            KEY_CERT_SIGN, KEY_USAGE, San, TIME_STAMPING,
        },
        der,
        instant::SIGNED,
        keys::Key,
        trusted_root::Window,
    },
    world::{Fault, World, fault, flip, keyless, stamped, v2},
};

/// id-kp-serverAuth, anyExtendedKeyUsage (RFC 5280 §4.2.1.12).
const SERVER: &str = "1.3.6.1.5.5.7.3.1";
const ANY: &str = "2.5.29.37.0";

pub(crate) fn faults() -> Vec<Fault> {
    let mut all = Vec::new();
    all.extend(leaf());
    all.extend(paths());
    all.extend(authorities());
    all.extend(constraints());
    all.extend(times());
    all.extend(travelling());
    all
}

/// With the intermediates in the bundle and the root alone in the trusted root: what travels is
/// what is looked at.
fn in_a_chain(sigstore: &Sigstore) -> World {
    let mut world =
        World::keyless(sigstore, |plan, _| plan.version(Version::V02).who(Who::WholeChain));
    let chain = &mut world.root.certificate_authorities[0].certificates;
    chain.drain(..chain.len() - 1);
    world
}

fn chained() -> World {
    in_a_chain(&Sigstore::new())
}

/// The world of an instance whose authorities are changed; the twin is that of one unchanged.
fn authority(name: &str, change: impl Fn(&mut Sigstore) + 'static, code: Code) -> Fault {
    fault(
        name,
        keyless,
        move |w| {
            let mut sigstore = Sigstore::new();
            change(&mut sigstore);
            *w = World::keyless(&sigstore, |plan, _| plan);
        },
        code,
    )
}

fn leaf() -> Vec<Fault> {
    let leaf = |name: &str, change: fn(Certificate) -> Certificate, code| {
        fault(name, keyless, move |w| w.plan.certificate = change(w.plan.certificate.clone()), code)
    };
    let profile = |name, change| leaf(name, change, Code::CertificateProfile);
    vec![
        profile("no extKeyUsage", |c| c.without(EXTENDED_KEY_USAGE)),
        profile("extKeyUsage of servers", |c| c.purposes(&[SERVER])),
        profile("extKeyUsage of timestamps", |c| c.purposes(&[TIME_STAMPING])),
        profile("any extKeyUsage", |c| c.purposes(&[ANY])),
        profile("no keyUsage", |c| c.without(KEY_USAGE)),
        profile("keyUsage of a CA", |c| c.usage(KEY_CERT_SIGN)),
        profile("keyUsage of encipherment", |c| c.usage(0x2000)),
        profile("a leaf that is a CA", |c| c.basic(true, None)),
        profile("a leaf that is a CA of leaves", |c| c.basic(true, Some(0))),
        profile("an unknown critical extension", Certificate::unknown_critical),
        profile("a precertificate", |c| c.with("1.3.6.1.4.1.11129.2.4.3", true, der::null())),
        profile("a critical policy", |c| {
            c.with("2.5.29.36", true, der::seq(&[der::seq(&[der::oid("1.2.3")])]))
        }),
        leaf("X.509 version 1", |c| Certificate { version: 0, ..c }, Code::CertificateUntrusted),
        leaf("X.509 version 2", |c| Certificate { version: 1, ..c }, Code::CertificateUntrusted),
        leaf(
            "two algorithms of one signature",
            |c| {
                let outer = der::algorithm("1.2.840.10045.4.3.3", &[]);
                Certificate { outer_algorithm: Some(outer), ..c }
            },
            Code::CertificateMalformed,
        ),
        leaf(
            "basicConstraints twice",
            |c| {
                let mut c = c.basic(false, None);
                let extension = Extension {
                    oid: BASIC_CONSTRAINTS.to_owned(),
                    critical: true,
                    value: der::seq(&[der::boolean(true)]),
                };
                c.extensions.push(extension);
                c
            },
            Code::CertificateMalformed,
        ),
        leaf(
            "an extKeyUsage that is no list",
            |c| c.with(EXTENDED_KEY_USAGE, false, der::oid(CODE_SIGNING)),
            Code::CertificateMalformed,
        ),
        leaf(
            "101 extensions",
            |c| {
                (1..=101)
                    .fold(c, |c, n| c.with(&format!("1.3.6.1.4.1.55555.2.{n}"), false, der::null()))
            },
            Code::CertificateMalformed,
        ),
    ]
}

fn paths() -> Vec<Fault> {
    let issued = |name: &str, change: fn(&mut Vec<u8>), code| {
        fault(name, keyless, move |w| w.plan.issued.set(change), code)
    };
    vec![
        // The log knows the certificate; only the authority does not.
        issued("a certificate with another signature", flip, Code::CertificateUntrusted),
        issued("a byte after the certificate", |der| der.push(0), Code::CertificateMalformed),
        issued(
            "half of a certificate",
            |der| der.truncate(der.len() / 2),
            Code::CertificateMalformed,
        ),
        issued("an empty certificate", Vec::clear, Code::CertificateMalformed),
        fault(
            "a certificate of another authority",
            keyless,
            |w| w.plan.issuer = Ca::new("other").issuer(),
            Code::CertificateUntrusted,
        ),
        fault(
            "a certificate of another authority with the same name",
            keyless,
            |w| w.plan.issuer.key = Key::p256("other"),
            Code::CertificateUntrusted,
        ),
        fault(
            "a certificate of the authority in another's name",
            keyless,
            |w| {
                let name = Ca::new("other").issuer().name;
                w.plan.certificate.claimed_issuer = Some(name);
            },
            Code::CertificateUntrusted,
        ),
        fault(
            "a certificate by itself",
            keyless,
            |w| w.plan.issuer = w.plan.certificate.as_issuer(),
            Code::CertificateUntrusted,
        ),
        fault(
            "a certificate by a workflow's certificate, which travels",
            chained,
            |w| {
                let mut middle = w.plan.certificate.clone();
                middle.subject = crate::sigstore::certificate::name("a workflow");
                middle.key = Key::p256("a workflow");
                let issued = middle.issued_by(&w.plan.issuer);
                w.plan.issuer = middle.as_issuer();
                w.plan.issuers.insert(0, issued);
            },
            Code::CertificateProfile,
        ),
        fault(
            "the log of one instance and the authority of another, both believed",
            || {
                let mut world = keyless();
                world.policy.set(|document| {
                    let root = Sigstore::named("other").trusted_root().value();
                    let root = json!({"sigstore": {"trustedRoot": root}});
                    document["spec"]["trust"]["other"] = root;
                    document["spec"]["authorities"]["signer"]["cosign"]["trust"] =
                        json!(["other", "test"]);
                });
                world
            },
            |w| {
                let other = Sigstore::named("other");
                w.plan.issuer = other.ca.issuer();
                w.plan.scts = vec![other.ct.sct()];
            },
            Code::CertificateUntrusted,
        ),
    ]
}

fn authorities() -> Vec<Fault> {
    let middle = |name: &str, change: fn(Certificate) -> Certificate, code| {
        authority(name, move |s| s.ca.authorities[1] = change(s.ca.authorities[1].clone()), code)
    };
    let profile = |name, change| middle(name, change, Code::CertificateProfile);
    vec![
        profile("an intermediate that is no CA", |c| c.basic(false, None)),
        profile("an intermediate without basicConstraints", |c| c.without(BASIC_CONSTRAINTS)),
        profile("an intermediate that signs no certificates", |c| c.usage(0x8000)),
        profile("an intermediate for servers", |c| c.purposes(&[SERVER])),
        profile(
            "an intermediate with an unknown critical extension",
            Certificate::unknown_critical,
        ),
        middle(
            "an intermediate of version 1",
            |c| Certificate { version: 0, ..c },
            Code::CertificateUntrusted,
        ),
        middle(
            "an intermediate of RSA with 1024 bits",
            |c| Certificate { key: Key::rsa(1024), ..c },
            Code::CertificateUntrusted,
        ),
        authority(
            "a path that is longer than an intermediate permits",
            |s| {
                s.ca = Ca::of_depth("one", 3);
                s.ca.authorities[1] = s.ca.authorities[1].clone().basic(true, Some(0));
            },
            Code::CertificateProfile,
        ),
        authority(
            "an intermediate of another root",
            |s| {
                let mut other = Ca::new("other");
                s.ca.authorities[0].subject = other.authorities[0].subject.clone();
                other.authorities.truncate(1);
                s.ca.authorities[0].key = other.authorities[0].key.clone();
                s.ca.authorities[1].claimed_issuer =
                    Some(crate::sigstore::certificate::name("nobody"));
            },
            Code::CertificateUntrusted,
        ),
    ]
}

/// A certificate for `build.example.test` under constraints on names.
fn constrained(
    permitted: &'static [San<'static>],
    excluded: &'static [San<'static>],
    at: usize,
) -> World {
    let mut sigstore = Sigstore::new();
    let ca = &mut sigstore.ca.authorities[at];
    *ca = ca.clone().constrained(permitted, excluded);
    let mut world = World::keyless(&sigstore, |plan, _| plan);
    world.plan.certificate = world.plan.certificate.sans(&[San::Dns("build.example.test")]);
    world.wanted()["subject"] = json!("build.example.test");
    world
}

fn constraints() -> Vec<Fault> {
    let right: [(&str, fn() -> World); 3] = [
        ("an intermediate permits", || constrained(&[San::Dns("example.test")], &[], 1)),
        ("a root permits", || constrained(&[San::Dns("example.test")], &[], 0)),
        ("an intermediate excludes", || constrained(&[], &[San::Dns("other.test")], 1)),
    ];
    let mut all = Vec::new();
    for (what, right) in right {
        all.push(fault(
            format!("a name beyond what {what}"),
            right,
            |w| {
                w.plan.certificate =
                    w.plan.certificate.clone().sans(&[San::Dns("build.other.test")]);
                w.wanted()["subject"] = json!("build.other.test");
            },
            Code::CertificateProfile,
        ));
    }
    let beyond = |what: &str, permitted, san: San<'static>, subject: &'static str| {
        fault(
            what,
            keyless,
            move |w| {
                *w = constrained(permitted, &[], 1);
                w.plan.certificate = w.plan.certificate.clone().sans(&[san]);
                w.wanted()["subject"] = json!(subject);
            },
            Code::CertificateProfile,
        )
    };
    all.extend([
        beyond(
            "a second name beyond the constraint",
            &[San::Dns("example.test")],
            San::Dns("example.test.evil"),
            "example.test.evil",
        ),
        beyond(
            "an e-mail address beyond the constraint",
            &[San::Email("example.test")],
            San::Email("a@evil.test"),
            "a@evil.test",
        ),
        beyond(
            "an e-mail address of a subdomain that is not permitted",
            &[San::Email("example.test")],
            San::Email("a@sub.example.test"),
            "a@sub.example.test",
        ),
        beyond(
            "a URI beyond the constraint",
            &[San::Uri("gitlab.com")],
            San::Uri(IDENTITY),
            IDENTITY,
        ),
    ]);
    all
}

/// The entry is of SIGNED + 5, the timestamp of SIGNED + 6.
fn times() -> Vec<Fault> {
    let leaf = |name: &str, right: fn() -> World, change: fn(&mut Certificate), code| {
        fault(name, right, move |w| change(&mut w.plan.certificate), code)
    };
    let (early, late) = (Code::CertificateNotYetValid, Code::CertificateExpired);
    vec![
        leaf(
            "logged a second before the certificate",
            keyless,
            |c| c.not_before = SIGNED + 6,
            early,
        ),
        leaf("logged a second after the certificate", keyless, |c| c.not_after = SIGNED + 4, late),
        leaf("stamped a second before the certificate", v2, |c| c.not_before = SIGNED + 7, early),
        leaf("stamped a second after the certificate", v2, |c| c.not_after = SIGNED + 5, late),
        // Both times count, where both are there.
        leaf(
            "logged within the certificate and stamped after it",
            stamped,
            |c| {
                c.not_after = SIGNED + 5;
            },
            late,
        ),
        leaf(
            "stamped within the certificate and logged before it",
            stamped,
            |c| {
                c.not_before = SIGNED + 6;
            },
            early,
        ),
        leaf(
            "a certificate that begins after it ends",
            keyless,
            |c| {
                (c.not_before, c.not_after) = (SIGNED + 10, SIGNED);
            },
            Code::CertificateUntrusted,
        ),
        // CVE-2026-24122.
        authority(
            "an intermediate that had expired",
            |s| {
                s.ca.authorities[1].not_after = SIGNED + 4;
            },
            late,
        ),
        authority(
            "an intermediate that was not valid yet",
            |s| {
                s.ca.authorities[1].not_before = SIGNED + 6;
            },
            early,
        ),
        authority("a root that had expired", |s| s.ca.authorities[0].not_after = SIGNED + 4, late),
        authority(
            "a root that was not valid yet",
            |s| {
                s.ca.authorities[0].not_before = SIGNED + 6;
            },
            early,
        ),
        fault(
            "a decision within the certificate proves no time",
            || {
                let mut world = stamped();
                world.now = SIGNED + 60;
                world
            },
            |w| {
                w.plan.timestamps.clear();
                w.plan.logs[0].promise = false;
            },
            Code::TimeUnproven,
        ),
    ]
}

/// What a stranger can put beside the leaf.
fn travelling() -> Vec<Fault> {
    vec![
        fault(
            "the root in a bundle",
            chained,
            |w| w.plan.issuers = Ca::new("one").chain(),
            Code::CertificateProfile,
        ),
        fault(
            "an own root in a bundle",
            chained,
            |w| {
                let own = Ca::new("own");
                w.plan.issuer = own.issuer();
                w.plan.issuers = own.chain();
            },
            Code::CertificateProfile,
        ),
        fault(
            "an intermediate of an own root in a bundle",
            chained,
            |w| {
                let own = Ca::new("own");
                w.plan.issuer = own.issuer();
                w.plan.issuers = own.chain();
                w.plan.issuers.pop();
            },
            Code::CertificateUntrusted,
        ),
        fault(
            "a chain without the intermediate",
            chained,
            |w| w.plan.issuers.clear(),
            Code::CertificateUntrusted,
        ),
        fault(
            "the leaf after its intermediate",
            chained,
            |w| {
                w.plan.bundle.set(|bundle| {
                    if let Material::Chain(chain) = &mut bundle.material {
                        chain.reverse();
                    }
                });
            },
            Code::IssuerMismatch,
        ),
        fault(
            "garbage in a chain",
            chained,
            |w| w.plan.issuers.push(b"garbage".to_vec()),
            Code::CertificateMalformed,
        ),
        // Who retires an authority does not want it back out of a bundle.
        fault(
            "an intermediate of a retired authority",
            || {
                let mut world =
                    World::keyless(&Sigstore::new(), |plan, _| plan.version(Version::V02));
                let mut second = Sigstore::new();
                second.ca.authorities[1] = Certificate::authority("second", Key::p256("second"))
                    .basic(true, Some(0))
                    .purposes(&[CODE_SIGNING]);
                world.root.certificate_authorities.push((&second.ca).into());
                world
            },
            |w| {
                w.root.certificate_authorities[0].valid_for = Some(Window::until(SIGNED));
                w.plan = w.plan.clone().who(Who::WholeChain);
            },
            Code::CertificateUntrusted,
        ),
        fault(
            "an intermediate that signs itself",
            chained,
            |w| {
                let mut middle = Ca::new("one").authorities[1].clone();
                middle.key = Key::p256("own");
                let own = middle.as_issuer();
                w.plan.issuer = own.clone();
                w.plan.issuers = vec![middle.issued_by(&own)];
            },
            Code::CertificateProfile,
        ),
        // sigstore_bundle.proto: a bundle of version 0.3 has the leaf alone.
        fault(
            "a chain in a bundle of version 0.3",
            || {
                World::keyless(&Sigstore::new(), |plan, _| {
                    plan.version(Version::V02).who(Who::WholeChain)
                })
            },
            |w| w.plan.version = Version::V03,
            Code::CertificateProfile,
        ),
        fault(
            "eleven certificates",
            chained,
            |w| {
                let one = w.plan.issuers[0].clone();
                w.plan.issuers.extend(vec![one; 9]);
            },
            Code::EnvelopeMalformed,
        ),
    ]
}
