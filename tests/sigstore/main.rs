//! Sigstore, end to end: what must be allowed, and everything that must not, with one fault each.
//!
//! The rooms are tables: the behaviour by its name, what is right ([`World`]), what spoils it, and
//! the reason code. What is right is allowed, so that it is the fault that is refused.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the core reads no files and no clock; tests of it do"
)]
#![allow(clippy::type_complexity, reason = "tables of functions")]

#[path = "../support/promises.rs"]
mod promises;
#[path = "../support/shared.rs"]
mod shared;
#[path = "../support/sigstore/mod.rs"]
mod sigstore;

mod dump;
mod generator;
mod world;

mod bundle_format;
mod certificate;
mod checkpoint;
mod dsse_and_subject;
mod happy;
mod identity;
mod keys_and_algorithms;
mod legacy;
mod limits;
mod log_entry;
mod policy;
mod promise;
mod proof;
mod sct;
mod thresholds;
mod timestamp;
mod trusted_root;

use world::{Fault, Verdict};

/// Every table.
const ROOMS: &[(&str, fn() -> Vec<Fault>)] = &[
    ("bundle format", bundle_format::faults),
    ("certificate", certificate::faults),
    ("checkpoint", checkpoint::faults),
    ("dsse and subject", dsse_and_subject::faults),
    ("identity", identity::faults),
    ("keys and algorithms", keys_and_algorithms::faults),
    ("legacy", legacy::faults),
    ("log entry", log_entry::faults),
    ("promise", promise::faults),
    ("proof", proof::faults),
    ("sct", sct::faults),
    ("thresholds", thresholds::faults),
    ("timestamp", timestamp::faults),
    ("trusted root", trusted_root::faults),
];

#[test]
fn what_has_one_fault_is_refused_with_its_reason_and_what_has_none_is_allowed() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for (room, faults) in ROOMS {
        let faults = faults();
        println!("{room}: {} faults", faults.len());
        count += faults.len();
        let mut names: Vec<_> = faults.iter().map(|fault| fault.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), faults.len(), "{room}: two faults of one name");
        for fault in &faults {
            let right = fault.right();
            if !matches!(right, Verdict::Allow) {
                wrong.push(format!("{room}: {}: unspoilt: {right:?}", fault.name));
            }
            match fault.spoilt() {
                Verdict::Refuse { code, .. } if code == fault.code => {}
                other => wrong
                    .push(format!("{room}: {}: {} expected, {other:?}", fault.name, fault.code)),
            }
        }
    }
    println!("sigstore: {count} faults");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 150, "{count}");
}
