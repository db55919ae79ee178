//! The Countersign module on plain wasmtime: one step of the contract, JSON in and JSON out.
//!
//! `wasmtime-host policy.wasm < step.json` prints the needs, or the decision. Fetch exactly what
//! the needs list, add the answers to `evidence`, call again. A trap is a refusal.

use std::io::Read;

use wasmtime::{
    Caller, Config, Engine, Extern, Linker, Module, Result, Store, StoreLimits, StoreLimitsBuilder,
    format_err as error,
};

/// What the guest is called with, what it answers, and what it may use.
struct Call {
    request: Vec<u8>,
    answer: Vec<u8>,
    limits: StoreLimits,
}

fn write(c: &mut Caller<'_, Call>, at: i32, bytes: &[u8]) -> Result<()> {
    let memory = c.get_export("memory").and_then(Extern::into_memory);
    Ok(memory.ok_or_else(|| error!("no memory"))?.write(c, at as u32 as usize, bytes)?)
}

/// Keeps the guest's answer, or its words of failure.
fn keep(mut c: Caller<'_, Call>, at: i32, len: i32) -> Result<()> {
    let memory = c.get_export("memory").and_then(Extern::into_memory);
    let (at, len) = (at as u32 as usize, len as u32 as usize);
    let data = memory.ok_or_else(|| error!("no memory"))?.data(&c);
    let answer = data.get(at..at.saturating_add(len)).ok_or_else(|| error!("out of bounds"))?;
    c.data_mut().answer = answer.to_vec();
    Ok(())
}

/// One waPC call of `evaluate`, with at most `fuel` units and 256 MiB of memory.
fn evaluate(engine: &Engine, module: &Module, request: Vec<u8>, fuel: u64) -> Result<String> {
    let mut linker: Linker<Call> = Linker::new(engine);
    linker.func_wrap("wapc", "__guest_request", |mut c: Caller<'_, Call>, op: i32, at: i32| {
        let request = c.data().request.clone();
        write(&mut c, op, b"evaluate").and_then(|()| write(&mut c, at, &request))
    })?;
    linker.func_wrap("wapc", "__guest_response", keep)?;
    linker.func_wrap("wapc", "__guest_error", keep)?;
    // The table of the module's functions is seeded; nothing of a decision depends on it.
    linker.func_wrap("wasi_snapshot_preview1", "random_get", |_: i32, _: i32| 0i32)?;
    // `evaluate` calls nothing else: no callback, clock, environment or output.
    linker.define_unknown_imports_as_traps(module)?;

    let len = request.len() as i32;
    let limits = StoreLimitsBuilder::new().memory_size(256 << 20).build();
    let mut store = Store::new(engine, Call { request, answer: Vec::new(), limits });
    store.limiter(|call| &mut call.limits);
    store.set_fuel(fuel)?;
    let instance = linker.instantiate(&mut store, module)?;
    instance.get_typed_func::<(), ()>(&mut store, "wapc_init")?.call(&mut store, ())?;
    let guest = instance.get_typed_func::<(i32, i32), i32>(&mut store, "__guest_call")?;
    let good = guest.call(&mut store, ("evaluate".len() as i32, len))? == 1;
    let answer = String::from_utf8(store.into_data().answer)?;
    if good { Ok(answer) } else { Err(error!("the module refuses: {answer}")) }
}

fn main() -> Result<()> {
    let engine = Engine::new(Config::new().consume_fuel(true))?;
    let usage = || error!("usage: wasmtime-host policy.wasm < step.json");
    let module = Module::from_file(&engine, std::env::args().nth(1).ok_or_else(usage)?)?;
    let mut request = Vec::new();
    std::io::stdin().read_to_end(&mut request)?;
    println!("{}", evaluate(&engine, &module, request, 5_000_000_000)?);
    Ok(())
}
