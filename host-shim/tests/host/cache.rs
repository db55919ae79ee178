//! What is asked once and used again, and what must never be.

mod command;
mod content;
mod decisions;
mod flights;
mod redis;
mod source;

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use countersign::crypto::{hex, sha256};
use countersign_host::cache::{Clock, Content, ContentOptions};

pub(crate) const REPOSITORY: &str = "ghcr.io/acme/app";
const LIMIT: u64 = 1 << 20;

/// A clock that a test sets.
#[derive(Default)]
pub(crate) struct Hand(Mutex<Duration>);

impl Hand {
    pub(crate) fn forward(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for Hand {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&sha256(bytes)))
}

fn options(directory: &Path) -> ContentOptions {
    ContentOptions { directory: Some(directory.to_owned()), ..ContentOptions::default() }
}

/// The same directory, as another process has it: nothing in memory.
fn reopened(directory: &Path) -> Content {
    Content::open(&options(directory))
}

/// The entries of a cache, sorted.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let Ok(found) = std::fs::read_dir(directory.join("content")) else { return Vec::new() };
    let mut paths: Vec<_> = found.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
