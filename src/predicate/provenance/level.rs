//! A provenance does not say its SLSA build level: the level is the builder's.

use super::super::glob::Glob;

/// spec: SLSA v1.0 §Levels: build track L0 to L3
pub const MOST_LEVEL: u8 = 3;

/// Builders of which everybody knows the level: the shared workflows of slsa-github-generator at a
/// released version, Google Cloud Build, and GitHub's own runners. GitHub's attestations name the
/// user's workflow as the builder; of that only the policy can say what it is.
const KNOWN: &[(&str, u8)] = &[
    (
        "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/*_slsa3.yml@refs/tags/v*.*.*",
        3,
    ),
    ("https://cloudbuild.googleapis.com/GoogleHostedWorker", 3),
    ("https://cloudbuild.googleapis.com/GoogleHostedWorker@v0.3", 3),
    ("https://github.com/actions/runner/github-hosted", 2),
];

/// The lowest level that the policy knows of a builder; of one that it does not name, what
/// everybody knows.
pub(super) fn of(builder: &str, policy: &[(Glob, u8)]) -> Option<u8> {
    let named = policy.iter().filter(|(glob, _)| glob.matches(builder)).map(|(_, level)| *level);
    named.min().or_else(|| {
        let is = |text: &str| Glob::parse(text).is_ok_and(|glob| glob.matches(builder));
        KNOWN.iter().find(|(text, _)| is(text)).map(|(_, level)| *level)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_released_versions_of_the_generator_are_known() {
        let generator = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows";
        for (builder, expected) in [
            (format!("{generator}/generator_container_slsa3.yml@refs/tags/v2.0.0"), Some(3)),
            (format!("{generator}/generator_container_slsa3.yml@refs/heads/main"), None),
            (format!("{generator}/generator_container_slsa3.yml@refs/tags/v2"), None),
            (format!("{generator}/generator_container_slsa3.yml"), None),
            (format!("{generator}/x/generator_slsa3.yml@refs/tags/v2.0.0"), None),
            ("https://github.com/actions/runner/github-hosted".into(), Some(2)),
            ("https://github.com/actions/runner/self-hosted".into(), None),
            ("https://cloudbuild.googleapis.com/GoogleHostedWorker".into(), Some(3)),
            ("https://cloudbuild.googleapis.com/GoogleHostedWorker@v0.1".into(), None),
        ] {
            assert_eq!(of(&builder, &[]), expected, "{builder}");
        }
    }

    #[test]
    fn the_lowest_level_of_the_policy_counts() {
        let policy = [
            (Glob::parse("https://ci.acme.test/**").unwrap(), 3),
            (Glob::parse("https://ci.acme.test/dev/*").unwrap(), 1),
            (Glob::parse("https://github.com/actions/runner/*").unwrap(), 1),
        ];
        assert_eq!(of("https://ci.acme.test/prod/a", &policy), Some(3));
        assert_eq!(of("https://ci.acme.test/dev/a", &policy), Some(1));
        assert_eq!(of("https://github.com/actions/runner/github-hosted", &policy), Some(1));
    }
}
