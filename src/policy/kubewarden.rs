//! Settings of Kubewarden's own policy for image signatures
//! ([verify-image-signatures](https://github.com/kubewarden/policies/tree/main/policies/verify-image-signatures),
//! 1.0.11), read as a policy of ours: [docs/kubewarden-migration.md](../../docs/kubewarden-migration.md).
//!
//! Where the two differ, this one is stricter; the page names the three exceptions.

mod entry;
mod url;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Policy, document,
    reader::{Cursor, Reader},
};
use crate::wire::PolicyError;

/// The members of settings. A form of Rancher's adds the last two, which say nothing.
const FIELDS: [&str; 4] = ["modifyImagesWithDigest", "signatures", "description", "rule"];

/// Settings as an `ImagePolicy`.
#[derive(Clone, Debug)]
pub struct Translation {
    /// The document.
    pub document: Value,
    /// Pointers into it, and into the settings.
    places: BTreeMap<String, String>,
}

impl Translation {
    /// Where in the settings stands what the document has at a JSON pointer.
    pub fn place(&self, pointer: &str) -> &str {
        let mut ours = pointer;
        loop {
            if let Some(theirs) = self.places.get(ours) {
                return theirs;
            }
            match ours.rsplit_once('/') {
                Some((parent, _)) => ours = parent,
                None => return "",
            }
        }
    }

    /// Every pointer into the document that has a place in the settings, with that place.
    pub fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        self.places.iter().map(|(ours, theirs)| (ours.as_str(), theirs.as_str()))
    }
}

/// True for a document that is settings, and no policy of ours.
pub fn is_settings(document: &Value) -> bool {
    document.as_object().is_some_and(|members| {
        let has = |name: &&str| members.contains_key(*name);
        FIELDS.iter().take(2).any(&has) && !["apiVersion", "kind", "spec"].iter().any(has)
    })
}

/// Settings as an `ImagePolicy`; on failure every error of their shape, with its place in them.
pub fn translate(settings: &Value) -> Result<Translation, Vec<PolicyError>> {
    let mut r = Reader::default();
    let translation = read(&mut r, settings);
    match translation {
        Some(translation) if r.errors.is_empty() => Ok(translation),
        _ => Err(r.errors),
    }
}

pub(super) fn parse(settings: &Value) -> Result<Policy, Vec<PolicyError>> {
    let translation = translate(settings)?;
    document::parse(&translation.document).map_err(|mut errors| {
        for error in &mut errors {
            error.path = translation.place(&error.path).to_owned();
        }
        errors
    })
}

fn read(r: &mut Reader, settings: &Value) -> Option<Translation> {
    let root = Cursor { value: settings, path: String::new() };
    let root = r.object(&root, &FIELDS, &[])?;
    let pins = match root.get("modifyImagesWithDigest") {
        Some(at) => boolean(r, &at)?,
        None => true,
    };
    let items = root.need(r, "signatures").map(|at| r.list(&at))?;
    let mut made = Made::default();
    for (i, item) in items.iter().enumerate() {
        entry::read(r, i, item, &mut made);
    }
    let digests = match pins {
        true => json!({ "pin": "workloads" }),
        false => json!({ "pin": "none", "require": "never" }),
    };
    let document = json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "metadata": { "name": "verify-image-signatures" },
        "spec": {
            "trust": made.trust,
            "authorities": made.authorities,
            "rules": made.rules,
            "unmatched": "allow",
            "updates": "all",
            "digests": digests,
        },
    });
    Some(Translation { document, places: made.places })
}

fn boolean(r: &mut Reader, at: &Cursor<'_>) -> Option<bool> {
    let found = at.value.as_bool();
    if found.is_none() {
        r.wrong_type(at, "a boolean");
    }
    found
}

/// What the entries come to.
#[derive(Default)]
struct Made {
    trust: serde_json::Map<String, Value>,
    authorities: serde_json::Map<String, Value>,
    rules: Vec<Value>,
    places: BTreeMap<String, String>,
}

impl Made {
    fn stands(&mut self, ours: String, theirs: impl Into<String>) {
        self.places.insert(ours, theirs.into());
    }
}
