//! Content by digest: in memory, and in a directory.

mod disk;

use std::{
    env,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use countersign::reference::Digest;

use super::{lock, lru::Lru};
use disk::{Disk, Read};

/// What is said of a directory, at the most.
const MOST_NOTES: usize = 8;
/// Entries in memory. Bytes are what counts; this bounds what small ones take beside themselves.
const MOST_IN_MEMORY: usize = 16_384;

/// Where content is kept, and how much of it.
#[derive(Clone, Debug)]
pub struct ContentOptions {
    /// Where. Its folder `content` is used, and made where it is not there. Without a directory
    /// content is kept in memory alone.
    pub directory: Option<PathBuf>,
    /// Entries in the directory.
    pub most_entries: usize,
    /// Bytes of all of them. A quarter of it is what one may have.
    pub most_bytes: u64,
    /// Bytes in memory.
    pub memory_bytes: u64,
}

impl Default for ContentOptions {
    /// Evidence of a signed image is some 20 KiB, an SBOM some MiB: room for thousands of images.
    fn default() -> Self {
        Self {
            directory: None,
            most_entries: 16_384,
            most_bytes: 512 << 20,
            memory_bytes: 32 << 20,
        }
    }
}

/// `countersign` in the user's cache directory
/// ([XDG base directories](https://specifications.freedesktop.org/basedir-spec/latest/)). None where
/// the environment names no absolute path.
pub fn default_directory() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("countersign"))
}

/// Bytes by repository and digest.
///
/// What does not have the digest is neither taken nor given. An entry is its repository's: what one
/// repository had says nothing about another, and a decision is the same whatever else was looked
/// at before.
pub struct Content {
    memory: Mutex<Memory>,
    disk: Option<Disk>,
    most_entry: u64,
    notes: Mutex<Vec<String>>,
    damaged: AtomicU64,
}

/// By repository and digest.
type Memory = Lru<(String, String), Arc<[u8]>>;

impl Content {
    /// Opens a store. Where the directory cannot be used, [`Content::notes`] says so and there is
    /// memory.
    pub fn open(options: &ContentOptions) -> Self {
        let mut notes = Vec::new();
        let disk = options.directory.as_deref().map(|directory| {
            Disk::open(directory, options.most_entries, options.most_bytes).map_err(|e| {
                notes.push(format!(
                    "content is not cached in `{}`: {e}: use another --cache-dir, or --no-cache",
                    directory.display()
                ));
            })
        });
        Self {
            memory: Mutex::new(Lru::new(MOST_IN_MEMORY, options.memory_bytes)),
            disk: disk.and_then(Result::ok),
            most_entry: options.most_bytes / 4,
            notes: Mutex::new(notes),
            damaged: AtomicU64::new(0),
        }
    }

    /// The bytes of a digest, hashed just now unless they are from memory. Of what has more than
    /// `max_bytes` nothing is given.
    pub fn get(&self, repository: &str, digest: &str, max_bytes: u64) -> Option<Arc<[u8]>> {
        let wanted = Digest::parse(digest)?;
        let key = (repository.to_owned(), digest.to_owned());
        if let Some(bytes) = lock(&self.memory).get(&key) {
            return Some(bytes.clone()).filter(|bytes| bytes.len() as u64 <= max_bytes);
        }
        let disk = self.disk.as_ref()?;
        let bytes: Arc<[u8]> = match disk.read(repository, &wanted, max_bytes) {
            Read::Absent => return None,
            Read::Found(bytes) => bytes.into(),
            Read::Damaged(what) => {
                self.damaged.fetch_add(1, Ordering::Relaxed);
                self.note(what);
                return None;
            }
        };
        lock(&self.memory).insert(key, bytes.clone(), bytes.len() as u64);
        Some(bytes)
    }

    /// Keeps bytes, if they have the digest.
    pub fn put(&self, repository: &str, digest: &str, bytes: &[u8]) {
        let Some(digest) = Digest::parse(digest) else { return };
        if bytes.len() as u64 > self.most_entry || !digest.matches(bytes) {
            return;
        }
        let key = (repository.to_owned(), digest.as_str().to_owned());
        lock(&self.memory).insert(key, bytes.into(), bytes.len() as u64);
        if let Some(disk) = &self.disk
            && let Err(e) = disk.write(repository, &digest, bytes)
        {
            self.note(format!("content cannot be cached: {e}"));
        }
    }

    /// What the user should know: a directory that cannot be used, entries that were damaged.
    pub fn notes(&self) -> Vec<String> {
        lock(&self.notes).clone()
    }

    /// Entries that were not what they should be, and were removed.
    pub fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    fn note(&self, note: String) {
        let mut notes = lock(&self.notes);
        if notes.len() < MOST_NOTES && !notes.contains(&note) {
            notes.push(note);
        }
    }
}
