//! Strings and bytes.

use std::{ops::Deref, sync::Arc};

/// A string, borrowed or shared.
#[derive(Clone, Debug)]
pub enum Text<'a> {
    /// Part of the program or of what it is evaluated with.
    Borrowed(&'a str),
    /// Made by an expression.
    Shared(Arc<str>),
}

impl<'a> Text<'a> {
    /// A part of it, without a copy where that is possible.
    pub(crate) fn part(&self, start: usize, end: usize) -> Option<Self> {
        match self {
            Self::Borrowed(text) => text.get(start..end).map(Self::Borrowed),
            Self::Shared(text) => text.get(start..end).map(|part| Self::Shared(Arc::from(part))),
        }
    }

    /// Its bytes in UTF-8.
    pub(crate) fn into_bytes(self) -> Bytes<'a> {
        match self {
            Self::Borrowed(text) => Bytes::Borrowed(text.as_bytes()),
            Self::Shared(text) => Bytes::Shared(Arc::from(text)),
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::Borrowed(text)
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::Shared(Arc::from(text))
    }
}

/// Bytes, borrowed or shared.
#[derive(Clone, Debug)]
pub enum Bytes<'a> {
    /// Part of the program or of what it is evaluated with.
    Borrowed(&'a [u8]),
    /// Made by an expression.
    Shared(Arc<[u8]>),
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Bytes<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Shared(Arc::from(bytes))
    }
}
