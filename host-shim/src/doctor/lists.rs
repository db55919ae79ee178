//! Tags, referrers, and the tag that stands in for them.

use std::collections::BTreeSet;

use countersign::discovery::manifest::{self, OCI_INDEX, Shape};
use serde_json::Value;

use super::{Exam, Grade};
use crate::registry::{Probe, RegistryError};

/// A digest that nothing has: what the API says to it shows whether there is one.
const NOBODY: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
/// An artifact type that nothing has.
const NO_TYPE: &str = "application/vnd.countersign.none";
/// What comes of a referrers API that fails.
const UNKNOWN: &str = "whether there are Sigstore bundles and Notation signatures cannot be told: \
    verdicts that need them are undetermined";

impl Exam<'_> {
    /// The list of tags, which verification does not need.
    pub(super) fn tags(&mut self) {
        let one = match self.probe("tags/list?n=1") {
            Ok(one) => one,
            Err(e) => {
                self.no_tags(e.to_string());
                return;
            }
        };
        let tags = serde_json::from_slice::<Value>(&one.bytes).ok();
        let tags = tags.as_ref().and_then(|list| list.get("tags"));
        match (one.status, tags) {
            (200, Some(Value::Array(tags))) if tags.len() > 1 => {
                let found = format!("{} tags where one was asked for", tags.len());
                let check = self.note("tags", Grade::Ok, found);
                check.means("the list does not come in pages");
            }
            (200, Some(Value::Array(_) | Value::Null)) => {
                let pages = if one.headers.contains_key("link") { ", in pages" } else { "" };
                self.note("tags", Grade::Ok, format!("the list can be read{pages}"));
            }
            (200, _) => self.no_tags("200, and no list of tags".to_owned()),
            _ => self.no_tags(one.message),
        }
    }

    fn no_tags(&mut self, found: String) {
        let check = self.note("tags", Grade::Warn, found);
        check.means("tags cannot be listed: verification goes without, copying all tags does not");
    }

    /// The referrers API, its filter, and the fallback tag.
    pub(super) fn referrers(&mut self, subject: Option<&str>) {
        let of = subject.unwrap_or(NOBODY);
        let listed = match self.probe(&format!("referrers/{of}")) {
            Ok(probe) => self.api(&probe),
            Err(e) => {
                self.broken_api(&e);
                None
            }
        };
        if let Some(listed) = &listed {
            self.filter(of, listed);
        }
        if let Some(subject) = subject {
            self.fallback(subject, listed.as_ref());
        }
    }

    fn broken_api(&mut self, error: &RegistryError) {
        let check = self.note("referrers", Grade::Fail, error.to_string());
        check.means(UNKNOWN).next("try again; if it stays so, use an evidence pack");
    }

    /// What the API lists; nothing where there is none.
    fn api(&mut self, probe: &Probe) -> Option<BTreeSet<String>> {
        match (probe.status, digests(&probe.bytes)) {
            (200, Some(listed)) if probe.media_type() == Some(OCI_INDEX) => {
                let pages = if probe.headers.contains_key("link") { ", in pages" } else { "" };
                let found = format!("the API lists {} of this image{pages}", listed.len());
                self.note("referrers", Grade::Ok, found);
                Some(listed)
            }
            (200, _) => {
                let what = probe.media_type().unwrap_or("nothing that is said");
                self.note("referrers", Grade::Warn, format!("200, and {what} in place of a list"))
                    .means("taken for a registry without the API: the fallback tag is used")
                    .next("report it to the registry's operator: without the API it is 404");
                None
            }
            (404, _) => {
                let check = self.note("referrers", Grade::Warn, "there is no API (404)");
                check.means(
                    "signatures are found by the fallback tag, which several writers can spoil",
                );
                None
            }
            (401 | 403, _) => {
                let check = self.note("referrers", Grade::Fail, probe.message.clone());
                check.means(UNKNOWN).next("use an account that may read referrers");
                None
            }
            _ => {
                let check = self.note("referrers", Grade::Fail, probe.message.clone());
                check.means(UNKNOWN).next("try again; if it stays so, use an evidence pack");
                None
            }
        }
    }

    fn filter(&mut self, of: &str, listed: &BTreeSet<String>) {
        let Ok(probe) = self.probe(&format!("referrers/{of}?artifactType={NO_TYPE}")) else {
            self.note("filter", Grade::Skipped, "no answer");
            return;
        };
        let says = probe.headers.contains_key("oci-filters-applied");
        let left = digests(&probe.bytes).unwrap_or_default().len();
        match (says, left) {
            (true, 0) => self.note("filter", Grade::Ok, "by artifactType, and it says so"),
            (true, _) => self
                .note("filter", Grade::Warn, "it says that it filters, and does not")
                .means("tools that believe it look at the wrong artifacts; the module does not"),
            (false, 0) if !listed.is_empty() => self
                .note("filter", Grade::Warn, "it filters, and does not say so")
                .means("harmless: the whole list is asked for here"),
            (false, _) => self.note("filter", Grade::Ok, "none: the whole list is read"),
        };
    }

    fn fallback(&mut self, subject: &str, listed: Option<&BTreeSet<String>>) {
        let tag = subject.replace(':', "-");
        let Ok(probe) = self.probe(&format!("manifests/{tag}")) else {
            self.note("fallbackTag", Grade::Skipped, "no answer");
            return;
        };
        match (probe.status, manifest::parse(&probe.bytes)) {
            (404, _) => {
                self.note("fallbackTag", Grade::Ok, "there is none for this image");
            }
            (200, Ok((_, Shape::Index))) => {
                let tagged = digests(&probe.bytes).unwrap_or_default();
                self.compare(&tagged, listed);
            }
            (200, _) => {
                self.note("fallbackTag", Grade::Warn, "an image, and no list, lies under the tag")
                    .means("what it listed is lost; `cosign copy` leaves it so")
                    .next("copy the image again with `countersign copy`");
            }
            _ => {
                self.note("fallbackTag", Grade::Warn, probe.message.clone());
            }
        }
    }

    fn compare(&mut self, tagged: &BTreeSet<String>, listed: Option<&BTreeSet<String>>) {
        let Some(listed) = listed else {
            let found = format!("lists {} of this image", tagged.len());
            self.note("fallbackTag", Grade::Ok, found);
            return;
        };
        let hidden = tagged.difference(listed).count();
        if hidden == 0 {
            self.note("fallbackTag", Grade::Ok, "lists nothing that the API does not list");
            return;
        }
        self.note("fallbackTag", Grade::Warn, format!("lists {hidden} that the API does not list"))
            .means("who asks the API, as the specification says, does not find them")
            .next("copy the image again with `countersign copy`, which pushes them with their subject");
    }
}

/// The digests of an index.
fn digests(bytes: &[u8]) -> Option<BTreeSet<String>> {
    let index: Value = serde_json::from_slice(bytes).ok()?;
    let entries = index.get("manifests")?.as_array()?.iter();
    Some(entries.filter_map(|e| e.get("digest")?.as_str().map(str::to_owned)).collect())
}
