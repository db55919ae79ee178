//! A directory of content, which several processes use at once.
//!
//! One file an entry, its bytes and nothing else: `<algorithm>-<hex>.<repository>`, where the last is
//! the beginning of the SHA-256 of the repository's name. A file appears under its name as a whole
//! or not at all. Nothing is waited for to reach the disk: what a power failure leaves behind does
//! not have its digest. The time of last modification is that of the last use.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Read as _, Write},
    path::{Path, PathBuf},
    process,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use countersign::{
    crypto::{hex, sha256},
    reference::Digest,
};

use crate::cache::lock;

/// Below the directory that the user names, which may hold other things.
const FOLDER: &str = "content";
/// Begins the names of files that are being written.
const UNFINISHED: &str = ".unfinished-";
/// Nobody writes for so long.
const ABANDONED: Duration = Duration::from_secs(600);
/// Files that are written before the directory is read again: other processes write too.
const RECOUNT: u64 = 256;
/// A use this young is not written down again.
const FRESH: Duration = Duration::from_secs(60);

pub(super) struct Disk {
    folder: PathBuf,
    most_entries: usize,
    most_bytes: u64,
    tally: Mutex<Tally>,
}

/// What is there, as far as this process knows.
#[derive(Default)]
struct Tally {
    /// False before the directory was read.
    known: bool,
    entries: usize,
    bytes: u64,
    /// Files written since the directory was read.
    written: u64,
}

/// What came of looking.
pub(super) enum Read {
    /// It is not there, or is larger than it may be.
    Absent,
    /// It is.
    Found(Vec<u8>),
    /// Something else was there; what, and what became of it.
    Damaged(String),
}

impl Disk {
    pub(super) fn open(
        directory: &Path,
        most_entries: usize,
        most_bytes: u64,
    ) -> Result<Self, String> {
        let folder = directory.join(FOLDER);
        private(&folder)?;
        let tally = Mutex::new(Tally::default());
        Ok(Self { folder, most_entries, most_bytes, tally })
    }

    /// Reads and hashes. What is wrong is removed.
    pub(super) fn read(&self, repository: &str, digest: &Digest, max_bytes: u64) -> Read {
        let path = self.folder.join(name(repository, digest));
        let damaged = |what: String| {
            let removed = match fs::remove_file(&path) {
                Ok(()) => "it was removed".to_owned(),
                Err(e) if e.kind() == ErrorKind::NotFound => "it was removed".to_owned(),
                Err(e) => format!("it cannot be removed: {e}"),
            };
            Read::Damaged(format!("`{}` {what}: {removed}", path.display()))
        };
        match read(&path, max_bytes) {
            Ok(Some((bytes, used))) if digest.matches(&bytes) => {
                touch(&path, used);
                Read::Found(bytes)
            }
            Ok(Some(_)) => damaged("of the cache does not have its digest".to_owned()),
            Ok(None) => Read::Absent,
            Err(e) if e.kind() == ErrorKind::NotFound => Read::Absent,
            Err(e) => damaged(format!("of the cache cannot be read ({e})")),
        }
    }

    /// Keeps bytes whose digest this is.
    pub(super) fn write(
        &self,
        repository: &str,
        digest: &Digest,
        bytes: &[u8],
    ) -> Result<(), String> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let length = bytes.len() as u64;
        if length > self.most_bytes || self.most_entries == 0 {
            return Ok(());
        }
        let shown = |e: io::Error| format!("`{}`: {e}", self.folder.display());
        self.make_room(length).map_err(shown)?;
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.folder.join(format!("{UNFINISHED}{}-{n}", process::id()));
        let path = self.folder.join(name(repository, digest));
        let written = create(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, path));
        if written.is_err() {
            // A full disk is not helped by half a file.
            let _ = fs::remove_file(&unfinished);
        }
        written.map_err(shown)
    }

    /// Counts one more; reads the directory where there may be too much, or others may have written.
    fn make_room(&self, needed: u64) -> io::Result<()> {
        let mut tally = lock(&self.tally);
        tally.entries += 1;
        tally.bytes = tally.bytes.saturating_add(needed);
        tally.written += 1;
        let fits = tally.entries <= self.most_entries && tally.bytes <= self.most_bytes;
        if tally.known && fits && tally.written < RECOUNT {
            return Ok(());
        }
        let (entries, bytes) = self.sweep(needed)?;
        *tally = Tally { known: true, entries: entries + 1, bytes: bytes + needed, written: 0 };
        Ok(())
    }

    /// Removes what was never finished, and what was used longest ago where there is too much: down
    /// to nine tenths, so that the next file does not find it full again. What is left.
    fn sweep(&self, needed: u64) -> io::Result<(usize, u64)> {
        let now = SystemTime::now();
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Ok(metadata) = entry.metadata() else { continue };
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                all.push((used, metadata.len(), entry.path()));
            } else if now.duration_since(used).is_ok_and(|age| age > ABANDONED) {
                let _ = fs::remove_file(entry.path());
            }
        }
        let mut count = all.len();
        let mut total: u64 = all.iter().map(|(_, length, _)| length).sum();
        if count < self.most_entries && total.saturating_add(needed) <= self.most_bytes {
            return Ok((count, total));
        }
        let least =
            (self.most_entries - self.most_entries / 10, self.most_bytes - self.most_bytes / 10);
        all.sort();
        for (_, length, path) in all {
            if count < least.0 && total.saturating_add(needed) <= least.1.max(needed) {
                break;
            }
            // Somebody else may have been faster.
            let _ = fs::remove_file(path);
            count -= 1;
            total = total.saturating_sub(length);
        }
        Ok((count, total))
    }
}

fn name(repository: &str, digest: &Digest) -> String {
    let (algorithm, value) = digest.parts();
    let repository = hex(&sha256(repository.as_bytes()));
    format!("{algorithm}-{value}.{}", repository.get(..32).unwrap_or(&repository))
}

/// The bytes of a file of limited size, and when it was last used. No link is followed.
fn read(path: &Path, max_bytes: u64) -> io::Result<Option<(Vec<u8>, SystemTime)>> {
    // Looked at before it is opened: opening a pipe would wait for its other end.
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    if metadata.len() > max_bytes {
        return Ok(None);
    }
    let used = metadata.modified()?;
    let mut bytes = Vec::new();
    File::open(path)?.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= max_bytes).then_some((bytes, used)))
}

/// Writes the use down. Where that cannot be done the file only goes earlier.
fn touch(path: &Path, used: SystemTime) {
    let now = SystemTime::now();
    if now.duration_since(used).is_ok_and(|age| age < FRESH) {
        return;
    }
    if let Ok(file) = OpenOptions::new().write(true).open(path) {
        let _ = file.set_modified(now);
    }
}

#[cfg(unix)]
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    // New, so that nobody's link is followed.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}

#[cfg(not(unix))]
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    File::create_new(path)?.write_all(bytes)
}

/// Makes a folder that is its owner's alone, or sees to it that it is.
fn private(folder: &Path) -> Result<(), String> {
    make(folder).map_err(|e| e.to_string())?;
    let metadata = fs::symlink_metadata(folder).map_err(|e| e.to_string())?;
    if !metadata.is_dir() {
        // Whoever has put a link there says where the user's content goes.
        return Err(format!("`{}` is a link, not a directory", folder.display()));
    }
    guard(folder, &metadata)
}

#[cfg(unix)]
fn make(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    match DirBuilder::new().recursive(true).mode(0o700).create(folder) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(not(unix))]
fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(folder)
}

#[cfg(unix)]
fn guard(folder: &Path, metadata: &fs::Metadata) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o022 != 0 {
        let shown = folder.display();
        return Err(format!("others may write to `{shown}` (mode {mode:03o}, expected 700)"));
    }
    if mode & 0o077 != 0 {
        let only_mine = fs::Permissions::from_mode(0o700);
        fs::set_permissions(folder, only_mine)
            .map_err(|e| format!("`{}`: {e}", folder.display()))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn guard(_: &Path, _: &fs::Metadata) -> Result<(), String> {
    Ok(())
}
