//! `index.json` of a layout, changed.

use std::fs::File;

use serde_json::{Value, json};

use super::{LayoutWriter, Over, opening, writing};
use crate::{
    copy::{contents::Contents, store::Outgoing},
    registry::RegistryError,
    source::{
        files::Files,
        layout::{NAME, TAG, index},
    },
};

/// An index that lists nothing.
pub(super) const EMPTY: &[u8] =
    br#"{"manifests":[],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}"#;

/// How a manifest is listed.
pub(super) struct Listing<'a> {
    pub(super) tag: Option<&'a str>,
    pub(super) name: Option<&'a str>,
}

/// Lists a manifest. Of two writers at once neither undoes what the other does.
pub(super) fn change(
    layout: &LayoutWriter,
    manifest: &Outgoing<'_>,
    listing: &Listing<'_>,
) -> Result<(), RegistryError> {
    let path = layout.root().join("oci-layout");
    let lock = File::open(&path).map_err(|e| writing(&path, &e))?;
    lock.lock().map_err(|e| writing(&path, &e))?;
    let mut all = index(&Files::Directory(layout.root().to_owned())).map_err(opening)?;
    let mut entries = match all["manifests"].take() {
        Value::Array(entries) => entries,
        _ => Vec::new(),
    };
    list(&mut entries, manifest, listing);
    all["manifests"] = Value::Array(entries);
    layout.put("index.json", &mut all.to_string().as_bytes(), Over::Anything)
}

fn list(entries: &mut Vec<Value>, manifest: &Outgoing<'_>, listing: &Listing<'_>) {
    let is_it = |entry: &Value| entry["digest"] == manifest.digest;
    let Some(tag) = listing.tag else {
        if !entries.iter().any(is_it) {
            entries.push(descriptor(manifest, listing));
        }
        return;
    };
    let new = descriptor(manifest, listing);
    if entries.contains(&new) {
        return;
    }
    // A tag is one image's, and an image with a tag needs no entry without.
    entries.retain(|entry| {
        let other = entry["annotations"][TAG].as_str();
        other != Some(tag) && !(is_it(entry) && other.is_none())
    });
    entries.push(new);
}

fn descriptor(manifest: &Outgoing<'_>, listing: &Listing<'_>) -> Value {
    let Outgoing { digest, media_type, bytes } = *manifest;
    let mut entry = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
    if let Some(tag) = listing.tag {
        entry["annotations"][TAG] = tag.into();
    }
    if let Some(name) = listing.name {
        let reference = listing.tag.map_or_else(|| format!("@{digest}"), |tag| format!(":{tag}"));
        entry["annotations"][NAME] = format!("{name}{reference}").into();
    }
    let contents = Contents::read(bytes).unwrap_or_default();
    if contents.subject.is_some()
        && let Some(artifact_type) = contents.artifact_type
    {
        entry["artifactType"] = artifact_type.into();
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_moved_and_nothing_is_listed_twice() {
        let one = Outgoing { digest: "sha256:1", media_type: "a/b", bytes: b"{}" };
        let two = Outgoing { digest: "sha256:2", ..one };
        let under = |tag| Listing { tag, name: None };
        let mut entries = Vec::new();
        list(&mut entries, &one, &under(None));
        list(&mut entries, &one, &under(None));
        assert_eq!(entries.len(), 1);
        list(&mut entries, &one, &under(Some("a")));
        list(&mut entries, &one, &under(Some("b")));
        list(&mut entries, &one, &under(None));
        let tags = |entries: &[Value]| -> Vec<_> {
            entries.iter().map(|e| (e["digest"].clone(), e["annotations"][TAG].clone())).collect()
        };
        let (first, second) = (json!("sha256:1"), json!("sha256:2"));
        assert_eq!(tags(&entries), [(first.clone(), json!("a")), (first.clone(), json!("b"))]);
        list(&mut entries, &two, &under(Some("a")));
        assert_eq!(tags(&entries), [(first, json!("b")), (second, json!("a"))]);
    }

    #[test]
    fn a_layout_remembers_where_its_image_comes_from() {
        let one = Outgoing { digest: "sha256:1", media_type: "a/b", bytes: b"{}" };
        let named = |tag| descriptor(&one, &Listing { tag, name: Some("ghcr.io/acme/app") });
        assert_eq!(named(Some("1"))["annotations"][NAME], "ghcr.io/acme/app:1");
        assert_eq!(named(None)["annotations"][NAME], "ghcr.io/acme/app@sha256:1");
    }
}
