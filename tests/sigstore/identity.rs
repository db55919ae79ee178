//! Whose certificate it is.

use countersign::verdict::Code;
use serde_json::json;

use crate::{
    sigstore::{
        IDENTITY, ISSUER, Sigstore,
        certificate::{
            Extension, FULCIO_OTHER_NAME, GITHUB, SUBJECT_ALT_NAME, San, fulcio_oid, name,
        },
        der,
    },
    world::{Fault, World, fault, keyed, keyless},
};

const EMAIL: &str = "a@example.test";

/// The certificate has these names, and the policy wants `subject`.
fn named(sans: &'static [San<'static>], subject: &'static str) -> World {
    let mut world = keyless();
    world.plan.certificate = world.plan.certificate.sans(sans);
    world.wanted()["subject"] = json!(subject);
    world
}

fn email() -> World {
    named(&[San::Email(EMAIL)], EMAIL)
}

/// Every extension of a workflow.
fn github() -> World {
    let mut world = keyless();
    world.plan.certificate = world.plan.certificate.github();
    world
}

/// The policy has a regular expression that means the identity.
fn by_pattern() -> World {
    let mut world = keyless();
    *world.wanted() = json!({
        "issuerRegExp": "https://token\\.actions\\..+",
        "subjectRegExp": "https://github\\.com/acme/.+",
    });
    world
}

pub(crate) fn faults() -> Vec<Fault> {
    let mut all = Vec::new();
    all.extend(subjects());
    all.extend(patterns());
    all.extend(forms());
    all.extend(issuers());
    all.extend(extensions());
    all
}

fn subjects() -> Vec<Fault> {
    let wanted = |subject: &'static str| {
        fault(
            format!("the policy wants {subject:?}"),
            keyless,
            move |w| w.wanted()["subject"] = json!(subject),
            Code::IdentityMismatch,
        )
    };
    let mut all: Vec<_> = [
        "https://github.com/acme/app",
        "https://github.com/acme/app/.github/workflows/release.yml",
        "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main2",
        "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main/",
        "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main ",
        "https://github.com/Acme/app/.github/workflows/release.yml@refs/heads/main",
        "http://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
        "github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
        // No pattern where the policy has a text.
        "https://github.com/acme/.*",
        "*",
        "**",
    ]
    .map(wanted)
    .into();
    all.extend([
        fault(
            "the identity of one entry with the issuer of another",
            || {
                let mut world = keyless();
                world.cosign["keyless"] = json!([
                    {"issuer": "https://accounts.example.test", "subject": IDENTITY},
                    {"issuer": ISSUER, "subject": IDENTITY},
                ]);
                world
            },
            |w| w.cosign["keyless"][1]["subject"] = json!("https://github.com/acme/other"),
            Code::IssuerMismatch,
        ),
        fault(
            "a certificate without names",
            keyless,
            |w| w.plan.certificate.remove(SUBJECT_ALT_NAME),
            Code::IdentityMismatch,
        ),
        fault(
            "a certificate without names, whose subject is the identity",
            keyless,
            |w| {
                w.plan.certificate.remove(SUBJECT_ALT_NAME);
                w.plan.certificate.subject = name(IDENTITY);
            },
            Code::IdentityMismatch,
        ),
        fault(
            "an empty list of names",
            keyless,
            |w| w.plan.certificate.set(SUBJECT_ALT_NAME, true, der::seq(&[])),
            Code::IdentityMismatch,
        ),
        fault(
            "several names, none of which is wanted",
            || named(&[San::Email("b@example.test"), San::Email(EMAIL)], EMAIL),
            |w| w.wanted()["subject"] = json!("c@example.test"),
            Code::IdentityMismatch,
        ),
        fault(
            "two names in one",
            email,
            |w| w.wanted()["subject"] = json!("a@example.test,b@example.test"),
            Code::IdentityMismatch,
        ),
        fault(
            "the names twice",
            keyless,
            |w| {
                let own = w.plan.certificate.extensions.iter();
                let names = own.clone().find(|e| e.oid == SUBJECT_ALT_NAME).unwrap().clone();
                w.plan.certificate.extensions.push(names);
            },
            Code::CertificateMalformed,
        ),
        fault(
            "a key where the policy wants an identity",
            keyless,
            |w| w.plan = keyed().plan,
            Code::CertificateAbsent,
        ),
    ]);
    all
}

fn patterns() -> Vec<Fault> {
    // sigstore-js #1656, #1556 and Kyverno's CVE-2025-29778: patterns that are not anchored, or
    // not looked at.
    let pattern = |field: &'static str, text: &'static str, code| {
        fault(
            format!("{field} {text:?}"),
            by_pattern,
            move |w| w.wanted()[field] = json!(text),
            code,
        )
    };
    let mut all: Vec<_> = [
        "https://github\\.com/acme/",
        "github\\.com/acme/app/.+",
        "acme",
        "https://x\\.test|https://github\\.com/acme",
        "https://github\\.com/acme$|x",
        "^https://github\\.com/acme/app",
        "https://github.com/ACME/.+",
        "()",
        "https://github\\.com/acme/[^/]+",
    ]
    .map(|text| pattern("subjectRegExp", text, Code::IdentityMismatch))
    .into();
    all.extend(
        [
            "https://token\\.actions",
            "actions",
            "https://x\\.test|https://token",
            "githubusercontent\\.com$",
        ]
        .map(|text| pattern("issuerRegExp", text, Code::IssuerMismatch)),
    );
    // "$" of many lines is not the end of the text.
    let lines: &[San<'_>] = &[San::Uri("https://good.test/\nhttps://evil.test/")];
    all.push(fault(
        "a name of two lines, of which the pattern means one",
        move || {
            let mut world = named(&[San::Uri("https://good.test/")], "x");
            *world.wanted() =
                json!({"issuer": ISSUER, "subjectRegExp": "(?m)^https://good\\.test/$"});
            world
        },
        move |w| w.plan.certificate = w.plan.certificate.clone().sans(lines),
        Code::IdentityMismatch,
    ));
    all
}

/// A name is what its form says it is.
fn forms() -> Vec<Fault> {
    let form = |what: &str, right: fn() -> World, san: San<'static>| {
        fault(
            what,
            right,
            move |w| w.plan.certificate = w.plan.certificate.clone().sans(&[san]),
            Code::IdentityMismatch,
        )
    };
    let raw = |what: &str, right: fn() -> World, name: Vec<u8>| {
        fault(
            what,
            right,
            move |w| {
                let names = der::seq(std::slice::from_ref(&name));
                w.plan.certificate.set(SUBJECT_ALT_NAME, true, names);
            },
            Code::IdentityMismatch,
        )
    };
    vec![
        form("a DNS name that reads as an e-mail address", email, San::Dns(EMAIL)),
        form("a URI that reads as an e-mail address", email, San::Uri(EMAIL)),
        form(
            "a user name that reads as an e-mail address",
            email,
            San::Other(FULCIO_OTHER_NAME, EMAIL),
        ),
        form("a DNS name that reads as a URI", keyless, San::Dns(IDENTITY)),
        form("an e-mail address that reads as a URI", keyless, San::Email(IDENTITY)),
        form("a user name that reads as a URI", keyless, San::Other(FULCIO_OTHER_NAME, IDENTITY)),
        form(
            "a user name of another type",
            || named(&[San::Other(FULCIO_OTHER_NAME, "user!example.test")], "user!example.test"),
            San::Other("1.3.6.1.4.1.311.20.2.3", "user!example.test"),
        ),
        form(
            "an e-mail address that ends at a zero byte",
            email,
            San::Email("a@example.test\0.evil"),
        ),
        form("an e-mail address with white space", email, San::Email("a@example.test ")),
        form("an e-mail address in other letters", email, San::Email("A@example.test")),
        form("an e-mail address of a longer domain", email, San::Email("a@example.test.evil")),
        raw("a directory name", keyless, der::tlv(0xa4, &name(IDENTITY))),
        raw("an address of the network", keyless, der::implicit(7, &[127, 0, 0, 1])),
        raw("a registered id", keyless, der::implicit(8, &[0x2a, 3, 4])),
        raw(
            "a user name that is not UTF-8 text",
            || named(&[San::Other(FULCIO_OTHER_NAME, "user!example.test")], "user!example.test"),
            der::tlv(
                0xa0,
                &[
                    der::oid(FULCIO_OTHER_NAME),
                    der::explicit(0, &der::octets(b"user!example.test")),
                ]
                .concat(),
            ),
        ),
    ]
}

fn issuers() -> Vec<Fault> {
    let wanted = |issuer: &'static str| {
        fault(
            format!("the policy wants the issuer {issuer:?}"),
            keyless,
            move |w| w.wanted()["issuer"] = json!(issuer),
            Code::IssuerMismatch,
        )
    };
    let says = |what: &str, n: u8, value: Vec<u8>, code| {
        fault(
            what,
            keyless,
            move |w| w.plan.certificate.set(&fulcio_oid(n), false, value.clone()),
            code,
        )
    };
    let mut all: Vec<_> = [
        "https://accounts.example.test",
        "https://token.actions.githubusercontent.com/",
        "https://token.actions.githubusercontent.com/acme",
        "https://TOKEN.actions.githubusercontent.com",
        "token.actions.githubusercontent.com",
        "https://token.actions.githubusercontent",
    ]
    .map(wanted)
    .into();
    let evil = format!("{ISSUER}.evil.test");
    all.extend([
        says(
            "two issuers, the old one another",
            1,
            evil.clone().into_bytes(),
            Code::CertificateProfile,
        ),
        says("two issuers, the new one another", 8, der::utf8(&evil), Code::CertificateProfile),
        says(
            "a new issuer that is not a UTF8String",
            8,
            ISSUER.as_bytes().to_vec(),
            Code::CertificateProfile,
        ),
        says(
            "a new issuer that is an OCTET STRING",
            8,
            der::octets(ISSUER.as_bytes()),
            Code::CertificateProfile,
        ),
        says(
            "a new issuer with a byte after it",
            8,
            [der::utf8(ISSUER), vec![0]].concat(),
            Code::CertificateProfile,
        ),
        says("an old issuer that is no text", 1, vec![0xff, 0xfe], Code::CertificateProfile),
        says("an old issuer that is encoded", 1, der::utf8(ISSUER), Code::CertificateProfile),
        fault(
            "no issuer",
            keyless,
            |w| {
                w.plan.certificate.remove(&fulcio_oid(1));
                w.plan.certificate.remove(&fulcio_oid(8));
            },
            Code::IssuerMismatch,
        ),
        fault(
            "the issuer's extension twice",
            keyless,
            move |w| {
                let (oid, value) = (fulcio_oid(8), der::utf8(ISSUER));
                w.plan.certificate.extensions.push(Extension { oid, critical: false, value });
            },
            Code::CertificateMalformed,
        ),
    ]);
    all
}

/// The policy's names of the extensions that [`GITHUB`] has (Fulcio, docs/oid-info.md).
const NAMES: &[(u8, &str)] = &[
    (2, "githubWorkflowTrigger"),
    (3, "githubWorkflowSha"),
    (4, "githubWorkflowName"),
    (5, "githubWorkflowRepository"),
    (6, "githubWorkflowRef"),
    (9, "buildSignerURI"),
    (10, "buildSignerDigest"),
    (11, "runnerEnvironment"),
    (12, "sourceRepositoryURI"),
    (13, "sourceRepositoryDigest"),
    (14, "sourceRepositoryRef"),
    (15, "sourceRepositoryIdentifier"),
    (16, "sourceRepositoryOwnerURI"),
    (17, "sourceRepositoryOwnerIdentifier"),
    (18, "buildConfigURI"),
    (19, "buildConfigDigest"),
    (20, "buildTrigger"),
    (21, "runInvocationURI"),
    (22, "sourceRepositoryVisibilityAtSigning"),
];

fn extensions() -> Vec<Fault> {
    let mut all: Vec<_> = NAMES
        .iter()
        .map(|(n, field)| {
            let value = GITHUB.iter().find(|(own, _)| own == n).unwrap().1;
            fault(
                format!("another {field}"),
                move || {
                    let mut world = github();
                    world.wanted()[*field] = json!(value);
                    world
                },
                move |w| w.wanted()[*field] = json!(format!("{value}2")),
                Code::ExtensionMismatch,
            )
        })
        .collect();
    let workflow = || {
        let mut world = github();
        world.wanted()["githubWorkflow"] = json!({"repository": "acme/app"});
        world
    };
    all.extend([
        fault(
            "a workflow of another repository",
            workflow,
            |w| w.wanted()["githubWorkflow"]["repository"] = json!("acme/other"),
            Code::ExtensionMismatch,
        ),
        fault(
            "a workflow of another ref",
            workflow,
            |w| w.wanted()["githubWorkflow"]["ref"] = json!("refs/heads/other"),
            Code::ExtensionMismatch,
        ),
        fault(
            "a workflow whose trigger only begins as the pattern",
            workflow,
            |w| w.wanted()["githubWorkflow"]["triggerRegExp"] = json!("pu"),
            Code::ExtensionMismatch,
        ),
        fault(
            "an extension that is not there",
            github,
            |w| w.wanted()["deploymentEnvironmentRegExp"] = json!(".*"),
            Code::ExtensionMismatch,
        ),
        fault(
            "an extension that is not a UTF8String",
            || {
                let mut world = github();
                world.wanted()["sourceRepositoryRef"] = json!("refs/heads/main");
                world
            },
            |w| w.plan.certificate.set(&fulcio_oid(14), false, b"refs/heads/main".to_vec()),
            Code::ExtensionMismatch,
        ),
        fault(
            "the certificate of another instance's workflow",
            keyless,
            |w| w.plan = Sigstore::named("other").signing(crate::sigstore::ARTIFACT),
            Code::LogEntryAbsent,
        ),
    ]);
    all
}
