//! OCI image layouts as places: read from a directory or an archive, written to a directory.

mod archive;
mod index;

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
    process,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use countersign::wire::{Answer, Fetch};

pub use archive::ArchiveWriter;
use index::{Listing, change};

use super::{
    contents::Contents,
    store::{Blob, MAX_LIST, Outgoing, Referrers, Store, Under, listed, present},
};
use crate::{
    registry::{MAX_MANIFEST, Manifest, Pushed, RegistryError, Verified, matches_digest},
    source::{
        Layout, LayoutError, Selector,
        layout::{LAYOUT, blob_name},
    },
};

/// A layout that is read.
pub struct LayoutReader(Layout);

impl LayoutReader {
    /// A layout that was opened.
    pub fn new(layout: Layout) -> Self {
        Self(layout)
    }

    /// The tag or digest of the image that is meant.
    pub fn reference(&self) -> &str {
        match self.0.selector() {
            Selector::Digest(reference) | Selector::Tag(reference) => reference,
        }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.0
    }

    fn fetch(&self, fetch: &Fetch) -> Result<Manifest, RegistryError> {
        match self.0.answer(fetch) {
            Answer::Found { bytes, media_type, .. } => Ok(Manifest { bytes: bytes.0, media_type }),
            Answer::Absent { message } => Err(RegistryError::Absent(message)),
            Answer::Denied { message } => Err(RegistryError::Denied(message)),
            Answer::Unavailable { message, .. } => Err(RegistryError::Garbled(message)),
            Answer::Partial { .. } | Answer::Resolved { .. } => {
                Err(RegistryError::Garbled("no manifest".to_owned()))
            }
        }
    }
}

impl Store for LayoutReader {
    fn name(&self) -> String {
        self.0.files().name()
    }

    fn image_name(&self) -> Option<String> {
        self.0.own_name().map(str::to_owned)
    }

    fn manifest(&self, reference: &str) -> Result<Manifest, RegistryError> {
        let (repository, max_bytes) = (String::new(), MAX_MANIFEST);
        if !reference.contains(':') {
            let tag = reference.to_owned();
            return self.fetch(&Fetch::Tag { repository, tag, max_bytes });
        }
        let digest = reference.to_owned();
        let manifest = self.fetch(&Fetch::Manifest { repository, digest, max_bytes })?;
        if !matches_digest(reference, &manifest.bytes) {
            let words = format!("the blob of {reference} has other contents");
            return Err(RegistryError::Garbled(words));
        }
        Ok(manifest)
    }

    fn has_manifest(&self, digest: &str) -> Result<bool, RegistryError> {
        match self.manifest(digest) {
            Ok(_) => Ok(true),
            // What was cut short by a full disk or a power failure is to be written again.
            Err(RegistryError::Absent(_) | RegistryError::Garbled(_)) => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn has_blob(&self, blob: &Blob) -> Result<bool, RegistryError> {
        Ok(self.has(&blob.digest)? == Some(blob.size))
    }

    fn open_blob(&self, blob: &Blob) -> Result<Box<dyn Read + Send>, RegistryError> {
        let (_, file) = self.0.files().open(&name_of(&blob.digest)?).map_err(reading)?;
        match Verified::new(file, &blob.digest, blob.size) {
            Some(reader) => Ok(Box::new(reader)),
            None => Err(RegistryError::Unsupported(format!("`{}` is no digest", blob.digest))),
        }
    }

    fn referrers(&self, digest: &str) -> Result<Referrers, RegistryError> {
        let (repository, digest) = (String::new(), digest.to_owned());
        match self.fetch(&Fetch::Referrers { repository, digest, max_bytes: MAX_LIST }) {
            Ok(list) => Ok(Referrers { listed: listed(&list.bytes), api: false }),
            Err(RegistryError::Absent(_)) => Ok(Referrers::default()),
            Err(e) => Err(e),
        }
    }

    fn push_blob(&self, _: &Blob, _: Box<dyn Read + Send>) -> Result<(), RegistryError> {
        Err(RegistryError::Unsupported(format!("{} is only read", self.name())))
    }

    fn push_manifest(&self, _: &Outgoing<'_>, _: Under<'_>) -> Result<Pushed, RegistryError> {
        Err(RegistryError::Unsupported(format!("{} is only read", self.name())))
    }
}

impl LayoutReader {
    /// The size of a blob, if it is there.
    fn has(&self, digest: &str) -> Result<Option<u64>, RegistryError> {
        match self.0.files().open(&name_of(digest)?) {
            Ok((size, _)) => Ok(Some(size)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(reading(e)),
        }
    }
}

/// A layout in a directory, read and written. Blobs appear whole or not at all, and `index.json` is
/// replaced at once. Nothing is made before something is stored.
pub struct LayoutWriter {
    root: PathBuf,
    /// What `index.json` starts with.
    first_index: Vec<u8>,
    /// Nobody else may have made the directory.
    is_ours: bool,
    made: Mutex<Made>,
}

/// How far a layout is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Made {
    #[default]
    Nothing,
    /// The directory is there, and we have made it.
    Directory,
    /// It is a layout.
    All,
}

/// What a file may take the place of.
#[derive(Clone, Copy)]
enum Over {
    Anything,
    /// Two who make a layout at once make one.
    Nothing,
}

static NEXT: AtomicU64 = AtomicU64::new(0);

impl LayoutWriter {
    /// For a layout that is there, or not yet.
    ///
    /// # Errors
    /// There is something else.
    pub fn open(root: &Path) -> Result<Self, RegistryError> {
        let is_empty = match fs::read_dir(root) {
            Ok(mut entries) => entries.next().is_none(),
            Err(e) if e.kind() == ErrorKind::NotFound => true,
            Err(e) => return Err(writing(root, &e)),
        };
        if !is_empty && !root.join("index.json").is_file() {
            let words = format!("`{}` is there and is no OCI layout: name another", root.display());
            return Err(RegistryError::Refused(words));
        }
        let (root, first_index) = (root.to_owned(), index::EMPTY.to_vec());
        Ok(Self { root, first_index, is_ours: false, made: Mutex::default() })
    }

    /// For a directory that is made, and is nobody else's.
    fn aside(root: PathBuf, first_index: Vec<u8>) -> Self {
        Self { root, first_index, is_ours: true, made: Mutex::default() }
    }

    /// Where it is.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What is in it now; nothing before it is made.
    fn reader(&self) -> Result<Option<LayoutReader>, RegistryError> {
        if !self.root.join("index.json").exists() {
            return Ok(None);
        }
        // Which image is meant does not matter to a place.
        let any = Selector::Tag("any".to_owned());
        let layout = Layout::open(&self.root, Some(any), Some("localhost/any"));
        layout.map(|layout| Some(LayoutReader(layout))).map_err(opening)
    }

    fn make(&self) -> Result<(), RegistryError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if *made == Made::All {
            return Ok(());
        }
        if self.is_ours && *made == Made::Nothing {
            make_alone(&self.root).map_err(|e| writing(&self.root, &e))?;
            *made = Made::Directory;
        }
        let version = br#"{"imageLayoutVersion":"1.0.0"}"#;
        for (name, bytes) in [("oci-layout", &version[..]), ("index.json", &self.first_index)] {
            if !self.root.join(name).exists() {
                self.put(name, &mut &*bytes, Over::Nothing)?;
            }
        }
        *made = Made::All;
        Ok(())
    }

    /// Whether there is a directory of our own making.
    fn is_made(&self) -> bool {
        self.is_ours && *self.made.lock().unwrap_or_else(PoisonError::into_inner) != Made::Nothing
    }

    /// Writes a file beside its place, and moves it there when it is whole.
    fn put(&self, name: &str, bytes: &mut dyn Read, over: Over) -> Result<(), RegistryError> {
        let path = self.root.join(name);
        let failed = |e: &io::Error| writing(&path, e);
        let directory = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(directory).map_err(|e| failed(&e))?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let part = directory.join(format!(".countersign-{}-{number}", process::id()));
        // New, so that nobody's link is followed.
        let written = File::create_new(&part)
            .and_then(|mut file| io::copy(bytes, &mut file))
            .and_then(|_| match over {
                Over::Nothing if fs::hard_link(&part, &path).is_ok() || path.exists() => {
                    fs::remove_file(&part)
                }
                Over::Nothing | Over::Anything => fs::rename(&part, &path),
            });
        written.map_err(|e| {
            // What cannot be removed harms nobody: no reader looks at such a name.
            let _ = fs::remove_file(&part);
            failed(&e)
        })
    }

    fn put_manifest(&self, manifest: &Outgoing<'_>) -> Result<(), RegistryError> {
        let size = manifest.bytes.len() as u64;
        let blob = Blob { digest: manifest.digest.to_owned(), size };
        self.push_blob(&blob, Box::new(io::Cursor::new(manifest.bytes.to_vec())))
    }
}

impl Store for LayoutWriter {
    fn name(&self) -> String {
        format!("{LAYOUT}{}", self.root.display())
    }

    fn manifest(&self, reference: &str) -> Result<Manifest, RegistryError> {
        self.reader()?.ok_or_else(empty)?.manifest(reference)
    }

    fn has_manifest(&self, digest: &str) -> Result<bool, RegistryError> {
        match present(self.manifest(digest)) {
            // What is broken is written anew.
            Err(RegistryError::Garbled(_)) => Ok(false),
            found => Ok(found?.is_some()),
        }
    }

    fn has_blob(&self, blob: &Blob) -> Result<bool, RegistryError> {
        match present(self.open_blob(blob)) {
            Ok(Some(mut reader)) => Ok(io::copy(&mut reader, &mut io::sink()).is_ok()),
            found => Ok(found?.is_some()),
        }
    }

    fn open_blob(&self, blob: &Blob) -> Result<Box<dyn Read + Send>, RegistryError> {
        self.reader()?.ok_or_else(empty)?.open_blob(blob)
    }

    fn referrers(&self, digest: &str) -> Result<Referrers, RegistryError> {
        self.reader()?.map_or_else(|| Ok(Referrers::default()), |reader| reader.referrers(digest))
    }

    fn push_blob(&self, blob: &Blob, reader: Box<dyn Read + Send>) -> Result<(), RegistryError> {
        self.make()?;
        let name = name_of(&blob.digest)?;
        match Verified::new(reader, &blob.digest, blob.size) {
            Some(mut reader) => self.put(&name, &mut reader, Over::Anything),
            None => Err(RegistryError::Unsupported(format!("`{}` is no digest", blob.digest))),
        }
    }

    fn push_manifest(
        &self,
        manifest: &Outgoing<'_>,
        under: Under<'_>,
    ) -> Result<Pushed, RegistryError> {
        self.put_manifest(manifest)?;
        let has_subject =
            || Contents::read(manifest.bytes).is_ok_and(|contents| contents.subject.is_some());
        let listing = match under {
            // What refers to something is found by being listed.
            Under::Digest if has_subject() => Listing { tag: None, name: None },
            Under::Digest => return Ok(Pushed::default()),
            Under::Tag(tag) => Listing { tag: Some(tag), name: None },
            Under::Image { tag, name } => Listing { tag, name },
        };
        change(self, manifest, &listing)?;
        Ok(Pushed::default())
    }
}

/// Makes a directory that was not there, for its owner alone.
fn make_alone(directory: &Path) -> io::Result<()> {
    if let Some(above) = directory.parent() {
        fs::create_dir_all(above)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

fn empty() -> RegistryError {
    RegistryError::Absent("the layout is empty".to_owned())
}

fn name_of(digest: &str) -> Result<String, RegistryError> {
    blob_name(digest)
        .ok_or_else(|| RegistryError::Unsupported(format!("`{digest}` is not a digest")))
}

fn reading(error: io::Error) -> RegistryError {
    match error.kind() {
        ErrorKind::NotFound => RegistryError::Absent("the layout has no such blob".to_owned()),
        ErrorKind::PermissionDenied => RegistryError::Denied(error.to_string()),
        _ => RegistryError::Transport(error.to_string()),
    }
}

fn writing(path: &Path, error: &io::Error) -> RegistryError {
    let words = format!("`{}`: {error}", path.display());
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => RegistryError::Denied(words),
        _ => RegistryError::Transport(words),
    }
}

/// Why a layout cannot be opened, as a place says it.
pub(crate) fn opening(error: LayoutError) -> RegistryError {
    let words = error.to_string();
    match error {
        LayoutError::Ambiguous { .. } | LayoutError::BadSelector(_) => {
            RegistryError::Unsupported(words)
        }
        LayoutError::Malformed(_) => RegistryError::Garbled(words),
        LayoutError::Unreadable(_) => RegistryError::Transport(words),
    }
}
