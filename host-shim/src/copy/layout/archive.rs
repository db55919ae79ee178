//! Writing an archive: a layout is made beside it, and packed when it is whole.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::Ordering,
};

use serde_json::Value;
use tar::{Builder, Header};

use super::{LayoutReader, LayoutWriter, NEXT, index::EMPTY, writing};
use crate::{
    copy::store::{Blob, Outgoing, Referrers, Store, Under},
    registry::{MAX_MANIFEST, Manifest, Pushed, RegistryError, is_digest},
    source::{
        Layout, Selector,
        layout::{ARCHIVE, TAG, is_evidence_tag},
    },
};

/// An archive that is written. What was in it before stays in it; the file is replaced at once, by
/// [`Store::finish`], after which this is of no more use.
pub struct ArchiveWriter {
    path: PathBuf,
    /// What is new.
    staged: LayoutWriter,
    /// What was there.
    before: Option<LayoutReader>,
}

impl ArchiveWriter {
    /// For an archive that is there, or not yet.
    ///
    /// # Errors
    /// There is something else, or nothing can be written beside it.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        let before = match path.try_exists() {
            Ok(false) => None,
            Ok(true) => {
                let any = Some(Selector::Tag("any".to_owned()));
                let layout = Layout::open_archive(path, any, Some("localhost/any"));
                Some(LayoutReader::new(layout.map_err(|e| {
                    RegistryError::Refused(format!("it is there and is no OCI archive: {e}"))
                })?))
            }
            Err(e) => return Err(writing(path, &e)),
        };
        let index = match &before {
            Some(before) => before.layout().files().read("index.json", MAX_MANIFEST),
            None => Ok(EMPTY.to_vec()),
        };
        let index = index.map_err(|e| writing(path, &e))?;
        Ok(Self { staged: LayoutWriter::aside(beside(path), index), before, path: path.into() })
    }

    fn pack(&self, part: &Path) -> io::Result<()> {
        let mut tar = Builder::new(BufWriter::new(File::create_new(part)?));
        let mut names: BTreeSet<String> = blobs(self.staged.root())?.into_iter().collect();
        if let Some(before) = &self.before {
            names.extend(before.layout().files().names().filter(is_blob).map(str::to_owned));
        }
        let root = self.staged.root();
        append(&mut tar, "oci-layout", File::open(root.join("oci-layout"))?)?;
        let index = sorted(&fs::read(root.join("index.json"))?);
        entry(&mut tar, "index.json", index.len() as u64, &*index)?;
        for name in names {
            let path = self.staged.root().join(&name);
            if path.is_file() {
                append(&mut tar, &name, File::open(&path)?)?;
                // It is in the archive now; both at once may be more than the disk holds.
                fs::remove_file(&path)?;
            } else if let Some(before) = &self.before {
                let (size, file) = before.layout().files().open(&name)?;
                entry(&mut tar, &name, size, file)?;
            }
        }
        tar.into_inner()?.into_inner().map_err(|e| e.into_error())?.sync_all()
    }
}

impl Store for ArchiveWriter {
    fn name(&self) -> String {
        format!("{ARCHIVE}{}", self.path.display())
    }

    fn manifest(&self, reference: &str) -> Result<Manifest, RegistryError> {
        match (self.staged.manifest(reference), &self.before) {
            (Err(RegistryError::Absent(_)), Some(before)) => before.manifest(reference),
            (result, _) => result,
        }
    }

    fn has_manifest(&self, digest: &str) -> Result<bool, RegistryError> {
        Ok(self.staged.has_manifest(digest)?
            || self.before.as_ref().map_or(Ok(false), |before| before.has_manifest(digest))?)
    }

    fn has_blob(&self, blob: &Blob) -> Result<bool, RegistryError> {
        Ok(self.staged.has_blob(blob)?
            || self.before.as_ref().map_or(Ok(false), |before| before.has_blob(blob))?)
    }

    fn open_blob(&self, blob: &Blob) -> Result<Box<dyn Read + Send>, RegistryError> {
        match (self.staged.open_blob(blob), &self.before) {
            (Err(RegistryError::Absent(_)), Some(before)) => before.open_blob(blob),
            (result, _) => result,
        }
    }

    fn referrers(&self, digest: &str) -> Result<Referrers, RegistryError> {
        let mut listed = self.staged.referrers(digest)?.listed;
        if let Some(before) = &self.before {
            listed.extend(before.referrers(digest)?.listed);
        }
        Ok(Referrers { listed, api: false })
    }

    fn push_blob(&self, blob: &Blob, reader: Box<dyn Read + Send>) -> Result<(), RegistryError> {
        self.staged.push_blob(blob, reader)
    }

    fn push_manifest(
        &self,
        manifest: &Outgoing<'_>,
        under: Under<'_>,
    ) -> Result<Pushed, RegistryError> {
        self.staged.push_manifest(manifest, under)
    }

    fn finish(&self) -> Result<(), RegistryError> {
        self.staged.make()?;
        let part = self.staged.root().join("archive");
        let packed = self.pack(&part).and_then(|()| fs::rename(&part, &self.path));
        packed.map_err(|e| {
            // The error that is reported says why it was left.
            let _ = fs::remove_file(&part);
            writing(&self.path, &e)
        })
    }
}

impl Drop for ArchiveWriter {
    fn drop(&mut self) {
        if self.staged.is_made() {
            // Of ours alone: nothing of that name was there.
            let _ = fs::remove_dir_all(self.staged.root());
        }
    }
}

/// Where nothing is yet, on the disk that the archive will be on.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let beside = path.with_file_name(format!(".{name}.countersign-{}-{number}", process::id()));
        if !beside.exists() {
            return beside;
        }
    }
}

fn append(tar: &mut Builder<impl Write>, name: &str, file: File) -> io::Result<()> {
    let size = file.metadata()?.len();
    entry(tar, name, size, file)
}

/// Images first, then what is attached: the order in which it came is that of the network.
fn sorted(index: &[u8]) -> Vec<u8> {
    let mut index: Value = serde_json::from_slice(index).unwrap_or_default();
    if let Some(entries) = index["manifests"].as_array_mut() {
        entries.sort_by_cached_key(|entry| {
            let tag = entry["annotations"][TAG].as_str().unwrap_or_default().to_owned();
            let is_attached = tag.is_empty() || is_evidence_tag(&tag);
            (is_attached, tag, entry["digest"].as_str().map(str::to_owned))
        });
    }
    index.to_string().into_bytes()
}

/// The same image makes the same archive: no time, owner or mode of this machine is in it.
fn entry(tar: &mut Builder<impl Write>, name: &str, size: u64, file: impl Read) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, file)
}

/// Names of the blobs of a directory.
fn blobs(root: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for algorithm in ["sha256", "sha384", "sha512"] {
        let directory = root.join("blobs").join(algorithm);
        if !directory.is_dir() {
            continue;
        }
        for entry in fs::read_dir(directory)? {
            let name = format!("blobs/{algorithm}/{}", entry?.file_name().to_string_lossy());
            names.extend(Some(name).filter(|name| is_blob(&name.as_str())));
        }
    }
    Ok(names)
}

fn is_blob(name: &&str) -> bool {
    let digest = name.strip_prefix("blobs/").and_then(|name| name.split_once('/'));
    digest.is_some_and(|(algorithm, hex)| is_digest(&format!("{algorithm}:{hex}")))
}
