//! What was found, as people and programs get to see it. All texts are a stranger's.

use countersign::wire::{Answer, UnavailableReason};
use serde::Serialize;

use super::{Said, judge::Verdict};

/// A manifest: the image, one of its platforms, or what is attached to one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// `sha256:…`.
    pub digest: String,
    /// What it is, for people: `Notation signature (JWS)`.
    pub what: String,
    /// As the registry says it, else as the manifest does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What the manifest says that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Bytes of the manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// `org.opencontainers.image.created`; of an image, what its configuration says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// `os/architecture`, and a variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// How it was found; the image itself was named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<Road>,
    /// The tag under which it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// How a decision's explanation calls it where it counts as an attestation itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
    /// What it carries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<Signature>,
    /// What a policy makes of it, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<Vec<Verdict>>,
    /// What is to be known about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Where something attached to it was looked for, and what the answer was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Asked>,
    /// What is attached to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attached: Vec<Self>,
    /// Of an index, what is for one platform each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<Self>,
}

/// One signature, attestation, or statement that somebody else's signature covers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Signature {
    /// Of the blob that holds it.
    pub digest: String,
    /// What it is, for people: `Sigstore bundle: SLSA provenance v1`.
    pub what: String,
    /// Of the blob.
    pub media_type: String,
    /// Bytes of the blob.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// `predicateType` of an attestation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicate_type: Option<String>,
    /// How a decision's explanation calls it.
    pub candidate: String,
    /// How it calls the statement that is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// By whom it says that it is. Nobody has verified that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<Said>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What a policy makes of it, where there is one; empty where the policy does not ask for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<Vec<Verdict>>,
}

/// How something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Road {
    /// The referrers API.
    Referrers,
    /// The tag that stands for that API where a registry lacks it: `sha256-<hex>`.
    FallbackTag,
    /// A tag of cosign's scheme, or of our packs: `sha256-<hex>.sig`.
    Tag,
    /// The index of the image.
    Index,
}

/// Where something was looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// Which road.
    pub road: Road,
    /// The tag, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// What came of it.
    pub state: State,
    /// The registry's words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// What came of a question. The kinds never blur.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// There is something.
    Found,
    /// There is nothing.
    Absent,
    /// We may not know.
    Denied,
    /// It could not be had.
    Unavailable,
    /// There is no such road here.
    Unsupported,
}

impl Asked {
    pub(super) fn new(road: Road, tag: Option<&str>, answer: &Answer) -> Self {
        let (state, message) = match answer {
            Answer::Found { .. } | Answer::Partial { .. } | Answer::Resolved { .. } => {
                (State::Found, String::new())
            }
            Answer::Absent { message } => (State::Absent, message.clone()),
            Answer::Denied { message } => (State::Denied, message.clone()),
            Answer::Unavailable { reason: UnavailableReason::Unsupported, message } => {
                (State::Unsupported, message.clone())
            }
            Answer::Unavailable { message, .. } => (State::Unavailable, message.clone()),
        };
        Self { road, tag: tag.map(str::to_owned), state, message }
    }

    /// Whether something may be there all the same.
    pub(super) fn is_gap(&self) -> bool {
        matches!(self.state, State::Denied | State::Unavailable)
    }
}

/// The words for no bytes.
pub(crate) fn words(answer: &Answer) -> String {
    match answer {
        Answer::Found { .. } | Answer::Partial { .. } | Answer::Resolved { .. } => {
            "another answer than was asked for".into()
        }
        Answer::Absent { message } if message.is_empty() => "not there".into(),
        Answer::Absent { message } => format!("not there: {message}"),
        Answer::Denied { message } => format!("denied: {message}"),
        Answer::Unavailable { message, .. } => format!("not to be had: {message}"),
    }
}

impl Artifact {
    /// Every artifact from here down, with this one first.
    pub fn all(&self) -> Vec<&Self> {
        let mut all = vec![self];
        let below = self.attached.iter().chain(&self.platforms);
        all.extend(below.flat_map(Self::all));
        all
    }
}
