//! What goes wrong, and when.

use std::{sync::Mutex, time::Duration};

use crate::{
    exchange::Reply,
    outgoing::{End, Pace},
    registry::lock,
};

/// A rule: which requests meet it, what happens to them, and to how many.
///
/// Every rule that a request meets applies to it, in the order in which they were given. A request that
/// authentication turns away meets only rules with [`When::turned_away`].
#[derive(Clone, Debug)]
pub struct Fault {
    /// Which requests.
    pub when: When,
    /// What happens.
    pub what: What,
    /// To how many of them, one after the other; [`Fault::new`] means all.
    pub times: u64,
}

impl Fault {
    /// Happens to every request.
    #[must_use]
    pub fn new(what: What) -> Self {
        Self { when: When::default(), what, times: u64::MAX }
    }

    /// Happens to requests with this method and a path that matches this pattern, as [`When::path`] has them.
    #[must_use]
    pub fn on(method: &str, path: &str, what: What) -> Self {
        let when = When { method: Some(method.into()), path: path.into(), ..When::default() };
        Self { when, ..Self::new(what) }
    }

    /// Only to so many.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// From the n-th matching request on, counted from 1.
    #[must_use]
    pub fn from(mut self, nth: u64) -> Self {
        self.when.nth = nth;
        self
    }

    /// Also to requests that authentication turns away, before they are.
    #[must_use]
    pub fn even_turned_away(mut self) -> Self {
        self.when.turned_away = true;
        self
    }
}

/// Which requests meet a rule.
#[derive(Clone, Debug)]
pub struct When {
    /// The method; `None` is any.
    pub method: Option<String>,
    /// The path, `*` standing for any characters, `/` too. A pattern with `?` is held against path and query.
    pub path: String,
    /// The first matching request that meets it, counted from 1.
    pub nth: u64,
    /// Also those that authentication turns away.
    pub turned_away: bool,
}

impl Default for When {
    fn default() -> Self {
        Self { method: None, path: "*".into(), nth: 1, turned_away: false }
    }
}

impl When {
    fn matches(&self, method: &str, target: &str, let_in: bool) -> bool {
        let path = if self.path.contains('?') { target } else { path_of(target) };
        (let_in || self.turned_away)
            && self.method.as_ref().is_none_or(|m| m.eq_ignore_ascii_case(method))
            && glob(&self.path, path)
    }
}

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum What {
    /// Is answered with this body instead, all else as it is.
    Body(Vec<u8>),
    /// The answer says its whole length, and the connection ends after so many bytes of the body.
    CutBody(usize),
    /// The answer comes only after this time.
    Delay(Duration),
    /// Every page of a list names a next one.
    EndlessPages,
    /// After the body come so many spaces more; no length is said.
    Flood(u64),
    /// The answer has this header instead of its own; with `None` it has none of this name.
    Header(String, Option<String>),
    /// It is carried out, and the connection ends without an answer.
    LoseReply,
    /// The answer says this media type.
    MediaType(String),
    /// No length is said: HTTP/1.1 sends the body in chunks.
    NoLength,
    /// It is not carried out, but sent elsewhere with status 307; `{}` in this stands for path and query.
    Redirect(String),
    /// It is not carried out, but sent to itself with status 307.
    RedirectLoop,
    /// It is not carried out, and the connection is reset. Over HTTP/2 only its stream is.
    Reset,
    /// It is not carried out, but answered 429 with this `Retry-After`.
    RetryAfter(String),
    /// The body leaves slowly: so many bytes, and then a pause, again and again.
    SlowBody {
        /// Bytes before each pause.
        bytes: usize,
        /// How long it is.
        pause: Duration,
    },
    /// It is not carried out, but answered so.
    Status {
        /// The status.
        status: u16,
        /// All headers but the length.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// One bit of the body is another.
    WrongBytes,
    /// `Docker-Content-Digest` says this.
    WrongDigestHeader(String),
    /// `Content-Length` says so many bytes more than there are, or fewer.
    WrongLength(i64),
}

impl What {
    /// A plain answer of this status instead.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Status { status, headers: Vec::new(), body: Vec::new() }
    }

    /// What is answered instead of what was asked for.
    fn instead(&self, target: &str) -> Option<Reply> {
        match self {
            Self::Redirect(to) => Some(Reply::new(307).with("Location", to.replace("{}", target))),
            Self::RedirectLoop => Some(Reply::new(307).with("Location", target)),
            Self::RetryAfter(value) => {
                let reply = Reply::error(429, "TOOMANYREQUESTS", "too many requests");
                Some(reply.with("Retry-After", value))
            }
            Self::Reset => Some(Reply::new(0)),
            Self::Status { status, headers, body } => {
                let reply = Reply { headers: headers.clone(), ..Reply::new(*status) };
                Some(reply.body(body.clone()))
            }
            _ => None,
        }
    }
}

/// How an answer is sent.
#[derive(Debug, Default)]
pub(crate) struct Sending {
    pub(crate) delay: Duration,
    pub(crate) length: Length,
    pub(crate) pace: Option<Pace>,
    pub(crate) end: End,
    /// Which end of the connection there is instead of an answer.
    pub(crate) silence: Option<Silence>,
}

impl Sending {
    /// How many bytes of this body leave.
    pub(crate) fn bytes(&self, body: &[u8]) -> u64 {
        let bytes = body.len() as u64;
        match (&self.length, self.end) {
            (Length::Off(off), _) => bytes.min(bytes.saturating_add_signed(*off)),
            (_, End::Flood(more)) => bytes.saturating_add(more),
            _ => bytes,
        }
    }
}

/// What `Content-Length` says.
#[derive(Debug, Default)]
pub(crate) enum Length {
    #[default]
    True,
    Off(i64),
    Unsaid,
}

/// How a connection ends without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    Close,
    Reset,
}

/// The rules that one request meets.
pub(crate) struct Met(Vec<(What, u64)>);

impl Met {
    /// The answer that takes the place of the registry's.
    pub(crate) fn instead(&self, target: &str) -> Option<Reply> {
        self.0.iter().find_map(|(what, _)| what.instead(target))
    }

    /// Changes an answer, and says how to send it.
    pub(crate) fn change(&self, target: &str, reply: &mut Reply) -> Sending {
        let mut sending = Sending::default();
        for (what, count) in &self.0 {
            match what {
                What::Body(body) => reply.body = body.clone().into(),
                What::CutBody(after) => {
                    reply.set("Content-Length", Some(reply.body.len().to_string()));
                    reply.body.truncate(*after);
                    sending.end = End::Cut;
                }
                What::Delay(time) => sending.delay = sending.delay.saturating_add(*time),
                What::EndlessPages => reply.set("Link", Some(next_page(target, *count))),
                What::Flood(bytes) => {
                    sending.length = Length::Unsaid;
                    sending.end = End::Flood(*bytes);
                }
                What::Header(name, value) => reply.set(name, value.clone()),
                What::LoseReply => sending.silence = Some(Silence::Close),
                What::MediaType(is) => reply.set("Content-Type", Some(is.clone())),
                What::NoLength => sending.length = Length::Unsaid,
                What::Reset => sending.silence = Some(Silence::Reset),
                What::SlowBody { bytes, pause } => {
                    sending.pace = Some(Pace { bytes: (*bytes).max(1), pause: *pause });
                }
                What::WrongBytes => flip(reply),
                What::WrongDigestHeader(is) => reply.set("Docker-Content-Digest", Some(is.clone())),
                What::WrongLength(off) => {
                    sending.length = Length::Off(*off);
                    if *off > 0 {
                        sending.end = End::Cut;
                    }
                }
                What::Redirect(_)
                | What::RedirectLoop
                | What::RetryAfter(_)
                | What::Status { .. } => {}
            }
        }
        sending
    }
}

/// The rules, and how often each was met.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<(Fault, u64)>>);

impl Faults {
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        Self(Mutex::new(faults.into_iter().map(|fault| (fault, 0)).collect()))
    }

    pub(crate) fn add(&self, fault: Fault) {
        lock(&self.0).push((fault, 0));
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }

    pub(crate) fn met_by(&self, method: &str, target: &str, let_in: bool) -> Met {
        let mut met = Vec::new();
        for (fault, count) in lock(&self.0).iter_mut() {
            if !fault.when.matches(method, target, let_in) {
                continue;
            }
            *count += 1;
            let first = fault.when.nth.max(1);
            if *count >= first && *count - first < fault.times {
                met.push((fault.what.clone(), *count));
            }
        }
        Met(met)
    }
}

fn path_of(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

fn next_page(target: &str, count: u64) -> String {
    let joint = if target.contains('?') { '&' } else { '?' };
    format!("<{target}{joint}page={count}>; rel=\"next\"")
}

fn flip(reply: &mut Reply) {
    let mut bytes = reply.body.to_vec();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    reply.body = bytes.into();
}

/// Whether a pattern with `*` matches the whole text.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, is) in [
            ("*", "", true),
            ("*", "/v2/", true),
            ("/v2/*/blobs/*", "/v2/a/b/blobs/sha256:1", true),
            ("/v2/*/blobs/*", "/v2/a/manifests/1", false),
            ("/v2/", "/v2/", true),
            ("/v2/", "/v2/a", false),
            ("/v2/*1", "/v2/1", true),
            ("/v2/1*1", "/v2/1", false),
            ("*a*b", "ab", true),
            ("*a*b", "ba", false),
        ] {
            assert_eq!(glob(pattern, text), is, "{pattern} {text}");
        }
    }

    #[test]
    fn a_rule_counts_what_it_matches_and_applies_to_so_many_from_the_nth_on() {
        let faults = Faults::new(vec![
            Fault::on("GET", "/a*", What::status(500)).from(2).times(2),
            Fault::on("GET", "/b?x=*", What::status(501)),
            Fault::on("GET", "/c", What::status(502)).even_turned_away(),
        ]);
        let status = |method, target, let_in| {
            faults.met_by(method, target, let_in).instead(target).map(|reply| reply.status)
        };
        assert_eq!(status("GET", "/a", true), None);
        assert_eq!(status("POST", "/a", true), None, "another method is not counted");
        assert_eq!(status("GET", "/a", false), None, "nor what is turned away");
        assert_eq!(status("GET", "/a?n=1", true), Some(500));
        assert_eq!(status("GET", "/ab", true), Some(500));
        assert_eq!(status("GET", "/a", true), None);
        assert_eq!(status("GET", "/b", true), None);
        assert_eq!(status("GET", "/b?x=1", true), Some(501));
        assert_eq!(status("GET", "/c", false), Some(502));
    }
}
