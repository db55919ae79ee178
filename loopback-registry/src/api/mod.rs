//! The endpoints of the distribution specification.

mod blob;
mod list;
mod manifest;
mod referrers;
mod upload;

use hyper::{Method, header};

use crate::{
    auth::{Admitted, TOKEN_PATH},
    digest::is_digest,
    exchange::{Exchange, Reply},
    registry::Shared,
};

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Base,
    Catalog,
    Token,
    Blob {
        name: &'a str,
        digest: &'a str,
    },
    Manifest {
        name: &'a str,
        reference: &'a str,
    },
    Referrers {
        name: &'a str,
        digest: &'a str,
    },
    Tags {
        name: &'a str,
    },
    /// With an empty `id`: where uploads begin.
    Upload {
        name: &'a str,
        id: &'a str,
    },
}

impl<'a> Route<'a> {
    pub(crate) fn of(path: &'a str) -> Option<Self> {
        match path {
            "/v2" | "/v2/" => return Some(Self::Base),
            "/v2/_catalog" => return Some(Self::Catalog),
            TOKEN_PATH => return Some(Self::Token),
            _ => {}
        }
        let rest = path.strip_prefix("/v2/")?;
        if let Some(name) = rest.strip_suffix("/blobs/uploads") {
            return Some(Self::Upload { name, id: "" });
        }
        if let Some((name, id)) = rest.rsplit_once("/blobs/uploads/") {
            return Some(Self::Upload { name, id });
        }
        let (head, last) = rest.rsplit_once('/')?;
        let (name, kind) = head.rsplit_once('/')?;
        match (kind, last) {
            ("tags", "list") => Some(Self::Tags { name }),
            ("manifests", reference) => Some(Self::Manifest { name, reference }),
            ("blobs", digest) => Some(Self::Blob { name, digest }),
            ("referrers", digest) => Some(Self::Referrers { name, digest }),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> Option<&'a str> {
        match self {
            Self::Base | Self::Catalog | Self::Token => None,
            Self::Blob { name, .. }
            | Self::Manifest { name, .. }
            | Self::Referrers { name, .. }
            | Self::Tags { name }
            | Self::Upload { name, .. } => Some(name),
        }
    }
}

/// The registry's own answer to what was let in.
pub(crate) fn answer(shared: &Shared, exchange: &Exchange, admitted: &Admitted) -> Reply {
    let Some(route) = Route::of(&exchange.path) else { return not_found() };
    if let Some(name) = route.name()
        && !is_name(name)
    {
        return Reply::error(400, "NAME_INVALID", "invalid repository name");
    }
    let reply = routed(shared, exchange, admitted, route);
    let reads = matches!(exchange.method, Method::GET | Method::HEAD);
    let kept = match route.name() {
        Some(name) if !reads && reply.is_success() => shared.keep(name),
        _ => Ok(()),
    };
    match kept {
        Ok(()) => reply.with("Docker-Distribution-Api-Version", "registry/2.0"),
        Err(e) => Reply::error(500, "UNKNOWN", &format!("the repository cannot be kept: {e}")),
    }
}

fn routed(shared: &Shared, exchange: &Exchange, admitted: &Admitted, route: Route<'_>) -> Reply {
    let reads = matches!(exchange.method, Method::GET | Method::HEAD);
    match route {
        Route::Token => shared.options.auth.token(exchange).unwrap_or_else(not_found),
        Route::Base if reads => Reply::json(200, &serde_json::json!({})),
        Route::Catalog if reads => list::catalog(shared, exchange),
        Route::Tags { name } if reads => list::tags(shared, exchange, name),
        Route::Referrers { .. } if !shared.options.referrers => not_found(),
        Route::Referrers { name, digest } if reads => {
            referrers::list(shared, exchange, name, digest)
        }
        Route::Manifest { name, reference } => manifest::answer(shared, exchange, name, reference),
        Route::Blob { name, digest } => blob::answer(shared, exchange, name, digest),
        Route::Upload { name, id } => upload::answer(shared, exchange, admitted, name, id),
        _ => unsupported(),
    }
}

/// What a registry says that does not know the endpoint.
fn not_found() -> Reply {
    Reply::new(404).with("Content-Type", "text/plain; charset=utf-8").body("404 page not found\n")
}

fn unsupported() -> Reply {
    Reply::error(405, "UNSUPPORTED", "the operation is unsupported")
}

fn name_unknown() -> Reply {
    Reply::error(404, "NAME_UNKNOWN", "repository name not known to registry")
}

fn digest_invalid() -> Reply {
    Reply::error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
}

/// Bytes of a manifest or blob, the headers that go with both.
fn content(digest: &str, media_type: &str) -> Reply {
    Reply::new(200)
        .with(header::CONTENT_TYPE.as_str(), media_type)
        .with("Docker-Content-Digest", digest)
        .with(header::ETAG.as_str(), format!("\"{digest}\""))
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, components joined by `/`.
fn is_name(name: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let component = |part: &str| {
        let ends = part.starts_with(alphanumeric) && part.ends_with(alphanumeric);
        let mut separators = part.split(alphanumeric).filter(|s| !s.is_empty());
        ends && separators.all(|s| matches!(s, "." | "_" | "__") || s.chars().all(|c| c == '-'))
    };
    name.split('/').all(component)
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
pub(crate) fn is_tag(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= 128
        && text.starts_with(word)
        && text.chars().all(|c| word(c) || matches!(c, '.' | '-'))
}

fn is_reference(text: &str) -> bool {
    is_tag(text) || is_digest(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_specification() {
        for name in ["a", "a/b", "a.b", "a_b", "a__b", "a---b", "0/9.x/a-b"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "A", "a//b", "/a", "a/", "a..b", "a___b", "-a", "a-", "a.-b", "ä"] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_tag("_v1.2-x") && !is_tag(".v") && !is_tag("") && !is_tag(&"a".repeat(129)));
    }

    #[test]
    fn paths_are_read_from_their_end() {
        let path = "/v2/blobs/manifests/manifests/1";
        let route = Route::Manifest { name: "blobs/manifests", reference: "1" };
        assert_eq!(Route::of(path), Some(route));
        assert_eq!(Route::of("/v2/a/blobs/uploads/"), Some(Route::Upload { name: "a", id: "" }));
        assert_eq!(Route::of("/v2/a/tags/list"), Some(Route::Tags { name: "a" }));
        assert_eq!(Route::of("/v1/"), None);
    }
}
