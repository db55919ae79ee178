//! Simple signing, the payload of legacy Cosign signatures
//! ([cosign SIGNATURE_SPEC](https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#payloads)).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    json,
    reference::{Digest, Reference},
};

/// `critical.type` of an image signature.
pub const TYPE: &str = "cosign container image signature";

/// What a payload says.
#[derive(Clone, Debug, PartialEq)]
pub struct SimpleSigning {
    /// `critical.type`.
    pub kind: String,
    /// `critical.image.docker-manifest-digest`.
    pub digest: String,
    /// `critical.identity.docker-reference`.
    pub docker_reference: String,
    /// `optional`.
    pub optional: BTreeMap<String, Value>,
}

/// Parses a payload; `None` where a member is missing or of another type.
pub fn parse(bytes: &[u8]) -> Option<SimpleSigning> {
    let value = json::parse(bytes).ok()?;
    let critical = value.get("critical")?;
    let text = |v: &Value| v.as_str().map(str::to_owned);
    let optional = match value.get("optional") {
        None | Some(Value::Null) => BTreeMap::new(),
        Some(Value::Object(map)) => map.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        Some(_) => return None,
    };
    Some(SimpleSigning {
        kind: text(critical.get("type")?)?,
        digest: text(critical.get("image")?.get("docker-manifest-digest")?)?,
        docker_reference: text(critical.get("identity")?.get("docker-reference")?)?,
        optional,
    })
}

/// The payloads that cosign most likely wrote for this image, to be compared with the digest of
/// the layer: a host that cannot deliver the blob needs none, and one that can is spared the trip.
/// At most 16 are tried.
pub fn rebuild(
    layer: &Digest,
    image: &Digest,
    repository: &Reference,
    annotations: &[&BTreeMap<String, String>],
) -> Option<Vec<u8>> {
    let none = BTreeMap::new();
    let mut optional = vec![&none];
    optional.extend(annotations);
    optional.dedup();
    let mut names = vec![repository.repository()];
    if repository.registry == "docker.io" {
        // go-containerregistry's name for Docker Hub.
        names.push(format!("index.docker.io/{}", repository.name));
    }
    names
        .iter()
        .flat_map(|name| optional.iter().map(move |optional| canonical(image, name, optional)))
        .take(16)
        .find(|payload| layer.matches(payload))
}

/// As Go's `json.Marshal` writes it: members sorted, `<`, `>` and `&` escaped.
fn canonical(image: &Digest, name: &str, optional: &BTreeMap<String, String>) -> Vec<u8> {
    let optional = if optional.is_empty() {
        "null".to_owned()
    } else {
        let members: Vec<_> =
            optional.iter().map(|(k, v)| format!("{}:{}", go(k), go(v))).collect();
        format!("{{{}}}", members.join(","))
    };
    format!(
        r#"{{"critical":{{"identity":{{"docker-reference":{}}},"image":{{"docker-manifest-digest":"{image}"}},"type":"{TYPE}"}},"optional":{optional}}}"#,
        go(name),
    )
    .into_bytes()
}

fn go(text: &str) -> String {
    Value::String(text.to_owned())
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: &str = r#"{"critical":{"identity":{"docker-reference":"127.0.0.1:5001/a/cosign-p256"},"image":{"docker-manifest-digest":"sha256:b450d7296dfc04aa28a9336a876a8120c903da239fd03a02c95f8c8fcb269223"},"type":"cosign container image signature"},"optional":null}"#;

    #[test]
    fn a_payload_that_cosign_wrote_is_rebuilt_to_the_byte() {
        let image = Digest::parse(
            "sha256:b450d7296dfc04aa28a9336a876a8120c903da239fd03a02c95f8c8fcb269223",
        )
        .unwrap();
        let layer = Digest::sha256(PAYLOAD.as_bytes());
        let reference = Reference::parse("127.0.0.1:5001/a/cosign-p256:1").unwrap();
        let annotations = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
        let rebuilt = rebuild(&layer, &image, &reference, &[&annotations]);
        assert_eq!(rebuilt.as_deref(), Some(PAYLOAD.as_bytes()));
        let other = Reference::parse("127.0.0.1:5001/b:1").unwrap();
        assert_eq!(rebuild(&layer, &image, &other, &[&annotations]), None);
    }

    #[test]
    fn annotations_are_escaped_as_go_does() {
        let image = Digest::sha256(b"x");
        let map = BTreeMap::from([("a".to_owned(), "<&>\"".to_owned())]);
        let text = String::from_utf8(canonical(&image, "r.io/a", &map)).unwrap();
        assert!(text.ends_with(r#""optional":{"a":"\u003c\u0026\u003e\""}}"#), "{text}");
    }

    #[test]
    fn a_payload_is_read_whole_or_not_at_all() {
        let read = parse(PAYLOAD.as_bytes()).unwrap();
        assert_eq!(read.kind, TYPE);
        for text in [
            "{}".to_owned(),
            PAYLOAD.replace("\"type\"", "\"typ\""),
            PAYLOAD.replace("null", "1"),
            PAYLOAD.replace("\"optional\":null", "\"critical\":null"),
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
