//! What strangers try on policies: whoever pushes to the repository, answers for the registry or
//! writes the workload. Each attack has a twin without it, so that its refusal says something.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the core reads no files and no clock; tests of it do"
)]

#[path = "support/sigstore/mod.rs"]
#[allow(unused_imports, reason = "each test takes what it needs")]
mod sigstore;

#[path = "support/promises.rs"]
mod promises;
#[path = "policy/registry.rs"]
#[allow(dead_code, unused_imports, reason = "each test takes what it needs")]
mod registry;

use countersign::wire::{Answer, Bytes, ImageRequest, Outcome, Request, UnavailableReason};
use registry::{
    INDEX, MANIFEST, PROVENANCE, Registry, ask, attested_by, digest, image, pod, policy, scan,
    signed_by, statement, unavailable,
};
use serde_json::{Value, json};

fn child(name: &str, platform: Value) -> Value {
    let bytes = image(name);
    let mut child = json!({ "mediaType": MANIFEST, "digest": digest(&bytes), "size": bytes.len() });
    if !platform.is_null() {
        child["platform"] = platform;
    }
    child
}

fn index(children: &[Value]) -> String {
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": children }).to_string()
}

/// Only `app` is signed; the index is by whoever can push.
fn verdict(subject: &Value, index: &[u8]) -> String {
    let mut registry = Registry::new();
    registry.store(&image("evil"));
    registry.store(index);
    registry.attach(&signed_by("ci", &image("app")));
    let policy =
        policy(json!({ "rules": [{ "images": ["**"], "subject": subject, "require": "ci" }] }));
    let request = ask(&format!("reg.test/app@{}", digest(index)));
    registry.decide_on(&policy, &request).verdict()
}

fn amd64() -> Value {
    json!({ "os": "linux", "architecture": "amd64" })
}

/// Go takes the last of `manifests` and `Manifests`: what is verified here is not what would run there.
#[test]
fn an_index_that_go_reads_otherwise_is_refused() {
    let good = index(&[child("app", amd64())]);
    let evil = child("evil", amd64());
    let hidden =
        |spelling: &str| good.replacen('{', &format!("{{\"{spelling}\":[{evil}],"), 1).into_bytes();
    for subject in [json!("platforms"), json!({ "platforms": ["linux/amd64"] })] {
        assert_eq!(verdict(&subject, good.as_bytes()), "allow");
        // A member that means nothing to anybody is left alone.
        assert_eq!(verdict(&subject, &hidden("others")), "allow");
        for spelling in ["Manifests", "MANIFESTS", "manife\u{17f}ts"] {
            assert_eq!(verdict(&subject, &hidden(spelling)), "image.malformed", "{spelling}");
        }
    }
}

#[test]
fn a_platform_that_go_reads_otherwise_is_no_attestation_manifest() {
    let mut evil = child("evil", json!({ "os": "unknown", "architecture": "unknown" }));
    evil["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
    let of = |evil: &Value| index(&[child("app", amd64()), evil.clone()]).into_bytes();
    let subject = json!("platforms");
    assert_eq!(verdict(&subject, &of(&evil)), "allow");
    evil["Platform"] = amd64();
    assert_eq!(verdict(&subject, &of(&evil)), "image.malformed");
}

/// Runtimes know platforms by several names, and run what names none on any.
#[test]
fn a_platform_under_another_name_is_judged() {
    let subject = json!({ "platforms": ["linux/amd64"] });
    let verdict = |evil: Value| {
        let index = index(&[child("evil", evil), child("app", amd64())]);
        verdict(&subject, index.as_bytes())
    };
    for other in [
        json!({ "os": "linux", "architecture": "arm64" }),
        json!({ "os": "windows", "architecture": "amd64" }),
    ] {
        assert_eq!(verdict(other.clone()), "allow", "{other}");
    }
    for same in [
        amd64(),
        json!({ "os": "linux", "architecture": "amd64", "variant": "v3" }),
        json!({ "os": "linux", "architecture": "x86_64" }),
        json!({ "os": "Linux", "architecture": "AMD64" }),
        json!({ "os": "", "architecture": "amd64" }),
        json!({ "architecture": "amd64" }),
        json!({}),
        Value::Null,
    ] {
        assert_eq!(verdict(same.clone()), "signatures.none", "{same}");
    }
}

/// What the host says that an index carries is not what the index carries.
#[test]
fn a_manifest_that_the_host_has_rewritten_embeds_nothing() {
    let said = statement(&image("app"), PROVENANCE, &json!({}));
    let layer = json!({
        "mediaType": "application/vnd.in-toto+json", "digest": digest(&said), "size": said.len(),
    });
    let config = json!({
        "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(b"{}"), "size": 2,
    });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer],
    });
    let manifest = manifest.to_string().into_bytes();
    let beside = json!({
        "mediaType": MANIFEST, "digest": digest(&manifest), "size": manifest.len(),
        "platform": { "os": "unknown", "architecture": "unknown" },
        "annotations": {
            "vnd.docker.reference.digest": digest(&image("app")),
            "vnd.docker.reference.type": "attestation-manifest",
        },
    });
    let index = index(&[child("app", amd64()), beside]).into_bytes();
    let mut registry = Registry::new();
    for bytes in [&index, &manifest, &said] {
        registry.store(bytes);
    }
    registry.attach_to(&index, &signed_by("ci", &index));
    let wanted = json!({ "attestation": { "type": "slsaprovenance1", "signedBy": "ci" } });
    let policy = policy(
        json!({ "rules": [{ "images": ["**"], "subject": "platforms", "require": wanted }] }),
    );
    let request = ask(&format!("reg.test/app@{}", digest(&index)));
    assert_eq!(registry.decide_on(&policy, &request).verdict(), "allow");
    let rewritten =
        Answer::Found { bytes: Bytes(manifest.clone()), media_type: None, reserialised: true };
    registry.answers.insert(digest(&manifest), rewritten);
    assert_eq!(registry.decide_on(&policy, &request).verdict(), "evidence.hostAsserted");
}

/// The workload's author picks a namespace of which the request does not tell the labels.
#[test]
fn a_rule_that_may_not_be_for_the_image_lets_nothing_in() {
    let registry = Registry::with(&[signed_by("ci", &image("app"))]);
    let mut known = pod(&format!("reg.test/app@{}", digest(&image("app"))), true);
    let unknown = known.clone();
    known.namespace_labels = Some(json!({ "env": "dev" }));
    for (fields, of_known) in [
        (json!({ "require": "ci" }), Outcome::Allow),
        (json!({ "require": "security", "mode": "audit" }), Outcome::Deny),
    ] {
        let mut rule = json!({
            "images": ["**"], "match": { "namespaceLabels": { "matchLabels": { "env": "dev" } } },
        });
        rule.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let mut spec = json!({ "rules": [rule] });
        let decide =
            |spec: &Value, request: &Request| registry.decide_on(&policy(spec.clone()), request).0;
        let decision = decide(&spec, &known);
        assert_eq!((decision.outcome, decision.enforced()), (of_known, Outcome::Allow));
        let decision = decide(&spec, &unknown);
        assert_eq!(decision.enforced(), Outcome::Deny, "{fields}");
        let reason = decision.images[0].reason.as_ref().unwrap();
        assert_eq!(reason.code.as_str(), "image.unmatched");
        spec["unmatched"] = json!("allow");
        assert_eq!(decide(&spec, &unknown).enforced(), Outcome::Allow, "{fields}");
    }
}

/// A tag that is moved after it was held against the block list.
#[test]
fn what_was_held_against_the_block_list_is_what_runs() {
    let registry = Registry::new();
    let block = json!({ "digests": [digest(&image("evil"))] });
    for spec in [
        json!({ "rules": [{ "images": ["**"], "static": "allow" }] }),
        json!({ "rules": [{ "images": ["other.test/**"], "static": "allow" }], "unmatched": "allow" }),
    ] {
        let mut spec = spec;
        let open = registry.decide_on(&policy(spec.clone()), &pod("reg.test/app:1", true)).0;
        assert_eq!((open.outcome, open.patches.len()), (Outcome::Allow, 0));
        spec["block"] = block.clone();
        let decision = registry.decide_on(&policy(spec.clone()), &pod("reg.test/app:1", true)).0;
        assert_eq!(decision.outcome, Outcome::Allow);
        assert_eq!(decision.patches[0].new, format!("reg.test/app:1@{}", digest(&image("app"))));
        let unpinned = registry.decide_on(&policy(spec), &pod("reg.test/app:1", false)).verdict();
        assert_eq!(unpinned, "digest.unpinned");
    }
}

/// A registry that withholds an index hides which platforms it has.
#[test]
fn neither_outage_nor_exception_waives_the_block_list() {
    let index = index(&[child("app", amd64())]).into_bytes();
    let mut registry = Registry::new();
    registry.store(&index);
    registry.answers.insert(digest(&index), unavailable(UnavailableReason::Transport));
    let exception = json!([{
        "images": ["**"], "waive": ["*"], "until": "2099-01-01", "owner": "a", "reason": "b",
    }]);
    for waiver in [json!({ "undetermined": "warn" }), json!({ "exceptions": exception })] {
        let mut spec = json!({ "rules": [{ "images": ["**"], "require": "ci" }] });
        spec.as_object_mut().unwrap().extend(waiver.as_object().unwrap().clone());
        let request = ask(&format!("reg.test/app@{}", digest(&index)));
        let decide = |spec: &Value| registry.decide_on(&policy(spec.clone()), &request).0.outcome;
        assert_eq!(decide(&spec), Outcome::Allow, "{waiver}");
        spec["block"] = json!({ "digests": [digest(&image("app"))] });
        assert_eq!(decide(&spec), Outcome::Undetermined, "{waiver}");
    }
}

/// A container that is only watched must not undo the pin of another: fronts admit the object with
/// the patches of the decision.
#[test]
fn an_image_that_is_only_watched_leaves_the_pins_of_others() {
    let registry = Registry::with(&[signed_by("ci", &image("app"))]);
    let policy = policy(json!({ "rules": [
        { "images": ["reg.test/app"], "require": "ci" },
        { "images": ["reg.test/watched"], "require": "ci", "mode": "warn" },
    ] }));
    let mut request = pod("reg.test/app:1", true);
    request.images.push(ImageRequest {
        reference: format!("reg.test/watched@{}", digest(b"none")),
        path: Some("/spec/containers/1/image".to_owned()),
    });
    let decision = registry.decide_on(&policy, &request).0;
    assert_ne!(decision.outcome, Outcome::Allow);
    assert_eq!(decision.enforced(), Outcome::Allow);
    assert_eq!(decision.patches.len(), 1, "{decision:?}");
}

/// A scan that is bad, and then deleted: all of no scans are good.
#[test]
fn a_join_of_nothing_fails() {
    let wanted = json!({ "attestation": { "name": "scan", "type": "vuln", "signedBy": "ci", "maxAge": "7d" } });
    let policy = policy(json!({ "rules": [{
        "images": ["**"],
        "require": { "any": ["ci", wanted] },
        "conditions": [{ "cel": "attestations.scan.all(s, s.predicate.good)" }],
    }] }));
    let scanned = |good| attested_by("ci", scan(&image("app"), 1, good));
    let signed = signed_by("ci", &image("app"));
    let verdict = |all: &[Vec<u8>]| Registry::with(all).decide(&policy).verdict();
    assert_eq!(verdict(&[signed.clone(), scanned(true)]), "allow");
    assert_eq!(verdict(&[signed.clone(), scanned(false)]), "condition.unmet");
    assert_eq!(verdict(&[signed]), "attestations.none");
}
