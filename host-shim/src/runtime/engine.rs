//! The one wasmtime configuration, shared by compiling ahead of time and by running.

use std::{thread, time::Duration};

use super::LoadError;

/// How often the deadline is looked at.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// Which build of the module an engine takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Without wide arithmetic: what every other wasm host runs, byte for byte.
    Portable,
    /// With it: big integers at a third of the price.
    #[default]
    Wide,
}

/// A wasmtime engine and the thread that moves its clock. Make one a process.
#[derive(Clone)]
pub struct Engine {
    pub(super) wasmtime: wasmtime::Engine,
}

impl Engine {
    /// An engine for one profile.
    pub fn new(profile: Profile) -> Result<Self, LoadError> {
        let wasmtime = wasmtime::Engine::new(&config(profile)?)
            .map_err(|e| LoadError::Engine(e.to_string()))?;
        let weak = wasmtime.weak();
        thread::Builder::new()
            .name("deadline".to_owned())
            .spawn(move || {
                while let Some(engine) = weak.upgrade() {
                    engine.increment_epoch();
                    drop(engine);
                    thread::sleep(TICK);
                }
            })
            .map_err(|e| LoadError::Engine(e.to_string()))?;
        Ok(Self { wasmtime })
    }
}

fn config(profile: Profile) -> Result<wasmtime::Config, LoadError> {
    let mut config = wasmtime::Config::new();
    // Naming the target turns the detection of this machine's CPU off: code compiled ahead of time
    // runs on every CPU of the architecture, and is the same bytes wherever it is built.
    config
        .target(env!("COUNTERSIGN_TARGET"))
        .map_err(|e| LoadError::Engine(e.to_string()))?
        .consume_fuel(true)
        .epoch_interruption(true)
        .wasm_backtrace_max_frames(None)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_wide_arithmetic(profile == Profile::Wide);
    Ok(config)
}
