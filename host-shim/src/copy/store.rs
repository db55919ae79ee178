//! Places that images are copied between.

use std::io::Read;

use serde_json::Value;

use crate::registry::{Manifest, Pushed, Registry, RegistryError, Repository};

/// Bytes of one list of referrers.
pub(crate) const MAX_LIST: u64 = 16 << 20;

/// A place that keeps the manifests and blobs of one repository. What goes wrong in it is said as a
/// registry would: absent, denied, unavailable.
pub trait Store: Sync {
    /// Which place it is, for people.
    fn name(&self) -> String;

    /// `HOST/NAME` of the images in it, where it knows.
    fn image_name(&self) -> Option<String> {
        self.repository().map(ToString::to_string)
    }

    /// The repository, if it is one of a registry.
    fn repository(&self) -> Option<&Repository> {
        None
    }

    /// The manifest under a tag or digest, of at most 4 MiB; under a digest, the bytes are those of it.
    ///
    /// # Errors
    /// [`RegistryError::Absent`] when there is none.
    fn manifest(&self, reference: &str) -> Result<Manifest, RegistryError>;

    /// Whether a manifest is there.
    ///
    /// # Errors
    /// When that cannot be said.
    fn has_manifest(&self, digest: &str) -> Result<bool, RegistryError>;

    /// Whether a blob is there.
    ///
    /// # Errors
    /// When that cannot be said.
    fn has_blob(&self, blob: &Blob) -> Result<bool, RegistryError>;

    /// A blob, to be read. The last read fails if it was not what its digest names.
    ///
    /// # Errors
    /// [`RegistryError::Absent`] when there is none.
    fn open_blob(&self, blob: &Blob) -> Result<Box<dyn Read + Send>, RegistryError>;

    /// Whether it may list referrers for everybody. A layout is read by tools that do not look for them
    /// and take the fallback tag for the list.
    fn may_list(&self) -> bool {
        self.repository().is_some()
    }

    /// What refers to a digest, as far as the place knows it without the fallback tag.
    ///
    /// # Errors
    /// When that cannot be said.
    fn referrers(&self, digest: &str) -> Result<Referrers, RegistryError>;

    /// Stores a blob, which must be what its digest names.
    ///
    /// # Errors
    /// When it is not taken, or the reader fails.
    fn push_blob(&self, blob: &Blob, reader: Box<dyn Read + Send>) -> Result<(), RegistryError>;

    /// Takes a blob over from another repository, without a transfer. The answer is whether it did.
    ///
    /// # Errors
    /// When that cannot be said.
    fn mount_blob(&self, _blob: &Blob, _from: &dyn Store) -> Result<bool, RegistryError> {
        Ok(false)
    }

    /// Stores a manifest whose blobs and children are there.
    ///
    /// # Errors
    /// When it is not taken.
    fn push_manifest(
        &self,
        manifest: &Outgoing<'_>,
        under: Under<'_>,
    ) -> Result<Pushed, RegistryError>;

    /// Makes what was stored last: an archive is written by this.
    ///
    /// # Errors
    /// When it cannot be written.
    fn finish(&self) -> Result<(), RegistryError> {
        Ok(())
    }
}

/// A blob that a manifest names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blob {
    /// `sha256:…`
    pub digest: String,
    /// Bytes.
    pub size: u64,
}

/// A manifest to be stored.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// `sha256:…`
    pub digest: &'a str,
    /// What it is.
    pub media_type: &'a str,
    /// Byte for byte.
    pub bytes: &'a [u8],
}

/// How a manifest is found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Under<'a> {
    /// By its digest.
    Digest,
    /// By a tag, too.
    Tag(&'a str),
    /// As the image that was asked for: by a tag, or by its digest alone.
    Image {
        /// The tag.
        tag: Option<&'a str>,
        /// `HOST/NAME` of where it comes from, which a layout remembers.
        name: Option<&'a str>,
    },
}

/// What refers to a digest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Referrers {
    /// Descriptors.
    pub listed: Vec<Value>,
    /// The place lists them for everybody: no fallback tag is needed.
    pub api: bool,
}

/// A repository of a registry. Mirrors are asked for the contents of blobs and nothing else: what they
/// lack, or have of yesterday, would be missing in a copy.
pub struct Remote<'a> {
    registry: &'a Registry,
    /// The same without mirrors, if there are any.
    origin: Option<Registry>,
    repository: Repository,
}

impl<'a> Remote<'a> {
    /// The repository, spoken to by this client.
    pub fn new(registry: &'a Registry, repository: Repository) -> Self {
        Self { registry, origin: registry.without_mirrors(), repository }
    }

    fn origin(&self) -> &Registry {
        self.origin.as_ref().unwrap_or(self.registry)
    }
}

impl Store for Remote<'_> {
    fn name(&self) -> String {
        self.repository.to_string()
    }

    fn repository(&self) -> Option<&Repository> {
        Some(&self.repository)
    }

    fn manifest(&self, reference: &str) -> Result<Manifest, RegistryError> {
        self.origin().manifest(&self.repository, reference, crate::registry::MAX_MANIFEST)
    }

    fn has_manifest(&self, digest: &str) -> Result<bool, RegistryError> {
        self.origin().has_manifest(&self.repository, digest)
    }

    fn has_blob(&self, blob: &Blob) -> Result<bool, RegistryError> {
        self.origin().has_blob(&self.repository, &blob.digest)
    }

    fn open_blob(&self, blob: &Blob) -> Result<Box<dyn Read + Send>, RegistryError> {
        let reader = self.registry.open_blob(&self.repository, &blob.digest, blob.size)?;
        Ok(Box::new(reader))
    }

    fn referrers(&self, digest: &str) -> Result<Referrers, RegistryError> {
        match self.origin().referrers_index(&self.repository, digest, MAX_LIST) {
            Ok(index) => Ok(Referrers { listed: listed(&index), api: true }),
            Err(RegistryError::Absent(_)) => Ok(Referrers::default()),
            Err(e) => Err(e),
        }
    }

    fn push_blob(&self, blob: &Blob, reader: Box<dyn Read + Send>) -> Result<(), RegistryError> {
        self.origin().push_blob(&self.repository, &blob.digest, blob.size, reader)
    }

    fn mount_blob(&self, blob: &Blob, from: &dyn Store) -> Result<bool, RegistryError> {
        match from.repository() {
            Some(from) if *from != self.repository && from.host() == self.repository.host() => {
                self.origin().mount_blob(&self.repository, &blob.digest, from)
            }
            _ => Ok(false),
        }
    }

    fn push_manifest(
        &self,
        manifest: &Outgoing<'_>,
        under: Under<'_>,
    ) -> Result<Pushed, RegistryError> {
        let reference = match under {
            Under::Digest | Under::Image { tag: None, .. } => manifest.digest,
            Under::Tag(tag) | Under::Image { tag: Some(tag), .. } => tag,
        };
        let Outgoing { media_type, bytes, .. } = *manifest;
        self.origin().push_manifest(&self.repository, reference, media_type, bytes)
    }
}

/// The descriptors of an index.
pub(crate) fn listed(index: &[u8]) -> Vec<Value> {
    let mut index: Value = serde_json::from_slice(index).unwrap_or_default();
    match index.get_mut("manifests").map(Value::take) {
        Some(Value::Array(listed)) => listed,
        _ => Vec::new(),
    }
}

/// A result in which absence is no error.
pub(crate) fn present<T>(result: Result<T, RegistryError>) -> Result<Option<T>, RegistryError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(RegistryError::Absent(_)) => Ok(None),
        Err(e) => Err(e),
    }
}
