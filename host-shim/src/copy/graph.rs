//! What is to be copied: an image, its platforms, and all that is attached to any of it.

mod walk;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub(crate) use walk::{tag, walk};

use super::{
    contents::Contents,
    store::{Blob, Outgoing},
};

/// Everything that was found, each digest once.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// By digest.
    pub(crate) nodes: BTreeMap<String, Node>,
    /// Tags of cosign's scheme and what they point to.
    pub(crate) tags: BTreeMap<String, String>,
    /// What refers to a digest, and the bytes of its fallback tag's index.
    pub(crate) lists: BTreeMap<String, List>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

/// A manifest.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) digest: String,
    pub(crate) media_type: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) contents: Contents,
    /// How it came in.
    pub(crate) role: Role,
}

/// How a manifest is part of what is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It was asked for.
    Image,
    /// An index lists it.
    Child,
    /// Under a tag of cosign's scheme.
    Tagged(String),
    /// It refers to another.
    Referrer {
        /// To which.
        of: String,
    },
}

/// What refers to one digest.
#[derive(Debug, Default)]
pub(crate) struct List {
    /// Digests.
    pub(crate) referrers: BTreeSet<String>,
    /// The index under the source's fallback tag.
    pub(crate) fallback: Option<Vec<u8>>,
}

impl Node {
    pub(crate) fn outgoing(&self) -> Outgoing<'_> {
        Outgoing { digest: &self.digest, media_type: &self.media_type, bytes: &self.bytes }
    }

    /// As a list of referrers has it.
    pub(crate) fn descriptor(&self) -> Value {
        self.contents.descriptor(&self.digest, &self.media_type, self.bytes.len())
    }

    /// Whether a registry sees by itself that it refers to `digest`.
    pub(crate) fn names(&self, digest: &str) -> bool {
        self.contents.subject.as_deref() == Some(digest)
    }
}

impl Graph {
    /// All blobs, each once, and whether the source may lack it.
    pub(crate) fn blobs(&self) -> Vec<(Blob, bool)> {
        let mut blobs: BTreeMap<Blob, bool> = BTreeMap::new();
        for named in self.nodes.values().flat_map(|node| &node.contents.blobs) {
            let foreign = blobs.entry(named.blob.clone()).or_insert(named.foreign);
            *foreign &= named.foreign;
        }
        blobs.into_iter().collect()
    }

    /// Manifests in groups: each names only what is in the groups before it.
    pub(crate) fn waves(&self) -> Vec<Vec<&Node>> {
        let mut heights = BTreeMap::new();
        let mut waves: Vec<Vec<&Node>> = Vec::new();
        for node in self.nodes.values() {
            let height = self.height(node, &mut heights);
            while waves.len() <= height {
                waves.push(Vec::new());
            }
            if let Some(wave) = waves.get_mut(height) {
                wave.push(node);
            }
        }
        waves
    }

    /// Digests make circles impossible: what names another was made after it.
    fn height<'a>(&'a self, node: &'a Node, known: &mut BTreeMap<&'a str, usize>) -> usize {
        if let Some(height) = known.get(&*node.digest) {
            return *height;
        }
        let children = node.contents.children.iter().map(|child| &child.digest);
        let below = children.chain(&node.contents.subject).filter_map(|d| self.nodes.get(d));
        let below: Vec<_> = below.collect();
        let height = below.into_iter().map(|node| self.height(node, known) + 1).max().unwrap_or(0);
        known.insert(&node.digest, height);
        height
    }
}
