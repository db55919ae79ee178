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
        let (wanted, found) = (self.normal(), found.normal());
        wanted.os == found.os
            && wanted.architecture == found.architecture
            && (self.variant.is_none() || wanted.variant == found.variant)
    }

    /// The one spelling of what a runtime takes for the same
    /// ([containerd](https://github.com/containerd/platforms/blob/main/database.go)). That the variant
    /// of arm64 is v8, whether or not it is said, is of OCI's image-spec.
    fn normal(&self) -> Self {
        let lower = |text: &str| text.to_ascii_lowercase();
        let os = match lower(&self.os).as_str() {
            "macos" => "darwin".to_owned(),
            os => os.to_owned(),
        };
        let variant = self.variant.as_deref().map(lower).unwrap_or_default();
        let numbered = match variant.strip_prefix('v') {
            Some(_) => variant.clone(),
            None => format!("v{variant}"),
        };
        let (architecture, variant) = match lower(&self.architecture).as_str() {
            "i386" => ("386".to_owned(), String::new()),
            "amd64" | "x86_64" | "x86-64" if variant == "v1" => ("amd64".to_owned(), String::new()),
            "amd64" | "x86_64" | "x86-64" => ("amd64".to_owned(), variant),
            "aarch64" | "arm64" if variant.is_empty() || numbered == "v8.0" => {
                ("arm64".to_owned(), "v8".to_owned())
            }
            "aarch64" | "arm64" => ("arm64".to_owned(), numbered),
            "armhf" => ("arm".to_owned(), "v7".to_owned()),
            "armel" => ("arm".to_owned(), "v6".to_owned()),
            "arm" if variant.is_empty() => ("arm".to_owned(), "v7".to_owned()),
            "arm" => ("arm".to_owned(), numbered),
            other => (other.to_owned(), variant),
        };
        Self { os, architecture, variant: (!variant.is_empty()).then_some(variant) }
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
