//! Wildcards over whole references: `*` is any characters, `?` is one. They match every spelling of
//! the reference that is asked for, so that no other spelling goes past them.

use std::collections::BTreeSet;

use crate::reference::Reference;

/// Characters of one wildcard; references have at most 1024.
const MOST_CHARACTERS: usize = 1024;

/// One wildcard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wildcard {
    pattern: Vec<char>,
}

impl Wildcard {
    /// `None` where it is empty or too long.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut pattern = Vec::new();
        for c in text.chars() {
            // Two stars are one.
            if c != '*' || pattern.last() != Some(&'*') {
                pattern.push(c);
            }
        }
        (1..=MOST_CHARACTERS).contains(&pattern.len()).then_some(Self { pattern })
    }

    /// True where the whole text matches. Time is at most the product of both lengths.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut seen) = (0_usize, 0_usize);
        // The last star, and how much of the text it stands for.
        let mut star: Option<(usize, usize)> = None;
        while let Some(found) = text.get(seen) {
            match self.pattern.get(at) {
                Some('*') => {
                    star = Some((at, seen));
                    at = at.saturating_add(1);
                }
                Some(wanted) if *wanted == '?' || wanted == found => {
                    at = at.saturating_add(1);
                    seen = seen.saturating_add(1);
                }
                _ => {
                    let Some((of_star, from)) = star else { return false };
                    star = Some((of_star, from.saturating_add(1)));
                    at = of_star.saturating_add(1);
                    seen = from.saturating_add(1);
                }
            }
        }
        self.pattern.iter().skip(at).all(|c| *c == '*')
    }
}

/// As it is written, and each other way to write the same image: with and without the registry of
/// Docker Hub, the tag `latest`, and the digest.
pub fn spellings(written: &str, reference: &Reference) -> BTreeSet<String> {
    let Reference { registry, name, tag, digest } = reference;
    let mut names = BTreeSet::from([reference.repository(), format!("{registry}:443/{name}")]);
    if registry == "docker.io" {
        let short = name.strip_prefix("library/").filter(|short| !short.contains('/'));
        for name in [Some(name.as_str()), short].into_iter().flatten() {
            names.insert(name.to_owned());
            names.extend(HUB.iter().map(|registry| format!("{registry}/{name}")));
        }
    }
    let mut tagged = BTreeSet::new();
    for name in names {
        match tag.as_deref() {
            Some("latest") => tagged.extend([format!("{name}:latest"), name]),
            Some(tag) => {
                tagged.insert(format!("{name}:{tag}"));
            }
            None => {
                tagged.insert(name);
            }
        }
    }
    let written = [Some(written), digest.as_ref().and_then(|_| written.split('@').next())];
    tagged.extend(written.into_iter().flatten().map(str::to_owned));
    if let Some(digest) = digest {
        let digested: Vec<_> =
            tagged.iter().filter(|s| !s.contains('@')).map(|s| format!("{s}@{digest}")).collect();
        tagged.extend(digested);
    }
    tagged
}

/// The registry of Docker Hub, as `Reference` folds it.
const HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_characters_and_a_question_mark_is_one() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "ghcr.io/acme/app:1@sha256:00", true),
            ("ghcr.io/acme/*", "ghcr.io/acme/a/b:1", true),
            ("ghcr.io/acme/*", "ghcr.io/acme", false),
            ("ghcr.io/acme/*", "evil.io/ghcr.io/acme/app", false),
            ("ghcr.io/acme/app:v?", "ghcr.io/acme/app:v1", true),
            ("ghcr.io/acme/app:v?", "ghcr.io/acme/app:v", false),
            ("ghcr.io/acme/app:v?", "ghcr.io/acme/app:v10", false),
            ("ghcr.io/acme/app", "ghcr.io/acme/app:1", false),
            ("*/app:*", "ghcr.io/acme/app:1", true),
            ("*/app:*", "ghcr.io/acme/apple:1", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-c-", false),
            ("**?", "x", true),
            ("?**", "", false),
            ("ä?", "äö", true),
        ] {
            assert_eq!(
                Wildcard::parse(pattern).unwrap().matches(text),
                expected,
                "{pattern} {text}"
            );
        }
        assert_eq!(Wildcard::parse(""), None);
        assert!(!Wildcard::parse(&"*a".repeat(500)).unwrap().matches(&"a".repeat(1000)[1..499]));
    }

    #[test]
    fn every_way_to_write_an_image_is_a_spelling_of_it() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let of = |written: &str| spellings(written, &Reference::parse(written).unwrap());
        let nginx = of("nginx");
        for other in [
            "nginx:latest",
            "library/nginx",
            "docker.io/nginx",
            "index.docker.io/library/nginx:latest",
        ] {
            assert!(nginx.contains(other), "{other}: {nginx:?}");
            assert!(of(other).contains("nginx"), "{other}");
        }
        assert!(!of("nginx:1").contains("nginx"));
        assert!(!of("acme/app:1").contains("app:1"));
        let pinned = of(&format!("GHCR.io/acme/app:1@{digest}"));
        for other in ["ghcr.io/acme/app:1", "GHCR.io/acme/app:1", "ghcr.io:443/acme/app:1"] {
            assert!(pinned.contains(other), "{other}: {pinned:?}");
            assert!(pinned.contains(&format!("{other}@{digest}")), "{other}: {pinned:?}");
        }
        assert!(!pinned.contains("ghcr.io/acme/app"));
    }
}
