//! Repositories by name: `https://host/path`, however a builder spells it.

use std::fmt;

use super::{super::glob::Glob, origin::Origin};

/// A repository and what of it, as a text names both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// `https://github.com/acme/app`.
    pub(super) repository: String,
    pub(super) reference: Option<String>,
}

/// One of `source`.
#[derive(Clone, Debug)]
pub struct Source {
    repository: Glob,
    reference: Option<Glob>,
}

impl Source {
    /// `git+https://github.com/acme/app`, with or without `git+`, `https://`, `.git` and
    /// `@refs/heads/main`; stars in path and ref.
    pub fn parse(text: &str) -> Option<Self> {
        let text = match text.split_once("://") {
            Some(_) => text.to_owned(),
            None => format!("https://{}", text.strip_prefix("git+").unwrap_or(text)),
        };
        let named = Named::parse(&text)?;
        let host = named.repository.split_once("://").and_then(|(_, rest)| rest.split('/').next());
        if host.is_none_or(|host| host.contains('*') || !host.contains(['.', ':'])) {
            return None;
        }
        let reference = match named.reference {
            Some(reference) => Some(Glob::parse(&reference).ok()?),
            None => None,
        };
        Some(Self { repository: Glob::parse(&named.repository).ok()?, reference })
    }

    /// A source without a ref is any ref of it.
    pub(super) fn matches(&self, origin: &Origin) -> bool {
        let reference = self.reference.as_ref().is_none_or(|wanted| {
            origin.reference.as_ref().is_some_and(|found| wanted.matches(found))
        });
        reference && self.is_repository_of(origin)
    }

    pub(super) fn is_repository_of(&self, origin: &Origin) -> bool {
        self.repository.matches(&origin.repository)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.repository.as_str())?;
        match &self.reference {
            Some(reference) => write!(f, "@{}", reference.as_str()),
            None => Ok(()),
        }
    }
}

impl Named {
    /// A scheme, a host and a path; `git+` before, `.git`, `@ref` or BuildKit's `#ref:directory`
    /// after. Folded are what cannot name another repository: `git+`, the host's case, the port that
    /// https has anyway, `.git`, a slash at the end. Credentials, dot segments and percent-encoding
    /// are no part of a name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("git+").unwrap_or(text);
        let (scheme, rest) = text.split_once("://")?;
        let (host, path) = rest.split_once('/')?;
        if scheme.is_empty() || host.is_empty() || host.contains(['@', '#', '?', '%', '\\']) {
            return None;
        }
        let end = path.find(['@', '#']).unwrap_or(path.len());
        let (path, reference) = path.split_at_checked(end)?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let path = path.strip_suffix(".git").unwrap_or(path);
        let is_name = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && !segment.contains(['%', '\\', '?', ' '])
                && !segment.chars().any(char::is_control)
        };
        if !path.split('/').all(is_name) {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let host = host.to_ascii_lowercase();
        let host = match scheme.as_str() {
            "https" => host.strip_suffix(":443").unwrap_or(&host),
            _ => &host,
        };
        Some(Self {
            repository: format!("{scheme}://{host}/{path}"),
            reference: reference_of(reference),
        })
    }
}

/// `@ref`, `@ref#subpath`, `#ref`, `#ref:directory`.
fn reference_of(text: &str) -> Option<String> {
    let reference = match text.strip_prefix('@') {
        Some(rest) => rest.split('#').next(),
        None => text.strip_prefix('#').and_then(|rest| rest.split(':').next()),
    };
    reference.filter(|reference| !reference.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_repository_has_one_name() {
        let app = "https://github.com/acme/app";
        for (text, repository, reference) in [
            ("git+https://github.com/acme/app@refs/heads/main", app, Some("refs/heads/main")),
            ("https://github.com/acme/app", app, None),
            ("https://GitHub.com/acme/app", app, None),
            ("https://github.com:443/acme/app.git", app, None),
            ("git+https://github.com/acme/app.git/", app, None),
            ("https://github.com/acme/app.git#refs/tags/v1:sub/dir", app, Some("refs/tags/v1")),
            ("https://github.com/acme/app.git#:sub", app, None),
            ("git+https://github.com/acme/app@abc#sub", app, Some("abc")),
            ("https://github.com/acme/app@", app, None),
            ("https://github.com/Acme/app", "https://github.com/Acme/app", None),
            ("http://github.com/acme/app", "http://github.com/acme/app", None),
            ("git://github.com/acme/app", "git://github.com/acme/app", None),
            ("https://github.com:8443/acme/app", "https://github.com:8443/acme/app", None),
        ] {
            let named = Named::parse(text).unwrap();
            assert_eq!(
                (named.repository.as_str(), named.reference.as_deref()),
                (repository, reference)
            );
        }
        for text in [
            "",
            "github.com/acme/app",
            "https://github.com",
            "https://github.com/",
            "https://github.com@evil.test/acme/app",
            "https://token@github.com/acme/app",
            "https://github.com/acme/../evil/app",
            "https://github.com/acme//app",
            "https://github.com/acme/app%2f..",
            "https://github.com/acme/app?x",
            "https://github.com\\.evil.test/acme/app",
            "git@github.com:acme/app.git",
            "https://github.com/.git",
            "https:///acme/app",
        ] {
            assert_eq!(Named::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_source_without_a_ref_is_any_ref_of_it() {
        let origin = |text: &str| Origin::named(text).unwrap();
        for (source, found, expected) in [
            ("git+https://github.com/acme/app", "https://github.com/acme/app@refs/heads/x", true),
            ("github.com/acme/app", "git+https://github.com/acme/app.git", true),
            (
                "https://github.com/acme/app@refs/heads/main",
                "https://github.com/acme/app@refs/heads/main",
                true,
            ),
            (
                "https://github.com/acme/app@refs/heads/main",
                "https://github.com/acme/app@refs/heads/dev",
                false,
            ),
            ("https://github.com/acme/app@refs/heads/main", "https://github.com/acme/app", false),
            (
                "https://github.com/acme/app@refs/tags/v*",
                "https://github.com/acme/app@refs/tags/v1.2",
                true,
            ),
            ("https://github.com/acme/*", "https://github.com/acme/app", true),
            ("https://github.com/acme/*", "https://github.com/acme/app/x", false),
            ("https://github.com/acme/app", "https://github.com/acme/app2", false),
            ("https://github.com/acme/app", "https://github.com/evil/app", false),
            ("https://github.com/acme/app", "http://github.com/acme/app", false),
            ("https://github.com/acme/app", "https://gitlab.com/acme/app", false),
        ] {
            assert_eq!(
                Source::parse(source).unwrap().matches(&origin(found)),
                expected,
                "{source} {found}"
            );
        }
        for text in [
            "",
            "app",
            "acme/app",
            "https://*/acme/app",
            "https://github.com/",
            "https://a@github.com/b/c",
        ] {
            assert!(Source::parse(text).is_none(), "{text}");
        }
    }
}
