//! Repositories that somebody brought.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use countersign_host::trust::{Kept, Local, RepositoryFiles, TrustError, update};
use flate2::{Compression, write::GzEncoder};

use super::{
    tuf::{Signers, Tuf, now},
    update::{Stage, another_root, stage, trusted_root},
};
use crate::scratch::Scratch;

fn import(stage: &Stage, path: &Path) -> Result<Kept, TrustError> {
    let files = std::sync::Arc::new(Local::open(path)?);
    update(&stage.store, &stage.instance, files, now()).map(|updated| updated.kept)
}

/// A repository with three versions of its root, and two of everything else.
fn grown() -> Tuf {
    let mut tuf = Tuf::new(&trusted_root());
    tuf.rotate("root", Signers::new(&["a", "b", "d"], 2));
    tuf.rotate("timestamp", Signers::new(&["another-online"], 1));
    tuf.advance(&another_root());
    tuf
}

fn tar(scratch: &Scratch, name: &str, entries: &[(String, Vec<u8>)]) -> PathBuf {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, bytes.as_slice()).unwrap();
    }
    scratch.write(name, archive.into_inner().unwrap())
}

fn entries(tuf: &Tuf, below: &str) -> Vec<(String, Vec<u8>)> {
    let path = |path: &String| (format!("{below}{path}"), tuf.file(path).unwrap());
    tuf.paths().iter().map(path).collect()
}

#[test]
fn directories_and_archives_of_any_layout_are_imported() {
    let tuf = grown();
    let scratch = Scratch::new();
    for below in ["top", "a/metadata", "b/repository"] {
        tuf.write(&scratch, below);
    }
    // Metadata and targets side by side.
    for path in tuf.paths() {
        let below = if path.starts_with("targets/") { "beside" } else { "beside/metadata" };
        scratch.write(&format!("{below}/{path}"), tuf.file(&path).unwrap());
    }
    let plain = tar(&scratch, "plain.tar", &entries(&tuf, ""));
    let mut compressed = GzEncoder::new(Vec::new(), Compression::fast());
    let deep = tar(&scratch, "deep.tar", &entries(&tuf, "./mirror/tuf.acme.test/"));
    compressed.write_all(&std::fs::read(deep).unwrap()).unwrap();
    let compressed = scratch.write("deep.tgz", compressed.finish().unwrap());
    let directory = |name: &str| scratch.path().join(name);
    for path in
        [directory("top"), directory("a"), directory("b"), directory("beside"), plain, compressed]
    {
        let stage = stage(&tuf);
        let kept = import(&stage, &path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(kept.record.trusted_root.as_bytes(), another_root());
        assert_eq!(kept.version("root"), 3);
        assert_eq!(kept.record.origin, path.display().to_string());
    }
}

#[test]
fn the_cache_of_another_client_is_imported() {
    let tuf = grown();
    let scratch = Scratch::new();
    // As python-tuf and sigstore-rust keep it: newest files without version, roots in a history.
    for (path, name) in [
        ("timestamp.json", "timestamp.json"),
        ("2.snapshot.json", "snapshot.json"),
        ("2.targets.json", "targets.json"),
        ("3.root.json", "root.json"),
        ("2.root.json", "root_history/2.root.json"),
        ("3.root.json", "root_history/3.root.json"),
    ] {
        scratch.write(name, tuf.file(path).unwrap());
    }
    scratch.write("targets/trusted_root.json", another_root());
    let kept = import(&stage(&tuf), scratch.path()).unwrap();
    assert_eq!(kept.version("root"), 3);
    // As sigstore-go keeps it: the newest root alone. It is two versions from ours.
    std::fs::remove_dir_all(scratch.path().join("root_history")).unwrap();
    let said = import(&stage(&tuf), scratch.path()).unwrap_err();
    assert_eq!(said, TrustError::RootGap { needs: 2, has: 3 });
    assert!(said.to_string().contains("add 2.root.json"), "{said}");
    // One version from ours is enough.
    scratch.write("2.root.json", tuf.file("2.root.json").unwrap());
    assert!(import(&stage(&tuf), scratch.path()).is_ok());
}

#[test]
fn what_is_no_repository_is_refused_and_what_is_too_much() {
    let scratch = Scratch::new();
    let refusal = |path: &Path| Local::open(path).unwrap_err().to_string();
    scratch.write("empty/readme.txt", "nothing");
    assert!(refusal(&scratch.path().join("empty")).contains("it has no `timestamp.json`"));
    assert!(refusal(&scratch.path().join("absent")).contains("cannot be read"));
    let text = scratch.write("text", "this is no archive, however long it may be".repeat(50));
    assert!(refusal(&text).contains("is no tar file"));
    let many: Vec<_> = (0..20_001).map(|n| (format!("{n}"), Vec::new())).collect();
    assert!(refusal(&tar(&scratch, "many.tar", &many)).contains("more than 20000 files"));
    // A header that promises more than anybody has.
    let mut header = tar::Header::new_gnu();
    header.set_path("timestamp.json").unwrap();
    header.set_size(1 << 40);
    header.set_cksum();
    let large = scratch.write("large.tar", header.as_bytes());
    assert!(refusal(&large).contains("bytes in the archive"));
    // A bomb: 100 MiB of zeroes in 100 KB.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    let part = vec![0; 1 << 20];
    let mut header = tar::Header::new_gnu();
    header.set_path("timestamp.json").unwrap();
    header.set_size(100 << 20);
    header.set_cksum();
    bomb.write_all(header.as_bytes()).unwrap();
    (0..100).for_each(|_| bomb.write_all(&part).unwrap());
    let bomb = scratch.write("bomb.tgz", bomb.finish().unwrap());
    assert!(refusal(&bomb).contains("bytes in the archive"));
}

#[test]
fn links_and_ways_out_of_an_archive_are_not_followed() {
    let tuf = grown();
    let scratch = Scratch::new();
    let secret = scratch.write("secret", "secret");
    let mut archive = tar::Builder::new(Vec::new());
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    archive.append_link(&mut link, "timestamp.json", &secret).unwrap();
    let mut out = tar::Header::new_gnu();
    // The builder refuses such a path, as it should.
    let name = b"../timestamp.json";
    out.as_old_mut().name[..name.len()].copy_from_slice(name);
    out.set_size(6);
    out.set_cksum();
    archive.append(&out, &b"secret"[..]).unwrap();
    let path = scratch.write("links.tar", archive.into_inner().unwrap());
    assert!(Local::open(&path).unwrap_err().to_string().contains("it has no `timestamp.json`"));
    tuf.write(&scratch, "good");
    let local = Local::open(&scratch.path().join("good")).unwrap();
    assert!(local.get("timestamp.json", 10).is_err());
    assert_eq!(local.get("no/such", 10), Ok(None));
}
