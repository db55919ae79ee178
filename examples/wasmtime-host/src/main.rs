//! The Countersign module on plain wasmtime: one step of the contract, JSON in and JSON out.
//!
//! `wasmtime-host policy.wasm < step.json`: prints the needs, or the decision. Fetch exactly what
//! the needs list, add the answers to `evidence`, call again. A trap is a refusal.

use std::{error::Error, io::Read};

use wasmtime::{
    Caller, Config, Engine, Extern, Linker, Module, Result, Store, StoreLimits, StoreLimitsBuilder,
    bail,
};

/// What the guest is called with, what it answers, and what it may use.
struct Call {
    request: Vec<u8>,
    response: Vec<u8>,
    error: String,
    limits: StoreLimits,
}

fn memory(caller: &mut Caller<'_, Call>) -> Result<wasmtime::Memory> {
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => Ok(memory),
        _ => bail!("the module exports no memory"),
    }
}

fn read(caller: &mut Caller<'_, Call>, at: i32, len: i32) -> Result<Vec<u8>> {
    let (at, len) = (at as u32 as usize, len as u32 as usize);
    match memory(caller)?
        .data(&caller)
        .get(at..at.saturating_add(len))
    {
        Some(bytes) => Ok(bytes.to_vec()),
        None => bail!("out of bounds"),
    }
}

/// One waPC call of `evaluate`: at most `fuel` units and 256 MiB.
fn evaluate(engine: &Engine, module: &Module, request: Vec<u8>, fuel: u64) -> Result<Vec<u8>> {
    let mut linker: Linker<Call> = Linker::new(engine);
    linker.func_wrap(
        "wapc",
        "__guest_request",
        |mut c: Caller<'_, Call>, op: i32, req: i32| {
            let (memory, request) = (memory(&mut c)?, c.data().request.clone());
            memory.write(&mut c, op as u32 as usize, b"evaluate")?;
            Ok(memory.write(&mut c, req as u32 as usize, &request)?)
        },
    )?;
    linker.func_wrap(
        "wapc",
        "__guest_response",
        |mut c: Caller<'_, Call>, at: i32, len: i32| {
            c.data_mut().response = read(&mut c, at, len)?;
            Ok(())
        },
    )?;
    linker.func_wrap(
        "wapc",
        "__guest_error",
        |mut c: Caller<'_, Call>, at: i32, len: i32| {
            c.data_mut().error = String::from_utf8_lossy(&read(&mut c, at, len)?).into_owned();
            Ok(())
        },
    )?;
    // A table of functions is seeded; nothing of a decision depends on it.
    linker.func_wrap("wasi_snapshot_preview1", "random_get", |_: i32, _: i32| {
        0i32
    })?;
    // `evaluate` calls nothing else: no callback, clock, environment or output.
    linker.define_unknown_imports_as_traps(module)?;

    let limits = StoreLimitsBuilder::new().memory_size(256 << 20).build();
    let len = request.len() as i32;
    let call = Call {
        request,
        response: Vec::new(),
        error: String::new(),
        limits,
    };
    let mut store = Store::new(engine, call);
    store.limiter(|call| &mut call.limits);
    store.set_fuel(fuel)?;
    let instance = linker.instantiate(&mut store, module)?;
    instance
        .get_typed_func::<(), ()>(&mut store, "wapc_init")?
        .call(&mut store, ())?;
    let guest = instance.get_typed_func::<(i32, i32), i32>(&mut store, "__guest_call")?;
    match guest.call(&mut store, ("evaluate".len() as i32, len))? {
        1 => Ok(store.into_data().response),
        _ => bail!("the module refuses: {}", store.data().error),
    }
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let engine = Engine::new(Config::new().consume_fuel(true))?;
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: wasmtime-host policy.wasm < step.json")?;
    let module = Module::from_file(&engine, path)?;
    let mut request = Vec::new();
    std::io::stdin().read_to_end(&mut request)?;
    println!(
        "{}",
        String::from_utf8(evaluate(&engine, &module, request, 5_000_000_000)?)?
    );
    Ok(())
}
