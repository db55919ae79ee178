//! How often the module is asked: whoever counts to [`MAX_ROUNDS`] cuts off nobody.

use countersign::{evidence::Budget, reference::Digest};
use countersign_host::driver::MAX_ROUNDS;
use serde_json::{Value, json};

use super::{
    KIND, Signer, Stage, payload,
    revocation::{LATER, Web, leaf, stage, verify},
};
use crate::{
    draft::Format,
    loopback::{Incoming, Loopback, Reply},
    made::{CRL_DISTRIBUTION_POINTS, Crl, DELTA_CRL_INDICATOR, Entry, FRESHEST_CRL, World, points},
    pki::Key,
    scratch::{INDEX, MANIFEST, image},
    sigstore::der,
};

/// A list and its delta, at `PATH` and `PATH.delta`.
fn with_delta(web: &Web, world: &World, path: &str, change: impl Fn(Crl) -> Crl) {
    let url = web.url(&format!("{path}.delta"));
    let list = || world.crl().until(Some(LATER));
    web.serve(path, list().with(FRESHEST_CRL, false, points(&[&[&url]])).make());
    let delta = list().with(DELTA_CRL_INDICATOR, true, der::number(5)).with(
        "2.5.29.20",
        false,
        der::number(6),
    );
    web.serve(&format!("{path}.delta"), change(delta).make());
}

/// Eight responders, each with a delegate whose own list, then its delta, has to be asked for: the
/// delta says that the delegate was revoked, and the next responder comes. In the end the
/// certificate's list, and its delta.
#[test]
fn responder_after_responder_is_more_than_a_dozen_rounds() {
    let world = World::new();
    let web = Web::new();
    let responders: Vec<String> = (0..8).map(|n| web.url(&format!("/o{n}"))).collect();
    let leaf = leaf(&world, &responders, &[web.url("/c")]);
    with_delta(&web, &world, "/c", |delta| delta);
    for n in 0..8_u8 {
        let path = format!("/d{n}");
        let mut delegate = world.responder();
        delegate.serial = vec![9, n];
        let own = points(&[&[&web.url(&path)]]);
        let delegate = delegate.with(CRL_DISTRIBUTION_POINTS, false, own);
        web.serve(&format!("/o{n}"), world.response_by(&delegate).make());
        with_delta(&web, &world, &path, |delta| delta.entry(Entry::new(1).of(&[9, n])));
    }
    let Some(stage) = stage(&world, &leaf, json!({})) else { return };
    let registry = Loopback::layout(stage.0.path(), true);
    let repository = registry.repository();
    let verdict = stage.verdict(&format!(
        "verify --plain-http --policy policy.json {} {repository}:1",
        web.host()
    ));
    assert_eq!(verdict.code, "allow", "{} {}", verdict.said, verdict.text());
    assert_eq!(web.asked(&mut 0).len(), 8 + 16 + 2);
    // Tag, manifest and lists, signature, envelope; responders; lists and deltas; the decision.
    let rounds = verdict.report["results"][0]["stats"]["rounds"].as_u64().unwrap();
    assert_eq!(rounds, 4 + 1 + 18 + 1);
    assert!(rounds > 13 && rounds < u64::from(MAX_ROUNDS));
}

/// Lists may be large, so only as many are asked for at a time as there is room for.
#[test]
fn many_lists_are_asked_for_in_turn() {
    let mut world = World::new();
    let web = Web::new();
    let urls =
        |name: &str| -> Vec<String> { (0..8).map(|n| web.url(&format!("/{name}{n}"))).collect() };
    let (of_leaf, of_authority) = (urls("l"), urls("i"));
    let of_authority: Vec<&str> = of_authority.iter().map(String::as_str).collect();
    world.inter.set(CRL_DISTRIBUTION_POINTS, false, points(&[&of_authority]));
    let leaf = leaf(&world, &[], &of_leaf);
    let by_root = Crl { issuer: world.root.as_issuer(), ..world.crl().until(Some(LATER)) };
    for n in 0..8 {
        web.serve(&format!("/l{n}"), world.crl().until(Some(LATER)).make());
        web.serve(&format!("/i{n}"), by_root.make());
    }
    let Some(stage) = stage(&world, &leaf, json!({})) else { return };
    let verdict = verify(&stage, &web.host());
    assert_eq!(verdict.code, "allow", "{} {}", verdict.said, verdict.text());
    assert_eq!(web.asked(&mut 0).len(), 16);
    let stats = &verdict.report["results"][0]["stats"];
    assert_eq!(stats["rounds"], 13, "{stats}");
}

const SCAN: &str = "application/vnd.acme.scan.v1+json";

/// A referrer of this type, about this manifest, with this one layer.
fn referrer(kind: &str, subject: &[u8], layer: &[u8]) -> Vec<u8> {
    let descriptor = |media_type: &str, bytes: &[u8]| {
        let digest = Digest::sha256(bytes).to_string();
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    };
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": kind,
        "config": descriptor("application/vnd.oci.empty.v1+json", b"{}"),
        "layers": [descriptor("application/jose+json", layer)],
        "subject": descriptor(MANIFEST, subject),
    });
    manifest.to_string().into_bytes()
}

/// A registry without referrers API that stores these manifests and blobs under its only repository,
/// the first under the tag `1`.
fn registry(manifests: Vec<Vec<u8>>, blobs: Vec<Vec<u8>>) -> Loopback {
    Loopback::start(move |incoming: &Incoming| {
        let (kind, name) = incoming.path.trim_start_matches("/v2/app/").split_once('/').unwrap();
        let of = |bytes: &Vec<u8>| Digest::sha256(bytes);
        let named =
            |all: &[Vec<u8>]| all.iter().find(|bytes| of(bytes).to_string() == name).cloned();
        let about = |subject: &Digest| -> Vec<Value> {
            let parsed = manifests.iter().map(|m| (m, serde_json::from_slice(m).unwrap()));
            let about =
                parsed.filter(|(_, m): &(_, Value)| m["subject"]["digest"] == subject.as_str());
            let entry = |(bytes, manifest): (&Vec<u8>, Value)| {
                json!({
                    "mediaType": MANIFEST,
                    "artifactType": manifest["artifactType"],
                    "digest": of(bytes).to_string(),
                    "size": bytes.len(),
                })
            };
            about.map(entry).collect()
        };
        let found = match kind {
            "manifests" if name == "1" => manifests.first().cloned(),
            "manifests" if name.contains(':') => named(&manifests),
            "manifests" => {
                let subject = manifests.iter().map(of).find(|digest| digest.tag() == name);
                let list = subject.map(|subject| about(&subject)).filter(|list| !list.is_empty());
                let index =
                    |list| json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": list });
                return match list {
                    Some(list) => {
                        Reply::new(200, index(list).to_string()).with("Content-Type", INDEX)
                    }
                    None => Reply::new(404, "404 page not found"),
                };
            }
            "blobs" => named(&blobs),
            _ => None,
        };
        match found {
            Some(bytes) => Reply::new(200, bytes).with("Content-Type", MANIFEST),
            None => Reply::new(404, "404 page not found"),
        }
    })
}

/// The scan of the scan of the scan …, as deep as referrers are followed, and only the last is signed; on
/// a registry that takes a fallback tag for each.
#[test]
fn referrers_of_referrers_take_three_rounds_each() {
    let Some(stage) = Stage::new() else { return };
    let signer = Signer::new(Key::p256("leaf"));
    let depth = 1 + usize::try_from(Budget::default().referrers).unwrap();
    let mut manifests = vec![image("a").to_string().into_bytes()];
    for n in 0..depth {
        let above = manifests.last().unwrap();
        manifests.push(referrer(SCAN, above, n.to_string().as_bytes()));
    }
    let last = manifests.last().unwrap();
    let digest = Digest::sha256(last).to_string();
    let envelope = signer.envelope(Format::Jws, &payload(MANIFEST, &digest, last.len()));
    manifests.push(referrer(KIND, last, &envelope));
    let policy: Value =
        serde_json::from_str(&super::policy(json!({ "ca": [signer.anchor()] }), json!({})))
            .unwrap();
    let mut policy = policy;
    policy["spec"]["rules"] = json!([{
        "images": ["**"],
        "require": { "attestation": { "artifactType": SCAN, "signedBy": "a" } },
    }]);
    stage.0.write("policy.json", policy.to_string());
    let registry = registry(manifests, vec![envelope, b"{}".to_vec()]);
    let repository = registry.repository();
    let verdict =
        stage.verdict(&format!("verify --plain-http --policy policy.json {repository}:1"));
    assert_eq!(verdict.code, "allow", "{} {}", verdict.said, verdict.text());
    // Tag, manifest and list, fallback tag, manifest; each scan; the envelope; the decision.
    let rounds = verdict.report["results"][0]["stats"]["rounds"].as_u64().unwrap();
    assert_eq!(rounds, 4 + 3 * depth as u64 + 1 + 1);
    assert!(rounds + 100 <= u64::from(MAX_ROUNDS));
}
