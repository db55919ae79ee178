//! What this build begins with, and what stands in its place.

use std::{fs, path::Path, sync::Arc};

use countersign::{
    crypto::{hex, sha256},
    time::Time,
};
use countersign_host::trust::{
    Age, Choice, EMBEDDED_SINCE, Embedded, Instance, RepositoryFiles, Store, TrustError, age,
    choose, embedded_since, read_trusted_root, stand_ins, update,
};

use super::{
    tuf::{Tuf, days, now},
    update::{another_root, trusted_root},
};
use crate::scratch::Scratch;

/// A repository of nothing.
struct Nothing;

impl RepositoryFiles for Nothing {
    fn get(&self, _path: &str, _most: u64) -> Result<Option<Vec<u8>>, TrustError> {
        Ok(None)
    }

    fn origin(&self) -> String {
        "nowhere".to_owned()
    }
}

#[test]
fn the_roots_to_begin_with_are_those_of_the_page_beside_them_and_signed() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/trust/roots");
    let page = fs::read_to_string(directory.join("README.md")).unwrap();
    for instance in Instance::known() {
        let file = format!("{}.root.json", instance.name);
        let bytes = fs::read(directory.join(&file)).unwrap();
        assert_eq!(bytes, instance.initial_root.as_bytes());
        let row = page.lines().find(|line| line.contains(&file)).unwrap();
        let version: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let version = version["signed"]["version"].as_u64().unwrap();
        assert!(row.contains(&hex(&sha256(&bytes))) && row.contains(&format!("| {version} |")));
        let mirror = instance.mirror.clone().unwrap();
        assert!(row.contains(mirror.trim_end_matches('/')), "{row}");
        // It is signed by its own keys, or its timestamp would not be asked for.
        let scratch = Scratch::new();
        let store = Store::new(scratch.path());
        let said = update(&store, &instance, Arc::new(Nothing), now()).unwrap_err();
        assert_eq!(said, TrustError::Absent { file: "timestamp.json".to_owned() });
        let mut tampered = instance.clone();
        tampered.initial_root = instance.initial_root.replacen(
            "\"consistent_snapshot\": true",
            "\"consistent_snapshot\": false",
            1,
        );
        assert_ne!(tampered, instance);
        let said = update(&store, &tampered, Arc::new(Nothing), now()).unwrap_err();
        assert!(matches!(said, TrustError::InitialRoot(_)), "{said}");
    }
    assert!(page.contains(EMBEDDED_SINCE));
}

#[test]
fn the_modules_roots_are_as_old_as_their_page_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/trust/roots/README.md");
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains(&format!("taken on {EMBEDDED_SINCE}")), "{page}");
}

#[test]
fn staleness_is_told_by_age_and_by_certificates() {
    let at = |name: &str, day: &str| {
        let embedded = Instance::by_name(name).unwrap().embedded.unwrap();
        let (_, root) = read_trusted_root(embedded.text).unwrap();
        age(&root, embedded_since(), Time::parse_or_date(day).unwrap())
    };
    let year = || "it was taken on 2026-11-21, and is a year old".to_owned();
    assert_eq!(at("public-good", "2026-11-21"), Age::Fresh);
    assert_eq!(at("public-good", "2027-05-24"), Age::Fresh);
    assert_eq!(at("public-good", "2027-05-26"), Age::Soon(year()));
    assert_eq!(at("public-good", "2027-11-21"), Age::Stale(year()));
    let ends = || "the last certificate authority ends at 2027-06-12T00:00:00Z".to_owned();
    assert_eq!(at("github", "2026-12-13"), Age::Fresh);
    assert_eq!(at("github", "2026-12-14"), Age::Soon(ends()));
    assert_eq!(at("github", "2027-03-13"), Age::Soon(ends()));
    assert_eq!(at("github", "2027-03-14"), Age::Stale(ends()));
    let none = "no certificate authority is in use any more".to_owned();
    assert_eq!(at("github", "2027-06-13"), Age::Stale(none));
}

/// The public-good instance, if its root metadata were ours.
fn as_public_good(tuf: &Tuf) -> Instance {
    let embedded = Instance::public_good().embedded;
    let initial_root = tuf.initial(1);
    Instance { name: "public-good".to_owned(), mirror: None, initial_root, embedded }
}

#[test]
fn a_newer_root_on_disk_stands_in_for_the_modules_and_says_so() {
    let scratch = Scratch::new();
    let store = Store::new(scratch.path());
    let tuf = Tuf::new(&trusted_root());
    let instance = as_public_good(&tuf);
    let found = |instance: &Instance, at| {
        let mut remarks = Vec::new();
        let found = stand_ins(&store, std::slice::from_ref(instance), at, &mut remarks);
        (found, remarks)
    };
    assert_eq!(found(&instance, now()), (Vec::new(), Vec::new()));
    assert!(matches!(choose(&store, &instance), Choice::Embedded));

    update(&store, &instance, tuf.files(), now()).unwrap();
    let (newer, remarks) = found(&instance, now());
    let [newer] = newer.as_slice() else { panic!("{newer:?}") };
    assert_eq!((newer.word, remarks.len()), ("embedded", 0));
    let expected = serde_json::from_slice::<serde_json::Value>(&trusted_root()).unwrap();
    assert_eq!(newer.document, expected);
    for part in
        ["the newer one of 2026-11-21T03:00:00Z", "TUF root 1, targets 1", "valid until 2026-11-28"]
    {
        assert!(newer.note.contains(part), "{}", newer.note);
    }
    assert!(!newer.report.stale);

    // Expired: still newer than the module's, and loud.
    let (expired, _) = found(&instance, days(30));
    assert!(expired[0].report.stale);
    assert!(expired[0].note.contains("its timestamp metadata expired at 2026-11-28"));

    // Tampered with: the module's, and loud.
    let mut record = store.load("public-good").unwrap().unwrap();
    record.trusted_root = String::from_utf8(another_root()).unwrap();
    store.save(&store.lock("public-good").unwrap(), &record).unwrap();
    let (none, remarks) = found(&instance, now());
    assert!(none.is_empty() && remarks[0].contains("what is kept cannot be used"), "{remarks:?}");
}

#[test]
fn what_was_kept_before_the_modules_root_was_taken_does_not_count() {
    let scratch = Scratch::new();
    let store = Store::new(scratch.path());
    let tuf = Tuf::new(&trusted_root());
    let instance = as_public_good(&tuf);
    let before = Time::parse("2026-11-20T23:59:59Z").unwrap();
    update(&store, &instance, tuf.files(), before).unwrap();
    let mut remarks = Vec::new();
    assert!(stand_ins(&store, std::slice::from_ref(&instance), now(), &mut remarks).is_empty());
    let expected = "the module's was taken on 2026-11-21, and what is kept is of 2026-11-20";
    assert!(remarks[0].contains(expected), "{remarks:?}");
}

#[test]
fn the_same_root_on_disk_changes_nothing() {
    let scratch = Scratch::new();
    let store = Store::new(scratch.path());
    let Embedded { text, .. } = Instance::public_good().embedded.unwrap();
    let tuf = Tuf::new(text.as_bytes());
    let instance = as_public_good(&tuf);
    update(&store, &instance, tuf.files(), now()).unwrap();
    let mut remarks = Vec::new();
    assert!(stand_ins(&store, std::slice::from_ref(&instance), now(), &mut remarks).is_empty());
    assert!(remarks.is_empty());
    assert!(matches!(choose(&store, &instance), Choice::Kept(_)));
}
