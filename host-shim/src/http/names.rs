//! Hosts of URLs, and which of them are inside.

use std::net::{IpAddr, Ipv6Addr};

use reqwest::Url;

/// Host and port of a URL, lower case, the port left out where it is the scheme's.
pub fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// This machine, by name or address; with a port or without.
pub fn is_loopback(host: &str) -> bool {
    let bare = without_port(host);
    bare == "localhost" || address(bare).is_some_and(|a| a.is_loopback())
}

/// A literal that nobody may send us to: this machine, this link, nowhere.
pub fn is_internal(host: &str) -> bool {
    let bare = without_port(host);
    // RFC 6761 §6.3: names below it are this machine too.
    let name = bare.strip_suffix('.').unwrap_or(bare);
    is_loopback(host)
        || name == "localhost"
        || name.ends_with(".localhost")
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
    fn knows_addresses_of_this_machine_in_every_spelling() {
        for host in ["localhost", "localhost:5000", "127.0.0.1", "127.9.9.9:80", "[::1]:5000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.", "a.localhost:1", "b.localhost."] {
            assert!(is_internal(host) && !is_loopback(host), "{host}");
        }
        for host in ["[::ffff:127.0.0.1]", "169.254.169.254", "0.0.0.0", "[fe80::1]:1"] {
            assert!(is_internal(host), "{host}");
        }
        assert!(!is_internal("ghcr.io") && !is_internal("10.0.0.1:5000"));
        for url in ["https://0x7f.1/", "https://2130706433/", "https://127.1/", "https://LOCALHOST"]
        {
            assert!(is_loopback(&authority(&Url::parse(url).unwrap())), "{url}");
        }
    }
}
