//! The host's side of one running instance.

use std::sync::Arc;

use super::{HostCallbacks, limits::MemoryMeter};

/// Bytes of log that are kept from one call.
const MAX_LOG: usize = 64 << 10;

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
    pub(super) fn new(
        operation: &str,
        request: &[u8],
        now: u64,
        memory: usize,
        callbacks: Arc<dyn HostCallbacks>,
    ) -> Self {
        Self {
            operation: operation.as_bytes().to_vec(),
            request: request.to_vec(),
            response: None,
            error: None,
            host_response: Vec::new(),
            host_error: Vec::new(),
            callbacks,
            memory: MemoryMeter::new(memory),
            now,
            random: 0x9e37_79b9_7f4a_7c15,
            log: Vec::new(),
        }
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
