//! Ranges of versions.

use std::fmt;

use super::scheme::Scheme;

/// Bounds of one range: `>=2.0, <2.17.1` has two.
const MOST_BOUNDS: usize = 16;

/// Bounds that all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    text: String,
    bounds: Vec<(Operator, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    AtLeast,
    AtMost,
    Equal,
    Less,
    More,
}

/// Why a text is no range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeError;

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a version, or bounds such as `>=2.0, <2.17.1`")
    }
}

impl Range {
    /// `1.2.3`, `=1.2.3`, `>=2.0, <2.17.1`.
    pub fn parse(text: &str) -> Result<Self, RangeError> {
        let mut bounds = Vec::new();
        for part in text.split(',') {
            let part = part.trim();
            let operators = [
                (">=", Operator::AtLeast),
                ("<=", Operator::AtMost),
                (">", Operator::More),
                ("<", Operator::Less),
                ("=", Operator::Equal),
            ];
            let found = operators.iter().find_map(|(o, operator)| {
                part.strip_prefix(o).map(|version| (*operator, version.trim()))
            });
            let (operator, version) = found.unwrap_or((Operator::Equal, part));
            if !is_version(version) {
                return Err(RangeError);
            }
            bounds.push((operator, version.to_owned()));
        }
        if bounds.len() > MOST_BOUNDS {
            return Err(RangeError);
        }
        Ok(Self { text: text.to_owned(), bounds })
    }

    /// Exactly this version.
    pub(super) fn exactly(version: &str) -> Self {
        Self { text: version.to_owned(), bounds: vec![(Operator::Equal, version.to_owned())] }
    }

    /// Whether a version is in it; none where that cannot be told.
    pub(super) fn contains(&self, scheme: Scheme, version: &str) -> Option<bool> {
        let mut told = true;
        for (operator, bound) in &self.bounds {
            let holds = scheme.compare(version, bound).map(|order| match operator {
                Operator::AtLeast => order.is_ge(),
                Operator::AtMost => order.is_le(),
                Operator::Equal => order.is_eq(),
                Operator::Less => order.is_lt(),
                Operator::More => order.is_gt(),
            });
            match holds {
                Some(true) => {}
                Some(false) => return Some(false),
                // Versions that are written differently and cannot be ordered are not known to be
                // the same; an exact version is asked for as it is written.
                None if *operator == Operator::Equal => return Some(false),
                None => told = false,
            }
        }
        told.then_some(true)
    }
}

/// Other languages' ranges (`^1.0`, `~> 1`, `1.x`, `1 || 2`) are refused: read as a version they would
/// match nothing. So is the `!` of Python's epochs: such versions are not compared here.
fn is_version(text: &str) -> bool {
    let foreign = text.starts_with(['^', '~']) || text.ends_with(".x") || text.ends_with(".X");
    let allowed = |b: u8| b.is_ascii_graphic() && !b"<>=*|!".contains(&b);
    !text.is_empty() && !foreign && text.bytes().all(allowed)
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bounds_of_a_range_hold() {
        for (range, version, expected) in [
            (">=2.0, <2.17.1", "2.17.0", Some(true)),
            (">=2.0,<2.17.1", "2.17.1", Some(false)),
            (">=2.0,<2.17.1", "1.9", Some(false)),
            (">=2.0,<2.17.1", "2.17.1-rc1", None),
            (">=2.0,<2.17.1", "1.0-rc1", Some(false)),
            (">2", "2.0", Some(false)),
            (">2", "2.0.1", Some(true)),
            ("<=2", "2.0", Some(true)),
            ("2.0", "2", Some(true)),
            ("= 2.0", "2.0", Some(true)),
            ("2.0.Final", "2.0.Final", Some(true)),
            ("2.0", "2.0.Final", Some(false)),
        ] {
            let found = Range::parse(range).unwrap().contains(Scheme::Numbers, version);
            assert_eq!(found, expected, "{range} {version}");
        }
        for text in
            ["", ",", ">=", "1 2", "^1.0", "~>1", "~1", "1.*", "1.x", ">=1 || <2", "!=1", "=>1"]
        {
            assert!(Range::parse(text).is_err(), "{text}");
        }
        assert!(Range::parse(&[">1"; 17].join(",")).is_err());
    }
}
