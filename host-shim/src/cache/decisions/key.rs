//! What a decision depends on.

use std::fmt;

use countersign::{
    crypto::{hex, sha256},
    wire::Fetch,
};
use serde::Serialize;

use crate::driver::Question;

/// Changes when a key is made of other things.
const VERSION: &[u8] = b"countersign.dev/decision-key/v1";

/// The SHA-256 of everything that a decision depends on but the evidence itself and the time:
///
/// * the digest of the module, which is its code and its embedded roots; the two builds differ in it
///   and in nothing else;
/// * the policy document, in which trust stands, and the budget;
/// * the request: its images as they are written and where they stand, its blobs, `canPatch`, and of
///   the rest what the policy reads (`reads`);
/// * what the images are: the normalised reference of each tag and the digest that it names now, the
///   repository and digest of each other one, whose bytes are the manifest's with its platforms;
/// * where evidence is looked for, and for whom: [`Setting`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 32]);

/// What of a host makes its decisions others than those of another host, beside its policies.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The module's digest.
    pub module: &'a str,
    /// Where evidence is looked for: whether revocation is asked for online, which mirrors stand for
    /// a registry, which packs are read. Hosts that look in the same places say the same.
    pub roads: &'a str,
    /// Whose credentials are used. What is decided with those of one is not told to another; empty
    /// where all have the same.
    pub audience: &'a str,
}

impl Key {
    /// The question's request has in it what the policy reads and nothing else. `names` are the
    /// fetches that say what the images are, with the digests of their answers.
    pub(super) fn of(
        setting: &Setting<'_>,
        question: &Question<'_>,
        names: &[(Fetch, String)],
    ) -> Self {
        let mut names = names.to_vec();
        names.sort();
        let mut parts = Parts(Vec::new());
        parts.add(VERSION);
        for text in [setting.module, setting.roads, setting.audience] {
            parts.add(text.as_bytes());
        }
        parts.json(question.policy);
        parts.json(&question.budget);
        parts.json(question.request);
        parts.json(&names);
        Self(sha256(&parts.0))
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// Parts with their lengths, so that no two lists are the same bytes.
struct Parts(Vec<u8>);

impl Parts {
    fn add(&mut self, part: &[u8]) {
        self.0.extend((part.len() as u64).to_be_bytes());
        self.0.extend(part);
    }

    fn json(&mut self, part: &impl Serialize) {
        // Texts, numbers and lists always serialise.
        self.add(&serde_json::to_vec(part).unwrap_or_default());
    }
}
