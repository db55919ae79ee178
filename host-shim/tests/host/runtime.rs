use std::{
    sync::{Arc, Mutex, OnceLock},
    thread,
    time::{Duration, Instant},
};

use countersign_host::runtime::{
    Call, Compiled, Embedded, Engine, HostCallbacks, Instance, Limits, LoadError, Module,
    NoCallbacks, Outcome, Profile, RuntimeError, Slots, precompile,
};

use crate::guest::{answering, with_body};

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(Profile::Wide).unwrap())
}

fn run(body: &str, data: &[u8]) -> Result<Outcome, RuntimeError> {
    let limits = Limits { fuel: 50_000_000, memory: 8 << 20, deadline: Duration::from_millis(500) };
    run_with(body, data, limits, Arc::new(NoCallbacks))
}

fn run_with(
    body: &str,
    data: &[u8],
    limits: Limits,
    callbacks: Arc<dyn HostCallbacks>,
) -> Result<Outcome, RuntimeError> {
    let module = Module::compile(engine(), &with_body(body, data)).unwrap();
    let (operation, payload) = ("evaluate", b"payload".as_slice());
    module.call(&Call { operation, payload, now: 1_234_567_890, limits, callbacks })
}

#[test]
fn passes_operation_and_payload_and_brings_the_answer_back() {
    let echo = "
        (call $request (i32.const 16) (i32.const 24))
        (call $response (i32.const 16) (i32.add (local.get $op) (local.get $len)))
        i32.const 1";
    let outcome = run(echo, b"").unwrap();
    assert_eq!(outcome.response, b"evaluatepayload");
    assert!(outcome.fuel > 0 && outcome.fuel < 1000, "{}", outcome.fuel);
    assert_eq!(outcome.memory, 65_536);
}

#[test]
fn the_same_call_costs_and_answers_the_same() {
    let body = "
        (drop (call $random (i32.const 1024) (i32.const 32)))
        (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 1056)))
        (drop (call $environ (i32.const 1064) (i32.const 1068)))
        (call $response (i32.const 1024) (i32.const 48))
        i32.const 1";
    let (first, second) = (run(body, b"").unwrap(), run(body, b"").unwrap());
    assert_eq!(first, second);
    assert_eq!(first.response[32..40], 1_234_567_890_u64.to_le_bytes());
    assert!(first.response[..32].iter().any(|b| *b != first.response[0]));
}

#[test]
fn names_the_limit_that_stopped_a_guest() {
    let forever = "(loop $again (br $again)) i32.const 1";
    assert_eq!(run(forever, b""), Err(RuntimeError::Fuel(50_000_000)));

    let limits = Limits { deadline: Duration::from_millis(100), ..Limits::default() };
    let start = Instant::now();
    let outcome = run_with(forever, b"", limits, Arc::new(NoCallbacks));
    assert_eq!(outcome, Err(RuntimeError::Deadline(Duration::from_millis(100))));
    assert!(start.elapsed() < Duration::from_secs(5));

    let hungry = "
        (if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable))
        i32.const 1";
    let error = run(hungry, b"").unwrap_err();
    assert_eq!(error, RuntimeError::Memory(8 << 20));
    assert!(error.to_string().contains("8 MiB"));
    assert_eq!(run("(call $exit (i32.const 7)) i32.const 1", b""), Err(RuntimeError::Exit(7)));
    assert!(matches!(run("unreachable", b""), Err(RuntimeError::Trap(_))));
}

#[test]
fn a_pointer_outside_of_memory_stops_the_guest_and_not_the_host() {
    for call in [
        "(call $request (i32.const -1) (i32.const 0))",
        "(call $request (i32.const 0) (i32.const 65534))",
        "(call $response (i32.const 65536) (i32.const 1))",
        "(call $response (i32.const -1) (i32.const -1))",
        "(call $error (i32.const 0) (i32.const 65537))",
        "(call $log (i32.const 1) (i32.const -1))",
        "(drop (call $random (i32.const 0) (i32.const -1)))",
        "(drop (call $clock (i32.const 0) (i64.const 0) (i32.const 65530)))",
        "(drop (call $environ (i32.const 65534) (i32.const 0)))",
        "(drop (call $fd_write (i32.const 1) (i32.const 65534) (i32.const 1) (i32.const 0)))",
        "(drop (call $host (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 0)))",
    ] {
        let error = run(&format!("{call} i32.const 1"), b"").unwrap_err();
        assert!(matches!(&error, RuntimeError::Trap(m) if m.contains("memory")), "{call}: {error}");
    }
}

#[test]
fn a_guest_that_fails_says_why() {
    let failing = "(call $error (i32.const 1024) (i32.const 3)) i32.const 0";
    assert_eq!(run(failing, b"why"), Err(RuntimeError::Guest("why".to_owned())));
    assert!(matches!(run("i32.const 1", b""), Err(RuntimeError::Protocol(_))));
    // A Rust guest prints its panic before it traps: vector at 1024, text after it.
    let mut data = [1032_u32.to_le_bytes(), 4_u32.to_le_bytes()].concat();
    data.extend_from_slice(b"help");
    let panicking = "
        (drop (call $fd_write (i32.const 2) (i32.const 1024) (i32.const 1) (i32.const 512)))
        unreachable";
    let error = run(panicking, &data).unwrap_err().to_string();
    assert!(error.ends_with(": help"), "{error}");
}

#[test]
fn what_a_guest_prints_is_kept_up_to_a_bound() {
    let mut data = [1032_u32.to_le_bytes(), 60_000_u32.to_le_bytes()].concat();
    data.resize(60_008, b'x');
    let write =
        "(drop (call $fd_write (i32.const 1) (i32.const 1024) (i32.const 1) (i32.const 0)))";
    let body =
        format!("{} (call $response (i32.const 0) (i32.const 0)) i32.const 1", write.repeat(3));
    assert_eq!(run(&body, &data).unwrap().log.len(), 64 << 10);
}

#[test]
fn callbacks_get_the_four_parts_and_answer_or_fail() {
    #[derive(Default)]
    struct Recorder(Mutex<Vec<String>>);
    impl HostCallbacks for Recorder {
        fn call(&self, b: &str, n: &str, o: &str, payload: &[u8]) -> Result<Vec<u8>, String> {
            let payload = String::from_utf8_lossy(payload);
            self.0.lock().unwrap().push(format!("{b}/{n}/{o}/{payload}"));
            if o == "op" { Ok(b"good".to_vec()) } else { Err("bad".to_owned()) }
        }
    }
    let host = |operation: usize| {
        format!(
            "(call $host (i32.const 1024) (i32.const 1) (i32.const 1025) (i32.const 2)
               (i32.const {operation}) (i32.const 2) (i32.const 1031) (i32.const 3))"
        )
    };
    let body = format!(
        "(if (i32.ne {} (i32.const 1)) (then unreachable))
         (call $host_response (i32.const 2000))
         (if (i32.ne {} (i32.const 0)) (then unreachable))
         (if (i32.ne (call $host_error_len) (i32.const 3)) (then unreachable))
         (call $host_error (i32.const 2004))
         (call $response (i32.const 2000) (i32.const 7)) i32.const 1",
        host(1027),
        host(1029),
    );
    let recorder = Arc::new(Recorder::default());
    let outcome = run_with(&body, b"bnsopnopay", Limits::default(), recorder.clone()).unwrap();
    assert_eq!(outcome.response, b"goodbad");
    assert_eq!(*recorder.0.lock().unwrap(), ["b/ns/op/pay", "b/ns/no/pay"]);
}

#[test]
fn a_module_that_cannot_be_run_is_refused_before_it_runs() {
    let load = |wasm: &[u8]| Module::compile(engine(), wasm).err().unwrap();
    assert!(matches!(load(b"(module)"), LoadError::Malformed(_)));
    let empty = wat::parse_str("(module)").unwrap();
    assert_eq!(load(&empty), LoadError::MissingExport("memory"));
    let mute = wat::parse_str("(module (memory (export \"memory\") 1))").unwrap();
    assert_eq!(load(&mute), LoadError::MissingExport("__guest_call"));
    let curious = wat::parse_str(
        r#"(module (import "wasi_snapshot_preview1" "path_open" (func)) (memory (export "memory") 1)
           (func (export "__guest_call") (param i32 i32) (result i32) i32.const 1))"#,
    )
    .unwrap();
    let name = "wasi_snapshot_preview1.path_open".to_owned();
    assert_eq!(load(&curious), LoadError::Import { name });
}

#[test]
fn code_compiled_ahead_of_time_runs_and_never_stands_for_another_module() {
    let wasm: &'static [u8] = answering(b"one").leak();
    let other: &'static [u8] = answering(b"two").leak();
    let compiled: &'static [u8] = precompile(engine(), wasm).unwrap().leak();
    let answer = |module: &Module| {
        let call = Call {
            operation: "evaluate",
            payload: b"",
            now: 0,
            limits: Limits::default(),
            callbacks: Arc::new(NoCallbacks),
        };
        module.call(&call).unwrap().response
    };
    let load = |wasm, compiled| {
        Module::embedded(
            engine(),
            Embedded {
                wasm: Some(wasm),
                compiled: Some(unsafe { Compiled::new(compiled) }),
                matched: false,
            },
        )
        .unwrap()
    };
    let (module, note) = load(wasm, compiled);
    assert_eq!((answer(&module).as_slice(), note), (b"one".as_slice(), None));
    let (module, note) = load(other, compiled);
    assert_eq!(answer(&module), b"two");
    assert!(note.unwrap().contains("made from another module"));
    let (module, note) = load(wasm, &compiled[..20]);
    assert_eq!(answer(&module), b"one");
    assert!(note.unwrap().contains("cut short"));
    let absent = Module::embedded(engine(), Embedded::default()).err();
    assert_eq!(absent, Some(LoadError::Absent));
}

#[test]
fn code_that_starts_a_page_runs_where_it_lies_and_as_a_copy_beside_it() {
    const PAGE: usize = 64 << 10;
    let wasm: &'static [u8] = answering(b"one").leak();
    let code = precompile(engine(), wasm).unwrap();
    // Nobody else's bytes are on its pages.
    let room: &'static mut [u8] = vec![0; code.len().next_multiple_of(PAGE) + 2 * PAGE].leak();
    let start = room.as_ptr().addr().next_multiple_of(PAGE) - room.as_ptr().addr();
    room[start..start + code.len()].copy_from_slice(&code);
    let compiled: &'static [u8] = &room[start..start + code.len()];
    let load = |matched| {
        let embedded = Embedded {
            wasm: Some(wasm),
            compiled: Some(unsafe { Compiled::new(compiled) }),
            matched,
        };
        assert_eq!(embedded.digest(), Embedded { compiled: None, ..embedded }.digest());
        let engine = Engine::new(Profile::Wide).unwrap();
        Module::embedded(&engine, embedded).unwrap().0
    };
    let answer = |module: &Module| {
        let call = Call {
            operation: "evaluate",
            payload: b"",
            now: 0,
            limits: Limits::default(),
            callbacks: Arc::new(NoCallbacks),
        };
        module.call(&call).unwrap().response
    };
    let (first, second) = (load(true), load(false));
    assert_eq!((answer(&first), answer(&second)), (b"one".to_vec(), b"one".to_vec()));
    drop(first);
    assert_eq!(answer(&second), b"one");
    assert_eq!(answer(&load(true)), b"one");
    let digest = second.digest().to_owned();
    assert_eq!(Some(digest), Embedded { wasm: Some(wasm), ..Embedded::default() }.digest());
}

fn instance(engine: &Engine, body: &str, limits: Limits) -> Result<Instance, RuntimeError> {
    let module = Module::compile(engine, &with_body(body, b"")).unwrap();
    module.instantiate(limits, 0, Arc::new(NoCallbacks))
}

/// Counts its calls, and answers with the count.
const COUNT: &str = "
    (i32.store8 (i32.const 16) (i32.add (i32.load8_u (i32.const 16)) (i32.const 1)))
    (call $response (i32.const 16) (i32.const 1))
    i32.const 1";
/// Goes round a while, and answers with nothing.
const WORK: &str = "
    (loop $again
      (i32.store (i32.const 16) (i32.add (i32.load (i32.const 16)) (i32.const 1)))
      (br_if $again (i32.lt_u (i32.load (i32.const 16)) (i32.const 20000000))))
    (i32.store (i32.const 16) (i32.const 0))
    (call $response (i32.const 0) (i32.const 0))
    i32.const 1";

#[test]
fn an_instance_keeps_its_memory_from_call_to_call() {
    let mut instance = instance(engine(), COUNT, Limits::default()).unwrap();
    for n in 1..4 {
        assert_eq!(instance.call("evaluate", b"").unwrap().response, [n]);
    }
    assert_eq!(instance.memory(), 65_536);
}

#[test]
fn calls_spend_their_fuel_from_one_account_until_it_is_renewed() {
    let limits = Limits { fuel: u64::MAX, ..Limits::default() };
    let once = instance(engine(), WORK, limits).unwrap().call("evaluate", b"").unwrap().fuel;
    let limits = Limits { fuel: once * 5 / 2, ..Limits::default() };
    let mut instance = instance(engine(), WORK, limits).unwrap();
    assert_eq!(instance.call("evaluate", b"").unwrap().fuel, once);
    assert_eq!(instance.call("evaluate", b"").unwrap().fuel, once);
    instance.renew(limits, 0).unwrap();
    assert_eq!(instance.call("evaluate", b"").unwrap().fuel, once);
    assert_eq!(instance.call("evaluate", b"").unwrap().fuel, once);
    assert_eq!(instance.call("evaluate", b""), Err(RuntimeError::Fuel(limits.fuel)));
    let again = instance.call("evaluate", b"").unwrap_err();
    assert!(again.to_string().contains("stopped in an earlier call"), "{again}");
}

#[test]
fn calls_spend_their_time_from_one_account_and_the_host_none() {
    let start = Instant::now();
    instance(engine(), WORK, Limits::default()).unwrap().call("evaluate", b"").unwrap();
    let once = start.elapsed();
    let limits = Limits { deadline: once * 10, ..Limits::default() };
    let mut working = instance(engine(), WORK, limits).unwrap();
    let calls = (0..1000).take_while(|_| working.call("evaluate", b"").is_ok()).count();
    assert!((1..1000).contains(&calls), "{calls}");
    assert!(working.call("evaluate", b"").is_err());

    let limits = Limits { deadline: Duration::from_millis(200), ..Limits::default() };
    let mut idle = instance(engine(), COUNT, limits).unwrap();
    for _ in 0..2 {
        thread::sleep(Duration::from_millis(300));
        idle.call("evaluate", b"").unwrap();
    }
}

#[test]
fn a_pooled_engine_has_room_for_so_many_and_so_much() {
    let slots = Slots { instances: 2, memory: 1 << 20 };
    let engine = Engine::pooled(Profile::Wide, slots).unwrap();
    assert_eq!(engine.remark(), None);
    let start = || instance(&engine, COUNT, Limits::default());
    let first = start().unwrap();
    let mut second = start().unwrap();
    second.call("evaluate", b"").unwrap();
    assert!(matches!(start(), Err(RuntimeError::Busy(_))));
    drop(second);
    // Nothing of the one before is in its slot.
    assert_eq!(start().unwrap().call("evaluate", b"").unwrap().response, [1]);
    drop(first);
    let hungry = "
        (if (i32.eq (memory.grow (i32.const 20)) (i32.const -1)) (then unreachable))
        i32.const 1";
    let refused = instance(&engine, hungry, Limits::default()).unwrap().call("evaluate", b"");
    assert_eq!(refused, Err(RuntimeError::Memory(1 << 20)));
}

#[test]
fn code_compiled_ahead_of_time_runs_in_every_engine_that_reserves_addresses() {
    let wasm: &'static [u8] = answering(b"one").leak();
    let compiled: &'static [u8] = precompile(engine(), wasm).unwrap().leak();
    let embedded = Embedded {
        wasm: Some(wasm),
        compiled: Some(unsafe { Compiled::new(compiled) }),
        matched: false,
    };
    let pooled = Engine::pooled(Profile::Wide, Slots { instances: 1, memory: 1 << 20 }).unwrap();
    let (_, note) = Module::embedded(&pooled, embedded).unwrap();
    assert_eq!(note, None);
}

#[test]
fn without_addresses_for_a_pool_room_is_made_for_each_instance() {
    let slots = Slots { instances: u32::MAX, ..Slots::default() };
    let engine = Engine::pooled(Profile::Wide, slots).unwrap();
    let remark = engine.remark().unwrap();
    assert!(remark.contains("no room for 4294967295 instances"), "{remark}");
    let mut instance = instance(&engine, COUNT, Limits::default()).unwrap();
    assert_eq!(instance.call("evaluate", b"").unwrap().response, [1]);
}
