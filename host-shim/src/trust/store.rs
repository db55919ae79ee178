//! The directory of trust material: one directory an instance, in it `state.json`, and a copy of
//! the trusted root for other tools.

use std::{
    env, fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::{RECORD_VERSION, Record, TrustError, instance::check_name, walk::TARGET};

/// What counts.
const STATE: &str = "state.json";
const LOCK: &str = ".lock";
/// Begins the names of files that are being written.
const UNFINISHED: &str = ".unfinished-";
/// Bytes of one state: 256 versions of root metadata of 10 KB and the largest target.
const MOST_STATE: u64 = 32 << 20;
/// Instances of one directory.
const MOST_INSTANCES: usize = 256;
/// How long another process may be at work; an update takes a second or two.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN: Duration = Duration::from_millis(50);

/// A directory of trust material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    directory: PathBuf,
    patience: Duration,
}

/// The right to write an instance's state, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    // The lock is the open file's.
    _file: fs::File,
    name: String,
}

/// `$XDG_DATA_HOME/countersign/trust`, else `~/.local/share/countersign/trust`: it is data and no
/// cache, since without it older metadata would be believed again.
pub fn default_directory() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let data = absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))?;
    Some(data.join("countersign/trust"))
}

impl Store {
    /// Nothing is opened yet.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), patience: PATIENCE }
    }

    /// How long [`Self::lock`] waits for another process.
    pub fn patient_for(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the copy of an instance's trusted root is.
    pub fn copy(&self, name: &str) -> PathBuf {
        self.directory.join(name).join(TARGET)
    }

    /// The instances that are kept, sorted.
    pub fn names(&self) -> Result<Vec<String>, TrustError> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(disk(&self.directory, &e)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| disk(&self.directory, &e))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if check_name(&name).is_ok() && entry.path().join(STATE).is_file() {
                names.push(name);
            }
            if names.len() > MOST_INSTANCES {
                let most = MOST_INSTANCES as u64;
                return Err(TrustError::TooMany { what: "instances in the directory", most });
            }
        }
        names.sort();
        Ok(names)
    }

    /// What is kept of an instance. It is believed after [`super::Kept::open`] and not before.
    pub fn load(&self, name: &str) -> Result<Option<Record>, TrustError> {
        check_name(name)?;
        let path = self.directory.join(name).join(STATE);
        let mut bytes = Vec::new();
        match fs::File::open(&path).and_then(|f| f.take(MOST_STATE + 1).read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(disk(&path, &e)),
        }
        let damaged = |why: String| TrustError::Disk {
            path: path.display().to_string(),
            why: format!("{why}: remove it, and run `countersign trust update`"),
        };
        if bytes.len() as u64 > MOST_STATE {
            return Err(damaged(format!("has more than {} MiB", MOST_STATE >> 20)));
        }
        let record: Record = serde_json::from_slice(&bytes)
            .map_err(|e| damaged(format!("is no state of an instance: {e}")))?;
        if record.api_version != RECORD_VERSION || record.name != name {
            return Err(damaged(format!(
                "is of `{}` and `{}`, not of `{RECORD_VERSION}` and `{name}`",
                record.api_version, record.name
            )));
        }
        Ok(Some(record))
    }

    /// Waits until no other process writes the instance.
    pub fn lock(&self, name: &str) -> Result<Lock, TrustError> {
        check_name(name)?;
        let directory = self.directory.join(name);
        fs::create_dir_all(&directory).map_err(|e| disk(&directory, &e))?;
        let path = directory.join(LOCK);
        let file = fs::File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|e| disk(&path, &e))?;
        let since = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file, name: name.to_owned() }),
                Err(fs::TryLockError::WouldBlock) if since.elapsed() < self.patience => {
                    thread::sleep(BETWEEN);
                }
                Err(fs::TryLockError::WouldBlock) => {
                    return Err(TrustError::Busy { path: path.display().to_string() });
                }
                Err(fs::TryLockError::Error(e)) => return Err(disk(&path, &e)),
            }
        }
    }

    /// Puts a state in the place of the one that is there. Readers see one of the two.
    pub fn save(&self, lock: &Lock, record: &Record) -> Result<(), TrustError> {
        if lock.name != record.name {
            return Err(TrustError::Usage("the lock is of another instance".to_owned()));
        }
        let directory = self.directory.join(&record.name);
        // Strings and numbers always serialise.
        let state = serde_json::to_vec(record).unwrap_or_default();
        put(&directory, TARGET, record.trusted_root.as_bytes())?;
        put(&directory, STATE, &state)
    }
}

/// Writes aside, and renames when all of it is on disk.
fn put(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), TrustError> {
    // Whoever holds the lock writes alone; what a process that died has left is written over.
    let unfinished = directory.join(format!("{UNFINISHED}{name}"));
    let written = write(&unfinished, bytes)
        .and_then(|()| fs::rename(&unfinished, directory.join(name)))
        .and_then(|()| sync(directory));
    written.map_err(|e| {
        // A full disk is not helped by half a file.
        let _ = fs::remove_file(&unfinished);
        disk(&directory.join(name), &e)
    })
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The directory too: else the rename is not on disk.
fn sync(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { fs::File::open(directory)?.sync_all() } else { Ok(()) }
}

fn disk(path: &Path, error: &io::Error) -> TrustError {
    TrustError::Disk { path: path.display().to_string(), why: error.to_string() }
}
