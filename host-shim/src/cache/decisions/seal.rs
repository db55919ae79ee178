//! Entries that others may write, and cannot make.

use std::{fmt, fs, io::Read, path::Path};

use countersign::{time::Time, wire::Bytes};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Entry, Key};

/// What is sealed: that, the entry's key, the entry.
const PURPOSE: &[u8] = b"countersign.dev/decision/v1\0";
/// Bytes of a tag.
const TAG: usize = 32;
/// Bytes of a key: RFC 2104 §3, "keys of less than L bytes are strongly discouraged".
const LEAST: usize = 32;
const MOST: u64 = 4096;

/// The key under which entries are sealed. Whoever has it can make decisions, so it must not be
/// where the entries are.
#[derive(Clone)]
pub struct SealKey(Zeroizing<Vec<u8>>);

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealKeyError {
    /// It has fewer bytes than it must have.
    Short(usize),
    /// The file cannot be read: path and reason.
    Unreadable(String, String),
}

impl fmt::Display for SealKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(found) => write!(
                f,
                "the key of the decision cache has {found} bytes, expected {LEAST} to {MOST} of chance: \
                 make one with `openssl rand -base64 32`"
            ),
            Self::Unreadable(path, why) => {
                write!(f, "`{path}`, the key of the decision cache, cannot be read: {why}")
            }
        }
    }
}

impl std::error::Error for SealKeyError {}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(…)")
    }
}

impl SealKey {
    /// A key of at least 32 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, SealKeyError> {
        let size = bytes.len();
        if size < LEAST || size as u64 > MOST {
            return Err(SealKeyError::Short(size));
        }
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    /// A key from a file, as it stands there but for white space at its end.
    pub fn load(path: &Path) -> Result<Self, SealKeyError> {
        let mut bytes = Zeroizing::new(Vec::new());
        let read =
            fs::File::open(path).and_then(|file| file.take(MOST + 2).read_to_end(&mut bytes));
        read.map_err(|e| SealKeyError::Unreadable(path.display().to_string(), e.to_string()))?;
        Self::new(bytes.trim_ascii_end())
    }

    /// The entry as it is stored: its tag, then its JSON.
    pub(super) fn seal(&self, key: &Key, entry: &Entry) -> Vec<u8> {
        let stored = Stored {
            made: entry.made.unix(),
            evidence: entry.evidence.clone(),
            response: Bytes(entry.response.clone()),
        };
        // Texts and numbers always serialise.
        let body = serde_json::to_vec(&stored).unwrap_or_default();
        let Some(mac) = self.mac(key, &body) else { return Vec::new() };
        [&mac.finalize().into_bytes()[..], &body].concat()
    }

    /// The entry, if it is one that was sealed for this key.
    pub(super) fn open(&self, key: &Key, sealed: &[u8]) -> Option<Entry> {
        let (tag, body) = sealed.split_at_checked(TAG)?;
        self.mac(key, body)?.verify_slice(tag).ok()?;
        let Stored { made, evidence, response } = serde_json::from_slice(body).ok()?;
        Some(Entry { made: Time::from_unix(made), response: response.0, evidence })
    }

    fn mac(&self, key: &Key, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(PURPOSE);
        mac.update(key.as_bytes());
        mac.update(body);
        Some(mac)
    }
}

/// The body. The time is in it, so that an old one cannot be made young.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    made: i64,
    evidence: Vec<String>,
    response: Bytes,
}
