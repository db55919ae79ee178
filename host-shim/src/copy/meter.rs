//! How far a copy is, to be looked at from another thread.

use std::{
    io::{self, Read},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Counts of a copy.
#[derive(Debug, Default)]
pub struct Meter {
    blobs: AtomicU64,
    done: AtomicU64,
    bytes: AtomicU64,
    moved: AtomicU64,
}

/// What a [`Meter`] shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Blobs that are to be transferred.
    pub blobs: u64,
    /// Blobs that are whole.
    pub done: u64,
    /// Bytes that are to be transferred.
    pub bytes: u64,
    /// Bytes that were.
    pub moved: u64,
}

impl Meter {
    /// How far it is.
    pub fn read(&self) -> Reading {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Reading {
            blobs: get(&self.blobs),
            done: get(&self.done),
            bytes: get(&self.bytes),
            moved: get(&self.moved),
        }
    }

    pub(crate) fn expect(&self, blobs: u64, bytes: u64) {
        self.blobs.fetch_add(blobs, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn finish_one(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// It came without a transfer.
    pub(crate) fn spare(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn add(&self, bytes: u64) {
        self.moved.fetch_add(bytes, Ordering::Relaxed);
    }

    fn take_back(&self, bytes: u64) {
        self.moved.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What became of one reader.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passed(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    bytes: u64,
    failure: Option<String>,
}

/// Counts what is read, and remembers whether reading failed: who writes it elsewhere cannot tell.
pub(crate) struct Counted {
    inner: Box<dyn Read + Send>,
    meter: Arc<Meter>,
    passed: Passed,
}

impl Counted {
    pub(crate) fn new(inner: Box<dyn Read + Send>, meter: Arc<Meter>) -> (Self, Passed) {
        let passed = Passed::default();
        (Self { inner, meter, passed: passed.clone() }, passed)
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(buffer);
        let mut state = self.passed.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &result {
            Ok(read) => {
                state.bytes += *read as u64;
                self.meter.add(*read as u64);
            }
            Err(e) => state.failure = Some(e.to_string()),
        }
        result
    }
}

impl Passed {
    /// What reading ended with; what was counted is counted no more.
    pub(crate) fn undo(&self, meter: &Meter) -> Option<String> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        meter.take_back(std::mem::take(&mut state.bytes));
        state.failure.take()
    }
}
