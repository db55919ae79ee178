//! Every bit of what was allowed, flipped: never allowed again, but for what is listed.
//!
//! Each case that is allowed is reduced to the evidence without which it is not. Then every byte of
//! every document of it is changed: in the bytes as they are stored and in what their base64 and
//! PEM texts decode to, once with the digests that lead to it mended (so that nothing but the
//! cryptography is in the way) and once without. The keys and roots of the policy are changed too.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the core reads no files; tests of it do"
)]

mod support;

#[path = "mutation/document.rs"]
mod document;
#[path = "mutation/fields.rs"]
mod fields;
#[path = "mutation/spans.rs"]
mod spans;
#[path = "mutation/world.rs"]
mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use countersign::{policy::Policy, time::Time, wire::Fetch};
use document::{At, Document};
use world::World;

/// What is signed: no list excuses these.
const SIGNED: &[&str] = &[
    "image manifest",
    "signed artifact manifest",
    "simple signing payload",
    "cosign .sig manifest /layers/*/digest",
    "cosign .sig manifest /layers/*/annotations/dev.cosignproject.cosign/signature",
    "cosign .sig manifest /layers/*/annotations/dev.sigstore.cosign/certificate certificate",
    "cosign .sig manifest /layers/*/annotations/dev.sigstore.cosign/chain[0]",
    "dsse /payload",
    "dsse /payloadType",
    "dsse /signatures/*/sig",
    "bundle /dsseEnvelope/payload",
    "bundle /dsseEnvelope/payloadType",
    "bundle /dsseEnvelope/signatures/*/sig",
    "bundle /messageSignature/signature",
    "bundle /verificationMaterial/certificate",
    "notation-jws /payload",
    "notation-jws /protected",
    "notation-jws /signature",
    "notation-jws /header/x5c",
    "notation-jws /header/io.cncf.notary.timestampSignature token",
    "notation-cose head",
    "notation-cose protected",
    "notation-cose payload",
    "notation-cose signature",
    "notation-cose unprotected head",
    "notation-cose unprotected x5chain",
    "notation-cose unprotected io.cncf.notary.timestampSignature token",
    "policy /spec/authorities/NAME/cosign/keys/* decoded",
    "policy /spec/trust/NAME/notation",
];

/// What may be encoded otherwise without another meaning, also where the meaning is signed.
const SAME: &[&str] = &["(same bytes encoded)"];

/// One document of one case.
struct Job<'a> {
    case: &'a Reduced,
    document: Document,
    target: Target,
}

/// Where the mutated document goes.
enum Target {
    /// In the place of an answer; not mended where the document is never read as it was.
    Evidence { at: usize, unmended: bool },
    /// In the place of the policy.
    Policy { unneeded: Vec<std::ops::Range<usize>> },
}

/// A case and the least evidence that it is allowed with.
struct Reduced {
    id: String,
    policy: Policy,
    document: serde_json::Value,
    now: Time,
    world: World,
}

#[derive(Default)]
struct Tally {
    mutants: usize,
    inert: BTreeMap<String, (usize, String)>,
    by_role: BTreeMap<&'static str, usize>,
}

#[test]
fn nothing_that_was_changed_is_allowed() {
    let listed = support::table("inert.tsv");
    for class in listed.keys() {
        let is_signed = SIGNED.iter().any(|signed| class.starts_with(signed));
        let is_same = SAME.iter().any(|same| class.ends_with(same));
        assert!(!is_signed || is_same, "`{class}` is signed: it cannot be excused");
    }
    let reduced = parallel(support::cases(), |case| {
        let (policy, now, world) = World::of(&case)?;
        let is_proven = world.items.iter().any(|i| !matches!(i.fetch, Fetch::Resolve { .. }));
        (is_proven && world.is_allowed(&policy, now)).then(|| Reduced {
            id: case.id.clone(),
            world: world.reduced(&policy, now),
            policy,
            document: case.policy.clone(),
            now,
        })
    });
    let reduced: Vec<_> = reduced.into_iter().flatten().collect();
    let mut seen = BTreeSet::new();
    let mut jobs: Vec<_> =
        reduced.iter().flat_map(jobs).filter(|job| seen.insert(job.key())).collect();
    // The largest first, so that no core is left alone with one at the end.
    jobs.sort_by_key(|job| std::cmp::Reverse(job.document.bytes.len()));
    let documents = jobs.len();
    let mut tally = Tally::default();
    for part in parallel(jobs, |job| job.run()) {
        tally.mutants += part.mutants;
        for (role, count) in part.by_role {
            *tally.by_role.entry(role).or_default() += count;
        }
        for (class, (count, example)) in part.inert {
            tally.inert.entry(class).or_insert((0, example)).0 += count;
        }
    }
    println!(
        "mutation: {} cases, {documents} documents, {} mutants, {} classes are inert",
        reduced.len(),
        tally.mutants,
        tally.inert.len()
    );
    for (role, count) in &tally.by_role {
        println!("  {role}: {count}");
    }
    assert!(reduced.len() >= 50, "the corpora have shrunk");
    let unexpected: Vec<_> = tally
        .inert
        .iter()
        .filter(|(class, _)| !listed.contains_key(*class))
        .map(|(class, (count, example))| format!("{class}\t{count} times, first {example}"))
        .collect();
    let stale: Vec<_> = listed.keys().filter(|class| !tally.inert.contains_key(*class)).collect();
    assert!(unexpected.is_empty(), "allowed although changed:\n{}", unexpected.join("\n"));
    assert!(stale.is_empty(), "listed as inert and never seen: {stale:?}");
}

fn jobs(case: &Reduced) -> Vec<Job<'_>> {
    let mut jobs = Vec::new();
    for at in 0..case.world.items.len() {
        if let Some(document) = Document::of(&case.world, at) {
            let is_named_by_digest = world::digest(&case.world.items[at].fetch).is_some();
            let unmended = is_named_by_digest && case.world.is_consumed(at, &case.policy, case.now);
            let target = Target::Evidence { at, unmended };
            jobs.push(Job { case, document, target });
        }
    }
    let bytes = serde_json::to_vec(&case.document).unwrap();
    let document = Document::policy(bytes);
    let unneeded = document
        .region_texts()
        .filter(|(range, text)| {
            // Another key in its place, and it is allowed all the same: this one was not needed.
            let others = if text.contains("CERTIFICATE") {
                ["notation-oldroot.pem", "ca-root.pem"]
            } else {
                ["ecp521.pub", "ecp384.pub"]
            };
            others.iter().any(|name| {
                let path = support::corpora().join("trust").join(name);
                let other = std::fs::read_to_string(path).unwrap();
                other != *text && case.allows_policy(&document.with_text(range, &other))
            })
        })
        .map(|(range, _)| range)
        .collect();
    jobs.push(Job { case, document, target: Target::Policy { unneeded } });
    jobs
}

impl Reduced {
    fn allows_policy(&self, bytes: &[u8]) -> bool {
        let Ok(document) = serde_json::from_slice(bytes) else {
            return false;
        };
        Policy::parse(&document).is_ok_and(|policy| self.world.is_allowed(&policy, self.now))
    }
}

impl Job<'_> {
    /// The same document under the same authorities needs to be changed but once.
    fn key(&self) -> (&'static str, Vec<u8>, String) {
        let spec = &self.case.document["spec"];
        let authorities = format!("{}{}", spec["authorities"], spec["trust"]);
        (self.document.role, self.document.bytes.clone(), authorities)
    }

    fn run(self) -> Tally {
        let mut tally = Tally::default();
        let Self { case, document, target } = &self;
        let is_needed = |byte: usize| match target {
            Target::Evidence { .. } => true,
            Target::Policy { unneeded } => {
                document.is_in_region(byte) && unneeded.iter().all(|range| !range.contains(&byte))
            }
        };
        let decoded = document.decoded().filter(|mutant| match (mutant.at, target) {
            (At::Decoded { region, .. }, Target::Policy { unneeded }) => {
                let (range, _) = document.region_texts().nth(region).unwrap();
                !unneeded.contains(&range)
            }
            _ => true,
        });
        for mutant in document.stored(is_needed).chain(decoded) {
            let mut judge = |variant: &str, allowed: bool| {
                tally.mutants += 1;
                if allowed {
                    let example = format!("{} {variant}, {:?}", case.id, mutant.at);
                    let class = document.class(&mutant);
                    tally.inert.entry(class).or_insert((0, example)).0 += 1;
                }
            };
            match target {
                Target::Policy { .. } => judge("policy", case.allows_policy(&mutant.bytes)),
                Target::Evidence { at, unmended } => {
                    let allows = |world: World| world.is_allowed(&case.policy, case.now);
                    let mended = case.world.relinked(*at, mutant.bytes.clone());
                    judge("mended", allows(mended));
                    if *unmended && mutant.at.is_chosen() {
                        let broken = case.world.replaced(*at, mutant.bytes.clone());
                        judge("not mended", allows(broken));
                    }
                }
            }
        }
        tally.by_role.insert(document.role, tally.mutants);
        tally
    }
}

/// Maps a list on every core there is.
fn parallel<T: Send, R: Send>(items: Vec<T>, map: impl Fn(T) -> R + Sync) -> Vec<R> {
    let items: Vec<_> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
    let next = AtomicUsize::new(0);
    let results: Vec<_> = items.iter().map(|_| Mutex::new(None)).collect();
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(slot) = items.get(index) else {
                        break;
                    };
                    let item = slot.lock().unwrap().take().unwrap();
                    *results[index].lock().unwrap() = Some(map(item));
                }
            });
        }
    });
    results.into_iter().map(|slot| slot.into_inner().unwrap().unwrap()).collect()
}
