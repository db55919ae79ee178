//! One running instance: it keeps its memory from call to call, and spends from one account.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use wasmtime::{Memory, PoolConcurrencyLimitError, Store, Trap, TypedFunc};

use super::{
    HostCallbacks, Limits, Module, Outcome, RuntimeError, engine::TICK, guest::Guest, wasi,
};

/// `__guest_call`: lengths of operation and payload in, success out.
type GuestCall = TypedFunc<(i32, i32), i32>;

/// An instance of a module. Whatever stops it, it is not to be used again.
pub struct Instance {
    store: Store<Guest>,
    memory: Memory,
    guest_call: GuestCall,
    account: Account,
    /// Bytes of linear memory that the engine has for it.
    most_memory: usize,
    stopped: bool,
}

impl Module {
    /// A fresh instance, started. The start is paid for out of `limits`, as all calls are until
    /// [`Instance::renew`]. `now` is what the guest's clock says, in nanoseconds since the Unix
    /// epoch.
    pub fn instantiate(
        &self,
        limits: Limits,
        now: u64,
        callbacks: Arc<dyn HostCallbacks>,
    ) -> Result<Instance, RuntimeError> {
        let limits = Limits { memory: limits.memory.min(self.most_memory), ..limits };
        let guest = Guest::new(limits.memory, now, callbacks);
        let mut store = Store::new(self.pre.module().engine(), guest);
        store.limiter(|guest| &mut guest.memory);
        let mut account = Account::new(limits);
        account.open(&mut store)?;
        let (memory, guest_call) = account.spend(&mut store, |store| self.start(store))?;
        let most_memory = self.most_memory;
        Ok(Instance { store, memory, guest_call, account, most_memory, stopped: false })
    }

    fn start(&self, store: &mut Store<Guest>) -> wasmtime::Result<(Memory, GuestCall)> {
        let instance = self.pre.instantiate(&mut *store)?;
        for start in ["_start", "_initialize", "wapc_init"] {
            if let Some(function) = instance.get_func(&mut *store, start) {
                function.typed::<(), ()>(&*store)?.call(&mut *store, ())?;
            }
        }
        let guest_call = instance.get_typed_func::<(i32, i32), i32>(&mut *store, "__guest_call")?;
        let memory = instance
            .get_memory(&mut *store, "memory")
            .ok_or_else(|| wasmtime::Error::msg("the module exports no memory"))?;
        Ok((memory, guest_call))
    }
}

impl Instance {
    /// A new account: what the calls from here on may spend together, and their time.
    pub fn renew(&mut self, limits: Limits, now: u64) -> Result<(), RuntimeError> {
        let limits = Limits { memory: limits.memory.min(self.most_memory), ..limits };
        self.store.data_mut().renew(now, limits.memory);
        self.account = Account::new(limits);
        self.account.open(&mut self.store)
    }

    /// Calls a waPC operation. Only [`RuntimeError::Guest`] leaves an instance that can be called
    /// again.
    pub fn call(&mut self, operation: &str, payload: &[u8]) -> Result<Outcome, RuntimeError> {
        if self.stopped {
            let message = "the instance was stopped in an earlier call".to_owned();
            return Err(RuntimeError::Protocol(message));
        }
        let result = self.enter(operation, payload);
        self.stopped = !matches!(result, Ok(_) | Err(RuntimeError::Guest(_)));
        result
    }

    /// Bytes of its linear memory, which never shrinks.
    pub fn memory(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    fn enter(&mut self, operation: &str, payload: &[u8]) -> Result<Outcome, RuntimeError> {
        let length = |bytes: &[u8]| {
            let too_long = |_| RuntimeError::Protocol("a call of more than 2 GiB".to_owned());
            i32::try_from(bytes.len()).map_err(too_long)
        };
        let lengths = (length(operation.as_bytes())?, length(payload)?);
        self.store.data_mut().ask(operation, payload);
        let guest_call = &self.guest_call;
        let success = self.account.spend(&mut self.store, |store| guest_call.call(store, lengths));
        let (response, error) = self.store.data_mut().take_answer();
        if success? != 1 {
            let words = error.unwrap_or_default();
            return Err(RuntimeError::Guest(String::from_utf8_lossy(&words).into_owned()));
        }
        let response = response.ok_or_else(|| {
            RuntimeError::Protocol(
                "the module says that it succeeded and answers nothing".to_owned(),
            )
        })?;
        let fuel = self.account.report(&self.store);
        let guest = self.store.data_mut();
        Ok(Outcome { response, fuel, memory: guest.memory.peak, log: guest.take_log() })
    }
}

/// What is left of the limits.
struct Account {
    limits: Limits,
    time: Duration,
    /// Fuel that was left when an outcome was reported last.
    reported: u64,
}

impl Account {
    fn new(limits: Limits) -> Self {
        Self { limits, time: limits.deadline, reported: limits.fuel }
    }

    fn open(&self, store: &mut Store<Guest>) -> Result<(), RuntimeError> {
        store.set_fuel(self.limits.fuel).map_err(|e| RuntimeError::Trap(e.to_string()))
    }

    /// Runs the guest, on the time that is left.
    fn spend<T>(
        &mut self,
        store: &mut Store<Guest>,
        work: impl FnOnce(&mut Store<Guest>) -> wasmtime::Result<T>,
    ) -> Result<T, RuntimeError> {
        store.set_epoch_deadline(ticks(self.time));
        let start = Instant::now();
        let result = work(store);
        self.time = self.time.saturating_sub(start.elapsed());
        result.map_err(|e| classify(&e, store.data_mut(), self.limits))
    }

    /// Fuel since the last report.
    fn report(&mut self, store: &Store<Guest>) -> u64 {
        let left = store.get_fuel().unwrap_or(0);
        let used = self.reported.saturating_sub(left);
        self.reported = left;
        used
    }
}

fn ticks(time: Duration) -> u64 {
    let ticks = time.as_nanos().div_ceil(TICK.as_nanos());
    u64::try_from(ticks).unwrap_or(u64::MAX / 2).saturating_add(1).min(u64::MAX / 2)
}

fn classify(error: &wasmtime::Error, guest: &mut Guest, limits: Limits) -> RuntimeError {
    if let Some(wasi::Exit(code)) = error.downcast_ref() {
        return RuntimeError::Exit(*code);
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return RuntimeError::Busy(error.root_cause().to_string());
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return RuntimeError::Fuel(limits.fuel),
        Some(Trap::Interrupt) => return RuntimeError::Deadline(limits.deadline),
        _ => {}
    }
    if guest.memory.refused {
        return RuntimeError::Memory(limits.memory);
    }
    let mut message = error.root_cause().to_string();
    // A Rust guest says why on its standard error before it traps.
    let log = guest.take_log();
    if let Some(line) = log.lines().rev().find(|l| !l.trim().is_empty()) {
        message.push_str(": ");
        message.push_str(line.trim());
    }
    RuntimeError::Trap(message)
}
