//! What came in and what went out.

use std::io::{self, Write};

use serde_json::json;

/// Bytes of a request's body that are kept.
pub(crate) const MAX_BODY: usize = 64 << 10;

/// One request and its answer. It is written down before the first byte of the answer leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// `GET` and so on.
    pub method: String,
    /// Path and query as they were sent.
    pub path: String,
    /// The request's headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The request's body, of a large one its first 64 KiB.
    pub body: Vec<u8>,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// The answer's status; 0 where the connection ends without one.
    pub status: u16,
    /// Bytes of the answer's body that are meant to leave.
    pub bytes_out: u64,
    /// Which connection it came by, from 1.
    pub connection: u64,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
    /// Whose credentials were shown and taken.
    pub user: Option<String>,
}

impl Logged {
    /// The first header of this name, which is given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// One line of JSON, without credentials and body.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let headers: serde_json::Map<_, _> = self
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), shown(name, value).into()))
            .collect();
        let line = json!({
            "method": self.method,
            "path": self.path,
            "headers": headers,
            "bytesIn": self.bytes_in,
            "status": self.status,
            "bytesOut": self.bytes_out,
            "connection": self.connection,
            "version": self.version,
            "user": self.user,
        });
        writeln!(out, "{line}")
    }
}

/// Of what authorizes only its kind.
fn shown(name: &str, value: &str) -> String {
    match name {
        "authorization" | "proxy-authorization" | "cookie" => {
            let kind = value.split_once(' ').map_or("", |(kind, _)| kind);
            format!("{kind} (hidden)").trim_start().to_owned()
        }
        _ => value.to_owned(),
    }
}
