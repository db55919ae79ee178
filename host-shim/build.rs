//! Writes `modules.rs`: the modules that the binary carries, from `target/module` or from the
//! directory that `COUNTERSIGN_MODULE_DIR` names. What is not there is not carried.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=COUNTERSIGN_MODULE_DIR");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=COUNTERSIGN_TARGET={}", env::var("TARGET")?);

    let directory = match env::var_os("COUNTERSIGN_MODULE_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../target/module"),
    };
    println!("cargo::rerun-if-changed={}", directory.display());
    let module = |name: &str| {
        let wasm = include(&directory.join(format!("{name}.wasm")));
        let compiled = include(&directory.join(format!("{name}.cwasm")));
        format!("Embedded {{ wasm: {wasm}, compiled: {compiled} }}")
    };
    let (wide, portable) = (module("policy-wide"), module("policy"));
    let text =
        format!("const MODULES: Modules = Modules {{ wide: {wide}, portable: {portable} }};");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("modules.rs"), text)?;
    Ok(())
}

fn include(path: &Path) -> String {
    match path.canonicalize() {
        Ok(path) => format!("Some(include_bytes!({path:?}))"),
        Err(_) => "None".to_owned(),
    }
}
