//! Services that hand out tokens: how they are spoken to, and what their answers mean.

use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign::time::Time;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{AuthError, Secret, error::words};
use crate::http::{Call, Failure, Http, Reply, Url, authority, is_loopback};

/// Bytes of an answer. A token has some kilobytes, a Kubernetes object at most 1.5 MiB (etcd's limit of
/// a request).
const MAX_ANSWER: u64 = 2 << 20;
/// Content type of a form.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// What sends requests: [`Http`], or something before it.
pub trait Transport: Send + Sync {
    /// Sends one, and reads the answer.
    ///
    /// # Errors
    /// When there is no answer, or none that can be used.
    fn send(&self, call: &mut Call<'_>) -> Result<Reply, Failure>;
}

impl Transport for Http {
    fn send(&self, call: &mut Call<'_>) -> Result<Reply, Failure> {
        Self::send(self, call)
    }
}

/// One service, as messages name it.
#[derive(Clone, Copy)]
pub(super) struct Service<'a> {
    pub(super) place: &'a str,
    pub(super) transport: &'a dyn Transport,
}

impl Service<'_> {
    /// Sends, whatever the status of the answer.
    pub(super) fn send(&self, call: Call<'_>) -> Result<Reply, AuthError> {
        let mut call = call.max_bytes(MAX_ANSWER);
        self.transport
            .send(&mut call)
            .map_err(|failure| AuthError::unavailable(self.place, failure.to_string()))
    }

    /// The answer, if it is good news.
    pub(super) fn ask(&self, call: Call<'_>) -> Result<Reply, AuthError> {
        let reply = self.send(call)?;
        match reply.status {
            200..=299 => Ok(reply),
            _ => Err(self.refusal(&reply)),
        }
    }

    /// The answer, if it is JSON.
    pub(super) fn ask_json(&self, call: Call<'_>) -> Result<Value, AuthError> {
        let reply = self.ask(call)?;
        // The parser's own words could have the token in them.
        serde_json::from_slice(&reply.bytes).map_err(|_| self.garbled("is not JSON"))
    }

    /// What a status means that is no good news.
    pub(super) fn refusal(&self, reply: &Reply) -> AuthError {
        let text = complaint(&reply.bytes);
        let message = format!("status {} {text}", reply.status);
        let message = message.trim_end();
        match reply.status {
            // AWS says so in the body and not by the status.
            400..=499 if reply.status != 429 && !text.contains("Throttl") => {
                AuthError::denied(self.place, message)
            }
            _ => AuthError::unavailable(self.place, message),
        }
    }

    /// That an answer makes no sense.
    pub(super) fn garbled(&self, what: &str) -> AuthError {
        AuthError::unavailable(self.place, format!("its answer {what}"))
    }

    /// A text that the answer must have, in a header or form later on.
    pub(super) fn secret(&self, answer: &Value, pointer: &str) -> Result<Secret, AuthError> {
        let text = answer.pointer(pointer).and_then(Value::as_str).map(Secret::new);
        let name = pointer.rsplit('/').next().unwrap_or(pointer);
        text.filter(Secret::is_token).ok_or_else(|| self.garbled(&format!("has no `{name}`")))
    }
}

/// What a service says of an error, in the shapes of OAuth 2.0, Google, AWS, registries, Kubernetes.
fn complaint(bytes: &[u8]) -> String {
    let Ok(json) = serde_json::from_slice::<Value>(bytes) else {
        let xml = String::from_utf8_lossy(bytes);
        let part = |name| element(&xml, name).unwrap_or_default();
        return words(format!("{} {}", part("Code"), part("Message")).as_bytes());
    };
    let part = |pointer: &str| json.pointer(pointer).and_then(Value::as_str);
    let first = |pointers: &[&str]| pointers.iter().find_map(|p| part(p)).unwrap_or_default();
    let code = first(&["/error", "/error/status", "/__type", "/code", "/Code", "/errors/0/code"]);
    let message = first(&[
        "/error_description",
        "/error/message",
        "/message",
        "/Message",
        "/errors/0/message",
    ]);
    words(format!("{code} {message}").as_bytes())
}

/// The text of the first element of a name, where it is plain.
pub(super) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    (!text.contains(['<', '&'])).then_some(text.trim())
}

/// `application/x-www-form-urlencoded`.
pub(super) fn form(fields: &[(&str, &str)]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        encode(&mut text, name);
        text.push('=');
        encode(&mut text, value);
    }
    text
}

/// RFC 3986 §2.3: all but unreserved characters as percent and two digits.
fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// An endpoint that somebody has configured: `https`, or plain HTTP to this machine or one of the hosts
/// of `plain`, which are those of metadata services.
pub(super) fn endpoint(name: &str, text: &str, plain: &[&str]) -> Result<Url, AuthError> {
    let wrong = |why: &str| AuthError::misconfigured(name.to_owned(), format!("`{text}` {why}"));
    if text.contains('@') {
        return Err(AuthError::misconfigured(name.to_owned(), "a URL with a user in it"));
    }
    let url = Url::parse(text).map_err(|_| wrong("is no URL"))?;
    let host = authority(&url);
    let allowed = match url.scheme() {
        "https" => true,
        "http" => is_loopback(&host) || plain.contains(&host.as_str()),
        _ => false,
    };
    if !allowed || host.is_empty() {
        return Err(wrong("is neither https nor on this machine"));
    }
    if url.fragment().is_some() {
        return Err(wrong("has a fragment"));
    }
    Ok(url)
}

/// A URL of our own making, or of validated parts.
pub(super) fn url(text: &str) -> Result<Url, AuthError> {
    Url::parse(text).map_err(|_| AuthError::misconfigured(format!("`{text}`"), "is no URL"))
}

/// RFC 3339 to the clock's type.
pub(super) fn instant(text: &str) -> Option<SystemTime> {
    from_unix(u64::try_from(Time::parse(text)?.unix()).ok()?)
}

/// Seconds of Unix time to the clock's type.
pub(super) fn from_unix(seconds: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// The end of a JWT, as it says itself: to know when to ask again, and for nothing else.
pub(super) fn jwt_end(token: &str) -> Option<SystemTime> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    from_unix(claims.get("exp")?.as_u64()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded_whatever_is_in_them() {
        let form = form(&[("a", "b c"), ("t", "ey.J-_~/+=&%"), ("u", "é")]);
        assert_eq!(*form, "a=b%20c&t=ey.J-_~%2F%2B%3D%26%25&u=%C3%A9");
    }

    #[test]
    fn endpoints_are_encrypted_or_here() {
        for good in ["https://sts.example", "http://127.0.0.1:4566", "http://[::1]/", "http://m/"] {
            assert!(endpoint("X", good, &["m"]).is_ok(), "{good}");
        }
        for bad in ["http://sts.example", "http://m.evil", "ftp://m", "sts.example", "https://u@h/"]
        {
            let error = endpoint("X", bad, &["m"]).unwrap_err().to_string();
            assert!(error.starts_with("X: "), "{error}");
        }
    }

    #[test]
    fn complaints_are_read_in_each_dialect() {
        for (body, expected) in [
            (
                r#"{"error":"invalid_client","error_description":"AADSTS7000215: bad"}"#,
                "invalid_client AADSTS7000215: bad",
            ),
            (
                r#"{"error":{"code":403,"message":"no","status":"PERMISSION_DENIED"}}"#,
                "PERMISSION_DENIED no",
            ),
            (
                r#"{"__type":"AccessDeniedException","message":"not you"}"#,
                "AccessDeniedException not you",
            ),
            (r#"{"errors":[{"code":"UNAUTHORIZED","message":"x"}]}"#, "UNAUTHORIZED x"),
            (
                "<E><Error><Code>ExpiredToken</Code><Message>late</Message></Error></E>",
                "ExpiredToken late",
            ),
            ("<html>", ""),
        ] {
            assert_eq!(complaint(body.as_bytes()), expected);
        }
    }

    #[test]
    fn the_end_of_a_token_is_read_from_it() {
        let token = format!("h.{}.s", URL_SAFE_NO_PAD.encode(r#"{"exp":1700000000}"#));
        assert_eq!(jwt_end(&token), from_unix(1_700_000_000));
        for bad in ["", "a", "a.b.c", "a.e30.c"] {
            assert_eq!(jwt_end(bad), None, "{bad}");
        }
    }
}
