//! `countersign verify --cache-dir`, as it is run.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};

use super::{
    entries,
    redis::{KEY as SEAL, Server},
};
use crate::{
    loopback::Loopback,
    scratch::{Scratch, image, tag},
};

const POLICY: &str = "\
apiVersion: countersign.dev/v1
kind: ImagePolicy
spec:
  authorities:
    key:
      cosign:
        keys: [KEY]
  rules:
    - images: ['*/**']
      require: key
";
const KEY: &str = "\"-----BEGIN PUBLIC KEY-----\\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2G2Y+2tabdTV5BcGiBIx0a9fAFwr\\n\
kBbmLSGtks4L3qX6yYY0zufBnhC8Ur/iy55GhWP/9A/bY2LhC30M9+RYtw==\\n\
-----END PUBLIC KEY-----\\n\"";

/// A registry with an image that nobody has signed, and one other that claims to.
struct Stage {
    scratch: Scratch,
    registry: Loopback,
    digest: String,
}

impl Stage {
    fn new() -> Self {
        let scratch = Scratch::new();
        scratch.write("policy.yaml", POLICY.replace("KEY", KEY));
        let subject = scratch.manifest(&image("a"), tag("1"));
        let digest = subject["digest"].as_str().unwrap().to_owned();
        let mut signature = image("s");
        signature["layers"] = json!([{
            "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
            "digest": scratch.blob("{}"),
            "size": 2,
            "annotations": { "dev.cosignproject.cosign/signature": "AAAA" },
        }]);
        let name = tag(&format!("{}.sig", digest.replace(':', "-")));
        let signature = scratch.manifest(&signature, name);
        scratch.index(&[subject, signature]);
        let registry = Loopback::layout(scratch.path(), true);
        Self { scratch, registry, digest }
    }

    fn cache(&self) -> std::path::PathBuf {
        self.scratch.path().join("cache")
    }

    fn reference(&self, reference: &str) -> String {
        format!("{}{reference}", self.registry.repository())
    }

    fn verify(&self, reference: &str, more: &[&str]) -> (Output, Vec<String>) {
        let before = self.registry.log().len();
        let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["verify", "--plain-http", "--policy"])
            .arg(self.scratch.path().join("policy.yaml"))
            .args(if more.contains(&"text") { &[][..] } else { &["--output", "json"] })
            .args(more)
            .arg(self.reference(reference))
            .env("XDG_CACHE_HOME", self.scratch.path().join("xdg"))
            .output()
            .unwrap();
        let paths = self.registry.log()[before..].iter().map(|i| i.path.clone()).collect();
        (output, paths)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn decision(output: &Output) -> Value {
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let mut decision = report["results"][0]["decision"].clone();
    // Of the time.
    decision["now"].take();
    decision
}

#[test]
fn the_second_command_fetches_no_blob_and_decides_the_same() {
    let stage = Stage::new();
    let cache = stage.cache();
    for reference in [":1".to_owned(), format!("@{}", stage.digest)] {
        let _ = fs::remove_dir_all(&cache);
        let more = ["--cache-dir", text(&cache)];
        let (cold, paths) = stage.verify(&reference, &more);
        assert_eq!(paths.iter().filter(|p| p.contains("/blobs/")).count(), 1, "{paths:?}");
        assert!(!entries(&cache).is_empty());
        let (warm, again) = stage.verify(&reference, &more);
        assert_eq!(again.iter().filter(|p| p.contains("/blobs/")).count(), 0, "{again:?}");
        assert!(again.iter().any(|p| p.ends_with(".sig")), "tags are asked for: {again:?}");
        assert!(again.iter().any(|p| p.contains("/referrers/")), "so are referrers: {again:?}");
        assert_eq!(decision(&cold), decision(&warm));
        assert_eq!(cold.status.code(), Some(1));
    }
}

#[test]
fn a_damaged_cache_is_said_and_changes_no_verdict() {
    let stage = Stage::new();
    let cache = stage.cache();
    let more = ["--cache-dir", text(&cache)];
    let (cold, _) = stage.verify(":1", &more);
    for path in entries(&cache) {
        fs::write(path, "{\"forged\":true}").unwrap();
    }
    let (again, paths) = stage.verify(":1", &more);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("does not have its digest: it was removed"), "{said}");
    assert!(paths.iter().any(|p| p.contains("/blobs/")));
    assert_eq!(decision(&cold), decision(&again));
    let (_, paths) = stage.verify(":1", &more);
    assert!(!paths.iter().any(|p| p.contains("/blobs/")), "it is whole again");
}

#[test]
fn the_users_cache_is_used_unless_told_otherwise() {
    let stage = Stage::new();
    stage.verify(":1", &["--no-cache"]);
    assert!(!stage.scratch.path().join("xdg").exists());
    stage.verify(":1", &[]);
    assert!(!entries(&stage.scratch.path().join("xdg/countersign")).is_empty());
    let (output, _) = stage.verify(":1", &["--no-cache", "--cache-dir", "x"]);
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn another_command_finds_the_decision_and_says_how_old_it_is() {
    let Some(mut server) = Server::start() else { return };
    let stage = Stage::new();
    let key = stage.scratch.write("key", SEAL);
    let url = stage.scratch.write("url", format!("{}\n", server.url()));
    let url = format!("file:{}", url.display());
    let more = ["--no-cache", "--decision-cache", &url, "--decision-cache-key", text(&key)];
    let found = |output: &Output| -> Value {
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["results"][0]["cache"].clone()
    };
    let (made, _) = stage.verify(":1", &more);
    assert_eq!(found(&made), Value::Null);
    // Where this machine is too busy for the command's patience, it decides anew.
    let until_found = |more: &[&str], is_found: &dyn Fn(&Output) -> bool| {
        let mut tries = (0..20).map(|_| stage.verify(":1", more));
        tries.find(|(output, _)| is_found(output)).expect("it is found at last")
    };
    let (again, paths) = until_found(&more, &|output| found(output) != Value::Null);
    assert_eq!(paths, ["/v2/app/manifests/1"], "the tag is asked for, and nothing else");
    assert_eq!(decision(&made), decision(&again));
    assert_eq!((made.status.code(), again.status.code()), (Some(1), Some(1)));
    let cache = found(&again);
    assert_eq!(cache["source"], "redis");
    assert!(cache["ageSeconds"].as_u64().unwrap() < 30, "{cache}");
    assert!(cache["evidence"].as_array().unwrap().contains(&json!(stage.digest)), "{cache}");
    // For people.
    let words = [&more[..], &["--output", "text"]].concat();
    let says = |output: &Output| {
        String::from_utf8_lossy(&output.stdout).contains("\nfrom the cache (redis): decided ")
    };
    until_found(&words, &says);
    server.stop();
    let (down, _) = stage.verify(":1", &more);
    assert_eq!((found(&down), decision(&down)), (Value::Null, decision(&made)));
}

#[test]
fn a_cache_of_decisions_needs_its_key_and_the_clock() {
    let stage = Stage::new();
    let key = stage.scratch.write("key", SEAL);
    let (key, url) = (text(&key), "redis://localhost:1");
    let with_key = ["--decision-cache", url, "--decision-cache-key", key];
    let short = stage.scratch.write("short", "short");
    for (more, words) in [
        (vec!["--decision-cache", url], "--decision-cache-key"),
        (vec!["--decision-cache", url, "--decision-cache-key", text(&short)], "expected 32"),
        (vec!["--decision-cache", "x:y", "--decision-cache-key", key], "redis://HOST"),
        (vec!["--decision-cache", "file:/no/url", "--decision-cache-key", key], "/no/url"),
        ([&with_key[..], &["--now", "2026-11-21T03:00:00Z"]].concat(), "--now"),
        ([&with_key[..], &["--record", "x"]].concat(), "--record"),
        ([&with_key[..], &["--pack", "x"]].concat(), "--pack"),
        ([&with_key[..], &["--decision-cache-ca", "/no/ca"]].concat(), "/no/ca"),
    ] {
        let (output, _) = stage.verify(":1", &more);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(words), "{said}");
    }
}
