//! The CRL cache of Notation, read only.
//!
//! notation-go keeps one JSON file for each distribution point: its name is the SHA-256 of the URL
//! in hex, `baseCRL` what was there, and `deltaCRL` what was at the first address of the base CRL's
//! freshestCRL that answered
//! ([verifier/crl](https://github.com/notaryproject/notation-go/blob/v1.3.2/verifier/crl/crl.go)).
//! A delta is asked for here by its own address, so it is looked for among the base CRLs that name
//! that address.

use std::{fs, path::Path, time::SystemTime};

use countersign::{
    crypto::{hex, sha256},
    wire::Bytes,
};
use serde::Deserialize;

use super::{
    cache::{Kept, is_hash, read},
    hint::{Document, names_delta},
};

/// Files that are searched for a delta. Notation has one for each issuer; there are dozens.
const MOST_FILES: usize = 1024;
/// Bytes of them.
const MOST_BYTES: u64 = 256 << 20;
/// What a file holds beside its CRLs: names and quotes.
const AROUND: u64 = 4096;

#[derive(Deserialize)]
struct Bundle {
    #[serde(rename = "baseCRL")]
    base: Bytes,
    #[serde(rename = "deltaCRL")]
    delta: Option<Bytes>,
}

/// The CRL of a distribution point.
pub(super) fn base(directory: &Path, url: &str, max_bytes: u64) -> Option<Kept> {
    let name = hex(&sha256(url.as_bytes()));
    let file = read(&directory.join(name), most(max_bytes))?;
    let bundle: Bundle = serde_json::from_slice(&file.bytes).ok()?;
    fitting(bundle.base, max_bytes).map(|bytes| Kept { bytes, ..file })
}

/// The youngest delta CRL whose base names this address, if it is younger `than` another.
pub(super) fn delta(
    directory: &Path,
    url: &str,
    max_bytes: u64,
    than: Option<SystemTime>,
) -> Option<Kept> {
    let mut best: Option<Kept> = None;
    let mut bytes_left = MOST_BYTES;
    let entries = fs::read_dir(directory).ok()?.flatten();
    let bundles = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_hash));
    for path in bundles.take(MOST_FILES).map(|entry| entry.path()) {
        let youngest = best.as_ref().map(|kept| kept.since).max(than);
        let since = fs::metadata(&path).and_then(|m| m.modified()).ok();
        if since <= youngest {
            continue;
        }
        let Some(file) = read(&path, most(max_bytes).min(bytes_left)) else {
            continue;
        };
        bytes_left = bytes_left.saturating_sub(file.bytes.len() as u64);
        let Ok(Bundle { base, delta: Some(delta) }) = serde_json::from_slice(&file.bytes) else {
            continue;
        };
        if names_delta(&base.0, url)
            && let Some(bytes) = fitting(delta, max_bytes)
        {
            best = Some(Kept { bytes, ..file });
        }
    }
    best
}

/// Two CRLs in base64.
fn most(max_bytes: u64) -> u64 {
    max_bytes.saturating_mul(2).div_ceil(3).saturating_mul(4).saturating_add(AROUND)
}

fn fitting(crl: Bytes, max_bytes: u64) -> Option<Vec<u8>> {
    let fits = crl.0.len() as u64 <= max_bytes && Document::Crl.is_whole(&crl.0);
    fits.then_some(crl.0)
}
