//! The store on disk: what damages it, who else uses it, and how much it takes.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, SystemTime},
};

use countersign::crypto::{HashAlgorithm, hex};
use countersign_host::cache::{Content, ContentOptions};

use super::{LIMIT, REPOSITORY, digest, entries, options, reopened};
use crate::scratch::Scratch;

fn get(content: &Content, bytes: &[u8]) -> Option<Vec<u8>> {
    content.get(REPOSITORY, &digest(bytes), LIMIT).map(|found| found.to_vec())
}

fn put(content: &Content, bytes: &[u8]) {
    content.put(REPOSITORY, &digest(bytes), bytes);
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

fn used(path: &Path, seconds_ago: u64) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(seconds_ago)).unwrap();
}

/// The entry of these bytes.
fn entry(directory: &Path, bytes: &[u8]) -> std::path::PathBuf {
    let name = digest(bytes).replace(':', "-");
    let has_name = |path: &std::path::PathBuf| path.to_str().unwrap().contains(&name);
    entries(directory).into_iter().find(has_name).unwrap()
}

#[test]
fn another_process_finds_what_was_kept() {
    let scratch = Scratch::new();
    let content = reopened(scratch.path());
    assert_eq!(get(&content, b"a"), None);
    put(&content, b"a");
    assert_eq!(get(&content, b"a").as_deref(), Some(&b"a"[..]));
    let other = reopened(scratch.path());
    assert_eq!(get(&other, b"a").as_deref(), Some(&b"a"[..]));
    assert_eq!(fs::read(entry(scratch.path(), b"a")).unwrap(), b"a");
    assert!(other.notes().is_empty(), "{:?}", other.notes());
}

#[test]
fn every_algorithm_of_digests_is_kept_and_nothing_else() {
    let scratch = Scratch::new();
    let content = reopened(scratch.path());
    let digest = format!("sha512:{}", hex(&HashAlgorithm::Sha512.digest(b"a")));
    content.put(REPOSITORY, &digest, b"a");
    let other = reopened(scratch.path());
    assert_eq!(other.get(REPOSITORY, &digest, LIMIT).as_deref(), Some(&b"a"[..]));
    let before = entries(scratch.path());
    for bad in ["", "sha256:", "sha256:../../x", "md5:0cc175b9c0f1b6a831c399e269772661"] {
        content.put(REPOSITORY, bad, b"a");
        assert_eq!(content.get(REPOSITORY, bad, LIMIT), None, "{bad}");
    }
    assert_eq!(entries(scratch.path()), before);
}

#[test]
fn takes_nothing_that_does_not_have_its_digest() {
    let scratch = Scratch::new();
    let content = reopened(scratch.path());
    content.put(REPOSITORY, &digest(b"a"), b"b");
    assert_eq!(get(&content, b"a"), None);
    assert!(entries(scratch.path()).is_empty());
}

#[test]
fn what_one_repository_had_is_not_found_in_another() {
    let scratch = Scratch::new();
    put(&reopened(scratch.path()), b"a");
    for content in [reopened(scratch.path()), reopened(scratch.path())] {
        assert_eq!(content.get("ghcr.io/other/app", &digest(b"a"), LIMIT), None);
        assert!(get(&content, b"a").is_some());
        assert_eq!(content.get("ghcr.io/other/app", &digest(b"a"), LIMIT), None);
    }
}

#[test]
fn a_damaged_file_is_removed_and_that_is_said() {
    let bytes = b"0123456789";
    for damage in [
        |path: &Path| fs::write(path, b"0123456788").unwrap(),
        |path: &Path| fs::write(path, b"01234").unwrap(),
        |path: &Path| fs::write(path, b"").unwrap(),
        |path: &Path| fs::write(path, b"01234567890").unwrap(),
        // A link is not followed, wherever it leads to: here to the bytes themselves.
        |path: &Path| {
            let elsewhere = path.with_file_name("elsewhere");
            fs::rename(path, &elsewhere).unwrap();
            symlink(elsewhere, path).unwrap();
        },
        |path: &Path| {
            fs::remove_file(path).unwrap();
            symlink("/dev/zero", path).unwrap();
        },
    ] {
        let scratch = Scratch::new();
        put(&reopened(scratch.path()), bytes);
        let path = entry(scratch.path(), bytes);
        damage(&path);
        let content = reopened(scratch.path());
        assert_eq!(get(&content, bytes), None);
        assert!(fs::symlink_metadata(&path).is_err(), "it is still there");
        let notes = content.notes();
        assert!(notes.len() == 1 && notes[0].ends_with("it was removed"), "{notes:?}");
        assert_eq!(content.damaged(), 1);
        put(&content, bytes);
        assert_eq!(fs::read(&path).unwrap(), bytes, "fetched anew and kept");
    }
}

#[test]
fn a_pipe_or_a_directory_in_the_place_of_a_file_does_not_stop_it() {
    let scratch = Scratch::new();
    put(&reopened(scratch.path()), b"a");
    let path = entry(scratch.path(), b"a");
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let content = reopened(scratch.path());
    assert_eq!(get(&content, b"a"), None);
    fs::create_dir_all(path.join("b")).unwrap();
    assert_eq!(get(&content, b"a"), None);
    let notes = content.notes();
    assert!(notes[1].contains("it cannot be removed"), "{notes:?}");
    put(&content, b"a");
    assert_eq!(get(&content, b"a").as_deref(), Some(&b"a"[..]), "from memory");
}

#[test]
fn gives_nothing_that_is_larger_than_asked_for() {
    let scratch = Scratch::new();
    let content = reopened(scratch.path());
    put(&content, b"0123");
    for content in [content, reopened(scratch.path())] {
        assert_eq!(content.get(REPOSITORY, &digest(b"0123"), 3), None);
        assert!(content.get(REPOSITORY, &digest(b"0123"), 4).is_some());
        assert_eq!(content.get(REPOSITORY, &digest(b"0123"), 3), None);
        assert!(content.notes().is_empty());
    }
}

#[test]
fn the_directory_is_its_owners_alone() {
    let scratch = Scratch::new();
    let directory = scratch.path().join("deep/cache");
    put(&reopened(&directory), b"a");
    assert_eq!(mode(&directory.join("content")), 0o700);
    assert_eq!(mode(&entry(&directory, b"a")), 0o600);
    // One that others may only read is closed to them.
    let folder = directory.join("content");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(get(&reopened(&directory), b"a").is_some());
    assert_eq!(mode(&folder), 0o700);
    // Where others may write nothing is kept, and nothing is read.
    for mode in [0o770, 0o707, 0o777] {
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        let content = reopened(&directory);
        assert_eq!(get(&content, b"a"), None);
        assert!(content.notes()[0].contains("others may write"), "{:?}", content.notes());
        put(&content, b"b");
        assert_eq!(get(&content, b"b").as_deref(), Some(&b"b"[..]), "there is memory");
        assert_eq!(entries(&directory).len(), 1);
    }
}

#[test]
fn a_link_in_the_place_of_the_directory_is_not_followed() {
    let scratch = Scratch::new();
    let (cache, elsewhere) = (scratch.path().join("cache"), scratch.path().join("elsewhere"));
    fs::create_dir_all(&cache).unwrap();
    fs::create_dir_all(&elsewhere).unwrap();
    symlink(&elsewhere, cache.join("content")).unwrap();
    let content = reopened(&cache);
    assert!(content.notes()[0].contains("is a link"), "{:?}", content.notes());
    put(&content, b"a");
    assert!(fs::read_dir(&elsewhere).unwrap().next().is_none());
    // The directory that the user names may be one: it is the user who has put it there.
    let link = scratch.path().join("link");
    symlink(&elsewhere, &link).unwrap();
    let content = reopened(&link);
    put(&content, b"a");
    assert_eq!((content.notes(), entries(&elsewhere).len()), (Vec::new(), 1));
}

#[test]
fn a_directory_that_cannot_be_made_leaves_memory() {
    let scratch = Scratch::new();
    let file = scratch.write("file", "");
    let content = reopened(&file);
    assert!(content.notes()[0].contains("content is not cached in"), "{:?}", content.notes());
    put(&content, b"a");
    assert!(get(&content, b"a").is_some());
}

#[test]
fn what_was_used_longest_ago_makes_room() {
    let scratch = Scratch::new();
    let few = ContentOptions { most_entries: 3, memory_bytes: 0, ..options(scratch.path()) };
    let content = Content::open(&few);
    for (bytes, seconds_ago) in [(b"a", 300), (b"b", 200), (b"c", 400)] {
        put(&content, bytes);
        used(&entry(scratch.path(), bytes), seconds_ago);
    }
    // Used now: the others are older.
    assert!(get(&content, b"c").is_some());
    put(&content, b"d");
    assert!(get(&content, b"a").is_none());
    for bytes in [b"b", b"c", b"d"] {
        assert!(get(&content, bytes).is_some(), "{bytes:?}");
    }
}

#[test]
fn bytes_are_bounded_in_memory_and_on_disk() {
    let scratch = Scratch::new();
    let small = ContentOptions { most_bytes: 1000, memory_bytes: 100, ..options(scratch.path()) };
    let content = Content::open(&small);
    for n in 0..100_u8 {
        put(&content, &[n; 100]);
        let total: u64 = entries(scratch.path()).iter().map(|p| p.metadata().unwrap().len()).sum();
        assert!(total <= 1000, "{total}");
    }
    assert!(entries(scratch.path()).len() >= 9);
    // One that would take more than a quarter is for nobody's good.
    put(&content, &[0; 251]);
    assert_eq!(get(&content, &[0; 251]), None);
    put(&content, &[0; 250]);
    assert!(get(&content, &[0; 250]).is_some());
}

#[test]
fn what_others_have_written_counts_too() {
    let scratch = Scratch::new();
    let few = ContentOptions { most_entries: 300, ..options(scratch.path()) };
    let (one, two) = (Content::open(&few), Content::open(&few));
    for n in 0..600_u32 {
        let content = if n % 2 == 0 { &one } else { &two };
        put(content, &n.to_be_bytes());
    }
    let most = 300 + 256;
    assert!(entries(scratch.path()).len() <= most, "{}", entries(scratch.path()).len());
    put(&reopened(scratch.path()), b"x");
}

#[test]
fn what_was_never_finished_goes() {
    let scratch = Scratch::new();
    put(&reopened(scratch.path()), b"a");
    let folder = scratch.path().join("content");
    let (old, young) = (folder.join(".unfinished-1-1"), folder.join(".unfinished-1-2"));
    fs::write(&old, "half").unwrap();
    fs::write(&young, "half").unwrap();
    used(&old, 3600);
    put(&reopened(scratch.path()), b"b");
    assert!(!old.exists() && young.exists());
}

/// Writes and reads the same entries, over and over; all that is ever found must be whole.
fn churn(directory: &Path) {
    let few = ContentOptions { most_entries: 20, memory_bytes: 0, ..options(directory) };
    let content = Content::open(&few);
    for round in 0..40_u32 {
        for n in 0..30_u32 {
            let bytes = vec![n as u8; 4000 + n as usize];
            if (round + n) % 3 == 0 {
                put(&content, &bytes);
            }
            if let Some(found) = get(&content, &bytes) {
                assert_eq!(found, bytes);
            }
        }
    }
    assert_eq!((content.damaged(), content.notes()), (0, Vec::new()));
}

#[test]
fn threads_and_processes_may_write_at_once() {
    const CHURN: &str = "COUNTERSIGN_TEST_CHURN";
    if let Some(directory) = env::var_os(CHURN) {
        return churn(Path::new(&directory));
    }
    let scratch = Scratch::new();
    let name = thread::current().name().unwrap().to_owned();
    let spawn = || {
        Command::new(env::current_exe().unwrap())
            .args(["--exact", &name])
            .env(CHURN, scratch.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let others = [spawn(), spawn()];
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| churn(scratch.path()));
        }
    });
    for other in others {
        let output = other.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
    let left = entries(scratch.path());
    assert!(left.iter().all(|path| !path.to_str().unwrap().contains("unfinished")), "{left:?}");
}
