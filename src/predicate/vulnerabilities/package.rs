//! Whether two package URLs mean the same package.

use crate::predicate::purl::Purl;

/// One that says which packages are meant: it may leave out the version and qualifiers. One with a
/// subpath means a part of a package, which no report names.
pub(super) fn pattern(text: &str) -> Option<Purl> {
    if text.contains('#') { None } else { Purl::parse(text.trim()) }
}

/// True where everything that the pattern says holds of the other.
pub(super) fn covers(pattern: &Purl, other: &Purl) -> bool {
    let named = |purl: &Purl| (purl.kind.clone(), purl.namespace.clone(), purl.name.clone());
    let version = pattern.version.is_none() || pattern.version == other.version;
    let holds = |(name, value): &(String, String)| {
        value.is_empty() || other.qualifier(name) == Some(value.as_str())
    };
    named(pattern) == named(other) && version && pattern.qualifiers.iter().all(holds)
}

/// Without what only describes the package.
pub(super) fn without_qualifiers(purl: Purl) -> Purl {
    Purl { qualifiers: Vec::new(), ..purl }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_it_says_no_less_of() {
        for (general, specific, expected) in [
            ("pkg:deb/debian/curl@7.88.1-10", "pkg:deb/debian/curl@7.88.1-10?arch=amd64", true),
            ("pkg:deb/debian/curl", "pkg:deb/debian/curl@7.88.1-10", true),
            ("pkg:deb/debian/curl?arch=amd64", "pkg:deb/debian/curl@1?distro=12&arch=amd64", true),
            ("pkg:deb/debian/curl?arch=", "pkg:deb/debian/curl@1", true),
            ("pkg:deb/debian/curl?arch=arm64", "pkg:deb/debian/curl@1?arch=amd64", false),
            ("pkg:deb/debian/curl@1?arch=amd64", "pkg:deb/debian/curl@1", false),
            ("pkg:deb/debian/curl@1", "pkg:deb/debian/curl@2", false),
            ("pkg:deb/debian/curl@1", "pkg:deb/debian/curl", false),
            ("pkg:deb/ubuntu/curl", "pkg:deb/debian/curl", false),
            ("pkg:deb/curl", "pkg:deb/debian/curl", false),
            ("pkg:deb/debian/curl", "pkg:apk/debian/curl", false),
            ("pkg:deb/debian/cur", "pkg:deb/debian/curl", false),
            ("pkg:npm/%40angular/core@1.0", "pkg:npm/@angular/core@1.0", true),
            ("pkg:pypi/Django_Rest.x", "pkg:pypi/django-rest-x@3", true),
            ("pkg:golang/a/b#sub", "pkg:golang/a/b@1#sub", false),
            ("pkg:golang/a/b", "pkg:golang/a/b@1#sub", true),
            ("pkg:deb/debian/curl@1%2B2", "pkg:deb/debian/curl@1+2", true),
        ] {
            let both = pattern(general).zip(Purl::parse(specific));
            assert_eq!(both.is_some_and(|(g, s)| covers(&g, &s)), expected, "{general} {specific}");
        }
    }
}
