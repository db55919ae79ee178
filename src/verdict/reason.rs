//! One reason: code, what was expected, what was found, what to do next.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Code;

/// Why something did not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reason {
    /// Stable, documented in `docs/reasons.md`.
    pub code: Code,
    /// One line: lower case, no final period, what the input said in backticks.
    pub message: String,
    /// What would have passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Reason {
    /// A reason with the code's own words.
    pub fn of(code: Code) -> Self {
        Self::new(code, code.summary())
    }

    /// A reason with its own words.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: shown(message.into().into_owned()),
            expected: None,
            found: None,
            next: code.next_step().map(str::to_owned),
        }
    }

    /// With what would have passed.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(shown(expected.into()));
        self
    }

    /// With what was there.
    #[must_use]
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(shown(found.into()));
        self
    }

    /// With what to do about it, in place of the code's general advice.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

/// Characters of one text of a decision. What it says of hostile input may be cut off, so that an
/// answer stays small whatever it is about.
const MOST_SHOWN: usize = 2000;

/// A text that is short enough to be shown.
pub(crate) fn shown(mut text: String) -> String {
    if text.len() > MOST_SHOWN
        && let Some((end, _)) = text.char_indices().nth(MOST_SHOWN)
    {
        text.truncate(end);
        text.push('…');
    }
    text
}
