//! The verdict and its explanation tree.

use std::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::BlobDecision;
use crate::verdict::Reason;

/// The verdict on a request. A request is as good as its worst image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Decision {
    /// The worst image's outcome; `deny` where `errors` has an entry.
    pub outcome: Outcome,
    /// What is wrong with the policy or the request themselves. Never empty by accident: with an
    /// entry here nothing was verified, the outcome is `deny` in every mode, and the CLI exits 3.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<PolicyError>,
    /// The policy's `mode`: `enforce`, `warn` or `audit`. `outcome` does not depend on it.
    pub mode: String,
    /// What a front does, where a `mode` makes that differ from `outcome`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<Outcome>,
    /// One entry an image, in the order of the request.
    pub images: Vec<ImageDecision>,
    /// One entry a blob, in the order of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<BlobDecision>,
    /// Changes that make the object say what was verified (tag → digest).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<Patch>,
    /// What deserves a look although it does not change the outcome.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The time that the decision was made for.
    pub now: String,
    /// The first instant, after `now`, at which the same evidence may lead to another decision: a
    /// certificate or an answer about revocation ends, an exception does, something becomes too old.
    /// Until then it leads to this one. Where it is absent, that is so for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
    /// What was spent.
    pub usage: Usage,
}

impl Decision {
    /// What a front does: the outcome, as the modes of policy and rules make it.
    pub fn enforced(&self) -> Outcome {
        self.effective.unwrap_or(self.outcome)
    }
}

/// One image's verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageDecision {
    /// As asked.
    pub reference: String,
    /// JSON pointer in the object, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The digest that was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The outcome.
    pub outcome: Outcome,
    /// The outcome before exceptions and `undetermined: warn`, where they made a difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Outcome>,
    /// What a front does, where a `mode` makes that differ from `outcome`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<Outcome>,
    /// For deny and undetermined: the reason to read first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Image → rule → requirement → candidate → check.
    pub explanation: Node,
}

/// The three outcomes, and no fourth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Proven.
    Allow,
    /// Evidence could not be had or proven.
    Undetermined,
    /// Evidence is there and fails, or none exists.
    Deny,
}

/// One node of the explanation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Node {
    /// What the node stands for.
    pub kind: Kind,
    /// Its name: a reference, a rule's globs, an authority, a digest, a check.
    pub name: String,
    /// How it came out.
    pub mark: Mark,
    /// Why, where it did not pass; what was seen, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// One line of detail for a node that passed, such as the signer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Self>,
}

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A blob of the request.
    Blob,
    /// An image of the request.
    Image,
    /// A rule of the policy.
    Rule,
    /// `all`, `any` or `atLeast`.
    Tree,
    /// An authority.
    Authority,
    /// An attestation requirement.
    Attestation,
    /// One signature, bundle or envelope.
    Candidate,
    /// One step of a verification.
    Check,
}

/// How a node came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mark {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// It could not be told.
    Unknown,
    /// It failed and the policy only logs it.
    Logged,
    /// It was not looked at, and why is said.
    Skipped,
}

/// A change to the object under admission (RFC 6902, `test` then `replace`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Patch {
    /// JSON pointer.
    pub path: String,
    /// The value that must be there.
    pub old: String,
    /// The value to put there.
    pub new: String,
}

/// What is wrong with a policy or a request, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyError {
    /// Stable reason code.
    pub code: String,
    /// Where: a JSON pointer into the policy document (`/spec/rules/0/images`), or `/request/…`.
    pub path: String,
    /// What is wrong, one line.
    pub message: String,
    /// What was probably meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

/// What a decision cost, counted in the core: the same on every host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Usage {
    /// Bytes of evidence that were read.
    pub evidence_bytes: u64,
    /// Signatures, bundles and envelopes that were opened.
    pub candidates: u64,
    /// Public-key operations.
    pub signature_operations: u64,
}
