//! One request as it came in, and the answer that is meant for it.

use bytes::Bytes;
use hyper::{HeaderMap, Method, header::HeaderName};
use serde_json::{Value, json};

/// A request, its body read.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) method: Method,
    /// Percent-decoded, without the query.
    pub(crate) path: String,
    /// Path and query as they were sent.
    pub(crate) target: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Exchange {
    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }
}

/// Names and values of a form or a query.
pub(crate) fn form(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// An answer. Its `Content-Length` is the body's unless it says otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let reply = Self::new(status).with("Content-Type", "application/json; charset=utf-8");
        reply.body(body.to_string())
    }

    /// An error in the specification's shape.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::errors(status, &[(code, message.to_owned())])
    }

    pub(crate) fn errors(status: u16, errors: &[(&str, String)]) -> Self {
        let one = |(code, message): &(&str, String)| json!({ "code": code, "message": message });
        Self::json(status, &json!({ "errors": errors.iter().map(one).collect::<Vec<_>>() }))
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Puts a header in the place of those of this name; `None` only takes them away.
    pub(crate) fn set(&mut self, name: &str, value: Option<String>) {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.headers.extend(value.map(|value| (name.to_owned(), value)));
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}
