//! What travels with a signature of a transparency log: Sigstore's `TransparencyLogEntry`
//! ([protobuf-specs, sigstore_rekor.proto](https://github.com/sigstore/protobuf-specs/blob/v0.5.0/protos/sigstore_rekor.proto))
//! and Cosign's `dev.sigstore.cosign/bundle` annotation.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, de};

use crate::{crypto::from_hex, json};

/// Entries that one bundle may carry (sigstore-go's `limits.MaxAllowedTlogEntries`).
pub const MOST_ENTRIES: usize = 32;

/// Hashes of one inclusion proof: a tree has at most 2^64 leaves.
const MOST_HASHES: usize = 64;

/// An entry of a transparency log, as it travels. Nothing of it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Position in the whole log.
    pub log_index: u64,
    /// `logId.keyId`: of Rekor v1 the SHA-256 of its key.
    pub log_id: Vec<u8>,
    /// `kindVersion`: kind and version; absent in Cosign's annotation.
    pub kind_version: Option<(String, String)>,
    /// Unix seconds; only a promise covers it.
    pub integrated_time: Option<i64>,
    /// The SignedEntryTimestamp.
    pub promise: Option<Vec<u8>>,
    /// The proof.
    pub proof: Option<InclusionProof>,
    /// What was logged.
    pub body: Vec<u8>,
}

/// `inclusionProof`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// Position in the tree of this shard.
    pub log_index: u64,
    /// The tree's root; the checkpoint must say the same.
    pub root_hash: Vec<u8>,
    /// Leaves of the tree.
    pub tree_size: u64,
    /// From leaf to root.
    pub hashes: Vec<Vec<u8>>,
    /// The signed note, where there is one.
    pub checkpoint: Option<String>,
}

/// One entry of a bundle's `tlogEntries`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Document {
    #[serde(default)]
    log_index: Integer,
    log_id: Option<LogId>,
    kind_version: Option<KindVersion>,
    #[serde(default)]
    integrated_time: Integer,
    inclusion_promise: Option<Promise>,
    inclusion_proof: Option<Proof>,
    canonicalized_body: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LogId {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KindVersion {
    kind: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Promise {
    signed_entry_timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Proof {
    #[serde(default)]
    log_index: Integer,
    root_hash: String,
    #[serde(default)]
    tree_size: Integer,
    hashes: Option<Vec<String>>,
    checkpoint: Option<Checkpoint>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Checkpoint {
    envelope: String,
}

/// A protobuf int64: a decimal string, or a number
/// ([ProtoJSON](https://protobuf.dev/programming-guides/json/)); absent or null is zero.
#[derive(Clone, Copy, Default)]
struct Integer(i64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Integer;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an integer")
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<Integer, E> {
                Ok(Integer(v))
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<Integer, E> {
                i64::try_from(v).map(Integer).map_err(|_| E::custom("not an int64"))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Integer, E> {
                Ok(Integer(0))
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Integer, E> {
                let digits = v.strip_prefix('-').unwrap_or(v);
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(E::custom("not an integer"));
                }
                v.parse().map(Integer).map_err(|_| E::custom("not an int64"))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Integer {
    fn unsigned(self, field: &str) -> Result<u64, String> {
        u64::try_from(self.0).map_err(|_| format!("`{field}` is negative"))
    }
}

impl Document {
    pub(super) fn read(self) -> Result<LogEntry, String> {
        let log_id = self.log_id.ok_or("an entry without `logId`")?;
        let body = self.canonicalized_body.ok_or("an entry without `canonicalizedBody`")?;
        let kind_version = self.kind_version.ok_or("an entry without `kindVersion`")?;
        let promise =
            self.inclusion_promise.map(|p| base64(&p.signed_entry_timestamp, "inclusionPromise"));
        Ok(LogEntry {
            log_index: self.log_index.unsigned("logIndex")?,
            log_id: base64(&log_id.key_id, "logId.keyId")?,
            kind_version: Some((kind_version.kind, kind_version.version)),
            integrated_time: match self.integrated_time.0 {
                0 => None,
                seconds => Some(
                    i64::try_from(Integer(seconds).unsigned("integratedTime")?)
                        .map_err(|_| "`integratedTime` is out of range")?,
                ),
            },
            promise: promise.transpose()?.filter(|p| !p.is_empty()),
            proof: self.inclusion_proof.map(Proof::read).transpose()?,
            body: base64(&body, "canonicalizedBody")?,
        })
    }
}

impl Proof {
    fn read(self) -> Result<InclusionProof, String> {
        let hashes = self.hashes.unwrap_or_default();
        if hashes.len() > MOST_HASHES {
            return Err(format!("an inclusion proof of more than {MOST_HASHES} hashes"));
        }
        let hashes = hashes.iter().map(|h| base64(h, "inclusionProof.hashes"));
        Ok(InclusionProof {
            log_index: self.log_index.unsigned("inclusionProof.logIndex")?,
            root_hash: base64(&self.root_hash, "inclusionProof.rootHash")?,
            tree_size: self.tree_size.unsigned("inclusionProof.treeSize")?,
            hashes: hashes.collect::<Result<_, _>>()?,
            checkpoint: self.checkpoint.map(|c| c.envelope).filter(|c| !c.is_empty()),
        })
    }
}

fn base64(text: &str, field: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|_| format!("`{field}` is not standard base64"))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Annotation {
    signed_entry_timestamp: String,
    payload: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Payload {
    body: String,
    #[serde(default)]
    integrated_time: Integer,
    #[serde(default)]
    log_index: Integer,
    #[serde(rename = "logID")]
    log_id: String,
}

/// Reads the annotation `dev.sigstore.cosign/bundle`: an entry with its promise.
///
/// spec: cosign SIGNATURE_SPEC §Properties "bundle"
pub fn from_annotation(text: &str) -> Result<LogEntry, String> {
    let read: Annotation = json::parse_as(text.as_bytes()).map_err(|e| e.to_string())?;
    let payload = read.payload;
    Ok(LogEntry {
        log_index: payload.log_index.unsigned("logIndex")?,
        log_id: from_hex(&payload.log_id)
            .filter(|id| !id.is_empty())
            .ok_or("`logID` is not hexadecimal")?,
        kind_version: None,
        integrated_time: Some(payload.integrated_time.0).filter(|t| *t > 0),
        promise: Some(base64(&read.signed_entry_timestamp, "SignedEntryTimestamp")?),
        proof: None,
        body: base64(&payload.body, "body")?,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TimestampAnnotation {
    #[serde(rename = "SignedRFC3161Timestamp")]
    signed_timestamp: String,
}

/// Reads the annotation `dev.sigstore.cosign/rfc3161timestamp`: a TimeStampResp.
pub fn timestamp_from_annotation(text: &str) -> Result<Vec<u8>, String> {
    let read: TimestampAnnotation = json::parse_as(text.as_bytes()).map_err(|e| e.to_string())?;
    base64(&read.signed_timestamp, "SignedRFC3161Timestamp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_is_an_entry_with_a_promise() {
        let text = r#"{"SignedEntryTimestamp":"AAEC","Payload":{"body":"e30=","integratedTime":5,"logIndex":7,"logID":"0aff"}}"#;
        let entry = from_annotation(text).unwrap();
        assert_eq!((entry.log_index, entry.integrated_time), (7, Some(5)));
        assert_eq!((entry.log_id, entry.body), (vec![10, 255], b"{}".to_vec()));
        assert_eq!(entry.promise, Some(vec![0, 1, 2]));
    }

    #[test]
    fn numbers_are_strings_or_integers_and_never_negative() {
        let read = |index: &str| {
            let text = format!(
                r#"{{"SignedEntryTimestamp":"AA==","Payload":{{"body":"","logIndex":{index},"logID":"00"}}}}"#
            );
            from_annotation(&text).map(|e| e.log_index)
        };
        assert_eq!(read("3"), Ok(3));
        assert_eq!(read("\"9223372036854775807\""), Ok(i64::MAX as u64));
        for bad in ["-1", "\"-1\"", "\"\"", "\"+1\"", "1.0", "\"1e2\"", "9223372036854775808"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
