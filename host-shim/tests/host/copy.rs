//! Copies between registries, layouts and archives.

mod command;
pub(crate) mod corpus;
mod faults;
mod lists;
mod tags;

use std::{path::Path, time::Duration};

use countersign_host::{
    copy::{self, CopyError, LayoutReader, LayoutWriter, Options, Remote, Store, Summary},
    http::Timeouts,
    registry::{self, Mirrors, Registry, Repository},
    source::{Layout, Selector},
};
use loopback_registry as loopback;
use serde_json::{Value, json};

use crate::scratch::{INDEX, MANIFEST, Scratch, tag};

/// A client that does not wait long, and knows no credentials.
pub(crate) fn client() -> Registry {
    client_with(Mirrors::default())
}

pub(crate) fn client_with(mirrors: Mirrors) -> Registry {
    let timeouts = Timeouts { backoff: Duration::from_millis(1), ..Timeouts::default() };
    let options =
        registry::Options { plain_http: true, timeouts, mirrors, ..registry::Options::default() };
    Registry::with_credentials(&options, std::sync::Arc::new(NoCredentials))
}

struct NoCredentials;

impl countersign_host::auth::CredentialSource for NoCredentials {
    fn find(
        &self,
        _host: &str,
        _repository: &str,
    ) -> Result<Vec<countersign_host::auth::Credential>, countersign_host::auth::AuthError> {
        Ok(Vec::new())
    }
}

/// A registry on loopback, with a referrers API or without.
pub(crate) fn start(referrers: bool) -> loopback::Registry {
    loopback::Registry::start(loopback::Options { referrers, ..loopback::Options::default() })
}

pub(crate) fn remote<'a>(client: &'a Registry, at: &loopback::Registry, name: &str) -> Remote<'a> {
    Remote::new(client, Repository::parse(&at.repository(name)).unwrap())
}

pub(crate) fn reader(layout: &Path) -> LayoutReader {
    let any = Some(Selector::Tag("1".to_owned()));
    LayoutReader::new(Layout::open(layout, any, None).unwrap())
}

pub(crate) fn writer(layout: &Path) -> LayoutWriter {
    LayoutWriter::open(layout).unwrap()
}

/// Everything of the image under a tag, to the same tag.
pub(crate) fn options(tag: &str) -> Options {
    let backoff = Duration::from_millis(1);
    Options { tag: Some(tag.to_owned()), backoff, ..Options::new(tag) }
}

/// Copies the image `1`.
pub(crate) fn bring(from: &dyn Store, to: &dyn Store) -> Result<Summary, CopyError> {
    copy::copy(from, to, &options("1"))
}

/// A layout of one image with its blobs; the descriptor of the image.
pub(crate) fn image(scratch: &Scratch, mark: &str) -> Value {
    let manifest = manifest(scratch, mark, None);
    scratch.write("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    let descriptor = scratch.manifest(&manifest, tag("1"));
    scratch.index(std::slice::from_ref(&descriptor));
    descriptor
}

/// A manifest whose blobs are there.
pub(crate) fn manifest(scratch: &Scratch, mark: &str, subject: Option<&Value>) -> Value {
    let config = format!(r#"{{"os":"linux","architecture":"amd64","mark":"{mark}"}}"#);
    let layer = format!("layer of {mark}");
    let blob = |media_type: &str, bytes: &str| json!({ "mediaType": media_type, "digest": scratch.blob(bytes), "size": bytes.len() });
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": blob("application/vnd.oci.image.config.v1+json", &config),
        "layers": [blob("application/vnd.oci.image.layer.v1.tar", &layer)],
    });
    if let Some(subject) = subject {
        manifest["artifactType"] = format!("test/{mark}").into();
        manifest["subject"] = subject.clone();
    }
    manifest
}

/// `descriptor` without what only a layout says of it.
pub(crate) fn plain(descriptor: &Value) -> Value {
    json!({
        "mediaType": descriptor["mediaType"],
        "digest": descriptor["digest"],
        "size": descriptor["size"],
    })
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The fallback tag of a digest.
pub(crate) fn fallback(digest: &str) -> String {
    digest.replace(':', "-")
}

/// An index of these.
pub(crate) fn list(entries: &[Value]) -> String {
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries }).to_string()
}
