//! `boundTo`: for which name a signature was made.

use super::reader::{Cursor, Reader};
use crate::{
    reference::Reference,
    verdict::{Code, Reason},
};

/// For which name a signature must have been made, beside the digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundTo {
    scope: Scope,
    remaps: Vec<Remap>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Reference,
    Repository,
}

/// Where a mirror keeps what was signed elsewhere: prefixes of repositories, whole segments.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Remap {
    from: String,
    to: String,
}

impl BoundTo {
    /// Holds the name that was signed against the one that is asked for.
    pub fn check(&self, signed: Option<&str>, asked: &Reference) -> Result<String, Reason> {
        let mut repositories = vec![asked.repository()];
        let remapped = self.remaps.iter().filter_map(|remap| remap.apply(&asked.repository()));
        repositories.extend(remapped);
        let tag = asked.tag.as_deref();
        let expected = match (self.scope, tag) {
            (Scope::Repository, _) | (Scope::Reference, None) => repositories.join(" or "),
            (Scope::Reference, Some(tag)) => {
                let named: Vec<_> = repositories.iter().map(|r| format!("{r}:{tag}")).collect();
                named.join(" or ")
            }
        };
        let refuse = |found: String| {
            Err(Reason::of(Code::BoundElsewhere).expected(expected.clone()).found(found))
        };
        let Some(signed) = signed.filter(|name| !name.is_empty()) else {
            return refuse("a signature that names no repository".to_owned());
        };
        let Ok(found) = Reference::parse(signed) else {
            return refuse(signed.to_owned());
        };
        let same_tag = || tag.is_some() && found.tag.as_deref() == tag;
        let fits = repositories.contains(&found.repository())
            && (self.scope == Scope::Repository || same_tag());
        if fits { Ok(signed.to_owned()) } else { refuse(signed.to_owned()) }
    }
}

impl Remap {
    fn apply(&self, repository: &str) -> Option<String> {
        let rest = repository.strip_prefix(&self.from)?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        // Docker Hub's own images have a name in front.
        Reference::parse(&format!("{}{rest}", self.to)).ok().map(|to| to.repository())
    }
}

/// A registry, or the beginning of a repository in one, in the form that references are compared in.
fn normal(text: &str) -> Option<String> {
    let has_registry = text.split('/').next().is_some_and(|first| first.contains(['.', ':']));
    if !has_registry || text.contains(['@', '*']) {
        return None;
    }
    // Two more segments, so that the last one is no tag and Docker Hub adds none of its own.
    let whole = Reference::parse(&format!("{text}/x/x")).ok()?.repository();
    whole.strip_suffix("/x/x").map(str::to_owned)
}

/// `None` for `digest`, which every signature is bound to.
pub(super) fn read(r: &mut Reader, at: &Cursor<'_>) -> Option<BoundTo> {
    let words = [
        ("digest", None),
        ("repository", Some(Scope::Repository)),
        ("reference", Some(Scope::Reference)),
    ];
    if !at.value.is_object() {
        let scope = r.word(at, &words)??;
        return Some(BoundTo { scope, remaps: Vec::new() });
    }
    let object = r.object(at, &["remaps", "to"], &[])?;
    let to = object.need(r, "to")?;
    let scope = r.word(&to, &words)?;
    let mut remaps = Vec::new();
    for item in object.need(r, "remaps").map(|at| r.list(&at)).unwrap_or_default() {
        let Some(remap) = r.object(&item, &["from", "to"], &[]) else {
            continue;
        };
        let mut prefix = |name: &str| {
            let at = remap.need(r, name)?;
            let text = r.text(&at)?;
            let normal = normal(text);
            if normal.is_none() {
                r.error(
                    Code::PolicyInvalidValue,
                    &at.path,
                    format!("`{text}` is not a registry or the beginning of a repository in one"),
                );
            }
            normal
        };
        if let (Some(from), Some(to)) = (prefix("from"), prefix("to")) {
            remaps.push(Remap { from, to });
        }
    }
    let Some(scope) = scope else {
        r.error(
            Code::PolicyInvalidValue,
            &to.path,
            "`remaps` go with `repository` and `reference`",
        );
        return None;
    };
    Some(BoundTo { scope, remaps })
}
