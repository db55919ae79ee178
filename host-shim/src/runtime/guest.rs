//! The host's side of one running instance.

use std::sync::Arc;

use super::{HostCallbacks, limits::MemoryMeter};

/// Bytes of log that are kept from one call.
const MAX_LOG: usize = 64 << 10;
/// Where the fixed sequence of randomness starts.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// What the imports of one instance read and write.
pub(super) struct Guest {
    pub(super) operation: Vec<u8>,
    pub(super) request: Vec<u8>,
    pub(super) response: Option<Vec<u8>>,
    pub(super) error: Option<Vec<u8>>,
    pub(super) host_response: Vec<u8>,
    pub(super) host_error: Vec<u8>,
    pub(super) callbacks: Arc<dyn HostCallbacks>,
    pub(super) memory: MemoryMeter,
    /// Nanoseconds since the Unix epoch: the only time that the guest sees.
    pub(super) now: u64,
    pub(super) random: u64,
    log: Vec<u8>,
}

impl Guest {
    pub(super) fn new(memory: usize, now: u64, callbacks: Arc<dyn HostCallbacks>) -> Self {
        Self {
            operation: Vec::new(),
            request: Vec::new(),
            response: None,
            error: None,
            host_response: Vec::new(),
            host_error: Vec::new(),
            callbacks,
            memory: MemoryMeter::new(memory),
            now,
            random: SEED,
            log: Vec::new(),
        }
    }

    /// As it would be on a fresh instance, but for the memory that is there.
    pub(super) fn renew(&mut self, now: u64, memory: usize) {
        self.ask("", b"");
        self.now = now;
        self.random = SEED;
        self.memory.limit = memory;
        self.memory.refused = false;
        self.log.clear();
    }

    /// What the next call is about.
    pub(super) fn ask(&mut self, operation: &str, request: &[u8]) {
        self.operation = operation.as_bytes().to_vec();
        self.request = request.to_vec();
        (self.response, self.error) = (None, None);
        self.host_response.clear();
        self.host_error.clear();
    }

    /// The answer, and the words of a failure.
    pub(super) fn take_answer(&mut self) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        (self.response.take(), self.error.take())
    }

    /// Keeps what the guest prints, up to a bound.
    pub(super) fn log(&mut self, bytes: &[u8]) {
        let room = MAX_LOG.saturating_sub(self.log.len());
        self.log.extend(bytes.iter().take(room));
    }

    /// What the guest printed.
    pub(super) fn take_log(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.log)).into_owned()
    }
}
