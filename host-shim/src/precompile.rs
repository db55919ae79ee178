//! `countersign-precompile [--portable] IN.wasm OUT.cwasm`: compiles a module ahead of time, for the
//! build to embed.

use std::{env, error::Error, ffi::OsString, fs, process::ExitCode};

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
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let (profile, from, to) = match arguments.as_slice() {
        [flag, from, to] if flag == "--portable" => (Profile::Portable, from, to),
        [from, to] => (Profile::Wide, from, to),
        _ => return Err("usage: countersign-precompile [--portable] IN.wasm OUT.cwasm".into()),
    };
    let code = precompile(&Engine::new(profile)?, &fs::read(from)?)?;
    fs::write(to, code)?;
    Ok(())
}
