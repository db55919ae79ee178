//! `subject`: what of an image must be signed.

use countersign::wire::Request;
use serde_json::{Value, json};

use crate::registry::{
    INDEX, MANIFEST, PROVENANCE, Registry, ask, attested_by, digest, image, policy, signed_by,
    statement,
};

/// An index with these platforms, and descriptors beside them.
fn index(platforms: &[&str], beside: &[Value]) -> Vec<u8> {
    let entry = |architecture: &&str| {
        let bytes = image(architecture);
        json!({
            "mediaType": MANIFEST, "digest": digest(&bytes), "size": bytes.len(),
            "platform": { "os": "linux", "architecture": architecture },
        })
    };
    let manifests: Vec<_> = platforms.iter().map(entry).chain(beside.iter().cloned()).collect();
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests })
        .to_string()
        .into_bytes()
}

fn holding(index: &[u8], platforms: &[&str]) -> Registry {
    let mut registry = Registry::new();
    registry.store(index);
    for platform in platforms {
        registry.store(&image(platform));
    }
    registry
}

fn of(bytes: &[u8]) -> Request {
    ask(&format!("reg.test/app@{}", digest(bytes)))
}

fn rule(subject: &Value, require: &Value) -> Value {
    policy(json!({ "rules": [{ "images": ["**"], "subject": subject, "require": require }] }))
}

#[test]
fn the_subject_is_what_it_resolves_to_its_platforms_or_both() {
    let platforms = ["amd64", "arm64"];
    let index = index(&platforms, &[]);
    let (resolved, all, both) = (json!("resolved"), json!("platforms"), json!("both"));
    let one = json!({ "platforms": ["linux/amd64"] });
    let other = json!({ "platforms": ["linux/arm64"] });
    let absent = json!({ "platforms": ["linux/amd64", "linux/s390x"] });
    let none = "signatures.none";
    let (amd64, arm64) = (image("amd64"), image("arm64"));
    type Verdicts<'v> = Vec<(&'v Value, &'v str)>;
    let table: Vec<(Vec<&[u8]>, Verdicts<'_>)> = vec![
        (vec![&index], vec![(&resolved, "allow"), (&all, none), (&both, none), (&one, none)]),
        (
            vec![&amd64, &arm64],
            vec![(&resolved, none), (&all, "allow"), (&both, none), (&one, "allow")],
        ),
        (
            vec![&index, &amd64],
            vec![
                (&resolved, "allow"),
                (&all, none),
                (&both, none),
                (&one, "allow"),
                (&other, none),
            ],
        ),
        (
            vec![&index, &amd64, &arm64],
            vec![
                (&resolved, "allow"),
                (&all, "allow"),
                (&both, "allow"),
                (&other, "allow"),
                (&absent, "platform.absent"),
            ],
        ),
    ];
    for (signed, verdicts) in table {
        let mut registry = holding(&index, &platforms);
        for signed in &signed {
            registry.attach_to(signed, &signed_by("ci", signed));
        }
        for (subject, expected) in verdicts {
            let policy = rule(subject, &json!("ci"));
            let verdict = registry.decide_on(&policy, &of(&index)).verdict();
            assert_eq!(verdict, expected, "{subject}, {} signed", signed.len());
        }
    }
}

/// An index with one platform and what BuildKit says of it, signed or not.
fn built(about: &[u8], kind: &str, signed: bool) -> (Registry, Vec<u8>) {
    let statement = statement(about, PROVENANCE, &json!({ "buildDefinition": {} }));
    let layer = json!({
        "mediaType": "application/vnd.in-toto+json", "digest": digest(&statement),
        "size": statement.len(), "annotations": { "in-toto.io/predicate-type": PROVENANCE },
    });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer],
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(b"{}"), "size": 2 },
    });
    let manifest = manifest.to_string().into_bytes();
    let beside = json!({
        "mediaType": MANIFEST, "digest": digest(&manifest), "size": manifest.len(),
        "platform": { "os": "unknown", "architecture": "unknown" },
        "annotations": {
            "vnd.docker.reference.digest": digest(&image("amd64")),
            "vnd.docker.reference.type": kind,
        },
    });
    let index = index(&["amd64"], &[beside]);
    let mut registry = holding(&index, &["amd64"]);
    registry.store(&manifest);
    registry.store(&statement);
    if signed {
        registry.attach_to(&index, &signed_by("ci", &index));
    }
    (registry, index)
}

#[test]
fn what_buildkit_says_counts_with_the_signature_of_its_index() {
    let wanted = json!({ "attestation": { "type": "slsaprovenance1", "signedBy": "ci" } });
    let policy = rule(&json!("platforms"), &wanted);
    let kind = "attestation-manifest";
    for (about, kind, signed, allowed) in [
        ("amd64", kind, true, true),
        ("amd64", kind, false, false),
        ("arm64", kind, true, false),
        // What is not an attestation is a platform, and has no provenance.
        ("amd64", "something", true, false),
    ] {
        let (registry, index) = built(&image(about), kind, signed);
        let verdict = registry.decide_on(&policy, &of(&index)).verdict();
        assert_eq!(verdict == "allow", allowed, "{about}, {kind}, {signed}: {verdict}");
    }
}

/// The signature on the index, provenance on each platform: one rule over two digests.
#[test]
fn a_requirement_may_have_a_subject_of_its_own() {
    let platforms = ["amd64", "arm64"];
    let index = index(&platforms, &[]);
    let mut registry = holding(&index, &platforms);
    registry.attach_to(&index, &signed_by("ci", &index));
    let wanted = json!({ "attestation": {
        "type": "slsaprovenance1", "signedBy": "ci", "subject": "platforms",
    } });
    let policy = rule(&json!("resolved"), &json!({ "all": ["ci", wanted] }));
    for (platform, expected) in [("amd64", false), ("arm64", true)] {
        let said = statement(&image(platform), PROVENANCE, &json!({}));
        registry.attach_to(&image(platform), &attested_by("ci", said));
        let verdict = registry.decide_on(&policy, &of(&index)).verdict();
        assert_eq!(verdict == "allow", expected, "with that of {platform}: {verdict}");
    }
}
