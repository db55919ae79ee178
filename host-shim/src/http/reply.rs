//! What comes back.

use std::{
    error::Error,
    fmt,
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use reqwest::{
    Version,
    blocking::Response,
    header::{HeaderMap, HeaderName},
    tls::TlsInfo,
};
use serde_json::Value;

use super::{gate::Turn, header};

/// Bytes of an error's body that are read for its message.
const MAX_ERROR_BODY: u64 = 8 << 10;

/// No answer that could be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It makes no sense.
    Garbled(String),
    /// It has more bytes than this.
    TooLarge(u64),
    /// It did not come, or not whole.
    Transport(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Garbled(message) | Self::Transport(message) => f.write_str(message),
            Self::TooLarge(most) => write!(f, "larger than {most} bytes"),
        }
    }
}

impl Error for Failure {}

impl Failure {
    pub(crate) fn of(error: &reqwest::Error, host: &str) -> Self {
        let causes = || causes(error).skip(1);
        let is_parse = |e: &(dyn Error + 'static)| {
            e.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)
        };
        if causes().any(is_parse) {
            return Self::Garbled(format!("`{host}` does not answer in HTTP"));
        }
        if error.is_timeout() {
            return Self::Transport(format!("`{host}`: timed out"));
        }
        // The outer messages repeat the URL, whose query may hold what is not to be shown.
        let cause = causes().last().map_or_else(|| "failed".to_owned(), ToString::to_string);
        Self::Transport(format!("`{host}`: {cause}"))
    }
}

/// An answer with a status.
#[derive(Debug)]
pub struct Reply {
    /// Of HTTP.
    pub status: u16,
    /// All of them.
    pub headers: HeaderMap,
    /// The body. Of an error, its first 8 KiB.
    pub bytes: Vec<u8>,
    /// A redirect led to another origin than the one that was asked, and that one speaks here.
    pub elsewhere: bool,
}

impl Reply {
    /// A header that is text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Content-Type` without its parameters.
    pub fn media_type(&self) -> Option<&str> {
        self.header(header::CONTENT_TYPE)?.split(';').next().map(str::trim)
    }

    /// The status and the registry's words.
    pub fn message(&self) -> String {
        let words = serde_json::from_slice::<Value>(&self.bytes).ok().and_then(|body| {
            let error = body.pointer("/errors/0")?;
            let part = |name| error.get(name).and_then(Value::as_str).unwrap_or_default();
            Some(format!("{} {}", part("code"), part("message")))
        });
        let words: String =
            words.unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect();
        format!("status {} {}", self.status, words.trim()).trim_end().to_owned()
    }
}

/// An answer whose body is still to be read, and counted as it is.
pub struct Stream {
    /// Of HTTP.
    pub status: u16,
    /// All of them.
    pub headers: HeaderMap,
    /// Of HTTP.
    pub version: Version,
    /// Over TLS: the host's certificate, DER.
    pub certificate: Option<Vec<u8>>,
    /// A redirect led to another origin than the one that was asked, and that one speaks here.
    pub elsewhere: bool,
    /// The length is said of a body that does not come.
    is_head: bool,
    response: Response,
    count: Arc<AtomicU64>,
    _turn: Option<Turn>,
}

impl Stream {
    pub(super) fn new(
        mut response: Response,
        is_head: bool,
        turn: Option<Turn>,
        count: Arc<AtomicU64>,
    ) -> Self {
        let headers = std::mem::take(response.headers_mut());
        let (status, version) = (response.status().as_u16(), response.version());
        let tls = response.extensions().get::<TlsInfo>();
        let certificate = tls.and_then(TlsInfo::peer_certificate).map(<[u8]>::to_vec);
        let elsewhere = false;
        Self {
            status,
            headers,
            version,
            certificate,
            elsewhere,
            is_head,
            response,
            count,
            _turn: turn,
        }
    }

    /// A header that is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Bytes of the body, as the host says.
    pub fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// The whole body, of at most so many bytes; of an error, its start.
    ///
    /// # Errors
    /// When it is larger, or breaks off.
    pub fn into_reply(mut self, max_bytes: u64) -> Result<Reply, Failure> {
        let bytes = match self.status {
            _ if self.is_head => Vec::new(),
            200..=299 => self.whole(max_bytes)?,
            _ => {
                let mut bytes = Vec::new();
                // The status says it; the body only adds words.
                let _ = Read::take(&mut self, MAX_ERROR_BODY).read_to_end(&mut bytes);
                bytes
            }
        };
        let Self { status, headers, elsewhere, .. } = self;
        Ok(Reply { status, headers, bytes, elsewhere })
    }

    fn whole(&mut self, max_bytes: u64) -> Result<Vec<u8>, Failure> {
        if self.length().is_some_and(|length| length > max_bytes) {
            return Err(Failure::TooLarge(max_bytes));
        }
        let mut bytes = Vec::new();
        let result = Read::take(&mut *self, max_bytes.saturating_add(1)).read_to_end(&mut bytes);
        result.map_err(|e| Failure::Transport(format!("the answer breaks off: {}", root(&e))))?;
        if bytes.len() as u64 > max_bytes {
            return Err(Failure::TooLarge(max_bytes));
        }
        Ok(bytes)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.response.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

fn root(error: &io::Error) -> String {
    causes(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

/// An error, what it comes from, and so on.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}
