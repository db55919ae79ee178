//! Blobs from one place to the other: not what is there, mounted where that is possible, and again when a
//! transfer breaks off.

use std::{sync::Arc, thread, time::Duration};

use super::{
    CopyError,
    meter::{Counted, Meter},
    parallel,
    store::{Blob, Store},
};
use crate::registry::RegistryError;

/// Blobs at once. Docker and containerd take three.
const AT_ONCE: usize = 3;
/// How often one blob is tried.
const TRIES: u32 = 4;

/// What became of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    Copied,
    Mounted,
}

/// Brings blobs over.
pub(crate) struct Transfer<'a> {
    pub(crate) source: &'a dyn Store,
    pub(crate) destination: &'a dyn Store,
    pub(crate) meter: &'a Arc<Meter>,
    /// Before the second try; doubled before each further.
    pub(crate) backoff: Duration,
}

impl Transfer<'_> {
    pub(crate) fn all(&self, blobs: &[Blob]) -> Result<Vec<Moved>, CopyError> {
        self.meter.expect(blobs.len() as u64, blobs.iter().map(|blob| blob.size).sum());
        parallel::each(AT_ONCE, blobs, |blob| {
            let moved = self.one(blob)?;
            self.meter.finish_one();
            Ok(moved)
        })
    }

    fn one(&self, blob: &Blob) -> Result<Moved, CopyError> {
        let mounted = self.destination.mount_blob(blob, self.source);
        if mounted.map_err(|e| CopyError::destination(&blob.digest, e))? {
            self.meter.spare(blob.size);
            return Ok(Moved::Mounted);
        }
        let mut pause = self.backoff;
        for tried in 1..TRIES {
            match self.once(blob) {
                Ok(()) => return Ok(Moved::Copied),
                Err(e) if !may_pass(&e, tried) => return Err(e),
                Err(_) => thread::sleep(pause),
            }
            pause = pause.saturating_mul(2);
        }
        self.once(blob).map(|()| Moved::Copied)
    }

    fn once(&self, blob: &Blob) -> Result<(), CopyError> {
        let reader = self.source.open_blob(blob);
        let reader = reader.map_err(|e| CopyError::source(&blob.digest, e))?;
        let (reader, passed) = Counted::new(reader, self.meter.clone());
        self.destination.push_blob(blob, Box::new(reader)).map_err(|e| {
            match passed.undo(self.meter) {
                Some(failure) => CopyError::source(&blob.digest, RegistryError::Transport(failure)),
                None => CopyError::destination(&blob.digest, e),
            }
        })
    }
}

/// Whether another try may do. A registry refuses an upload also when it has lost its start, or when our
/// token ran out in the middle; twice it means it.
fn may_pass(error: &CopyError, tried: u32) -> bool {
    match error.cause() {
        Some(RegistryError::Transport(_) | RegistryError::Garbled(_)) => true,
        Some(RegistryError::Refused(_)) => tried == 1,
        _ => false,
    }
}
