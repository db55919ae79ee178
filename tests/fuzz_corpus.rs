//! The fuzz corpus, replayed on stable through the very functions that are fuzzed.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the core reads no files; tests of it do"
)]

#[path = "support/notation_draft.rs"]
#[allow(dead_code, reason = "it is another test's too")]
mod draft;
#[path = "revocation/made.rs"]
#[allow(dead_code, unused_imports, reason = "it is another test's too")]
mod made;
#[path = "support/notation_pki.rs"]
#[allow(dead_code, reason = "it is another test's too")]
mod pki;
#[path = "fuzz_corpus/seeds.rs"]
mod seeds;
#[path = "support/shared.rs"]
#[allow(dead_code, reason = "it is another test's too")]
mod shared;
#[path = "support/sigstore/mod.rs"]
#[allow(unused_imports, reason = "each test takes what it needs")]
mod sigstore;
mod support;
#[path = "../fuzz/src/targets.rs"]
#[allow(dead_code, unreachable_pub, reason = "public in its own crate")]
mod targets;
#[path = "timestamp/tree.rs"]
#[allow(dead_code, reason = "it is another test's too")]
mod tree;

use std::{collections::BTreeSet, fs, path::Path};

fn fuzz() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz"))
}

fn names(directory: &str) -> BTreeSet<String> {
    fs::read_dir(fuzz().join(directory))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        })
        .collect()
}

/// Bytes of one target's corpus.
const MOST_BYTES: usize = 300 << 10;

#[test]
fn the_corpus_holds_what_the_targets_say() {
    for (name, target) in targets::TARGETS {
        let (mut files, mut bytes) = (0, 0);
        for entry in fs::read_dir(fuzz().join("corpus").join(name)).unwrap() {
            let path = entry.unwrap().path();
            let data = fs::read(&path).unwrap();
            target(&data);
            if !was_found(&path) {
                changed(&data, *target);
            }
            files += 1;
            bytes += data.len();
        }
        println!("{name}: {files} files, {bytes} bytes");
        assert!(files > 0 && bytes < MOST_BYTES, "{name}: {files} files, {bytes} bytes");
    }
}

/// By libFuzzer, which names an input by its SHA-1; a seed has a name.
fn was_found(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    name.len() == 40 && name.bytes().all(|b| b.is_ascii_hexdigit())
}

/// What was cut off or has one bit flipped.
fn changed(data: &[u8], target: fn(&[u8])) {
    let mut data = data.to_vec();
    for at in (0..data.len()).step_by(1 + data.len() / 64) {
        target(&data[..at]);
        data[at] ^= 1 << (at % 8);
        target(&data);
        data[at] ^= 1 << (at % 8);
    }
}

#[test]
fn every_target_has_a_binary_and_a_corpus() {
    let targets: BTreeSet<String> =
        targets::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("corpus"), targets);
    assert_eq!(names("fuzz_targets"), targets);
}

/// Seeds of the target `step`: every kind of evidence.
#[test]
fn the_seeds_of_step_are_whole_requests() {
    use countersign::{
        evidence::Budget,
        policy::Policy,
        wire::{STEP_VERSION, StepRequest},
    };
    for id in
        ["cosign-a-own-ca", "cosign-b-cosign-p256-right-key", "keyless-exact", "notation-cose-p256"]
    {
        let case = support::cases().into_iter().find(|c| c.id == id).unwrap();
        let policy = Policy::parse(&case.policy).unwrap();
        let layout = support::open(&case.reference);
        let request = support::request(layout.reference());
        let (_, evidence) = support::decide(&policy, &request, &case.now, |f| layout.answer(f));
        let request = StepRequest {
            api_version: STEP_VERSION.to_owned(),
            policy: case.policy.clone(),
            request,
            evidence,
            now: case.now.clone(),
            budget: Some(Budget::default()),
        };
        let expected = serde_json::to_string(&request).unwrap();
        let path = fuzz().join("corpus/step").join(id);
        if std::option_env!("WRITE_SEEDS").is_some() {
            fs::write(&path, &expected).unwrap();
        }
        let known = fs::read_to_string(&path).unwrap_or_default();
        assert!(known == expected, "{id}: write it anew with WRITE_SEEDS=1");
    }
}
