//! Which of two versions is the newer, by the rules of those who publish the package.

use std::cmp::Ordering;

/// How versions of a type of package are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Alpine.
    Apk,
    /// Debian, [deb-version(7)](https://manpages.debian.org/deb-version.7).
    Deb,
    /// By its leading numbers, and no further: Maven, PyPI, RubyGems and others agree on these.
    Numbers,
    /// RPM.
    Rpm,
    /// [Semantic Versioning 2.0.0](https://semver.org/spec/v2.0.0.html).
    Semver,
}

impl Scheme {
    /// Of a package URL's type; without one, numbers.
    pub(super) fn of(kind: Option<&str>) -> Self {
        match kind {
            Some("alpm" | "rpm") => Self::Rpm,
            Some("apk") => Self::Apk,
            Some("deb") => Self::Deb,
            Some("cargo" | "golang" | "hex" | "npm" | "pub" | "swift") => Self::Semver,
            _ => Self::Numbers,
        }
    }

    /// A version against a bound; none where they cannot be compared.
    pub(super) fn compare(self, version: &str, bound: &str) -> Option<Ordering> {
        if version == bound {
            return Some(Ordering::Equal);
        }
        match self {
            Self::Apk => apk(version)?.partial_cmp(&apk(bound)?),
            Self::Deb => deb(version, bound),
            Self::Numbers => numbers(version, bound),
            Self::Rpm => rpm(version, bound),
            Self::Semver => match (semver(version), semver(bound)) {
                (Some(version), Some(bound)) => Some(compare_semver(&version, &bound)),
                _ => numbers(version, bound),
            },
        }
    }
}

/// Leading numbers decide where they differ. Where they do not, versions of nothing but numbers are
/// compared as if the shorter went on in zeros, and others not at all.
fn numbers(a: &str, b: &str) -> Option<Ordering> {
    let (mut a, mut b) = (without_v(a), without_v(b));
    loop {
        let (left, left_rest) = digits(a)?;
        let (right, right_rest) = digits(b)?;
        match by_number(left, right) {
            Ordering::Equal => {}
            other => return Some(other),
        }
        match (next(left_rest), next(right_rest)) {
            (Next::Number(l), Next::Number(r)) => (a, b) = (l, r),
            (Next::End, Next::End) => return Some(Ordering::Equal),
            (Next::End, Next::Number(rest)) => return zeros(rest).map(Ordering::reverse),
            (Next::Number(rest), Next::End) => return zeros(rest),
            _ => return None,
        }
    }
}

enum Next<'a> {
    End,
    Number(&'a str),
    Other,
}

fn next(rest: &str) -> Next<'_> {
    match rest.strip_prefix('.') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => Next::Number(rest),
        _ if rest.is_empty() => Next::End,
        _ => Next::Other,
    }
}

/// What more numbers make of a version: nothing if they are all zero, a newer one otherwise.
fn zeros(mut rest: &str) -> Option<Ordering> {
    loop {
        let (number, after) = digits(rest)?;
        if by_number(number, "0") == Ordering::Greater {
            return Some(Ordering::Greater);
        }
        match next(after) {
            Next::End => return Some(Ordering::Equal),
            Next::Number(more) => rest = more,
            Next::Other => return None,
        }
    }
}

fn without_v(text: &str) -> &str {
    text.strip_prefix(['v', 'V']).unwrap_or(text)
}

/// A number at the start, and what follows.
fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(number, _)| !number.is_empty())
}

fn letters(text: &str) -> Option<(&str, &str)> {
    text.split_at_checked(text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len()))
}

/// Of any length.
fn by_number(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

struct Semver<'a> {
    core: [&'a str; 3],
    before: Option<&'a str>,
}

/// Of the core, what is missing is zero: `2.0` is how people write bounds.
fn semver(text: &str) -> Option<Semver<'_>> {
    let text = without_v(text);
    let text = text.split('+').next().unwrap_or(text);
    let (core, before) = match text.split_once('-') {
        Some((core, before)) => (core, Some(before)),
        None => (text, None),
    };
    let mut parts = core.split('.');
    let mut part = || match parts.next() {
        Some(number) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => {
            Some(number)
        }
        Some(_) => None,
        None => Some("0"),
    };
    let core = [part()?, part()?, part()?];
    let is_identifier =
        |i: &str| !i.is_empty() && i.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let valid = before.is_none_or(|before| before.split('.').all(is_identifier));
    (parts.next().is_none() && valid).then_some(Semver { core, before })
}

/// spec: semver 2.0.0 §11
fn compare_semver(a: &Semver<'_>, b: &Semver<'_>) -> Ordering {
    let core = a.core.iter().zip(&b.core).map(|(a, b)| by_number(a, b));
    let core = core.fold(Ordering::Equal, Ordering::then);
    core.then_with(|| match (a.before, b.before) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => prerelease(a, b),
    })
}

fn prerelease(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let is_number = |i: &str| i.bytes().all(|c| c.is_ascii_digit());
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (is_number(a), is_number(b)) {
                (true, true) => by_number(a, b),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// `[epoch:]rest`.
fn epoch(text: &str) -> Option<(&str, &str)> {
    match text.split_once(':') {
        Some((epoch, rest)) => digits(epoch).filter(|(_, r)| r.is_empty()).map(|(e, _)| (e, rest)),
        None => Some(("0", text)),
    }
}

/// spec: deb-version(7) §Sorting algorithm
fn deb(a: &str, b: &str) -> Option<Ordering> {
    let ((left_epoch, left), (right_epoch, right)) = (epoch(a)?, epoch(b)?);
    let parts = |text| -> (&str, &str) { str::rsplit_once(text, '-').unwrap_or((text, "")) };
    let ((left, left_revision), (right, right_revision)) = (parts(left), parts(right));
    let order = by_number(left_epoch, right_epoch).then_with(|| deb_part(left, right));
    Some(order.then_with(|| deb_part(left_revision, right_revision)))
}

fn deb_part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    while !(a.is_empty() && b.is_empty()) {
        let cut = |text: &'_ str| text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
        let (left, left_rest) = a.split_at_checked(cut(a)).unwrap_or((a, ""));
        let (right, right_rest) = b.split_at_checked(cut(b)).unwrap_or((b, ""));
        // The end sorts after `~` and before everything else, letters before other characters.
        let rank = |byte: Option<u8>| match byte {
            Some(b'~') => -1,
            None => 0,
            Some(byte) if byte.is_ascii_alphabetic() => i32::from(byte),
            Some(byte) => i32::from(byte) + 256,
        };
        let (mut l, mut r) = (left.bytes(), right.bytes());
        loop {
            let (x, y) = (l.next(), r.next());
            match rank(x).cmp(&rank(y)) {
                Ordering::Equal if x.is_none() => break,
                Ordering::Equal => {}
                other => return other,
            }
        }
        let (left, left_rest) = digits(left_rest).unwrap_or(("", left_rest));
        let (right, right_rest) = digits(right_rest).unwrap_or(("", right_rest));
        match by_number(left, right) {
            Ordering::Equal => (a, b) = (left_rest, right_rest),
            other => return other,
        }
    }
    Ordering::Equal
}

/// A bound without a release is any release of it, as in RPM's dependencies.
fn rpm(version: &str, bound: &str) -> Option<Ordering> {
    let ((left_epoch, left), (right_epoch, right)) = (epoch(version)?, epoch(bound)?);
    let (left, left_release) = left.split_once('-').unwrap_or((left, ""));
    let (right, right_release) = right.split_once('-').unwrap_or((right, ""));
    let order = by_number(left_epoch, right_epoch).then_with(|| rpm_part(left, right));
    Some(match right_release {
        "" => order,
        release => order.then_with(|| rpm_part(left_release, release)),
    })
}

/// spec: rpm-version(7) §Comparison
fn rpm_part(a: &str, b: &str) -> Ordering {
    let skip = |text: &'_ str| -> usize {
        text.find(|c: char| c.is_ascii_alphanumeric() || matches!(c, '~' | '^'))
            .unwrap_or(text.len())
    };
    let (mut a, mut b) = (a, b);
    loop {
        a = a.split_at_checked(skip(a)).map_or("", |(_, rest)| rest);
        b = b.split_at_checked(skip(b)).map_or("", |(_, rest)| rest);
        match (a.strip_prefix('~'), b.strip_prefix('~')) {
            (Some(x), Some(y)) => {
                (a, b) = (x, y);
                continue;
            }
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        match (a.strip_prefix('^'), b.strip_prefix('^')) {
            (Some(x), Some(y)) => {
                (a, b) = (x, y);
                continue;
            }
            (Some(_), None) => {
                return if b.is_empty() { Ordering::Greater } else { Ordering::Less };
            }
            (None, Some(_)) => {
                return if a.is_empty() { Ordering::Less } else { Ordering::Greater };
            }
            (None, None) => {}
        }
        if a.is_empty() || b.is_empty() {
            return a.len().min(1).cmp(&b.len().min(1));
        }
        let order = match (digits(a), digits(b)) {
            (Some((left, x)), Some((right, y))) => {
                (a, b) = (x, y);
                by_number(left, right)
            }
            (Some(_), None) => Ordering::Greater,
            (None, Some(_)) => Ordering::Less,
            (None, None) => {
                let (left, x) = letters(a).unwrap_or((a, ""));
                let (right, y) = letters(b).unwrap_or((b, ""));
                (a, b) = (x, y);
                left.cmp(right)
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// `numbers[letter]{_suffix[number]}[-r number]`, ordered member by member.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Apk {
    numbers: Vec<u64>,
    letter: Option<char>,
    /// Before a release is below none, after it above: none is 0 at the end.
    suffixes: Vec<(i8, u64)>,
    revision: u64,
}

/// spec: apk-package(5) §PACKAGE VERSIONS. Numbers with leading zeros are compared as fractions
/// there, and not at all here.
fn apk(text: &str) -> Option<Apk> {
    const SUFFIXES: &[(&str, i8)] = &[
        ("alpha", -4),
        ("beta", -3),
        ("pre", -2),
        ("rc", -1),
        ("cvs", 1),
        ("svn", 2),
        ("git", 3),
        ("hg", 4),
        ("p", 5),
    ];
    let (text, revision) = match text.rsplit_once("-r") {
        Some((text, revision)) => (text, revision.parse().ok()?),
        None => (text, 0),
    };
    let mut parts = text.split('_');
    let version = parts.next()?;
    let (version, letter) = match version.chars().last() {
        Some(letter) if letter.is_ascii_lowercase() => {
            (version.strip_suffix(letter)?, Some(letter))
        }
        _ => (version, None),
    };
    let mut numbers = Vec::new();
    for number in version.split('.') {
        if (number.len() > 1 && number.starts_with('0')) || !digits(number)?.1.is_empty() {
            return None;
        }
        numbers.push(number.parse().ok()?);
    }
    let mut suffixes = Vec::new();
    for part in parts {
        let (name, number) = letters(part)?;
        let (_, rank) = SUFFIXES.iter().find(|(suffix, _)| *suffix == name)?;
        let number = if number.is_empty() { 0 } else { number.parse().ok()? };
        suffixes.push((*rank, number));
    }
    suffixes.push((0, 0));
    Some(Apk { numbers, letter, suffixes, revision })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scheme: Scheme, table: &[(&str, Option<Ordering>, &str)]) {
        for (a, expected, b) in table {
            assert_eq!(scheme.compare(a, b), *expected, "{scheme:?} {a} {b}");
            assert_eq!(scheme.compare(b, a), expected.map(Ordering::reverse), "{scheme:?} {b} {a}");
        }
    }

    const LESS: Option<Ordering> = Some(Ordering::Less);
    const SAME: Option<Ordering> = Some(Ordering::Equal);

    #[test]
    fn semantic_versions() {
        // spec: semver 2.0.0 §11
        check(
            Scheme::of(Some("npm")),
            &[
                ("1.0.0-alpha", LESS, "1.0.0-alpha.1"),
                ("1.0.0-alpha.1", LESS, "1.0.0-alpha.beta"),
                ("1.0.0-alpha.beta", LESS, "1.0.0-beta"),
                ("1.0.0-beta", LESS, "1.0.0-beta.2"),
                ("1.0.0-beta.2", LESS, "1.0.0-beta.11"),
                ("1.0.0-beta.11", LESS, "1.0.0-rc.1"),
                ("1.0.0-rc.1", LESS, "1.0.0"),
                ("1.0.0+build", SAME, "1.0.0+other"),
                ("v1.2.3", SAME, "1.2.3"),
                ("1.2", SAME, "1.2.0"),
                ("1.9.0", LESS, "1.10.0"),
                ("v0.0.0-20190308221718-c2843e01d9a2", LESS, "v0.0.0-20200622213623-75b288015ac9"),
                ("1.2.3.4", LESS, "1.2.3.5"),
                ("latest", None, "1.0.0"),
            ],
        );
    }

    #[test]
    fn leading_numbers_and_no_further() {
        check(
            Scheme::of(Some("maven")),
            &[
                ("2.9", LESS, "2.17.1"),
                ("2.17.0", LESS, "2.17.1"),
                ("2.17", SAME, "2.17.0"),
                ("2.17", LESS, "2.17.1"),
                ("2.17.1", LESS, "2.20.0.redhat-00001"),
                ("2.17.1", None, "2.17.1.Final"),
                ("2.17.1-rc1", None, "2.17.1"),
                ("2.0-beta9", LESS, "2.1"),
                ("99999999999999999999998", LESS, "99999999999999999999999"),
                ("1!2.0", None, "1.0"),
                ("", None, "1.0"),
                ("x", SAME, "x"),
            ],
        );
    }

    #[test]
    fn versions_of_debian() {
        check(
            Scheme::of(Some("deb")),
            &[
                ("7.88.1-9", LESS, "7.88.1-10"),
                ("7.88.1-10", LESS, "7.88.1-10+deb12u5"),
                ("1.0~rc1", LESS, "1.0"),
                ("1.0~~", LESS, "1.0~"),
                ("1.0", LESS, "1.0.0"),
                ("1.0", SAME, "1.0-0"),
                ("9.9", LESS, "1:0.1"),
                ("0:1.0", SAME, "1.0"),
                ("1.0a", LESS, "1.0+"),
                ("1.0+", LESS, "1.0.1"),
                ("1.02", SAME, "1.2"),
                ("2.31-13+deb11u2", LESS, "2.31-13+deb11u10"),
                ("a:1", None, "1"),
            ],
        );
    }

    #[test]
    fn versions_of_rpm() {
        check(
            Scheme::of(Some("rpm")),
            &[
                ("1.0", LESS, "2.0"),
                ("2.0", LESS, "2.0.1"),
                ("2.0.1", LESS, "2.0.1a"),
                ("5.5p1", LESS, "5.5p10"),
                ("xyz10", LESS, "10xyz"),
                ("1.0~rc1", LESS, "1.0"),
                ("1.0~rc1", LESS, "1.0~rc2"),
                ("1.0", LESS, "1.0^git1"),
                ("1.0^git1", LESS, "1.0.1"),
                ("1.0^git1", LESS, "1.01"),
                ("7.61.1-9.el8", LESS, "7.61.1-33.el8"),
                ("9.9-1", LESS, "1:0.1-1"),
                ("1.0", SAME, "1_0"),
                ("010", SAME, "10"),
            ],
        );
        let rpm = Scheme::Rpm;
        assert_eq!(rpm.compare("7.61.1-9.el8", "7.61.1"), SAME);
        assert_eq!(rpm.compare("7.61.1-9.el8", "7.61.2"), LESS);
    }

    #[test]
    fn versions_of_alpine() {
        check(
            Scheme::of(Some("apk")),
            &[
                ("3.1.4-r5", LESS, "3.1.4-r6"),
                ("3.1.4-r9", LESS, "3.1.10-r0"),
                ("1.2_rc1", LESS, "1.2"),
                ("1.2_alpha", LESS, "1.2_beta"),
                ("1.2", LESS, "1.2_p1"),
                ("1.2_git1", LESS, "1.2_p1"),
                ("1.2", LESS, "1.2a"),
                ("1.2a", LESS, "1.2.1"),
                ("1.2", LESS, "1.2.0"),
                ("1.2_rc1-r3", LESS, "1.2-r0"),
                ("1.2_rc1", LESS, "1.2_rc1_p1"),
                ("1.02", None, "1.2"),
                ("1.2_x", None, "1.2"),
            ],
        );
    }
}
