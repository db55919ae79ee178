//! What credentials are asked for, in one spelling; what is spelled otherwise is something else.

/// Docker Hub as this module calls it. Its API is at `registry-1.docker.io`, its credentials are
/// kept under `https://index.docker.io/v1/`.
pub(super) const DOCKER_HUB: &str = "docker.io";
/// How Docker spells Docker Hub in its configuration.
pub(super) const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";
/// RFC 1035 §2.3.4: octets of a name.
const MAX_HOST: usize = 255;
/// RFC 1035 §2.3.4: octets of a label.
const MAX_LABEL: usize = 63;

/// A repository on a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Host and, where it was given, port; lower case.
    pub(super) host: String,
    /// The name below it.
    pub(super) repository: String,
}

impl Target {
    /// Nothing where `host` could not be a registry's, so that it gets no credentials.
    pub(super) fn new(host: &str, repository: &str) -> Option<Self> {
        let host = canonical_host(host)?;
        Some(Self { host, repository: repository.trim_matches('/').to_owned() })
    }

    /// `host/repository`.
    pub(super) fn image(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }

    /// The host without its port, if it has none.
    pub(super) fn domain(&self) -> Option<&str> {
        (!self.host.contains(':')).then_some(&self.host)
    }
}

/// Host and port, lower case; Docker Hub under one name. There is no reading of user names, paths,
/// trailing dots or characters beyond ASCII: what has them is no host.
pub(super) fn canonical_host(text: &str) -> Option<String> {
    if text.len() > MAX_HOST {
        return None;
    }
    let text = text.to_ascii_lowercase();
    let (name, port) = split_port(&text)?;
    let is_host = match name.strip_prefix('[') {
        Some(address) => address.strip_suffix(']')?.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.split('.').all(is_label),
    };
    if !is_host || !port.is_none_or(is_port) {
        return None;
    }
    Some(match text.as_str() {
        "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB.to_owned(),
        _ => text,
    })
}

/// The part before the colon of a port, and the port.
fn split_port(text: &str) -> Option<(&str, Option<&str>)> {
    let after_address = text.rfind(']').map_or(0, |end| end + 1);
    let rest = text.get(after_address..)?;
    match rest.find(':') {
        Some(at) => {
            let (name, port) = text.split_at(after_address + at);
            Some((name, Some(port.get(1..)?)))
        }
        None => Some((text, None)),
    }
}

fn is_label(label: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    !label.is_empty() && label.len() <= MAX_LABEL && label.bytes().all(word)
}

fn is_port(port: &str) -> bool {
    let digits = port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0');
    digits && port.parse::<u16>().is_ok()
}

/// A key of a configuration file: a host, a host with a path, or a URL from older clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) host: String,
    /// Without slashes at its ends; empty for a whole registry.
    pub(super) path: String,
}

impl Key {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_url = bare.is_some();
        let bare = bare.unwrap_or(text);
        let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
        let path = path.trim_matches('/');
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        // Version 1 and 2 of the registry's API stand for the registry.
        let is_version = matches!(first, "v1" | "v2") && (is_url || rest.is_empty());
        let path = if is_version { rest } else { path };
        if path.contains(['?', '#', '@', ':']) {
            return None;
        }
        Some(Self { host: canonical_host(host)?, path: path.to_owned() })
    }

    /// Whether it is for this repository: by whole path segments, as podman reads them.
    pub(super) fn covers(&self, target: &Target) -> bool {
        let below = |rest: &str| rest.is_empty() || rest.starts_with('/');
        self.host == target.host
            && (self.path.is_empty()
                || target.repository.strip_prefix(self.path.as_str()).is_some_and(below))
    }
}

/// The best key of a file for a target, and its value.
pub(super) fn most_specific<'a, V>(
    entries: impl IntoIterator<Item = (&'a String, &'a V)>,
    target: &Target,
) -> Option<(&'a String, &'a V)> {
    let own = if target.host == DOCKER_HUB { DOCKER_HUB_KEY } else { &target.host };
    entries
        .into_iter()
        .filter_map(|(text, value)| {
            let key = Key::parse(text).filter(|key| key.covers(target))?;
            // Of two spellings of one key, the one that today's clients write.
            Some(((key.path.len(), text == own), (text, value)))
        })
        .max_by_key(|(rank, _)| *rank)
        .map(|(_, entry)| entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_registry_has_one_spelling() {
        for (host, expected) in [
            ("ghcr.io", "ghcr.io"),
            ("GHCR.IO", "ghcr.io"),
            ("localhost:5000", "localhost:5000"),
            ("[::1]:5000", "[::1]:5000"),
            ("index.docker.io", "docker.io"),
            ("registry-1.docker.io", "docker.io"),
            ("my_registry", "my_registry"),
        ] {
            assert_eq!(canonical_host(host).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_host() {
        for host in [
            "",
            ".",
            "ghcr.io.",
            ".ghcr.io",
            "ghcr..io",
            "user@ghcr.io",
            "ghcr.io/x",
            "ghcr.io\\x",
            "ghcr.io:",
            "ghcr.io:0443",
            "ghcr.io:65536",
            "ghcr.io:443:1",
            "ghcr.io:4a",
            "ghcr.io#",
            "ghcr.io?",
            "ghcr.io%2e",
            " ghcr.io",
            "ghcr.io\n",
            "ghcr\u{212a}.io",
            "::1",
            "[::1",
            "[::1]x",
            "[ghcr.io]",
            "*.azurecr.io",
        ] {
            assert_eq!(canonical_host(host), None, "{host}");
        }
    }

    #[test]
    fn keys_are_hosts_paths_or_urls_of_older_clients() {
        let target = |text: &str| {
            let (host, repository) = text.split_once('/').unwrap();
            Target::new(host, repository).unwrap()
        };
        for (key, image, covers) in [
            ("ghcr.io", "ghcr.io/acme/app", true),
            ("https://ghcr.io", "ghcr.io/acme/app", true),
            ("http://ghcr.io/", "ghcr.io/acme/app", true),
            ("https://ghcr.io/v2/", "ghcr.io/acme/app", true),
            ("ghcr.io/v1", "ghcr.io/acme/app", true),
            ("ghcr.io/acme", "ghcr.io/acme/app", true),
            ("ghcr.io/acme/app", "ghcr.io/acme/app", true),
            ("ghcr.io/acme/", "ghcr.io/acme/app", true),
            ("ghcr.io/ac", "ghcr.io/acme/app", false),
            ("ghcr.io/acme/app/x", "ghcr.io/acme/app", false),
            ("https://index.docker.io/v1/", "docker.io/library/nginx", true),
            ("index.docker.io/v1/", "registry-1.docker.io/library/nginx", true),
            ("docker.io", "registry-1.docker.io/library/nginx", true),
            ("https://index.docker.io/v1/access-token", "docker.io/library/nginx", false),
            ("ghcr.io:443", "ghcr.io/acme/app", false),
            ("ghcr.io", "ghcr.io:443/acme/app", false),
            ("ghcr.io", "evil-ghcr.io/acme/app", false),
            ("ghcr.io", "ghcr.io.evil.com/acme/app", false),
        ] {
            let found = Key::parse(key).unwrap().covers(&target(image));
            assert_eq!(found, covers, "{key} {image}");
        }
        for key in ["u@ghcr.io", "https://u:p@ghcr.io/", "ghcr.io/a?b", "ftp://ghcr.io", "", "/a"] {
            assert_eq!(Key::parse(key), None, "{key}");
        }
    }
}
