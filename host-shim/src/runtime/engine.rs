//! The one wasmtime configuration, shared by compiling ahead of time and by running.

use std::{thread, time::Duration};

use wasmtime::{
    Config, InstanceAllocationStrategy, Memory, MemoryType, PoolingAllocationConfig, Store,
};

use super::{LoadError, in_place};

/// How often the deadline is looked at.
pub(super) const TICK: Duration = Duration::from_millis(20);
/// Linear memory that is set to zero in place when its instance ends; what lies above goes back to
/// the system. A decision on one image touches less.
const RESIDENT: usize = 2 << 20;
/// By how much a linear memory without a reservation grows into free room.
const GROWTH: u64 = 16 << 20;

/// Which build of the module an engine takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Without wide arithmetic: what every other wasm host runs, byte for byte.
    Portable,
    /// With it: big integers at a third of the price.
    #[default]
    Wide,
}

/// What a pooled engine has room for. Each slot is 4 GiB of addresses, and of memory what its
/// instance uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Instances at once.
    pub instances: u32,
    /// Bytes of linear memory of each, at the most: no [`Limits`](super::Limits) go beyond.
    pub memory: usize,
}

impl Default for Slots {
    fn default() -> Self {
        Self { instances: 64, memory: 256 << 20 }
    }
}

/// A wasmtime engine and the thread that moves its clock. Make one a process.
#[derive(Clone)]
pub struct Engine {
    pub(super) wasmtime: wasmtime::Engine,
    /// Bytes of linear memory that there is room for.
    pub(super) most_memory: usize,
    remark: Option<String>,
}

/// Where instances get their memory from.
#[derive(Clone, Copy)]
enum Room {
    /// A slot that is there.
    Pool(Slots),
    /// Addresses are reserved for each instance, so that no access needs a check.
    Reserved,
    /// What it has, and no more: every access is checked.
    Checked,
}

impl Engine {
    /// An engine that makes room for an instance when it starts: for a decision or a few.
    pub fn new(profile: Profile) -> Result<Self, LoadError> {
        let engine = Self::with(profile, Room::Reserved)?;
        match engine.probe() {
            Ok(()) => Ok(engine),
            Err(e) => Self::checked(profile, &e),
        }
    }

    /// An engine with room for many instances, made once: for a server. Without the addresses for
    /// all of them it is [`Engine::new`], with a remark.
    pub fn pooled(profile: Profile, slots: Slots) -> Result<Self, LoadError> {
        let pooled = Self::with(profile, Room::Pool(slots));
        let Err(LoadError::Engine(e)) = pooled else { return pooled };
        let mut engine = Self::new(profile)?;
        engine.remark.get_or_insert_with(|| {
            format!(
                "there is no room for {} instances at once ({e}): it is made for each as it \
                 starts. Allow more addresses (ulimit -v), or fewer instances",
                slots.instances
            )
        });
        Ok(engine)
    }

    /// What is otherwise than asked for, for the user.
    pub fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }

    fn checked(profile: Profile, why: &str) -> Result<Self, LoadError> {
        let mut engine = Self::with(profile, Room::Checked)?;
        engine.probe().map_err(LoadError::Engine)?;
        engine.remark = Some(format!(
            "4 GiB of addresses for the module cannot be reserved ({why}): every access to memory \
             is checked instead, which is slower. Allow more addresses (ulimit -v)"
        ));
        Ok(engine)
    }

    fn with(profile: Profile, room: Room) -> Result<Self, LoadError> {
        let wasmtime = wasmtime::Engine::new(&config(profile, room)?)
            .map_err(|e| LoadError::Engine(format!("{e:#}")))?;
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
        let most_memory = match room {
            Room::Pool(slots) => slots.memory,
            Room::Reserved | Room::Checked => usize::MAX,
        };
        Ok(Self { wasmtime, most_memory, remark: None })
    }

    /// Whether an instance would get its memory.
    fn probe(&self) -> Result<(), String> {
        let mut store = Store::new(&self.wasmtime, ());
        let memory = Memory::new(&mut store, MemoryType::new(1, None));
        memory.map(|_| ()).map_err(|e| format!("{e:#}"))
    }
}

fn config(profile: Profile, room: Room) -> Result<Config, LoadError> {
    let mut config = Config::new();
    // Naming the target turns the detection of this machine's CPU off: code compiled ahead of time
    // runs on every CPU of the architecture, and is the same bytes wherever it is built.
    config
        .target(env!("COUNTERSIGN_TARGET"))
        .map_err(|e| LoadError::Engine(e.to_string()))?
        .with_custom_code_memory(in_place::memory())
        .generate_address_map(false)
        .native_unwind_info(false)
        .consume_fuel(true)
        .epoch_interruption(true)
        .wasm_backtrace_max_frames(None)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_wide_arithmetic(profile == Profile::Wide);
    match room {
        Room::Pool(slots) => {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(slots)));
        }
        Room::Reserved => {}
        Room::Checked => {
            config.memory_reservation(0).memory_reservation_for_growth(GROWTH);
        }
    }
    Ok(config)
}

fn pool(slots: Slots) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(slots.instances)
        .total_memories(slots.instances)
        .total_tables(slots.instances)
        .total_component_instances(0)
        .max_memory_size(slots.memory)
        .linear_memory_keep_resident(RESIDENT)
        // A slot that was used is taken again before another is touched.
        .max_unused_warm_slots(0);
    pool
}
