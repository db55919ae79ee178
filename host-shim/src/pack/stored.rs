//! Packs in registries: the configuration of an OCI artifact, under tags of the image's digest.

use std::{error::Error, fmt};

use countersign::{
    discovery::manifest,
    reference::Digest,
    wire::{Answer, Fetch, UnavailableReason},
};
use serde::Serialize;
use serde_json::json;

use super::{MAX_BYTES, Pack};
use crate::{
    copy::{Blob, CopyError, Outgoing, Store, Under, present, push_bytes},
    registry::{MAX_MANIFEST, RegistryError, sha256_of},
    source::EvidenceSource,
};

/// Media type of a pack, and `artifactType` of the manifest that carries it.
pub const PACK_TYPE: &str = countersign::pack::MEDIA_TYPE;
/// Packs of one image where tags do not move. Each costs whoever reads them two requests.
pub const MAX_NUMBER: usize = 8;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Registries need not take a manifest without layers (image-spec v1.1, "Guidance for an Empty Descriptor").
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
const EMPTY: &[u8] = b"{}";

/// How a pack is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Beside the packs that are there, under the next number, where tags do not move.
    pub numbered: bool,
    /// Bytes that the document may have.
    pub most_bytes: u64,
    /// Takes no other's place: a list could not be had, and what it names may be in the other.
    pub only_new: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { numbered: false, most_bytes: MAX_BYTES, only_new: false }
    }
}

/// A pack that is in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// The image that it is about.
    pub subject: String,
    /// The tag that leads to it.
    pub tag: String,
    /// Of the manifest that carries it.
    pub digest: String,
    /// Of the document.
    pub bytes: u64,
    /// What was done.
    pub state: State,
}

/// What storing a pack came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// There was none under the tag.
    Added,
    /// It took the place of another.
    Replaced,
    /// The same was there: nothing was written.
    Unchanged,
}

/// Why a pack was not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The document is larger than it may be.
    TooLarge {
        /// Bytes that it has.
        found: u64,
        /// Bytes that it may have.
        most: u64,
    },
    /// Another is under the tag, and the registry does not move tags.
    Immovable {
        /// The tag.
        tag: String,
        /// The registry's words.
        error: RegistryError,
    },
    /// Another is there, and names what this one may not know of.
    Incomplete {
        /// The tag.
        tag: String,
    },
    /// All numbers are taken.
    Full {
        /// The last tag.
        tag: String,
    },
    /// The place cannot be read or written.
    Place(CopyError),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { found, most } => {
                write!(f, "the pack has {found} bytes, and may have {most}")
            }
            Self::Immovable { tag, error } => write!(
                f,
                "the tag `{tag}` holds another pack and cannot be moved: {error}; keep packs under \
                 numbered tags (--numbered) or in another repository (--to)"
            ),
            Self::Incomplete { tag } => {
                write!(
                    f,
                    "not all is known that is attached, so the pack under `{tag}` was left as it is"
                )
            }
            Self::Full { tag } => write!(
                f,
                "there are {MAX_NUMBER} packs of this image, up to `{tag}`, and no more are read: \
                 delete the old ones, or keep packs in another repository (--to)"
            ),
            Self::Place(error) => error.fmt(f),
        }
    }
}

impl Error for StoreError {}

impl From<CopyError> for StoreError {
    fn from(error: CopyError) -> Self {
        Self::Place(error)
    }
}

/// The tag of an image's pack: `sha256-<hex>.evidence`, and with a number after it from the second on.
pub fn tag(digest: &str, number: usize) -> String {
    let first = crate::copy::tag(digest, ".evidence");
    if number < 2 { first } else { format!("{first}.{number}") }
}

/// Stores a pack where hosts look for it. The same pack again changes nothing.
///
/// # Errors
/// When it is too large, or the place does not take it.
pub fn store(place: &dyn Store, pack: &Pack, options: Options) -> Result<Stored, StoreError> {
    let document = pack.to_json();
    let bytes = document.len() as u64;
    let most = options.most_bytes.min(MAX_BYTES);
    if bytes > most {
        return Err(StoreError::TooLarge { found: bytes, most });
    }
    let written = written(document.as_bytes());
    let digest = sha256_of(written.as_bytes());
    let stored = |tag, state| Stored {
        subject: pack.subject.clone(),
        tag,
        digest: digest.clone(),
        bytes,
        state,
    };
    let (tag, state) = vacancy(place, &pack.subject, &digest, options)?;
    if state == State::Unchanged {
        return Ok(stored(tag, state));
    }
    for content in [EMPTY, document.as_bytes()] {
        let blob = Blob { digest: sha256_of(content), size: content.len() as u64 };
        push_bytes(place, &blob, content)?;
    }
    let outgoing = Outgoing { digest: &digest, media_type: MANIFEST, bytes: written.as_bytes() };
    match place.push_manifest(&outgoing, Under::Tag(&tag)) {
        Ok(_) => {}
        Err(error @ (RegistryError::Refused(_) | RegistryError::Denied(_)))
            if state == State::Replaced =>
        {
            return Err(StoreError::Immovable { tag, error });
        }
        Err(error) => return Err(CopyError::Destination { what: tag, error }.into()),
    }
    // Some registries answer well to a tag that they do not move.
    let found = place.manifest(&tag).map_err(|e| CopyError::destination(&tag, e))?;
    match sha256_of(&found.bytes) {
        found if found == digest => Ok(stored(tag, state)),
        found => Err(CopyError::NotThere { what: tag, found }.into()),
    }
}

/// Where the pack of this manifest is to be, and what is there.
fn vacancy(
    place: &dyn Store,
    subject: &str,
    digest: &str,
    options: Options,
) -> Result<(String, State), StoreError> {
    let last = if options.numbered { MAX_NUMBER } else { 1 };
    for number in 1..=last {
        let tag = tag(subject, number);
        let there = present(place.manifest(&tag)).map_err(|e| CopyError::destination(&tag, e))?;
        match there {
            None => return Ok((tag, State::Added)),
            Some(manifest) if sha256_of(&manifest.bytes) == digest => {
                return Ok((tag, State::Unchanged));
            }
            Some(_) if options.only_new => return Err(StoreError::Incomplete { tag }),
            Some(_) if !options.numbered => return Ok((tag, State::Replaced)),
            Some(_) => {}
        }
    }
    Err(StoreError::Full { tag: tag(subject, last) })
}

/// The manifest that carries a document.
fn written(document: &[u8]) -> String {
    let descriptor = |media_type: &str, bytes: &[u8]| json!({ "mediaType": media_type, "digest": sha256_of(bytes), "size": bytes.len() });
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": PACK_TYPE,
        "config": descriptor(PACK_TYPE, document),
        "layers": [descriptor(EMPTY_TYPE, EMPTY)],
    })
    .to_string()
}

/// Why there is no pack to be had from a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindError {
    /// None was stored, or its document is not there.
    NotThere(String),
    /// It is denied, or cannot be had now.
    Unavailable(String),
    /// What is there is none.
    NoPack(String),
}

impl fmt::Display for FindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere(words) | Self::Unavailable(words) | Self::NoPack(words) => {
                f.write_str(words)
            }
        }
    }
}

impl Error for FindError {}

/// The newest pack of an image that is stored in `repository` (`host/name`), and its tag.
///
/// # Errors
/// There is none, or it cannot be had.
pub fn find(
    source: &dyn EvidenceSource,
    repository: &str,
    digest: &str,
) -> Result<(String, Pack), FindError> {
    let mut newest = None;
    for number in 1..=MAX_NUMBER {
        let tag = tag(digest, number);
        let fetch = Fetch::Tag {
            repository: repository.to_owned(),
            tag: tag.clone(),
            max_bytes: MAX_MANIFEST,
        };
        match source.fetch(&fetch) {
            Answer::Found { bytes, .. } => newest = Some((tag, bytes.0)),
            Answer::Absent { .. } if newest.is_some() => break,
            other => return Err(missing(&format!("tag `{tag}`"), &other)),
        }
    }
    let Some((tag, manifest)) = newest else {
        return Err(FindError::NotThere("there is none".to_owned()));
    };
    let pack = open(source, repository, &manifest).map_err(|error| {
        let place = |words| format!("tag `{tag}`: {words}");
        match error {
            FindError::NotThere(words) => FindError::NotThere(place(words)),
            FindError::Unavailable(words) => FindError::Unavailable(place(words)),
            FindError::NoPack(words) => FindError::NoPack(place(format!("no pack: {words}"))),
        }
    })?;
    if pack.subject != digest {
        let words = format!("tag `{tag}`: the pack is about {}", pack.subject);
        return Err(FindError::NoPack(words));
    }
    Ok((tag, pack))
}

fn open(source: &dyn EvidenceSource, repository: &str, manifest: &[u8]) -> Result<Pack, FindError> {
    let no_pack = |words: &str| FindError::NoPack(words.to_owned());
    let (manifest, _) = manifest::parse(manifest).map_err(|e| no_pack(&e))?;
    let config = manifest.config.ok_or_else(|| no_pack("no `config`"))?;
    let digest = Digest::parse(&config.digest).ok_or_else(|| no_pack("no digest"))?;
    let fetch = Fetch::Blob {
        repository: repository.to_owned(),
        digest: digest.to_string(),
        max_bytes: config.size().unwrap_or(MAX_BYTES).min(MAX_BYTES),
    };
    let bytes = match source.fetch(&fetch) {
        Answer::Found { bytes, .. } => bytes.0,
        other => return Err(missing(&format!("blob {digest}"), &other)),
    };
    if !digest.matches(&bytes) {
        let words = format!("blob {digest}: the bytes are not those of the digest");
        return Err(FindError::NotThere(words));
    }
    Pack::parse(&bytes).map_err(|e| no_pack(&e.to_string()))
}

fn missing(what: &str, answer: &Answer) -> FindError {
    match answer {
        Answer::Absent { .. } => FindError::NotThere(format!("{what}: there is none")),
        Answer::Denied { message } => FindError::Unavailable(format!("{what}: denied: {message}")),
        Answer::Unavailable { reason: UnavailableReason::TooLarge, message } => {
            FindError::NoPack(format!("{what}: {message}"))
        }
        Answer::Unavailable { message, .. } => {
            FindError::Unavailable(format!("{what}: unavailable: {message}"))
        }
        Answer::Found { .. } | Answer::Partial { .. } | Answer::Resolved { .. } => {
            FindError::Unavailable(format!("{what}: the answer is no content"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_tag_has_no_number() {
        let digest = format!("sha256:{}", "0".repeat(64));
        assert_eq!(tag(&digest, 1), format!("sha256-{}.evidence", "0".repeat(64)));
        assert_eq!(tag(&digest, 2), format!("sha256-{}.evidence.2", "0".repeat(64)));
    }
}
