//! Certificates for hosts from directories: `certs.d/HOST[:PORT]` with `*.crt` of authorities and
//! pairs `*.cert` and `*.key` of ours
//! ([containers-certs.d(5)](https://github.com/containers/image/blob/main/docs/containers-certs.d.5.md),
//! Docker's "Verify repository client with certificates").

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::clients::{ClientIdentity, HostTls};
use crate::auth::Environment;

/// Bytes of one file: a bundle of all public authorities has about 220 KB.
const MAX_FILE: u64 = 1 << 20;
/// Files for one host.
const MAX_FILES: usize = 64;

/// Where Docker and podman keep them, the user's own first.
pub fn well_known_certs(environment: &Environment) -> Vec<PathBuf> {
    let own = environment
        .path("XDG_CONFIG_HOME")
        .or_else(|| Some(environment.home()?.join(".config")))
        .map(|config| config.join("containers/certs.d"));
    own.into_iter()
        .chain(["/etc/containers/certs.d", "/etc/docker/certs.d"].map(PathBuf::from))
        .collect()
}

/// What the first directory that knows the host has for it.
pub(super) fn find(directories: &[PathBuf], host: &str) -> Result<Option<HostTls>, String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || ".-:[]_".contains(c);
    if !host.chars().all(is_name) || host.starts_with('.') {
        return Ok(None);
    }
    for directory in directories {
        let directory = directory.join(host);
        match fs::read_dir(&directory) {
            Ok(entries) => {
                let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
                return read(files.take(MAX_FILES).collect()).map(Some);
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(format!("`{}` cannot be read: {e}", directory.display())),
        }
    }
    Ok(None)
}

fn read(mut files: Vec<PathBuf>) -> Result<HostTls, String> {
    files.sort();
    let mut tls = HostTls::default();
    for file in &files {
        match file.extension().and_then(|e| e.to_str()) {
            Some("crt") => tls.ca.push(content(file)?),
            Some("cert") => {
                let mut pem = content(file)?;
                pem.push(b'\n');
                pem.extend(
                    content(&file.with_extension("key")).map_err(|e| {
                        format!("`{}` needs its key beside it: {e}", file.display())
                    })?,
                );
                tls.client.get_or_insert(ClientIdentity { pem });
            }
            Some("key") if !file.with_extension("cert").exists() => {
                return Err(format!(
                    "`{}` needs its certificate beside it, NAME.cert",
                    file.display()
                ));
            }
            _ => {}
        }
    }
    Ok(tls)
}

fn content(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |e: &dyn std::fmt::Display| format!("`{}` cannot be read: {e}", path.display());
    let length = fs::metadata(path).map_err(|e| failed(&e))?.len();
    if length > MAX_FILE {
        return Err(failed(&format!("larger than {MAX_FILE} bytes")));
    }
    fs::read(path).map_err(|e| failed(&e))
}
