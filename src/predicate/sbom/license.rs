//! Licences: [SPDX expressions](https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/)
//! and names that are none.

use std::collections::BTreeSet;

use super::super::glob::{Glob, GlobError};

/// Parentheses in parentheses: expressions that people write have one or two.
const MOST_DEPTH: usize = 32;

/// Licences that a policy lists.
#[derive(Clone, Debug, Default)]
pub struct Licenses {
    exact: BTreeSet<String>,
    globs: Vec<Glob>,
    texts: Vec<String>,
}

/// What the lists make of a licence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) state: State,
    pub(super) allowed: bool,
}

/// Whether there is a way to use what is licensed without a licence that is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Denied,
    Fine,
    /// Nobody says which licence it is.
    Unknown,
}

impl Licenses {
    /// Adds an identifier (`AGPL-3.0-only`, `GPL-2.0-only WITH Classpath-exception-2.0`), a name that
    /// is none, or a glob of either; in any case.
    pub fn push(&mut self, text: &str) -> Result<(), GlobError> {
        let glob = Glob::parse_any_case(text)?;
        if glob.is_exact() {
            self.exact.insert(match text.split_once(" WITH ") {
                Some((id, exception)) => with(&canonical(id), exception),
                None => canonical(text),
            });
        } else {
            self.globs.push(glob);
        }
        self.texts.push(text.to_owned());
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// For people.
    pub(super) fn describe(&self) -> String {
        self.texts.join(", ")
    }

    /// `canonical` is in lower case.
    fn has(&self, canonical: &str) -> bool {
        self.exact.contains(canonical) || self.globs.iter().any(|glob| glob.matches(canonical))
    }

    /// A licence is listed with and without its exception; one with a `+` is also the one without.
    fn lists(&self, id: &str, exception: Option<&str>) -> bool {
        let name = canonical(id);
        let bare = name.strip_suffix('+').unwrap_or(&name);
        self.has(&name)
            || (bare != name && self.has(bare))
            || exception.is_some_and(|exception| self.has(&with(&name, exception)))
    }

    /// A text of no grammar, or a word of it.
    fn lists_part_of(&self, text: &str) -> bool {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        let mut words = text.split(|c| !is_part(c)).map(|word| word.trim_end_matches('.'));
        self.has(&text.to_lowercase())
            || words.any(|word| !word.is_empty() && self.lists(word, None))
    }
}

/// What deny list and allow list make of one text. `unknown_passes` says whether a part that names
/// no licence is allowed.
pub(super) fn judge(text: &str, deny: &Licenses, allow: &Licenses, unknown_passes: bool) -> Judged {
    let mut parser = Parser { tokens: tokens(text), at: 0, deny, allow, unknown_passes };
    match parser.or(0) {
        Some(judged) if parser.at == parser.tokens.len() => judged,
        // Whoever cannot tell what it says takes every licence in it for one that binds.
        _ => Judged {
            state: if deny.lists_part_of(text) { State::Denied } else { State::Fine },
            allowed: allow.has(&text.to_lowercase()),
        },
    }
}

impl Judged {
    pub(super) fn and(self, other: Self) -> Self {
        let state = match (self.state, other.state) {
            (State::Denied, _) | (_, State::Denied) => State::Denied,
            (State::Unknown, _) | (_, State::Unknown) => State::Unknown,
            (State::Fine, State::Fine) => State::Fine,
        };
        Self { state, allowed: self.allowed && other.allowed }
    }

    /// An unknown licence is no way out of a denied one.
    fn or(self, other: Self) -> Self {
        let state = match (self.state, other.state) {
            (State::Fine, _) | (_, State::Fine) => State::Fine,
            (State::Denied, _) | (_, State::Denied) => State::Denied,
            (State::Unknown, State::Unknown) => State::Unknown,
        };
        Self { state, allowed: self.allowed || other.allowed }
    }
}

struct Parser<'a> {
    tokens: Vec<&'a str>,
    at: usize,
    deny: &'a Licenses,
    allow: &'a Licenses,
    unknown_passes: bool,
}

/// spec: SPDX 2.3 Annex D.2 §ABNF: `WITH` binds closer than `AND`, `AND` closer than `OR`. Operators
/// are upper case: "GPL or later" offers nothing.
impl<'a> Parser<'a> {
    fn or(&mut self, depth: usize) -> Option<Judged> {
        let mut judged = self.and(depth)?;
        while self.take("OR") {
            judged = judged.or(self.and(depth)?);
        }
        Some(judged)
    }

    fn and(&mut self, depth: usize) -> Option<Judged> {
        let mut judged = self.simple(depth)?;
        while self.take("AND") {
            judged = judged.and(self.simple(depth)?);
        }
        Some(judged)
    }

    fn simple(&mut self, depth: usize) -> Option<Judged> {
        if self.take("(") {
            let judged = (depth < MOST_DEPTH).then(|| self.or(depth + 1))??;
            return self.take(")").then_some(judged);
        }
        let id = self.word()?;
        let exception = if self.take("WITH") { Some(self.word()?) } else { None };
        Some(self.judge(id, exception))
    }

    fn judge(&self, id: &str, exception: Option<&str>) -> Judged {
        if matches!(id, "NONE" | "NOASSERTION") {
            return Judged { state: State::Unknown, allowed: self.unknown_passes };
        }
        let denied = self.deny.lists(id, exception);
        Judged {
            state: if denied { State::Denied } else { State::Fine },
            allowed: self.allow.lists(id, exception),
        }
    }

    fn take(&mut self, wanted: &str) -> bool {
        let there = self.tokens.get(self.at).is_some_and(|token| *token == wanted);
        self.at += usize::from(there);
        there
    }

    fn word(&mut self) -> Option<&'a str> {
        let is_part = |b: u8| b.is_ascii_alphanumeric() || b".-+:".contains(&b);
        let word = *self.tokens.get(self.at)?;
        if matches!(word, "AND" | "OR" | "WITH") || !word.bytes().all(is_part) {
            return None;
        }
        self.at += 1;
        Some(word)
    }
}

fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    for word in text.split_whitespace() {
        let mut rest = word;
        while let Some(at) = rest.find(['(', ')']) {
            let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            let (bracket, after) = after.split_at_checked(1).unwrap_or((after, ""));
            tokens.extend([before, bracket].into_iter().filter(|token| !token.is_empty()));
            rest = after;
        }
        if !rest.is_empty() {
            tokens.push(rest);
        }
    }
    tokens
}

/// One spelling of one licence, in lower case: of the GNU licences, `GPL-2.0` is `GPL-2.0-only`, and
/// `GPL-2.0+` is `GPL-2.0-or-later`.
///
/// spec: SPDX licence list 3.0, deprecated identifiers
fn canonical(id: &str) -> String {
    let id = id.to_ascii_lowercase();
    let (bare, or_later) = match id.strip_suffix('+') {
        Some(bare) => (bare.strip_suffix("-only").unwrap_or(bare), true),
        None => (id.as_str(), false),
    };
    let version = ["gpl-", "lgpl-", "agpl-", "gfdl-"].iter().find_map(|f| bare.strip_prefix(f));
    let is_version = |v: &str| !v.is_empty() && v.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match (version.is_some_and(is_version), or_later) {
        (true, true) => format!("{bare}-or-later"),
        (true, false) => format!("{bare}-only"),
        (false, _) => id,
    }
}

fn with(id: &str, exception: &str) -> String {
    format!("{id} with {}", exception.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(texts: &[&str]) -> Licenses {
        let mut licenses = Licenses::default();
        texts.iter().for_each(|text| licenses.push(text).unwrap());
        licenses
    }

    #[test]
    fn a_denied_licence_refuses_unless_an_or_offers_another() {
        use State::{Denied, Fine, Unknown};
        let deny = listed(&["AGPL-3.0-only", "GPL-2.0", "SSPL-*", "Apache-1.1", "My Own Licence"]);
        for (text, expected) in [
            ("MIT", Fine),
            ("AGPL-3.0-only", Denied),
            ("agpl-3.0-ONLY", Denied),
            ("AGPL-3.0", Denied),
            ("AGPL-3.0-or-later", Fine),
            ("AGPL-3.0+", Fine),
            ("GPL-2.0-only", Denied),
            ("GPL-2.0+", Fine),
            ("GPL-2.0-only WITH Classpath-exception-2.0", Denied),
            ("SSPL-1.0", Denied),
            ("Apache-1.1+", Denied),
            ("MIT OR AGPL-3.0-only", Fine),
            ("AGPL-3.0-only OR MIT", Fine),
            ("MIT AND AGPL-3.0-only", Denied),
            ("AGPL-3.0-only OR SSPL-1.0", Denied),
            ("AGPL-3.0-only OR NOASSERTION", Denied),
            ("MIT AND NOASSERTION", Unknown),
            ("MIT OR NOASSERTION", Fine),
            ("NONE", Unknown),
            ("MIT OR BSD-2-Clause AND AGPL-3.0-only", Fine),
            ("(MIT OR BSD-2-Clause) AND AGPL-3.0-only", Denied),
            ("(MIT OR AGPL-3.0-only) AND (AGPL-3.0-only)", Denied),
            ("((MIT))OR(AGPL-3.0-only)", Fine),
            // No grammar: every word binds.
            ("AGPL-3.0-only or later", Denied),
            ("MIT or AGPL-3.0-only", Denied),
            ("MIT, AGPL-3.0-only", Denied),
            ("see AGPL-3.0-only.", Denied),
            ("MIT OR", Fine),
            ("(MIT OR AGPL-3.0-only", Denied),
            ("MIT AGPL-3.0-only", Denied),
            ("my own licence", Denied),
            ("my own licence 2", Fine),
            ("LicenseRef-AGPL", Fine),
            ("DocumentRef-a:LicenseRef-b", Fine),
        ] {
            let found = judge(text, &deny, &Licenses::default(), false).state;
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_is_allowed_is_listed() {
        let allow = listed(&[
            "MIT",
            "Apache-2.0",
            "BSD-*",
            "GPL-2.0-only WITH Classpath-exception-2.0",
            "Public Domain",
        ]);
        for (text, expected) in [
            ("MIT", true),
            ("mit", true),
            ("ISC", false),
            ("MIT AND ISC", false),
            ("MIT OR ISC", true),
            ("BSD-3-Clause AND Apache-2.0", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("GPL-2.0-only", false),
            ("GPL-2.0-only WITH Classpath-exception-2.0", true),
            ("GPL-2.0-only WITH GCC-exception-2.0", false),
            ("GPL-2.0-or-later WITH Classpath-exception-2.0", false),
            ("Apache-2.0+", true),
            ("NOASSERTION", false),
            ("MIT AND NOASSERTION", false),
            ("public domain", true),
            ("MIT or Apache-2.0", false),
            ("MIT, Apache-2.0", false),
            ("", false),
        ] {
            let found = judge(text, &Licenses::default(), &allow, false).allowed;
            assert_eq!(found, expected, "{text}");
        }
        assert!(judge("MIT AND NOASSERTION", &Licenses::default(), &allow, true).allowed);
        assert!(!judge("ISC AND NOASSERTION", &Licenses::default(), &allow, true).allowed);
    }

    #[test]
    fn deep_and_long_expressions_are_judged_in_linear_time() {
        let deny = listed(&["GPL-2.0-only"]);
        let deep = format!("{}MIT{}", "(".repeat(100_000), ")".repeat(100_000));
        assert_eq!(judge(&deep, &deny, &Licenses::default(), false).state, State::Fine);
        let deep = deep.replace("MIT", "GPL-2.0-only");
        assert_eq!(judge(&deep, &deny, &Licenses::default(), false).state, State::Denied);
        let long = format!("GPL-2.0-only{}", " AND MIT".repeat(100_000));
        assert_eq!(judge(&long, &deny, &Licenses::default(), false).state, State::Denied);
    }
}
