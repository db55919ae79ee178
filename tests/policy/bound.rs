//! `boundTo`: for which name a signature was made. Each table is run over both forms that say a
//! name, simple signing and a statement.

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign::policy::Policy;
use serde_json::{Value, json};

use crate::{
    registry::{
        Registry, VULN, ask, attested_by, by_digest, digest, image, key, policy, signed_by,
    },
    sigstore::keys::{hex, sha256},
};

const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const COSIGN_SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
const ELSEWHERE: &str = "boundTo.mismatch";

/// A policy whose only authority is `ci`, bound to a name.
fn bound(to: &Value, require: &Value) -> Value {
    let mut cosign = json!({ "keys": [key("ci").public_pem()] });
    if !to.is_null() {
        cosign["boundTo"] = to.clone();
    }
    policy(json!({
        "authorities": { "ci": { "cosign": cosign } },
        "rules": [{ "images": ["**"], "require": require }],
    }))
}

fn payload(name: &str) -> Vec<u8> {
    json!({
        "critical": {
            "identity": { "docker-reference": name },
            "image": { "docker-manifest-digest": digest(&image("app")) },
            "type": "cosign container image signature",
        },
        "optional": null,
    })
    .to_string()
    .into_bytes()
}

/// A simple-signing payload beside the image, and `ci`'s signature over another, or the same.
fn legacy(registry: &mut Registry, name: &str, signed: &str) {
    let stored = payload(name);
    let signature = STANDARD.encode(key("ci").sign(&payload(signed)));
    let layer = json!({
        "mediaType": SIMPLE_SIGNING, "digest": registry.store(&stored), "size": stored.len(),
        "annotations": { "dev.cosignproject.cosign/signature": signature },
    });
    registry.refer(&image("app"), SIMPLE_SIGNING, &layer, json!({}));
}

/// A statement by `ci` about artifacts under these names.
fn about(predicate_type: &str, subjects: &[(Option<&str>, &str)]) -> Vec<u8> {
    let subject = |(name, of): &(Option<&str>, &str)| {
        let mut subject = json!({ "digest": { "sha256": hex(&sha256(&image(of))) } });
        if let Some(name) = name {
            subject["name"] = json!(name);
        }
        subject
    };
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects.iter().map(subject).collect::<Vec<_>>(),
        "predicateType": predicate_type,
        "predicate": {},
    });
    attested_by("ci", statement.to_string().into_bytes())
}

/// The image, signed in each form under a name.
fn forms(name: &str) -> [(&'static str, Registry); 2] {
    let mut simple = Registry::new();
    legacy(&mut simple, name, name);
    let statement = Registry::with(&[about(COSIGN_SIGN, &[(Some(name), "app")])]);
    [("simple signing", simple), ("statement", statement)]
}

/// Rows of what is asked for, what was signed, and whether that fits. `@` stands for the image's
/// digest at the end of what is asked.
fn check(to: &Value, rows: &[(&str, &str, bool)]) {
    for (asked, signed, fits) in rows {
        let asked = asked.replace('@', &format!("@{}", digest(&image("app"))));
        for (form, registry) in forms(signed) {
            let found = registry.decide_on(&bound(to, &json!("ci")), &ask(&asked)).verdict();
            let expected = if *fits { "allow" } else { ELSEWHERE };
            assert_eq!(found, expected, "{to}: {form} of {signed} as {asked}");
            // Nothing else is wrong with it.
            let anywhere = bound(&Value::Null, &json!("ci"));
            assert_eq!(registry.decide_on(&anywhere, &ask(&asked)).verdict(), "allow", "{signed}");
        }
    }
}

#[test]
fn a_signature_is_of_its_repository_whatever_the_tag() {
    check(
        &json!("repository"),
        &[
            ("reg.test/app@", "reg.test/app", true),
            ("reg.test/app@", "reg.test/app:7", true),
            ("reg.test/app:1", "reg.test/app:7", true),
            ("reg.test/app:1@", "reg.test/app:7", true),
            ("reg.test/app@", "REG.test:443/app", true),
            ("reg.test/app@", "reg.test:444/app", false),
            ("reg.test/app@", "reg.test/other", false),
            ("reg.test/app@", "reg.test/ap", false),
            ("reg.test/app@", "reg.test/app/part", false),
            ("reg.test/app/part@", "reg.test/app", false),
            ("reg.test/app@", "other.test/app", false),
            ("reg.test/app@", "app", false),
            ("reg.test/app@", "reg.test/*", false),
            ("reg.test/app@", "https://reg.test/app", false),
            ("reg.test/app@", " reg.test/app", false),
            ("reg.test/app@", "", false),
        ],
    );
}

#[test]
fn a_signature_is_of_its_repository_and_tag() {
    check(
        &json!("reference"),
        &[
            ("reg.test/app:1", "reg.test/app:1", true),
            ("reg.test/app:1@", "reg.test/app:1", true),
            ("reg.test/app:1@", "REG.test/app:1", true),
            ("reg.test/app:1", "reg.test/app:2", false),
            ("reg.test/app:1@", "reg.test/app:10", false),
            ("reg.test/app:1@", "reg.test/app", false),
            ("reg.test/app:1@", "reg.test/other:1", false),
            ("reg.test/app:1@", "other.test/app:1", false),
            // Without a tag there is nothing to hold against one.
            ("reg.test/app@", "reg.test/app:1", false),
            ("reg.test/app@", "reg.test/app", false),
        ],
    );
}

#[test]
fn a_digest_binds_to_no_name() {
    check(
        &json!("digest"),
        &[
            ("reg.test/app@", "reg.test/app", true),
            ("reg.test/app@", "other.test/other", true),
            ("reg.test/app@", "", true),
        ],
    );
}

#[test]
fn docker_hub_has_one_name() {
    let rows = [
        ("acme/app@", "acme/app", true),
        ("acme/app@", "docker.io/acme/app", true),
        ("docker.io/acme/app@", "index.docker.io/acme/app", true),
        ("index.docker.io/acme/app@", "registry-1.docker.io/acme/app", true),
        ("nginx@", "index.docker.io/library/nginx", true),
        ("docker.io/library/nginx@", "nginx", true),
        ("nginx@", "docker.io/acme/nginx", false),
        ("acme/app@", "evil.test/acme/app", false),
        ("evil.test/acme/app@", "acme/app", false),
        ("acme/app@", "docker.io.evil.test/acme/app", false),
    ];
    check(&json!("repository"), &rows);
    let tagged = [
        ("nginx:1@", "index.docker.io/library/nginx:1", true),
        ("nginx:1@", "index.docker.io/library/nginx:2", false),
    ];
    check(&json!("reference"), &tagged);
}

#[test]
fn a_mirror_stands_for_what_it_mirrors_segment_by_segment() {
    let remap = |from: &str, to: &str| json!({ "from": from, "to": to });
    let remaps = json!([
        remap("mirror.test/quay", "quay.test"),
        remap("mirror.test/hub", "docker.io"),
        remap("mirror.test:50", "reg.test"),
        remap("mirror.test/one/app", "reg.test/renamed"),
        remap("other.test/hub", "index.docker.io"),
    ]);
    check(
        &json!({ "to": "repository", "remaps": remaps }),
        &[
            // Docker Hub's own images, and aliases of registries.
            ("mirror.test/hub/nginx@", "nginx", true),
            ("mirror.test/hub/nginx@", "docker.io/acme/nginx", false),
            ("other.test/hub/acme/app@", "docker.io/acme/app", true),
            ("mirror.test/quay/acme/app@", "quay.test/acme/app", true),
            // Under its own name it is what it says.
            ("mirror.test/quay/acme/app@", "mirror.test/quay/acme/app", true),
            ("quay.test/acme/app@", "quay.test/acme/app", true),
            ("mirror.test/hub/library/nginx@", "nginx", true),
            ("mirror.test:50/app@", "reg.test/app", true),
            ("mirror.test/one/app@", "reg.test/renamed", true),
            // Not in the other direction.
            ("quay.test/acme/app@", "mirror.test/quay/acme/app", false),
            // Whole segments, from the beginning.
            ("mirror.test/quayx/acme/app@", "quay.test/acme/app", false),
            ("mirror.test/quayx/acme/app@", "quay.testx/acme/app", false),
            ("mirror.test:5000/app@", "reg.test/app", false),
            ("mirror.test/one/apps@", "reg.test/renameds", false),
            ("evil.test/mirror.test/quay/acme/app@", "quay.test/acme/app", false),
            ("mirror.test/acme/app@", "quay.test/acme/app", false),
            ("mirror.test/quay/acme/app@", "quay.test/acme/other", false),
            ("mirror.test/quay/acme/app@", "docker.io/acme/app", false),
        ],
    );
    check(
        &json!({ "to": "reference", "remaps": remaps }),
        &[
            ("mirror.test/quay/acme/app:1@", "quay.test/acme/app:1", true),
            ("mirror.test/quay/acme/app:1@", "mirror.test/quay/acme/app:1", true),
            ("mirror.test/quay/acme/app:1@", "quay.test/acme/app:2", false),
            ("mirror.test/quay/acme/app@", "quay.test/acme/app:1", false),
        ],
    );
}

#[test]
fn what_names_nothing_is_bound_to_nothing() {
    let mirror = json!({
        "to": "repository", "remaps": [{ "from": "mirror.test", "to": "reg.test" }],
    });
    let message = Registry::with(&[signed_by("ci", &image("app"))]);
    let nameless = Registry::with(&[about(COSIGN_SIGN, &[(None, "app")])]);
    for registry in [message, nameless] {
        for (to, expected) in [
            (Value::Null, "allow"),
            (json!("digest"), "allow"),
            (json!("repository"), ELSEWHERE),
            (json!("reference"), ELSEWHERE),
            (mirror.clone(), ELSEWHERE),
        ] {
            let found = registry.decide(&bound(&to, &json!("ci"))).verdict();
            assert_eq!(found, expected, "{to}");
        }
    }
}

/// Only what is signed names anything.
#[test]
fn another_name_is_not_put_into_what_was_signed() {
    let policy = bound(&json!("repository"), &json!("ci"));
    for (stored, signed, expected) in [
        ("reg.test/app", "reg.test/app", "allow"),
        ("reg.test/app", "other.test/app", "signature.invalid"),
        ("other.test/app", "other.test/app", ELSEWHERE),
    ] {
        let mut registry = Registry::new();
        legacy(&mut registry, stored, signed);
        assert_eq!(registry.decide(&policy).verdict(), expected, "{stored}, {signed}");
    }
}

#[test]
fn a_signature_for_elsewhere_harms_no_other() {
    let policy = bound(&json!("repository"), &json!("ci"));
    let (here, elsewhere) = ("reg.test/app", "other.test/app");
    for (names, expected) in [
        (vec![elsewhere, here], "allow"),
        (vec![here, elsewhere], "allow"),
        (vec![elsewhere, "other.test/another"], ELSEWHERE),
    ] {
        let mut registry = Registry::new();
        for name in &names {
            legacy(&mut registry, name, name);
        }
        assert_eq!(registry.decide(&policy).verdict(), expected, "{names:?}");
    }
}

/// The name of an attestation is that of the subject which is the image.
#[test]
fn an_attestation_is_bound_by_its_subjects_name() {
    let wanted = json!({ "attestation": { "type": "vuln", "signedBy": "ci" } });
    let (here, elsewhere) = (Some("reg.test/app"), Some("other.test/app"));
    for (subjects, expected) in [
        (vec![(here, "app")], "allow"),
        (vec![(Some("reg.test/app:7"), "app")], "allow"),
        (vec![(elsewhere, "app")], ELSEWHERE),
        (vec![(None, "app")], ELSEWHERE),
        (vec![(here, "other"), (elsewhere, "app")], ELSEWHERE),
        (vec![(elsewhere, "other"), (here, "app")], "allow"),
        (vec![(here, "other")], "subject.mismatch"),
    ] {
        let registry = Registry::with(&[about(VULN, &subjects)]);
        let policy = bound(&json!("repository"), &wanted);
        assert_eq!(registry.decide_on(&policy, &by_digest()).verdict(), expected, "{subjects:?}");
    }
}

#[test]
fn what_is_bound_to_nothing_that_can_be_is_refused() {
    let remap = |from: &str, to: &str| json!({ "to": "repository", "remaps": [{ "from": from, "to": to }] });
    let mut bound_to_digest = remap("mirror.test/a", "reg.test");
    bound_to_digest["to"] = json!("digest");
    let root = "/spec/authorities/ci/cosign/boundTo";
    let good = remap("mirror.test/a", "reg.test");
    Policy::parse(&bound(&good, &json!("ci"))).unwrap();
    for (to, code, path) in [
        (json!("everything"), "policy.invalidValue", ""),
        (json!(["repository"]), "policy.invalidValue", ""),
        (json!({ "remaps": [] }), "policy.missingField", ""),
        (json!({ "to": "repository" }), "policy.missingField", ""),
        (bound_to_digest, "policy.invalidValue", "/to"),
        (json!({ "to": "repository", "remaps": [], "from": "a" }), "policy.unknownField", "/from"),
        (remap("mirror.test/a/", "reg.test"), "policy.invalidValue", "/remaps/0/from"),
        (remap("mirror.test/*", "reg.test"), "policy.invalidValue", "/remaps/0/from"),
        (remap("mirror", "reg.test"), "policy.invalidValue", "/remaps/0/from"),
        (remap("", "reg.test"), "policy.invalidValue", "/remaps/0/from"),
        (remap("mirror.test/a", ""), "policy.invalidValue", "/remaps/0/to"),
        (remap("mirror.test/a", "reg.test/@"), "policy.invalidValue", "/remaps/0/to"),
    ] {
        let errors = Policy::parse(&bound(&to, &json!("ci"))).unwrap_err();
        let first = &errors[0];
        let found = (first.code.as_str(), first.path.as_str());
        assert_eq!(found, (code, format!("{root}{path}").as_str()), "{to}: {first:?}");
    }
}
