//! The referrers API.

use super::{digest_invalid, list::page};
use crate::{
    INDEX,
    digest::is_digest,
    exchange::{Exchange, Reply},
    registry::Shared,
    store::index,
};

/// Never 404: an image nobody knows has no referrers.
pub(super) fn list(shared: &Shared, exchange: &Exchange, name: &str, digest: &str) -> Reply {
    if !is_digest(digest) {
        return digest_invalid();
    }
    let store = shared.store();
    let mut found = store.repositories.get(name).map(|r| r.referrers(digest)).unwrap_or_default();
    let filter = exchange.parameter("artifactType").filter(|_| shared.options.filters);
    if let Some(wanted) = filter {
        found.retain(|descriptor| descriptor["artifactType"] == wanted);
    }
    let last = exchange.parameter("last");
    let digest_of = |index: usize| found.get(index).and_then(|d| d["digest"].as_str());
    let start = last.and_then(|last| (0..found.len()).find(|i| digest_of(*i) == Some(last)));
    let start = start.map_or(0, |at| at + 1);
    let page = match page(shared, exchange, found.len() - start) {
        Ok(page) => page,
        Err(refusal) => return *refusal,
    };
    let link = page.more.then(|| digest_of(start + page.length - 1)).flatten();
    let link = link.map(|last| super::list::link(exchange, last));
    let shown = found.into_iter().skip(start).take(page.length).collect();
    let mut reply = Reply::new(200).with("Content-Type", INDEX).body(index(shown).to_string());
    if filter.is_some() {
        reply = reply.with("OCI-Filters-Applied", "artifactType");
    }
    reply.headers.extend(link.map(|link| ("Link".to_owned(), link)));
    reply
}
