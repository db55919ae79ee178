//! A case as notation-go/scenario.go writes it.

use std::{collections::BTreeMap, fmt};

use countersign::wire::Bytes;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    pub table: String,
    pub row: String,
    #[serde(default)]
    pub variant: String,
    /// Why nobody is asked.
    pub not_asked: Option<String>,
    #[serde(default)]
    pub count: usize,

    #[serde(default)]
    pub now: String,
    /// Text of `trustpolicy.json`.
    #[serde(default)]
    pub document: String,
    #[serde(default)]
    pub stores: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    pub reference: String,
    /// The manifest, or the blob.
    #[serde(default)]
    pub target: Bytes,
    #[serde(default)]
    pub media_type: String,
    /// Only of a blob.
    pub blob_digest: Option<String>,
    /// Media type of the envelope.
    #[serde(default)]
    pub layer: String,
    #[serde(default)]
    pub envelope: Bytes,
    /// Only the document is judged.
    #[serde(default)]
    pub only: bool,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    #[serde(default)]
    pub web: BTreeMap<String, Reply>,
    pub hosted: Option<Hosted>,
    pub answer: Option<Answer>,
}

/// Of an OCSP responder or a server of CRLs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    #[serde(default)]
    pub status: u16,
    #[serde(default)]
    pub body: Bytes,
    #[serde(default)]
    pub error: String,
}

/// What a registry has beside the target.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hosted {
    /// Descriptors.
    pub referrers: Option<Vec<serde_json::Value>>,
    #[serde(default)]
    pub referrers_error: String,
    #[serde(default)]
    pub content: BTreeMap<String, Stored>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    #[serde(default)]
    pub bytes: Bytes,
    #[serde(default)]
    pub error: String,
}

/// What somebody says.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub pass: bool,
    #[serde(default)]
    pub failed: Vec<Failure>,
    /// OCSP requests by address.
    #[serde(default)]
    pub requests: BTreeMap<String, Bytes>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    pub check: String,
    #[serde(default)]
    pub logged: bool,
    /// Of revocation: `revoked` or `unknown`.
    #[serde(default)]
    pub status: String,
    /// Whose certificate.
    #[serde(default)]
    pub subject: String,
    /// The words for people, which are not compared.
    pub error: String,
}

impl Case {
    pub fn name(&self) -> String {
        let Self { table, row, variant, .. } = self;
        match variant.as_str() {
            "" => format!("{table}: {row}"),
            _ => format!("{table}: {row} [{variant}]"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.pass { "pass" } else { "fail" })?;
        self.failed.iter().try_for_each(|failure| write!(f, ", {failure}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.check)?;
        if !self.status.is_empty() {
            write!(f, " {} ({})", self.status, self.subject)?;
        }
        f.write_str(if self.logged { " logged" } else { "" })
    }
}
