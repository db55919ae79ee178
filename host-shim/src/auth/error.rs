//! Why there are no credentials although there should be.

use std::fmt;

/// Why a source has no answer. Not to know a host is no error: that is an empty list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// Somebody asked for credentials has refused them.
    Denied {
        /// Who, such as a helper, a file or a service.
        place: String,
        /// In its words, as far as they can be shown.
        message: String,
    },
    /// What is configured cannot work until it is changed.
    Misconfigured {
        /// The file, variable or program.
        place: String,
        /// What is wrong, and what to do.
        message: String,
    },
    /// There was no usable answer; there may be one later.
    Unavailable {
        /// Who did not answer.
        place: String,
        /// What happened.
        message: String,
    },
}

impl AuthError {
    pub(super) fn denied(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Denied { place: place.into(), message: message.into() }
    }

    pub(super) fn misconfigured(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Misconfigured { place: place.into(), message: message.into() }
    }

    pub(super) fn unavailable(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Unavailable { place: place.into(), message: message.into() }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied { place, message } => write!(f, "{place} refuses credentials: {message}"),
            Self::Misconfigured { place, message } => write!(f, "{place}: {message}"),
            Self::Unavailable { place, message } => {
                write!(f, "{place} gives no credentials: {message}")
            }
        }
    }
}

impl std::error::Error for AuthError {}

/// A stranger's words for a message: one line, and not long.
pub(super) fn words(bytes: &[u8]) -> String {
    /// As many characters as a terminal shows in two or three lines.
    const MAX_WORDS: usize = 200;
    let text = String::from_utf8_lossy(bytes);
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_WORDS).collect()
}
