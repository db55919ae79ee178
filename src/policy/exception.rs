//! `exceptions`: what may fail, where, and until when.

use super::{
    Glob, block,
    reader::{Cursor, Reader},
};
use crate::{
    reference::{Digest, Reference},
    time::Time,
    verdict::{ALL_CODES, Code},
};

/// One exception. It is spent at `until`.
#[derive(Clone, Debug)]
pub struct Exception {
    images: Vec<Glob>,
    digests: Vec<(Option<String>, Digest)>,
    namespaces: Vec<String>,
    rules: Vec<String>,
    waive: Vec<String>,
    /// When it ends.
    pub until: Time,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
}

impl Exception {
    /// True where it is for this image, whenever that is.
    pub fn is_for(
        &self,
        reference: &Reference,
        digest: Option<&Digest>,
        namespace: Option<&str>,
    ) -> bool {
        let here = namespace.is_some_and(|n| self.namespaces.iter().any(|known| known == n));
        if !self.namespaces.is_empty() && !here {
            return false;
        }
        let repository = reference.repository();
        let by_digest = self.digests.iter().any(|(of, excepted)| {
            Some(excepted) == digest && of.as_ref().is_none_or(|of| *of == repository)
        });
        let negated = self.images.iter().any(|g| g.negated && g.matches(&repository));
        let matched = self.images.iter().any(|g| !g.negated && g.matches(&repository));
        by_digest || (matched && !negated)
    }

    /// True where it is for some namespaces only.
    pub(super) fn is_for_namespaces(&self) -> bool {
        !self.namespaces.is_empty()
    }

    /// True where it waives a requirement, known by these names, that fails with this code in a rule.
    pub fn waives<'n>(
        &self,
        rule: &str,
        mut names: impl Iterator<Item = &'n str>,
        code: Code,
    ) -> bool {
        // The block list comes first.
        if code == Code::SignerBlocked {
            return false;
        }
        let of_rule = self.rules.is_empty() || self.rules.iter().any(|r| r == rule);
        let named = |name: &str| self.waive.iter().any(|w| w == name);
        of_rule && (named("*") || named(code.as_str()) || names.any(named))
    }

    /// For people.
    pub fn describe(&self) -> String {
        format!("until {}, {}: {}", self.until, self.owner, self.reason)
    }
}

/// `known` are the names of requirements.
pub(super) fn read(
    r: &mut Reader,
    at: &Cursor<'_>,
    known: &[&str],
    rules: &[&str],
) -> Option<Exception> {
    let fields = ["images", "namespaces", "owner", "reason", "rules", "until", "waive"];
    let object = r.object(at, &fields, &[])?;
    let (mut images, mut digests) = (Vec::new(), Vec::new());
    let named = object.need(r, "images");
    for (text, item) in named.map(|at| r.texts(&at)).unwrap_or_default() {
        if let Some(digest) = Digest::parse(text) {
            digests.push((None, digest));
        } else if text.contains('@') {
            match Reference::parse(text) {
                Ok(reference) => {
                    let repository = reference.repository();
                    digests.extend(reference.digest.map(|digest| (Some(repository), digest)));
                }
                Err(error) => r.error(
                    Code::PolicyInvalidValue,
                    &item.path,
                    format!("`{text}` is not an image by digest: {error}"),
                ),
            }
        } else {
            match Glob::parse(text) {
                Ok(glob) => images.push(glob),
                Err(error) => r.error(
                    Code::PolicyInvalidValue,
                    &item.path,
                    format!("`{text}` is not a glob: {error}"),
                ),
            }
        }
    }
    if digests.is_empty() && !images.is_empty() && images.iter().all(|g| g.negated) {
        r.error(Code::PolicyInvalidValue, &at.path, "only negative globs: add a positive one");
    }
    let mut names = |field: &str, known: &[&str], what: &str| -> Vec<String> {
        let at = object.get(field);
        let mut names = Vec::new();
        for (text, item) in at.map(|at| r.texts(&at)).unwrap_or_default() {
            if !known.is_empty() && !known.contains(&text) {
                r.suggest(
                    Code::PolicyUnknownName,
                    &item.path,
                    format!("`{text}` is no {what}"),
                    super::reader::nearest(text, known.iter().copied()),
                );
            }
            names.push(text.to_owned());
        }
        names
    };
    let namespaces = names("namespaces", &[], "namespace");
    let rules = names("rules", rules, "rule with a `name`");
    let mut waivable: Vec<&str> = vec!["*"];
    waivable.extend(known);
    waivable.extend(ALL_CODES.iter().map(|code| code.as_str()));
    let waive = names("waive", &waivable, "requirement's name and no reason code");
    let never =
        [Code::ImageBlocked, Code::ImageStaticDeny, Code::DigestUnpinned, Code::SignerBlocked];
    if let Some(code) = never.iter().find(|code| waive.iter().any(|w| w == code.as_str())) {
        r.error(Code::PolicyInvalidValue, &at.path, format!("`{code}` cannot be waived"));
    }
    object.need(r, "waive");
    let until = object.need(r, "until").and_then(|at| block::instant(r, &at));
    let owner = object.need(r, "owner").and_then(|at| r.text(&at).map(str::to_owned));
    let reason = object.need(r, "reason").and_then(|at| r.text(&at).map(str::to_owned));
    Some(Exception {
        images,
        digests,
        namespaces,
        rules,
        waive,
        until: until?,
        owner: owner?,
        reason: reason?,
    })
}
