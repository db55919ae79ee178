//! All that a decision consumed, as documents that can be replaced one by one, with or without
//! mending the digests that name them.

use countersign::{
    Step,
    crypto::{hex, sha256},
    evaluate,
    evidence::Budget,
    policy::Policy,
    time::Time,
    wire::{Answer, Bytes, Decision, EvidenceItem, Fetch, ImageRequest, Outcome, Request},
};

use crate::{
    spans,
    support::{self, Case},
};

/// The evidence of one image.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) request: Request,
    pub(crate) items: Vec<EvidenceItem>,
}

impl World {
    /// What a case's decision consumed; the payload of a legacy signature too, which the core can
    /// rebuild without it.
    pub(crate) fn of(case: &Case) -> Option<(Policy, Time, Self)> {
        let policy = Policy::parse(&case.policy).ok()?;
        let layout = support::open(&case.reference);
        let request = support::request(layout.reference());
        let (_, mut items) =
            support::decide(&policy, &request, &case.now, |fetch| layout.answer(fetch));
        let mut payloads = Vec::new();
        for item in &items {
            let (Fetch::Tag { repository, tag, .. }, Some(bytes)) =
                (&item.fetch, found(&item.answer))
            else {
                continue;
            };
            if !tag.ends_with(".sig") {
                continue;
            }
            let manifest: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            for layer in manifest["layers"].as_array().into_iter().flatten() {
                let fetch = Fetch::Blob {
                    repository: repository.clone(),
                    digest: layer["digest"].as_str().unwrap().to_owned(),
                    max_bytes: Budget::default().blob_bytes,
                };
                let answer = layout.answer(&fetch);
                payloads.push(EvidenceItem { fetch, answer });
            }
        }
        for payload in payloads {
            if items.iter().all(|item| item.fetch != payload.fetch) {
                items.push(payload);
            }
        }
        let now = Time::parse(&case.now).unwrap();
        Some((policy, now, Self { request, items }))
    }

    /// The decision, with everything at hand; what is not at hand is absent.
    pub(crate) fn decide(&self, policy: &Policy, now: Time) -> Decision {
        let mut more: Option<Vec<EvidenceItem>> = None;
        for _ in 0..support::MOST_ROUNDS {
            let items = more.as_deref().unwrap_or(&self.items);
            match evaluate(policy, &self.request, items, now, Budget::default()) {
                Step::Decision(decision) => return *decision,
                Step::Need(needs) => {
                    let items = more.get_or_insert_with(|| self.items.clone());
                    for fetch in needs {
                        assert!(items.iter().all(|i| i.fetch != fetch), "{fetch:?} twice");
                        let message = String::new();
                        let answer = Answer::Absent { message };
                        items.push(EvidenceItem { fetch, answer });
                    }
                }
            }
        }
        panic!("no decision after {} rounds", support::MOST_ROUNDS);
    }

    pub(crate) fn is_allowed(&self, policy: &Policy, now: Time) -> bool {
        self.decide(policy, now).outcome == Outcome::Allow
    }

    /// Without every candidate, referrer and answer that the verdict does not need.
    pub(crate) fn reduced(mut self, policy: &Policy, now: Time) -> Self {
        assert!(self.is_allowed(policy, now));
        for at in 0..self.items.len() {
            if !is_list(&self.items[at].fetch) {
                continue;
            }
            // From the last on, so that those before keep their places.
            let mut index = 64;
            while index > 0 {
                index -= 1;
                let Some(bytes) = found(&self.items[at].answer) else {
                    break;
                };
                let all = spans::scan(bytes);
                let here = |list: &str| {
                    let path = format!("/{list}/{index}");
                    all.iter().find(|s| s.path == path && s.part != spans::Part::Name)
                };
                let Some(element) = here("layers").or_else(|| here("manifests")) else {
                    continue;
                };
                let fewer = spans::without(bytes, &element.range);
                let mut smaller = self.clone();
                set(&mut smaller.items[at].answer, fewer);
                if smaller.is_allowed(policy, now) {
                    self = smaller;
                }
            }
        }
        let mut at = 0;
        while at < self.items.len() {
            let mut smaller = self.clone();
            let removed = smaller.items.remove(at);
            // The payload that the core rebuilds stays, to be mutated.
            let is_payload = found(&removed.answer)
                .is_some_and(|b| b.starts_with(b"{\"critical\""))
                && self.names(&removed.fetch);
            if !is_payload && smaller.is_allowed(policy, now) {
                self = smaller;
            } else {
                at += 1;
            }
        }
        assert!(self.is_allowed(policy, now));
        self
    }

    /// True where a document that is left names the blob.
    fn names(&self, fetch: &Fetch) -> bool {
        let Fetch::Blob { digest, .. } = fetch else {
            return false;
        };
        self.items.iter().any(|item| {
            is_structure(&item.fetch)
                && found(&item.answer)
                    .is_some_and(|bytes| position(bytes, digest.as_bytes()).is_some())
        })
    }

    /// True where the decision does not come out the same without the answer.
    pub(crate) fn is_consumed(&self, at: usize, policy: &Policy, now: Time) -> bool {
        let mut without = self.clone();
        without.items.remove(at);
        !without.is_allowed(policy, now)
    }

    /// With other bytes of one document.
    pub(crate) fn replaced(&self, at: usize, bytes: Vec<u8>) -> Self {
        let mut world = self.clone();
        set(&mut world.items[at].answer, bytes);
        world
    }

    /// With other bytes of one document, and every digest mended that led to it: in manifests,
    /// indexes, tags and in what is asked.
    pub(crate) fn relinked(&self, at: usize, bytes: Vec<u8>) -> Self {
        let mut world = self.replaced(at, bytes);
        let mut renamed = vec![at];
        while let Some(at) = renamed.pop() {
            let item = &world.items[at];
            let (Some(digest), Some(bytes)) = (digest(&item.fetch), found(&item.answer)) else {
                continue;
            };
            let old = digest.rsplit_once(':').unwrap().1.to_owned();
            let new = hex(&sha256(bytes));
            if old == new {
                continue;
            }
            for (other, item) in world.items.iter_mut().enumerate() {
                rename(&mut item.fetch, &old, &new);
                if other == at || !is_structure(&item.fetch) {
                    continue;
                }
                let changed = match &mut item.answer {
                    Answer::Resolved { digest } => {
                        *digest = digest.replace(&old, &new);
                        false
                    }
                    Answer::Found { bytes, .. } => {
                        swap(&mut bytes.0, old.as_bytes(), new.as_bytes())
                    }
                    _ => false,
                };
                if changed {
                    renamed.push(other);
                }
            }
        }
        world
    }

    /// The digest that the reference resolved to.
    pub(crate) fn image(&self) -> Option<&str> {
        self.items.iter().find_map(|item| match &item.answer {
            Answer::Resolved { digest } => Some(digest.as_str()),
            _ => None,
        })
    }
}

/// A request for one image.
#[allow(dead_code, reason = "each test takes what it needs")]
pub(crate) fn request(reference: &str) -> Request {
    Request {
        images: vec![ImageRequest { reference: reference.to_owned(), path: None }],
        ..Request::default()
    }
}

pub(crate) fn found(answer: &Answer) -> Option<&[u8]> {
    match answer {
        Answer::Found { bytes, .. } => Some(&bytes.0),
        _ => None,
    }
}

pub(crate) fn set(answer: &mut Answer, new: Vec<u8>) {
    if let Answer::Found { bytes, .. } = answer {
        *bytes = Bytes(new);
    }
}

/// The digest that a fetch asks for.
pub(crate) fn digest(fetch: &Fetch) -> Option<&str> {
    match fetch {
        Fetch::Manifest { digest, .. } | Fetch::Blob { digest, .. } => Some(digest),
        _ => None,
    }
}

/// Lists of candidates: the manifests under `.sig` and `.att`, and lists of referrers.
pub(crate) fn is_list(fetch: &Fetch) -> bool {
    matches!(fetch, Fetch::Tag { .. } | Fetch::Referrers { .. })
}

/// What may name other documents by digest without having signed them.
fn is_structure(fetch: &Fetch) -> bool {
    !matches!(fetch, Fetch::Blob { .. })
}

fn rename(fetch: &mut Fetch, old: &str, new: &str) {
    match fetch {
        Fetch::Resolve { reference: text }
        | Fetch::Manifest { digest: text, .. }
        | Fetch::Tag { tag: text, .. }
        | Fetch::Referrers { digest: text, .. }
        | Fetch::Blob { digest: text, .. }
        | Fetch::Ocsp { url: text, .. }
        | Fetch::Crl { url: text, .. } => {
            if text.contains(old) {
                *text = text.replace(old, new);
            }
        }
    }
}

pub(crate) fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|w| w == wanted)
}

/// Puts `new` in the place of `old`, of the same length; true where it was there.
fn swap(bytes: &mut [u8], old: &[u8], new: &[u8]) -> bool {
    let mut changed = false;
    while let Some(at) = position(bytes, old) {
        bytes[at..at + old.len()].copy_from_slice(new);
        changed = true;
    }
    changed
}
