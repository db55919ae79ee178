//! Places as users name them: a registry's repository, a layout, an archive.

use std::path::PathBuf;

use countersign::reference::Reference;

use super::{
    CopyError,
    layout::{ArchiveWriter, LayoutReader, LayoutWriter, opening},
    store::{Remote, Store},
};
use crate::{
    registry::{Registry, RegistryError, Repository, is_digest, is_tag},
    source::{
        Layout, Selector,
        layout::{ARCHIVE, LAYOUT},
    },
};

/// `HOST/REPO[:TAG][@DIGEST]`, `oci-layout:DIR[:TAG|@DIGEST]`, `oci-archive:FILE[:TAG|@DIGEST]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    kind: Kind,
    /// The tag, if one is named.
    pub tag: Option<String>,
    /// The digest, if one is named.
    pub digest: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Archive(PathBuf),
    Layout(PathBuf),
    Registry(Repository),
}

impl Place {
    /// Reads one.
    ///
    /// # Errors
    /// [`CopyError::BadReference`]
    pub fn parse(text: &str) -> Result<Self, CopyError> {
        let bad = |why: &str| CopyError::BadReference(format!("`{text}`: {why}"));
        for (prefix, kind) in
            [(LAYOUT, Kind::Layout as fn(PathBuf) -> Kind), (ARCHIVE, Kind::Archive)]
        {
            let Some(place) = text.strip_prefix(prefix) else { continue };
            let (path, selector) = Selector::split(place);
            if path.is_empty() {
                return Err(bad("no path is named"));
            }
            let (tag, digest) = match selector {
                None => (None, None),
                Some(Selector::Tag(tag)) if is_tag(&tag) => (Some(tag), None),
                Some(Selector::Digest(digest)) if is_digest(&digest) => (None, Some(digest)),
                Some(_) => return Err(bad("what follows the path is neither a tag nor a digest")),
            };
            return Ok(Self { kind: kind(path.into()), tag, digest });
        }
        let reference = Reference::parse(text).map_err(|e| bad(&e.to_string()))?;
        let repository = Repository::parse(&reference.repository())
            .ok_or_else(|| bad("it is not a repository"))?;
        // Without a tag the parser puts `latest`, which is for sources only.
        let rest = text.split_once('@').map_or(text, |(rest, _)| rest);
        let is_written = rest.rsplit('/').next().is_some_and(|last| last.contains(':'));
        let tag = reference.tag.filter(|_| is_written);
        let digest = reference.digest.map(|digest| digest.to_string());
        Ok(Self { kind: Kind::Registry(repository), tag, digest })
    }

    /// Opens it to be read: the place, and which image of it is meant.
    ///
    /// # Errors
    /// There is no such layout or archive, or it does not say which image is meant.
    pub fn open_source<'a>(
        &self,
        registry: &'a Registry,
    ) -> Result<(Box<dyn Store + 'a>, String), CopyError> {
        let selector = self.selector();
        if let Kind::Layout(path) | Kind::Archive(path) = &self.kind
            && matches!(path.try_exists(), Ok(false))
        {
            let words = RegistryError::Absent("there is no such path".to_owned());
            return Err(CopyError::source(&self.to_string(), words));
        }
        let layout = match &self.kind {
            Kind::Registry(repository) => {
                let reference = self.reference().unwrap_or("latest").to_owned();
                return Ok((Box::new(Remote::new(registry, repository.clone())), reference));
            }
            Kind::Layout(path) => Layout::open(path, selector, None),
            Kind::Archive(path) => Layout::open_archive(path, selector, None),
        };
        let reader = layout.map(LayoutReader::new);
        let reader = reader.map_err(|e| CopyError::source(&self.to_string(), opening(e)))?;
        let reference = reader.reference().to_owned();
        Ok((Box::new(reader), reference))
    }

    /// Opens it to be written; a layout is made.
    ///
    /// # Errors
    /// There is something else, or it cannot be written.
    pub fn open_destination<'a>(
        &self,
        registry: &'a Registry,
    ) -> Result<Box<dyn Store + 'a>, CopyError> {
        let failed = |e| CopyError::destination(&self.to_string(), e);
        Ok(match &self.kind {
            Kind::Registry(repository) => Box::new(Remote::new(registry, repository.clone())),
            Kind::Layout(path) => Box::new(LayoutWriter::open(path).map_err(failed)?),
            Kind::Archive(path) => Box::new(ArchiveWriter::open(path).map_err(failed)?),
        })
    }

    /// The digest, else the tag.
    pub fn reference(&self) -> Option<&str> {
        self.digest.as_deref().or(self.tag.as_deref())
    }

    fn selector(&self) -> Option<Selector> {
        let digest = self.digest.clone().map(Selector::Digest);
        digest.or_else(|| self.tag.clone().map(Selector::Tag))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.kind {
            Kind::Archive(path) => write!(f, "{ARCHIVE}{}", path.display())?,
            Kind::Layout(path) => write!(f, "{LAYOUT}{}", path.display())?,
            Kind::Registry(repository) => write!(f, "{repository}")?,
        }
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart_and_an_unwritten_tag_is_none() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (text, tag, named) in [
            ("127.0.0.1:5000/app", None, None),
            ("127.0.0.1:5000/app:1", Some("1"), None),
            (&format!("127.0.0.1:5000/app:1@{digest}"), Some("1"), Some(&*digest)),
            (&format!("127.0.0.1:5000/app@{digest}"), None, Some(&*digest)),
            ("oci-layout:no/such", None, None),
            ("oci-layout:no/such:1", Some("1"), None),
            (&format!("oci-archive:no/such.tar@{digest}"), None, Some(&*digest)),
        ] {
            let place = Place::parse(text).unwrap();
            assert_eq!((place.tag.as_deref(), place.digest.as_deref()), (tag, named), "{text}");
            assert_eq!(place.to_string(), text);
        }
        let hub = Place::parse("nginx:1").unwrap();
        assert_eq!(hub.to_string(), "registry-1.docker.io/library/nginx:1");
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["", "UPPER/app", "oci-layout:", "oci-layout:x@y:z", "oci-archive:x:a b"] {
            assert!(matches!(Place::parse(text), Err(CopyError::BadReference(_))), "{text}");
        }
    }
}
