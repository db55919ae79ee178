//! Whether a resource URI is the image under decision.

use super::super::{Context, purl::Purl};
use crate::reference::Reference;

/// `registry/repository`, with or without tag and digest, after `docker://`, `oci://`, `https://`
/// or nothing; or the package URLs `pkg:oci` and `pkg:docker`. A digest must be the image's.
pub(super) fn is_image(uri: &str, context: &Context<'_>) -> bool {
    let named = if uri.starts_with("pkg:") { by_purl(uri) } else { by_reference(uri) };
    named.is_some_and(|(repository, digest)| {
        !context.repository.is_empty()
            && repository == context.repository
            && digest.is_none_or(|digest| digest == context.digest)
    })
}

type Named = (String, Option<String>);

fn by_reference(uri: &str) -> Option<Named> {
    let text = match uri.split_once("://") {
        Some(("docker" | "oci" | "https", rest)) => rest,
        Some(_) => return None,
        None => uri,
    };
    let reference = Reference::parse(text).ok()?;
    Some((reference.repository(), reference.digest.map(|d| d.as_str().to_owned())))
}

/// spec: purl §Known types, `docker` and `oci`: the version is a tag or digest, `repository_url` is
/// the registry of the one and the whole repository of the other.
fn by_purl(uri: &str) -> Option<Named> {
    let purl = Purl::parse(uri)?;
    let url = purl.qualifier("repository_url");
    let name = match purl.kind.as_str() {
        "oci" => {
            let url = without_scheme(url?);
            url.rsplit('/').next().filter(|last| last.eq_ignore_ascii_case(&purl.name))?;
            url.to_owned()
        }
        "docker" => {
            let registry = url.map_or("docker.io", without_scheme);
            let registry = if registry == "hub.docker.com" { "docker.io" } else { registry };
            format!("{registry}/{}", purl.path())
        }
        _ => return None,
    };
    let version = purl.version.as_deref().filter(|version| version.contains(':'));
    let text = match version {
        Some(digest) => format!("{name}@{digest}"),
        None => name,
    };
    let reference = Reference::parse(&text).ok()?;
    // A tag in the qualifier would be a second name.
    reference.tag.as_deref().is_none_or(|tag| tag == "latest").then_some(())?;
    Some((reference.repository(), reference.digest.map(|d| d.as_str().to_owned())))
}

fn without_scheme(url: &str) -> &str {
    let url = url.strip_prefix("https://").unwrap_or(url);
    url.strip_suffix('/').unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;

    #[test]
    fn the_resource_is_the_image_by_any_of_its_names() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let other = format!("sha256:{}", "b".repeat(64));
        let context = Context {
            now: Time::from_unix(0).into(),
            repository: "ghcr.io/acme/app",
            digest: &digest,
            vex: &[],
        };
        for (uri, expected) in [
            ("ghcr.io/acme/app".to_owned(), true),
            ("GHCR.io/acme/app:1".to_owned(), true),
            (format!("ghcr.io/acme/app@{digest}"), true),
            (format!("ghcr.io/acme/app:1@{digest}"), true),
            (format!("ghcr.io/acme/app@{other}"), false),
            (format!("docker://ghcr.io/acme/app@{digest}"), true),
            ("oci://ghcr.io/acme/app".to_owned(), true),
            ("https://ghcr.io/acme/app".to_owned(), true),
            ("git+https://ghcr.io/acme/app".to_owned(), false),
            ("ghcr.io/acme/app2".to_owned(), false),
            ("ghcr.io/acme".to_owned(), false),
            ("acme/app".to_owned(), false),
            (String::new(), false),
            ("pkg:oci/app?repository_url=ghcr.io/acme/app".to_owned(), true),
            (format!("pkg:oci/app@{digest}?repository_url=ghcr.io/acme/app"), true),
            (
                format!(
                    "pkg:oci/app@{}?repository_url=ghcr.io%2Facme%2Fapp",
                    digest.replace(':', "%3A")
                ),
                true,
            ),
            (format!("pkg:oci/app@{other}?repository_url=ghcr.io/acme/app"), false),
            ("pkg:oci/other?repository_url=ghcr.io/acme/app".to_owned(), false),
            ("pkg:oci/app".to_owned(), false),
            ("pkg:docker/acme/app@1.0?repository_url=ghcr.io".to_owned(), true),
            (format!("pkg:docker/acme/app@{other}?repository_url=ghcr.io"), false),
            ("pkg:docker/acme/app".to_owned(), false),
            ("pkg:npm/acme/app?repository_url=ghcr.io".to_owned(), false),
        ] {
            assert_eq!(is_image(&uri, &context), expected, "{uri}");
        }
        let nothing = Context { repository: "", ..context };
        assert!(!is_image("", &nothing) && !is_image("ghcr.io/acme/app", &nothing));
        let hub = Context { repository: "docker.io/library/nginx", ..context };
        assert!(is_image("pkg:docker/library/nginx@1", &hub) && is_image("nginx", &hub));
    }
}
