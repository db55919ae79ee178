//! The trusted roots that the module carries: whole, as their source has them, and not stale.
//!
//! Staleness is judged at `COUNTERSIGN_TODAY` (`2027-01-31`), or today.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the core reads no files and has no clock; tests of it do"
)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use countersign::{
    crypto::{hex, sha256},
    policy::{self, Policy},
    time::Time,
    trust::sigstore::{Authority, GITHUB, Log, PUBLIC_GOOD, Period, STAGING, TrustedRoot},
};
use serde_json::{Value, json};

/// One of the roots.
struct Embedded {
    /// The policy's word for it.
    word: &'static str,
    file: &'static str,
    text: &'static str,
    sha256: &'static str,
    /// File and hash in the crate.
    source: (&'static str, &'static str),
    /// Certificate authorities, certificate-transparency logs, logs, timestamp authorities.
    counts: [usize; 4],
}

const ROOTS: [Embedded; 3] = [
    Embedded {
        word: "embedded",
        file: "public-good.json",
        text: PUBLIC_GOOD,
        sha256: "844a1c6de3986c9f02070266b25e0d1a2fa99ceccc89f6b9ad90aae47b62a16e",
        source: (
            "trusted_root.json",
            "6494e21ea73fa7ee769f85f57d5a3e6a08725eae1e38c755fc3517c9e6bc0b66",
        ),
        counts: [2, 2, 2, 1],
    },
    Embedded {
        word: "github",
        file: "github.json",
        text: GITHUB,
        sha256: "f7a479f2bd2cc8d0389c74e99319a68524f3019d283d1c93d6de24362717012c",
        source: (
            "trusted_root_github.json",
            "484cdfe1a7c65479c5ba2a22193d1be90f0020db1997de696ab207434c62fbb7",
        ),
        counts: [6, 0, 0, 6],
    },
    Embedded {
        word: "staging",
        file: "staging.json",
        text: STAGING,
        sha256: "5506f981a2fdbba990b74be7765da554796d0f963f73e273d55367f89d1cfd8a",
        source: (
            "trusted_root_staging.json",
            "44deb991d4bbf2150751ccee235d9810bce4434383c26d8898c1bcadbace6ed8",
        ),
        counts: [2, 5, 5, 2],
    },
];

const CRATE: &str = "sigstore-trust-root-0.15.1";
const TAKEN: &str = "2026-11-21";
const DAY: i64 = 24 * 60 * 60;
/// Instances add keys without telling us: after a year it is time to look.
const MOST_AGE: i64 = 365 * DAY;
/// A release and its roll-out take weeks.
const LEAD: i64 = 90 * DAY;
/// When to begin to think of it.
const WARN: i64 = 180 * DAY;

/// The root as a policy reads it.
fn read(word: &str) -> TrustedRoot {
    let document = json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "spec": {
            "trust": { "instance": { "sigstore": { "trustedRoot": word } } },
            "authorities": { "signer": { "cosign": {
                "trust": "instance",
                "keyless": [{ "issuer": "https://a.test", "subject": "b@a.test" }],
                "timestamp": "required",
            } } },
            "rules": [{ "images": ["**"], "require": "signer" }],
        },
    });
    let policy = Policy::parse(&document).unwrap();
    let Some(policy::Authority::Cosign(authority)) = policy.authorities.get("signer") else {
        panic!("{word}: no authority");
    };
    let [instance] = authority.instances.as_slice() else {
        panic!("{word}: {} instances", authority.instances.len());
    };
    (*instance.root).clone()
}

/// Without the white space between its tokens.
fn compact(text: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    text.chars()
        .filter(|c| {
            let keep = quoted || !c.is_ascii_whitespace();
            if escaped {
                escaped = false;
            } else {
                escaped = quoted && *c == '\\';
                quoted ^= *c == '"';
            }
            keep
        })
        .collect()
}

#[test]
fn every_root_is_read_whole_by_a_policy() {
    for root in ROOTS {
        // A log whose key is not usable would be missing.
        let read = read(root.word);
        let found = [
            read.certificate_authorities.len(),
            read.ct_logs.len(),
            read.logs.len(),
            read.timestamp_authorities.len(),
        ];
        assert_eq!(found, root.counts, "{}", root.file);
        let services = ["certificateAuthorities", "ctlogs", "tlogs", "timestampAuthorities"];
        let written: Value = serde_json::from_str(root.text).unwrap();
        for (service, count) in services.into_iter().zip(root.counts) {
            let written = written.get(service).and_then(Value::as_array).map_or(0, Vec::len);
            assert_eq!(written, count, "{}: {service}", root.file);
        }
    }
}

#[test]
fn the_roots_are_those_of_the_page_beside_them() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/trust/roots");
    let page = fs::read_to_string(directory.join("README.md")).unwrap();
    for root in ROOTS {
        assert_eq!(hex(&sha256(root.text.as_bytes())), root.sha256, "{}", root.file);
        assert_eq!(fs::read_to_string(directory.join(root.file)).unwrap(), root.text);
        assert_eq!(compact(root.text), root.text, "{}: white space", root.file);
        for said in [root.file, root.sha256, root.source.0, root.source.1] {
            assert!(page.contains(said), "README.md does not say {said}");
        }
    }
    assert!(page.contains(TAKEN) && page.contains(&CRATE.replace("root-", "root` ")));
}

/// The hashes above hold the bytes wherever this runs; here they meet their source.
#[test]
fn the_roots_are_those_of_the_crate() {
    let Some(directory) = crate_source() else {
        println!("NOT RUN: cargo has no source of {CRATE} here");
        if let Some(directory) = env::var_os("NOT_RUN_DIR") {
            let path = Path::new(&directory).join(format!("{}-roots", std::process::id()));
            let line = format!("the_roots_are_those_of_the_crate: no source of {CRATE}\n");
            fs::write(path, line).unwrap();
        }
        return;
    };
    for root in ROOTS {
        let (file, sha256_there) = root.source;
        let bytes = fs::read(directory.join(file)).unwrap();
        assert_eq!(hex(&sha256(&bytes)), sha256_there, "{file}");
        assert_eq!(compact(&String::from_utf8(bytes).unwrap()), root.text, "{}", root.file);
    }
}

fn crate_source() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")))?;
    let registries = fs::read_dir(home.join("registry/src")).ok()?;
    registries
        .filter_map(Result::ok)
        .map(|registry| registry.path().join(CRATE).join("src"))
        .find(|path| path.is_dir())
}

#[test]
fn white_space_is_removed_between_tokens_only() {
    assert_eq!(compact("{ \"a b\" :\n [ \"\\\" c\", 1 ] }"), "{\"a b\":[\"\\\" c\",1]}");
}

/// What is to be said of a root's age at a time.
#[derive(Debug, PartialEq, Eq)]
enum Age {
    Fresh,
    Soon(String),
    Stale(String),
}

/// The last moment at which an instance of the service can be used, of those in use at `now`;
/// `None` where there is no such instance, or no end.
fn authorities(all: &[Authority], now: Time) -> Option<Option<Time>> {
    last(
        all.iter().map(|authority| {
            let chain =
                authority.leaf.iter().chain(&authority.intermediates).chain(&authority.anchor);
            let mut period = authority.valid_for;
            for certificate in chain {
                period.start = period.start.max(certificate.not_before());
                let end = certificate.not_after();
                period.end = Some(period.end.map_or(end, |own| own.min(end)));
            }
            period
        }),
        now,
    )
}

fn logs(all: &[Log], now: Time) -> Option<Option<Time>> {
    last(all.iter().map(|log| log.valid_for), now)
}

fn last(periods: impl Iterator<Item = Period>, now: Time) -> Option<Option<Time>> {
    let in_use: Vec<_> = periods.filter(|p| p.contains(now)).map(|p| p.end).collect();
    if in_use.is_empty() {
        return None;
    }
    Some(if in_use.contains(&None) { None } else { in_use.into_iter().flatten().max() })
}

fn age(root: &Embedded, now: Time) -> Age {
    let read = read(root.word);
    let mut soon = None;
    let mut judge = |end: Time, lead: i64, what: String| {
        if end.unix() - lead <= now.unix() {
            return Some(Age::Stale(what));
        }
        if end.unix() - WARN <= now.unix() {
            soon.get_or_insert(what);
        }
        None
    };
    let taken = day(TAKEN);
    let year = Time::from_unix(taken.unix() + MOST_AGE);
    if let Some(stale) = judge(year, 0, format!("it was taken on {TAKEN}, and is a year old")) {
        return stale;
    }
    for (service, count, last) in [
        (
            "certificate authority",
            read.certificate_authorities.len(),
            authorities(&read.certificate_authorities, now),
        ),
        ("certificate-transparency log", read.ct_logs.len(), logs(&read.ct_logs, now)),
        ("transparency log", read.logs.len(), logs(&read.logs, now)),
        (
            "timestamp authority",
            read.timestamp_authorities.len(),
            authorities(&read.timestamp_authorities, now),
        ),
    ] {
        match last {
            None if count > 0 => return Age::Stale(format!("no {service} is in use any more")),
            Some(Some(end)) => {
                let what = format!("the last {service} ends at {end}");
                if let Some(stale) = judge(end, LEAD, what) {
                    return stale;
                }
            }
            None | Some(None) => {}
        }
    }
    soon.map_or(Age::Fresh, Age::Soon)
}

fn day(text: &str) -> Time {
    Time::parse(&format!("{text}T00:00:00Z")).unwrap_or_else(|| panic!("`{text}` is not a day"))
}

fn today() -> Time {
    match env::var("COUNTERSIGN_TODAY") {
        Ok(text) => day(&text),
        Err(_) => {
            let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            Time::from_unix(i64::try_from(elapsed.as_secs()).unwrap())
        }
    }
}

#[test]
fn the_roots_are_not_stale() {
    let now = today();
    let mut stale = Vec::new();
    for root in ROOTS {
        let file = root.file;
        match age(&root, now) {
            Age::Fresh => {}
            Age::Soon(why) => println!("warning: soon stale: src/trust/roots/{file}: {why}"),
            Age::Stale(why) => stale.push(format!(
                "stale: src/trust/roots/{file}: {why}; take a new one from the newest \
                 sigstore-trust-root crate, as src/trust/roots/README.md says"
            )),
        }
    }
    assert!(stale.is_empty(), "at {now}:\n{}", stale.join("\n"));
}

#[test]
fn staleness_is_told_by_age_and_by_certificates() {
    let [public_good, github, staging] = ROOTS;
    let at = |root: &Embedded, text: &str| age(root, day(text));
    let year = || format!("it was taken on {TAKEN}, and is a year old");
    assert_eq!(at(&public_good, "2026-11-21"), Age::Fresh);
    assert_eq!(at(&public_good, "2027-05-24"), Age::Fresh);
    assert_eq!(at(&public_good, "2027-05-26"), Age::Soon(year()));
    assert_eq!(at(&public_good, "2027-11-20"), Age::Soon(year()));
    assert_eq!(at(&public_good, "2027-11-21"), Age::Stale(year()));
    // GitHub's certificates are of a year; both services have one.
    let ends = || "the last certificate authority ends at 2027-06-12T00:00:00Z".to_owned();
    assert_eq!(at(&github, "2026-12-13"), Age::Fresh);
    assert_eq!(at(&github, "2026-12-15"), Age::Soon(ends()));
    assert_eq!(at(&github, "2027-03-13"), Age::Soon(ends()));
    assert_eq!(at(&github, "2027-03-14"), Age::Stale(ends()));
    assert_eq!(
        at(&github, "2027-06-13"),
        Age::Stale("no certificate authority is in use any more".to_owned())
    );
    // One of two timestamp authorities ends in 2027; the other goes on.
    assert_eq!(at(&staging, "2027-05-24"), Age::Fresh);
}
