//! What a guest may ask of its host while it runs.

use std::time::Duration;

/// Answers waPC `host_call`s. The step interface needs none; the stock Kubewarden operations do.
///
/// An implementation must bound its own time: the deadline of a call stops the guest, never a
/// callback.
pub trait HostCallbacks: Send + Sync {
    /// One call: the payload of the answer, or the words of the failure as the guest sees them.
    fn call(
        &self,
        binding: &str,
        namespace: &str,
        operation: &str,
        payload: &[u8],
    ) -> Result<Vec<u8>, String>;

    /// How long the guest has waited for answers, as its monotonic clock shows it. Without one, no time
    /// passes for the guest.
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

/// Refuses every call.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCallbacks;

impl HostCallbacks for NoCallbacks {
    fn call(
        &self,
        binding: &str,
        namespace: &str,
        operation: &str,
        _payload: &[u8],
    ) -> Result<Vec<u8>, String> {
        Err(format!("this host has no operation `{binding}/{namespace}/{operation}`"))
    }
}
