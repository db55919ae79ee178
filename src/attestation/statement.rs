//! The in-toto Statement, [v0.1](https://github.com/in-toto/attestation/blob/v0.1.0/spec/README.md)
//! and [v1](https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{crypto::HashAlgorithm, json, reference::Digest};

/// `predicateType` of a Cosign image signature in a Sigstore bundle: a signature, not an
/// attestation.
pub const COSIGN_SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// Subjects that one statement may name; in-toto sets no limit, SLSA's generators stay below 100.
const MOST_SUBJECTS: usize = 1024;

/// A statement, without what it says: that is read when somebody looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it is about.
    pub subjects: Vec<Subject>,
    /// What is said, by type.
    pub predicate_type: String,
}

/// One subject (an in-toto ResourceDescriptor).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Subject {
    /// Digests by algorithm.
    pub digest: BTreeMap<String, String>,
    /// Name; cosign writes the repository.
    #[serde(default)]
    pub name: Option<String>,
    /// Signed annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

/// Why a payload is not a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatementError {
    /// Not the JSON of a statement.
    Json(String),
    /// `_type` is neither v0.1 nor v1.
    Type(String),
    /// No subject, or more than are looked at.
    Subjects,
}

/// Parses a signed payload.
pub fn parse(payload: &[u8]) -> Result<Statement, StatementError> {
    let head = json::members(payload, &["_type", "predicateType", "subject"])
        .map_err(|e| StatementError::Json(e.to_string()))?;
    let document: Document =
        serde_json::from_value(head).map_err(|e| StatementError::Json(e.to_string()))?;
    match document.kind.as_str() {
        "https://in-toto.io/Statement/v0.1" | "https://in-toto.io/Statement/v1" => {}
        _ => return Err(StatementError::Type(document.kind)),
    }
    if document.subject.is_empty() || document.subject.len() > MOST_SUBJECTS {
        return Err(StatementError::Subjects);
    }
    Ok(Statement { subjects: document.subject, predicate_type: document.predicate_type })
}

impl Statement {
    /// The first subject that is this artifact: at least one of its algorithms equals ours and
    /// none conflicts. Algorithms other than our digest's are compared where `hash` has the raw
    /// bytes to compute them from.
    pub fn subject_of(
        &self,
        digest: &Digest,
        hash: impl Fn(HashAlgorithm) -> Option<String>,
    ) -> Option<&Subject> {
        self.subjects_of(digest, hash).next()
    }

    /// All subjects that are this artifact.
    pub fn subjects_of(
        &self,
        digest: &Digest,
        hash: impl Fn(HashAlgorithm) -> Option<String>,
    ) -> impl Iterator<Item = &Subject> {
        self.subjects.iter().filter(move |subject| subject.is(digest, &hash))
    }
}

impl Subject {
    fn is(&self, digest: &Digest, hash: &impl Fn(HashAlgorithm) -> Option<String>) -> bool {
        let (ours, value) = digest.parts();
        let mut equal = false;
        for (algorithm, claimed) in &self.digest {
            let actual = match algorithm.as_str() {
                name if name == ours => Some(value.to_owned()),
                "sha256" => hash(HashAlgorithm::Sha256),
                "sha384" => hash(HashAlgorithm::Sha384),
                "sha512" => hash(HashAlgorithm::Sha512),
                _ => None,
            };
            match actual {
                Some(actual) if actual == *claimed => equal = true,
                Some(_) => return false,
                None => {}
            }
        }
        equal
    }
}

/// Stands for every predicate type but that of Cosign's signatures.
pub const ANY_TYPE: &str = "*";

/// Types under which the versions of a format are told apart by some tools, and not by cosign.
const VERSIONED: &[&str] =
    &["https://cyclonedx.org/bom", "https://openvex.dev/ns", "https://spdx.dev/Document"];

/// Predicate types that carry VEX.
pub const VEX_TYPES: &[&str] = &["https://openvex.dev/ns", "https://cyclonedx.org/bom"];

/// True where a predicate type is the wanted one, or a version of it.
pub fn is_type(found: &str, wanted: &str) -> bool {
    let version = || found.strip_prefix(wanted)?.strip_prefix("/v");
    found == wanted
        || (wanted == ANY_TYPE && found != COSIGN_SIGN)
        || (VERSIONED.contains(&wanted) && version().is_some())
}

/// The predicate type of an alias, as cosign's `--type` has them; anything else is a URI already.
pub fn predicate_type(alias: &str) -> &str {
    match alias {
        "custom" => "https://cosign.sigstore.dev/attestation/v1",
        "cyclonedx" => "https://cyclonedx.org/bom",
        "link" => "https://in-toto.io/Link/v1",
        "openvex" => "https://openvex.dev/ns",
        "slsaprovenance" | "slsaprovenance02" => "https://slsa.dev/provenance/v0.2",
        "slsaprovenance1" => "https://slsa.dev/provenance/v1",
        "spdx" | "spdxjson" => "https://spdx.dev/Document",
        "vsa" => "https://slsa.dev/verification_summary/v1",
        "vuln" => "https://cosign.sigstore.dev/attestation/vuln/v1",
        uri => uri,
    }
}

impl std::fmt::Display for StatementError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Json(error) => write!(f, "not an in-toto statement: {error}"),
            Self::Type(kind) => write!(f, "`_type` is `{kind}`"),
            Self::Subjects => write!(f, "not between 1 and {MOST_SUBJECTS} subjects"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hex;

    fn statement(subject: &str) -> String {
        format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{subject}],"predicateType":"t","predicate":{{}}}}"#
        )
    }

    fn is_about(subject: &str, bytes: Option<&[u8]>) -> bool {
        let digest = Digest::sha256(b"abc");
        let hash = |a: HashAlgorithm| bytes.map(|bytes| hex(&a.digest(bytes)));
        parse(statement(subject).as_bytes()).unwrap().subject_of(&digest, hash).is_some()
    }

    #[test]
    fn a_subject_matches_if_one_algorithm_is_equal_and_none_conflicts() {
        let digest = Digest::sha256(b"abc");
        let ours = digest.parts().1;
        let good512 = hex(&HashAlgorithm::Sha512.digest(b"abc"));
        let bad512 = hex(&HashAlgorithm::Sha512.digest(b"abd"));
        let zero = "0".repeat(64);
        assert!(is_about(&format!(r#"{{"digest":{{"sha256":"{ours}"}}}}"#), None));
        assert!(!is_about(&format!(r#"{{"digest":{{"sha256":"{zero}"}}}}"#), None));
        assert!(!is_about(r#"{"digest":{}}"#, Some(b"abc")));
        assert!(!is_about(&format!(r#"{{"digest":{{"gitCommit":"{ours}"}}}}"#), Some(b"abc")));
        let both =
            |sha512: &str| format!(r#"{{"digest":{{"sha256":"{ours}","sha512":"{sha512}"}}}}"#);
        assert!(is_about(&both(&good512), Some(b"abc")));
        assert!(!is_about(&both(&bad512), Some(b"abc")));
        assert!(is_about(&both(&bad512), None), "nothing to compare with");
        assert!(is_about(&format!(r#"{{"digest":{{"sha512":"{good512}"}}}}"#), Some(b"abc")));
        assert!(is_about(
            &format!(r#"{{"digest":{{"sha256":"{zero}"}}}},{{"digest":{{"sha256":"{ours}"}}}}"#),
            None
        ));
    }

    #[test]
    fn other_documents_are_refused() {
        assert!(matches!(parse(b"[]"), Err(StatementError::Json(_))));
        let v2 = statement(r#"{"digest":{"sha256":"0"}}"#).replace("Statement/v1", "Statement/v2");
        assert!(matches!(parse(v2.as_bytes()), Err(StatementError::Type(_))));
        assert_eq!(parse(statement("").as_bytes()), Err(StatementError::Subjects));
        let many = vec![r#"{"digest":{"sha256":"0"}}"#; 1025].join(",");
        assert_eq!(parse(statement(&many).as_bytes()), Err(StatementError::Subjects));
    }
}
