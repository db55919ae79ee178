//! The `countersign` command with the module that its build carries.

use std::process::ExitCode;

use countersign_host::{cli, runtime::Embedded};

#[cfg(embedded_wasm)]
const WASM: Option<&[u8]> = Some(include_bytes!(env!("COUNTERSIGN_WASM")));
#[cfg(not(embedded_wasm))]
const WASM: Option<&[u8]> = None;

#[cfg(embedded_cwasm)]
const COMPILED: Option<&[u8]> = Some(include_bytes!(env!("COUNTERSIGN_CWASM")));
#[cfg(not(embedded_cwasm))]
const COMPILED: Option<&[u8]> = None;

fn main() -> ExitCode {
    cli::run(Embedded { wasm: WASM, compiled: COMPILED })
}
