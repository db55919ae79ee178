//! What an evaluation asks a host for, and the four kinds of answer.

use std::string::String;

use serde::{Deserialize, Serialize};

use super::Bytes;

/// One thing to fetch. `repository` is `host/name`, fully qualified; `maxBytes` is where the host
/// stops reading and answers [`UnavailableReason::TooLarge`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Fetch {
    /// The digest that a tag names now.
    Resolve {
        /// `host/name:tag`.
        reference: String,
    },
    /// The raw bytes of a manifest or index, by digest.
    Manifest {
        /// `host/name`.
        repository: String,
        /// `sha256:…`.
        digest: String,
        /// Size limit in bytes.
        max_bytes: u64,
    },
    /// The raw bytes of a manifest or index, by tag.
    Tag {
        /// `host/name`.
        repository: String,
        /// The tag.
        tag: String,
        /// Size limit in bytes.
        max_bytes: u64,
    },
    /// The referrers of a digest (OCI distribution, `GET /v2/<name>/referrers/<digest>`), all pages
    /// merged into one image index. A registry without that API is [`Answer::Absent`]; the
    /// evaluation then asks for the fallback tag itself.
    Referrers {
        /// `host/name`.
        repository: String,
        /// The subject.
        digest: String,
        /// Size limit in bytes.
        max_bytes: u64,
    },
    /// A blob.
    Blob {
        /// `host/name`.
        repository: String,
        /// `sha256:…`.
        digest: String,
        /// Size limit in bytes.
        max_bytes: u64,
    },
    /// What an OCSP responder answers: `POST` of `request` as `application/ocsp-request` (RFC 6960
    /// §A.1). The address comes out of a certificate whose chain was checked up to one of the
    /// policy's: still plain `http://` only, no credentials, no redirects, no private address.
    Ocsp {
        /// `http://…`.
        url: String,
        /// DER of the OCSPRequest.
        request: Bytes,
        /// Size limit in bytes.
        max_bytes: u64,
    },
    /// A certificate revocation list: `GET`, under the same rules.
    Crl {
        /// `http://…`.
        url: String,
        /// Size limit in bytes.
        max_bytes: u64,
    },
}

impl Fetch {
    /// `maxBytes`; none of what a tag names.
    pub fn max_bytes(&self) -> u64 {
        match self {
            Self::Resolve { .. } => 0,
            Self::Manifest { max_bytes, .. }
            | Self::Tag { max_bytes, .. }
            | Self::Referrers { max_bytes, .. }
            | Self::Blob { max_bytes, .. }
            | Self::Ocsp { max_bytes, .. }
            | Self::Crl { max_bytes, .. } => *max_bytes,
        }
    }
}

/// What the host answers. The four kinds never blur for the user; nothing that matters for
/// security rests on the difference between absent and unavailable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Answer {
    /// The bytes.
    Found {
        /// As they are stored, unless `reserialised`.
        bytes: Bytes,
        /// `Content-Type`, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        /// The host parsed and wrote the document anew: same meaning, other bytes. Such an answer
        /// is the host's word, never proof.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reserialised: bool,
    },
    /// A part of a list or a manifest: what it names can be tried, and what else there is could not be
    /// had. It never proves that there is nothing else.
    Partial {
        /// The part, for a [`Fetch::Tag`] or a [`Fetch::Referrers`].
        bytes: Bytes,
        /// Why the rest is not there.
        reason: UnavailableReason,
        /// The words for people.
        #[serde(default)]
        message: String,
    },
    /// What a tag names ([`Fetch::Resolve`]).
    Resolved {
        /// `sha256:…`.
        digest: String,
    },
    /// The registry says that it is not there.
    Absent {
        /// The registry's words.
        #[serde(default)]
        message: String,
    },
    /// The registry says that this host may not read it.
    Denied {
        /// The registry's words.
        #[serde(default)]
        message: String,
    },
    /// It could not be had.
    Unavailable {
        /// Why.
        reason: UnavailableReason,
        /// The words for people.
        #[serde(default)]
        message: String,
    },
}

/// Why an answer is [`Answer::Unavailable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnavailableReason {
    /// This host may not read it: for [`Answer::Partial`], elsewhere there is [`Answer::Denied`].
    Denied,
    /// The bytes were not those of the digest, or not what the protocol says.
    Garbled,
    /// More than `maxBytes`.
    TooLarge,
    /// No connection, a time-out, a 5xx, a 429.
    Transport,
    /// There is no time left to ask for it.
    Deadline,
    /// It is listed, and not in the evidence pack that this host reads from.
    NotPacked,
    /// This host has no road to such a thing.
    Unsupported,
}

/// A fetch and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EvidenceItem {
    /// What was asked, exactly as the need said it.
    pub fetch: Fetch,
    /// What came back.
    pub answer: Answer,
}
