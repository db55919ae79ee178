//! `pubKeys`: each key must have signed, with the annotations.

use serde_json::{Value, json};

use crate::{
    sigstore::{Signing, Who, keys::Key},
    world::{Annotations, World, one, signing},
};

const ENTRY: &str = "dev.sigstore.cosign/bundle";

fn by(name: &str) -> Signing {
    signing().key(Key::p256(name)).who(Who::Key).unlogged()
}

fn logged(name: &str) -> Signing {
    signing().key(Key::p256(name)).who(Who::Key)
}

fn keys(names: &[&str]) -> Value {
    let keys: Vec<_> = names.iter().map(|name| Key::p256(name).public_pem()).collect();
    one(json!({ "pubKeys": keys }))
}

#[test]
fn every_key_must_have_signed() {
    let both = World::signed(by("a")).and(by("b"), &json!(null), |_| {});
    for (names, expected) in [
        (&["a"][..], "allow"),
        (&["b"], "allow"),
        (&["a", "b"], "allow"),
        (&["b", "a", "a"], "allow"),
        (&["a", "b", "c"], "signature.invalid"),
        (&["c"], "signature.invalid"),
    ] {
        assert_eq!(both.verdict(&keys(names)), expected, "{names:?}");
    }
    assert_eq!(World::signed(by("a")).verdict(&keys(&["a", "b"])), "signature.invalid");
    assert_eq!(World::new().verdict(&keys(&["a"])), "signatures.none");
}

#[test]
fn annotations_must_be_among_the_signed_ones() {
    let signed = json!({ "env": "prod", "team": "a" });
    let world = World::new().and(by("a"), &signed, |_| {});
    let asked = |annotations: Value| {
        let mut settings = keys(&["a"]);
        settings["signatures"][0]["annotations"] = annotations;
        world.verdict(&settings)
    };
    for annotations in
        [json!(null), json!({}), json!({ "env": "prod" }), json!({ "env": "prod", "team": "a" })]
    {
        assert_eq!(asked(annotations.clone()), "allow", "{annotations}");
    }
    for annotations in [json!({ "env": "dev" }), json!({ "env": "prod", "stage": "1" })] {
        assert_eq!(asked(annotations.clone()), "annotation.mismatch", "{annotations}");
    }
    // Of the same signature: another one with them, by somebody else, does not help.
    let apart = World::signed(by("a")).and(by("b"), &signed, |_| {});
    let mut settings = keys(&["a"]);
    settings["signatures"][0]["annotations"] = json!({ "env": "prod" });
    assert_eq!(apart.verdict(&settings), "annotation.mismatch");
}

/// As the host: a log entry need not be there, but one that is there is verified.
#[test]
fn a_log_entry_that_is_there_must_be_right() {
    assert_eq!(World::signed(logged("a")).verdict(&keys(&["a"])), "allow");
    let inside = |change: fn(&mut Value)| {
        move |annotations: &mut Annotations| {
            let text = annotations.get_mut(ENTRY).unwrap();
            let mut entry = serde_json::from_str(text).unwrap();
            change(&mut entry);
            *text = entry.to_string();
        }
    };
    let spoilt = |change: fn(&mut Value)| {
        World::new().and(logged("a"), &json!(null), inside(change)).verdict(&keys(&["a"]))
    };
    let another_time = |e: &mut Value| e["Payload"]["integratedTime"] = json!(1);
    assert_eq!(spoilt(another_time), "logPromise.invalid");
    // Of a log that nobody knows.
    let another_log = |e: &mut Value| e["Payload"]["logID"] = json!("00".repeat(32));
    assert_eq!(spoilt(another_log), "logEntry.absent");
    let no_entry = |annotations: &mut Annotations| {
        annotations.insert(ENTRY.to_owned(), "{".to_owned());
    };
    let unreadable = World::new().and(logged("a"), &json!(null), no_entry);
    assert_eq!(unreadable.verdict(&keys(&["a"])), "logEntry.malformed");
}

/// One that is spoilt harms no other signature by the same key.
#[test]
fn a_spoilt_signature_harms_no_other() {
    let garbled = |annotations: &mut Annotations| {
        annotations.insert(ENTRY.to_owned(), "{}".to_owned());
    };
    let world = World::new().and(logged("a"), &json!(null), garbled).and(
        by("a"),
        &json!({ "n": "2" }),
        |_| {},
    );
    assert_eq!(world.verdict(&keys(&["a"])), "allow");
}
