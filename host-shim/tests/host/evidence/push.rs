//! `countersign evidence push` and `evidence verify`: packs where hosts look for them.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use loopback_registry::{Fault, INDEX, MANIFEST, Options as Kind, What};
use serde_json::{Value, json};

use super::command::{NOW, digest_of, world};
use crate::{
    corpora::corpora,
    road::embeds_a_module,
    scratch::Scratch,
    tree::{
        NAME, World,
        shown::{case, code, err, json_of, out, run},
    },
};

pub(super) const NOTATION: &str = "application/vnd.cncf.notary.signature";
pub(super) const PACK: &str = "application/vnd.countersign.pack.v1+json";

pub(super) fn push(more: &[&str]) -> std::process::Output {
    run(&[&["evidence", "push", "--plain-http"], more].concat())
}

pub(super) fn evidence(digest: &str) -> String {
    format!("{}.evidence", digest.replace(':', "-"))
}

/// Something new is attached to the image.
pub(super) fn sign(world: &World, mark: &str) {
    let digest = digest_of(world);
    let size = world.registry.snapshot(NAME).manifests[&digest].1.len();
    let image = json!({ "mediaType": MANIFEST, "digest": digest, "size": size });
    world.attach(&image, NOTATION, format!("{{\"payload\":\"{mark}\"}}").as_bytes());
}

fn immovable(layout: &str) -> Option<(World, String)> {
    let corpora = corpora().filter(|_| embeds_a_module())?;
    let world = World::new(Kind { immutable_tags: true, ..Kind::default() });
    world.registry.load(&corpora.join("layouts").join(layout), NAME).unwrap();
    let reference = world.registry.repository(NAME);
    Some((world, reference))
}

#[test]
fn a_pack_that_was_pushed_is_read_and_pushing_it_again_writes_nothing() {
    let scratch = Scratch::new();
    for (layout, id, api) in [
        ("a-cosign-p256", "cosign-a-cosign-p256-right-key", true),
        ("b-ecp384", "cosign-b-ecp384-right-key", false),
        ("d-p256-jws", "notation-jws-p256", true),
    ] {
        let Some((world, reference)) = world(layout, api) else { return };
        let (policy, _) = case(&scratch, id).unwrap();
        let image = format!("{reference}:1");
        let output = push(&["--policy", &policy, "--now", NOW, &image]);
        assert_eq!(code(&output), 0, "{}", err(&output));
        assert!(out(&output).contains(": stored under sha256-"), "{}", out(&output));
        assert!(err(&output).contains("the policy says allow, and so from the pack alone"));

        let digest = digest_of(&world);
        let snapshot = world.registry.snapshot(NAME);
        let stored = &snapshot.manifests[&snapshot.tags[&evidence(&digest)]];
        let stored: Value = serde_json::from_slice(&stored.1).unwrap();
        assert_eq!(
            (&stored["artifactType"], &stored["config"]["mediaType"]),
            (&json!(PACK), &json!(PACK))
        );
        assert_eq!(stored.get("subject"), None, "a pack is no referrer: lists stay as they are");
        let pack = out(&run(&["evidence", "pack", "--plain-http", "--output", "-", &image]));
        assert_eq!(stored["config"]["size"], pack.len());

        let verified =
            run(&["evidence", "verify", "--plain-http", "--policy", &policy, "--now", NOW, &image]);
        assert_eq!(code(&verified), 0, "{} {}", out(&verified), err(&verified));
        let _ = world.registry.take_log();
        let again = push(&["--output", "json", &image]);
        assert_eq!((code(&again), &json_of(&again)["state"]), (0, &json!("unchanged")));
        let log = world.registry.take_log();
        assert!(log.iter().all(|l| l.method == "GET" || l.method == "HEAD"), "nothing is written");
    }
}

#[test]
fn a_new_signature_renews_the_pack() {
    let Some((world, reference)) = world("a-cosign-p256", true) else { return };
    let image = format!("{reference}:1");
    assert_eq!(json_of(&push(&["--output", "json", &image]))["state"], "added");
    sign(&world, "new");
    let renewed = json_of(&push(&["--output", "json", &image]));
    assert_eq!(renewed["state"], "replaced");
    assert_eq!(
        world.registry.snapshot(NAME).tags[&evidence(&digest_of(&world))],
        renewed["digest"]
    );
}

#[test]
fn the_verdict_rests_on_what_is_in_the_pack() {
    let scratch = Scratch::new();
    let Some((world, reference)) = world("a-cosign-p256", true) else { return };
    let (policy, _) = case(&scratch, "cosign-a-cosign-p256-right-key").unwrap();
    let image = format!("{reference}:1");
    let verify = ["evidence", "verify", "--plain-http", "--policy", &policy, "--now", NOW, &image];
    let without = run(&verify);
    assert_eq!(code(&without), 2);
    assert!(err(&without).contains("countersign evidence push"), "{}", err(&without));

    assert_eq!(code(&push(&[&image])), 0);
    assert_eq!(code(&run(&verify)), 0);
    let tag = evidence(&digest_of(&world));
    let pack = out(&run(&["evidence", "pack", "--plain-http", "--output", "-", &image]));
    let put = |document: &str| {
        let config = world.registry.push_blob(NAME, document.as_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": PACK, "layers": [],
            "config": { "mediaType": PACK, "digest": config, "size": document.len() },
        });
        world.push(Some(&tag), &manifest);
        code(&run(&verify))
    };
    assert_eq!(put(&pack), 0);
    let mut emptied: Value = serde_json::from_str(&pack).unwrap();
    let tags = emptied["tags"].as_array_mut().unwrap();
    tags.retain(|tag| !tag["name"].as_str().unwrap().ends_with(".sig"));
    assert_eq!(put(&emptied.to_string()), 0, "tags are asked for");
    emptied["blobs"] = json!([]);
    assert_eq!(put(&emptied.to_string()), 2, "what a pack lacks may be elsewhere");
    let mut broken: Value = serde_json::from_str(&pack).unwrap();
    for blob in broken["manifests"].as_array_mut().unwrap() {
        let content = blob["content"].as_str().unwrap().replace('A', "B");
        blob["content"] = json!(content);
    }
    assert_ne!(put(&broken.to_string()), 0);
    assert_eq!(put("{}"), 3, "no pack");
}

/// As a stock Kubewarden sees it, which asks for tags before it looks at the latest attestation.
#[test]
fn what_was_attached_under_a_tag_since_is_seen() {
    let scratch = Scratch::new();
    let Some((world, reference)) = world("a-att", true) else { return };
    let (policy, _) = case(&scratch, "attestation-a-att-vuln").unwrap();
    let mut latest: Value = serde_json::from_slice(&fs::read(&policy).unwrap()).unwrap();
    let scan = &mut latest["spec"]["rules"][0]["require"]["attestation"];
    scan["select"] = json!("latest");
    scan["maxAge"] = json!("500w");
    fs::write(&policy, latest.to_string()).unwrap();
    let image = format!("{reference}:1");
    assert_eq!(code(&push(&[&image])), 0);
    let verify =
        || run(&["evidence", "verify", "--plain-http", "--policy", &policy, "--now", NOW, &image]);
    let before = verify();
    assert_eq!(code(&before), 0, "{} {}", out(&before), err(&before));

    // A newer scan, which the pack does not have.
    let tag = format!("{}.att", digest_of(&world).replace(':', "-"));
    let snapshot = world.registry.snapshot(NAME);
    let mut attached: Value =
        serde_json::from_slice(&snapshot.manifests[&snapshot.tags[&tag]].1).unwrap();
    let envelope =
        br#"{"payloadType":"application/vnd.in-toto+json","payload":"","signatures":[]}"#;
    let mut newer = attached["layers"][0].clone();
    newer["digest"] = json!(world.registry.push_blob(NAME, envelope));
    newer["size"] = json!(envelope.len());
    attached["layers"].as_array_mut().unwrap().push(newer);
    world.push(Some(&tag), &attached);
    let after = verify();
    assert_eq!(code(&after), 2, "{} {}", out(&after), err(&after));
    assert!(out(&after).contains("pack.stale"), "{}", out(&after));

    // Nor does the pack's word count where the registry does not say.
    world.registry.fault(Fault::on("GET", "/v2/acme/app/manifests/*.att", What::status(403)));
    assert_eq!(code(&verify()), 2);
}

#[test]
fn where_tags_do_not_move_packs_are_numbered_and_the_newest_is_read() {
    let Some((world, reference)) = immovable("a-cosign-p256") else { return };
    let image = format!("{reference}:1");
    let first = evidence(&digest_of(&world));
    assert_eq!(json_of(&push(&["--output", "json", &image]))["tag"], first);
    sign(&world, "second");
    let refused = push(&[&image]);
    assert_eq!(code(&refused), 2, "{}", err(&refused));
    assert!(err(&refused).contains("--numbered"), "{}", err(&refused));

    let numbered = || push(&["--numbered", "--output", "json", &image]);
    let second = json_of(&numbered());
    assert_eq!((&second["tag"], &second["state"]), (&json!(format!("{first}.2")), &json!("added")));
    assert_eq!(json_of(&numbered())["state"], "unchanged");
    let inspected =
        json_of(&run(&["evidence", "inspect", "--plain-http", "--output", "json", &image]));
    assert_eq!(inspected["image"]["attached"].as_array().unwrap().len(), 2, "{inspected}");

    for number in 3..=8 {
        sign(&world, &number.to_string());
        assert_eq!(json_of(&numbered())["tag"], format!("{first}.{number}"));
    }
    sign(&world, "one too many");
    let full = numbered();
    assert_eq!(code(&full), 2);
    assert!(err(&full).contains("there are 8 packs"), "{}", err(&full));
}

#[test]
fn a_pack_that_may_lack_something_takes_no_other_s_place() {
    let Some((world, reference)) = world("a-cosign-p256", true) else { return };
    let image = format!("{reference}:1");
    let tag = evidence(&digest_of(&world));
    assert_eq!(code(&push(&[&image])), 0);
    let before = world.registry.snapshot(NAME).tags[&tag].clone();
    world.registry.fault(Fault::on("GET", "/v2/acme/app/manifests/*.sig", What::status(403)));
    let kept = push(&[&image]);
    assert_eq!(code(&kept), 2);
    assert!(err(&kept).contains("was left as it is"), "{}", err(&kept));
    assert_eq!(world.registry.snapshot(NAME).tags[&tag], before);
}

#[test]
fn packs_may_be_kept_in_another_repository() {
    let scratch = Scratch::new();
    let Some((world, reference)) = world("a-cosign-p256", true) else { return };
    let (policy, _) = case(&scratch, "cosign-a-cosign-p256-right-key").unwrap();
    let (image, other) = (format!("{reference}:1"), world.registry.repository("acme/evidence"));
    assert_eq!(code(&push(&["--to", &other, &image])), 0);
    let tag = evidence(&digest_of(&world));
    assert!(!world.registry.snapshot(NAME).tags.contains_key(&tag));
    assert!(world.registry.snapshot("acme/evidence").tags.contains_key(&tag));
    let verify = ["evidence", "verify", "--plain-http", "--policy", &policy, "--now", NOW];
    assert_eq!(code(&run(&[&verify[..], &["--from", &other, &image]].concat())), 0);
    assert_eq!(code(&run(&[&verify[..], &[&image]].concat())), 2);
    assert_eq!(code(&push(&["--to", &format!("{other}:1"), &image])), 3, "a tag is none");
}

#[test]
fn each_platform_of_an_index_may_have_its_own_pack() {
    if !embeds_a_module() {
        return;
    }
    let world = World::new(Kind::default());
    let platforms = ["a", "b"].map(|mark| world.image(None, mark));
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": platforms });
    world.push(Some("1"), &index);
    let image = format!("{}:1", world.registry.repository(NAME));
    let output = push(&["--each-platform", "--output", "json", &image]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(out(&output).lines().count(), 3);
    let tags = world.registry.snapshot(NAME).tags;
    let all = platforms.iter().map(|p| p["digest"].as_str().unwrap());
    for digest in all.chain([&*digest_of(&world)]) {
        assert!(tags.contains_key(&evidence(digest)), "{digest}");
    }
}

#[test]
fn a_document_larger_than_it_may_be_is_refused_with_its_size() {
    let Some((world, reference)) = world("a-cosign-p256", true) else { return };
    sign(&world, &"x".repeat(1 << 20));
    let output = push(&["--max-size", "1", &format!("{reference}:1")]);
    assert_eq!(code(&output), 3);
    assert!(err(&output).contains("and may have 1048576"), "{}", err(&output));
    assert!(!world.registry.snapshot(NAME).tags.contains_key(&evidence(&digest_of(&world))));
}

#[test]
fn who_watches_renews_the_pack_when_something_is_attached() {
    let Some((world, reference)) = world("a-cosign-p256", true) else { return };
    let image = format!("{reference}:1");
    let arguments = ["evidence", "push", "--plain-http", "--output", "json", "--watch", "1s"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).arg(&image).env("DOCKER_CONFIG", "/nowhere").stdout(Stdio::piped());
    let mut watcher = command.spawn().unwrap();
    let mut lines = BufReader::new(watcher.stdout.take().unwrap()).lines();
    let mut state = || {
        let line = lines.next().unwrap().unwrap();
        serde_json::from_str::<Value>(&line).unwrap()["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(), "added");
    sign(&world, "later");
    let renewed = (0..4).map(|_| state()).find(|state| state != "unchanged");
    watcher.kill().unwrap();
    watcher.wait().unwrap();
    assert_eq!(renewed.as_deref(), Some("replaced"));
}
