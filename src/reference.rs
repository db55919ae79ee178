//! Image references and digests, by the grammar of the
//! [distribution project](https://pkg.go.dev/github.com/distribution/reference) and the
//! [OCI image-spec](https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests).

use core::net::Ipv6Addr;
use std::fmt;

use crate::crypto::{HashAlgorithm, hex};

/// A reference in its normal form: registry always there, in lower case, Docker Hub's aliases
/// folded, the default port left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// `host[:port]`.
    pub registry: String,
    /// Path in the registry.
    pub name: String,
    /// Tag; `latest` where neither tag nor digest was written.
    pub tag: Option<String>,
    /// Digest.
    pub digest: Option<Digest>,
}

/// `sha256:<hex>` or `sha512:<hex>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest {
    text: String,
}

/// Why a text is not a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceError {
    /// The digest is not `sha256:` and 64, or `sha512:` and 128 lower-case hexadecimal digits.
    Digest,
    /// Nothing, or more than 255 characters of name.
    Length,
    /// A part of the path has a character that names do not have (upper case among them).
    Name,
    /// The registry is not a host name with an optional port.
    Registry,
    /// The tag is not 1 to 128 letters, digits, `_`, `.` and `-`.
    Tag,
}

impl Reference {
    /// Parses and normalises.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        // Name, tag and digest are limited one by one; this spares looking at more.
        if text.len() > 1024 {
            return Err(ReferenceError::Length);
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                (rest, Some(Digest::parse(digest).ok_or(ReferenceError::Digest)?))
            }
            None => (text, None),
        };
        // A colon after the last slash starts the tag; one before it is a port.
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => {
                (path, Some(is_tag(tag).then(|| tag.to_owned()).ok_or(ReferenceError::Tag)?))
            }
            _ => (rest, None),
        };
        let (registry, name) = split_registry(path);
        if name.is_empty() {
            return Err(ReferenceError::Length);
        }
        let (registry, name) = normalise(registry, name);
        if !is_registry(&registry) {
            return Err(ReferenceError::Registry);
        }
        if registry.len() + name.len() > 255 {
            return Err(ReferenceError::Length);
        }
        if !name.split('/').all(is_path_component) {
            return Err(ReferenceError::Name);
        }
        let tag = match (&digest, tag) {
            (None, None) => Some("latest".to_owned()),
            (_, tag) => tag,
        };
        Ok(Self { registry, name, tag, digest })
    }

    /// `registry/name`, which rules match.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.registry, self.name)
    }

    /// The same image by digest, keeping the tag for people.
    #[must_use]
    pub fn pinned(&self, digest: &Digest) -> Self {
        Self { digest: Some(digest.clone()), ..self.clone() }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl Digest {
    /// Parses.
    pub fn parse(text: &str) -> Option<Self> {
        let (algorithm, encoded) = text.split_once(':')?;
        let length = match algorithm {
            "sha256" => 64,
            "sha512" => 128,
            _ => return None,
        };
        let hexadecimal = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (encoded.len() == length && encoded.bytes().all(hexadecimal))
            .then(|| Self { text: text.to_owned() })
    }

    /// The SHA-256 digest of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self { text: format!("sha256:{}", hex(&HashAlgorithm::Sha256.digest(bytes))) }
    }

    /// `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Algorithm as OCI and in-toto name it, and the hexadecimal digits.
    pub fn parts(&self) -> (&str, &str) {
        self.text.split_once(':').unwrap_or(("", ""))
    }

    /// The tag under which the referrers tag schema and cosign keep things: `sha256-<hex>`.
    pub fn tag(&self) -> String {
        self.text.replace(':', "-")
    }

    /// True where `bytes` have this digest.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        let (algorithm, encoded) = self.parts();
        let algorithm = match algorithm {
            "sha256" => HashAlgorithm::Sha256,
            _ => HashAlgorithm::Sha512,
        };
        hex(&algorithm.digest(bytes)) == encoded
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Digest => "the digest is not `sha256:` and 64 lower-case hexadecimal digits",
            Self::Length => "the name is empty or longer than 255 characters",
            Self::Name => "the name has a character that repositories do not have",
            Self::Registry => "the registry is not a host name",
            Self::Tag => "the tag is not 1 to 128 letters, digits, `_`, `.` and `-`",
        })
    }
}

/// The registry is the first part, if it looks like a host: a dot, a port or `localhost`. (Docker
/// also takes a part with an upper-case letter for a host; such names are refused here, as their
/// normal form would read as a name of Docker Hub.)
pub(crate) fn split_registry(path: &str) -> (Option<&str>, &str) {
    match path.split_once('/') {
        Some((first, rest)) if is_host_like(first) => (Some(first), rest),
        _ => (None, path),
    }
}

fn is_host_like(text: &str) -> bool {
    text.contains(['.', ':']) || text == "localhost"
}

/// Docker Hub's short names and aliases, case, the spelling of an IPv6 address, and the port that
/// https has anyway. What is normalised reads as the same name again.
pub(crate) fn normalise(registry: Option<&str>, name: &str) -> (String, String) {
    let host = registry.unwrap_or("docker.io").to_ascii_lowercase();
    let host = match host.strip_suffix(":443") {
        Some(bare) if is_host_like(bare) && (!bare.contains(':') || bare.ends_with(']')) => {
            bare.to_owned()
        }
        _ => host,
    };
    match host.as_str() {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => {
            // `**` crosses: it is every name, not the official ones.
            let name = if name.contains('/') || name == "**" {
                name.to_owned()
            } else {
                format!("library/{name}")
            };
            ("docker.io".to_owned(), name)
        }
        _ => (ipv6_in_short(&host).unwrap_or(host), name.to_owned()),
    }
}

/// [RFC 5952](https://www.rfc-editor.org/rfc/rfc5952): one text for one address.
fn ipv6_in_short(host: &str) -> Option<String> {
    let (address, port) = host.strip_prefix('[')?.split_once(']')?;
    let address: Ipv6Addr = address.parse().ok()?;
    Some(format!("[{address}]{port}"))
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    // One spelling of a port: no sign, no leading zero.
    let port_ok = port.is_none_or(|p| p.parse::<u16>().is_ok_and(|n| n > 0 && n.to_string() == p));
    let host_ok = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        }),
    };
    host_ok && port_ok
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
pub(crate) fn is_path_component(text: &str) -> bool {
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut separator = Vec::new();
    let mut last_alphanumeric = false;
    for b in text.as_bytes() {
        if alphanumeric(b) {
            let ok = matches!(separator.as_slice(), [] | [b'.'] | [b'_'] | [b'_', b'_'])
                || separator.iter().all(|s| *s == b'-');
            if !ok || (!separator.is_empty() && !last_alphanumeric) {
                return false;
            }
            separator.clear();
            last_alphanumeric = true;
        } else if last_alphanumeric && matches!(b, b'.' | b'_' | b'-') {
            separator.push(*b);
        } else {
            return false;
        }
    }
    last_alphanumeric && separator.is_empty()
}

/// True for what may be a tag (distribution-spec v1.1, "Pulling manifests").
pub fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=128).contains(&text.len())
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:b450d7296dfc04aa28a9336a876a8120c903da239fd03a02c95f8c8fcb269223";

    #[test]
    fn names_are_normalised() {
        for (text, normal) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("acme/app", "docker.io/acme/app:latest"),
            ("index.docker.io/nginx", "docker.io/library/nginx:latest"),
            ("registry-1.docker.io/acme/app:1", "docker.io/acme/app:1"),
            ("GHCR.io:443/acme/app:1", "ghcr.io/acme/app:1"),
            ("localhost:5000/app", "localhost:5000/app:latest"),
            ("localhost/app:1", "localhost/app:1"),
            ("[::1]:5000/app:1", "[::1]:5000/app:1"),
            ("[0:0:0:0:0:0:0:1]:5000/app:1", "[::1]:5000/app:1"),
            ("acme:443/app:1", "acme:443/app:1"),
            ("localhost:443/app:1", "localhost/app:1"),
            ("[::1]:443/app:1", "[::1]/app:1"),
            // Without its port it would be read as a name on Docker Hub.
            ("myhost:443/app:1", "myhost:443/app:1"),
            ("localhost:443/app:1", "localhost/app:1"),
            ("127.0.0.1:5001/a/b__c-d.e:x", "127.0.0.1:5001/a/b__c-d.e:x"),
        ] {
            let parsed = Reference::parse(text);
            assert_eq!(parsed.as_ref().map(ToString::to_string), Ok(normal.into()), "{text}");
            assert_eq!(Reference::parse(normal), parsed, "{text}");
        }
    }

    #[test]
    fn a_digest_wins_and_the_tag_stays_for_people() {
        let reference = Reference::parse(&format!("ghcr.io/acme/app:1@{DIGEST}")).unwrap();
        assert_eq!(reference.digest.as_ref().unwrap().as_str(), DIGEST);
        assert_eq!(reference.to_string(), format!("ghcr.io/acme/app:1@{DIGEST}"));
        let bare = Reference::parse(&format!("ghcr.io/acme/app@{DIGEST}")).unwrap();
        assert_eq!(bare.tag, None);
    }

    #[test]
    fn what_is_not_a_reference_is_refused() {
        for (text, error) in [
            ("", ReferenceError::Length),
            ("ghcr.io/", ReferenceError::Length),
            ("ghcr.io/Acme/app", ReferenceError::Name),
            ("ghcr.io/acme//app", ReferenceError::Name),
            ("ghcr.io/acme/../app", ReferenceError::Name),
            ("ghcr.io/acme/app_", ReferenceError::Name),
            ("ghcr.io/acme/a..b", ReferenceError::Name),
            ("ghcr.io/acme/app:", ReferenceError::Tag),
            ("ghcr.io/acme/app:-1", ReferenceError::Tag),
            ("ghcr.io/acme/app@sha256:1234", ReferenceError::Digest),
            ("ghcr.io/acme/app@md5:00", ReferenceError::Digest),
            ("-bad.io/acme/app", ReferenceError::Registry),
            ("bad_host.io:1/acme/app", ReferenceError::Registry),
            ("ghcr.io:x/acme/app", ReferenceError::Registry),
            ("ghcr.io:0443/acme/app", ReferenceError::Registry),
            ("ghcr.io:70000/acme/app", ReferenceError::Registry),
            ("[::g]:5000/app", ReferenceError::Registry),
            ("ACME/app:1", ReferenceError::Name),
            ("ghcr.io:443:443/acme/app", ReferenceError::Registry),
            ("[eeBe2]/acme/app", ReferenceError::Name),
        ] {
            assert_eq!(Reference::parse(text), Err(error), "{text}");
        }
        let upper = DIGEST.to_uppercase().replace("SHA256", "sha256");
        assert_eq!(Reference::parse(&format!("a.io/b@{upper}")), Err(ReferenceError::Digest));
    }

    #[test]
    fn a_digest_matches_its_bytes_only() {
        let digest = Digest::sha256(b"abc");
        assert!(digest.matches(b"abc") && !digest.matches(b"abd"));
        assert_eq!(digest.tag(), digest.as_str().replace(':', "-"));
    }
}
