//! An OCI image layout (image-spec v1.1, `image-layout.md`), in a directory or a tar of one.
//!
//! A layout is one repository, whatever name it goes by: the repository of a fetch is not looked
//! at.

use std::{fmt, io::ErrorKind, path::Path, sync::OnceLock};

use countersign::wire::{Answer, Bytes, Fetch, UnavailableReason};
use serde_json::{Value, json};

use super::{archive::Archive, files::Files, selector::Selector};
use crate::registry::{is_digest, is_tag};

/// Before the directory of a layout, where registries may be named too.
pub const LAYOUT: &str = "oci-layout:";
/// Before the file of an archive.
pub const ARCHIVE: &str = "oci-archive:";
/// What registries accept as a manifest, and so what a layout may hold as one.
const MAX_MANIFEST: u64 = 4 << 20;
/// Entries of `index.json` whose manifests are searched for a subject.
const MAX_SCANNED: usize = 4096;
/// Bytes of manifests that are searched for a subject.
const MAX_SCANNED_BYTES: u64 = 64 << 20;
pub(crate) const TAG: &str = "org.opencontainers.image.ref.name";
pub(crate) const NAME: &str = "io.containerd.image.name";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A layout, opened.
#[derive(Debug)]
pub struct Layout {
    files: Files,
    entries: Vec<Value>,
    reference: String,
    selector: Selector,
    own_name: Option<String>,
    /// Subject and descriptor of each.
    referrers: OnceLock<Result<Vec<(String, Value)>, String>>,
}

/// Why a layout cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayoutError {
    /// No image was named and there is not exactly one.
    Ambiguous {
        /// The tags to choose from.
        tags: Vec<String>,
    },
    /// The selector is not a digest or a tag.
    BadSelector(String),
    /// `index.json` is not an image index.
    Malformed(String),
    /// The directory or archive is not a readable layout.
    Unreadable(String),
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambiguous { tags } if tags.is_empty() => {
                f.write_str("the layout does not hold exactly one image: name one by its digest")
            }
            Self::Ambiguous { tags } => {
                let tags = tags.join("`, `");
                write!(f, "the layout does not hold exactly one image: name a tag of `{tags}`")
            }
            Self::BadSelector(s) => write!(f, "`{s}` is neither a tag nor a digest"),
            Self::Malformed(e) => write!(f, "not an OCI image layout: {e}"),
            Self::Unreadable(e) => write!(f, "the layout cannot be read: {e}"),
        }
    }
}

impl std::error::Error for LayoutError {}

impl Layout {
    /// Opens a layout and settles which image is meant, and the name that rules match: `name`, else
    /// the layout's own, else `localhost/` and the directory's name.
    ///
    /// # Errors
    /// It is no layout, or does not say which image is meant.
    pub fn open(
        root: &Path,
        selector: Option<Selector>,
        name: Option<&str>,
    ) -> Result<Self, LayoutError> {
        Self::settle(Files::Directory(root.to_owned()), selector, name)
    }

    /// The same of an archive: an uncompressed tar of a layout.
    ///
    /// # Errors
    /// It is no layout, or does not say which image is meant.
    pub fn open_archive(
        path: &Path,
        selector: Option<Selector>,
        name: Option<&str>,
    ) -> Result<Self, LayoutError> {
        let archive = Archive::open(path)
            .map_err(|e| LayoutError::Unreadable(format!("`{}`: {e}", path.display())))?;
        Self::settle(Files::Archive(archive), selector, name)
    }

    fn settle(
        files: Files,
        selector: Option<Selector>,
        name: Option<&str>,
    ) -> Result<Self, LayoutError> {
        let entries = match index(&files)?["manifests"].take() {
            Value::Array(entries) => entries,
            _ => Vec::new(),
        };
        let mut layout = Self {
            files,
            entries,
            reference: String::new(),
            selector: Selector::Tag(String::new()),
            own_name: None,
            referrers: OnceLock::new(),
        };
        layout.selector = selector.map_or_else(|| layout.only_image(), Ok)?;
        layout.own_name = layout.find_name();
        let own = || layout.own_name.clone();
        let name = name.map(str::to_owned).or_else(own);
        let repository = name.unwrap_or_else(|| default_name(layout.files.path()));
        layout.reference = match &layout.selector {
            Selector::Digest(d) if is_digest(d) => format!("{repository}@{d}"),
            Selector::Tag(t) if is_tag(t) => format!("{repository}:{t}"),
            Selector::Digest(s) | Selector::Tag(s) => {
                return Err(LayoutError::BadSelector(s.clone()));
            }
        };
        Ok(layout)
    }

    /// Which image is meant.
    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    /// The name that the layout itself has for it.
    pub fn own_name(&self) -> Option<&str> {
        self.own_name.as_deref()
    }

    /// Its files.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// The reference to ask a decision for.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// Answers one fetch.
    pub fn answer(&self, fetch: &Fetch) -> Answer {
        let answer = match fetch {
            Fetch::Resolve { reference } => self.tagged(tag_of(reference)).map(|entry| {
                let digest = text(entry, "digest").to_owned();
                Answer::Resolved { digest }
            }),
            Fetch::Tag { tag, max_bytes, .. } => {
                self.tagged(tag).and_then(|entry| self.manifest(text(entry, "digest"), *max_bytes))
            }
            Fetch::Manifest { digest, max_bytes, .. } => self.manifest(digest, *max_bytes),
            Fetch::Blob { digest, max_bytes, .. } => {
                self.read(digest, *max_bytes).map(|bytes| found(bytes, ""))
            }
            Fetch::Referrers { digest, max_bytes, .. } => self.referrers_of(digest, *max_bytes),
            Fetch::Ocsp { .. } | Fetch::Crl { .. } => Err(unavailable(
                UnavailableReason::Unsupported,
                "a layout knows nothing of revocation".into(),
            )),
        };
        answer.unwrap_or_else(|no_bytes| no_bytes)
    }

    fn manifest(&self, digest: &str, max_bytes: u64) -> Result<Answer, Answer> {
        let bytes = self.read(digest, max_bytes)?;
        let listed = self.entries.iter().find(|e| text(e, "digest") == digest);
        let listed = listed.map(|e| text(e, "mediaType")).unwrap_or_default();
        if !listed.is_empty() {
            return Ok(found(bytes, listed));
        }
        let parsed: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(found(bytes, text(&parsed, "mediaType")))
    }

    /// The entry of a tag. Two entries that disagree are no answer.
    fn tagged(&self, tag: &str) -> Result<&Value, Answer> {
        let is_named = |e: &&Value| annotation(e, TAG) == Some(tag);
        let mut named = self.entries.iter().filter(is_named);
        let Some(entry) = named.next() else {
            return Err(absent(format!("the layout has no tag `{tag}`")));
        };
        if named.any(|other| text(other, "digest") != text(entry, "digest")) {
            let message = format!("the layout names two images by the tag `{tag}`");
            return Err(unavailable(UnavailableReason::Garbled, message));
        }
        Ok(entry)
    }

    fn read(&self, digest: &str, max_bytes: u64) -> Result<Vec<u8>, Answer> {
        let Some(name) = blob_name(digest) else {
            let message = format!("`{digest}` is not a digest");
            return Err(unavailable(UnavailableReason::Unsupported, message));
        };
        self.files.read(&name, max_bytes).map_err(|e| match e.kind() {
            ErrorKind::NotFound => absent("the layout has no such blob".to_owned()),
            ErrorKind::PermissionDenied => Answer::Denied { message: e.to_string() },
            ErrorKind::FileTooLarge => {
                let message = format!("larger than {max_bytes} bytes");
                unavailable(UnavailableReason::TooLarge, message)
            }
            _ => unavailable(UnavailableReason::Transport, e.to_string()),
        })
    }

    fn referrers_of(&self, digest: &str, max_bytes: u64) -> Result<Answer, Answer> {
        let too_large = |message| unavailable(UnavailableReason::TooLarge, message);
        let all = self.referrers.get_or_init(|| self.scan()).as_ref();
        let all = all.map_err(|message| too_large(message.clone()))?;
        let about = all.iter().filter(|(subject, _)| subject == digest);
        let manifests: Vec<&Value> = about.map(|(_, descriptor)| descriptor).collect();
        if manifests.is_empty() {
            return Err(absent("nothing in the layout refers to it".to_owned()));
        }
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
        let bytes = index.to_string().into_bytes();
        if bytes.len() as u64 > max_bytes {
            return Err(too_large(format!("the list is larger than {max_bytes} bytes")));
        }
        Ok(found(bytes, INDEX))
    }

    /// Every entry whose manifest has a subject. A manifest that cannot be read refers to nothing.
    fn scan(&self) -> Result<Vec<(String, Value)>, String> {
        if self.entries.len() > MAX_SCANNED {
            return Err(format!("the layout lists more than {MAX_SCANNED} manifests"));
        }
        let mut seen = Vec::new();
        let mut referrers = Vec::new();
        let mut total = 0_u64;
        for entry in &self.entries {
            let digest = text(entry, "digest");
            if seen.contains(&digest) {
                continue;
            }
            seen.push(digest);
            let Ok(bytes) = self.read(digest, MAX_MANIFEST) else {
                continue;
            };
            total += bytes.len() as u64;
            if total > MAX_SCANNED_BYTES {
                return Err("the manifests of the layout are too large to search".to_owned());
            }
            let Ok(manifest) = serde_json::from_slice::<Value>(&bytes) else {
                continue;
            };
            let subject = text(&manifest["subject"], "digest").to_owned();
            if !subject.is_empty() {
                let descriptor = describe(entry, &manifest, bytes.len());
                referrers.push((subject, descriptor));
            }
        }
        Ok(referrers)
    }

    fn only_image(&self) -> Result<Selector, LayoutError> {
        let referrers: Vec<&str> = match self.referrers.get_or_init(|| self.scan()) {
            Ok(all) => all.iter().map(|(_, d)| text(d, "digest")).collect(),
            Err(_) => Vec::new(),
        };
        let images: Vec<&Value> = self
            .entries
            .iter()
            .filter(|e| !annotation(e, TAG).is_some_and(is_evidence_tag))
            .filter(|e| !referrers.contains(&text(e, "digest")))
            .collect();
        if let [image] = images.as_slice() {
            return Ok(match annotation(image, TAG) {
                Some(tag) => Selector::Tag(tag.to_owned()),
                None => Selector::Digest(text(image, "digest").to_owned()),
            });
        }
        let tags = images.iter().filter_map(|e| annotation(e, TAG));
        Err(LayoutError::Ambiguous { tags: tags.map(str::to_owned).collect() })
    }

    fn find_name(&self) -> Option<String> {
        let entry = self.entries.iter().find(|e| match &self.selector {
            Selector::Digest(digest) => text(e, "digest") == digest,
            Selector::Tag(tag) => annotation(e, TAG) == Some(tag),
        })?;
        let name = annotation(entry, NAME)?;
        let name = name.split_once('@').map_or(name, |(name, _)| name);
        let colon = name.rfind(':');
        let tag = colon.filter(|at| !name[*at..].contains('/'));
        Some(tag.map_or(name, |colon| &name[..colon]).to_owned())
    }
}

/// `index.json`, which lists manifests.
pub(crate) fn index(files: &Files) -> Result<Value, LayoutError> {
    let bytes = files.read("index.json", MAX_MANIFEST).map_err(|e| {
        LayoutError::Unreadable(format!("`{}`: `index.json`: {e}", files.path().display()))
    })?;
    let index: Value = serde_json::from_slice(&bytes)
        .map_err(|e| LayoutError::Malformed(format!("`index.json`: {e}")))?;
    if !index["manifests"].is_array() {
        return Err(LayoutError::Malformed("`index.json` lists no manifests".to_owned()));
    }
    Ok(index)
}

/// The descriptor of a referrer as a registry would list it (distribution-spec v1.1, "Listing
/// Referrers"): its own artifact type, else its config's media type.
fn describe(entry: &Value, manifest: &Value, size: usize) -> Value {
    let media_type = match text(entry, "mediaType") {
        "" => text(manifest, "mediaType"),
        listed => listed,
    };
    let mut descriptor = json!({
        "mediaType": media_type,
        "digest": text(entry, "digest"),
        "size": size,
    });
    let artifact_type = match text(manifest, "artifactType") {
        "" => text(&manifest["config"], "mediaType"),
        own => own,
    };
    if !artifact_type.is_empty() {
        descriptor["artifactType"] = artifact_type.into();
    }
    if manifest["annotations"].is_object() {
        descriptor["annotations"] = manifest["annotations"].clone();
    }
    descriptor
}

/// `blobs/<algorithm>/<hex>`, for nothing but the registered algorithms and lower-case hex.
pub(crate) fn blob_name(digest: &str) -> Option<String> {
    let (algorithm, hex) = digest.split_once(':')?;
    is_digest(digest).then(|| format!("blobs/{algorithm}/{hex}"))
}

/// Tags under which evidence lies beside an image.
pub(crate) fn is_evidence_tag(tag: &str) -> bool {
    let algorithms = ["sha256-", "sha384-", "sha512-"];
    algorithms.iter().any(|p| tag.starts_with(p))
}

fn tag_of(reference: &str) -> &str {
    match reference.rsplit_once(':') {
        Some((_, tag)) if !tag.contains('/') => tag,
        _ => "latest",
    }
}

/// `localhost/` and the name of the directory or archive, with what repository names cannot hold
/// replaced.
fn default_name(path: &Path) -> String {
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = if absolute.is_dir() { absolute.file_name() } else { absolute.file_stem() };
    let name = name.unwrap_or_default().to_string_lossy();
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name: String = name.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    let name = name.trim_matches(['.', '_', '-']).to_ascii_lowercase();
    format!("localhost/{}", if name.is_empty() { "layout" } else { &name })
}

fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object[member].as_str().unwrap_or_default()
}

fn annotation<'a>(entry: &'a Value, name: &str) -> Option<&'a str> {
    entry["annotations"][name].as_str()
}

fn found(bytes: Vec<u8>, media_type: &str) -> Answer {
    let media_type = Some(media_type.to_owned()).filter(|m| !m.is_empty());
    Answer::Found { bytes: Bytes(bytes), media_type, reserialised: false }
}

fn absent(message: String) -> Answer {
    Answer::Absent { message }
}

fn unavailable(reason: UnavailableReason, message: String) -> Answer {
    Answer::Unavailable { reason, message }
}
