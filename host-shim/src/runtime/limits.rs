//! What one decision may spend in the module. The core counts its own budget in bytes and signature
//! operations; these are the backstops.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// Limits of one decision, over all of its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Units of wasmtime fuel, about one an instruction. The default leaves room for all signature
    /// operations that the core's own budget allows a decision, with the slowest key and the slower
    /// module (500 of RSA-4096, measured at 0.065 billion each).
    pub fuel: u64,
    /// Bytes of linear memory. A pooled engine may have less room ([`Slots`](super::Slots)).
    pub memory: usize,
    /// Wall time in the module, in all calls; what the host fetches between them is not counted.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { fuel: 50_000_000_000, memory: 256 << 20, deadline: Duration::from_secs(30) }
    }
}

/// Counts and caps linear memory.
#[derive(Debug)]
pub(super) struct MemoryMeter {
    pub(super) limit: usize,
    pub(super) peak: usize,
    pub(super) refused: bool,
}

impl MemoryMeter {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, peak: 0, refused: false }
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = desired <= self.limit;
        if fits {
            self.peak = self.peak.max(desired);
        } else {
            self.refused = true;
        }
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= 100_000)
    }

    fn instances(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        4
    }
}
