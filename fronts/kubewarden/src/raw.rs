//! Raw policies: `{ "images": [ … ] }` in, a verdict out, without Kubernetes.

use std::collections::BTreeMap;

use countersign::{
    reference::{Digest, Reference},
    wire::{Decision, Outcome, Request},
};
use serde_json::{Value, json};

/// The audit annotation with the whole decision.
const DECISION: &str = "decision";

/// True where it is no `AdmissionRequest`: that one has an operation, and nobody else has images.
pub(crate) fn is_raw(request: &Value) -> bool {
    let has = |name: &str| request.get(name).is_some();
    (has("images") || has("blobs")) && !has("operation") && !has("object")
}

/// Reads one: the request of a step, in which images may be plain texts.
pub(crate) fn read(request: &Value) -> Result<Request, String> {
    let mut request = request.clone();
    if let Some(members) = request.as_object_mut() {
        // policy-server's own.
        members.remove("uid");
    }
    for image in images(&mut request) {
        if image.is_string() {
            *image = json!({ "reference": image.take() });
        }
    }
    serde_json::from_value(request).map_err(|e| e.to_string())
}

/// The request with the digest that was verified beside every tag; `None` where it has them all.
pub(crate) fn pinned(request: &Value, decision: &Decision) -> Option<Value> {
    let verified = |text: &str| {
        let named = Reference::parse(text).ok().filter(|named| named.digest.is_none())?;
        let is_it = |reference: &str| Reference::parse(reference).is_ok_and(|r| r == named);
        let judged = decision.images.iter().find(|image| is_it(&image.reference))?;
        let digest = judged.digest.as_deref().filter(|_| judged.outcome == Outcome::Allow)?;
        Some(named.pinned(&Digest::parse(digest)?).to_string())
    };
    let mut pinned = request.clone();
    let mut changed = false;
    for image in images(&mut pinned) {
        let place = if image.is_string() { Some(image) } else { image.get_mut("reference") };
        let Some(place) = place else { continue };
        if let Some(reference) = place.as_str().and_then(verified) {
            *place = Value::String(reference);
            changed = true;
        }
    }
    changed.then_some(pinned)
}

/// The decision as it is, for who reads it.
pub(crate) fn verdict(decision: &Decision) -> BTreeMap<String, String> {
    let text = serde_json::to_string(decision).unwrap_or_default();
    BTreeMap::from([(DECISION.to_owned(), text)])
}

fn images(request: &mut Value) -> impl Iterator<Item = &mut Value> {
    request.get_mut("images").and_then(Value::as_array_mut).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_texts_or_objects_and_nothing_unknown_is_read() {
        let raw = json!({ "uid": "1", "images": ["r.io/a:1", { "reference": "r.io/b:1" }] });
        assert!(is_raw(&raw));
        let request = read(&raw).unwrap();
        let names: Vec<_> = request.images.iter().map(|i| i.reference.as_str()).collect();
        assert_eq!(names, ["r.io/a:1", "r.io/b:1"]);
        assert!(read(&json!({ "images": [1] })).is_err());
        assert!(read(&json!({ "images": [], "imagse": [] })).unwrap_err().contains("imagse"));
        for other in [json!({}), json!([]), json!({ "images": [], "operation": "CREATE" })] {
            assert!(!is_raw(&other), "{other}");
        }
    }
}
