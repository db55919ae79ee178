//! What is kept of an instance: one file, so that it is whole or not there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    RepositoryFiles, TrustError, files,
    walk::{Shelf, TARGET},
};

/// `apiVersion` of a [`Record`].
pub const RECORD_VERSION: &str = "countersign.dev/trust/v1";

/// The last good state of an instance, and what has been learned since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// [`RECORD_VERSION`].
    pub api_version: String,
    /// The instance.
    pub name: String,
    /// The repository's address, to be asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
    /// Where the files came from.
    pub origin: String,
    /// TUF's root metadata to begin with, of an instance that this build does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_root: Option<String>,
    /// Every version of the root metadata that was verified.
    pub roots: BTreeMap<u64, String>,
    /// The version of the root metadata under which `metadata` was accepted.
    pub root: u64,
    /// Timestamp, snapshot and targets, and delegated roles, by file name.
    pub metadata: BTreeMap<String, String>,
    /// `trusted_root.json`.
    pub trusted_root: String,
    /// The last update that succeeded: RFC 3339.
    pub updated: String,
    /// The last one that was tried.
    pub checked: String,
    /// Why that one failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

const HISTORY: &str = "root_history/";

impl Record {
    /// What was verified, as a walk wants it: `all` with every root, else with those under which the
    /// metadata was accepted.
    pub(super) fn shelf(&self, all: bool) -> Shelf {
        let roots = self.roots.iter().filter(|(version, _)| all || **version <= self.root);
        let roots = roots
            .map(|(version, text)| (format!("{HISTORY}{version}.root.json"), text.clone().into()));
        let metadata = self.metadata.iter().map(|(name, text)| (name.clone(), text.clone().into()));
        let target = (format!("targets/{TARGET}"), self.trusted_root.clone().into());
        roots.chain(metadata).chain([target]).collect()
    }

    /// Every root of a walk's shelf, known before or not.
    pub(super) fn learn_roots(&mut self, shelf: &Shelf) {
        self.roots.extend(roots(shelf));
    }
}

/// The versions of the root metadata on a shelf.
pub(super) fn roots(shelf: &Shelf) -> BTreeMap<u64, String> {
    let history = shelf.iter().filter_map(|(name, bytes)| {
        let (version, _) = files::versioned(name.strip_prefix(HISTORY)?)?;
        Some((version, String::from_utf8(bytes.clone()).ok()?))
    });
    history.collect()
}

/// The other metadata on a shelf.
pub(super) fn metadata(shelf: &Shelf) -> Result<BTreeMap<String, String>, TrustError> {
    let is_metadata = |name: &str| !name.contains('/') && name != "root.json";
    let metadata = shelf.iter().filter(|(name, _)| is_metadata(name));
    metadata.map(|(name, bytes)| Ok((name.clone(), text(name, bytes)?))).collect()
}

/// Metadata and trusted roots are JSON, and so UTF-8.
pub(super) fn text(name: &str, bytes: &[u8]) -> Result<String, TrustError> {
    String::from_utf8(bytes.to_vec())
        .map_err(|_| TrustError::Garbled { file: name.to_owned(), why: "is not UTF-8".to_owned() })
}

/// A shelf as a repository: what is kept is verified as if it came from there.
pub(super) struct OnDisk {
    pub(super) shelf: Shelf,
}

impl RepositoryFiles for OnDisk {
    fn get(&self, path: &str, _most: u64) -> Result<Option<Vec<u8>>, TrustError> {
        files::find(path, |path| Ok(self.shelf.get(path).cloned()))
    }

    fn origin(&self) -> String {
        "disk".to_owned()
    }
}
