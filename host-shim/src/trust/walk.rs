//! The client workflow of TUF (specification 1.0.34 §5), from root metadata to `trusted_root.json`.
//! The verification is sigstore-tuf's; limits, time and where files are, are ours.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use countersign::time::Time;
use serde_json::Value;
use sigstore_tuf::{
    Error, MetadataStore, Repository, Role, TrustedMetadataSet, Updater, UpdaterConfig,
    transport::FetchFuture,
};

use super::{RepositoryFiles, TrustError, files};

/// The target that all of this is about.
pub(super) const TARGET: &str = "trusted_root.json";
/// Bytes of `trusted_root.json`. GitHub's has 29 000.
const MOST_TARGET: u64 = 1 << 20;
/// Root metadata in one update, as go-tuf and python-tuf have it (`MaxRootRotations`).
const MOST_ROOTS: u32 = 256;
/// Roles on the way to a target, as go-tuf and python-tuf have it (`MaxDelegations`).
const MOST_DELEGATIONS: u32 = 32;
/// Bytes of each role's metadata, as go-tuf and python-tuf have them (`UpdaterConfig`).
const MOST_ROOT: u64 = 512_000;
const MOST_TIMESTAMP: u64 = 16_384;
const MOST_SNAPSHOT: u64 = 2_000_000;
const MOST_TARGETS: u64 = 5_000_000;
/// Targets that are named where the one is missing.
const MOST_NAMED: usize = 8;

/// Metadata and target by their names, each of which was verified when it was put there.
pub(super) type Shelf = BTreeMap<String, Vec<u8>>;

/// One role's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleState {
    /// `root`, `timestamp`, `snapshot` or `targets`.
    pub role: &'static str,
    /// Its version.
    pub version: u64,
    /// From when on it does not count.
    pub expires: Time,
}

/// What a walk leads to.
pub(super) struct Walked {
    /// What was verified on the way, by name. What was verified before a failure is there too.
    pub(super) shelf: Shelf,
    pub(super) end: Result<End, TrustError>,
}

/// The end of a walk that succeeded.
pub(super) struct End {
    pub(super) roles: Vec<RoleState>,
    pub(super) trusted_root: Vec<u8>,
}

/// Walks. `shelf` is what was verified earlier: it is verified again, and nothing older counts.
/// Without `now` nothing expires: that is for what is kept already.
pub(super) fn walk(
    files: Arc<dyn RepositoryFiles>,
    initial_root: &[u8],
    shelf: Shelf,
    now: Option<Time>,
) -> Walked {
    let shelf = Shared::new(shelf);
    let asked = Shared::default();
    let end =
        go(files, initial_root, &shelf, &asked, now).map_err(|e| explain(e, &asked.lock(), now));
    Walked { shelf: shelf.lock().clone(), end }
}

fn go(
    files: Arc<dyn RepositoryFiles>,
    initial_root: &[u8],
    shelf: &Shared<Shelf>,
    asked: &Shared<String>,
    now: Option<Time>,
) -> Result<End, Error> {
    let time = match now {
        Some(now) => jiff::Timestamp::from_second(now.unix()).map_err(outside)?,
        None => jiff::Timestamp::MIN,
    };
    check_root(initial_root).map_err(carry)?;
    let source = Source { files, asked: asked.clone() };
    let mut updater = Updater::new(source, initial_root)
        .map_err(|e| carry(TrustError::InitialRoot(chain(&e))))?
        .with_config(limits())
        .with_store(OnShelf(shelf.clone()));
    ready(updater.refresh(time))?;
    let target = ready(updater.get_target_info(TARGET, time))?;
    let target = target.ok_or_else(|| no_target(updater.trusted()))?;
    if target.length > MOST_TARGET {
        return Err(carry(TrustError::TooLarge { file: TARGET.to_owned(), most: MOST_TARGET }));
    }
    let trusted_root = ready(updater.get_target(TARGET, time))?;
    let roles = roles(updater.trusted()).ok_or(Error::NotRefreshed)?;
    Ok(End { roles, trusted_root })
}

fn limits() -> UpdaterConfig {
    let mut limits = UpdaterConfig::default();
    limits.root_max_length = MOST_ROOT;
    limits.timestamp_max_length = MOST_TIMESTAMP;
    limits.snapshot_max_length = MOST_SNAPSHOT;
    limits.targets_max_length = MOST_TARGETS;
    limits.target_max_length = MOST_TARGET;
    limits.max_root_rotations = MOST_ROOTS;
    limits.max_delegations = MOST_DELEGATIONS;
    limits
}

fn roles(trusted: &TrustedMetadataSet) -> Option<Vec<RoleState>> {
    let (root, timestamp) = (trusted.root(), trusted.timestamp()?);
    let (snapshot, targets) = (trusted.snapshot()?, trusted.targets_role("targets")?);
    Some(vec![
        state("root", root),
        state("timestamp", timestamp),
        state("snapshot", snapshot),
        state("targets", targets),
    ])
}

fn state<R: Role>(role: &'static str, metadata: &R) -> RoleState {
    let expires = Time::from_unix(metadata.expires().as_second());
    RoleState { role, version: metadata.version(), expires }
}

/// A key that a role has under two names would count as two signers: TUF's key ids are whatever the
/// repository calls them.
fn check_root(bytes: &[u8]) -> Result<(), TrustError> {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return Ok(()) };
    let roles = value.pointer("/signed/roles").and_then(Value::as_object);
    for (role, members) in roles.into_iter().flatten() {
        let ids = members.get("keyids").and_then(Value::as_array).into_iter().flatten();
        let mut seen = Vec::new();
        for id in ids.filter_map(Value::as_str) {
            let key = &value["signed"]["keys"][id]["keyval"]["public"];
            let key = key.as_str().map(str::trim);
            if key.is_some() && seen.contains(&(key, id)) {
                continue;
            }
            if key.is_some() && seen.iter().any(|(other, _)| *other == key) {
                return Err(TrustError::SharedKey { role: role.clone() });
            }
            seen.push((key, id));
        }
    }
    Ok(())
}

/// Runs what never waits: our files are read while they are asked for.
fn ready<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(Error::transport("the repository's files are not read at once")),
    }
}

#[derive(Clone, Default)]
struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The repository, as sigstore-tuf asks for it.
struct Source {
    files: Arc<dyn RepositoryFiles>,
    /// The file that was asked for last.
    asked: Shared<String>,
}

impl Source {
    fn get(&self, path: String, most: u64) -> Result<Option<Vec<u8>>, TrustError> {
        self.asked.lock().clone_from(&path);
        if !files::is_plain(&path) {
            let why = "a path that leads out of the repository, or has unusual characters";
            return Err(TrustError::Garbled { file: path, why: why.to_owned() });
        }
        let found = self.files.get(&path, most)?;
        if let Some(bytes) = &found {
            if bytes.len() as u64 > most {
                return Err(TrustError::TooLarge { file: path, most });
            }
            if path.ends_with(".root.json") {
                check_root(bytes)?;
            }
        }
        Ok(found)
    }
}

impl Repository for Source {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        let found = self.get(name.to_owned(), max_length).map_err(carry);
        Box::pin(async move { found })
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        let found = self.get(format!("targets/{path}"), max_length).map_err(carry);
        Box::pin(async move { found })
    }
}

struct OnShelf(Shared<Shelf>);

impl MetadataStore for OnShelf {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.lock().get(name).cloned())
    }

    fn store(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        // Each snapshot comes under its version too, and is needed once.
        let again = files::versioned(name).is_some();
        if !again {
            self.0.lock().insert(name.to_owned(), bytes.to_vec());
        }
        Ok(())
    }
}

/// Takes an error of ours through sigstore-tuf.
fn carry(error: TrustError) -> Error {
    Error::transport_with_source("", error)
}

fn outside(error: jiff::Error) -> Error {
    carry(TrustError::Usage(format!("the time of the update is out of range: {error}")))
}

fn no_target(trusted: &TrustedMetadataSet) -> Error {
    let listed = trusted.targets_role("targets").map(|targets| targets.targets.keys());
    let lists = listed.into_iter().flatten().take(MOST_NAMED).map(|name| format!("`{name}`"));
    carry(TrustError::NoTrustedRoot { lists: lists.collect() })
}

/// In our words. `asked` is the file that was asked for last.
fn explain(error: Error, asked: &str, now: Option<Time>) -> TrustError {
    let file = || asked.to_owned();
    match error {
        Error::Transport { source: Some(source), message } => match source.downcast() {
            Ok(own) => *own,
            Err(other) => TrustError::Garbled { file: file(), why: format!("{message}: {other}") },
        },
        Error::Transport { message, source: None } if message.contains("root rotations") => {
            let what = "versions of the root metadata in one update: run it again to go on";
            TrustError::TooMany { what, most: u64::from(MOST_ROOTS) }
        }
        Error::Transport { message, source: None } if message.ends_with("not found") => {
            TrustError::Absent { file: file() }
        }
        Error::Expired { role, expires } => {
            let at = Time::from_unix(expires.as_second());
            TrustError::Expired { role, at, now: now.unwrap_or(at) }
        }
        Error::Rollback { role, trusted, new } => {
            TrustError::RolledBack { role, kept: trusted, offered: new }
        }
        Error::BadRootVersion { trusted, new } if new <= trusted => {
            TrustError::RolledBack { role: "root".to_owned(), kept: trusted, offered: new }
        }
        Error::BadRootVersion { trusted, new } => TrustError::Garbled {
            file: file(),
            why: format!("it says that it is version {new}, and follows version {trusted}"),
        },
        Error::ThresholdNotMet { role, found, threshold } => {
            TrustError::Unsigned { role, found, needed: threshold }
        }
        Error::IntegrityMismatch(why) => TrustError::Mismatch(why),
        other => TrustError::Garbled { file: file(), why: chain(&other) },
    }
}

/// An error and what it comes from, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
