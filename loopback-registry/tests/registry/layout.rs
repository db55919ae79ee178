//! Layouts in, layouts out, and the command.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use loopback_registry::{INDEX, MANIFEST, Options, Registry, Snapshot, sha256};
use serde_json::{Value, json};

use crate::{
    client::{get, send},
    conformance::{manifest, with_image},
};

/// A directory that goes away.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path =
            env::temp_dir().join(format!("loopback-registry-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpora/layouts")
}

/// An image, an index of it, and a referrer of each, the second only in `index.json`.
fn nested() -> Registry {
    let registry = with_image(Options::default());
    let descriptor = |digest: &str, size: usize| json!({ "mediaType": MANIFEST, "digest": digest, "size": size });
    let child = descriptor(&sha256(&manifest()), manifest().len());
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [child] }).to_string();
    let index_digest = registry.push_manifest("a/app", Some("all"), INDEX, index.as_bytes());
    registry.tag("a/app", "latest", &index_digest);
    for subject in
        [child, json!({ "mediaType": INDEX, "digest": index_digest, "size": index.len() })]
    {
        let referrer = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "a/b", "layers": [],
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": sha256(b"{}"), "size": 2 },
            "subject": subject,
        });
        registry.push_manifest("a/app", None, MANIFEST, referrer.to_string().as_bytes());
    }
    registry
}

#[test]
fn what_is_written_as_a_layout_is_read_as_it_was() {
    let (from, scratch) = (nested(), Scratch::new());
    from.export("a/app", &scratch.0).unwrap();
    let to = Registry::start(Options::default());
    let loaded = to.load(&scratch.0, "x/y").unwrap();
    let snapshot = to.snapshot("x/y");
    assert_eq!(snapshot, from.snapshot("a/app"));
    assert_eq!((snapshot.manifests.len(), snapshot.tags.len(), snapshot.blobs.len()), (4, 3, 2));
    assert!(loaded.absent.is_empty() && loaded.manifests.len() == 4 && loaded.tags.len() == 3);
    assert_eq!(to.repositories(), ["x/y"]);
    assert!(from.export("none", &scratch.0).is_err());
}

#[test]
fn without_the_referrers_api_every_subject_gets_its_fallback_tag() {
    let (from, scratch) = (nested(), Scratch::new());
    from.export("a/app", &scratch.0).unwrap();
    let to = Registry::start(Options { referrers: false, ..Options::default() });
    let loaded = to.load(&scratch.0, "a").unwrap();
    assert_eq!(loaded.tags.len(), 5);
    for subject in ["1", "all"] {
        let digest = &from.snapshot("a/app").tags[subject];
        let by_tag = get(&to, &format!("/v2/a/manifests/{}", digest.replace(':', "-")));
        let by_api = get(&from, &format!("/v2/a/app/referrers/{digest}"));
        assert_eq!((by_tag.status, by_tag.json()), (200, by_api.json()));
    }
}

#[test]
fn a_layout_with_other_bytes_is_refused_and_one_with_holes_says_so() {
    let (from, scratch) = (nested(), Scratch::new());
    from.export("a/app", &scratch.0).unwrap();
    let layer =
        scratch.0.join("blobs/sha256").join(sha256(b"0123456789").trim_start_matches("sha256:"));
    fs::write(&layer, "other").unwrap();
    let to = Registry::start(Options::default());
    assert!(to.load(&scratch.0, "a").unwrap_err().to_string().contains("other bytes"));
    fs::remove_file(&layer).unwrap();
    let loaded = to.load(&scratch.0, "a").unwrap();
    assert_eq!(loaded.absent.into_iter().collect::<Vec<_>>(), [sha256(b"0123456789")]);
}

#[test]
fn every_layout_of_the_corpora_is_served_whole() {
    let registry = Registry::start(Options::default());
    let mut layouts = 0;
    for entry in fs::read_dir(corpora()).unwrap() {
        let layout = entry.unwrap().path();
        let name = layout.file_name().unwrap().to_str().unwrap().to_owned();
        let loaded = registry.load(&layout, &name).unwrap();
        assert!(loaded.absent.is_empty(), "{name}: {:?}", loaded.absent);
        let index: Value =
            serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
        for descriptor in index["manifests"].as_array().unwrap() {
            let digest = descriptor["digest"].as_str().unwrap();
            let answer = get(&registry, &format!("/v2/{name}/manifests/{digest}"));
            assert_eq!(sha256(&answer.body), digest);
            assert_eq!(answer.header("content-type"), descriptor["mediaType"].as_str());
        }
        layouts += 1;
    }
    assert!(layouts > 60, "{layouts}");
}

#[test]
fn a_directory_keeps_what_was_pushed() {
    let scratch = Scratch::new();
    let start =
        || Registry::start(Options { directory: Some(scratch.0.clone()), ..Options::default() });
    let kept: Snapshot = {
        let registry = start();
        let blob = format!("POST /v2/a/b/blobs/uploads/?digest={}", sha256(b"blob"));
        assert_eq!(send(&registry, &blob, &[], b"blob").status, 201);
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] }).to_string();
        let headers = [("Content-Type", INDEX)];
        assert_eq!(
            send(&registry, "PUT /v2/a/b/manifests/1", &headers, index.as_bytes()).status,
            201
        );
        registry.snapshot("a/b")
    };
    let again = start();
    assert_eq!(again.snapshot("a/b").manifests, kept.manifests);
    assert_eq!(again.snapshot("a/b").tags, kept.tags);
    assert_eq!(send(&again, "DELETE /v2/a/b/manifests/1", &[], b"").status, 202);
    drop(again);
    assert!(start().snapshot("a/b").tags.is_empty());
}

#[test]
fn it_listens_on_loopback_only_and_stops_when_dropped() {
    let listen = "0.0.0.0:0".parse().unwrap();
    let error = Registry::try_start(Options { listen, ..Options::default() }).unwrap_err();
    assert!(error.to_string().contains("not an address of the loopback"), "{error}");
    let host = Registry::start(Options::default()).host.clone();
    assert!(std::net::TcpStream::connect(host).is_err());
}

#[test]
fn the_command_says_where_it_listens_and_writes_its_log_without_passwords() {
    let scratch = Scratch::new();
    let log = scratch.0.join("log");
    let layout = corpora().join("b-default");
    let mut child = Command::new(env!("CARGO_BIN_EXE_loopback-registry"))
        .args(["--load", &format!("{}=acme/app", layout.display()), "--basic", "u:secret"])
        .args(["--log", log.to_str().unwrap(), "--page-size", "1", "--delay-ms", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
    let answer = {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(&url).unwrap();
        let request = "GET /v2/acme/app/tags/list HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                       Authorization: Basic dTpzZWNyZXQ=\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("rel=\"next\""), "{answer}");
    let text = fs::read_to_string(log).unwrap();
    let logged: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(logged["method"], "GET");
    assert_eq!((logged["status"].as_u64(), logged["user"].as_str()), (Some(200), Some("u")));
    assert_eq!(logged["headers"]["authorization"], "Basic (hidden)");
}
