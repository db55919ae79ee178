//! `subject`: what of an image must be signed.

use std::fmt;

use super::reader::{Cursor, Reader};
use crate::verdict::Code;

/// What of an image must be signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Subjects {
    /// Exactly what the reference resolves to.
    #[default]
    Resolved,
    /// Every platform that can run, or those that are named.
    Platforms(Vec<Platform>),
    /// What it resolves to, and every platform.
    Both,
}

/// A platform, as `os/architecture[/variant]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform {
    /// Such as `linux`.
    pub os: String,
    /// Such as `arm64`.
    pub architecture: String,
    /// Such as `v8`.
    pub variant: Option<String>,
}

impl Platform {
    /// True for a platform that a policy means: what it does not say may be anything.
    pub fn is(&self, found: &Self) -> bool {
        // OCI image-spec: the variant of arm64 is v8, whether or not it is said.
        let variant = |p: &Self| match (p.architecture.as_str(), &p.variant) {
            ("arm64", None) => Some("v8".to_owned()),
            (_, variant) => variant.clone(),
        };
        self.os == found.os
            && self.architecture == found.architecture
            && (self.variant.is_none() || variant(self) == variant(found))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (os, architecture, variant) = (parts.next()?, parts.next()?, parts.next());
        let word = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.')
        };
        if parts.next().is_some() || ![os, architecture].into_iter().chain(variant).all(word) {
            return None;
        }
        let variant = variant.map(str::to_owned);
        Some(Self { os: os.to_owned(), architecture: architecture.to_owned(), variant })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

pub(super) fn read(r: &mut Reader, at: &Cursor<'_>) -> Option<Subjects> {
    if !at.value.is_object() {
        let platforms = Subjects::Platforms(Vec::new());
        let words = [("resolved", 0), ("platforms", 1), ("both", 2)];
        return Some(match r.word(at, &words)? {
            0 => Subjects::Resolved,
            1 => platforms,
            _ => Subjects::Both,
        });
    }
    let object = r.object(at, &["platforms"], &[])?;
    let at = object.need(r, "platforms")?;
    let mut platforms = Vec::new();
    for (text, item) in r.texts(&at) {
        match Platform::parse(text) {
            Some(platform) => platforms.push(platform),
            None => r.error(
                Code::PolicyInvalidValue,
                &item.path,
                format!("`{text}` is not a platform such as `linux/amd64` or `linux/arm/v7`"),
            ),
        }
    }
    // An error, of which there is a word already, must not become every platform.
    (!platforms.is_empty()).then_some(Subjects::Platforms(platforms))
}
