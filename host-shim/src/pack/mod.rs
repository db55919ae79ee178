//! Evidence packs ([`countersign::pack`]) as files, and as a source of evidence.

mod older;
mod source;
pub mod stored;

use std::{fs::File, io::Read, path::Path};

pub use countersign::pack::{MAX_BYTES, PACK_VERSION, Pack, PackError};
pub use older::{Mended, keep_named};
pub use source::PackSource;

/// Reads a file.
///
/// # Errors
/// When it is not a pack, or too large.
pub fn read(path: &Path) -> Result<Pack, PackError> {
    let unreadable = |e: std::io::Error| PackError::Unreadable(e.to_string());
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    Pack::parse(&bytes)
}
