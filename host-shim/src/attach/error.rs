//! Why something was not attached.

use std::{error::Error, fmt};

use crate::{copy::CopyError, registry::RegistryError};

/// Why something was not attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttachError {
    /// It is about another image.
    OtherImage {
        /// What it names.
        named: String,
        /// The image that it was to be attached to.
        image: String,
    },
    /// The place of the image, or a list there.
    Place(CopyError),
    /// It can be read, and cannot be attached.
    Unfit(String),
    /// It is not what it should be.
    Unreadable {
        /// Which file.
        what: &'static str,
        /// Why.
        why: String,
    },
}

impl AttachError {
    pub(super) fn unreadable(what: &'static str, why: impl fmt::Display) -> Self {
        Self::Unreadable { what, why: why.to_string() }
    }

    pub(super) fn store(what: &str, error: RegistryError) -> Self {
        Self::Place(CopyError::source(what, error))
    }
}

impl From<CopyError> for AttachError {
    fn from(error: CopyError) -> Self {
        Self::Place(error)
    }
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherImage { named, image } => {
                write!(f, "it is about {named}, and not about the image {image}")
            }
            // Source and destination are one place here.
            Self::Place(
                CopyError::Source { what, error } | CopyError::Destination { what, error },
            ) => {
                write!(f, "{what}: {error}")
            }
            Self::Place(error) => error.fmt(f),
            Self::Unfit(words) => f.write_str(words),
            Self::Unreadable { what, why } => write!(f, "the {what} cannot be read: {why}"),
        }
    }
}

impl Error for AttachError {}
