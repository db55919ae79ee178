//! Two lists as one: neither hides what the other says.

use serde_json::Value;

use crate::{
    json,
    wire::{Answer, Bytes},
};

/// What counts of a manifest.
pub const LAYERS: &str = "layers";
/// What counts of an index.
pub const MANIFESTS: &str = "manifests";

/// What a registry answers and what a pack holds, of which `list` ([`MANIFESTS`] or [`LAYERS`]) counts.
/// The union is written anew, which proves nothing and need not: what it names is hashed.
pub fn union(live: Answer, packed: Answer, list: &str) -> Answer {
    let (Answer::Found { bytes: ours, .. }, Answer::Found { bytes: theirs, media_type, .. }) =
        (&live, &packed)
    else {
        // Absent, denied or unavailable: what is in the pack can still be tried.
        return if matches!(live, Answer::Found { .. }) { live } else { packed };
    };
    if ours == theirs {
        return live;
    }
    match (read(&ours.0, list), read(&theirs.0, list)) {
        (Some(ours), Some(theirs)) => {
            let media_type = media_type.clone();
            let bytes = Bytes(merged(ours, theirs, list).to_string().into_bytes());
            Answer::Found { bytes, media_type, reserialised: true }
        }
        // What lies there names nothing.
        (None, Some(_)) => packed,
        (_, None) => live,
    }
}

fn read(bytes: &[u8], list: &str) -> Option<Value> {
    json::parse(bytes).ok().filter(|value| value.get(list).is_some_and(Value::is_array))
}

/// The first with what only the second names.
fn merged(mut ours: Value, theirs: Value, list: &str) -> Value {
    let more = theirs.get(list).and_then(Value::as_array).into_iter().flatten();
    if let Some(entries) = ours.get_mut(list).and_then(Value::as_array_mut) {
        for entry in more {
            if !entries.contains(entry) {
                entries.push(entry.clone());
            }
        }
    }
    ours
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Answer {
        let bytes = Bytes(text.as_bytes().to_vec());
        Answer::Found { bytes, media_type: None, reserialised: false }
    }

    fn text(answer: &Answer) -> String {
        match answer {
            Answer::Found { bytes, .. } => String::from_utf8(bytes.0.clone()).unwrap(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_only_one_names_is_named() {
        let live = found(r#"{"manifests":[{"digest":"a"}],"schemaVersion":2}"#);
        let packed = found(r#"{"manifests":[{"digest":"b"},{"digest":"a"}],"schemaVersion":2}"#);
        let both = union(live, packed, "manifests");
        assert_eq!(
            text(&both),
            r#"{"manifests":[{"digest":"a"},{"digest":"b"}],"schemaVersion":2}"#
        );
        assert!(matches!(both, Answer::Found { reserialised: true, .. }));
    }

    #[test]
    fn what_is_no_list_hides_none() {
        let list = r#"{ "layers": [] }"#;
        let of = |live, packed| union(found(live), found(packed), "layers");
        assert_eq!(of(list, list), found(list));
        assert_eq!(of(list, r#"{"manifests":[]}"#), found(list));
        assert_eq!(of("<html>", "<xml>"), found("<html>"));
        assert_eq!(of("<html>", list), found(list));
    }

    #[test]
    fn where_the_registry_has_none_the_pack_has_its_own() {
        let none = Answer::Absent { message: String::new() };
        assert_eq!(union(none.clone(), found("{}"), "layers"), found("{}"));
        assert_eq!(union(found("{}"), none, "layers"), found("{}"));
    }
}
