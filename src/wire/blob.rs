//! Blobs: files and other artifacts that no registry names.

use serde::{Deserialize, Serialize};

use super::{Bytes, Node, Outcome};
use crate::verdict::Reason;

/// One blob, and everything that is said to sign or attest it. The host is trusted for what it
/// asks about, as it is for an image's reference; the signatures are anybody's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BlobRequest {
    /// What the policy's `blobs` globs match, such as a file's name.
    pub name: String,
    /// `sha256:…`, and `sha384:…` and `sha512:…` where the host has hashed those too. Without
    /// `content`, `sha256` must be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<String>,
    /// The bytes, in place of digests. Ed25519 signatures over the blob itself need them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Bytes>,
    /// Candidates.
    #[serde(default)]
    pub signatures: Vec<BlobSignature>,
}

/// A candidate for a blob.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BlobSignature {
    /// `application/vnd.dev.sigstore.bundle…` for a Sigstore bundle; `application/jose+json` or
    /// `application/cose` for an envelope of Notation.
    pub media_type: String,
    /// The bytes.
    pub content: Bytes,
}

/// One blob's verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BlobDecision {
    /// As asked.
    pub name: String,
    /// The digest that was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The outcome.
    pub outcome: Outcome,
    /// The outcome before `undetermined: warn`, where that made a difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Outcome>,
    /// What a front does, where a `mode` makes that differ from `outcome`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<Outcome>,
    /// For deny and undetermined: the reason to read first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Blob → rule → requirement → candidate → check.
    pub explanation: Node,
}
