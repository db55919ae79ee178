//! Lists in pages: tags and repositories.

use std::ops::Bound;

use serde_json::{Value, json};

use super::name_unknown;
use crate::{
    exchange::{Exchange, Reply},
    registry::Shared,
};

pub(super) fn tags(shared: &Shared, exchange: &Exchange, name: &str) -> Reply {
    let store = shared.store();
    let Some(repository) = store.repositories.get(name) else { return name_unknown() };
    let after = after(exchange);
    let tags = repository.tags.range::<str, _>((after, Bound::Unbounded)).map(|(tag, _)| tag);
    sorted(shared, exchange, tags.collect(), |shown| json!({ "name": name, "tags": shown }))
}

pub(super) fn catalog(shared: &Shared, exchange: &Exchange) -> Reply {
    let store = shared.store();
    let after = after(exchange);
    let names = store.repositories.range::<str, _>((after, Bound::Unbounded));
    let names = names.map(|(name, _)| name).collect();
    sorted(shared, exchange, names, |shown| json!({ "repositories": shown }))
}

fn after(exchange: &Exchange) -> Bound<&str> {
    exchange.parameter("last").map_or(Bound::Unbounded, Bound::Excluded)
}

fn sorted(
    shared: &Shared,
    exchange: &Exchange,
    all: Vec<&String>,
    body: impl Fn(&[&String]) -> Value,
) -> Reply {
    let page = match page(shared, exchange, all.len()) {
        Ok(page) => page,
        Err(refusal) => return *refusal,
    };
    let shown = all.get(..page.length).unwrap_or_default();
    let link = shown.last().filter(|_| page.more).map(|last| link(exchange, last));
    let mut reply = Reply::json(200, &body(shown));
    reply.headers.extend(link.map(|link| ("Link".to_owned(), link)));
    reply
}

/// How much of what is left is shown.
pub(super) struct Page {
    pub(super) length: usize,
    pub(super) more: bool,
}

/// The page that a request asks for, when so many are left.
pub(super) fn page(shared: &Shared, exchange: &Exchange, left: usize) -> Result<Page, Box<Reply>> {
    let asked = match exchange.parameter("n").map(str::parse) {
        None => usize::MAX,
        Some(Ok(n)) => n,
        Some(Err(_)) => {
            let words = "invalid number of results requested";
            return Err(Reply::error(400, "PAGINATION_NUMBER_INVALID", words).into());
        }
    };
    let length =
        asked.min(shared.options.page_size.map_or(usize::MAX, |size| size.max(1))).min(left);
    Ok(Page { length, more: length > 0 && length < left })
}

/// The next page, after `last`.
pub(super) fn link(exchange: &Exchange, last: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(exchange.query.iter().filter(|(name, _)| name != "last"));
    query.append_pair("last", last);
    format!("<{}?{}>; rel=\"next\"", exchange.path, query.finish())
}
