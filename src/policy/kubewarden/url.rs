//! Beginnings of URLs, in the form that the [URL Standard](https://url.spec.whatwg.org/) gives them:
//! the host compares them so.

use core::net::Ipv4Addr;

/// The beginning in its normal form. It ends at a segment: `…/acme` is not the beginning of
/// `…/acme-evil/`. What the standard would rewrite any further is an error.
pub(super) fn prefix(text: &str) -> Result<String, &'static str> {
    let (scheme, rest) = text.split_once("://").ok_or("it has no scheme such as `https://`")?;
    let scheme = scheme.to_ascii_lowercase();
    let good = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !good {
        return Err("its scheme is none");
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host(&scheme, authority)?;
    if path.bytes().any(|b| !b.is_ascii_graphic() || b"\"#<>?\\^`{|}".contains(&b)) {
        return Err("its path has a character that paths do not have");
    }
    let dots = |segment: &str| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    };
    if path.split('/').any(dots) {
        return Err("its path has `.` or `..`");
    }
    let end = if path.ends_with('/') { "" } else { "/" };
    Ok(format!("{scheme}://{host}{path}{end}"))
}

fn host(scheme: &str, authority: &str) -> Result<String, &'static str> {
    let port = match scheme {
        "https" => ":443",
        "http" => ":80",
        "file" | "ftp" | "ws" | "wss" => return Err("write it with `https://`"),
        // A host of any other scheme is taken as it is.
        _ => "",
    };
    let known = |b: u8| b.is_ascii_alphanumeric() || b"-._:".contains(&b);
    if authority.is_empty() || !authority.bytes().all(known) {
        return Err("its host is none");
    }
    if port.is_empty() {
        return Ok(authority.to_owned());
    }
    let lower = authority.to_ascii_lowercase();
    let host = lower.strip_suffix(port).unwrap_or(&lower);
    let (name, number) = match host.split_once(':') {
        Some((name, number)) => (name, Some(number)),
        None => (host, None),
    };
    let plain = |n: &str| n.parse::<u16>().is_ok_and(|parsed| parsed.to_string() == n);
    if name.is_empty() || number.is_some_and(|n| !plain(n)) {
        return Err("its host is none");
    }
    let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    // The standard reads a number at the end as an address.
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let numeric = digits(last) || last.starts_with("0x");
    if numeric && !name.parse::<Ipv4Addr>().is_ok_and(|address| address.to_string() == name) {
        return Err("its host is no address");
    }
    Ok(host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::prefix;

    #[test]
    fn a_prefix_ends_at_a_segment_and_is_in_normal_form() {
        for (text, expected) in [
            ("https://github.com/kubewarden", "https://github.com/kubewarden/"),
            ("https://github.com/kubewarden/", "https://github.com/kubewarden/"),
            ("HTTPS://GitHub.com:443/Acme", "https://github.com/Acme/"),
            ("https://github.com", "https://github.com/"),
            ("http://ci.test:8080/x", "http://ci.test:8080/x/"),
            (
                "https://github.com/a/b/.github/w/c.yml@refs/tags",
                "https://github.com/a/b/.github/w/c.yml@refs/tags/",
            ),
            ("spiffe://Acme/ns", "spiffe://Acme/ns/"),
            ("http://127.0.0.1/x", "http://127.0.0.1/x/"),
        ] {
            assert_eq!(prefix(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_the_standard_would_rewrite_is_refused() {
        for text in [
            "",
            "github.com/acme",
            "https://",
            "https:///acme",
            "1://x",
            "https://a b/c",
            "https://user@github.com/acme",
            "https://github.com/acme/../evil",
            "https://github.com/%2E%2e/evil",
            "https://github.com/acme?x=y",
            "https://github.com/acme#x",
            "https://github.com\\acme",
            "https://127.1/x",
            "https://0x7f.1/x",
            "https://bücher.test/x",
            "https://github.com:0443/x",
            "ftp://x/y",
            "https://github.com/a b",
        ] {
            assert!(prefix(text).is_err(), "{text}");
        }
    }
}
