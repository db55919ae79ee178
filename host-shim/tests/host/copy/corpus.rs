//! What real tools wrote survives every road, and every verdict stays.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use countersign::wire::{Decision, ImageRequest, Request};
use countersign_host::{
    copy::{self, ArchiveWriter, LayoutReader, Options, Place, Store},
    driver::{Evaluator, Question, decide},
    runtime::{Outcome, RuntimeError},
    source::{EvidenceSource, Layout, Selector},
};
use serde_json::{Value, json};

use super::{bring, client, reader, remote, start, writer};
use crate::{corpora::corpora, scratch::Scratch};

/// The core as it is, without a module around it.
pub(crate) struct Native;

impl Evaluator for Native {
    fn step(&self, request: &[u8]) -> Result<Outcome, RuntimeError> {
        let response = countersign::step_json(request);
        Ok(Outcome { response, fuel: 0, memory: 0, log: String::new() })
    }
}

/// Outcome and reason of one case, for the image under this reference.
pub(crate) fn verdict(
    case: &Value,
    source: &dyn EvidenceSource,
    reference: String,
) -> (String, String) {
    let images = vec![ImageRequest { reference, path: None }];
    let request = Request { images, ..Request::default() };
    let now = case["now"].as_str().unwrap();
    let question = Question { policy: &case["policy"], request: &request, now, budget: None };
    let decision: Decision = decide(&Native, source, &question).unwrap().decision;
    let decision = serde_json::to_value(&decision).unwrap();
    let image = &decision["images"][0];
    (image["outcome"].to_string(), image["reason"]["code"].to_string())
}

/// The cases by layout, each layout with its tag.
pub(crate) fn cases(corpora: &Path) -> BTreeMap<(PathBuf, String), Vec<Value>> {
    let cases: Vec<Value> =
        serde_json::from_slice(&fs::read(corpora.join("cases.json")).unwrap()).unwrap();
    let mut by_layout: BTreeMap<_, Vec<Value>> = BTreeMap::new();
    for case in cases {
        let place = case["reference"].as_str().unwrap().trim_start_matches("oci-layout:");
        let (directory, tag) = place.rsplit_once(':').unwrap();
        by_layout.entry((corpora.join(directory), tag.to_owned())).or_default().push(case);
    }
    by_layout
}

/// Digests of everything that a layout lists and the children of it, without lists of referrers.
fn manifests(layout: &Path) -> BTreeSet<String> {
    let index: Value =
        serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let mut open: Vec<Value> = index["manifests"].as_array().unwrap().clone();
    let mut found = BTreeSet::new();
    while let Some(descriptor) = open.pop() {
        let name = &descriptor["annotations"]["org.opencontainers.image.ref.name"];
        if name.as_str().is_some_and(|tag| tag.starts_with("sha256-") && !tag.contains('.')) {
            continue;
        }
        let digest = descriptor["digest"].as_str().unwrap();
        let bytes = fs::read(layout.join("blobs").join(digest.replace(':', "/"))).unwrap();
        let manifest: Value = serde_json::from_slice(&bytes).unwrap();
        open.extend(manifest["manifests"].as_array().into_iter().flatten().cloned());
        found.insert(digest.to_owned());
    }
    found
}

fn open(layout: &Path, tag: &str, name: &str) -> Layout {
    Layout::open(layout, Some(Selector::Tag(tag.to_owned())), Some(name)).unwrap()
}

#[test]
fn nothing_is_lost_on_any_road_and_every_verdict_stays() {
    let Some(corpora) = corpora() else { return };
    let client = client();
    let (with_api, without) = (start(true), start(false));
    let (mut judged, mut allowed) = (0, 0);
    for ((directory, tag), cases) in cases(&corpora) {
        assert_eq!(tag, "1");
        let name = directory.file_name().unwrap().to_str().unwrap();
        let scratch = Scratch::new();
        let (last, archive) = (scratch.path().join("last"), scratch.path().join("app.tar"));
        let first = remote(&client, &with_api, name);
        let second = remote(&client, &without, name);
        let there = bring(&reader(&directory), &first).unwrap();
        bring(&first, &second).unwrap();
        let fallback_tags = bring(&second, &writer(&last)).unwrap();
        let packed = ArchiveWriter::open(&archive).unwrap();
        let packed =
            bring(&reader(&last), &packed).map(|summary| (summary, drop(packed))).unwrap().0;
        assert_eq!((&there.digest, &there.notes), (&packed.digest, &Vec::new()), "{name}");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2, "nothing is left behind");

        let expected = manifests(&directory);
        let on_first = with_api.snapshot(name);
        let digests: BTreeSet<String> = on_first.manifests.keys().cloned().collect();
        assert_eq!(digests, expected, "{name}: with an API no tag lists referrers");
        let on_second = without.snapshot(name);
        let lists: BTreeSet<_> =
            on_second.tags.iter().filter(|(tag, _)| tag.len() == 71).map(|(_, d)| d).collect();
        let others = on_second.manifests.keys().filter(|digest| !lists.contains(digest));
        assert_eq!(others.cloned().collect::<BTreeSet<_>>(), expected, "{name}");
        assert_eq!(on_second.blobs, on_first.blobs, "{name}");
        assert_eq!(manifests(&last), expected, "{name}");
        assert_eq!(fallback_tags.tags.len(), on_second.tags.len() - 1, "{name}");

        for case in &cases {
            let id = case["id"].as_str().unwrap();
            let own = format!("localhost/{name}");
            let before = open(&directory, &tag, &own);
            let expected = verdict(case, &before, before.reference().to_owned());
            let layout = open(&last, &tag, &own);
            assert_eq!(verdict(case, &layout, layout.reference().to_owned()), expected, "{id}");
            let selector = Some(Selector::Tag(tag.clone()));
            let tar = Layout::open_archive(&archive, selector, Some(&own)).unwrap();
            assert_eq!(verdict(case, &tar, tar.reference().to_owned()), expected, "{id}: archive");
            judged += 1;
            allowed += usize::from(expected.0.contains("allow"));
            // A repository has no room for the layout's name, which some policies match.
            if case.pointer("/policy/spec/rules/0/images/0") == Some(&"**".into()) {
                for registry in [&with_api, &without] {
                    let reference = format!("{}:{tag}", registry.repository(name));
                    assert_eq!(verdict(case, &client, reference), expected, "{id}: registry");
                }
            }
        }
    }
    assert!(judged > 100 && allowed > 40, "{judged} judged, {allowed} allowed");
}

#[test]
fn a_registry_without_the_api_gets_the_lists_of_the_source_byte_for_byte() {
    let Some(corpora) = corpora() else { return };
    let (client, registry) = (client(), start(false));
    for name in ["b-default", "b-sc", "d-both", "d-nested-cose", "a-index"] {
        let layout = corpora.join("layouts").join(name);
        let summary = bring(&reader(&layout), &remote(&client, &registry, name)).unwrap();
        let original = start(false);
        original.load(&layout, name).unwrap();
        assert_eq!(registry.snapshot(name), original.snapshot(name), "{name}");
        let again = bring(&reader(&layout), &remote(&client, &registry, name)).unwrap();
        assert!(summary.manifests.iter().all(|manifest| !manifest.there));
        assert!(again.manifests.iter().all(|manifest| manifest.there), "{name}");
        assert_eq!((again.blobs.copied, again.bytes), (0, 0), "{name}");
        assert_eq!(registry.snapshot(name), original.snapshot(name), "{name}: a second time");
    }
}

#[test]
fn the_same_image_makes_the_same_archive_and_what_was_in_it_stays() {
    let Some(corpora) = corpora() else { return };
    let scratch = Scratch::new();
    let layout = |name: &str| reader(&corpora.join("layouts").join(name));
    let pack = |name: &str, tag: &str, file: &str| {
        let archive = ArchiveWriter::open(&scratch.path().join(file)).unwrap();
        let options = Options { tag: Some(tag.to_owned()), ..super::options("1") };
        copy::copy(&layout(name), &archive, &options).unwrap()
    };
    let one = pack("d-nested-jws", "1", "one.tar");
    pack("d-nested-jws", "1", "two.tar");
    let read = |file: &str| fs::read(scratch.path().join(file)).unwrap();
    assert!(read("one.tar") == read("two.tar"), "the same bytes");
    pack("a-two", "2", "two.tar");
    let both = Layout::open_archive(
        &scratch.path().join("two.tar"),
        Some(Selector::Tag("1".to_owned())),
        None,
    );
    let both = LayoutReader::new(both.unwrap());
    assert_eq!(
        countersign_host::registry::sha256_of(&both.manifest("1").unwrap().bytes),
        one.digest
    );
    assert!(both.manifest("2").is_ok());
    let registry = client();
    let place = Place::parse(&format!("oci-archive:{}", scratch.path().join("one.tar").display()));
    let (source, reference) = place.unwrap().open_source(&registry).unwrap();
    assert_eq!((&*reference, source.image_name()), ("1", None), "the only image");
    let other = scratch.write("other.tar", "not a tar at all");
    assert!(ArchiveWriter::open(&other).is_err(), "what is no archive is not overwritten");
}

/// The flow of container-signing-poc: signed in one registry, carried as an archive, verified in another.
#[test]
fn what_was_relocated_is_bound_to_its_first_name_by_remaps() {
    let Some(corpora) = corpora() else { return };
    let (client, registry) = (client(), start(false));
    let scratch = Scratch::new();
    let archive = scratch.path().join("app.tar");
    let packed = ArchiveWriter::open(&archive).unwrap();
    bring(&reader(&corpora.join("layouts/a-cosign-p256")), &packed).unwrap();
    let selector = Some(Selector::Tag("1".to_owned()));
    let unpacked = LayoutReader::new(Layout::open_archive(&archive, selector, None).unwrap());
    bring(&unpacked, &remote(&client, &registry, "mirror/cosign-p256")).unwrap();
    let key = fs::read_to_string(corpora.join("trust/cosign-p256.pub")).unwrap();
    let case = |bound: Value| {
        let cosign = json!({ "keys": [key], "boundTo": bound });
        json!({
            "now": "2026-11-21T03:00:00Z",
            "policy": {
                "apiVersion": "countersign.dev/v1", "kind": "ImagePolicy",
                "metadata": { "name": "bound" },
                "spec": {
                    "authorities": { "signer": { "cosign": cosign } },
                    "rules": [{ "images": ["**"], "require": { "any": ["signer"] } }],
                },
            },
        })
    };
    let reference = format!("{}:1", registry.repository("mirror/cosign-p256"));
    let outcome = |bound: Value| verdict(&case(bound), &client, reference.clone());
    let (allow, deny) = ("\"allow\"".to_owned(), "\"deny\"".to_owned());
    assert_eq!(outcome("digest".into()).0, allow);
    assert_eq!(outcome("repository".into()), (deny, "\"boundTo.mismatch\"".to_owned()));
    let from = format!("{}/mirror", registry.host);
    let remaps = json!([{ "from": from, "to": "127.0.0.1:5001/a" }]);
    assert_eq!(outcome(json!({ "to": "repository", "remaps": remaps })).0, allow);
}
