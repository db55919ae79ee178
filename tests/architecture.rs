//! The rooms of `src/` and who may know whom, by reading the source.
#![allow(clippy::disallowed_methods, reason = "the core reads no files; tests of it do")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A room and the rooms that it may name, tests aside. A room may always name itself.
///
/// Bottom up: leaves that know nobody; formats that trust nobody; whom to trust; how one signature
/// is verified; what the user wants; what is found; the decision.
const ROOMS: &[(&str, &[&str])] = &[
    // Leaves.
    ("glob", &[]),
    ("json", &[]),
    ("pem", &[]),
    ("time", &[]),
    ("crypto", &["pem"]),
    ("reference", &["crypto"]),
    // Formats: bytes to types, and no opinion.
    ("x509", &["crypto", "pem", "time"]),
    ("envelope", &["attestation", "crypto", "json", "reference", "time"]),
    ("attestation", &["crypto", "json", "reference"]),
    ("revocation", &["crypto", "time", "x509"]),
    ("timestamp", &["crypto", "time", "x509"]),
    ("transparency", &["crypto", "json", "pem", "x509"]),
    // Words for people and for hosts. A verdict's nodes are part of the wire.
    ("verdict", &["wire"]),
    ("wire", &["evidence", "json", "verdict"]),
    ("evidence", &["reference", "verdict", "wire"]),
    ("pack", &["json", "reference", "wire"]),
    // What an attestation says.
    ("predicate", &["glob", "json", "reference", "time", "verdict"]),
    // Whom to believe.
    ("trust", &["crypto", "time", "x509"]),
    // What the user wants. It holds the authorities that verification reads, and the kinds that
    // admission does.
    (
        "policy",
        &[
            "admission",
            "attestation",
            "crypto",
            "glob",
            "json",
            "predicate",
            "reference",
            "time",
            "trust",
            "verdict",
            "verify",
            "wire",
            "x509",
        ],
    ),
    // The order of a specification's steps.
    (
        "verify",
        &[
            "attestation",
            "crypto",
            "envelope",
            "json",
            "policy",
            "reference",
            "time",
            "revocation",
            "timestamp",
            "transparency",
            "trust",
            "verdict",
            "wire",
            "x509",
        ],
    ),
    // Where candidates are.
    ("discovery", &["envelope", "evidence", "json", "reference", "verdict"]),
    // Kubernetes.
    ("admission", &["verdict", "wire"]),
    // The only room that knows all the others, but for Kubernetes.
    (
        "evaluate",
        &[
            "attestation",
            "crypto",
            "discovery",
            "envelope",
            "evidence",
            "json",
            "policy",
            "predicate",
            "reference",
            "revocation",
            "time",
            "verdict",
            "verify",
            "wire",
        ],
    ),
];

/// Pairs that know each other. Each is a debt with a reason, and one that is gone fails the test.
const KNOW_EACH_OTHER: &[(&str, &str, &str)] = &[
    (
        "evidence",
        "wire",
        "a step request carries the budget; evidence is read from the wire's items",
    ),
    (
        "policy",
        "verify",
        "authorities are what policy parses and verify reads: Notation's are defined in verify, \
         Cosign's, with Sigstore's instances and identities, in policy",
    ),
    ("verdict", "wire", "the explanation's nodes are wire types that carry reasons"),
];

const MOST_LINES: usize = 800;

struct Source {
    path: PathBuf,
    room: String,
    /// Without comments, strings' contents aside, and without the inline tests at the end.
    code: String,
    lines: usize,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name != "tests.rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let inline = text.find("#[cfg(test)]\nmod tests {");
            let text = &text[..inline.unwrap_or(text.len())];
            let code: Vec<_> =
                text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
            let relative = path.strip_prefix(&root).unwrap();
            let first = relative.components().next().unwrap().as_os_str();
            let room = first.to_str().unwrap().trim_end_matches(".rs").to_owned();
            Source { room, code: code.join("\n"), lines: text.lines().count(), path }
        })
        .collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// The first segment of every path after `crate::`, through the braces of `use crate::{…}`.
fn named_rooms(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        // `$crate::` and `some_crate::` are other things.
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(members(list)),
            None => {
                found.insert(identifier(rest));
            }
        }
    }
    found
}

/// The first identifiers of the members of a brace list, at its outermost level.
fn members(list: &str) -> Vec<String> {
    let (mut depth, mut start, mut members) = (0_usize, 0, Vec::new());
    for (i, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(identifier(&list[start..i]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(identifier(&list[start..i]));
                start = i + 1;
            }
            _ => {}
        }
    }
    members.retain(|name| !name.is_empty());
    members
}

fn identifier(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn edges() -> BTreeMap<String, BTreeSet<String>> {
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources().iter().filter(|s| s.room != "lib") {
        let named = edges.entry(source.room.clone()).or_default();
        named.extend(named_rooms(&source.code));
        named.remove(&source.room);
    }
    edges
}

#[test]
fn rooms_know_only_whom_they_may() {
    let allowed: BTreeMap<_, _> = ROOMS.iter().copied().collect();
    let mut wrong = Vec::new();
    let edges = edges();
    for (room, named) in &edges {
        let Some(allowed) = allowed.get(room.as_str()) else {
            wrong.push(format!("{room} is not in the table"));
            continue;
        };
        for name in named {
            if !allowed.contains(&name.as_str()) {
                wrong.push(format!("{room} may not know {name}"));
            }
        }
        for name in *allowed {
            if !named.contains(*name) {
                wrong.push(format!("{room} does not know {name}: take it off the table"));
            }
        }
    }
    for room in allowed.keys().filter(|room| !edges.contains_key(**room)) {
        wrong.push(format!("no room {room}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rooms_that_know_each_other_are_named() {
    let edges = edges();
    let mut found = BTreeSet::new();
    for (room, named) in &edges {
        for name in named {
            if room < name && edges.get(name).is_some_and(|back| back.contains(room)) {
                found.insert((room.as_str(), name.as_str()));
            }
        }
    }
    let listed: BTreeSet<_> = KNOW_EACH_OTHER.iter().map(|(a, b, _)| (*a, *b)).collect();
    assert_eq!(found, listed);
}

#[test]
fn nobody_below_the_decision_knows_of_it_or_of_kubernetes() {
    for (room, named) in edges() {
        assert!(!named.contains("evaluate"), "{room} knows evaluate");
        // The policy names kinds, and where they keep their images.
        if room != "policy" {
            assert!(!named.contains("admission"), "{room} knows admission");
        }
        if room != "evaluate" {
            assert!(!named.contains("discovery"), "{room} knows discovery");
        }
    }
}

#[test]
fn only_crypto_calls_primitives() {
    for source in sources().iter().filter(|s| s.room != "crypto") {
        // Structures of PKCS #1 are DER, not a primitive.
        let code = source.code.replace("rsa::pkcs1::", "");
        for primitive in
            ["p256::", "p384::", "p521::", "rsa::", "sha1::", "sha2::", "ed25519_dalek"]
        {
            assert!(!code.contains(primitive), "{} names {primitive}", source.path.display());
        }
    }
}

/// ADR 0013.
#[test]
fn only_ocsp_names_by_sha_1() {
    for source in sources().iter().filter(|s| s.room != "crypto" && s.room != "revocation") {
        assert!(!source.code.contains("sha1_name"), "{}", source.path.display());
    }
}

#[test]
fn the_core_is_pure() {
    for source in sources() {
        for impure in [
            "std::env",
            "std::fs",
            "std::io",
            "std::net",
            "std::process",
            "std::thread",
            "Instant",
            "SystemTime",
            "HashMap",
            "HashSet",
            "println!",
            "static mut",
            "thread_local!",
        ] {
            assert!(!source.code.contains(impure), "{} names {impure}", source.path.display());
        }
        let code = source.code.replace("forbid(unsafe_code)", "");
        assert!(!code.contains("unsafe"), "{}", source.path.display());
    }
    let root =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    assert!(root.contains("#![forbid(unsafe_code)]"));
}

#[test]
fn files_stay_small() {
    for source in sources() {
        assert!(
            source.lines <= MOST_LINES,
            "{} has {} lines without its tests",
            source.path.display(),
            source.lines
        );
    }
}

#[test]
fn no_room_is_for_odds_and_ends() {
    for source in sources() {
        for name in ["common", "helpers", "misc", "types", "util", "utils"] {
            let stem = source.path.file_stem().and_then(|s| s.to_str());
            assert!(stem != Some(name) && source.room != name, "{}", source.path.display());
        }
    }
}

/// Every numbered requirement of Notation has a row, and every test that a row names is there.
#[test]
fn the_page_of_specifications_is_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/specs.md")).unwrap();
    for number in 1..=119 {
        let rows = page.matches(&format!("\n| {number} | ")).count();
        assert_eq!(rows, 1, "rows of requirement {number}");
    }
    let mut files = Vec::new();
    for directory in ["src", "tests", "host-shim/tests"] {
        collect(&root.join(directory), &mut files);
    }
    let mut missing = BTreeSet::new();
    // The odd parts between backticks are code.
    for name in page.split('`').skip(1).step_by(2) {
        let Some((file, function)) = name.split_once("::") else {
            continue;
        };
        let found = files.iter().any(|path| {
            let stem = path.file_stem().and_then(|s| s.to_str());
            let parent = path.parent().and_then(Path::file_name).and_then(|s| s.to_str());
            (stem == Some(file) || parent == Some(file))
                && fs::read_to_string(path).unwrap().contains(&format!("fn {function}("))
        });
        if !found {
            missing.insert(name);
        }
    }
    assert!(missing.is_empty(), "no such tests: {missing:?}");
    for (at, _) in page.match_indices(".rs") {
        let start = page[..at].rfind([' ', '`', '|', '(']).map_or(0, |i| i + 1);
        let path = &page[start..at + ".rs".len()];
        assert!(root.join("src").join(path).is_file() || root.join(path).is_file(), "no {path}");
    }
}

/// `validUntil` is right because the time of a decision is compared by [`countersign::time::Now`], which remembers with
/// what. Whoever takes the time out of it says here why that is forgotten nowhere.
#[test]
fn the_time_of_a_decision_is_compared_in_one_place() {
    const TAKEN: &[(&str, usize, &str)] = &[
        ("evaluate/attestation.rs", 1, "words"),
        ("evaluate/condition.rs", 1, "unwatched: CEL may do anything with it"),
        ("predicate/vulnerabilities.rs", 1, "the age of a database, which is watched"),
        ("verify/cosign/signer.rs", 1, "a path at this time, whose certificates are watched"),
        (
            "verify/cosign/signer/pinned.rs",
            1,
            "a path at this time, whose certificates are watched",
        ),
        ("verify/notation/finding.rs", 2, "a chain at this time, which is watched; words"),
        ("verify/sigstore.rs", 1, "words"),
        ("verify/sigstore/log.rs", 1, "logs in use at this time, which are watched"),
    ];
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&source, &mut files);
    let mut found = BTreeMap::new();
    for path in files {
        let name = path.strip_prefix(&source).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let count = text.matches("now.time()").count() + text.matches("now.unwatched()").count();
        if count > 0 {
            found.insert(name, count);
        }
    }
    let expected: BTreeMap<_, _> = TAKEN.iter().map(|(f, n, _)| ((*f).to_owned(), *n)).collect();
    assert_eq!(found, expected);
}

#[test]
fn paths_are_read_through_braces() {
    let code = "use crate::{\n    a::{self, b},\n    c,\n    d::e::F,\n};\nlet x = crate::g::H; my_crate::i; $crate::j";
    let expected: BTreeSet<_> = ["a", "c", "d", "g"].map(str::to_owned).into();
    assert_eq!(named_rooms(code), expected);
}
