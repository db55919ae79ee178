//! Whether something that a document names is the image.

use serde_json::Value;

use crate::predicate::{purl::Purl, vulnerabilities::shape::Members};

/// How something stands to the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tie {
    /// Another artifact.
    Other,
    /// The image itself: a digest of it, and none of something else.
    This,
    /// No digest of a kind that could be compared.
    Unsaid,
}

/// By all that identifies it.
pub(super) fn tie<'a>(found: impl IntoIterator<Item = &'a str>, digest: &str) -> Tie {
    let algorithm = digest.split(':').next();
    let mut tie = Tie::Unsaid;
    for found in found.into_iter().filter_map(digest_in) {
        if found == digest && tie != Tie::Other {
            tie = Tie::This;
        } else if found.split(':').next() == algorithm && found != digest {
            tie = Tie::Other;
        }
    }
    tie
}

/// The digest in `pkg:oci/app@sha256:…?repository_url=…`, `ghcr.io/acme/app@sha256:…` or `sha256:…`.
fn digest_in(identifier: &str) -> Option<String> {
    let digest = match Purl::parse(identifier) {
        Some(purl) => purl.version?,
        None => {
            let path = identifier.split(['?', '#']).next().unwrap_or_default();
            path.rsplit('@').next().unwrap_or_default().to_owned()
        }
    };
    let (algorithm, hex) = digest.split_once(':')?;
    let known = matches!(algorithm, "sha256" | "sha512");
    (known && hex.bytes().all(|b| b.is_ascii_hexdigit())).then(|| digest.to_ascii_lowercase())
}

/// `{ "sha-256": "…" }` of OpenVEX, as digests.
pub(super) fn digests(hashes: &Members) -> impl Iterator<Item = String> + '_ {
    hashes.iter().filter_map(|(name, value)| as_digest(name, value))
}

/// An algorithm's name in any of the usual spellings, and hexadecimal digits.
pub(super) fn as_digest(name: &str, value: &Value) -> Option<String> {
    Some(format!("{}:{}", name.to_ascii_lowercase().replace('-', ""), value.as_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_digest_of_the_image_names_it() {
        let ours = format!("sha256:{}", "a".repeat(64));
        let other = format!("sha256:{}", "b".repeat(64));
        for (identifiers, expected) in [
            (vec![ours.clone()], Tie::This),
            (vec![ours.to_uppercase().replace("SHA", "sha")], Tie::This),
            (vec![format!("pkg:oci/app@{ours}")], Tie::This),
            (
                vec![format!("pkg:oci/app@{}?repository_url=r.io/x", ours.replace(':', "%3A"))],
                Tie::This,
            ),
            (vec![format!("ghcr.io/acme/app@{ours}")], Tie::This),
            (vec![format!("ghcr.io/acme/app:1@{ours}?x#y")], Tie::This),
            (vec![format!("pkg:oci/app@{ours}"), "pkg:oci/app".to_owned()], Tie::This),
            (vec![ours.clone(), other.clone()], Tie::Other),
            (vec![other.clone(), ours.clone()], Tie::Other),
            (vec![format!("pkg:oci/app@{other}")], Tie::Other),
            (vec![ours.chars().take(70).collect::<String>()], Tie::Other),
            (vec!["pkg:oci/app?repository_url=ghcr.io/acme/app".to_owned()], Tie::Unsaid),
            (vec![format!("pkg:oci/app?digest={ours}")], Tie::Unsaid),
            (vec![format!("sha512:{}", "a".repeat(128))], Tie::Unsaid),
            (vec![format!("{ours}/x")], Tie::Unsaid),
            (vec!["ghcr.io/acme/app".to_owned(), String::new()], Tie::Unsaid),
            (vec![], Tie::Unsaid),
        ] {
            assert_eq!(
                tie(identifiers.iter().map(String::as_str), &ours),
                expected,
                "{identifiers:?}"
            );
        }
    }
}
