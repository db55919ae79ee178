//! What was copied.

use serde::Serialize;

use super::graph::{Node, Role};

/// What a copy did; after a dry run, what it would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Where it comes from.
    pub source: String,
    /// Where it is now.
    pub destination: String,
    /// The image's digest, at both.
    pub digest: String,
    /// Its tag at the destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Nothing was written.
    pub dry_run: bool,
    /// The image, its platforms and what is attached.
    pub manifests: Vec<Copied>,
    /// Tags that lead to what is attached: cosign's, and the lists of referrers.
    pub tags: Vec<Tagged>,
    /// How many blobs.
    pub blobs: Blobs,
    /// Bytes of blobs that were transferred.
    pub bytes: u64,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// A manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Copied {
    /// Its digest, at both places.
    pub digest: String,
    /// What it is.
    pub media_type: String,
    /// What it is as an artifact, of what is attached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// `image`, `child`, `tagged` or `referrer`.
    pub role: &'static str,
    /// Of what is attached: the tag that leads to it, or the digest that it refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// The destination had it before.
    pub there: bool,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tagged {
    /// Its name.
    pub tag: String,
    /// What it leads to.
    pub digest: String,
    /// What was done.
    pub state: TagState,
}

/// What became of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TagState {
    /// It was written.
    Written,
    /// It was there, and what it led to has more in it now.
    Merged,
    /// It was there, and led to the same or more.
    There,
}

/// Counts of blobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Blobs {
    /// Transferred.
    pub copied: u64,
    /// Taken over from another repository of the registry.
    pub mounted: u64,
    /// There before.
    pub there: u64,
    /// Not to be distributed, and not at the source.
    pub left: u64,
}

impl Copied {
    pub(super) fn of(node: &Node, there: bool) -> Self {
        let (role, of) = match &node.role {
            Role::Image => ("image", None),
            Role::Child => ("child", None),
            Role::Tagged(tag) => ("tagged", Some(tag.clone())),
            Role::Referrer { of } => ("referrer", Some(of.clone())),
        };
        Self {
            digest: node.digest.clone(),
            media_type: node.media_type.clone(),
            artifact_type: node.contents.artifact_type.clone().filter(|_| of.is_some()),
            role,
            of,
            there,
        }
    }
}
