//! A Sigstore in memory: Fulcio, a CT log, Rekor v1 and v2, a timestamp authority.
//!
//! Everything is made from fixed keys and times, so the same plan gives the same bytes. A plan
//! ([`Signing`]) is plain data; each of its [`Tweak`]s changes one thing at the moment when it is
//! made, so that everything made later is right about it, and there is exactly one fault:
//!
//! ```ignore
//! let sigstore = Sigstore::new();
//! let mut plan = sigstore.signing(ARTIFACT);
//! plan.logs[0].told.set(|told| told.signed.signature_mut()[8] ^= 1);
//! let bundle = sigstore.sign(&plan).json();
//! ```
#![allow(dead_code, reason = "each test takes what it needs")]

pub(crate) mod bundle;
pub(crate) mod ca;
pub(crate) mod certificate;
pub(crate) mod content;
pub(crate) mod ctlog;
pub(crate) mod der;
pub(crate) mod instant;
pub(crate) mod keys;
pub(crate) mod merkle;
pub(crate) mod note;
pub(crate) mod rekor;
pub(crate) mod rekor_v1;
pub(crate) mod rekor_v2;
mod sha1;
pub(crate) mod signing;
pub(crate) mod trusted_root;
pub(crate) mod tsa;

use std::rc::Rc;

use ::base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use bundle::Bundle;
use ca::Ca;
use certificate::{Certificate, Issuer, San};
use ctlog::CtLog;
use keys::Key;
use rekor::{Kind, Rekor};
#[allow(unused_imports, reason = "each test takes what it needs")]
pub(crate) use signing::{Signing, Who};
use trusted_root::{MEDIA_TYPE, TrustedRoot};
use tsa::Tsa;

/// What the happy paths sign.
pub(crate) const ARTIFACT: &[u8] = b"hello sigstore\n";
/// Who signs.
pub(crate) const IDENTITY: &str =
    "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
/// Who says so.
pub(crate) const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// One instance.
#[derive(Clone)]
pub(crate) struct Sigstore {
    pub(crate) ca: Ca,
    pub(crate) ct: CtLog,
    pub(crate) rekor1: Rekor,
    pub(crate) rekor2: Rekor,
    pub(crate) tsa: Tsa,
}

/// A change of one thing; none by default.
pub(crate) struct Tweak<T>(Option<Change<T>>);

type Change<T> = Rc<dyn Fn(&mut T)>;

impl<T> Tweak<T> {
    /// Adds a change to those that are there.
    pub(crate) fn set(&mut self, change: impl Fn(&mut T) + 'static)
    where
        T: 'static,
    {
        let before = self.0.take();
        self.0 = Some(Rc::new(move |value| {
            if let Some(before) = &before {
                before(value);
            }
            change(value);
        }));
    }

    /// Makes the changes.
    pub(crate) fn apply(&self, value: &mut T) {
        if let Some(change) = &self.0 {
            change(value);
        }
    }
}

impl<T> Default for Tweak<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Clone for Tweak<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Sigstore {
    pub(crate) fn new() -> Self {
        Self::named("one")
    }

    /// Another instance for each name.
    pub(crate) fn named(name: &str) -> Self {
        let key = |of: &str| format!("{name} {of}");
        Self {
            ca: Ca::new(name),
            ct: CtLog::new(name, Key::p256(&key("CT log"))),
            rekor1: Rekor::v1(name, Key::p256(&key("Rekor v1"))),
            rekor2: Rekor::v2(name, Key::ed25519(&key("Rekor v2"))),
            tsa: Tsa::new(name, Key::p256(&key("TSA"))),
        }
    }

    /// What a policy is told to believe.
    pub(crate) fn trusted_root(&self) -> TrustedRoot {
        TrustedRoot {
            media_type: MEDIA_TYPE.to_owned(),
            tlogs: vec![(&self.rekor1).into(), (&self.rekor2).into()],
            ctlogs: vec![(&self.ct).into()],
            certificate_authorities: vec![(&self.ca).into()],
            timestamp_authorities: vec![(&self.tsa).into()],
        }
    }

    /// A keyless message signature with an entry in Rekor v1 that has promise and proof.
    pub(crate) fn signing(&self, artifact: &[u8]) -> Signing {
        Signing::new(self, artifact)
    }

    pub(crate) fn sign(&self, plan: &Signing) -> Bundle {
        plan.make()
    }

    /// The certificate of a workflow with this key.
    pub(crate) fn workflow(&self, key: Key) -> Certificate {
        Certificate::signer(key)
            .identified_by(&self.ca.issuer())
            .sans(&[San::Uri(IDENTITY)])
            .fulcio(1, ISSUER)
            .fulcio(8, ISSUER)
    }

    fn issuer(&self) -> Issuer {
        self.ca.issuer()
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// JSON as RFC 8785 writes it, for what is written here: no numbers but integers.
pub(crate) fn canonical(value: &Value) -> Vec<u8> {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            [&b"["[..], &items.join(&b','), b"]"].concat()
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.encode_utf16().collect::<Vec<_>>());
            let members: Vec<_> = members
                .into_iter()
                .map(|(name, value)| {
                    let name = serde_json::to_vec(name).unwrap();
                    [name, b":".to_vec(), canonical(value)].concat()
                })
                .collect();
            [&b"{"[..], &members.join(&b','), b"}"].concat()
        }
        _ => serde_json::to_vec(value).unwrap(),
    }
}
