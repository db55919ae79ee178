//! Globs over texts of attestations: `*` stops at `/`, `**` crosses it, everything else is itself.

use std::fmt;

use crate::glob::Pattern;

/// Bytes of a pattern: builder identities and package URLs stay below 300.
const MOST_PATTERN: usize = 512;
/// Bytes of a text that is matched. What is longer matches nothing; whoever denies by a pattern
/// refuses it before ([`Glob::TOO_LONG`]).
const MOST_TEXT: usize = 4096;

/// A pattern, matched as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    text: String,
    pattern: Pattern,
    any_case: bool,
}

/// Why a text is not a pattern: it is empty, or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobError;

impl fmt::Display for GlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "empty, or longer than {MOST_PATTERN} characters")
    }
}

impl Glob {
    /// A text of more bytes matches nothing.
    pub const TOO_LONG: usize = MOST_TEXT;

    /// A pattern that tells upper from lower case.
    pub fn parse(text: &str) -> Result<Self, GlobError> {
        Self::of(text, false)
    }

    /// A pattern that takes the letters of ASCII in either case.
    pub fn parse_any_case(text: &str) -> Result<Self, GlobError> {
        Self::of(text, true)
    }

    fn of(text: &str, any_case: bool) -> Result<Self, GlobError> {
        if text.is_empty() || text.len() > MOST_PATTERN {
            return Err(GlobError);
        }
        let pattern = Pattern::of(folded(text, any_case));
        Ok(Self { text: text.to_owned(), pattern, any_case })
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True where there is no star in it.
    pub(super) fn is_exact(&self) -> bool {
        self.pattern.is_exact()
    }

    /// True where the whole text matches. Time is at most the product of both lengths.
    pub fn matches(&self, text: &str) -> bool {
        text.len() <= MOST_TEXT && self.pattern.matches(folded(text, self.any_case))
    }
}

fn folded(text: &str, any_case: bool) -> impl Iterator<Item = u8> {
    text.bytes().map(move |b| if any_case { b.to_ascii_lowercase() } else { b })
}

/// Whether one of several patterns matches.
pub(super) fn any(globs: &[Glob], text: &str) -> bool {
    globs.iter().any(|glob| glob.matches(text))
}

/// Several patterns, for people.
pub(super) fn describe(globs: &[Glob]) -> String {
    let texts: Vec<_> = globs.iter().map(|glob| format!("`{}`", glob.text)).collect();
    texts.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stops_at_a_slash_and_two_cross_it() {
        for (glob, text, expected) in [
            ("a", "a", true),
            ("a", "A", false),
            ("a", "ab", false),
            ("ab", "a", false),
            ("*", "", true),
            ("*", "abc", true),
            ("*", "a/b", false),
            ("**", "a/b", true),
            ("a/*", "a/b", true),
            ("a/*", "a/b/c", false),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false),
            ("a/*/c", "a/b/c", true),
            ("a/*/c", "a/b/b/c", false),
            ("a/**/c", "a/b/b/c", true),
            ("*.yml@refs/tags/v*", "x.yml@refs/tags/v1", true),
            ("*.yml@refs/tags/v*", "x.yml@refs/tags/v1/x", false),
            ("*.yml@refs/tags/v*", "x.yml@refs/heads/v1", false),
            ("*@acme.test", "a@acme.test", true),
            ("*@acme.test", "a@acme.test.evil", false),
            ("a*b*c", "abbc", true),
            ("a*b*c", "acbb", false),
            ("a?", "ab", false),
            ("[a]", "a", false),
        ] {
            assert_eq!(Glob::parse(glob).unwrap().matches(text), expected, "{glob} {text}");
        }
        assert!(Glob::parse_any_case("Open*").unwrap().matches("oPENssl"));
        assert!(!Glob::parse("Open*").unwrap().matches("oPENssl"));
    }

    #[test]
    fn what_is_too_long_is_no_pattern_and_matches_none() {
        assert_eq!(Glob::parse(""), Err(GlobError));
        assert_eq!(Glob::parse(&"a".repeat(MOST_PATTERN + 1)), Err(GlobError));
        let all = Glob::parse("**").unwrap();
        assert!(all.matches(&"a".repeat(MOST_TEXT)));
        assert!(!all.matches(&"a".repeat(MOST_TEXT + 1)));
    }
}
