//! The `countersign` command with the modules that its build carries.

use std::process::ExitCode;

use countersign_host::{
    cli,
    runtime::{Embedded, Modules},
};

include!(concat!(env!("OUT_DIR"), "/modules.rs"));

fn main() -> ExitCode {
    cli::run(MODULES)
}
