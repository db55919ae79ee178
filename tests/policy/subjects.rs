//! `subject`: what of an image must be signed, and what its platforms are.

use countersign::wire::{Answer, Bytes, Request};
use serde_json::{Value, json};

use crate::registry::{
    INDEX, MANIFEST, PROVENANCE, Registry, ask, attested_by, digest, image, policy, signed_by,
    statement,
};

const COSIGN_SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const NONE: &str = "signatures.none";

/// What is signed, and by whom.
pub(crate) type Signatures<'s> = &'s [(&'s [u8], &'s str)];

/// What a descriptor says of a platform.
pub(crate) fn on(text: &str) -> Value {
    let parts: Vec<_> = text.split('/').collect();
    let mut platform = json!({ "os": parts[0], "architecture": parts[1] });
    if let Some(variant) = parts.get(2) {
        platform["variant"] = json!(variant);
    }
    platform
}

pub(crate) fn descriptor(bytes: &[u8], platform: &Value) -> Value {
    json!({
        "mediaType": MANIFEST, "digest": digest(bytes), "size": bytes.len(), "platform": platform,
    })
}

/// The image named after its platform.
pub(crate) fn platform(text: &str) -> Value {
    descriptor(&image(text), &on(text))
}

pub(crate) fn index(manifests: &[Value]) -> Vec<u8> {
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests })
        .to_string()
        .into_bytes()
}

/// A registry with an index and these images.
pub(crate) fn holding(index: &[u8], images: &[&str]) -> Registry {
    let mut registry = Registry::new();
    registry.store(index);
    for name in images {
        registry.store(&image(name));
    }
    registry
}

pub(crate) fn sign(registry: &mut Registry, of: &[u8], by: &str) {
    registry.attach_to(of, &signed_by(by, of));
}

/// An image signature that says only a digest.
fn sign_digest(registry: &mut Registry, of: &[u8]) {
    let signed = attested_by("ci", statement(of, COSIGN_SIGN, &json!({})));
    registry.attach_to(of, &signed);
}

pub(crate) fn reserialise(registry: &mut Registry, bytes: &[u8]) {
    let answer =
        Answer::Found { bytes: Bytes(bytes.to_vec()), media_type: None, reserialised: true };
    registry.answers.insert(digest(bytes), answer);
}

pub(crate) fn of(bytes: &[u8]) -> Request {
    ask(&format!("reg.test/app@{}", digest(bytes)))
}

pub(crate) fn named(platforms: &[&str]) -> Value {
    json!({ "platforms": platforms })
}

pub(crate) fn rule(subject: &Value, require: &Value) -> Value {
    policy(json!({ "rules": [{ "images": ["**"], "subject": subject, "require": require }] }))
}

pub(crate) fn verdict(registry: &Registry, bytes: &[u8], subject: &Value) -> String {
    registry.decide_on(&rule(subject, &json!("ci")), &of(bytes)).verdict()
}

pub(crate) fn proven(fields: Value) -> Value {
    let mut wanted = json!({ "type": "slsaprovenance1", "signedBy": "ci" });
    wanted.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({ "attestation": wanted })
}

/// Only what is `unknown/unknown` and says that it is an attestation manifest is no platform.
#[test]
fn what_may_run_is_a_platform() {
    let attestation = json!({ "vnd.docker.reference.type": "attestation-manifest" });
    let other = json!({ "vnd.docker.reference.type": "something" });
    let unknown = on("unknown/unknown");
    for (platform_of, annotations, runs) in [
        (unknown.clone(), attestation.clone(), false),
        (unknown.clone(), json!({}), true),
        (unknown.clone(), other, true),
        (unknown, Value::Null, true),
        (on("linux/arm64"), attestation.clone(), true),
        (on("unknown/arm64"), attestation.clone(), true),
        (on("linux/unknown"), attestation.clone(), true),
        (json!({ "os": "unknown" }), attestation.clone(), true),
        (Value::Null, attestation.clone(), true),
        (json!({}), attestation, true),
        (on("linux/arm64"), json!({}), true),
    ] {
        let (first, second) = (image("linux/amd64"), image("second"));
        let mut beside = descriptor(&second, &platform_of);
        beside["annotations"] = annotations.clone();
        let index = index(&[platform("linux/amd64"), beside]);
        let mut registry = holding(&index, &["linux/amd64", "second"]);
        sign(&mut registry, &first, "ci");
        let expected = if runs { NONE } else { "allow" };
        let all = json!("platforms");
        assert_eq!(verdict(&registry, &index, &all), expected, "{platform_of} {annotations}");
        sign(&mut registry, &second, "ci");
        assert_eq!(verdict(&registry, &index, &all), "allow", "{platform_of} {annotations}");
    }
}

/// What is asked for, what the index has, and whether it is that.
#[test]
fn a_named_platform_is_the_same_in_every_spelling() {
    for (wanted, found, same) in [
        ("linux/amd64", "linux/amd64", true),
        ("linux/amd64", "linux/x86_64", true),
        ("linux/amd64", "linux/amd64/v3", true),
        ("linux/amd64/v3", "linux/amd64", false),
        ("linux/arm64", "linux/arm64", true),
        ("linux/arm64", "linux/arm64/v8", true),
        ("linux/arm64/v8", "linux/arm64", true),
        ("linux/arm64/v8", "linux/arm64/v8", true),
        ("linux/arm64", "linux/aarch64", true),
        ("linux/arm64/v8", "linux/arm64/v9", false),
        ("linux/arm64/v9", "linux/arm64", false),
        ("linux/arm/v7", "linux/arm/v7", true),
        ("linux/arm", "linux/arm/v6", true),
        ("linux/arm/v7", "linux/arm/v6", false),
        ("linux/arm64", "linux/arm", false),
        ("linux/arm64", "linux/amd64", false),
        ("linux/amd64", "windows/amd64", false),
    ] {
        let index = index(&[platform(found)]);
        let mut registry = holding(&index, &[found]);
        let subject = named(&[wanted]);
        let unsigned = if same { NONE } else { "platform.absent" };
        assert_eq!(verdict(&registry, &index, &subject), unsigned, "{wanted}, {found}");
        sign(&mut registry, &image(found), "ci");
        let signed = if same { "allow" } else { "platform.absent" };
        assert_eq!(verdict(&registry, &index, &subject), signed, "{wanted}, {found}");
    }
}

/// Every one that is named must be there, and nothing is asked of the others.
#[test]
fn the_named_platforms_are_those_that_count() {
    let index = index(&[platform("linux/amd64"), platform("linux/arm64")]);
    let mut registry = holding(&index, &["linux/amd64", "linux/arm64"]);
    sign(&mut registry, &image("linux/amd64"), "ci");
    sign(&mut registry, &index, "ci");
    for (wanted, expected) in [
        (vec!["linux/amd64"], "allow"),
        (vec!["linux/amd64", "linux/amd64"], "allow"),
        (vec!["linux/arm64"], NONE),
        (vec!["linux/amd64", "linux/arm64"], NONE),
        (vec!["linux/amd64", "linux/s390x"], "platform.absent"),
        (vec!["linux/s390x"], "platform.absent"),
    ] {
        assert_eq!(verdict(&registry, &index, &named(&wanted)), expected, "{wanted:?}");
    }
    registry.withhold(&digest(&image("linux/arm64")));
    assert_eq!(verdict(&registry, &index, &named(&["linux/amd64"])), "allow");
    assert_eq!(verdict(&registry, &index, &named(&["linux/arm64"])), "evidence.unavailable");
    assert_eq!(verdict(&registry, &index, &json!("platforms")), "evidence.unavailable");
}

/// What does not say where it runs is run anywhere.
#[test]
fn a_child_that_names_no_platform_may_be_any() {
    for stray in [Value::Null, json!({}), json!({ "os": "linux" })] {
        let index = index(&[platform("linux/amd64"), descriptor(&image("stray"), &stray)]);
        let mut registry = holding(&index, &["linux/amd64", "stray"]);
        sign(&mut registry, &image("linux/amd64"), "ci");
        let subject = named(&["linux/amd64"]);
        assert_eq!(verdict(&registry, &index, &subject), NONE, "{stray}");
        sign(&mut registry, &image("stray"), "ci");
        assert_eq!(verdict(&registry, &index, &subject), "allow", "{stray}");
    }
}

/// An image whose configuration is this.
fn configured(config: &[u8]) -> Vec<u8> {
    json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
        "config": { "mediaType": CONFIG, "digest": digest(config), "size": config.len() },
    })
    .to_string()
    .into_bytes()
}

/// An image that is no index is for the platform that its configuration says.
#[test]
fn a_single_image_is_of_the_platform_in_its_configuration() {
    for (config, wanted, expected) in [
        (on("linux/amd64"), vec!["linux/amd64"], "allow"),
        (on("linux/amd64"), vec!["linux/arm64"], "platform.absent"),
        (on("linux/amd64"), vec!["windows/amd64"], "platform.absent"),
        (on("linux/amd64"), vec!["linux/amd64", "linux/arm64"], "platform.absent"),
        (on("linux/arm64"), vec!["linux/arm64/v8"], "allow"),
        (on("linux/arm64/v8"), vec!["linux/arm64"], "allow"),
        (on("linux/arm/v6"), vec!["linux/arm/v7"], "platform.absent"),
        (json!({ "os": "linux" }), vec!["linux/amd64"], "image.malformed"),
        (json!({}), vec!["linux/amd64"], "image.malformed"),
    ] {
        let config = config.to_string().into_bytes();
        let image = configured(&config);
        let mut registry = Registry::new();
        registry.store(&config);
        registry.store(&image);
        if expected == "allow" {
            assert_eq!(verdict(&registry, &image, &named(&wanted)), NONE, "{wanted:?}");
        }
        sign(&mut registry, &image, "ci");
        assert_eq!(verdict(&registry, &image, &named(&wanted)), expected, "{wanted:?}");
        // Who names none needs no configuration.
        registry.withhold(&digest(&config));
        assert_eq!(verdict(&registry, &image, &named(&wanted)), "evidence.unavailable");
        for subject in ["resolved", "platforms", "both"] {
            assert_eq!(verdict(&registry, &image, &json!(subject)), "allow", "{subject}");
        }
        registry.answers.insert(digest(&config), crate::registry::found(b"[]".to_vec()));
        assert_eq!(verdict(&registry, &image, &named(&wanted)), "evidence.digestMismatch");
    }
}

#[test]
fn an_index_in_an_index_is_refused() {
    let inner = index(&[platform("linux/arm64")]);
    for (media_type, nested, expected) in [
        (INDEX, true, "image.malformed"),
        // Whatever the outer one calls it.
        (MANIFEST, true, "image.malformed"),
        (MANIFEST, false, "allow"),
    ] {
        let child = if nested { inner.clone() } else { image("linux/arm64") };
        let mut entry = descriptor(&child, &on("linux/arm64"));
        entry["mediaType"] = json!(media_type);
        let outer = index(&[platform("linux/amd64"), entry]);
        let mut registry = holding(&outer, &["linux/amd64", "linux/arm64"]);
        registry.store(&inner);
        for signed in [&outer, &inner, &image("linux/amd64"), &image("linux/arm64")] {
            sign(&mut registry, signed, "ci");
        }
        for subject in [json!("platforms"), json!("both"), named(&["linux/arm64"])] {
            assert_eq!(verdict(&registry, &outer, &subject), expected, "{subject}");
        }
        assert_eq!(verdict(&registry, &outer, &json!("resolved")), "allow");
        assert_eq!(verdict(&registry, &outer, &named(&["linux/amd64"])), "allow");
    }
}

/// A host that writes it anew makes no platform of it.
#[test]
fn an_index_in_an_index_is_refused_on_every_host() {
    let inner = index(&[platform("linux/arm64")]);
    let outer = index(&[platform("linux/amd64"), descriptor(&inner, &on("linux/arm64"))]);
    let mut registry = holding(&outer, &["linux/amd64", "linux/arm64"]);
    registry.store(&inner);
    for signed in [&outer, &inner, &image("linux/amd64"), &image("linux/arm64")] {
        sign_digest(&mut registry, signed);
    }
    reserialise(&mut registry, &inner);
    assert_eq!(verdict(&registry, &outer, &json!("platforms")), "image.malformed");
    assert_eq!(verdict(&registry, &outer, &named(&["linux/amd64"])), "allow");
}

#[test]
fn an_index_that_nothing_can_run_of_has_no_platform() {
    let mut carrier = descriptor(&image("linux/amd64"), &on("unknown/unknown"));
    carrier["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
    let outer = index(&[carrier]);
    let mut registry = holding(&outer, &["linux/amd64"]);
    sign(&mut registry, &outer, "ci");
    for subject in [json!("platforms"), json!("both")] {
        assert_eq!(verdict(&registry, &outer, &subject), "platform.absent", "{subject}");
    }
    assert_eq!(verdict(&registry, &outer, &json!("resolved")), "allow");
}

/// What platforms there are is read in bytes that were hashed here.
#[test]
fn the_platforms_of_an_index_that_was_rewritten_are_unknown() {
    let index = index(&[platform("linux/amd64")]);
    let mut registry = holding(&index, &["linux/amd64"]);
    sign_digest(&mut registry, &index);
    sign_digest(&mut registry, &image("linux/amd64"));
    let mut rewritten = registry.clone();
    reserialise(&mut rewritten, &index);
    let cases = [json!("platforms"), json!("both"), named(&["linux/amd64"])];
    for subject in cases {
        assert_eq!(verdict(&registry, &index, &subject), "allow", "{subject}");
        assert_eq!(verdict(&rewritten, &index, &subject), "evidence.hostAsserted", "{subject}");
    }
    // The digest is signed, and nothing in it is looked at.
    assert_eq!(verdict(&rewritten, &index, &json!("resolved")), "allow");
}

/// The host may be trusted for what an index has and for what an image is, and never for more.
#[test]
fn the_hosts_word_is_taken_for_what_the_policy_names_and_said() {
    let index = index(&[platform("linux/amd64")]);
    let mut registry = holding(&index, &["linux/amd64"]);
    sign_digest(&mut registry, &index);
    sign_digest(&mut registry, &image("linux/amd64"));
    reserialise(&mut registry, &index);
    let trusting = |words: Value, subject: &Value, registry: &Registry, asked: &[u8]| {
        let mut policy = rule(subject, &json!("ci"));
        policy["spec"]["trustHost"] = words;
        let decided = registry.decide_on(&policy, &of(asked));
        let said: Vec<_> =
            decided.0.warnings.iter().filter(|w| w.contains("trustHost")).cloned().collect();
        (decided.verdict(), said.join(" "))
    };
    for subject in [json!("platforms"), json!("both"), named(&["linux/amd64"])] {
        let (verdict, said) = trusting(json!(["index"]), &subject, &registry, &index);
        assert_eq!(verdict, "allow", "{subject}");
        assert!(said.contains("index"), "{said}");
        let (verdict, _) = trusting(json!(["imageConfig"]), &subject, &registry, &index);
        assert_eq!(verdict, "evidence.hostAsserted", "{subject}");
    }
    // Whose platform is read in its configuration.
    let plain = image("linux/amd64");
    let mut single = holding(&plain, &[]);
    sign_digest(&mut single, &plain);
    reserialise(&mut single, &plain);
    let subject = named(&["linux/s390x"]);
    let (verdict, _) = trusting(json!(["index"]), &subject, &single, &plain);
    assert_eq!(verdict, "evidence.hostAsserted");
    // An unsigned platform is as unsigned by anybody's word.
    let mut unsigned = holding(&index, &["linux/amd64"]);
    sign_digest(&mut unsigned, &index);
    reserialise(&mut unsigned, &index);
    let both = json!(["index", "imageConfig"]);
    let (verdict, _) = trusting(both, &json!("platforms"), &unsigned, &index);
    assert_eq!(verdict, "signatures.none");
}

#[test]
fn one_platform_that_is_not_signed_is_enough() {
    let names = ["linux/amd64", "linux/arm64", "linux/s390x"];
    let index = index(&names.map(platform));
    let all = json!("platforms");
    let mut registry = holding(&index, &names);
    sign(&mut registry, &index, "ci");
    let signed = |left: &str| {
        let mut registry = registry.clone();
        for name in names.iter().filter(|name| **name != left) {
            sign(&mut registry, &image(name), "ci");
        }
        registry
    };
    assert_eq!(verdict(&signed(""), &index, &all), "allow");
    for left in names {
        let mut registry = signed(left);
        for subject in [&all, &json!("both")] {
            assert_eq!(verdict(&registry, &index, subject), NONE, "{left}");
        }
        // Nor is that of another platform its own.
        let (own, other) = (image(left), image(names[usize::from(left == names[0])]));
        registry.attach_to(&own, &signed_by("ci", &other));
        assert_eq!(verdict(&registry, &index, &all), "subject.mismatch", "{left}");
        registry.attach_to(&own, &signed_by("security", &own));
        assert_ne!(verdict(&registry, &index, &all), "allow", "{left}");
        registry.attach_to(&own, &signed_by("ci", &own));
        assert_eq!(verdict(&registry, &index, &all), "allow", "{left}");
    }
    // One that cannot be had is unknown.
    let mut withheld = signed("");
    withheld.withhold(&format!("referrers of {}", digest(&image("linux/arm64"))));
    assert_eq!(verdict(&withheld, &index, &all), "evidence.unavailable");
    // But one that is not signed decides.
    let mut withheld = signed("linux/amd64");
    withheld.withhold(&format!("referrers of {}", digest(&image("linux/arm64"))));
    assert_eq!(verdict(&withheld, &index, &all), NONE);
}

#[test]
fn a_tree_is_judged_on_each_of_its_subjects() {
    let names = ["linux/amd64", "linux/arm64"];
    let index = index(&names.map(platform));
    let two = json!({ "atLeast": 2, "of": ["ci", "security"], "subject": "platforms" });
    let either = json!({ "any": ["ci", "security"], "subject": "platforms" });
    let split = json!({ "all": ["ci", { "all": ["security"], "subject": "platforms" }] });
    let distinct = json!({ "atLeast": 2, "of": ["ci", either] });
    let (whole, [amd64, arm64]) = (&index, names.map(image));
    let table: [(&Value, Signatures<'_>, &str); 9] = [
        (
            &two,
            &[(&amd64, "ci"), (&amd64, "security"), (&arm64, "ci"), (&arm64, "security")],
            "allow",
        ),
        // Two on one platform are not two on each.
        (&two, &[(&amd64, "ci"), (&amd64, "security"), (&arm64, "ci")], "threshold.unmet"),
        (&two, &[(&amd64, "ci"), (&arm64, "security")], "threshold.unmet"),
        (&two, &[(whole, "ci"), (whole, "security")], "threshold.unmet"),
        (&either, &[(&amd64, "ci"), (&arm64, "security")], "allow"),
        (&split, &[(whole, "ci"), (&amd64, "security"), (&arm64, "security")], "allow"),
        (&split, &[(whole, "security"), (&amd64, "ci"), (&arm64, "ci")], "key.hintMismatch"),
        (&distinct, &[(whole, "ci"), (&amd64, "security"), (&arm64, "security")], "allow"),
        // Who signed the index signed a platform too: no second one.
        (&distinct, &[(whole, "ci"), (&amd64, "ci"), (&arm64, "security")], "threshold.sameSigner"),
    ];
    for (tree, signatures, expected) in table {
        let mut registry = holding(&index, &names);
        for (of, by) in signatures {
            sign(&mut registry, of, by);
        }
        let policy = rule(&json!("resolved"), tree);
        assert_eq!(registry.decide_on(&policy, &of(&index)).verdict(), expected, "{tree}");
    }
}

/// The signature of the index and an attestation of each platform, or the other way round.
#[test]
fn an_attestation_has_a_subject_of_its_own() {
    let names = ["linux/amd64", "linux/arm64"];
    let index = index(&names.map(platform));
    let wanted = |subject: Value| proven(json!({ "subject": subject }));
    let attested = |of: &[&[u8]]| {
        let mut registry = holding(&index, &names);
        sign(&mut registry, &index, "ci");
        for of in of {
            let statement = statement(of, PROVENANCE, &json!({}));
            registry.attach_to(of, &attested_by("ci", statement));
        }
        registry
    };
    let (amd64, arm64) = (image(names[0]), image(names[1]));
    // Beside the index there is its signature.
    let (none, other) = ("attestations.none", "payload.notAttestation");
    let table: [(&[&[u8]], Value, &str); 9] = [
        (&[&amd64, &arm64], json!("platforms"), "allow"),
        (&[&amd64], json!("platforms"), none),
        (&[&amd64], named(&["linux/amd64"]), "allow"),
        (&[&amd64], named(&["linux/arm64"]), none),
        (&[&index], json!("platforms"), none),
        (&[&index], json!("resolved"), "allow"),
        (&[&amd64, &arm64], json!("resolved"), other),
        (&[&amd64, &arm64], json!("both"), other),
        (&[&amd64, &arm64, &index], json!("both"), "allow"),
    ];
    for (attestations, subject, expected) in table {
        let policy = rule(&json!("resolved"), &json!({ "all": ["ci", wanted(subject.clone())] }));
        let found = attested(attestations).decide_on(&policy, &of(&index)).verdict();
        assert_eq!(found, expected, "{subject}, {} attested", attestations.len());
    }
}

#[test]
fn an_index_has_a_bounded_number_of_platforms() {
    for (count, expected) in [(64, NONE), (65, "budget.images")] {
        let names: Vec<_> = (0..count).map(|n| format!("linux/x{n}")).collect();
        let manifests: Vec<_> = names.iter().map(|name| platform(name)).collect();
        let index = index(&manifests);
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let registry = holding(&index, &names);
        assert_eq!(verdict(&registry, &index, &json!("platforms")), expected, "{count}");
    }
}
