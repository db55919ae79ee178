//! Places as they are written, in one spelling.

use crate::registry::Repository;

/// Puts a place as names are compared: the host in lower case, no slash at the end. What nothing could
/// ever be below is refused, since it would be passed over: it may block something.
pub(super) fn clean(what: &str, place: &mut String) -> Result<(), String> {
    let bare = place.trim_end_matches('/');
    let (host, path) = bare.split_at(bare.find('/').unwrap_or(bare.len()));
    let clean = format!("{}{path}", host.to_ascii_lowercase());
    // Of subdomains there is no path.
    let domain = clean.strip_prefix("*.").filter(|_| path.is_empty()).unwrap_or(&clean);
    if !bare.is_empty() && Repository::parse(&format!("{domain}/x")).is_none() {
        return Err(format!(
            "{what} is `{place}`; expected a host, with a port and a path or without, and no \
             `https://` before it"
        ));
    }
    *place = clean;
    Ok(())
}

/// Whether a prefix has a tag or a digest.
pub(super) fn names_images(prefix: &str) -> bool {
    let repository = prefix.split_once('@').map_or(prefix, |(repository, _)| repository);
    let (repository, tag) = match repository.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (repository, None),
    };
    (tag.is_some() || prefix.contains('@'))
        && repository.contains('/')
        && Repository::parse(repository).is_some()
}
