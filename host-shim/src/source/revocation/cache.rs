//! A directory of answers.
//!
//! One file each, the DER as it came: `<sha256 of the URL>.crl`, and for OCSP
//! `<sha256 of the URL, a zero byte and the request>.ocsp`. So a directory can be filled beforehand
//! with `curl` and `sha256sum`. The time of last modification is the age. Files as Notation names
//! them are read too (see [`notation`]).

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use countersign::{
    crypto::{hex, sha256},
    wire::{Answer, Bytes},
};

use super::{Asked, hint::Document, notation};
use crate::source::files::read_capped;

/// Begins the names of files that are being written.
const UNFINISHED: &str = ".unfinished-";
/// Nobody writes for so long.
const ABANDONED: Duration = Duration::from_secs(600);

pub(super) struct Cache {
    pub(super) directory: PathBuf,
    pub(super) most_entries: usize,
    pub(super) most_bytes: u64,
}

/// An answer that was kept.
pub(super) struct Kept {
    pub(super) bytes: Vec<u8>,
    pub(super) since: SystemTime,
}

impl Kept {
    pub(super) fn answer(self) -> Answer {
        Answer::Found { bytes: Bytes(self.bytes), media_type: None, reserialised: false }
    }

    /// Whether it has not run out, as far as can be seen.
    pub(super) fn is_of_use(&self, document: Document, now: SystemTime) -> bool {
        document.next_update(&self.bytes).is_none_or(|end| now <= end)
    }

    /// A time to come is none that this machine's clock has set: such an entry is not young.
    pub(super) fn is_younger(&self, age: Duration, now: SystemTime) -> bool {
        now.duration_since(self.since).is_ok_and(|since| since < age)
    }
}

impl Cache {
    /// The youngest answer that is there.
    pub(super) fn find(&self, asked: &Asked<'_>) -> Option<Kept> {
        let (directory, max_bytes) = (&self.directory, asked.max_bytes);
        let own = read(&directory.join(name(asked)), max_bytes);
        let own = own.filter(|kept| asked.document().is_whole(&kept.bytes));
        if asked.request.is_some() {
            return own;
        }
        let base = notation::base(directory, asked.url, max_bytes);
        let best = [own, base].into_iter().flatten().max_by_key(|kept| kept.since);
        let than = best.as_ref().map(|kept| kept.since);
        notation::delta(directory, asked.url, max_bytes, than).or(best)
    }

    /// Keeps an answer; the oldest make room. Readers see all of it or nothing.
    pub(super) fn keep(&self, asked: &Asked<'_>, bytes: &[u8]) -> io::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let bytes_long = bytes.len() as u64;
        if bytes_long > self.most_bytes || self.most_entries == 0 {
            return Ok(());
        }
        fs::create_dir_all(&self.directory)?;
        self.make_room(bytes_long)?;
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.directory.join(format!("{UNFINISHED}{}-{n}", process::id()));
        let written = write(&unfinished, bytes)
            .and_then(|()| fs::rename(&unfinished, self.directory.join(name(asked))));
        if written.is_err() {
            // A full disk is not helped by half a file.
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    /// Removes the oldest of our own files, so that one of this size fits, and what was never
    /// finished.
    fn make_room(&self, needed: u64) -> io::Result<()> {
        let now = SystemTime::now();
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let path = entry.path();
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let since = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with(UNFINISHED) {
                if now.duration_since(since).is_ok_and(|age| age > ABANDONED) {
                    let _ = fs::remove_file(&path);
                }
            } else if is_own(name) {
                all.push((since, metadata.len(), path));
            }
        }
        all.sort();
        let mut total: u64 = all.iter().map(|(_, length, _)| length).sum();
        let mut count = all.len();
        for (_, length, path) in all {
            if count < self.most_entries && total.saturating_add(needed) <= self.most_bytes {
                break;
            }
            // Somebody else may have been faster.
            let _ = fs::remove_file(path);
            count -= 1;
            total = total.saturating_sub(length);
        }
        Ok(())
    }
}

/// A file of limited size, with its time.
pub(super) fn read(path: &Path, max_bytes: u64) -> Option<Kept> {
    let since = fs::metadata(path).and_then(|m| m.modified()).ok()?;
    read_capped(path, max_bytes).ok().map(|bytes| Kept { bytes, since })
}

fn name(asked: &Asked<'_>) -> String {
    let url = asked.url.as_bytes();
    match asked.request {
        Some(request) => format!("{}.ocsp", hex(&sha256(&[url, &[0], request].concat()))),
        None => format!("{}.crl", hex(&sha256(url))),
    }
}

fn is_own(name: &str) -> bool {
    let hash = name.strip_suffix(".crl").or_else(|| name.strip_suffix(".ocsp"));
    hash.is_some_and(is_hash)
}

pub(super) fn is_hash(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use io::Write;
    // New, so that nobody's link is followed.
    let mut file = fs::File::create_new(path)?;
    file.write_all(bytes)
}
