//! A text or several of them, as patterns.

use serde_json::Value;

use crate::{
    policy::reader::{Cursor, Object, Reader},
    predicate::{Glob, GlobError},
    verdict::Code,
};

/// One text, or a list of texts.
pub(super) fn some<'a>(r: &mut Reader, at: &Cursor<'a>) -> Vec<(&'a str, Cursor<'a>)> {
    match at.value {
        Value::Array(_) => r.texts(at),
        Value::String(_) => r.text(at).map(|text| (text, at.clone())).into_iter().collect(),
        _ => {
            r.wrong_type(at, "a string or a list of strings");
            Vec::new()
        }
    }
}

/// Of a field that may be missing: one pattern, or a list.
pub(super) fn globs(r: &mut Reader, object: &Object<'_>, name: &str) -> Vec<Glob> {
    globs_by(r, object, name, Glob::parse)
}

/// The same, in either case.
pub(super) fn globs_any_case(r: &mut Reader, object: &Object<'_>, name: &str) -> Vec<Glob> {
    globs_by(r, object, name, Glob::parse_any_case)
}

fn globs_by(
    r: &mut Reader,
    object: &Object<'_>,
    name: &str,
    parse: fn(&str) -> Result<Glob, GlobError>,
) -> Vec<Glob> {
    let Some(at) = object.get(name) else {
        return Vec::new();
    };
    let mut globs = Vec::new();
    for (text, at) in some(r, &at) {
        match parse(text) {
            Ok(glob) => globs.push(glob),
            Err(error) => r.error(Code::PolicyInvalidValue, &at.path, error.to_string()),
        }
    }
    globs
}

/// Values that a document may have: one text, number or boolean, or a list of them.
pub(super) fn scalars(r: &mut Reader, at: &Cursor<'_>) -> Vec<Value> {
    let items = match at.value {
        Value::Array(_) => r.list(at),
        _ => vec![at.clone()],
    };
    let mut values = Vec::new();
    for item in items {
        match item.value {
            Value::Array(_) | Value::Object(_) | Value::Null => {
                r.wrong_type(&item, "a string, a number or a boolean");
            }
            value => values.push(value.clone()),
        }
    }
    values
}

/// A field that is not there, or a boolean.
pub(super) fn flag(r: &mut Reader, object: &Object<'_>, name: &str) -> bool {
    let Some(at) = object.get(name) else {
        return false;
    };
    if let Value::Bool(flag) = at.value {
        return *flag;
    }
    r.wrong_type(&at, "a boolean");
    false
}

/// A whole number in a range.
pub(super) fn number(r: &mut Reader, at: &Cursor<'_>, least: u32, most: u32) -> Option<u32> {
    let number = at.value.as_u64().and_then(|n| u32::try_from(n).ok());
    let number = number.filter(|n| (least..=most).contains(n));
    if number.is_none() {
        let message = format!("a whole number from {least} to {most} is needed");
        r.error(Code::PolicyInvalidValue, &at.path, message);
    }
    number
}
