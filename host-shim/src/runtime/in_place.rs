//! Compiled code that is run where it lies in this executable.
//!
//! A copy of it would take 11 MB and three milliseconds of every start. In its place the pages of the
//! executable are made executable themselves, and only those that are run are ever read.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use wasmtime::CustomCodeMemory;

/// Bytes of the largest page of the architecture, to which cranelift aligns the text of a module too.
pub(super) const ALIGNMENT: usize = if cfg!(target_arch = "aarch64") { 64 << 10 } else { 4 << 10 };

/// Whether code may be run where it lies: wasmtime knows modules by their addresses, so only the first
/// that is made of it in a process.
pub(super) fn claim(code: &'static [u8]) -> bool {
    static CLAIMED: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());
    let at = code.as_ptr().addr();
    cfg!(target_os = "linux")
        && at.is_multiple_of(ALIGNMENT)
        && CLAIMED.lock().unwrap_or_else(PoisonError::into_inner).insert(at)
}

/// How code becomes executable: on Linux by our own hand, elsewhere by wasmtime's.
pub(super) fn memory() -> Option<Arc<dyn CustomCodeMemory>> {
    #[cfg(target_os = "linux")]
    return Some(Arc::new(Pages));
    #[cfg(not(target_os = "linux"))]
    return None;
}

#[cfg(target_os = "linux")]
struct Pages;

#[cfg(target_os = "linux")]
impl CustomCodeMemory for Pages {
    fn required_alignment(&self) -> usize {
        ALIGNMENT
    }

    fn publish_executable(&self, ptr: *const u8, len: usize) -> wasmtime::Result<()> {
        use rustix::mm::{MprotectFlags, mprotect};
        // SAFETY: wasmtime gives the text of a module that it has read: pages of its own mapping, or
        // of this executable's constants. Nothing writes to either.
        #[expect(unsafe_code, reason = "permissions of pages are changed")]
        let done = unsafe {
            mprotect(ptr.cast_mut().cast(), len, MprotectFlags::READ | MprotectFlags::EXEC)
        };
        done.map_err(|e| wasmtime::Error::msg(format!("code cannot be made executable: {e}")))
    }

    /// Another module may run the same pages; those of a mapping go away with it.
    fn unpublish_executable(&self, _: *const u8, _: usize) -> wasmtime::Result<()> {
        Ok(())
    }
}
