//! TUF: what is accepted, and each attack with its reason.

use std::{sync::Arc, thread, time::Duration};

use countersign::time::Time;
use countersign_host::trust::{
    Instance, Kept, Record, RepositoryFiles, Standing, Store, TrustError, Updated, update,
};
use serde_json::{Value, json};

use super::tuf::{Signers, Tuf, days, key_value, now, sign};
use crate::{scratch::Scratch, sigstore::Sigstore};

/// A trusted root, and another one.
pub(crate) fn trusted_root() -> Vec<u8> {
    Sigstore::new().trusted_root().json()
}

pub(crate) fn another_root() -> Vec<u8> {
    let mut root = Sigstore::new().trusted_root();
    root.tlogs.truncate(1);
    root.json()
}

/// A directory, and the instance `acme` that is kept there.
pub(crate) struct Stage {
    _scratch: Scratch,
    pub(crate) store: Store,
    pub(crate) instance: Instance,
}

pub(crate) fn stage(tuf: &Tuf) -> Stage {
    let scratch = Scratch::new();
    let store = Store::new(scratch.path().join("trust"));
    let instance = Instance::own("acme", tuf.initial(1), None).unwrap();
    Stage { _scratch: scratch, store, instance }
}

impl Stage {
    pub(crate) fn update(&self, tuf: &Tuf, at: Time) -> Result<Updated, TrustError> {
        update(&self.store, &self.instance, tuf.files(), at)
    }

    pub(crate) fn kept(&self) -> Kept {
        let record = self.store.load("acme").unwrap().unwrap();
        Kept::open(&self.instance, record).unwrap()
    }
}

fn versions(kept: &Kept) -> [u64; 4] {
    ["root", "timestamp", "snapshot", "targets"].map(|role| kept.version(role))
}

#[test]
fn a_first_update_keeps_the_trusted_root_and_says_what_of() {
    let tuf = Tuf::new(&trusted_root());
    let stage = stage(&tuf);
    let updated = stage.update(&tuf, now()).unwrap();
    assert!(updated.changed && updated.before.is_empty());
    let kept = stage.kept();
    assert_eq!(versions(&kept), [1, 1, 1, 1]);
    assert_eq!(kept.record.trusted_root.as_bytes(), trusted_root());
    assert_eq!(kept.expires().map(|r| (r.role, r.expires)), Some(("timestamp", days(7))));
    assert_eq!(kept.standing(now()), Standing::Fresh);
    assert_eq!(kept.contents.logs.len(), 2);
    let copy = std::fs::read(stage.store.copy("acme")).unwrap();
    assert_eq!(copy, trusted_root());
}

#[test]
fn newer_metadata_takes_the_place_of_older() {
    let mut tuf = Tuf::new(&trusted_root());
    let stage = stage(&tuf);
    stage.update(&tuf, now()).unwrap();
    // The same again.
    assert!(!stage.update(&tuf, days(1)).unwrap().changed);
    assert_eq!(stage.kept().updated, days(1));
    tuf.advance(&another_root());
    let updated = stage.update(&tuf, days(2)).unwrap();
    assert!(updated.changed);
    assert_eq!(updated.before.len(), 4);
    assert_eq!(versions(&stage.kept()), [1, 2, 2, 2]);
    assert_eq!(stage.kept().record.trusted_root.as_bytes(), another_root());
}

#[test]
fn repositories_without_consistent_snapshots_and_with_hashes_are_read_too() {
    for (consistent, pins) in [(false, false), (false, true), (true, true)] {
        let mut tuf = Tuf { consistent, pins, ..Tuf::unpublished(&trusted_root()) };
        tuf.publish_root(None);
        tuf.publish();
        let stage = stage(&tuf);
        stage.update(&tuf, now()).unwrap();
        tuf.advance(&another_root());
        stage.update(&tuf, days(1)).unwrap();
        assert_eq!(stage.kept().record.trusted_root.as_bytes(), another_root());
    }
}

#[test]
fn keys_are_changed_over_many_versions() {
    let mut tuf = Tuf::new(&trusted_root());
    let stage = stage(&tuf);
    for n in 0..40 {
        // Two of three stay each time, as people leave and join.
        let name = |i: u32| format!("root-{}", n + i);
        let names = [name(0), name(1), name(2)];
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        tuf.rotate("root", Signers::new(&names, 2));
    }
    tuf.rotate("timestamp", Signers::new(&["another-online"], 1));
    tuf.advance(&another_root());
    stage.update(&tuf, now()).unwrap();
    let kept = stage.kept();
    assert_eq!(versions(&kept), [42, 2, 2, 2]);
    assert_eq!(kept.record.roots.len(), 42);
}

#[test]
fn the_chain_of_root_metadata_has_a_limit_and_goes_on_from_there() {
    let mut tuf = Tuf::new(&trusted_root());
    let stage = stage(&tuf);
    stage.update(&tuf, now()).unwrap();
    for _ in 0..300 {
        tuf.rotate("root", tuf.roles["root"].clone());
    }
    let error = stage.update(&tuf, now()).unwrap_err();
    assert!(matches!(error, TrustError::TooMany { most: 256, .. }), "{error}");
    stage.update(&tuf, now()).unwrap();
    assert_eq!(stage.kept().version("root"), 301);
}

/// What a mirror did, and what is said of it.
struct Attack {
    name: &'static str,
    does: fn(&mut Tuf),
    says: &'static str,
}

const ATTACKS: &[Attack] = &[
    Attack {
        name: "the trusted root is another",
        does: |tuf| {
            tuf.put(&tuf.target(), b"another".to_vec());
        },
        says: "mix-and-match: trusted_root.json: length",
    },
    Attack {
        name: "the trusted root is another of the same length",
        does: |tuf| {
            tuf.tamper(&tuf.target(), "rekor", "Rekor");
        },
        says: "sha256 mismatch",
    },
    Attack {
        name: "targets are changed",
        does: |tuf| {
            let name = tuf.named("targets");
            tuf.tamper(&name, "\"spec_version\": \"1.0.31\"", "\"spec_version\": \"1.0.32\"");
        },
        says: "the targets metadata has 0 good signatures of the 2 that it needs",
    },
    Attack {
        name: "targets are signed by one of two",
        does: |tuf| {
            let mut signers = tuf.roles["targets"].clone();
            signers.threshold = 1;
            let metadata = tuf.targets_metadata();
            let signed = Tuf { roles: [("targets", signers)].into(), ..tuf.clone() };
            tuf.put(&tuf.named("targets"), signed.signed("targets", &metadata));
        },
        says: "the targets metadata has 1 good signatures of the 2 that it needs",
    },
    Attack {
        name: "targets are signed by the key that is online",
        does: |tuf| {
            let roles = [("targets", tuf.roles["snapshot"].clone())].into();
            let signed = Tuf { roles, ..tuf.clone() };
            tuf.put(&tuf.named("targets"), signed.signed("targets", &tuf.targets_metadata()));
        },
        says: "the targets metadata has 0 good signatures",
    },
    Attack {
        name: "a timestamp of nobody",
        does: |tuf| {
            let roles = [("timestamp", Signers::new(&["mallory"], 1))].into();
            let signed = Tuf { roles, ..tuf.clone() };
            let meta = json!({ "meta": { "snapshot.json": { "version": 1 } } });
            tuf.put("timestamp.json", signed.signed("timestamp", &meta));
        },
        says: "the timestamp metadata has 0 good signatures of the 1",
    },
    Attack {
        name: "an expired timestamp",
        does: |tuf| {
            tuf.expires.insert("timestamp", days(-1));
            tuf.publish();
        },
        says: "freeze: the timestamp metadata expired at 2026-11-20T03:00:00Z",
    },
    Attack {
        name: "an expired snapshot",
        does: |tuf| {
            tuf.expires.insert("snapshot", days(-1));
            tuf.publish();
        },
        says: "freeze: the snapshot metadata expired",
    },
    Attack {
        name: "expired targets",
        does: |tuf| {
            tuf.expires.insert("targets", days(-1));
            tuf.publish();
        },
        says: "freeze: the targets metadata expired",
    },
    Attack {
        name: "an expired root",
        does: |tuf| {
            tuf.expires.insert("root", days(-1));
            tuf.rotate("root", tuf.roles["root"].clone());
        },
        says: "freeze: the root metadata expired",
    },
    Attack {
        name: "a snapshot of another version than the timestamp's",
        does: |tuf| {
            let mut other = tuf.fork();
            other.advance(&another_root());
            tuf.put(&tuf.named("snapshot"), other.file(&other.named("snapshot")).unwrap());
        },
        says: "mix-and-match: snapshot version 2 does not match timestamp pin 1",
    },
    Attack {
        name: "targets of another version than the snapshot's",
        does: |tuf| {
            let mut other = tuf.fork();
            other.advance(&another_root());
            tuf.put(&tuf.named("targets"), other.file(&other.named("targets")).unwrap());
        },
        says: "mix-and-match: targets.json version 2 does not match snapshot pin 1",
    },
    Attack {
        name: "targets that the hash in the snapshot is not of",
        does: |tuf| {
            tuf.pins = true;
            tuf.publish();
            tuf.tamper(&tuf.named("targets"), "1.0.31", "1.0.32");
        },
        says: "mix-and-match: targets.json: sha256 mismatch",
    },
    Attack {
        name: "root metadata that its predecessor's keys have not signed",
        does: |tuf| {
            tuf.roles.insert("root", Signers::new(&["mallory", "m2", "m3"], 2));
            tuf.versions.insert("root", 2);
            tuf.publish_root(None);
        },
        says: "the root metadata has 0 good signatures of the 2",
    },
    Attack {
        name: "root metadata that its own keys have not signed",
        does: |tuf| {
            let before = tuf.roles["root"].clone();
            tuf.roles.insert("root", Signers::new(&["x", "y", "z"], 2));
            tuf.versions.insert("root", 2);
            tuf.put("2.root.json", sign(&tuf.root(), &[&before]));
        },
        says: "the root metadata has 0 good signatures of the 2",
    },
    Attack {
        name: "root metadata of the version before under the next name",
        does: |tuf| {
            let first = tuf.file("1.root.json").unwrap();
            tuf.put("2.root.json", first);
        },
        says: "rollback: root is of version 1, and version 1 was seen before",
    },
    Attack {
        name: "root metadata that leaves out a version",
        does: |tuf| {
            tuf.versions.insert("root", 3);
            let before = tuf.roles["root"].clone();
            tuf.publish_root(Some(&before));
            tuf.put("2.root.json", tuf.file("3.root.json").unwrap());
        },
        says: "it says that it is version 3, and follows version 1",
    },
    Attack {
        name: "one root key under two names",
        does: |tuf| {
            let mut signers = tuf.roles["root"].clone();
            let (_, key) = signers.keys[0].clone();
            signers.keys = vec![("one".to_owned(), key.clone()), ("two".to_owned(), key)];
            tuf.rotate("root", signers);
        },
        says: "the root metadata names one key of role root twice",
    },
    Attack {
        name: "a role that needs no signature",
        does: |tuf| {
            let mut signers = tuf.roles["timestamp"].clone();
            signers.threshold = 0;
            tuf.rotate("timestamp", signers);
            tuf.publish();
        },
        says: "signature threshold 0",
    },
    Attack {
        name: "a timestamp without end",
        does: |tuf| tuf.put("timestamp.json", vec![b' '; 17_000]),
        says: "`timestamp.json` of the repository has more than 16384 bytes",
    },
    Attack {
        name: "root metadata without end",
        does: |tuf| tuf.put("2.root.json", vec![b' '; 600_000]),
        says: "`2.root.json` of the repository has more than 512000 bytes",
    },
    Attack {
        name: "a trusted root without end",
        does: |tuf| tuf.advance(&vec![b' '; (1 << 20) + 1]),
        says: "`trusted_root.json` of the repository has more than 1048576 bytes",
    },
    Attack {
        name: "a timestamp that is no JSON",
        does: |tuf| tuf.put("timestamp.json", "<html>"),
        says: "`timestamp.json` of the repository: failed to parse JSON",
    },
    Attack {
        name: "metadata of another role",
        does: |tuf| tuf.put("timestamp.json", tuf.file("1.snapshot.json").unwrap()),
        says: "expected _type \"timestamp\", found \"snapshot\"",
    },
    Attack {
        name: "no snapshot",
        does: |tuf| tuf.remove(&tuf.named("snapshot")),
        says: "the repository has no `1.snapshot.json`",
    },
    Attack {
        name: "no timestamp",
        does: |tuf| tuf.remove("timestamp.json"),
        says: "the repository has no `timestamp.json`",
    },
    Attack {
        name: "a hash that leads out of the repository",
        does: |tuf| {
            let target = tuf.targets["trusted_root.json"].len();
            let metadata = json!({ "targets": { "trusted_root.json": { "length": target,
                "hashes": { "sha256": "../../../secret" } } } });
            tuf.put(&tuf.named("targets"), tuf.signed("targets", &metadata));
        },
        says: "a path that leads out of the repository",
    },
    Attack {
        name: "a target without a hash that is known",
        does: |tuf| {
            let target = tuf.targets["trusted_root.json"].len();
            let metadata = json!({ "targets": { "trusted_root.json": { "length": target,
                "hashes": { "md5": "00" } } } });
            tuf.put(&tuf.named("targets"), tuf.signed("targets", &metadata));
            tuf.put("targets/00.trusted_root.json", trusted_root());
        },
        says: "no supported hash algorithm",
    },
    Attack {
        name: "no trusted root, but keys one by one",
        does: |tuf| {
            tuf.targets = [("fulcio.crt.pem".to_owned(), b"x".to_vec())].into();
            tuf.publish();
        },
        says: "the repository has no `trusted_root.json`; it lists `fulcio.crt.pem`. Repositories \
               of the older layout",
    },
    Attack {
        name: "a trusted root that no policy can use",
        does: |tuf| tuf.advance(b"{\"mediaType\":\"application/json\"}"),
        says: "signed, and this build cannot use it: /mediaType: `application/json` is not the \
               media type",
    },
    Attack {
        name: "a trusted root with a member twice",
        does: |tuf| tuf.advance(b"{\"tlogs\":[],\"tlogs\":[]}"),
        says: "signed, and this build cannot use it",
    },
];

#[test]
fn each_attack_is_refused_with_its_reason_and_nothing_is_kept() {
    for attack in ATTACKS {
        let mut tuf = Tuf::new(&trusted_root());
        let stage = stage(&tuf);
        (attack.does)(&mut tuf);
        let said = stage.update(&tuf, now()).unwrap_err().to_string();
        assert!(said.contains(attack.says), "{}: {said}", attack.name);
        assert_eq!(stage.store.load("acme"), Ok(None), "{}", attack.name);
    }
}

#[test]
fn each_attack_on_an_update_leaves_what_was_kept() {
    let mut refused = 0;
    for attack in ATTACKS {
        let mut tuf = Tuf::new(&trusted_root());
        let stage = stage(&tuf);
        stage.update(&tuf, now()).unwrap();
        // The attack is on the next state: what does not change is not read again.
        tuf.advance(&another_root());
        let before = stage.kept();
        let mut bad = tuf.fork();
        (attack.does)(&mut bad);
        let error = stage.update(&bad, now()).expect_err(attack.name);
        refused += 1;
        let after = stage.kept();
        assert_eq!(after.record.trusted_root, before.record.trusted_root, "{}", attack.name);
        assert_eq!(after.record.metadata, before.record.metadata, "{}", attack.name);
        assert_eq!(after.record.failure, Some(error.to_string()), "{}", attack.name);
        assert_eq!(after.updated, now());
        // And a mirror that was mended is believed again.
        let mended = stage.update(&tuf, now());
        let rotated = after.record.roots.len() > 1;
        assert!(mended.is_ok() || rotated, "{}: {mended:?}", attack.name);
    }
    assert_eq!(refused, ATTACKS.len());
}

#[test]
fn older_metadata_than_what_is_kept_is_a_rollback() {
    let first = Tuf::new(&trusted_root());
    let stage = stage(&first);
    let mut second = first.fork();
    second.advance(&another_root());
    stage.update(&second, now()).unwrap();
    let said = stage.update(&first, now()).unwrap_err();
    let expected = TrustError::RolledBack { role: "timestamp".to_owned(), kept: 2, offered: 1 };
    assert_eq!(said, expected);
    assert!(said.to_string().starts_with("rollback: timestamp is of version 1, and version 2"));
    // A newer timestamp that names an older snapshot.
    let mut third = first.fork();
    third.versions.insert("timestamp", 3);
    third.publish();
    let said = stage.update(&third, now()).unwrap_err().to_string();
    assert!(said.contains("snapshot (via timestamp) is of version 1, and version 2"), "{said}");
    // A newer snapshot that names older targets.
    third.versions.insert("snapshot", 3);
    third.publish();
    let said = stage.update(&third, now()).unwrap_err().to_string();
    assert!(said.contains("targets.json (via snapshot) is of version 1, and version 2"), "{said}");
    assert_eq!(stage.kept().record.trusted_root.as_bytes(), another_root());
}

#[test]
fn older_metadata_stays_a_rollback_when_what_is_kept_has_expired() {
    let first = Tuf::new(&trusted_root());
    let stage = stage(&first);
    let mut second = first.fork();
    second.advance(&another_root());
    stage.update(&second, now()).unwrap();
    let mut fresh = first.fork();
    for role in ["timestamp", "snapshot", "targets", "root"] {
        fresh.expires.insert(role, days(400));
    }
    fresh.publish();
    let said = stage.update(&fresh, days(60)).unwrap_err();
    assert!(matches!(said, TrustError::RolledBack { kept: 2, offered: 1, .. }), "{said}");
}

#[test]
fn a_mirror_that_stands_still_is_a_freeze_once_its_timestamp_expires() {
    let tuf = Tuf::new(&trusted_root());
    let stage = stage(&tuf);
    stage.update(&tuf, now()).unwrap();
    stage.update(&tuf, days(7)).unwrap();
    let later = Time::from_unix(days(7).unix() + 1);
    let said = stage.update(&tuf, later).unwrap_err();
    assert!(said.to_string().starts_with("freeze: the timestamp metadata expired at 2026-11-28"));
    let kept = stage.kept();
    assert_eq!(kept.updated, days(7));
    assert_eq!(kept.standing(later), Standing::Expired { role: "timestamp", at: days(7) });
    let stale = kept.standing(days(6));
    assert!(matches!(stale, Standing::Stale { since, .. } if since == days(7)), "{stale:?}");
}

#[test]
fn a_key_that_was_withdrawn_signs_nothing_any_more() {
    let mut tuf = Tuf::new(&trusted_root());
    let stage = stage(&tuf);
    stage.update(&tuf, now()).unwrap();
    // Somebody has the online key, and makes the newest of all timestamps with it.
    let mut stolen = tuf.fork();
    for role in ["timestamp", "snapshot"] {
        stolen.versions.insert(role, 1_000_000);
    }
    stolen.publish();
    stage.update(&stolen, now()).unwrap();
    // The repository gets another key, and begins where it was: no rollback, but a recovery.
    let other = Signers::new(&["another-online"], 1);
    tuf.rotate("timestamp", other.clone());
    tuf.rotate("snapshot", other);
    tuf.advance(&another_root());
    stage.update(&tuf, now()).unwrap();
    assert_eq!(versions(&stage.kept()), [3, 2, 2, 2]);
    // A mirror that goes on with the stolen key has nothing that counts.
    let said = stage.update(&stolen, now()).unwrap_err().to_string();
    assert!(said.contains("the timestamp metadata has 0 good signatures"), "{said}");
}

#[test]
fn root_metadata_is_learned_even_where_the_rest_fails() {
    let mut tuf = Tuf::new(&trusted_root());
    let stage = stage(&tuf);
    stage.update(&tuf, now()).unwrap();
    let old = tuf.fork();
    tuf.rotate("timestamp", Signers::new(&["another-online"], 1));
    tuf.remove("timestamp.json");
    let said = stage.update(&tuf, days(1)).unwrap_err();
    assert_eq!(said, TrustError::Absent { file: "timestamp.json".to_owned() });
    // The last good state is readable, under the root that it was accepted with.
    let kept = stage.kept();
    assert_eq!((kept.version("root"), kept.record.roots.len()), (1, 2));
    // But the old key is of no more use, whatever a mirror leaves out.
    let said = stage.update(&old, days(2)).unwrap_err();
    assert!(matches!(said, TrustError::Unsigned { .. }), "{said}");
}

#[test]
fn a_root_that_is_not_good_by_itself_begins_nothing() {
    let tuf = Tuf::new(&trusted_root());
    let bad = tuf.initial(1).replace("1.0.31", "1.0.32");
    let shared = {
        let signers = tuf.roles["root"].clone();
        let (_, key) = &signers.keys[0];
        let mut root: Value = serde_json::from_str(&tuf.initial(1)).unwrap();
        root["signed"]["keys"]["again"] = key_value(key);
        root["signed"]["roles"]["root"]["keyids"].as_array_mut().unwrap().push(json!("again"));
        root.to_string()
    };
    for (root, says) in [
        (bad, "the root metadata to begin with is no good: signature threshold not met"),
        ("{}".to_owned(), "the root metadata to begin with is no good"),
        (String::new(), "the root metadata to begin with is no good"),
        (shared, "names one key of role root twice"),
    ] {
        let stage = stage(&tuf);
        let instance = Instance::own("acme", root, None).unwrap();
        let said = update(&stage.store, &instance, tuf.files(), now()).unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn another_repository_does_not_take_the_name_of_the_first() {
    let tuf = Tuf::new(&trusted_root());
    let stage = stage(&tuf);
    stage.update(&tuf, now()).unwrap();
    let mut other = Tuf::unpublished(&another_root());
    other.roles.insert("root", Signers::new(&["x", "y"], 1));
    other.publish_root(None);
    other.publish();
    let instance = Instance::own("acme", other.initial(1), None).unwrap();
    let said = update(&stage.store, &instance, other.files(), now()).unwrap_err().to_string();
    assert!(said.contains("is kept already, and began with other root metadata"), "{said}");
    for name in ["public-good", "github", "staging"] {
        assert!(Instance::own(name, other.initial(1), None).is_err(), "{name}");
    }
    for name in ["", ".", "..", "a/b", "../x", "A", "-a", &"a".repeat(64)] {
        assert!(Instance::own(name, other.initial(1), None).is_err(), "{name}");
        assert!(stage.store.load(name).is_err(), "{name}");
    }
}

#[test]
fn what_is_on_disk_is_believed_by_its_signatures_alone() {
    let tuf = Tuf::new(&trusted_root());
    let stage = stage(&tuf);
    stage.update(&tuf, now()).unwrap();
    let good = stage.store.load("acme").unwrap().unwrap();
    let tampered = |change: &dyn Fn(&mut Record)| {
        let mut record = good.clone();
        change(&mut record);
        Kept::open(&stage.instance, record)
    };
    assert!(tampered(&|_| {}).is_ok());
    let other = String::from_utf8(another_root()).unwrap();
    let mut stranger = Tuf::unpublished(&another_root());
    for role in ["root", "timestamp", "snapshot", "targets"] {
        stranger.roles.insert(role, Signers::new(&["mallory"], 1));
    }
    stranger.publish_root(None);
    stranger.publish();
    let theirs = |path: &str| String::from_utf8(stranger.file(path).unwrap()).unwrap();
    let metadata = ["timestamp.json", "snapshot.json", "targets.json"].map(|name| {
        let path = if name == "timestamp.json" { name.to_owned() } else { format!("1.{name}") };
        (name.to_owned(), theirs(&path))
    });
    type Change<'a> = Box<dyn Fn(&mut Record) + 'a>;
    let changes: [(&str, Change<'_>); 4] = [
        ("the trusted root", Box::new(|r| r.trusted_root.clone_from(&other))),
        (
            "everything but the root",
            Box::new(|r| {
                r.metadata = metadata.clone().into();
                r.trusted_root.clone_from(&other);
            }),
        ),
        ("a role", Box::new(|r| drop(r.metadata.remove("targets.json")))),
        ("the time", Box::new(|r| r.updated = "yesterday".to_owned())),
    ];
    for (name, change) in changes {
        assert!(tampered(&*change).is_err(), "{name}");
    }
    // A state that was cut off, or is of another instance.
    let state = stage.store.directory().join("acme/state.json");
    let whole = std::fs::read(&state).unwrap();
    std::fs::write(&state, &whole[..whole.len() / 2]).unwrap();
    let said = stage.store.load("acme").unwrap_err().to_string();
    assert!(said.contains("is no state of an instance") && said.contains("remove it"), "{said}");
    let renamed = stage.store.directory().join("other");
    std::fs::create_dir_all(&renamed).unwrap();
    std::fs::write(renamed.join("state.json"), &whole).unwrap();
    assert!(stage.store.load("other").is_err());
}

#[test]
fn two_processes_do_not_write_at_once_and_readers_see_one_state() {
    let tuf = Tuf::new(&trusted_root());
    let stage = stage(&tuf);
    let impatient = stage.store.clone().patient_for(Duration::ZERO);
    let lock = stage.store.lock("acme").unwrap();
    let said = update(&impatient, &stage.instance, tuf.files(), now()).unwrap_err();
    assert!(matches!(said, TrustError::Busy { .. }) && said.is_transient(), "{said}");
    let waiting = {
        let (store, instance, files) = (stage.store.clone(), stage.instance.clone(), tuf.files());
        thread::spawn(move || update(&store, &instance, files, now()).map(|u| u.changed))
    };
    thread::sleep(Duration::from_millis(120));
    assert_eq!(stage.store.load("acme"), Ok(None));
    drop(lock);
    assert_eq!(waiting.join().unwrap(), Ok(true));
    let left: Vec<_> = std::fs::read_dir(stage.store.directory().join("acme"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

/// Files that cannot be had, after those that can.
struct Failing(Arc<dyn RepositoryFiles>, &'static str);

impl RepositoryFiles for Failing {
    fn get(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, TrustError> {
        if path == self.1 {
            let why = "the server says 503".to_owned();
            return Err(TrustError::Unavailable { file: path.to_owned(), why });
        }
        self.0.get(path, most)
    }

    fn origin(&self) -> String {
        "failing".to_owned()
    }
}

#[test]
fn what_does_not_answer_is_not_what_is_not_there() {
    let tuf = Tuf::new(&trusted_root());
    let stage = stage(&tuf);
    // Not "there is no newer root".
    for path in ["2.root.json", "timestamp.json", "1.targets.json"] {
        let files = Arc::new(Failing(tuf.files(), path));
        let said = update(&stage.store, &stage.instance, files, now()).unwrap_err();
        assert!(matches!(&said, TrustError::Unavailable { file, .. } if file == path), "{said}");
        assert!(said.is_transient());
    }
}

#[test]
fn every_bit_of_the_metadata_counts() {
    let tuf = Tuf::new(&trusted_root());
    let stage = stage(&tuf);
    for path in ["timestamp.json", "1.snapshot.json", "1.targets.json", "1.root.json"] {
        let good = tuf.file(path).unwrap();
        let signed = {
            let text = String::from_utf8(good.clone()).unwrap();
            let from = text.find("\"signed\"").unwrap();
            from..text.len()
        };
        for at in signed.step_by(37) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let (old, new) = (parse(&good), parse(&bad));
            if new.is_some() && old == new {
                continue;
            }
            let other = tuf.fork();
            other.put(path, bad.clone());
            let instance = match path {
                "1.root.json" => {
                    let Ok(text) = String::from_utf8(bad) else { continue };
                    Instance::own("acme", text, None).unwrap()
                }
                _ => stage.instance.clone(),
            };
            let result = update(&stage.store, &instance, other.files(), now());
            assert!(result.is_err(), "{path} at {at}");
        }
    }
    assert_eq!(stage.store.load("acme"), Ok(None));
}

/// What a signature is over.
fn parse(metadata: &[u8]) -> Option<Value> {
    let value: Value = serde_json::from_slice(metadata).ok()?;
    Some(value["signed"].clone())
}
