//! Where the files of a TUF repository are.

use super::TrustError;

/// A TUF repository, as files by name. Nothing that comes from it is believed.
pub trait RepositoryFiles: Send + Sync {
    /// A file of at most so many bytes; `None` where the repository says that it has none. Paths
    /// are those of a repository with consistent snapshots: `5.root.json`, `timestamp.json`,
    /// `targets/<hash>.trusted_root.json`.
    fn get(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, TrustError>;

    /// Where it is, for people.
    fn origin(&self) -> String;
}

/// A path without anything that could lead out of the repository. Parts of it are read from
/// metadata.
pub(super) fn is_plain(path: &str) -> bool {
    let allowed =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'~' | b'%');
    !path.is_empty()
        && path.split('/').all(|part| {
            !part.is_empty() && !part.starts_with("..") && part != "." && part.bytes().all(allowed)
        })
}

/// `5.snapshot.json` → (5, `snapshot.json`).
pub(super) fn versioned(name: &str) -> Option<(u64, &str)> {
    let (version, rest) = name.split_once('.')?;
    Some((version.parse().ok()?, rest))
}

/// The version that metadata says it is of.
pub(super) fn version_of(metadata: &[u8]) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_slice(metadata).ok()?;
    value.pointer("/signed/version")?.as_u64()
}

/// A file, or that it is not there.
pub(super) type Found = Result<Option<Vec<u8>>, TrustError>;

/// Looks a file up by its name, and then as copies on disk call it: TUF clients keep metadata and
/// targets without version and hash in front, and root metadata in `root_history`. Each is checked
/// by signature, version and hash whatever its name.
pub(super) fn find(path: &str, read: impl Fn(&str) -> Found) -> Found {
    if let Some(bytes) = read(path)? {
        return Ok(Some(bytes));
    }
    if let Some(target) = path.strip_prefix("targets/") {
        return target
            .split_once('.')
            .map_or(Ok(None), |(_, name)| read(&format!("targets/{name}")));
    }
    let Some((version, name)) = versioned(path) else { return Ok(None) };
    if name != "root.json" {
        return read(name);
    }
    if let Some(bytes) = read(&format!("root_history/{path}"))? {
        return Ok(Some(bytes));
    }
    let Some(newest) = read("root.json")? else { return Ok(None) };
    match version_of(&newest) {
        Some(has) if has == version => Ok(Some(newest)),
        Some(has) if has > version => Err(TrustError::RootGap { needs: version, has }),
        _ => Ok(None),
    }
}
