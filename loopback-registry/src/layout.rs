//! OCI layouts: reading one into a repository, and writing a repository as one.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    INDEX, MANIFEST,
    api::is_tag,
    digest,
    store::{Contents, Repository, Store, index},
};

const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// What was read from a layout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Digests of the manifests.
    pub manifests: BTreeSet<String>,
    /// Digests of the blobs.
    pub blobs: BTreeSet<String>,
    /// The tags.
    pub tags: BTreeSet<String>,
    /// Digests of what the layout names and does not hold.
    pub absent: BTreeSet<String>,
}

/// Reads everything that a layout's index reaches into a repository.
pub(crate) fn read(store: &mut Store, name: &str, layout: &Path) -> io::Result<Loaded> {
    let mut loading = Loading { store, name, layout, loaded: Loaded::default() };
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json"))?)?;
    for descriptor in index["manifests"].as_array().into_iter().flatten() {
        let Some(digest) = descriptor["digest"].as_str() else { continue };
        loading.manifest(digest, descriptor["mediaType"].as_str())?;
        let reference = descriptor["annotations"][REF_NAME].as_str().unwrap_or_default();
        let tag = reference.rsplit([':', '/']).next().unwrap_or_default();
        if is_tag(tag) {
            loading.store.put_tag(name, tag, digest);
            loading.loaded.tags.insert(tag.to_owned());
        }
    }
    Ok(loading.loaded)
}

struct Loading<'a> {
    store: &'a mut Store,
    name: &'a str,
    layout: &'a Path,
    loaded: Loaded,
}

impl Loading<'_> {
    fn manifest(&mut self, digest: &str, media_type: Option<&str>) -> io::Result<()> {
        if self.loaded.manifests.contains(digest) {
            return Ok(());
        }
        let Some(bytes) = self.content(digest)? else { return Ok(()) };
        let Some(contents) = Contents::of(&bytes) else {
            return Err(bad(format!("{digest} is not a manifest")));
        };
        let kind = if contents.children.is_empty() { MANIFEST } else { INDEX };
        let media_type = media_type.or(contents.media_type.as_deref()).unwrap_or(kind);
        self.store.put_manifest(self.name, digest, media_type, bytes);
        self.loaded.manifests.insert(digest.to_owned());
        for blob in &contents.blobs {
            if let Some(bytes) = self.content(blob)? {
                self.store.put_blob(self.name, blob, bytes);
                self.loaded.blobs.insert(blob.clone());
            }
        }
        contents.children.iter().try_for_each(|child| self.manifest(child, None))
    }

    fn content(&mut self, digest: &str) -> io::Result<Option<Bytes>> {
        if !digest::is_digest(digest) {
            return Err(bad(format!("`{digest}` is not a digest")));
        }
        match fs::read(blob_path(self.layout, digest)) {
            Ok(bytes) if digest::matches(digest, &bytes) => Ok(Some(bytes.into())),
            Ok(_) => Err(bad(format!("the file of {digest} has other bytes"))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                self.loaded.absent.insert(digest.to_owned());
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }
}

/// Writes a repository as a layout, over what may be there of it.
pub(crate) fn write(repository: &Repository, layout: &Path) -> io::Result<()> {
    let manifests = repository.manifests.iter().map(|(digest, m)| (digest, &m.bytes));
    for (digest, bytes) in repository.blobs.iter().chain(manifests) {
        let path = blob_path(layout, digest);
        if !path.exists() {
            put(&path, bytes)?;
        }
    }
    let mut descriptors = Vec::new();
    for (digest, manifest) in &repository.manifests {
        let plain = json!({
            "mediaType": manifest.media_type,
            "digest": digest,
            "size": manifest.bytes.len(),
        });
        let before = descriptors.len();
        for (tag, _) in repository.tags.iter().filter(|(_, is)| *is == digest) {
            let mut tagged = plain.clone();
            tagged["annotations"] = json!({ REF_NAME: tag });
            descriptors.push(tagged);
        }
        if descriptors.len() == before {
            descriptors.push(plain);
        }
    }
    put(&layout.join("index.json"), index(descriptors).to_string().as_bytes())?;
    put(&layout.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)
}

/// Reads every layout below a directory into the repository of its relative path.
pub(crate) fn read_all(store: &mut Store, directory: &Path) -> io::Result<()> {
    let mut open = vec![(directory.to_owned(), String::new())];
    while let Some((path, name)) = open.pop() {
        if path.join("oci-layout").exists() {
            read(store, &name, &path)?;
        }
        for entry in fs::read_dir(&path)? {
            let entry = entry?;
            let below = entry.file_name().to_string_lossy().into_owned();
            // No repository of a layout is inside of its blobs.
            if entry.file_type()?.is_dir()
                && !(below == "blobs" && path.join("oci-layout").exists())
            {
                let joint = if name.is_empty() { "" } else { "/" };
                open.push((entry.path(), format!("{name}{joint}{below}")));
            }
        }
    }
    Ok(())
}

fn blob_path(layout: &Path, digest: &str) -> PathBuf {
    let (algorithm, value) = digest.split_once(':').unwrap_or_default();
    layout.join("blobs").join(algorithm).join(value)
}

/// Writes aside and renames, so that nobody reads half of it.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let aside = path.with_extension("part");
    fs::write(&aside, bytes)?;
    fs::rename(aside, path)
}

fn bad(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
