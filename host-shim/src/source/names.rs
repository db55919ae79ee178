//! Where a repository lives, and what may stand in a URL.

use std::net::{IpAddr, Ipv6Addr};

/// A repository on a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    /// Host and port to speak to, lower case.
    pub(super) host: String,
    /// The name below it.
    pub(super) name: String,
}

impl Location {
    /// Takes `host/name` apart.
    pub(super) fn parse(repository: &str) -> Option<Self> {
        let (host, name) = repository.split_once('/')?;
        let host = api_host(&host.to_ascii_lowercase()).to_owned();
        (is_host(&host) && is_name(name)).then(|| Self { host, name: name.to_owned() })
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
pub(super) fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

/// This machine, by name or address.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = without_port(host);
    bare == "localhost" || address(bare).is_some_and(|a| a.is_loopback())
}

/// A literal that no registry may send us to: this machine, this link, nowhere.
pub(super) fn is_internal(host: &str) -> bool {
    let bare = without_port(host);
    is_loopback(host)
        || address(bare).is_some_and(|a| match a {
            IpAddr::V4(v4) => v4.is_link_local() || v4.is_unspecified(),
            IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_unspecified(),
        })
}

fn without_port(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => host.split(':').next().unwrap_or(host),
    }
}

fn address(bare: &str) -> Option<IpAddr> {
    let address: IpAddr = bare.parse().ok()?;
    match address {
        IpAddr::V6(v6) => Some(Ipv6Addr::to_ipv4_mapped(&v6).map_or(address, IpAddr::V4)),
        IpAddr::V4(_) => Some(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_host_and_name_apart_and_knows_docker_hub() {
        let hub = Location::parse("docker.io/library/nginx").unwrap();
        assert_eq!(hub.host, "registry-1.docker.io");
        assert_eq!(hub.name, "library/nginx");
        assert_eq!(Location::parse("LOCALHOST:5000/a").unwrap().host, "localhost:5000");
    }

    #[test]
    fn refuses_names_that_would_change_the_url() {
        for bad in ["nginx", "ghcr.io/", "ghcr.io/a/../b", "ghcr.io/a?b", "gh cr.io/a", "u@h/a"] {
            assert_eq!(Location::parse(bad), None, "{bad}");
        }
        assert!(!is_tag("../x") && !is_tag("") && !is_tag("a/b") && is_tag("v1.2-rc_1"));
    }

    #[test]
    fn knows_addresses_of_this_machine_in_every_spelling() {
        for host in ["localhost", "localhost:5000", "127.0.0.1", "127.9.9.9:80", "[::1]:5000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["[::ffff:127.0.0.1]", "169.254.169.254", "0.0.0.0", "[fe80::1]:1"] {
            assert!(is_internal(host), "{host}");
        }
        assert!(!is_internal("ghcr.io") && !is_internal("10.0.0.1:5000"));
    }
}
