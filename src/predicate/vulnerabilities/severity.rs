//! How bad a vulnerability is, in the words and numbers of the field.

/// Ordered: what nobody has rated ranks above critical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A CVSS score of zero.
    None,
    /// Distributions' word for what will not be fixed because it does not matter.
    Negligible,
    /// `low`.
    Low,
    /// `medium`.
    Medium,
    /// `high`.
    High,
    /// `critical`.
    Critical,
    /// Not rated, or rated in words that nobody knows.
    Unknown,
}

/// As policies write them.
pub const SEVERITIES: &[(&str, Severity)] = &[
    ("none", Severity::None),
    ("negligible", Severity::Negligible),
    ("low", Severity::Low),
    ("medium", Severity::Medium),
    ("high", Severity::High),
    ("critical", Severity::Critical),
    ("unknown", Severity::Unknown),
];

/// Words of scanners and advisories, beside those of policies.
const SYNONYMS: &[(&str, Severity)] = &[
    ("info", Severity::Negligible),
    ("informational", Severity::Negligible),
    ("minor", Severity::Low),
    ("moderate", Severity::Medium),
    ("important", Severity::High),
    ("major", Severity::High),
];

impl Severity {
    /// A word of a report. `None` says nothing: `unknown`, and what is not a severity.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        let known = SEVERITIES.iter().chain(SYNONYMS);
        let found = known.copied().find(|(name, _)| name.eq_ignore_ascii_case(word.trim()));
        found.map(|(_, severity)| severity).filter(|severity| *severity != Self::Unknown)
    }

    /// A CVSS base score.
    ///
    /// spec: CVSS v3.1 §5 "Qualitative Severity Rating Scale"
    pub(super) fn of_score(score: f64) -> Option<Self> {
        match score {
            s if !(0.0..=10.0).contains(&s) => None,
            s if s <= 0.0 => Some(Self::None),
            s if s < 4.0 => Some(Self::Low),
            s if s < 7.0 => Some(Self::Medium),
            s if s < 9.0 => Some(Self::High),
            _ => Some(Self::Critical),
        }
    }

    /// The worst of several ratings; unknown where none of them says anything.
    pub(super) fn worst(ratings: impl IntoIterator<Item = Option<Self>>) -> Self {
        ratings.into_iter().flatten().max().unwrap_or(Self::Unknown)
    }

    /// As policies write it.
    pub fn as_str(self) -> &'static str {
        SEVERITIES.iter().find(|(_, s)| *s == self).map_or("unknown", |(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_ranks_above_critical_and_negligible_below_low() {
        assert!(SEVERITIES.is_sorted_by_key(|(_, severity)| *severity));
        assert!(Severity::Unknown > Severity::Critical && Severity::Negligible < Severity::Low);
    }

    #[test]
    fn words_are_read_in_any_case_and_others_say_nothing() {
        for (word, severity) in [
            ("CRITICAL", Some(Severity::Critical)),
            ("High", Some(Severity::High)),
            ("important", Some(Severity::High)),
            ("Moderate", Some(Severity::Medium)),
            ("medium", Some(Severity::Medium)),
            ("Low", Some(Severity::Low)),
            ("Negligible", Some(Severity::Negligible)),
            ("info", Some(Severity::Negligible)),
            ("none", Some(Severity::None)),
            ("UNKNOWN", None),
            ("untriaged", None),
            ("", None),
            ("critica", None),
            ("7.5", None),
        ] {
            assert_eq!(Severity::of_word(word), severity, "{word}");
        }
    }

    #[test]
    fn scores_fall_into_the_ranges_of_cvss() {
        for (score, severity) in [
            (0.0, Some(Severity::None)),
            (0.1, Some(Severity::Low)),
            (3.9, Some(Severity::Low)),
            (4.0, Some(Severity::Medium)),
            (6.9, Some(Severity::Medium)),
            (7.0, Some(Severity::High)),
            (8.9, Some(Severity::High)),
            (9.0, Some(Severity::Critical)),
            (10.0, Some(Severity::Critical)),
            (10.1, None),
            (-0.1, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ] {
            assert_eq!(Severity::of_score(score), severity, "{score}");
        }
    }

    #[test]
    fn the_worst_rating_counts_and_no_rating_is_unknown() {
        let low = Some(Severity::Low);
        assert_eq!(Severity::worst([low, None, Some(Severity::High), low]), Severity::High);
        assert_eq!(Severity::worst([None, low]), Severity::Low);
        assert_eq!(Severity::worst([None, None]), Severity::Unknown);
        assert_eq!(Severity::worst([]), Severity::Unknown);
    }
}
