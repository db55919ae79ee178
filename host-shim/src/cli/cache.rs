//! Where content and decisions are kept, on a command line.

use std::{fs, io::Read, path::PathBuf, sync::Arc};

use clap::Args;

use crate::cache::{
    ContentOptions, DecisionAges, Decisions, MemoryDecisions, Redis, RedisOptions, SealKey,
    default_directory,
};

/// Before the path of a file that holds an address.
const FILE: &str = "file:";
/// Bytes of an address.
const MOST_URL: u64 = 4096;

#[derive(Debug, Args)]
#[command(next_help_heading = "Cache")]
pub(super) struct CacheOptions {
    /// Where manifests and blobs are kept by their digest, instead of countersign in the user's
    /// cache directory; they are hashed on each use, and tags and referrers are always asked for
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    cache_dir: Option<PathBuf>,
    /// Keep no content
    #[arg(long)]
    no_cache: bool,
    /// Redis or Valkey with decisions that were made before: redis://HOST[:PORT], rediss://…,
    /// redis+unix:///PATH, or file:PATH with the address in it
    #[arg(long, value_name = "URL", requires = "decision_cache_key")]
    #[arg(conflicts_with_all = ["now", "record", "pack"])]
    decision_cache: Option<String>,
    /// The key, of at least 32 bytes, under which decisions are sealed: whoever has it can make
    /// some
    #[arg(long, value_name = "FILE", requires = "decision_cache")]
    decision_cache_key: Option<PathBuf>,
    /// The CA (PEM) of a rediss:// server, in place of the system's
    #[arg(long, value_name = "FILE", requires = "decision_cache")]
    decision_cache_ca: Option<PathBuf>,
}

impl CacheOptions {
    /// What is to be kept, if anything is. Nothing is opened yet.
    pub(super) fn content(&self) -> Option<ContentOptions> {
        if self.no_cache {
            return None;
        }
        let directory = self.cache_dir.clone().or_else(default_directory)?;
        Some(ContentOptions { directory: Some(directory), ..ContentOptions::default() })
    }

    /// Decisions that were made before, where they are asked for.
    pub(super) fn decisions(&self) -> Result<Option<Decisions>, String> {
        let (Some(url), Some(key)) = (&self.decision_cache, &self.decision_cache_key) else {
            return Ok(None);
        };
        let url = match url.strip_prefix(FILE) {
            Some(path) => address(path)?,
            None => url.clone(),
        };
        let key = SealKey::load(key).map_err(|e| e.to_string())?;
        let ca = self.decision_cache_ca.clone();
        let redis = Redis::open(RedisOptions { ca, ..RedisOptions::new(&url, key) });
        let redis = Arc::new(redis.map_err(|e| e.to_string())?);
        let memory = Arc::new(MemoryDecisions::default());
        Ok(Some(Decisions::new(vec![memory, redis], DecisionAges::default())))
    }
}

/// So that a password need not stand on the command line.
fn address(path: &str) -> Result<String, String> {
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| file.take(MOST_URL).read_to_string(&mut text));
    read.map_err(|e| format!("`{path}`, the address of the decision cache: {e}"))?;
    Ok(text.trim().to_owned())
}
