//! Why nothing was copied, or not all.

use std::{error::Error, fmt};

use crate::registry::RegistryError;

/// Why a copy was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyError {
    /// It is not a reference.
    BadReference(String),
    /// The destination does not take it, does not let us, or does not answer.
    Destination {
        /// Digest, tag or place.
        what: String,
        /// Why.
        error: RegistryError,
    },
    /// A part of the work ended without an answer.
    Interrupted,
    /// A manifest that cannot be followed.
    Malformed {
        /// Its digest.
        digest: String,
        /// What is wrong.
        why: String,
    },
    /// The destination has something else than what was stored.
    NotThere {
        /// Digest or tag.
        what: String,
        /// What was found.
        found: String,
    },
    /// The image is not for that platform, or several are.
    NoPlatform {
        /// The platform.
        wanted: String,
        /// Those that there are.
        there: Vec<String>,
    },
    /// The image has another digest than the reference says.
    OtherDigest {
        /// What the destination's reference says.
        expected: String,
        /// What it is.
        found: String,
    },
    /// Under a fallback tag is no list of referrers.
    Poisoned {
        /// The tag.
        tag: String,
        /// What is there.
        what: &'static str,
    },
    /// The source does not have it, does not let us, or does not answer.
    Source {
        /// Digest, tag or place.
        what: String,
        /// Why.
        error: RegistryError,
    },
    /// There is more than is looked at.
    TooMuch(String),
}

impl CopyError {
    pub(crate) fn source(what: &str, error: RegistryError) -> Self {
        Self::Source { what: what.to_owned(), error }
    }

    pub(crate) fn destination(what: &str, error: RegistryError) -> Self {
        Self::Destination { what: what.to_owned(), error }
    }

    /// What a place said.
    pub fn cause(&self) -> Option<&RegistryError> {
        match self {
            Self::Source { error, .. } | Self::Destination { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether the source does not have what was asked for.
    pub fn is_absent(&self) -> bool {
        matches!(
            self,
            Self::Source { error: RegistryError::Absent(_), .. } | Self::NoPlatform { .. }
        )
    }
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadReference(words) => f.write_str(words),
            Self::Destination { what, error } => write!(f, "destination: {what}: {error}"),
            Self::Interrupted => f.write_str("a part of the work ended without an answer"),
            Self::Malformed { digest, why } => {
                write!(f, "{digest} is no manifest that can be copied: {why}")
            }
            Self::NotThere { what, found } => {
                write!(f, "destination: {what} was stored and is not there: {found}")
            }
            Self::NoPlatform { wanted, there } => {
                let there = there.join(", ");
                write!(f, "not exactly one image is for {wanted}; there are: {there}")
            }
            Self::OtherDigest { expected, found } => {
                write!(f, "the image is {found}, and not {expected} as the destination says")
            }
            Self::Poisoned { tag, what } => write!(
                f,
                "the tag `{tag}` should list referrers and is {what}: `countersign copy --repair` puts a list there"
            ),
            Self::Source { what, error } => write!(f, "source: {what}: {error}"),
            Self::TooMuch(words) => f.write_str(words),
        }
    }
}

impl Error for CopyError {}
