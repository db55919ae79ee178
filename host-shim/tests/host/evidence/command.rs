//! `countersign evidence` and `verify --pack` as they are run.

use std::fs;

use loopback_registry::{Fault, MANIFEST, Options as Kind, What};
use serde_json::{Value, json};

use crate::{
    corpora::corpora,
    road::embeds_a_module,
    scratch::Scratch,
    tree::{
        NAME, World,
        shown::{case, code, err, json_of, out, run},
    },
};

pub(super) const NOW: &str = "2026-11-21T03:00:00Z";

/// A registry with an image of the corpora.
pub(super) fn world(layout: &str, referrers: bool) -> Option<(World, String)> {
    let corpora = corpora().filter(|_| embeds_a_module())?;
    let world = World::new(Kind { referrers, ..Kind::default() });
    world.registry.load(&corpora.join("layouts").join(layout), NAME).unwrap();
    let reference = world.registry.repository(NAME);
    Some((world, reference))
}

pub(super) fn digest_of(world: &World) -> String {
    world.registry.snapshot(NAME).tags["1"].clone()
}

#[test]
fn an_image_is_packed_inspected_and_verified_offline() {
    let scratch = Scratch::new();
    for (layout, id, api) in [
        ("a-cosign-p256", "cosign-a-cosign-p256-right-key", true),
        ("b-ecp384", "cosign-b-ecp384-right-key", false),
        ("d-nested-jws", "notation-nested-sbom", true),
        ("a-cosign-p256", "cosign-a-cosign-p256-other-key", true),
    ] {
        let Some((world, reference)) = world(layout, api) else { return };
        let (policy, _) = case(&scratch, id).unwrap();
        let (image, digest) = (format!("{reference}:1"), digest_of(&world));
        let pack = scratch.path().join(format!("{id}.json"));
        let file = pack.to_str().unwrap();
        let output = run(&["evidence", "pack", "--plain-http", "--output", file, &image]);
        assert_eq!((code(&output), out(&output)), (0, String::new()), "{}", err(&output));
        assert!(err(&output).starts_with("note: packed "), "{}", err(&output));
        let again = ["evidence", "pack", "--plain-http", "--output", "-", &image];
        assert_eq!(out(&run(&again)), fs::read_to_string(&pack).unwrap(), "the same bytes");

        let inspected = run(&["evidence", "inspect", file]);
        assert_eq!((code(&inspected), err(&inspected)), (0, String::new()));
        assert!(out(&inspected).starts_with(&format!("evidence pack about {digest}\n")));
        let report = json_of(&run(&["evidence", "inspect", "--output", "json", file]));
        let tree = json_of(&run(&["tree", "--output", "json", "--plain-http", &image]));
        assert_eq!(names(&report["image"]), names(&tree["image"]), "{id}");
        assert!(report.get("unreached").unwrap().as_array().unwrap().is_empty(), "{report}");

        let verify = |more: &[&str]| {
            let fixed = ["verify", "--plain-http", "--now", NOW, "--policy", &policy];
            run(&[&fixed[..], &["--output", "json"], more].concat())
        };
        let pinned = format!("{reference}:1@{digest}");
        let live = verify(&[&pinned]);
        assert!(matches!(code(&live), 0 | 1), "{}", err(&live));
        let _ = world.registry.take_log();
        let offline = verify(&["--pack", file, "--offline", &pinned]);
        assert!(world.registry.take_log().is_empty(), "offline asks nobody");
        let decision = |output| json_of(output)["results"][0]["decision"]["images"].clone();
        assert_eq!(code(&offline), code(&live), "{id}");
        assert_eq!(decision(&offline)[0]["outcome"], decision(&live)[0]["outcome"]);
        // Of what a digest names nothing is fetched that is in the pack.
        let both = verify(&["--pack", file, &pinned]);
        assert_eq!(code(&both), code(&live));
        let paths: Vec<_> = world.registry.take_log().into_iter().map(|l| l.path).collect();
        assert!(paths.iter().all(|path| !path.contains("sha256:") || path.contains("referrers")));
    }
}

fn names(artifact: &Value) -> Vec<String> {
    let mut all = vec![format!("{} {}", artifact["digest"], artifact["what"])];
    for below in ["attached", "platforms"] {
        all.extend(artifact[below].as_array().into_iter().flatten().flat_map(names));
    }
    all
}

#[test]
fn a_tag_is_not_resolved_by_a_pack() {
    let scratch = Scratch::new();
    let Some((world, reference)) = world("a-cosign-p256", true) else { return };
    let (policy, _) = case(&scratch, "cosign-a-cosign-p256-right-key").unwrap();
    let pack = scratch.path().join("pack.json");
    let file = pack.to_str().unwrap();
    let image = format!("{reference}:1");
    run(&["evidence", "pack", "--plain-http", "--output", file, &image]);
    drop(world);
    let fixed = ["verify", "--plain-http", "--now", NOW, "--policy", &policy];
    let output = run(&[&fixed[..], &["--pack", file, "--offline", &image]].concat());
    assert_eq!(code(&output), 2, "{}", out(&output));
    assert!(out(&output).contains("name the digest"), "{}", out(&output));
    let output = run(&[&fixed[..], &["--offline", &image]].concat());
    assert_eq!(code(&output), 3, "--offline is for a pack");
}

#[test]
fn a_policy_is_tried_on_the_pack_and_the_pack_says_when_it_was_made() {
    let scratch = Scratch::new();
    let Some((_world, reference)) = world("a-cosign-p256", true) else { return };
    let (policy, _) = case(&scratch, "cosign-a-cosign-p256-right-key").unwrap();
    let fixed = ["evidence", "pack", "--plain-http", "--output", "-", "--created", NOW];
    let image = format!("{reference}:1");
    let output = run(&[&fixed[..], &["--policy", &policy, "--now", NOW, &image]].concat());
    assert_eq!(code(&output), 0, "{}", err(&output));
    let words = "note: the policy says allow, and so from the pack alone\n";
    assert!(err(&output).ends_with(words), "{}", err(&output));
    assert_eq!(json_of(&output)["created"], NOW);
}

#[test]
fn what_could_not_be_had_is_said_and_the_rest_is_packed() {
    let scratch = Scratch::new();
    let Some((world, reference)) = world("a-cosign-p256", true) else { return };
    world.registry.fault(Fault::on("GET", "/v2/acme/app/manifests/*.att", What::status(403)));
    let (policy, _) = case(&scratch, "cosign-a-cosign-p256-other-key").unwrap();
    let pack = scratch.path().join("pack.json");
    let file = pack.to_str().unwrap();
    let image = format!("{reference}:1");
    let output = run(&["evidence", "pack", "--plain-http", "--output", file, &image]);
    assert_eq!(code(&output), 2, "{}", err(&output));
    assert!(err(&output).contains("note: not seen: tag `sha256-"), "{}", err(&output));
    let packed = json_of(&run(&["evidence", "inspect", "--output", "json", file]));
    assert_eq!(packed["tags"], 1);
    let pinned = format!("{reference}@{}", digest_of(&world));
    let fixed = ["verify", "--now", NOW, "--policy", &policy, "--pack", file, "--offline"];
    assert_eq!(code(&run(&[&fixed[..], &[&pinned]].concat())), 1, "signatures are refused as ever");
}

#[test]
fn a_pack_under_the_image_s_tag_is_inspected_too() {
    let Some((world, reference)) = world("d-nested-jws", true) else { return };
    let image = format!("{reference}:1");
    let output = run(&["evidence", "inspect", "--plain-http", &image]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains(".evidence`: there is none"), "{}", err(&output));

    let pack = out(&run(&["evidence", "pack", "--plain-http", "--output", "-", &image]));
    let config = world.registry.push_blob(NAME, pack.as_bytes());
    let kind = "application/vnd.countersign.pack.v1+json";
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "layers": [],
        "config": { "mediaType": kind, "digest": config, "size": pack.len() },
    });
    let digest = digest_of(&world);
    world.push(Some(&format!("{}.evidence", digest.replace(':', "-"))), &manifest);
    let output = run(&["evidence", "inspect", "--plain-http", &image]);
    assert_eq!((code(&output), err(&output)), (0, String::new()));
    assert!(out(&output).contains("SBOM (SPDX 2.3)"), "{}", out(&output));
    let tree = out(&run(&["tree", "--plain-http", &image]));
    assert!(tree.contains("─ evidence pack  sha256:"), "{tree}");

    let scratch = Scratch::new();
    let bad = scratch.write("bad.json", "{}");
    let output = run(&["evidence", "inspect", bad.to_str().unwrap()]);
    assert_eq!(code(&output), 3);
    assert!(err(&output).contains("not an evidence pack"), "{}", err(&output));
}
