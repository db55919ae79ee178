//! A policy that an instance keeps, and one decision at a time under it: the documents of the
//! operations `prepare`, `begin` and `resume`. They carry what a [`StepRequest`] carries, each part
//! once.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{EvidenceItem, PolicyError, Request, StepRequest, StepResponse};
use crate::evidence::Budget;

/// What `prepare` takes: the policy of all decisions from now on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrepareRequest<'a> {
    /// [`STEP_VERSION`](super::STEP_VERSION).
    pub api_version: Cow<'a, str>,
    /// The policy document, as JSON. Duplicate members are refused.
    #[serde(deserialize_with = "document")]
    pub policy: Cow<'a, Value>,
}

/// What `prepare` answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrepareResponse {
    /// [`STEP_VERSION`](super::STEP_VERSION).
    pub api_version: String,
    /// What is wrong with the policy. With an entry here, every decision is the denial that names
    /// it.
    pub errors: Vec<PolicyError>,
}

/// What `begin` takes: a [`StepRequest`] without its policy. The answer is a
/// [`StepResponse`](super::StepResponse).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BeginRequest<'a> {
    /// [`STEP_VERSION`](super::STEP_VERSION).
    pub api_version: Cow<'a, str>,
    /// What is asked.
    pub request: Cow<'a, Request>,
    /// Answers that the host has already, in any order.
    #[serde(default)]
    pub evidence: Cow<'a, [EvidenceItem]>,
    /// The time of the decision, RFC 3339 in UTC. The host is trusted for it.
    pub now: Cow<'a, str>,
    /// Limits; absent fields take the documented defaults, and none can be raised above them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

/// What `resume` takes: the answers to the last needs, and only those. The answer is a
/// [`StepResponse`](super::StepResponse).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResumeRequest<'a> {
    /// [`STEP_VERSION`](super::STEP_VERSION).
    pub api_version: Cow<'a, str>,
    /// The answers, in any order.
    pub evidence: Cow<'a, [EvidenceItem]>,
}

impl StepRequest {
    /// The policy document, and all that is asked under it.
    pub fn split(self) -> (Value, BeginRequest<'static>) {
        let question = BeginRequest {
            api_version: Cow::Owned(self.api_version),
            request: Cow::Owned(self.request),
            evidence: Cow::Owned(self.evidence),
            now: Cow::Owned(self.now),
            budget: self.budget,
        };
        (self.policy, question)
    }
}

// Fronts read and write by these: each generic reader in a front would be in the module twice.

impl PrepareRequest<'static> {
    /// Of JSON.
    pub fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

impl BeginRequest<'static> {
    /// Of JSON.
    pub fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

impl ResumeRequest<'static> {
    /// Of JSON.
    pub fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

impl PrepareResponse {
    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and lists always serialise; an empty answer is refused by every host.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl StepResponse {
    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings, numbers and lists always serialise; an empty answer is refused by every host.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn document<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'static, Value>, D::Error> {
    crate::json::deserialize(deserializer).map(Cow::Owned)
}
