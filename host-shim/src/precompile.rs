//! `countersign-precompile IN.wasm OUT.cwasm`: compiles the module ahead of time, for the build to
//! embed.

use std::{env, error::Error, fs, process::ExitCode};

use countersign_host::runtime::{Engine, Profile, precompile};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("countersign-precompile: {e}");
            ExitCode::from(3)
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let (Some(from), Some(to), None) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: countersign-precompile IN.wasm OUT.cwasm".into());
    };
    let code = precompile(&Engine::new(Profile::Default)?, &fs::read(from)?)?;
    fs::write(to, code)?;
    Ok(())
}
