//! The imports of WASI preview 1 that the module really has. None reaches the world: the clock is
//! the decision's `now` (the monotonic one, with what callbacks say that they took), randomness is a
//! fixed sequence, the environment is empty, output is kept.

use std::fmt;

use wasmtime::{Caller, Linker, Result};

use super::{
    guest::Guest,
    memory::{Pointer, read, read_word, write},
};

const MODULE: &str = "wasi_snapshot_preview1";
const SUCCESS: i32 = 0;
/// `CLOCK_MONOTONIC` of the preview 1 witx.
const MONOTONIC: i32 = 1;
/// `EBADF` of the preview 1 witx.
const BAD_DESCRIPTOR: i32 = 8;
/// `EINVAL` of the preview 1 witx.
const INVALID: i32 = 28;
/// Vectors that one `fd_write` may name.
const MAX_VECTORS: u32 = 1024;

/// The guest called `proc_exit`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exit(pub(super) i32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// Adds them all.
pub(super) fn link(linker: &mut Linker<Guest>) -> Result<()> {
    linker.func_wrap(MODULE, "environ_sizes_get", environ_sizes_get)?;
    linker.func_wrap(MODULE, "environ_get", |_: Pointer, _: Pointer| SUCCESS)?;
    linker.func_wrap(MODULE, "fd_write", fd_write)?;
    linker.func_wrap(MODULE, "clock_time_get", clock_time_get)?;
    linker.func_wrap(MODULE, "random_get", random_get)?;
    linker.func_wrap(MODULE, "proc_exit", |code: i32| -> Result<()> {
        Err(wasmtime::Error::new(Exit(code)))
    })?;
    Ok(())
}

fn environ_sizes_get(mut caller: Caller<'_, Guest>, count: Pointer, size: Pointer) -> Result<i32> {
    write(&mut caller, count, &0_u32.to_le_bytes())?;
    write(&mut caller, size, &0_u32.to_le_bytes())?;
    Ok(SUCCESS)
}

fn clock_time_get(
    mut caller: Caller<'_, Guest>,
    clock: i32,
    _precision: i64,
    at: Pointer,
) -> Result<i32> {
    let guest = caller.data();
    let waited = match clock {
        MONOTONIC => u64::try_from(guest.callbacks.elapsed().as_nanos()).unwrap_or(u64::MAX),
        _ => 0,
    };
    let now = guest.now.saturating_add(waited);
    write(&mut caller, at, &now.to_le_bytes())?;
    Ok(SUCCESS)
}

/// A fixed sequence (xorshift64*): only hash tables ask for it, and the same request must give the
/// same bytes.
fn random_get(mut caller: Caller<'_, Guest>, at: Pointer, len: Pointer) -> Result<i32> {
    // Checks the range before anything of the guest's size is made.
    let mut bytes = read(&mut caller, at, len)?;
    let mut state = caller.data().random;
    for byte in &mut bytes {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        *byte = state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes()[0];
    }
    caller.data_mut().random = state;
    write(&mut caller, at, &bytes)?;
    Ok(SUCCESS)
}

fn fd_write(
    mut caller: Caller<'_, Guest>,
    descriptor: i32,
    vectors: Pointer,
    count: u32,
    written: Pointer,
) -> Result<i32> {
    if descriptor != 1 && descriptor != 2 {
        return Ok(BAD_DESCRIPTOR);
    }
    if count > MAX_VECTORS {
        return Ok(INVALID);
    }
    let mut total = 0_u32;
    for i in 0..count {
        let Some(vector) = vectors.checked_add(i * 8) else {
            return Ok(INVALID);
        };
        let Some(second) = vector.checked_add(4) else {
            return Ok(INVALID);
        };
        let at = read_word(&mut caller, vector)?;
        let len = read_word(&mut caller, second)?;
        let bytes = read(&mut caller, at, len)?;
        caller.data_mut().log(&bytes);
        total = total.saturating_add(len);
    }
    write(&mut caller, written, &total.to_le_bytes())?;
    Ok(SUCCESS)
}
