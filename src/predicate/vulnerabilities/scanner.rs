//! Which scanners a policy accepts.

use super::{report::Tool, shape::shortened};
use crate::predicate::{glob::Glob, purl::Purl};

/// One of `scanners`.
#[derive(Clone, Debug)]
pub struct Scanner {
    /// A name or a URI, in any case.
    pattern: Glob,
    /// The oldest version, as written and as read.
    oldest: Option<(String, Version)>,
}

/// Numbers with dots between them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Without zeros at the end: `1.0` is `1`.
    numbers: Vec<u64>,
    is_release: bool,
}

impl Scanner {
    /// From a name or a URI, with the oldest version.
    pub fn new(pattern: Glob, oldest: Option<(String, Version)>) -> Self {
        Self { pattern, oldest }
    }

    /// True where the report is of this one.
    pub(super) fn is(&self, tool: &Tool<'_>) -> bool {
        let (short, version) = short(tool.name);
        let named = self.pattern.matches(tool.name) || self.pattern.matches(&short);
        let Some((_, oldest)) = &self.oldest else {
            return named;
        };
        let version = tool.version.or(version.as_deref()).and_then(Version::parse);
        named && version.is_some_and(|version| version >= *oldest)
    }

    /// For people.
    pub(super) fn describe(&self) -> String {
        match &self.oldest {
            Some((oldest, _)) => format!("`{}` {oldest} or newer", self.pattern.as_str()),
            None => format!("`{}`", self.pattern.as_str()),
        }
    }
}

/// A tool for people.
pub(super) fn described(tool: &Tool<'_>) -> String {
    let name = shortened(tool.name);
    match tool.version {
        Some(version) => format!("`{name}` {}", shortened(version)),
        None => format!("`{name}`"),
    }
}

/// The name at the end of a URI, and the version of a package URL.
fn short(name: &str) -> (String, Option<String>) {
    if let Some(purl) = Purl::parse(name) {
        return (purl.name, purl.version);
    }
    let path = name.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    (path.rsplit('/').next().unwrap_or_default().to_owned(), None)
}

impl Version {
    /// Parses, with or without a `v`. What follows a `-` is before the release; what follows a `+`
    /// does not count.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let text = text.split('+').next().unwrap_or_default();
        let (numbers, suffix) = match text.split_once('-') {
            Some((numbers, suffix)) => (numbers, Some(suffix)),
            None => (text, None),
        };
        let number = |part: &str| {
            let digits = part.bytes().all(|b| b.is_ascii_digit());
            part.parse().ok().filter(|_| digits)
        };
        let mut numbers = numbers.split('.').map(number).collect::<Option<Vec<u64>>>()?;
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        Some(Self { numbers, is_release: suffix.is_none() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let parse = Version::parse;
        for (older, newer) in [
            ("0.9.0", "0.10.0"),
            ("v0.50", "0.50.1"),
            ("1.0.0-rc1", "1.0.0"),
            ("0.99", "1"),
            ("0.50.0", "1.0.0-rc1"),
            ("1", "1.0.1"),
        ] {
            assert!(parse(older).unwrap() < parse(newer).unwrap(), "{older} {newer}");
        }
        assert_eq!(parse("1.0"), parse("1.0.0+build"));
        for text in ["", "v", "dev", "1.x", "1..2", "1.-2", "+1", "99999999999999999999"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_is_that_of_the_report_or_the_last_part_of_its_uri() {
        let tool = |name, version| Tool { name, version };
        let any = Scanner::new(Glob::parse_any_case("Trivy").unwrap(), None);
        for name in [
            "trivy",
            "Trivy",
            "pkg:github/aquasecurity/trivy@0.50.1",
            "https://github.com/aquasecurity/trivy",
            "https://github.com/aquasecurity/trivy/",
        ] {
            assert!(any.is(&tool(name, None)), "{name}");
        }
        assert!(!any.is(&tool("https://github.com/aquasecurity/trivy-db", None)));
        let recent = Scanner::new(
            Glob::parse_any_case("trivy").unwrap(),
            Version::parse("0.50").map(|v| ("0.50".into(), v)),
        );
        assert!(recent.is(&tool("trivy", Some("0.50.0"))));
        assert!(recent.is(&tool("pkg:github/aquasecurity/trivy@v0.51.0", None)));
        assert!(!recent.is(&tool("trivy", Some("0.49.1"))));
        assert!(!recent.is(&tool("trivy", Some("dev"))) && !recent.is(&tool("trivy", None)));
        assert!(!recent.is(&tool("pkg:github/aquasecurity/trivy@0.51.0", Some("0.49.0"))));
    }
}
