//! Blobs: whole, in ranges, and their deletion.

use hyper::{Method, header};

use super::{content, digest_invalid, name_unknown, unsupported};
use crate::{
    digest::is_digest,
    exchange::{Exchange, Reply},
    registry::Shared,
};

pub(super) fn answer(shared: &Shared, exchange: &Exchange, name: &str, digest: &str) -> Reply {
    let deletes = match exchange.method {
        Method::GET | Method::HEAD => false,
        Method::DELETE if shared.options.deletes => true,
        _ => return unsupported(),
    };
    if !is_digest(digest) {
        return digest_invalid();
    }
    let mut store = shared.store();
    let Some(repository) = store.repositories.get_mut(name) else { return name_unknown() };
    let Some(bytes) = repository.blobs.get(digest).cloned() else {
        return Reply::error(404, "BLOB_UNKNOWN", "blob unknown to registry");
    };
    if deletes {
        repository.blobs.remove(digest);
        return Reply::new(202);
    }
    let reply =
        content(digest, "application/octet-stream").with(header::ACCEPT_RANGES.as_str(), "bytes");
    let size = bytes.len();
    match exchange.header(header::RANGE).and_then(|text| range(text, size)) {
        None => reply.body(bytes),
        Some(Some((first, last))) => Reply { status: 206, ..reply }
            .with(header::CONTENT_RANGE.as_str(), format!("bytes {first}-{last}/{size}"))
            .body(bytes.slice(first..=last)),
        Some(None) => {
            Reply::new(416).with(header::CONTENT_RANGE.as_str(), format!("bytes */{size}"))
        }
    }
}

/// First and last byte of a range (RFC 9110 §14.1.2); inside `None` if there is no such byte. Nothing for what is
/// not one range of bytes, which is to be ignored.
fn range(text: &str, size: usize) -> Option<Option<(usize, usize)>> {
    let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let end = size.checked_sub(1);
    if first.is_empty() {
        let suffix: usize = last.parse().ok()?;
        return Some(end.filter(|_| suffix > 0).map(|end| (size.saturating_sub(suffix), end)));
    }
    let first: usize = first.parse().ok()?;
    let last = if last.is_empty() { usize::MAX } else { last.parse().ok()? };
    if last < first {
        return None;
    }
    Some(end.filter(|end| first <= *end).map(|end| (first, last.min(end))))
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges_are_those_of_http() {
        for (text, is) in [
            ("bytes=0-3", Some(Some((0, 3)))),
            ("bytes=4-", Some(Some((4, 9)))),
            ("bytes=-3", Some(Some((7, 9)))),
            ("bytes=-30", Some(Some((0, 9)))),
            ("bytes=5-100", Some(Some((5, 9)))),
            ("bytes=10-", Some(None)),
            ("bytes=-0", Some(None)),
            ("bytes=3-2", None),
            ("bytes=1-2,4-5", None),
            ("lines=1-2", None),
        ] {
            assert_eq!(range(text, 10), is, "{text}");
        }
        assert_eq!(range("bytes=0-", 0), Some(None));
    }
}
