//! What a reference on the command line names: an image on a registry, or one in a layout or an archive.

use std::{cell::OnceCell, path::Path, sync::Arc};

use super::{credentials::CredentialOptions, explanation::clean, output::note};
use crate::{
    auth::Environment,
    cache::{Ages, Cached, Content, ContentOptions},
    registry::{Options, Registry},
    source::{
        EvidenceSource, Layout, Selector,
        layout::{ARCHIVE, LAYOUT},
    },
};

/// An image and where its evidence is.
pub(super) struct Target<'a> {
    /// The reference that the decision is asked for.
    pub(super) reference: String,
    source: Source<'a>,
}

enum Source<'a> {
    Layout(Layout),
    Registry(&'a Cached<Registry>),
}

/// What all references of one command share: tokens and connections, made when first needed.
pub(super) struct Registries {
    options: Options,
    cache: Option<ContentOptions>,
    client: OnceCell<Cached<Registry>>,
}

impl Registries {
    /// As this machine is configured, and as the command line says.
    pub(super) fn new(plain_http: bool, credentials: &CredentialOptions) -> Result<Self, String> {
        let options = options(plain_http, credentials)?;
        Ok(Self { options, cache: None, client: OnceCell::new() })
    }

    /// The same, with a store of content, which is opened with the client.
    pub(super) fn with_cache(self, cache: Option<ContentOptions>) -> Self {
        Self { cache, ..self }
    }

    /// In words, for the keys of decisions that hosts share.
    pub(super) fn road(&self) -> String {
        let Options { plain_http, mirrors, .. } = &self.options;
        format!("registries, plain http {plain_http}, {mirrors:?}")
    }

    /// Where the evidence of images on registries comes from.
    pub(super) fn source(&self) -> &dyn EvidenceSource {
        self.client()
    }

    /// The client below the caches.
    pub(super) fn registry(&self) -> &Registry {
        self.client().source()
    }

    fn client(&self) -> &Cached<Registry> {
        self.client.get_or_init(|| {
            let content = self.cache.as_ref().map(|options| Arc::new(Content::open(options)));
            Cached::new(Registry::new(&self.options), content, Ages::ONE_SHOT)
        })
    }

    /// Says what came up about credentials and content while registries were spoken to.
    pub(super) fn say_notes(&self) {
        let Some(client) = self.client.get() else { return };
        let mut notes = client.source().notes();
        notes.extend(client.content().map(Content::notes).unwrap_or_default());
        for remark in notes {
            note(&format!("note: {}", clean(&remark)));
        }
    }
}

fn options(plain_http: bool, credentials: &CredentialOptions) -> Result<Options, String> {
    let options = Options::of_this_machine(&Environment::process())?;
    Ok(Options { plain_http, auth: credentials.options(), ..options })
}

/// A client of registries as this machine is configured, without a store of content: for who copies
/// and writes.
pub(super) fn registry(
    plain_http: bool,
    credentials: &CredentialOptions,
) -> Result<Registry, String> {
    Ok(Registry::new(&options(plain_http, credentials)?))
}

impl<'a> Target<'a> {
    /// Opens what `argument` names.
    pub(super) fn open(
        argument: &str,
        name: Option<&str>,
        registries: &'a Registries,
    ) -> Result<Self, String> {
        let layout = if let Some(place) = argument.strip_prefix(LAYOUT) {
            let (directory, selector) = Selector::split(place);
            Some(Layout::open(Path::new(directory), selector, name))
        } else if let Some(place) = argument.strip_prefix(ARCHIVE) {
            let (file, selector) = Selector::split(place);
            Some(Layout::open_archive(Path::new(file), selector, name))
        } else {
            None
        };
        if let Some(layout) = layout {
            let layout = layout.map_err(|e| e.to_string())?;
            let reference = layout.reference().to_owned();
            return Ok(Self { reference, source: Source::Layout(layout) });
        }
        if name.is_some() {
            return Err(
                "--image is for layouts and archives: this reference has its own name".to_owned()
            );
        }
        let source = Source::Registry(registries.client());
        Ok(Self { reference: argument.to_owned(), source })
    }

    /// True where it is on a registry, and not in this machine's files.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self.source, Source::Registry(_))
    }

    /// Where its evidence comes from.
    pub(super) fn source(&self) -> &dyn EvidenceSource {
        match &self.source {
            Source::Layout(layout) => layout,
            Source::Registry(registry) => *registry,
        }
    }
}

/// Reads `--image`: a name, no tag and no digest.
pub(super) fn parse_name(text: &str) -> Result<String, String> {
    let last = text.rsplit('/').next().unwrap_or(text);
    if text.is_empty() || last.contains(':') || text.contains('@') {
        return Err("a name without tag and digest, such as ghcr.io/acme/app".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_tag() {
        assert!(parse_name("localhost:5000/a").is_ok());
        assert!(parse_name("a:1").is_err() && parse_name("a@sha256:0").is_err());
    }
}
