//! Copying an image with everything that is attached to it, between registries, OCI layouts and archives.
//!
//! What is attached is found by cosign's tags, by the referrers API and by the fallback tag, of the image,
//! of its platforms, and of what is attached itself. Contents come first, by digest; then lists and tags;
//! the image's own tag is the last thing that is written, so that nothing points to what is not whole.
//!
//! ```no_run
//! use countersign_host::{copy::{self, Options, Place}, registry::Registry};
//!
//! let registry = Registry::new(&Default::default());
//! let (source, reference) = Place::parse("ghcr.io/acme/app:1")?.open_source(&registry)?;
//! let destination = Place::parse("oci-archive:app.tar")?.open_destination(&registry)?;
//! let options = Options { tag: Some("1".to_owned()), ..Options::new(&reference) };
//! let summary = copy::copy(&*source, &*destination, &options)?;
//! println!("{} with {} manifests", summary.digest, summary.manifests.len());
//! # Ok::<(), copy::CopyError>(())
//! ```

mod contents;
pub(crate) mod cosign;
mod error;
pub(crate) mod fallback;
mod graph;
mod job;
mod layout;
pub(crate) mod lists;
mod meter;
mod parallel;
mod place;
mod plan;
mod platform;
mod store;
mod summary;
mod transfer;
mod turns;

use std::{
    io::{Cursor, Read},
    sync::Arc,
    time::Duration,
};

pub use error::CopyError;
pub use layout::{ArchiveWriter, LayoutReader, LayoutWriter};
pub use meter::{Meter, Reading};
pub use place::Place;
pub use platform::Platform;
pub use store::{Blob, Outgoing, Referrers, Remote, Store, Under};
pub use summary::{Blobs, Copied, Summary, TagState, Tagged};

pub(crate) use contents::digest_of;
pub(crate) use graph::tag;
pub(crate) use job::store_appended;
pub(crate) use store::present;
pub(crate) use turns::turn;

use crate::registry::{Manifest, RegistryError, sha256_of};
use contents::Contents;

/// What to copy, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Tag or digest at the source.
    pub reference: String,
    /// The image's tag at the destination; without one it is there by its digest.
    pub tag: Option<String>,
    /// What its digest must be.
    pub digest: Option<String>,
    /// Of an index only the image of this platform, which then is the image.
    pub platform: Option<Platform>,
    /// Also what is attached.
    pub attached: bool,
    /// Only look what would be done.
    pub dry_run: bool,
    /// Replace what stands under the destination's fallback tags and is no list, and put lists right.
    pub repair: bool,
    /// Where the copy says how far it is.
    pub meter: Arc<Meter>,
    /// Before the second try of a transfer; doubled before each further.
    pub backoff: Duration,
}

impl Options {
    /// Everything of the image under a tag or digest.
    pub fn new(reference: &str) -> Self {
        Self {
            reference: reference.to_owned(),
            tag: None,
            digest: None,
            platform: None,
            attached: true,
            dry_run: false,
            repair: false,
            meter: Arc::default(),
            backoff: Duration::from_secs(1),
        }
    }
}

/// Copies an image.
///
/// # Errors
/// When the source does not have it, when a place does not answer or does not take it, or when not all of
/// it is there afterwards. The image's tag was not written then.
pub fn copy(
    source: &dyn Store,
    destination: &dyn Store,
    options: &Options,
) -> Result<Summary, CopyError> {
    let root = source.manifest(&options.reference);
    let mut root = root.map_err(|e| CopyError::source(&options.reference, e))?;
    let mut digest = match options.reference.contains(':') {
        true => options.reference.clone(),
        false => sha256_of(&root.bytes),
    };
    if let Some(platform) = &options.platform {
        (digest, root) = platform::choose(source, platform, digest, root)?;
    }
    if let Some(expected) = options.digest.as_ref().filter(|expected| **expected != digest) {
        let expected = expected.clone();
        return Err(CopyError::OtherDigest { expected, found: digest });
    }
    let graph = graph::walk(source, digest.clone(), root, options.attached)?;
    let plan = plan::plan(source, destination, options, &graph)?;
    let job = job::Job { source, destination, options, graph: &graph, root: &digest };
    match options.dry_run {
        true => Ok(job.preview(plan)),
        false => job.run(plan),
    }
}

/// What a manifest is, for a registry.
pub(crate) fn media_type(manifest: &Manifest) -> Result<String, String> {
    let contents = Contents::read(&manifest.bytes)?;
    Ok(contents.media_type(manifest.media_type.as_deref()).to_owned())
}

/// A manifest as a list of referrers has it.
pub(crate) fn listed_as(manifest: &Outgoing<'_>) -> Result<serde_json::Value, String> {
    let contents = Contents::read(manifest.bytes)?;
    Ok(contents.descriptor(manifest.digest, manifest.media_type, manifest.bytes.len()))
}

/// A small blob, whole.
pub(crate) fn read_blob(
    source: &dyn Store,
    blob: &Blob,
    max_bytes: u64,
) -> Result<Vec<u8>, CopyError> {
    let failed = |e| CopyError::source(&blob.digest, e);
    if blob.size > max_bytes {
        return Err(failed(RegistryError::TooLarge(max_bytes)));
    }
    let mut bytes = Vec::new();
    let mut reader = source.open_blob(blob).map_err(failed)?;
    match reader.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(e) => Err(failed(RegistryError::Transport(e.to_string()))),
    }
}

/// Stores a small blob, if it is not there.
pub(crate) fn push_bytes(
    destination: &dyn Store,
    blob: &Blob,
    bytes: &[u8],
) -> Result<(), CopyError> {
    let failed = |e| CopyError::destination(&blob.digest, e);
    if destination.has_blob(blob).map_err(failed)? {
        return Ok(());
    }
    let reader = Cursor::new(bytes.to_vec());
    destination.push_blob(blob, Box::new(reader)).map_err(failed)
}
