//! The referrers tag schema (distribution-spec v1.1, "Referrers Tag Schema"): where a registry lists no
//! referrers, an index under a tag made of the digest does.

use std::collections::BTreeSet;

use countersign::discovery::manifest::{DOCKER_LIST, OCI_INDEX};
use serde_json::{Value, json};

use super::{
    contents::{Contents, digest_of},
    store::{Store, present},
};
use crate::registry::{RegistryError, sha256_of};

/// What is under a fallback tag.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fallback {
    /// Nothing.
    Absent,
    /// A list.
    Index {
        /// As it is stored.
        bytes: Vec<u8>,
        /// Its descriptors.
        entries: Vec<Value>,
    },
    /// Something else, in words. `cosign copy` leaves the image itself there.
    Other(&'static str),
}

/// `<algorithm>-<encoded>`: the algorithm cut to 32 characters, the rest to 64, and what no tag has
/// made a `-`.
pub(crate) fn tag_of(digest: &str) -> String {
    let (algorithm, encoded) = digest.split_once(':').unwrap_or((digest, ""));
    let cut = |text: &str, most| text.chars().take(most).collect::<String>();
    let tag = format!("{}-{}", cut(algorithm, 32), cut(encoded, 64));
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    tag.chars().map(|c| if fits(c) { c } else { '-' }).collect()
}

/// What is under the fallback tag of a digest.
pub(crate) fn read(store: &dyn Store, subject: &str) -> Result<Fallback, RegistryError> {
    let Some(manifest) = present(store.manifest(&tag_of(subject)))? else {
        return Ok(Fallback::Absent);
    };
    Ok(classify(subject, manifest.bytes))
}

fn classify(subject: &str, bytes: Vec<u8>) -> Fallback {
    if sha256_of(&bytes) == subject || crate::registry::matches_digest(subject, &bytes) {
        return Fallback::Other("the image itself");
    }
    let index: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let is_index = match index["mediaType"].as_str().unwrap_or_default() {
        "" | OCI_INDEX => index["layers"].is_null() && index["config"].is_null(),
        _ => false,
    };
    match &index["manifests"] {
        Value::Array(entries) if is_index => {
            let entries = entries.clone();
            Fallback::Index { bytes, entries }
        }
        _ if index["mediaType"] == DOCKER_LIST => Fallback::Other("a Docker manifest list"),
        _ => Fallback::Other("another manifest"),
    }
}

/// An index in which all of `ours` are listed, made of what is there: its entries stay as they are, but
/// for those of ours whose artifact type is wrong. Nothing, if there is nothing to change.
pub(crate) fn merged(there: Option<&[u8]>, ours: &[Value]) -> Option<Vec<u8>> {
    let empty = || json!({ "schemaVersion": 2, "mediaType": OCI_INDEX });
    let mut index =
        there.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_else(empty);
    let mut entries = match index["manifests"].take() {
        Value::Array(entries) => entries,
        _ => Vec::new(),
    };
    let (before, mut listed) = (entries.clone(), BTreeSet::new());
    for entry in &mut entries {
        let Some(digest) = digest_of(entry).map(str::to_owned) else { continue };
        if let Some(own) = ours.iter().find(|own| digest_of(own) == Some(&digest))
            && own["artifactType"] != entry["artifactType"]
        {
            *entry = own.clone();
        }
        listed.insert(digest);
    }
    for own in ours {
        if digest_of(own).is_some_and(|digest| listed.insert(digest.to_owned())) {
            entries.push(own.clone());
        }
    }
    if there.is_some() && entries == before {
        return None;
    }
    index["manifests"] = Value::Array(entries);
    Some(index.to_string().into_bytes())
}

/// The entries of an index that is to be repaired: each digest once, as its manifest says it is; what is
/// gone is left out.
pub(crate) fn repaired(store: &dyn Store, entries: &[Value]) -> Result<Vec<Value>, RegistryError> {
    let (mut seen, mut whole) = (BTreeSet::new(), Vec::new());
    for entry in entries {
        let Some(digest) = digest_of(entry).filter(|digest| seen.insert((*digest).to_owned()))
        else {
            continue;
        };
        let Some(manifest) = present(store.manifest(digest))? else { continue };
        let listed = entry["mediaType"].as_str().or(manifest.media_type.as_deref());
        whole.push(match Contents::read(&manifest.bytes) {
            Ok(contents) => {
                let right =
                    contents.descriptor(digest, contents.media_type(listed), manifest.bytes.len());
                if right["artifactType"] == entry["artifactType"] { entry.clone() } else { right }
            }
            Err(_) => entry.clone(),
        });
    }
    Ok(whole)
}

/// An index of exactly these entries.
pub(crate) fn index(entries: &[Value]) -> Vec<u8> {
    json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries })
        .to_string()
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(digit: char, artifact_type: &str) -> Value {
        let digest = format!("sha256:{}", digit.to_string().repeat(64));
        json!({ "digest": digest, "artifactType": artifact_type, "size": 1 })
    }

    #[test]
    fn long_digests_are_cut_to_what_a_tag_may_be() {
        assert_eq!(tag_of("sha256:0a"), "sha256-0a");
        let long = format!("sha512:{}", "ab".repeat(64));
        assert_eq!(tag_of(&long), format!("sha512-{}", "ab".repeat(32)));
        assert_eq!(tag_of("multihash+base58:Qm?"), "multihash-base58-Qm-");
    }

    #[test]
    fn only_a_list_is_a_list() {
        let list = br#"{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
        let of = |bytes: &[u8]| classify("sha256:0", bytes.to_vec());
        assert!(matches!(of(list), Fallback::Index { .. }));
        assert!(matches!(of(br#"{"manifests":[]}"#), Fallback::Index { .. }));
        for bytes in [&b"{}"[..], b"[]", br#"{"layers":[],"config":{}}"#] {
            assert_eq!(of(bytes), Fallback::Other("another manifest"));
        }
        assert_eq!(
            classify(&sha256_of(list), list.to_vec()),
            Fallback::Other("the image itself"),
            "an image that is an index"
        );
    }

    #[test]
    fn merging_keeps_what_is_there_and_adds_nothing_twice() {
        let there = json!({ "x": 1, "manifests": [entry('1', "a"), entry('2', "oci.empty")] });
        let there = there.to_string();
        let ours = [entry('2', "b"), entry('3', "c"), entry('3', "c")];
        let bytes = merged(Some(there.as_bytes()), &ours).unwrap();
        let index: Value = serde_json::from_slice(&bytes).unwrap();
        let expected = json!([entry('1', "a"), entry('2', "b"), entry('3', "c")]);
        assert_eq!((&index["manifests"], &index["x"]), (&expected, &json!(1)));
        assert_eq!(merged(Some(&bytes), &ours), None);
        assert_eq!(merged(None, &[]), Some(br#"{"manifests":[],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}"#.to_vec()));
    }
}
