//! A running registry, and what a test does with it.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io,
    net::TcpListener,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::{
    digest,
    fault::{Fault, Faults},
    layout::{self, Loaded},
    log::Logged,
    options::Options,
    server,
    store::Store,
};

/// A running registry. It stops when this is dropped.
#[derive(Debug)]
pub struct Registry {
    /// Where it listens: `127.0.0.1:PORT`.
    pub host: String,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the server and its handle both know.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) host: String,
    pub(crate) options: Options,
    pub(crate) store: Mutex<Store>,
    pub(crate) faults: Faults,
    log: Mutex<Vec<Logged>>,
    log_file: Option<Mutex<File>>,
}

/// Everything that a repository holds, to be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Media type and bytes of each manifest by its digest.
    pub manifests: BTreeMap<String, (String, Vec<u8>)>,
    /// The digest of each tag.
    pub tags: BTreeMap<String, String>,
    /// The bytes of each blob by its digest.
    pub blobs: BTreeMap<String, Vec<u8>>,
}

impl Registry {
    /// Starts one.
    ///
    /// # Panics
    /// Where [`Registry::try_start`] would return an error.
    #[must_use]
    pub fn start(options: Options) -> Self {
        match Self::try_start(options) {
            Ok(registry) => registry,
            Err(e) => panic!("no registry on loopback: {e}"),
        }
    }

    /// Starts one.
    ///
    /// # Errors
    /// The address is not of the loopback or is taken, the TLS material or the directory cannot be used, or a file
    /// cannot be opened.
    pub fn try_start(mut options: Options) -> io::Result<Self> {
        if !options.listen.ip().is_loopback() {
            return Err(invalid(format!("{} is not an address of the loopback", options.listen)));
        }
        let mut store = Store::default();
        if let Some(directory) = options.directory.as_deref().filter(|path| path.exists()) {
            layout::read_all(&mut store, directory)?;
        }
        let log_file = match &options.log_file {
            Some(path) => Some(OpenOptions::new().append(true).create(true).open(path)?.into()),
            None => None,
        };
        let tls = options.tls.as_ref().map(|tls| tls.acceptor().map_err(invalid)).transpose()?;
        let listener = TcpListener::bind(options.listen)?;
        listener.set_nonblocking(true)?;
        let host = listener.local_addr()?.to_string();
        let shared = Arc::new(Shared {
            host: host.clone(),
            store: store.into(),
            faults: Faults::new(std::mem::take(&mut options.faults)),
            log: Mutex::default(),
            log_file,
            options,
        });
        let (stop, stopped) = oneshot::channel();
        let thread = server::run(listener, tls, shared.clone(), stopped)?;
        Ok(Self { host, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://HOST`, or `https://HOST`.
    #[must_use]
    pub fn url(&self) -> String {
        self.shared.url()
    }

    /// `HOST/NAME`.
    #[must_use]
    pub fn repository(&self, name: &str) -> String {
        format!("{}/{name}", self.host)
    }

    /// Every request so far.
    #[must_use]
    pub fn log(&self) -> Vec<Logged> {
        lock(&self.shared.log).clone()
    }

    /// Every request so far, and forgets them.
    #[must_use]
    pub fn take_log(&self) -> Vec<Logged> {
        std::mem::take(&mut *lock(&self.shared.log))
    }

    /// One rule more, after those that are there.
    pub fn fault(&self, fault: Fault) {
        self.shared.faults.add(fault);
    }

    /// No faults from now on.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// Puts everything that an OCI layout holds into a repository: what its `index.json` lists, with its tags, the
    /// children of indexes, and all blobs. On a registry without referrers API every subject gets its fallback
    /// tag, unless the layout has it.
    ///
    /// # Errors
    /// The layout cannot be read, or bytes in it do not have their digest.
    pub fn load(&self, layout: &Path, name: &str) -> io::Result<Loaded> {
        let mut store = self.shared.store();
        let mut loaded = layout::read(&mut store, name, layout)?;
        if !self.shared.options.referrers {
            store.put_fallback_tags(name);
        }
        if let Some(repository) = store.repositories.get(name) {
            loaded.tags.extend(repository.tags.keys().cloned());
        }
        drop(store);
        self.shared.keep(name)?;
        Ok(loaded)
    }

    /// Writes a repository as an OCI layout, its tags in `org.opencontainers.image.ref.name`.
    ///
    /// # Errors
    /// There is no such repository, or it cannot be written.
    pub fn export(&self, name: &str, layout: &Path) -> io::Result<()> {
        let store = self.shared.store();
        match store.repositories.get(name) {
            Some(repository) => layout::write(repository, layout),
            None => Err(invalid(format!("there is no repository `{name}`"))),
        }
    }

    /// Puts a blob into a repository: its SHA-256 digest.
    pub fn push_blob(&self, name: &str, bytes: &[u8]) -> String {
        let digest = digest::sha256(bytes);
        self.shared.store().put_blob(name, &digest, bytes.to_vec().into());
        digest
    }

    /// Puts a manifest into a repository, whatever it is and whether or not what it names is there, and under a tag
    /// if one is given: its SHA-256 digest.
    pub fn push_manifest(
        &self,
        name: &str,
        tag: Option<&str>,
        media_type: &str,
        bytes: &[u8],
    ) -> String {
        let digest = digest::sha256(bytes);
        let mut store = self.shared.store();
        store.put_manifest(name, &digest, media_type, bytes.to_vec().into());
        if let Some(tag) = tag {
            store.put_tag(name, tag, &digest);
        }
        digest
    }

    /// Puts or moves a tag, wherever it then points.
    pub fn tag(&self, name: &str, tag: &str, digest: &str) {
        self.shared.store().put_tag(name, tag, digest);
    }

    /// The names of all repositories.
    #[must_use]
    pub fn repositories(&self) -> Vec<String> {
        self.shared.store().repositories.keys().cloned().collect()
    }

    /// What a repository holds; nothing in one that there is not.
    #[must_use]
    pub fn snapshot(&self, name: &str) -> Snapshot {
        let store = self.shared.store();
        let Some(repository) = store.repositories.get(name) else { return Snapshot::default() };
        Snapshot {
            manifests: repository
                .manifests
                .iter()
                .map(|(digest, m)| (digest.clone(), (m.media_type.clone(), m.bytes.to_vec())))
                .collect(),
            tags: repository.tags.clone(),
            blobs: repository.blobs.iter().map(|(d, bytes)| (d.clone(), bytes.to_vec())).collect(),
        }
    }

    /// Waits until it stops, which it does only by a signal.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server was printed where it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    pub(crate) fn url(&self) -> String {
        let scheme = if self.options.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.host)
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    /// Writes a repository down, where that is wanted.
    pub(crate) fn keep(&self, name: &str) -> io::Result<()> {
        let Some(directory) = &self.options.directory else { return Ok(()) };
        match self.store().repositories.get(name) {
            Some(repository) => layout::write(repository, &directory.join(name)),
            None => Ok(()),
        }
    }

    pub(crate) fn logs(&self, logged: Logged) {
        if let Some(file) = &self.log_file
            && let Err(e) = logged.write(&mut *lock(file))
        {
            eprintln!("loopback-registry: the log cannot be written: {e}");
        }
        lock(&self.log).push(logged);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
