//! The imports of a waPC guest (module `wapc`).

use wasmtime::{Caller, Linker, Result};

use super::{
    guest::Guest,
    memory::{Pointer, read, read_text, write},
};

const MODULE: &str = "wapc";

/// Adds them all.
pub(super) fn link(linker: &mut Linker<Guest>) -> Result<()> {
    linker.func_wrap(MODULE, "__guest_request", guest_request)?;
    linker.func_wrap(MODULE, "__guest_response", guest_response)?;
    linker.func_wrap(MODULE, "__guest_error", guest_error)?;
    linker.func_wrap(MODULE, "__host_call", host_call)?;
    linker.func_wrap(MODULE, "__host_response_len", |caller: Caller<'_, Guest>| {
        length(&caller.data().host_response)
    })?;
    linker.func_wrap(MODULE, "__host_error_len", |caller: Caller<'_, Guest>| {
        length(&caller.data().host_error)
    })?;
    linker.func_wrap(MODULE, "__host_response", |mut caller: Caller<'_, Guest>, at: Pointer| {
        let bytes = std::mem::take(&mut caller.data_mut().host_response);
        write(&mut caller, at, &bytes)
    })?;
    linker.func_wrap(MODULE, "__host_error", |mut caller: Caller<'_, Guest>, at: Pointer| {
        let bytes = std::mem::take(&mut caller.data_mut().host_error);
        write(&mut caller, at, &bytes)
    })?;
    linker.func_wrap(
        MODULE,
        "__console_log",
        |mut caller: Caller<'_, Guest>, at: Pointer, len: Pointer| {
            let bytes = read(&mut caller, at, len)?;
            caller.data_mut().log(&bytes);
            Ok(())
        },
    )?;
    Ok(())
}

fn length(bytes: &[u8]) -> i32 {
    i32::try_from(bytes.len()).unwrap_or(i32::MAX)
}

fn guest_request(
    mut caller: Caller<'_, Guest>,
    operation: Pointer,
    request: Pointer,
) -> Result<()> {
    let bytes = std::mem::take(&mut caller.data_mut().operation);
    write(&mut caller, operation, &bytes)?;
    let bytes = std::mem::take(&mut caller.data_mut().request);
    write(&mut caller, request, &bytes)
}

fn guest_response(mut caller: Caller<'_, Guest>, at: Pointer, len: Pointer) -> Result<()> {
    let bytes = read(&mut caller, at, len)?;
    caller.data_mut().response = Some(bytes);
    Ok(())
}

fn guest_error(mut caller: Caller<'_, Guest>, at: Pointer, len: Pointer) -> Result<()> {
    let bytes = read(&mut caller, at, len)?;
    caller.data_mut().error = Some(bytes);
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the signature is the protocol's")]
fn host_call(
    mut caller: Caller<'_, Guest>,
    binding: Pointer,
    binding_len: Pointer,
    namespace: Pointer,
    namespace_len: Pointer,
    operation: Pointer,
    operation_len: Pointer,
    payload: Pointer,
    payload_len: Pointer,
) -> Result<i32> {
    let binding = read_text(&mut caller, binding, binding_len)?;
    let namespace = read_text(&mut caller, namespace, namespace_len)?;
    let operation = read_text(&mut caller, operation, operation_len)?;
    let payload = read(&mut caller, payload, payload_len)?;
    let callbacks = caller.data().callbacks.clone();
    let answer = callbacks.call(&binding, &namespace, &operation, &payload);
    let guest = caller.data_mut();
    guest.host_response.clear();
    guest.host_error.clear();
    match answer {
        Ok(bytes) => {
            guest.host_response = bytes;
            Ok(1)
        }
        Err(message) => {
            guest.host_error = message.into_bytes();
            Ok(0)
        }
    }
}
