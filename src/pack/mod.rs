//! Evidence packs: what was found for one image, in one document
//! (`docs/evidence-pack.md`).
//!
//! A pack is a set of candidates: each of its parts is what a host would have answered the module
//! ([`Fetch`](crate::wire::Fetch)), and the module verifies it as it verifies that. A pack says nothing of what it does
//! not hold, but for [`Pack::not_found`], which only somebody reads who has nobody else to ask.

mod lookup;
mod parts;
mod union;

use std::{collections::BTreeSet, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess, Visitor},
};

use crate::{
    reference::{Digest, is_tag},
    wire::{Bytes, EvidenceItem},
};
use parts::Parts;
pub use union::{LAYERS, MANIFESTS, union};

/// `apiVersion` of a [`Pack`].
pub const PACK_VERSION: &str = "countersign.dev/pack/v1";
/// Media type of a pack, and artifact type of the artifact whose configuration it is.
pub const MEDIA_TYPE: &str = "application/vnd.countersign.pack.v1+json";
/// Bytes of one pack: as much evidence as one decision reads ([`Budget`](crate::evidence::Budget)) as base64,
/// and room for the rest.
pub const MAX_BYTES: u64 = 80 << 20;
/// Entries of each of its lists: more than a decision asks for.
const MAX_ENTRIES: usize = 4096;

/// What was found for one image. Lists are sorted, so that the same evidence gives the same bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pack {
    /// [`PACK_VERSION`].
    pub api_version: String,
    /// The digest of the image that was looked at.
    pub subject: String,
    /// When, RFC 3339, if somebody wants to have it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Manifests and indexes, by digest.
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<PackedManifest>,
    /// What tags named, by name. The manifests are above.
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<PackedTag>,
    /// What the referrers API listed, by subject.
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub referrers: Vec<PackedList>,
    /// Envelopes, payloads, documents and image configurations, by digest.
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<PackedBlob>,
    /// OCSP responses, by responder and request.
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub ocsp: Vec<PackedOcsp>,
    /// CRLs, by address.
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub crls: Vec<PackedCrl>,
    /// Where whoever made the pack found nothing.
    #[serde(default, skip_serializing_if = "NotFound::is_empty")]
    pub not_found: NotFound,
}

/// A manifest or an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PackedManifest {
    /// Of `content`.
    pub digest: String,
    /// As the registry said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The bytes.
    pub content: Bytes,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackedTag {
    /// Such as `sha256-<hex>.sig`.
    pub name: String,
    /// Of the manifest that lay there.
    pub digest: String,
}

/// A list of referrers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackedList {
    /// What they refer to.
    pub subject: String,
    /// The image index, all pages in one.
    pub content: Bytes,
}

/// A blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackedBlob {
    /// Of `content`.
    pub digest: String,
    /// The bytes.
    pub content: Bytes,
}

/// An OCSP response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackedOcsp {
    /// The responder.
    pub url: String,
    /// DER of the request.
    pub request: Bytes,
    /// DER of the response.
    pub content: Bytes,
}

/// A CRL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackedCrl {
    /// Where it was.
    pub url: String,
    /// DER.
    pub content: Bytes,
}

/// Where there was nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotFound {
    /// Tags.
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Subjects without a list of the referrers API, or without that API.
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub referrers: Vec<String>,
}

/// Why a file is not a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackError {
    /// Not the JSON of a pack; or a part of it is named twice, or cannot be what it is said to be.
    Malformed(String),
    /// Larger than this.
    TooLarge(u64),
    /// The file cannot be read.
    Unreadable(String),
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(e) => write!(f, "not an evidence pack: {e}"),
            Self::TooLarge(most) => write!(f, "larger than {} MiB", most >> 20),
            Self::Unreadable(e) => write!(f, "cannot be read: {e}"),
        }
    }
}

impl std::error::Error for PackError {}

impl NotFound {
    fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.referrers.is_empty()
    }
}

impl Pack {
    /// What of `evidence` a pack has room for: all that was found, and where nothing was. What could
    /// not be had is not in it, nor are bytes that are not those of their digest.
    pub fn of<'e>(subject: &str, evidence: impl IntoIterator<Item = &'e EvidenceItem>) -> Self {
        let mut parts = Parts::default();
        for item in evidence {
            parts.add(item);
        }
        parts.into_pack(subject)
    }

    /// Reads a document.
    ///
    /// # Errors
    /// When it is not a pack, or too large.
    pub fn parse(bytes: &[u8]) -> Result<Self, PackError> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(PackError::TooLarge(MAX_BYTES));
        }
        let pack: Self =
            serde_json::from_slice(bytes).map_err(|e| PackError::Malformed(e.to_string()))?;
        pack.checked()
    }

    /// A document that was read as part of another one.
    ///
    /// # Errors
    /// When it is of another version, or names something twice.
    pub fn checked(self) -> Result<Self, PackError> {
        if self.api_version != PACK_VERSION {
            let found = &self.api_version;
            let words = format!("`apiVersion` is `{found}`, not `{PACK_VERSION}`");
            return Err(PackError::Malformed(words));
        }
        self.check().map_err(PackError::Malformed)?;
        Ok(self)
    }

    /// The tag under which a registry keeps the pack of an image.
    pub fn tag(subject: &Digest) -> String {
        format!("{}.evidence", subject.tag())
    }

    /// As a file: the same pack, the same bytes.
    pub fn to_json(&self) -> String {
        // Strings and lists always serialise.
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Bytes of evidence in it.
    pub fn evidence_bytes(&self) -> u64 {
        let manifests = self.manifests.iter().map(|m| &m.content);
        let lists = self.referrers.iter().map(|l| &l.content);
        let blobs = self.blobs.iter().map(|b| &b.content);
        let revocation = self.ocsp.iter().map(|o| &o.content);
        let all = manifests.chain(lists).chain(blobs).chain(revocation);
        all.chain(self.crls.iter().map(|c| &c.content)).map(|bytes| bytes.0.len() as u64).sum()
    }

    /// Names are names, and none is there twice: which of two would count is nothing to guess. What the
    /// bytes are is for the module to check, as it does with a registry's.
    fn check(&self) -> Result<(), String> {
        let digest = |text: &String| match Digest::parse(text) {
            Some(_) => Ok(()),
            None => Err(format!("`{text}` is no digest")),
        };
        let tag = |name: &String| match is_tag(name) {
            true => Ok(()),
            false => Err(format!("`{name}` is no tag")),
        };
        digest(&self.subject)?;
        once("manifests", self.manifests.iter().map(|m| &m.digest), digest)?;
        once("tags", self.tags.iter().map(|t| &t.name), tag)?;
        self.tags.iter().try_for_each(|tag| digest(&tag.digest))?;
        once("referrers", self.referrers.iter().map(|l| &l.subject), digest)?;
        once("blobs", self.blobs.iter().map(|b| &b.digest), digest)?;
        once("ocsp", self.ocsp.iter().map(|o| (&o.url, &o.request)), |_| Ok(()))?;
        once("crls", self.crls.iter().map(|c| &c.url), |_| Ok(()))?;
        once("notFound.tags", self.not_found.tags.iter(), tag)?;
        once("notFound.referrers", self.not_found.referrers.iter(), digest)
    }
}

/// A list that is bounded before it is all in memory.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    struct List<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MAX_ENTRIES} entries")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(entry) = from.next_element()? {
                if list.len() == MAX_ENTRIES {
                    return Err(de::Error::invalid_length(MAX_ENTRIES + 1, &self));
                }
                list.push(entry);
            }
            Ok(list)
        }
    }

    from.deserialize_seq(List(PhantomData))
}

fn once<T: Ord + Copy>(
    list: &str,
    names: impl Iterator<Item = T>,
    check: impl Fn(T) -> Result<(), String>,
) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for name in names {
        check(name)?;
        if !seen.insert(name) {
            return Err(format!("`{list}` names one thing twice"));
        }
    }
    Ok(())
}
