//! [Package URLs](https://github.com/package-url/purl-spec/blob/main/PURL-SPECIFICATION.rst), as far
//! as they name packages.

/// `pkg:type/namespace/name@version?qualifiers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Purl {
    /// Lower case.
    pub(super) kind: String,
    /// Segments, joined by `/`; empty where there is none.
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) qualifiers: Vec<(String, String)>,
}

impl Purl {
    /// spec: purl §How to parse a purl string in its components
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        if !scheme.eq_ignore_ascii_case("pkg") {
            return None;
        }
        let rest = rest.trim_start_matches('/');
        let rest = rest.rsplit_once('#').map_or(rest, |(before, _)| before);
        let (rest, qualifiers) = rest.rsplit_once('?').unwrap_or((rest, ""));
        let (kind, path) = rest.split_once('/')?;
        // The `@` of an npm scope stands at the start of a segment.
        let (path, version) = match path.rsplit_once('@') {
            Some((path, version)) if !path.is_empty() && !path.ends_with('/') => {
                (path, Some(version))
            }
            _ => (path, None),
        };
        let kind = kind.to_ascii_lowercase();
        let mut segments = Vec::new();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            segments.push(folded(&kind, decoded(segment)?));
        }
        let name = segments.pop().filter(|name| !name.is_empty() && !kind.is_empty())?;
        let version = match version {
            Some(version) => Some(decoded(version)?).filter(|version| !version.is_empty()),
            None => None,
        };
        let mut read = Vec::new();
        for pair in qualifiers.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=')?;
            read.push((key.to_ascii_lowercase(), decoded(value)?));
        }
        Some(Self { kind, namespace: segments.join("/"), name, version, qualifiers: read })
    }

    pub(super) fn qualifier(&self, key: &str) -> Option<&str> {
        let found = self.qualifiers.iter().find(|(name, value)| name == key && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// Namespace and name.
    pub(super) fn path(&self) -> String {
        match self.namespace.as_str() {
            "" => self.name.clone(),
            namespace => format!("{namespace}/{}", self.name),
        }
    }

    /// `pkg:type/namespace/name`, which patterns match.
    pub(super) fn package(&self) -> String {
        format!("pkg:{}/{}", self.kind, self.path())
    }
}

/// spec: purl §Known types: PyPI takes `_`, `.` and `-` for the same in names.
fn folded(kind: &str, segment: String) -> String {
    if kind == "pypi" { segment.to_ascii_lowercase().replace(['_', '.'], "-") } else { segment }
}

/// Percent-decoding; none where a `%` is not followed by two hexadecimal digits, or what comes out is
/// not UTF-8.
pub(super) fn decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls_are_read() {
        for (text, package, version) in [
            ("pkg:npm/event-stream@3.3.6", "pkg:npm/event-stream", Some("3.3.6")),
            ("pkg:npm/%40acme/app@1.0.0", "pkg:npm/@acme/app", Some("1.0.0")),
            ("pkg:npm/@acme/app", "pkg:npm/@acme/app", None),
            ("pkg:npm/@acme/app@1", "pkg:npm/@acme/app", Some("1")),
            (
                "PKG:Deb/debian/curl@7.88.1-10%2Bdeb12u5?arch=amd64#x",
                "pkg:deb/debian/curl",
                Some("7.88.1-10+deb12u5"),
            ),
            ("pkg://golang/golang.org/x/net@v0.1.0", "pkg:golang/golang.org/x/net", Some("v0.1.0")),
            ("pkg:pypi/Django_Rest.x@3", "pkg:pypi/django-rest-x", Some("3")),
            (
                "pkg:oci/app@sha256:00?repository_url=ghcr.io/a/app",
                "pkg:oci/app",
                Some("sha256:00"),
            ),
        ] {
            let purl = Purl::parse(text).unwrap();
            assert_eq!((purl.package().as_str(), purl.version.as_deref()), (package, version));
        }
        for text in [
            "",
            "pkg:",
            "pkg:npm",
            "pkg:npm/",
            "pkg:/a",
            "npm/a",
            "pkg:npm/a%zz",
            "pkg:npm/a?x",
            "pkg:npm/%ff",
        ] {
            assert_eq!(Purl::parse(text), None, "{text}");
        }
    }
}
