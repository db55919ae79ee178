//! The signed payload: which artifact it is about
//! (signature specification §Payload).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    crypto::HashAlgorithm,
    envelope::{
        go_json::{self, Member, member},
        notation::Reading,
    },
    json,
    verdict::{Code, Reason},
    verify::Target,
};

/// `targetArtifact`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TargetArtifact {
    pub(super) digest: String,
    media_type: String,
    size: u64,
    annotations: BTreeMap<String, String>,
}

/// What notation-go's structures have.
const PAYLOAD: [Member; 1] = [Member {
    name: "targetArtifact",
    inner: &[member("annotations"), member("digest"), member("mediaType"), member("size")],
}];

/// Parses a payload whose signature was checked.
pub(super) fn parse(bytes: &[u8], reading: Reading) -> Result<TargetArtifact, Reason> {
    let malformed = |what: String| Reason::new(Code::PayloadMalformed, what);
    let missing =
        |name: &str| malformed(format!("`targetArtifact.{name}` is missing or not valid"));
    let document = match reading {
        Reading::Strict => json::parse(bytes).map_err(|error| error.to_string()),
        Reading::NotationGo => go_json::parse(bytes, &PAYLOAD).map(Value::Object),
    };
    let document = document.map_err(|error| malformed(format!("not valid JSON: {error}")))?;
    let Value::Object(mut document) = document else {
        return Err(malformed("the payload is not a JSON object".into()));
    };
    let Some(Value::Object(mut artifact)) = document.remove("targetArtifact") else {
        return Err(malformed("`targetArtifact` is missing or not an object".into()));
    };
    Ok(TargetArtifact {
        digest: text(&mut artifact, "digest").ok_or_else(|| missing("digest"))?,
        media_type: text(&mut artifact, "mediaType").ok_or_else(|| missing("mediaType"))?,
        size: artifact.get("size").and_then(Value::as_u64).ok_or_else(|| missing("size"))?,
        annotations: annotations(artifact.remove("annotations"))
            .ok_or_else(|| missing("annotations"))?,
    })
}

fn text(object: &mut Map<String, Value>, name: &str) -> Option<String> {
    match object.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn annotations(value: Option<Value>) -> Option<BTreeMap<String, String>> {
    match value {
        None | Some(Value::Null) => Some(BTreeMap::new()),
        Some(Value::Object(map)) => map
            .into_iter()
            .map(|(key, value)| match value {
                Value::String(value) => Some((key, value)),
                _ => None,
            })
            .collect(),
        Some(_) => None,
    }
}

impl TargetArtifact {
    /// spec: TP §Steps 3 "Make sure the artifact's digest, media type and size match the ones
    /// present in the signature envelope."
    ///
    /// The digest binds; media type and size are compared where raw bytes say them, and are not
    /// taken on the host's word.
    pub(super) fn is_target(&self, target: &Target) -> Result<(), Reason> {
        if self.digest != target.digest {
            return Err(differs("digest", &target.digest, &self.digest));
        }
        if let Some(media_type) = &target.media_type
            && *media_type != self.media_type
        {
            return Err(differs("media type", media_type, &self.media_type));
        }
        if let Some(size) = target.size
            && size != self.size
        {
            return Err(differs("size", &size.to_string(), &self.size.to_string()));
        }
        if target.media_type.is_none() || target.size.is_none() {
            return Err(Reason::new(
                Code::EvidenceHostAsserted,
                "media type and size of the artifact are not proven by raw bytes",
            ));
        }
        Ok(())
    }

    /// spec: SIG §Payload "For Blob artifacts, the descriptor MUST describe the blob that is being
    /// signed", with `size` "the raw size of the blob in bytes" and any media type. As notation-go, the
    /// digest is by the hash of the signature's algorithm. Where the host has only hashed the blob, the
    /// size is not compared: the digest binds it.
    pub(super) fn is_blob(&self, blob: &Target, algorithm: HashAlgorithm) -> Result<(), Reason> {
        let Some(digest) = blob.hash(algorithm) else {
            return Err(Reason::new(
                Code::EvidenceHostAsserted,
                format!("the {algorithm} digest of the blob is not known"),
            ));
        };
        let expected = format!("{}{digest}", algorithm.prefix());
        if self.digest != expected {
            return Err(differs("digest", &expected, &self.digest));
        }
        match blob.size {
            Some(size) if size != self.size => {
                Err(differs("size", &size.to_string(), &self.size.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// spec: TP §Steps "verify the user provided metadata/custom annotations match the signed
    /// attributes present in the signature envelope"
    pub(super) fn has_metadata(&self, wanted: &BTreeMap<String, String>) -> Result<(), Reason> {
        match wanted.iter().find(|(key, value)| self.annotations.get(*key) != Some(value)) {
            None => Ok(()),
            Some((key, value)) => {
                let reason = Reason::of(Code::MetadataMismatch).expected(format!("{key}={value}"));
                Err(match self.annotations.get(key) {
                    Some(found) => reason.found(format!("{key}={found}")),
                    None => reason.found(format!("no `{key}`")),
                })
            }
        }
    }
}

fn differs(what: &str, expected: &str, found: &str) -> Reason {
    Reason::new(Code::DescriptorMismatch, format!("the signed {what} is not the artifact's"))
        .expected(expected)
        .found(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_are_not_needed_are_ignored() {
        let text = br#"{"x":1,"targetArtifact":{"digest":"d","mediaType":"m","size":7,"urls":[],"artifactType":"a"}}"#;
        let artifact = parse(text, Reading::Strict).unwrap();
        assert_eq!((artifact.digest.as_str(), artifact.size), ("d", 7));
    }

    #[test]
    fn what_is_not_a_payload_is_refused() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"targetArtifact":[]}"#,
            r#"{"TARGETARTIFACT":{"digest":"d","mediaType":"m","size":7}}"#,
            r#"{"targetArtifact":{"digest":"d","mediaType":"m"}}"#,
            r#"{"targetArtifact":{"digest":"d","mediaType":"m","size":-7}}"#,
            r#"{"targetArtifact":{"digest":"d","mediaType":"m","size":7.5}}"#,
            r#"{"targetArtifact":{"digest":"d","digest":"e","mediaType":"m","size":7}}"#,
            r#"{"targetArtifact":{"digest":"d","mediaType":"m","size":7,"annotations":{"a":1}}}"#,
            r#"{"targetArtifact":{"digest":"d","mediaType":"m","size":7}} x"#,
        ] {
            let reason = parse(text.as_bytes(), Reading::Strict).unwrap_err();
            assert_eq!(reason.code, Code::PayloadMalformed, "{text}");
        }
    }

    #[test]
    fn notation_go_reads_more() {
        for text in [
            r#"{"TARGETARTIFACT":{"Digest":"d","mediaType":"m","size":7}}"#,
            r#"{"targetArtifact":{"digest":"e"},"targetArtifact":{"digest":"d","mediaType":"m","size":7}}"#,
            r#"{"targetArtifact":{"digest":"d","mediaType":"m","size":1,"SIZE":7,"annotations":null}}"#,
        ] {
            let artifact = parse(text.as_bytes(), Reading::NotationGo).unwrap();
            assert_eq!((artifact.digest.as_str(), artifact.size), ("d", 7));
        }
        for text in [
            "[]",
            r#"{"targetArtifact":{"digest":"d","mediaType":"m","size":7}} x"#,
            r#"{"targetArtifact":{"digest":"d","mediaType":"m","size":7,"size":"7"}}"#,
        ] {
            assert!(parse(text.as_bytes(), Reading::NotationGo).is_err(), "{text}");
        }
    }
}
