//! Countersign as a waPC module.
//!
//! Kubewarden calls `protocol_version`, `validate_settings` and `validate`; any other host calls
//! `evaluate`, one step of the contract: JSON in, need or decision out. A host that makes many
//! decisions under one policy calls `prepare` once, and `begin` and `resume` for each.

mod callbacks;
mod carried;
mod gather;
mod host;
mod image;
mod listed;
mod raw;
mod respond;
mod session;
mod validate;

use wapc_guest::{CallResult, register_function};

/// Called once by the host after instantiation.
#[unsafe(no_mangle)]
pub extern "C" fn wapc_init() {
    register_function("begin", session::begin);
    register_function("evaluate", evaluate);
    register_function("prepare", session::prepare);
    register_function("protocol_version", protocol_version);
    register_function("resume", session::resume);
    register_function("validate", validate::validate);
    register_function("validate_settings", validate::validate_settings);
}

/// A [`countersign::wire::StepRequest`] in, a [`countersign::wire::StepResponse`] out.
fn evaluate(payload: &[u8]) -> CallResult {
    Ok(countersign::step_json(payload))
}

/// The version of Kubewarden's guest protocol.
fn protocol_version(_payload: &[u8]) -> CallResult {
    Ok(b"\"v1\"".to_vec())
}
