//! Which image of a layout is meant.

use std::path::Path;

/// Which image of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// By digest.
    Digest(String),
    /// By tag.
    Tag(String),
}

impl Selector {
    /// Takes `PLACE[:TAG|@DIGEST]` apart. A file or directory of exactly that name comes first.
    pub fn split(place: &str) -> (&str, Option<Self>) {
        if Path::new(place).exists() {
            return (place, None);
        }
        if let Some((path, digest)) = place.rsplit_once('@')
            && digest.contains(':')
        {
            return (path, Some(Self::Digest(digest.to_owned())));
        }
        match place.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(Self::Tag(tag.to_owned()))),
            _ => (place, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_directory_and_selector_apart() {
        let tag = |t: &str| Some(Selector::Tag(t.to_owned()));
        assert_eq!(Selector::split("no/such"), ("no/such", None));
        assert_eq!(Selector::split("no/such:1.0"), ("no/such", tag("1.0")));
        assert_eq!(Selector::split("no:such/x"), ("no:such/x", None));
        let digest = Some(Selector::Digest("sha256:00".to_owned()));
        assert_eq!(Selector::split("no/such@sha256:00"), ("no/such", digest));
    }
}
