//! Fetching what is newer.

use std::{collections::BTreeMap, sync::Arc};

use countersign::time::Time;

use super::{
    Instance, Kept, Lock, RECORD_VERSION, Record, RepositoryFiles, RoleState, Store, TrustError,
    contents,
    record::{self, metadata, roots},
    walk::{End, Shelf, TARGET, walk},
};

/// An update that succeeded.
#[derive(Clone, Debug)]
pub struct Updated {
    /// What is kept now.
    pub kept: Kept,
    /// The roles before, if there was anything.
    pub before: Vec<RoleState>,
    /// Whether the trusted root is another one than before.
    pub changed: bool,
}

/// Fetches the newest trusted root of an instance and keeps it. Where that fails, what was kept stays,
/// with the reason beside it.
pub fn update(
    store: &Store,
    instance: &Instance,
    files: Arc<dyn RepositoryFiles>,
    now: Time,
) -> Result<Updated, TrustError> {
    let lock = store.lock(&instance.name)?;
    let before = store.load(&instance.name)?;
    if let Some(before) = &before {
        check_same(store, instance, before)?;
    }
    let shelf = before.as_ref().map(|before| before.shelf(true)).unwrap_or_default();
    let origin = files.origin();
    let walked = walk(files, instance.initial_root.as_bytes(), shelf, Some(now));
    let made = walked.end.and_then(|end| make(instance, origin, &walked.shelf, &end, now));
    match made {
        Ok(record) => keep(store, &lock, instance, before, record),
        Err(error) => {
            if let Some(before) = before {
                note_failure(store, &lock, before, &walked.shelf, &error, now)?;
            }
            Err(error)
        }
    }
}

/// Another root metadata under the same name is another repository.
fn check_same(store: &Store, instance: &Instance, before: &Record) -> Result<(), TrustError> {
    let own = instance.embedded.is_none();
    if own && before.initial_root.as_deref() != Some(&instance.initial_root) {
        return Err(TrustError::Usage(format!(
            "`{}` is kept already, and began with other root metadata: leave --root out to update \
             it, choose another --name, or remove `{}` if the repository was set up anew",
            instance.name,
            store.directory().join(&instance.name).display()
        )));
    }
    Ok(())
}

fn make(
    instance: &Instance,
    origin: String,
    shelf: &Shelf,
    end: &End,
    now: Time,
) -> Result<Record, TrustError> {
    let trusted_root = record::text(TARGET, &end.trusted_root)?;
    contents::read(&trusted_root).map_err(TrustError::Unusable)?;
    let version = |role| end.roles.iter().find(|state| state.role == role).map(|s| s.version);
    Ok(Record {
        api_version: RECORD_VERSION.to_owned(),
        name: instance.name.clone(),
        mirror: instance.mirror.clone(),
        origin,
        initial_root: instance.embedded.is_none().then(|| instance.initial_root.clone()),
        roots: roots(shelf),
        root: version("root").unwrap_or_default(),
        metadata: metadata(shelf)?,
        trusted_root,
        updated: now.to_string(),
        checked: now.to_string(),
        failure: None,
    })
}

fn keep(
    store: &Store,
    lock: &Lock,
    instance: &Instance,
    before: Option<Record>,
    mut record: Record,
) -> Result<Updated, TrustError> {
    // An import from a directory does not forget where to ask.
    record.mirror = record.mirror.or_else(|| before.as_ref()?.mirror.clone());
    let changed = before.as_ref().is_none_or(|before| before.trusted_root != record.trusted_root);
    // What cannot be read back must not be kept.
    let kept = Kept::open(instance, record)?;
    store.save(lock, &kept.record)?;
    let before = before.and_then(|before| Kept::open(instance, before).ok());
    Ok(Updated { kept, before: before.map(|before| before.roles).unwrap_or_default(), changed })
}

/// Root metadata that was verified on the way is kept: it may have withdrawn keys.
fn note_failure(
    store: &Store,
    lock: &Lock,
    mut record: Record,
    shelf: &BTreeMap<String, Vec<u8>>,
    error: &TrustError,
    now: Time,
) -> Result<(), TrustError> {
    record.learn_roots(shelf);
    record.checked = now.to_string();
    record.failure = Some(error.to_string());
    store.save(lock, &record)
}
