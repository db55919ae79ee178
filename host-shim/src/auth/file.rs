//! Files with secrets: of a bounded size, and wiped from memory.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::Path,
};

use zeroize::Zeroizing;

use super::{AuthError, Secret};

/// Bytes of a Secret and of a ConfigMap
/// ([Kubernetes](https://kubernetes.io/docs/concepts/configuration/secret/#restriction-data-size)); no
/// file of credentials has to be larger.
pub(super) const MAX_FILE: u64 = 1 << 20;

/// The bytes of a file; nothing if it is not there.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, AuthError> {
    let failed =
        |e: std::io::Error| AuthError::misconfigured(name(path), format!("cannot be read: {e}"));
    let file = match File::open(path) {
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        file => file.map_err(failed)?,
    };
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(AuthError::misconfigured(
            name(path),
            format!("is larger than {MAX_FILE} bytes, which no file of credentials is"),
        ));
    }
    Ok(Some(bytes))
}

/// A file as it stands in messages.
pub(super) fn name(path: &Path) -> String {
    format!("`{}`", path.display())
}

/// A file that holds one token, or something else for a header.
pub(super) fn token(path: &Path) -> Result<Secret, AuthError> {
    let wrong = |what: &str| AuthError::misconfigured(name(path), what);
    let bytes = read(path)?.ok_or_else(|| wrong("is not there"))?;
    let text = std::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
    Some(Secret::new(text)).filter(Secret::is_token).ok_or_else(|| wrong("holds no token"))
}
