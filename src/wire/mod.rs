//! The JSON of one step, versioned, shared by every front and host.
//!
//! A host sends a [`StepRequest`] and gets a [`StepResponse`]: either the list of [`Fetch`]es that
//! the evaluation needs next, or a [`Decision`]. The schema is `schema/step.v1.schema.json`.

mod blob;
mod bytes;
mod decision;
mod fetch;
mod reads;
mod session;

use std::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use blob::{BlobDecision, BlobRequest, BlobSignature};
pub use bytes::Bytes;
pub use decision::{Decision, ImageDecision, Kind, Mark, Node, Outcome, Patch, PolicyError, Usage};
pub use fetch::{Answer, EvidenceItem, Fetch, UnavailableReason};
pub use reads::RequestField;
pub use session::{BeginRequest, PrepareRequest, PrepareResponse, ResumeRequest};

use crate::evidence::Budget;

/// `apiVersion` of [`StepRequest`] and [`StepResponse`].
pub const STEP_VERSION: &str = "countersign.dev/step/v1";

/// Everything that one evaluation depends on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepRequest {
    /// [`STEP_VERSION`].
    pub api_version: String,
    /// The policy document, as JSON. Duplicate members are refused.
    #[serde(deserialize_with = "crate::json::deserialize")]
    pub policy: Value,
    /// What is asked.
    pub request: Request,
    /// Every answer that the host has gathered so far, in any order.
    #[serde(default)]
    pub evidence: Vec<EvidenceItem>,
    /// The time of the decision, RFC 3339 in UTC. The host is trusted for it.
    pub now: String,
    /// Limits; absent fields take the documented defaults, and none can be raised above them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

/// What one evaluation answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepResponse {
    /// [`STEP_VERSION`].
    pub api_version: String,
    /// Fetch exactly these, in any order, and call again with all the answers so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need: Option<Vec<Fetch>>,
    /// Beside `need`: the parts of the request, beside images and blobs, on which the decision may
    /// depend. Without the others it is the same: see [`Request::only`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<Vec<RequestField>>,
    /// The verdict. Exactly one of `need` and `decision` is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// The images and blobs that a decision is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Images in the order in which they are to be reported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageRequest>,
    /// Blobs that are no images, with what is said to sign them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<BlobRequest>,
    /// True where the caller can apply a [`Patch`] (an admission front that mutates). Only then can
    /// a tag be pinned, and `digests.pin` matters.
    #[serde(default)]
    pub can_patch: bool,
    /// API group of the object's kind; empty for the core group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Name of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is done to the object: `CREATE` or `UPDATE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The object itself, for rules and conditions that look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Value>,
    /// The object before an update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_object: Option<Value>,
    /// Who asks, as an `AdmissionRequest` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_info: Option<Value>,
    /// Labels of the namespace, where the host knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_labels: Option<Value>,
    /// Namespace of the Kubernetes object that holds the images, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Kind of the Kubernetes object that holds the images, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// One image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageRequest {
    /// The reference as the user wrote it: `host/repo:tag`, `host/repo@sha256:…` or both.
    pub reference: String,
    /// JSON pointer of the reference in the object, for patches and messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}
