//! The guest's memory, every access checked.

use wasmtime::{Caller, Extern, Memory, Result, bail};

use super::guest::Guest;

/// A pointer or length as the guest gives it.
pub(super) type Pointer = u32;

fn memory(caller: &mut Caller<'_, Guest>) -> Result<Memory> {
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => Ok(memory),
        _ => bail!("the guest exports no memory"),
    }
}

/// A copy of `len` bytes at `at`.
pub(super) fn read(caller: &mut Caller<'_, Guest>, at: Pointer, len: Pointer) -> Result<Vec<u8>> {
    let memory = memory(caller)?;
    let range = range(at, len as usize)?;
    match memory.data(&*caller).get(range) {
        Some(bytes) => Ok(bytes.to_vec()),
        None => bail!("the guest names memory that it does not have"),
    }
}

/// A copy of a string; what is not UTF-8 is replaced.
pub(super) fn read_text(
    caller: &mut Caller<'_, Guest>,
    at: Pointer,
    len: Pointer,
) -> Result<String> {
    Ok(String::from_utf8_lossy(&read(caller, at, len)?).into_owned())
}

/// A little-endian word.
pub(super) fn read_word(caller: &mut Caller<'_, Guest>, at: Pointer) -> Result<u32> {
    let bytes = read(caller, at, 4)?;
    match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(word) => Ok(u32::from_le_bytes(word)),
        Err(_) => bail!("the guest names memory that it does not have"),
    }
}

/// Writes `bytes` at `at`.
pub(super) fn write(caller: &mut Caller<'_, Guest>, at: Pointer, bytes: &[u8]) -> Result<()> {
    let memory = memory(caller)?;
    let range = range(at, bytes.len())?;
    match memory.data_mut(caller).get_mut(range) {
        Some(place) => {
            place.copy_from_slice(bytes);
            Ok(())
        }
        None => bail!("the guest names memory that it does not have"),
    }
}

fn range(at: Pointer, len: usize) -> Result<std::ops::Range<usize>> {
    let start = at as usize;
    match start.checked_add(len) {
        Some(end) => Ok(start..end),
        None => bail!("the guest names memory that it does not have"),
    }
}
