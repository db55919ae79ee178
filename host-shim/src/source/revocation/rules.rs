//! Where revocation may be asked for: the addresses stand in certificates, so strangers write them.

use std::{fmt, net::IpAddr, str::FromStr};

use http::Uri;

use super::address::Kind;

const HTTP: u16 = 80;

/// A host that the user has listed: it may be in the user's own network, and at any port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedHost {
    name: String,
    port: Option<u16>,
}

impl FromStr for ListedHost {
    type Err = String;

    /// `HOST` or `HOST:PORT`; IPv6 addresses in brackets.
    fn from_str(text: &str) -> Result<Self, String> {
        let no_host = || "a host, such as ocsp.example.com, with a port or without".to_owned();
        let after_name = text.rfind(']').map_or(0, |bracket| bracket + 1);
        let (name, port) = match text[after_name..].split_once(':') {
            Some((rest, port)) => (&text[..after_name + rest.len()], Some(port)),
            None => (text, None),
        };
        let port = port.map(str::parse::<u16>).transpose().map_err(|_| no_host())?;
        let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
        let is_v6 = || name.starts_with('[') && bare(name).parse::<IpAddr>().is_ok();
        if bare(name).is_empty() || port == Some(0) || !(is_name || is_v6()) {
            return Err(no_host());
        }
        Ok(Self { name: bare(name), port })
    }
}

/// Host and port of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Lower case, without brackets and the final dot.
    pub(super) host: String,
    pub(super) port: u16,
}

/// What the user has listed, and whether there is anything beside it.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) listed: Vec<ListedHost>,
    pub(super) listed_only: bool,
}

/// The rule that forbids to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Address { host: String, kind: Kind, address: IpAddr },
    Credentials { url: String },
    NotAUrl { url: String },
    NotListed { host: String },
    Port { host: String, port: u16 },
    Scheme { url: String },
}

impl Rules {
    /// Reads a URL. Nothing was resolved yet.
    pub(super) fn read(&self, url: &str) -> Result<(Uri, Place), Refusal> {
        let shown = || url.chars().take(256).collect::<String>();
        let uri: Uri = url.parse().map_err(|_| Refusal::NotAUrl { url: shown() })?;
        if uri.scheme_str().is_some_and(|scheme| scheme != "http") {
            return Err(Refusal::Scheme { url: shown() });
        }
        let place = Place::of(&uri).filter(|_| uri.scheme().is_some());
        let place = place.ok_or_else(|| Refusal::NotAUrl { url: shown() })?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(Refusal::Credentials { url: shown() });
        }
        let Place { host, port } = place.clone();
        match self.lists(&place) {
            true => Ok((uri, place)),
            false if self.listed_only => Err(Refusal::NotListed { host }),
            false if port != HTTP => Err(Refusal::Port { host, port }),
            false => Ok((uri, place)),
        }
    }

    /// Looks at one address that a place was resolved to.
    pub(super) fn check(&self, place: &Place, address: IpAddr) -> Result<(), Refusal> {
        let kind = Kind::of(address);
        if kind == Kind::Public || (kind.may_be_listed() && self.lists(place)) {
            return Ok(());
        }
        Err(Refusal::Address { host: place.host.clone(), kind, address })
    }

    fn lists(&self, place: &Place) -> bool {
        let is_it = |listed: &ListedHost| {
            listed.name == place.host && listed.port.is_none_or(|port| port == place.port)
        };
        self.listed.iter().any(is_it)
    }
}

impl Place {
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        let host = bare(uri.host()?);
        let written = uri.authority()?.as_str().rsplit(['@', ']']).next()?.rsplit_once(':');
        let port = match written {
            // Not `Uri::port`, which takes a port that is no number for none.
            Some((_, port)) if !port.is_empty() => port.parse().ok()?,
            _ => HTTP,
        };
        (!host.is_empty()).then_some(Self { host, port })
    }
}

fn bare(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { host, kind, address } if host.parse() == Ok(*address) => {
                write!(f, "`{host}` is a {kind} address")
            }
            Self::Address { host, kind, address } => {
                write!(f, "`{host}` resolves to the {kind} address {address}")
            }
            Self::Credentials { url } => write!(f, "`{url}` carries credentials"),
            Self::NotAUrl { url } => write!(f, "`{url}` is not a URL"),
            Self::NotListed { host } => write!(f, "`{host}` is not a listed revocation host"),
            Self::Port { host, port } => {
                write!(f, "`{host}`: port {port} is for listed revocation hosts, others have 80")
            }
            Self::Scheme { url } => {
                write!(f, "`{url}` is not plain http://, and nothing else is spoken")
            }
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(listed: &[&str], listed_only: bool) -> Rules {
        Rules { listed: listed.iter().map(|h| h.parse().unwrap()).collect(), listed_only }
    }

    #[test]
    fn reads_listed_hosts() {
        let host = |name: &str, port| Ok(ListedHost { name: name.to_owned(), port });
        assert_eq!("OCSP.example.".parse(), host("ocsp.example", None));
        assert_eq!("ocsp:8080".parse(), host("ocsp", Some(8080)));
        assert_eq!("[::1]:8080".parse(), host("::1", Some(8080)));
        assert_eq!("[::1]".parse(), host("::1", None));
        for bad in
            ["", ".", ":80", "a:", "a:0", "a:b", "a:1:2", "::1", "a/b", "http://a", "u@a", "[a]"]
        {
            assert!(bad.parse::<ListedHost>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_url_is_plain_http_at_port_80_unless_its_host_is_listed() {
        let rules = rules(&["inside", "other:8080"], false);
        for url in [
            "http://crl.example/a.crl?b",
            "HTTP://CRL.example:80",
            "http://inside:8080/",
            "http://INSIDE.:1/",
            "http://other:8080",
            "http://other/",
        ] {
            assert!(rules.read(url).is_ok(), "{url}: {:?}", rules.read(url));
        }
        for (url, words) in [
            ("https://crl.example/", "is not plain http://"),
            ("ldap://crl.example/cn=a?b", "is not plain http://"),
            ("file:///etc/passwd", "is not"),
            ("http://u:p@crl.example/", "carries credentials"),
            ("http://u@inside/", "carries credentials"),
            ("http://crl.example:8080/", "port 8080"),
            ("http://other:81/", "port 81"),
            ("http://crl.example:99999/", "is not a URL"),
            ("http://crl.example:0x50/", "is not a URL"),
            ("http://a\r\nHost:b/", "is not a URL"),
            ("http://", "is not a URL"),
            ("/a.crl", "is not a URL"),
            ("crl.example", "is not a URL"),
            ("", "is not a URL"),
        ] {
            let refusal = rules.read(url).unwrap_err().to_string();
            assert!(refusal.contains(words), "{url}: {refusal}");
        }
    }

    #[test]
    fn the_list_may_be_all_there_is() {
        let rules = rules(&["inside"], true);
        assert!(rules.read("http://inside/").is_ok());
        let refusal = rules.read("http://crl.example/").unwrap_err().to_string();
        assert_eq!(refusal, "`crl.example` is not a listed revocation host");
    }
}
