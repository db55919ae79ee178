//! Entries under patterns, found as kubelet finds them
//! ([keyring.go](https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/credentialprovider/keyring.go)):
//! stars within one label of the domain, the same port, the path by its beginning; the most specific
//! first, and all that match.

use super::{
    AuthError, Credential,
    target::{Target, canonical_host},
};

/// A host with stars, perhaps a port, perhaps the beginning of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    labels: Vec<String>,
    port: Option<String>,
    /// With its slash at the beginning; empty for all paths.
    path: String,
}

impl Pattern {
    /// An entry of `matchImages`.
    pub(super) fn of_image(text: &str) -> Option<Self> {
        let (host, path) = match text.find('/') {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        if path.contains(['?', '#', '@']) {
            return None;
        }
        let path = if path == "/" { "" } else { path };
        let host = host.to_ascii_lowercase();
        // Stars are let through where letters may stand.
        let host = match host.contains('*') {
            true => canonical_host(&host.replace('*', "x")).map(|_| host)?,
            false => canonical_host(&host)?,
        };
        let (name, port) = split(&host);
        Some(Self {
            labels: name.split('.').map(str::to_owned).collect(),
            port: port.map(str::to_owned),
            path: path.to_owned(),
        })
    }

    /// A key of `auths`: URLs are taken too, and `/v1/` and `/v2/` stand for the whole registry.
    pub(super) fn of_key(text: &str) -> Option<Self> {
        let bare = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let mut pattern = Self::of_image(bare.unwrap_or(text))?;
        for version in ["/v1/", "/v2/"] {
            if let Some(rest) = pattern.path.strip_prefix(version) {
                pattern.path = if rest.is_empty() { String::new() } else { format!("/{rest}") };
                break;
            }
        }
        Some(pattern)
    }

    pub(super) fn matches(&self, target: &Target) -> bool {
        let (name, port) = split(&target.host);
        let labels: Vec<&str> = name.split('.').collect();
        self.port.as_deref() == port
            && self.labels.len() == labels.len()
            && format!("/{}", target.repository).starts_with(&self.path)
            && self.labels.iter().zip(labels).all(|(pattern, label)| is_match(pattern, label))
    }

    /// What kubelet sorts by, backwards: longer paths and plain labels come before shorter ones and
    /// stars.
    fn rank(&self) -> String {
        let port = self.port.as_ref().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}{port}{}", self.labels.join("."), self.path)
    }
}

/// The part before the port, and the port.
fn split(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

/// `*` is any number of characters.
fn is_match(pattern: &str, label: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == label;
    };
    let Some(mut label) = label.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match label.find(part) {
            Some(at) => label = label.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    label.ends_with(last)
}

/// Entries, in the order in which they were added.
#[derive(Default)]
pub(super) struct Keyring {
    entries: Vec<(Pattern, Result<Credential, AuthError>)>,
}

impl Keyring {
    /// Adds what is there under a key; keys that make no sense match nothing.
    pub(super) fn add(&mut self, key: &str, found: Result<Option<Credential>, AuthError>) {
        if let (Some(pattern), Some(found)) = (Pattern::of_key(key), found.transpose()) {
            self.entries.push((pattern, found));
        }
    }

    /// All that match, each once. An entry that cannot be used harms no other; it is an error where
    /// there is no other.
    pub(super) fn find(&self, target: &Target) -> Result<Vec<Credential>, AuthError> {
        let mut matching: Vec<_> =
            self.entries.iter().filter(|(pattern, _)| pattern.matches(target)).collect();
        matching.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.rank()));
        let mut found: Vec<Credential> = Vec::new();
        let mut error = None;
        for (_, entry) in matching {
            match entry {
                Ok(credential) if !found.contains(credential) => found.push(credential.clone()),
                Ok(_) => {}
                Err(e) => error = error.or(Some(e)),
            }
        }
        match error {
            Some(error) if found.is_empty() => Err(error.clone()),
            _ => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Secret;

    fn target(image: &str) -> Target {
        let (host, repository) = image.split_once('/').unwrap();
        Target::new(host, repository).unwrap()
    }

    #[test]
    fn patterns_match_as_kubelet_matches_them() {
        for (pattern, image, expected) in [
            ("gcr.io", "gcr.io/project/app", true),
            ("*.azurecr.io", "acme.azurecr.io/app", true),
            ("*.azurecr.io", "azurecr.io/app", false),
            ("*.azurecr.io", "a.b.azurecr.io/app", false),
            ("*.azurecr.io", "acme.azurecr.io.evil.com/app", false),
            ("*.*.registry.io", "a.b.registry.io/app", true),
            ("*.*.registry.io", "a.registry.io/app", false),
            ("*.dkr.ecr.*.amazonaws.com", "1.dkr.ecr.eu-west-1.amazonaws.com/app", true),
            ("*.dkr.ecr.*.amazonaws.com", "1.dkr.ecr.evil.com.amazonaws.com/app", false),
            ("app*.k8s.io", "app1.k8s.io/a", true),
            ("app*.k8s.io", "my-app1.k8s.io/a", false),
            ("a*b*c.io", "aXbYc.io/a", true),
            ("a*b*c.io", "aXcYb.io/a", false),
            ("a*a.io", "a.io/a", false),
            ("k8s.*", "k8s.io/a", true),
            ("registry.io:8080/path", "registry.io:8080/path/app", true),
            ("registry.io:8080/path", "registry.io/path/app", false),
            ("registry.io/path", "registry.io:8080/path/app", false),
            ("registry.io/path", "registry.io/other/path", false),
            // By its beginning, and not by segments: that is how kubelet does it.
            ("gcr.io/etcd", "gcr.io/etcd-development/etcd", true),
            ("gcr.io/etcd/", "gcr.io/etcd-development/etcd", false),
            ("docker.io", "registry-1.docker.io/library/nginx", true),
            ("GCR.io", "gcr.io/a", true),
            ("[::1]:5000", "[::1]:5000/a", true),
            ("[::1]", "[::1]:5000/a", false),
        ] {
            let found = Pattern::of_image(pattern).unwrap().matches(&target(image));
            assert_eq!(found, expected, "{pattern} {image}");
        }
    }

    #[test]
    fn patterns_that_make_no_sense_are_none() {
        for text in ["", "/a", "u@gcr.io", "gcr.io:*", "gcr.io.", "*..io", "a b.io", "gcr.io/a@b"] {
            assert_eq!(Pattern::of_image(text), None, "{text}");
        }
        assert_eq!(Pattern::of_image("https://gcr.io"), None);
        assert_eq!(Pattern::of_key("ftp://gcr.io"), None);
    }

    #[test]
    fn keys_are_urls_too_and_versions_of_the_api_are_the_registry() {
        let nginx = target("docker.io/library/nginx");
        for key in [
            "https://index.docker.io/v1/",
            "http://index.docker.io/v2/",
            "index.docker.io/v1/",
            "https://docker.io",
            "https://index.docker.io/v1/library",
        ] {
            assert!(Pattern::of_key(key).unwrap().matches(&nginx), "{key}");
        }
        assert!(!Pattern::of_key("index.docker.io/v1/acme").unwrap().matches(&nginx));
    }

    #[test]
    fn all_that_match_are_found_the_most_specific_first() {
        let basic = |name: &str| Credential::Basic {
            username: name.to_owned(),
            password: Secret::new("p"),
        };
        let mut keyring = Keyring::default();
        let keys = ["*.io", "quay.io", "quay.io/acme/app", "quay.io", "quay.io/acme", "gcr.io"];
        for (n, key) in keys.into_iter().enumerate() {
            keyring.add(key, Ok(Some(basic(&n.to_string()))));
        }
        keyring.add("quay.io/acme/app", Ok(Some(basic("0"))));
        keyring.add("quay.io", Ok(None));
        keyring.add("quay.io/bad", Err(AuthError::misconfigured("a", "b")));
        let names = |image| -> Vec<String> {
            let found = keyring.find(&target(image)).unwrap().into_iter();
            found.map(|c| format!("{c:?}").split('"').nth(1).unwrap().to_owned()).collect()
        };
        assert_eq!(names("quay.io/acme/app"), ["2", "0", "4", "1", "3"]);
        assert_eq!(names("quay.io/other"), ["1", "3", "0"]);
        assert_eq!(names("quay.io/bad/app"), ["1", "3", "0"]);
        let mut bad = Keyring::default();
        bad.add("quay.io", Err(AuthError::misconfigured("a", "b")));
        assert!(bad.find(&target("quay.io/a")).is_err());
        assert_eq!(bad.find(&target("gcr.io/a")), Ok(Vec::new()));
    }
}
