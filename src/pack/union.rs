//! Two lists as one: neither hides what the other says.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    json,
    wire::{Answer, Bytes, UnavailableReason},
};

/// What counts of a manifest.
pub const LAYERS: &str = "layers";
/// What counts of an index.
pub const MANIFESTS: &str = "manifests";

/// What a registry answers and what a pack holds, of which `list` ([`MANIFESTS`] or [`LAYERS`]) counts.
/// The union is written anew, which proves nothing and need not: what it names is hashed.
///
/// Whether there is more, only the registry can say: where it does not, what the pack names is a part.
pub fn union(live: Answer, packed: Answer, list: &str) -> Answer {
    let Answer::Found { bytes: theirs, media_type, .. } = &packed else { return live };
    let part = |reason, message: &str| {
        let (bytes, message) = (theirs.clone(), message.to_owned());
        Answer::Partial { bytes, reason, message }
    };
    let ours = match &live {
        // There is nothing but what the pack has kept.
        Answer::Absent { .. } => return packed,
        Answer::Denied { message } => return part(UnavailableReason::Denied, message),
        Answer::Unavailable { reason, message } => return part(*reason, message),
        Answer::Found { bytes, .. } | Answer::Partial { bytes, .. } => bytes,
        Answer::Resolved { .. } => return live,
    };
    if ours == theirs {
        return live;
    }
    let bytes = match (read(ours, list), read(theirs, list)) {
        (_, Ok(None) | Err(_)) => return live,
        (Err(error), Ok(Some(_))) => return part(UnavailableReason::Garbled, &error),
        // What lies there names nothing: cosign copy leaves the image itself under the fallback tag.
        (Ok(None), Ok(Some(_))) => theirs.clone(),
        (Ok(Some(ours)), Ok(Some(theirs))) => {
            Bytes(merged(ours, theirs, list).to_string().into_bytes())
        }
    };
    match live {
        Answer::Partial { reason, message, .. } => Answer::Partial { bytes, reason, message },
        _ => {
            let media_type = media_type.clone();
            Answer::Found { bytes, media_type, reserialised: true }
        }
    }
}

/// A manifest that has the list; `None` for one of another shape.
fn read(bytes: &Bytes, list: &str) -> Result<Option<Value>, String> {
    let value = json::parse(&bytes.0).map_err(|e| e.to_string())?;
    let shapes = [LAYERS, MANIFESTS, "blobs"];
    match shapes.iter().filter(|shape| value.get(shape).is_some_and(Value::is_array)).count() {
        1 => Ok(Some(value).filter(|value| value.get(list).is_some())),
        _ => Err("it has not one of `layers`, `manifests` and `blobs`".to_owned()),
    }
}

/// The first with what only the second names.
fn merged(mut ours: Value, theirs: Value, list: &str) -> Value {
    let more = theirs.get(list).and_then(Value::as_array).into_iter().flatten();
    if let Some(entries) = ours.get_mut(list).and_then(Value::as_array_mut) {
        let mut known: BTreeSet<String> = entries.iter().map(Value::to_string).collect();
        entries.extend(more.filter(|entry| known.insert(entry.to_string())).cloned());
    }
    ours
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"manifests":[],"schemaVersion":2}"#;

    fn index(digests: &str) -> String {
        let entry = |digest| format!(r#"{{"digest":"{digest}","mediaType":"m","size":1}}"#);
        let entries: Vec<_> = digests.split_terminator(' ').map(entry).collect();
        format!(r#"{{"manifests":[{}],"schemaVersion":2}}"#, entries.join(","))
    }

    fn found(text: &str) -> Answer {
        let bytes = Bytes(text.as_bytes().to_vec());
        Answer::Found { bytes, media_type: None, reserialised: false }
    }

    fn part(text: &str, reason: UnavailableReason, message: &str) -> Answer {
        let bytes = Bytes(text.as_bytes().to_vec());
        Answer::Partial { bytes, reason, message: message.to_owned() }
    }

    fn text(answer: &Answer) -> String {
        match answer {
            Answer::Found { bytes, .. } | Answer::Partial { bytes, .. } => {
                String::from_utf8(bytes.0.clone()).unwrap()
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_only_one_names_is_named() {
        let both = union(found(&index("a")), found(&index("b a")), MANIFESTS);
        assert_eq!(text(&both), index("a b"));
        assert!(matches!(both, Answer::Found { reserialised: true, .. }));
    }

    #[test]
    fn what_is_no_list_hides_none() {
        let image = r#"{"config":{"digest":"a","mediaType":"m","size":1},"layers":[]}"#;
        let of = |live, packed| union(found(live), found(packed), MANIFESTS);
        assert_eq!(of(LIST, LIST), found(LIST));
        assert_eq!(of(LIST, image), found(LIST));
        assert_eq!(of("<html>", "<xml>"), found("<html>"));
        assert_eq!(text(&of(image, &index("a"))), index("a"));
    }

    #[test]
    fn where_the_registry_has_none_the_pack_has_its_own() {
        let none = Answer::Absent { message: String::new() };
        assert_eq!(union(none.clone(), found(LIST), MANIFESTS), found(LIST));
        assert_eq!(union(found(LIST), none, MANIFESTS), found(LIST));
    }

    #[test]
    fn where_the_registry_does_not_say_the_pack_is_a_part() {
        use UnavailableReason::{Deadline, Denied, Garbled, Transport};
        let message = || "words".to_owned();
        let packed = || found(&index("a"));
        let denied = Answer::Denied { message: message() };
        assert_eq!(union(denied.clone(), packed(), MANIFESTS), part(&index("a"), Denied, "words"));
        for reason in [Transport, Deadline] {
            let live = Answer::Unavailable { reason, message: message() };
            assert_eq!(union(live, packed(), MANIFESTS), part(&index("a"), reason, "words"));
        }
        for garbled in ["<html>", "[]", r#"{"manifests":[],"layers":[]}"#, r#"{"errors":[]}"#] {
            let both = union(found(garbled), packed(), MANIFESTS);
            assert!(matches!(both, Answer::Partial { reason: Garbled, .. }), "{both:?}");
            assert_eq!(text(&both), index("a"));
        }
        // And nothing makes a part whole.
        let half = part(&index("b"), Transport, "words");
        assert_eq!(union(half, packed(), MANIFESTS), part(&index("b a"), Transport, "words"));
        let nothing = Answer::Absent { message: message() };
        assert_eq!(union(denied.clone(), nothing, MANIFESTS), denied);
    }
}
