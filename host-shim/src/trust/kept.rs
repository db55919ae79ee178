//! What is kept of an instance, verified anew.

use std::sync::Arc;

use countersign::{
    crypto::{hex, sha256},
    time::Time,
    trust::sigstore::TrustedRoot,
};
use serde_json::Value;

use super::{
    Instance, Record, RoleState, Store, TrustError, contents,
    record::OnDisk,
    walk::{TARGET, walk},
};

/// A trusted root that was kept, with every signature between it and the root metadata checked.
/// Nothing is said of its age by that: see [`Self::standing`].
#[derive(Clone, Debug)]
pub struct Kept {
    /// As it is on disk.
    pub record: Record,
    /// The four roles.
    pub roles: Vec<RoleState>,
    /// `trusted_root.json`.
    pub document: Value,
    /// The same, read.
    pub contents: TrustedRoot,
    /// The last update that succeeded.
    pub updated: Time,
    /// The last one that was tried.
    pub checked: Time,
}

/// How a kept trusted root stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The metadata is valid, and the last update has succeeded.
    Fresh,
    /// The metadata is valid; the last update has not succeeded.
    Stale {
        /// Since when there is nothing newer.
        since: Time,
        /// Why.
        why: String,
    },
    /// The metadata has expired: nothing says any more that this is the newest trusted root.
    Expired {
        /// TUF's role.
        role: &'static str,
        /// When.
        at: Time,
    },
}

impl Kept {
    /// Verifies what is kept, from the instance's root metadata on.
    pub fn open(instance: &Instance, record: Record) -> Result<Self, TrustError> {
        let shelf = record.shelf(false);
        let files = Arc::new(OnDisk { shelf: shelf.clone() });
        let end = walk(files, instance.initial_root.as_bytes(), shelf, None).end?;
        // The walk answers for these bytes, and not the state's own copy of them.
        if end.trusted_root != record.trusted_root.as_bytes() {
            return Err(TrustError::Mismatch(format!("the kept {TARGET} is not the signed one")));
        }
        let (document, contents) =
            contents::read(&record.trusted_root).map_err(TrustError::Unusable)?;
        let (updated, checked) = (time(&record, &record.updated)?, time(&record, &record.checked)?);
        Ok(Self { record, roles: end.roles, document, contents, updated, checked })
    }

    /// What is kept under this name, if anything, and the instance that it is of.
    pub fn find(store: &Store, name: &str) -> Result<Option<(Instance, Record)>, TrustError> {
        let Some(record) = store.load(name)? else { return Ok(None) };
        let instance = match (Instance::by_name(name), &record.initial_root) {
            (Some(known), _) => known,
            (None, Some(root)) => Instance::own(name, root.clone(), record.mirror.clone())?,
            (None, None) => {
                return Err(TrustError::InitialRoot(format!("`{name}` was kept without any")));
            }
        };
        Ok(Some((instance, record)))
    }

    /// `sha256:…` of `trusted_root.json`.
    pub fn digest(&self) -> String {
        format!("sha256:{}", hex(&sha256(self.record.trusted_root.as_bytes())))
    }

    /// The role that expires first.
    pub fn expires(&self) -> Option<&RoleState> {
        self.roles.iter().min_by_key(|role| role.expires)
    }

    /// The version of a role's metadata.
    pub fn version(&self, role: &str) -> u64 {
        self.roles.iter().find(|state| state.role == role).map_or(0, |state| state.version)
    }

    /// How it stands at a time.
    pub fn standing(&self, now: Time) -> Standing {
        match (self.expires(), &self.record.failure) {
            (Some(first), _) if first.expires < now => {
                Standing::Expired { role: first.role, at: first.expires }
            }
            (_, Some(why)) => Standing::Stale { since: self.updated, why: why.clone() },
            _ => Standing::Fresh,
        }
    }
}

fn time(record: &Record, text: &str) -> Result<Time, TrustError> {
    Time::parse(text).ok_or_else(|| TrustError::Disk {
        path: record.name.clone(),
        why: format!("`{text}` in its state is no time"),
    })
}
