//! Manifests: reading with `Accept`, writing with all that is checked there, deletion.

use hyper::{HeaderMap, Method, header};

use super::{content, digest_invalid, is_reference, is_tag, name_unknown, unsupported};
use crate::{
    ARTIFACT, INDEX, MANIFEST,
    digest::{self, is_digest},
    exchange::{Exchange, Reply},
    registry::Shared,
    store::{Contents, Repository, Store},
};

pub(super) fn answer(shared: &Shared, exchange: &Exchange, name: &str, reference: &str) -> Reply {
    if !is_reference(reference) {
        let (code, what) = match reference.contains(':') {
            true => ("DIGEST_INVALID", "digest"),
            false => ("TAG_INVALID", "tag"),
        };
        return Reply::error(400, code, &format!("`{reference}` is not a {what}"));
    }
    match exchange.method {
        Method::GET | Method::HEAD => get(shared, exchange, name, reference),
        Method::PUT => put(shared, exchange, name, reference),
        Method::DELETE if shared.options.deletes => delete(shared, name, reference),
        _ => unsupported(),
    }
}

fn unknown() -> Reply {
    Reply::error(404, "MANIFEST_UNKNOWN", "manifest unknown")
}

fn get(shared: &Shared, exchange: &Exchange, name: &str, reference: &str) -> Reply {
    let store = shared.store();
    let Some(repository) = store.repositories.get(name) else { return name_unknown() };
    let Some((digest, manifest)) = repository.resolve(reference) else { return unknown() };
    let media_type = &manifest.media_type;
    if shared.options.honours_accept
        && let Some(words) = refusal(media_type)
        && !accepts(&exchange.headers, media_type)
    {
        return Reply::error(404, "MANIFEST_UNKNOWN", words);
    }
    content(digest, media_type).body(manifest.bytes.clone())
}

/// What distribution, and registries made of it, say of a type that `Accept` does not name.
fn refusal(media_type: &str) -> Option<&'static str> {
    match media_type {
        ARTIFACT => Some("OCI artifact found, but accept header does not support OCI artifacts"),
        INDEX => Some("OCI index found, but accept header does not support OCI indexes"),
        MANIFEST => Some("OCI manifest found, but accept header does not support OCI manifests"),
        _ => None,
    }
}

fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    if !headers.contains_key(header::ACCEPT) {
        return true;
    }
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = values.flat_map(|value| value.split(','));
    types.any(|one| {
        let name = one.split(';').next().unwrap_or_default().trim();
        matches!(name, "*/*" | "application/*") || name.eq_ignore_ascii_case(media_type)
    })
}

fn put(shared: &Shared, exchange: &Exchange, name: &str, reference: &str) -> Reply {
    let bytes = &exchange.body;
    if bytes.len() > shared.options.max_manifest {
        let limit = shared.options.max_manifest;
        return invalid(413, &format!("manifest is larger than {limit} bytes"));
    }
    let digest = match is_digest(reference) {
        true if !digest::matches(reference, bytes) => return digest_invalid(),
        true => reference.to_owned(),
        false => digest::sha256(bytes),
    };
    let Some(contents) = Contents::of(bytes) else { return invalid(400, "manifest is not JSON") };
    let said = exchange.header(header::CONTENT_TYPE).and_then(|is| is.split(';').next());
    let said = said.map(str::trim).filter(|is| !is.is_empty());
    let media_type = match (said, contents.media_type.as_deref()) {
        (Some(said), Some(inside)) if said != inside => {
            return invalid(400, &format!("Content-Type is `{said}`, and mediaType `{inside}`"));
        }
        (Some(one), _) | (None, Some(one)) => one.to_owned(),
        (None, None) => return invalid(400, "manifest has no media type"),
    };
    let tags: Vec<&str> = match is_digest(reference) {
        true => exchange.parameters("tag").collect(),
        false => vec![reference],
    };
    if let Some(tag) = tags.iter().find(|tag| !is_tag(tag)) {
        return Reply::error(400, "TAG_INVALID", &format!("`{tag}` is not a tag"));
    }
    let mut store = shared.store();
    let repository = store.repositories.get(name);
    let refusal = precondition(exchange, repository, reference)
        .or_else(|| tags.iter().find_map(|tag| immutable(shared, repository?, name, tag, &digest)));
    if let Some(refusal) = refusal {
        return refusal;
    }
    if !shared.options.sparse
        && let Some(refusal) = incomplete(&store, name, &contents)
    {
        return refusal;
    }
    store.put_manifest(name, &digest, &media_type, bytes.clone());
    for tag in &tags {
        store.put_tag(name, tag, &digest);
    }
    let mut reply = Reply::new(201)
        .with("Location", format!("/v2/{name}/manifests/{digest}"))
        .with("Docker-Content-Digest", digest);
    if let Some(subject) = contents.subject.filter(|_| shared.options.referrers) {
        reply = reply.with("OCI-Subject", subject);
    }
    if is_digest(reference) && !tags.is_empty() {
        reply = reply.with("OCI-Tag", tags.join(", "));
    }
    reply
}

fn invalid(status: u16, message: &str) -> Reply {
    Reply::error(status, "MANIFEST_INVALID", message)
}

/// `If-Match` and `If-None-Match` (RFC 9110 §13.1), with which clients keep a fallback tag from being overwritten.
fn precondition(
    exchange: &Exchange,
    repository: Option<&Repository>,
    reference: &str,
) -> Option<Reply> {
    let there =
        repository.and_then(|r| r.resolve(reference)).map(|(digest, _)| format!("\"{digest}\""));
    let names = |value: &str| {
        there.as_ref().is_some_and(|tag| {
            value.split(',').map(str::trim).any(|one| one == "*" || one == tag.as_str())
        })
    };
    let unmet = exchange.header(header::IF_MATCH).is_some_and(|value| !names(value))
        || exchange.header(header::IF_NONE_MATCH).is_some_and(names);
    unmet.then(|| Reply::error(412, "PRECONDITION_FAILED", "the manifest is another by now"))
}

/// As ECR says it.
fn immutable(
    shared: &Shared,
    repository: &Repository,
    name: &str,
    tag: &str,
    digest: &str,
) -> Option<Reply> {
    let moved = repository.tags.get(tag).is_some_and(|there| there != digest);
    (shared.options.immutable_tags && moved).then(|| {
        let words = format!(
            "The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten \
             because the repository is immutable."
        );
        Reply::error(400, "TAG_INVALID", &words)
    })
}

/// What a manifest names and the repository does not hold. A subject may come later.
fn incomplete(store: &Store, name: &str, contents: &Contents) -> Option<Reply> {
    let repository = store.repositories.get(name);
    let blobs = contents.blobs.iter();
    let children = contents.children.iter();
    let absent: Vec<_> = blobs
        .filter(|digest| !repository.is_some_and(|r| r.blobs.contains_key(*digest)))
        .chain(
            children
                .filter(|digest| !repository.is_some_and(|r| r.manifests.contains_key(*digest))),
        )
        .map(|digest| {
            let words =
                format!("manifest references a manifest or blob unknown to registry: {digest}");
            ("MANIFEST_BLOB_UNKNOWN", words)
        })
        .collect();
    (!absent.is_empty()).then(|| Reply::errors(404, &absent))
}

fn delete(shared: &Shared, name: &str, reference: &str) -> Reply {
    let mut store = shared.store();
    let Some(repository) = store.repositories.get_mut(name) else { return name_unknown() };
    let there = match is_digest(reference) {
        true => {
            repository.tags.retain(|_, digest| digest != reference);
            repository.manifests.remove(reference).is_some()
        }
        false => repository.tags.remove(reference).is_some(),
    };
    if there { Reply::new(202) } else { unknown() }
}
