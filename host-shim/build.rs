//! Finds the module that the binary carries: `policy.wasm` and `policy.cwasm` in `target/module`,
//! or in the directory that `COUNTERSIGN_MODULE_DIR` names. Without them the build carries none.

use std::{env, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-env-changed=COUNTERSIGN_MODULE_DIR");
    println!("cargo::rerun-if-changed=build.rs");
    let target = env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=COUNTERSIGN_TARGET={target}");

    let directory = match env::var_os("COUNTERSIGN_MODULE_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => {
            let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
            package.join("../target/module")
        }
    };
    println!("cargo::rerun-if-changed={}", directory.display());
    for (file, cfg, variable) in [
        ("policy.wasm", "embedded_wasm", "COUNTERSIGN_WASM"),
        ("policy.cwasm", "embedded_cwasm", "COUNTERSIGN_CWASM"),
    ] {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        let path = directory.join(file);
        if let Ok(path) = path.canonicalize() {
            println!("cargo::rustc-cfg={cfg}");
            println!("cargo::rustc-env={variable}={}", path.display());
        }
    }
}
