//! `attestation.approvals`.

use serde_json::Value;

use super::texts;
use crate::{
    policy::reader::{Cursor, Object, Reader},
    predicate::{
        Approvals,
        approvals::{Path, Places},
    },
    verdict::Code,
};

const FIELDS: &[&str] = &["approver", "at", "atLeast", "author", "from", "notAuthor", "when"];

/// More people than ever sign one release.
const MOST_APPROVERS: u32 = 1000;

pub(super) fn read(r: &mut Reader, at: &Cursor<'_>) -> Option<Approvals> {
    let object = r.object(at, FIELDS, &[])?;
    let at_least = object
        .need(r, "atLeast")
        .and_then(|at| texts::number(r, &at, 1, MOST_APPROVERS))
        .and_then(|n| usize::try_from(n).ok());
    let not_author = texts::flag(r, &object, "notAuthor");
    let counts = object.get("notAuthor").is_none_or(|at| at.value == &Value::Bool(false));
    if let (Some(author), true) = (object.get("author"), counts) {
        r.error(Code::PolicyInvalidValue, &author.path, "`author` goes with `notAuthor: true`");
    }
    let from = texts::globs_any_case(r, &object, "from");
    let places = places(r, &object);
    Some(Approvals { at_least: at_least?, from, not_author, places })
}

/// Whoever says where the approver or a condition stands and not where the approvals do means that
/// the document is one approval.
fn places(r: &mut Reader, object: &Object<'_>) -> Places {
    let plain = Places::plain();
    let path = |r: &mut Reader, name: &str| object.get(name).and_then(|at| path(r, &at));
    let author = path(r, "author").unwrap_or_else(|| plain.author.clone());
    let approver = path(r, "approver");
    let when = when(r, object);
    if ["approver", "at", "when"].iter().all(|name| object.get(name).is_none()) {
        return Places { author, ..plain };
    }
    let whole = || Path::of(&[]);
    Places {
        approvals: path(r, "at").unwrap_or_else(whole),
        approver: approver.unwrap_or_else(whole),
        when,
        dismissed: None,
        author,
    }
}

fn when(r: &mut Reader, object: &Object<'_>) -> Vec<(Path, Vec<Value>)> {
    let Some(at) = object.get("when") else {
        return Vec::new();
    };
    let members = r.map(&at);
    if members.is_empty() && at.value.is_object() {
        r.error(Code::PolicyInvalidValue, &at.path, "the object is empty");
    }
    let mut conditions = Vec::new();
    for (name, at) in members {
        let path = parsed(r, name, &at.path);
        let values = texts::scalars(r, &at);
        conditions.extend(path.map(|path| (path, values)));
    }
    conditions
}

fn path(r: &mut Reader, at: &Cursor<'_>) -> Option<Path> {
    let text = r.text(at)?;
    parsed(r, text, &at.path)
}

fn parsed(r: &mut Reader, text: &str, at: &str) -> Option<Path> {
    let path = Path::parse(text);
    if path.is_none() {
        r.suggest(
            Code::PolicyInvalidValue,
            at,
            format!("`{text}` is not a JSON pointer such as `/reviews/*/user`"),
            (!text.starts_with('/')).then(|| format!("/{text}")),
        );
    }
    path
}
