//! Public vectors, which are not committed, and what a test says without them.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// A directory of the public vectors.
pub(crate) fn vectors(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = env::var_os("COUNTERSIGN_SHARED").map_or(beside, PathBuf::from);
    Some(shared.join("vectors").join(name)).filter(|path| path.is_dir())
}

/// Says that data is not there, and leaves a file to be counted by `make test`; an error where
/// nothing may be left out.
pub(crate) fn not_run(what: &str) {
    println!("NOT RUN: {what}");
    if let Some(directory) = env::var_os("NOT_RUN_DIR") {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("test").replace("::", ".");
        let path = Path::new(&directory).join(format!("{}-{test}", std::process::id()));
        fs::write(path, format!("{test}: {what}\n")).unwrap();
    }
    assert!(env::var_os("CI").is_none(), "{what}");
}
