//! Pushing blobs: in one request, in one after a session was begun, in chunks, or by mounting.

use hyper::{Method, header};

use super::{digest_invalid, unsupported};
use crate::{
    auth::Admitted,
    digest::{self, is_digest},
    exchange::{Exchange, Reply},
    registry::Shared,
};

pub(super) fn answer(
    shared: &Shared,
    exchange: &Exchange,
    admitted: &Admitted,
    name: &str,
    id: &str,
) -> Reply {
    if id.is_empty() {
        return match exchange.method {
            Method::POST => begin(shared, exchange, admitted, name),
            _ => unsupported(),
        };
    }
    let mut store = shared.store();
    let uploads = store.repositories.get_mut(name).map(|repository| &mut repository.uploads);
    let Some(so_far) = uploads.and_then(|uploads| uploads.get_mut(id)) else {
        return Reply::error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    };
    match exchange.method {
        Method::GET | Method::HEAD => status(204, name, id, so_far.len()),
        Method::DELETE => {
            store.repositories.entry(name.into()).or_default().uploads.remove(id);
            Reply::new(204)
        }
        Method::PATCH | Method::PUT => {
            if !is_next(exchange, so_far.len()) {
                return status(416, name, id, so_far.len());
            }
            so_far.extend_from_slice(&exchange.body);
            if exchange.method == Method::PATCH {
                return status(202, name, id, so_far.len());
            }
            let bytes = std::mem::take(so_far);
            store.repositories.entry(name.into()).or_default().uploads.remove(id);
            drop(store);
            finish(shared, exchange, name, bytes)
        }
        _ => unsupported(),
    }
}

fn begin(shared: &Shared, exchange: &Exchange, admitted: &Admitted, name: &str) -> Reply {
    if exchange.parameter("digest").is_some() {
        return finish(shared, exchange, name, exchange.body.to_vec());
    }
    let mut store = shared.store();
    if let (Some(digest), Some(from)) = (exchange.parameter("mount"), exchange.parameter("from")) {
        let source = store.repositories.get(from).filter(|_| admitted.may_pull(from));
        if let Some(bytes) = source.and_then(|source| source.blobs.get(digest)).cloned() {
            store.put_blob(name, digest, bytes);
            return created(name, digest);
        }
    }
    let id = store.start_upload(name);
    status(202, name, &id, 0)
}

fn finish(shared: &Shared, exchange: &Exchange, name: &str, bytes: Vec<u8>) -> Reply {
    let digest = exchange.parameter("digest").unwrap_or_default();
    if !is_digest(digest) || !digest::matches(digest, &bytes) {
        return digest_invalid();
    }
    shared.store().put_blob(name, digest, bytes.into());
    created(name, digest)
}

fn created(name: &str, digest: &str) -> Reply {
    Reply::new(201)
        .with("Location", format!("/v2/{name}/blobs/{digest}"))
        .with("Docker-Content-Digest", digest)
}

/// How far an upload is.
fn status(status: u16, name: &str, id: &str, length: usize) -> Reply {
    Reply::new(status)
        .with("Location", format!("/v2/{name}/blobs/uploads/{id}"))
        .with("Range", format!("0-{}", length.saturating_sub(1)))
        .with("Docker-Upload-UUID", id)
}

/// Whether a chunk begins where the last one ended, and is as long as it says.
fn is_next(exchange: &Exchange, length: usize) -> bool {
    let Some(range) = exchange.header(header::CONTENT_RANGE) else { return true };
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let range = range.trim().trim_start_matches("bytes ");
    let Some((first, last)) = range.split_once('-') else { return false };
    let (Some(first), Some(last)) = (number(first), number(last)) else { return false };
    first == length && last.checked_add(1) == first.checked_add(exchange.body.len())
}
