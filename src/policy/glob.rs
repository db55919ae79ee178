//! Image globs: `*` stops at `/`, `**` crosses, `!` excludes. They match the normalised
//! `registry/repository`, never a tag or digest.

use std::fmt;

use crate::{
    glob::Pattern,
    reference::{normalise, split_registry},
};

/// One glob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// As written.
    pub text: String,
    /// Starts with `!`.
    pub negated: bool,
    pattern: Pattern,
}

/// Why a text is not a glob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GlobError {
    /// A character that no reference has.
    Character(char),
    /// Nothing, or longer than 512 characters.
    Length,
    /// The registry is missing; the glob that was probably meant.
    NoRegistry(String),
    /// A tag or digest.
    TagOrDigest,
}

impl Glob {
    /// Parses; registry aliases and case are folded as in references.
    pub fn parse(text: &str) -> Result<Self, GlobError> {
        let (negated, pattern) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if pattern.is_empty() || pattern.len() > 512 {
            return Err(GlobError::Length);
        }
        let allowed = |c: char| {
            c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | '*' | '[' | ']')
        };
        if pattern.contains('@') {
            return Err(GlobError::TagOrDigest);
        }
        if let Some(c) = pattern.chars().find(|c| !allowed(*c)) {
            return Err(GlobError::Character(c));
        }
        let last = pattern.rsplit('/').next().unwrap_or_default();
        if last.contains(':') && pattern.contains('/') {
            return Err(GlobError::TagOrDigest);
        }
        let normal = if pattern.starts_with('*') {
            pattern.to_owned()
        } else {
            match split_registry(pattern) {
                (Some(registry), name) => {
                    let (registry, name) = normalise(Some(registry), name);
                    format!("{registry}/{name}")
                }
                // `ghcr.*/acme/**` has no dot-free reading as a Docker Hub name.
                (None, _) if pattern.split('/').next().is_some_and(|first| first.contains('*')) => {
                    pattern.to_owned()
                }
                (None, name) => {
                    let (registry, name) = normalise(None, name);
                    return Err(GlobError::NoRegistry(format!("{registry}/{name}")));
                }
            }
        };
        Ok(Self { text: text.to_owned(), negated, pattern: Pattern::of(normal.bytes()) })
    }

    /// A glob over the names of blobs, which have no registry and any characters.
    pub fn parse_name(text: &str) -> Result<Self, GlobError> {
        let (negated, pattern) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if pattern.is_empty() || pattern.len() > 512 {
            return Err(GlobError::Length);
        }
        Ok(Self { text: text.to_owned(), negated, pattern: Pattern::of(pattern.bytes()) })
    }

    /// True where the whole of `name` matches. Time is at most the product of both lengths.
    pub fn matches(&self, name: &str) -> bool {
        self.pattern.matches(name.bytes())
    }
}

impl fmt::Display for GlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character(c) => write!(f, "`{c}` is in no image name"),
            Self::Length => f.write_str("empty or longer than 512 characters"),
            Self::NoRegistry(_) => f.write_str("the registry is missing"),
            Self::TagOrDigest => f.write_str("rules match the repository, never a tag or a digest"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stops_at_a_slash_and_two_cross_it() {
        for (glob, name, expected) in [
            ("**", "ghcr.io/acme/app", true),
            ("*", "ghcr.io/acme/app", false),
            ("ghcr.io/acme/**", "ghcr.io/acme/app", true),
            ("ghcr.io/acme/**", "ghcr.io/acme/a/b/c", true),
            ("ghcr.io/acme/**", "ghcr.io/acme", false),
            ("ghcr.io/acme/**", "ghcr.io/acmeevil/app", false),
            ("ghcr.io/acme/*", "ghcr.io/acme/app", true),
            ("ghcr.io/acme/*", "ghcr.io/acme/a/b", false),
            ("ghcr.io/*/app", "ghcr.io/acme/app", true),
            ("ghcr.io/*/app", "ghcr.io/a/b/app", false),
            ("ghcr.io/**/app", "ghcr.io/a/b/app", true),
            ("*.acme.io/app", "eu.acme.io/app", true),
            ("*.acme.io/app", "evil/acme.io/app", false),
            ("ghcr.io/acme/app*", "ghcr.io/acme/app-x", true),
            ("GHCR.io:443/acme/app", "ghcr.io/acme/app", true),
            ("index.docker.io/nginx", "docker.io/library/nginx", true),
            ("docker.io/library/*", "docker.io/library/nginx", true),
            ("docker.io/**", "docker.io/library/nginx", true),
            ("docker.io/**", "docker.io/acme/app", true),
            ("index.docker.io/**", "docker.io/acme/app", true),
            ("docker.io/*", "docker.io/library/nginx", true),
            ("docker.io/*", "docker.io/acme/app", false),
            ("localhost:5000/**", "localhost:5000/app", true),
        ] {
            assert_eq!(Glob::parse(glob).unwrap().matches(name), expected, "{glob} {name}");
        }
    }

    #[test]
    fn many_stars_stay_fast() {
        let glob = Glob::parse(&"**a".repeat(100)).unwrap();
        assert!(!glob.matches(&"a/".repeat(120)));
    }

    #[test]
    fn what_cannot_match_is_an_error() {
        for (text, error) in [
            ("", GlobError::Length),
            ("!", GlobError::Length),
            ("ghcr.io/acme/app:1", GlobError::TagOrDigest),
            ("ghcr.io/acme/app@sha256:00", GlobError::TagOrDigest),
            ("ghcr.io/acme/{a,b}", GlobError::Character('{')),
            ("nginx", GlobError::NoRegistry("docker.io/library/nginx".into())),
            ("acme/*", GlobError::NoRegistry("docker.io/acme/*".into())),
        ] {
            assert_eq!(Glob::parse(text), Err(error), "{text}");
        }
    }
}
