//! Versions of plugins, by [Semantic Versioning 2.0.0](https://semver.org/spec/v2.0.0.html).

use std::cmp::Ordering;

/// A version. Build metadata are checked and dropped: they decide nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version<'a> {
    core: [&'a str; 3],
    pre_release: Option<&'a str>,
}

impl<'a> Version<'a> {
    /// spec: semver.org §2, §9 and §10
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (rest, build) = match text.split_once('+') {
            Some((rest, build)) => (rest, Some(build)),
            None => (text, None),
        };
        if build.is_some_and(|build| !build.split('.').all(is_identifier)) {
            return None;
        }
        let (core, pre_release) = match rest.split_once('-') {
            Some((core, pre_release)) => (core, Some(pre_release)),
            None => (rest, None),
        };
        // "Numeric identifiers MUST NOT include leading zeroes"
        let is_fit = |part: &str| is_identifier(part) && (!is_digits(part) || is_number(part));
        if pre_release.is_some_and(|pre_release| !pre_release.split('.').all(is_fit)) {
            return None;
        }
        let mut parts = core.splitn(4, '.');
        let core = [parts.next()?, parts.next()?, parts.next()?];
        let is_good = parts.next().is_none() && core.iter().all(|part| is_number(part));
        is_good.then_some(Self { core, pre_release })
    }

    /// spec: semver.org §11 "Precedence is determined by the first difference"
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let cores = self.core.iter().zip(other.core);
        let core = cores.map(|(a, b)| numbers(a, b)).find(|order| order.is_ne());
        core.unwrap_or_else(|| match (self.pre_release, other.pre_release) {
            (None, None) => Ordering::Equal,
            // "a pre-release version has lower precedence than the associated normal version"
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => pre_releases(a, b),
        })
    }
}

fn pre_releases(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            // "A larger set of pre-release fields has a higher precedence than a smaller set"
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (is_digits(a), is_digits(b)) {
                (true, true) => numbers(a, b),
                // "Numeric identifiers always have lower precedence than non-numeric identifiers."
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => a.cmp(b),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Numbers without leading zeroes, of any length.
fn numbers(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && is_digits(text) && (text == "0" || !text.starts_with('0'))
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence_is_that_of_the_specification() {
        let ordered = [
            "0.0.9",
            "1.0.0-0",
            "1.0.0-2",
            "1.0.0-11",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1",
            "1.0.10",
            "1.2.0",
            "1.10.0",
            "2.0.0-0a",
            "2.0.0",
            "99999999999999999999999.0.0",
        ];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                let [left, right] = [a, b].map(|text| Version::parse(text).unwrap());
                assert_eq!(left.compare(&right), i.cmp(&j), "{a} {b}");
            }
        }
        let [left, right] = ["1.0.0+a", "1.0.0+b.01"].map(|text| Version::parse(text).unwrap());
        assert_eq!(left.compare(&right), Ordering::Equal);
        assert!(Version::parse("1.0.0-a-b.x+c-d").is_some());
    }

    #[test]
    fn what_is_not_a_version_is_none() {
        for text in [
            "",
            "1",
            "1.0",
            "1.0.0.0",
            "v1.0.0",
            "1.0.x",
            "01.0.0",
            "1.00.0",
            "1.0.0-",
            "1.0.0-01",
            "1.0.0-a..b",
            "1.0.0+",
            "1.0.0+a+b",
            "1.0.0-a_b",
            " 1.0.0",
            "1.0.0 ",
            "1..0",
            "-1.0.0",
            "1.0.0-ä",
        ] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
