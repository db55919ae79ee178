//! An OCI image layout directory (image-spec v1.1, `image-layout.md`).
//!
//! A layout is one repository, whatever name it goes by: the repository of a fetch is not looked
//! at. Depends on the standard library, `serde_json` and the wire types only.

use std::{
    fmt,
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use countersign::wire::{Answer, Bytes, Fetch, UnavailableReason};
use serde_json::{Value, json};

/// What registries accept as a manifest, and so what a layout may hold as one.
const MAX_MANIFEST: u64 = 4 << 20;
/// Entries of `index.json` whose manifests are searched for a subject.
const MAX_SCANNED: usize = 4096;
/// Bytes of manifests that are searched for a subject.
const MAX_SCANNED_BYTES: u64 = 64 << 20;
const TAG: &str = "org.opencontainers.image.ref.name";
const NAME: &str = "io.containerd.image.name";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Which image of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// By digest.
    Digest(String),
    /// By tag.
    Tag(String),
}

/// A layout, opened.
#[derive(Debug)]
pub struct Layout {
    root: PathBuf,
    entries: Vec<Value>,
    reference: String,
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
    /// The directory is not a readable layout.
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
    pub fn open(
        root: &Path,
        selector: Option<Selector>,
        name: Option<&str>,
    ) -> Result<Self, LayoutError> {
        let path = root.join("index.json");
        let bytes = read_capped(&path, MAX_MANIFEST)
            .map_err(|e| LayoutError::Unreadable(format!("`{}`: {e}", path.display())))?;
        let mut index: Value = serde_json::from_slice(&bytes)
            .map_err(|e| LayoutError::Malformed(format!("`index.json`: {e}")))?;
        let Some(Value::Array(entries)) = index.get_mut("manifests").map(Value::take) else {
            let message = "`index.json` lists no manifests".to_owned();
            return Err(LayoutError::Malformed(message));
        };
        let mut layout = Self {
            root: root.to_owned(),
            entries,
            reference: String::new(),
            referrers: OnceLock::new(),
        };
        let selector = selector.map_or_else(|| layout.only_image(), Ok)?;
        let own = || layout.own_name(&selector);
        let name = name.map(str::to_owned).or_else(own);
        let repository = name.unwrap_or_else(|| default_name(root));
        layout.reference = match selector {
            Selector::Digest(d) if blob_path(root, &d).is_some() => format!("{repository}@{d}"),
            Selector::Tag(t) if is_tag(&t) => format!("{repository}:{t}"),
            Selector::Digest(s) | Selector::Tag(s) => return Err(LayoutError::BadSelector(s)),
        };
        Ok(layout)
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
        let Some(path) = blob_path(&self.root, digest) else {
            let message = format!("`{digest}` is not a digest");
            return Err(unavailable(UnavailableReason::Unsupported, message));
        };
        read_capped(&path, max_bytes).map_err(|e| match e.kind() {
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

    fn own_name(&self, selector: &Selector) -> Option<String> {
        let entry = self.entries.iter().find(|e| match selector {
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

/// A file, unless it is larger than it may be.
pub(super) fn read_capped(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    // Looked at before it is opened: opening a pipe would wait for its other end.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a file"));
    }
    if metadata.len() > max_bytes {
        return Err(ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Vec::new();
    match File::open(path)?.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)? {
        read if read as u64 > max_bytes => Err(ErrorKind::FileTooLarge.into()),
        _ => Ok(bytes),
    }
}

/// `blobs/<algorithm>/<hex>`, for nothing but the registered algorithms and lower-case hex.
fn blob_path(root: &Path, digest: &str) -> Option<PathBuf> {
    let (algorithm, hex) = digest.split_once(':')?;
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return None,
    };
    let is_digit = |b| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let is_hex = hex.bytes().all(is_digit);
    (hex.len() == length && is_hex).then(|| root.join("blobs").join(algorithm).join(hex))
}

/// Tags under which evidence lies beside an image.
fn is_evidence_tag(tag: &str) -> bool {
    let algorithms = ["sha256-", "sha384-", "sha512-"];
    algorithms.iter().any(|p| tag.starts_with(p))
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

fn tag_of(reference: &str) -> &str {
    match reference.rsplit_once(':') {
        Some((_, tag)) if !tag.contains('/') => tag,
        _ => "latest",
    }
}

/// `localhost/` and the directory's name, with what repository names cannot hold replaced.
fn default_name(root: &Path) -> String {
    let absolute = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let name = absolute.file_name().unwrap_or_default().to_string_lossy();
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
