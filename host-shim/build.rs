//! Writes `modules.rs`: the modules that the binary carries, from `target/module` or from the
//! directory that `COUNTERSIGN_MODULE_DIR` names. What is not there is not carried.

use std::{env, error::Error, fs, path::PathBuf};

use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=COUNTERSIGN_MODULE_DIR");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=COUNTERSIGN_TARGET={}", env::var("TARGET")?);

    let directory = match env::var_os("COUNTERSIGN_MODULE_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../target/module"),
    };
    println!("cargo::rerun-if-changed={}", directory.display());
    let module = |name: &str| -> Result<String, Box<dyn Error>> {
        let wasm = directory.join(format!("{name}.wasm")).canonicalize().ok();
        let compiled = directory.join(format!("{name}.cwasm")).canonicalize().ok();
        let matched = match (&wasm, &compiled) {
            (Some(wasm), Some(compiled)) => are_matched(&fs::read(wasm)?, &fs::read(compiled)?),
            _ => false,
        };
        let wasm = wasm.map(|path| format!("include_bytes!({path:?})"));
        // At the start of a page, so that it can be run where it lies.
        let compiled = compiled.map(|path| {
            format!(
                "{{\n    #[repr(C, align(65536))]\n    struct Aligned<T: ?Sized>(T);\n    \
                 static CODE: &Aligned<[u8]> = &Aligned(*include_bytes!({path:?}));\n    \
                 // SAFETY: the build has put it here, from the output of `precompile`.\n    \
                 unsafe {{ countersign_host::runtime::Compiled::new(&CODE.0) }}\n}}"
            )
        });
        let some =
            |it: Option<String>| it.map_or_else(|| "None".to_owned(), |it| format!("Some({it})"));
        let (wasm, compiled) = (some(wasm), some(compiled));
        Ok(format!("Embedded {{ wasm: {wasm}, compiled: {compiled}, matched: {matched} }}"))
    };
    let (wide, portable) = (module("policy-wide")?, module("policy")?);
    let text =
        format!("static MODULES: Modules = Modules {{ wide: {wide}, portable: {portable} }};");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("modules.rs"), text)?;
    Ok(())
}

/// Behind the code is the digest of the module that it was made from.
fn are_matched(wasm: &[u8], compiled: &[u8]) -> bool {
    let digest: [u8; 32] = Sha256::digest(wasm).into();
    compiled.last_chunk() == Some(&digest)
}
