//! Where a repository lives, and what may stand in a URL.

use std::fmt;

/// A repository on a registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    /// Host and port to speak to, lower case.
    pub(super) host: String,
    /// The name below it.
    pub(super) name: String,
}

impl Repository {
    /// Host and port that are spoken to: of Docker Hub, `registry-1.docker.io`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The name below the host.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes `host/name` apart. There is none without a host, and none with a tag or digest.
    pub fn parse(repository: &str) -> Option<Self> {
        let (host, name) = repository.split_once('/')?;
        let host = api_host(&host.to_ascii_lowercase()).to_owned();
        (is_host(&host) && is_name(name)).then(|| Self { host, name: name.to_owned() })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.name)
    }
}

/// Docker Hub's API is not at the host that its names say.
pub(super) fn api_host(host: &str) -> &str {
    match host {
        "docker.io" | "index.docker.io" => "registry-1.docker.io",
        other => other,
    }
}

fn is_host(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b))
}

/// distribution-spec v1.1, "Pulling manifests": `<name>`.
fn is_name(name: &str) -> bool {
    name.len() <= 255
        && name.split('/').all(|part| {
            let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            part.bytes().next().is_some_and(word)
                && part.bytes().all(|b| word(b) || b"._-".contains(&b))
        })
}

/// distribution-spec v1.1, "Pulling manifests": `<reference>` as a tag.
pub fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_host_and_name_apart_and_knows_docker_hub() {
        let hub = Repository::parse("docker.io/library/nginx").unwrap();
        assert_eq!(hub.host, "registry-1.docker.io");
        assert_eq!(hub.name, "library/nginx");
        assert_eq!(Repository::parse("LOCALHOST:5000/a").unwrap().host, "localhost:5000");
    }

    #[test]
    fn refuses_names_that_would_change_the_url() {
        for bad in ["nginx", "ghcr.io/", "ghcr.io/a/../b", "ghcr.io/a?b", "gh cr.io/a", "u@h/a"] {
            assert_eq!(Repository::parse(bad), None, "{bad}");
        }
        assert!(!is_tag("../x") && !is_tag("") && !is_tag("a/b") && is_tag("v1.2-rc_1"));
    }
}
