//! What lint finds.

use std::fmt;

use countersign::{time::Time, wire::PolicyError};
use serde::Serialize;
use serde_json::Value;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Severity {
    /// The policy is refused.
    Error,
    /// It is weaker than it looks, or a part of it has no effect.
    Warning,
    /// It is easily misread.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// A reason code of the core, or `lint.…`.
    pub(super) code: String,
    /// A JSON pointer into the policy.
    pub(super) path: String,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) suggestion: Option<String>,
}

/// The findings so far, and the time that they are for.
pub(super) struct Lints {
    pub(super) now: Time,
    pub(super) found: Vec<Finding>,
}

/// What expires within this time is to be renewed.
const SOON: i64 = 30 * 86_400;

impl Lints {
    pub(super) fn new(now: Time) -> Self {
        Self { now, found: Vec::new() }
    }

    /// What weakens the policy; `advice` is what to do about it.
    pub(super) fn warn(
        &mut self,
        code: &str,
        path: &str,
        message: impl Into<String>,
        advice: &str,
    ) {
        self.add(Severity::Warning, code, path, message.into(), advice);
    }

    /// What is easily misread.
    pub(super) fn note(
        &mut self,
        code: &str,
        path: &str,
        message: impl Into<String>,
        advice: &str,
    ) {
        self.add(Severity::Note, code, path, message.into(), advice);
    }

    fn add(&mut self, severity: Severity, code: &str, path: &str, message: String, advice: &str) {
        let suggestion = Some(advice.to_owned()).filter(|advice| !advice.is_empty());
        let (code, path) = (format!("lint.{code}"), path.to_owned());
        self.found.push(Finding { severity, code, path, message, suggestion });
    }

    /// What the policy is refused for.
    pub(super) fn errors(&mut self, errors: &[PolicyError]) {
        self.found.extend(errors.iter().cloned().map(|error| Finding {
            severity: Severity::Error,
            code: error.code,
            path: error.path,
            message: error.message,
            suggestion: error.suggestion,
        }));
    }

    /// What stands in every decision: of an authority, a trust or a statement by its name.
    pub(super) fn reported(&mut self, warnings: &[String], document: &Value) {
        for warning in warnings {
            let code = match warning {
                w if w.contains("checks the key alone") => "key.alone",
                w if w.contains("does not check revocation") => "revocation.skipped",
                w if w.contains("do not count") => "trust.unusable",
                _ => "policy",
            };
            self.warn(code, &named_in(warning, document), warning.clone(), "");
        }
    }

    /// Something that ends.
    pub(super) fn ends(&mut self, code: &str, path: &str, what: &str, until: Time, then: &str) {
        if until <= self.now {
            self.warn(&format!("{code}.expired"), path, format!("{what} has ended, {until}"), then);
        } else if until.unix().saturating_sub(self.now.unix()) <= SOON {
            self.warn(
                &format!("{code}.expiring"),
                path,
                format!("{what} ends soon, {until}"),
                then,
            );
        }
    }
}

/// The place of what a warning begins with: ``authority `NAME` …``.
fn named_in(warning: &str, document: &Value) -> String {
    let place = |section: &str, name: &str| {
        let pointer = format!("/spec/{section}/{}", step(name));
        document.pointer(&pointer).map(|_| pointer)
    };
    let mut parts = warning.splitn(3, '`');
    let (what, name) = (parts.next().unwrap_or_default().trim(), parts.next().unwrap_or_default());
    let found = match what {
        // One that stands in the place of its name.
        "authority" if name.starts_with('/') => Some(name.to_owned()),
        "authority" => place("authorities", name),
        "trust" => place("trust", name),
        "statement" => Some("/spec/notationTrustPolicy".to_owned()),
        _ => None,
    };
    found.unwrap_or_else(|| "/spec".to_owned())
}

/// A member's name as a step of a JSON pointer.
pub(super) fn step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Every value that a pattern leads to, `*` for any member and `#` for any item.
pub(super) fn places<'v>(value: &'v Value, pattern: &str) -> Vec<(String, &'v Value)> {
    let mut open = vec![(String::new(), value)];
    for part in pattern.split('/').skip(1) {
        open = open
            .into_iter()
            .flat_map(|(at, value)| -> Vec<(String, &'v Value)> {
                match (value, part) {
                    (Value::Object(members), "*") => {
                        members.iter().map(|(n, v)| (format!("{at}/{}", step(n)), v)).collect()
                    }
                    (Value::Array(items), "#") => {
                        items.iter().enumerate().map(|(i, v)| (format!("{at}/{i}"), v)).collect()
                    }
                    (Value::Object(members), name) => {
                        members.get(name).map(|v| (format!("{at}/{name}"), v)).into_iter().collect()
                    }
                    _ => Vec::new(),
                }
            })
            .collect();
    }
    open
}

/// Visits every object of a document, with its place.
pub(super) fn objects<'v>(
    value: &'v Value,
    at: &str,
    visit: &mut dyn FnMut(&str, &'v serde_json::Map<String, Value>),
) {
    match value {
        Value::Object(members) => {
            visit(at, members);
            for (name, value) in members {
                objects(value, &format!("{at}/{}", step(name)), visit);
            }
        }
        Value::Array(items) => {
            for (i, value) in items.iter().enumerate() {
                objects(value, &format!("{at}/{i}"), visit);
            }
        }
        _ => {}
    }
}

/// A date, which begins at 00:00Z, or RFC 3339.
pub(super) fn instant(text: &str) -> Option<Time> {
    Time::parse(text).or_else(|| Time::parse(&format!("{text}T00:00:00Z")))
}
