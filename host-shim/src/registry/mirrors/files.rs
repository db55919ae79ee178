//! The files of a configuration, of bounded size and number.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Bytes of one file.
const MAX_FILE: u64 = 1 << 20;
/// Files in one `registries.conf.d`.
const MAX_FILES: usize = 256;

/// The files `*.conf` of a directory, in the order of their names.
pub(super) fn drop_ins(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(format!("`{}` cannot be read: {e}", directory.display())),
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "conf"))
        .collect();
    files.sort();
    if files.len() > MAX_FILES {
        return Err(format!("`{}` has more than {MAX_FILES} files", directory.display()));
    }
    Ok(files)
}

/// The text of a file; nothing if it is not there.
pub(super) fn read(path: &Path) -> Result<Option<String>, String> {
    let length = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e.to_string()),
    };
    if length > MAX_FILE {
        return Err(format!("it is larger than {MAX_FILE} bytes"));
    }
    fs::read_to_string(path).map(Some).map_err(|e| e.to_string())
}
