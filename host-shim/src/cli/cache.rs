//! Where content is kept, on a command line.

use std::path::PathBuf;

use clap::Args;

use crate::cache::{ContentOptions, default_directory};

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
}
