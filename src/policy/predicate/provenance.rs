//! `attestation.provenance`.

use serde_json::Value;

use super::texts;
use crate::{
    policy::reader::{Cursor, Object, Reader},
    predicate::{
        Glob, Provenance,
        provenance::{MOST_LEVEL, Parameter, Source},
    },
    verdict::Code,
};

const FIELDS: &[&str] = &[
    "buildType",
    "builder",
    "commit",
    "dependencies",
    "level",
    "levels",
    "otherParameters",
    "parameters",
    "ref",
    "source",
];

pub(super) fn read(r: &mut Reader, at: &Cursor<'_>) -> Option<Provenance> {
    let object = r.object(at, FIELDS, &[])?;
    if at.value.as_object().is_some_and(serde_json::Map::is_empty) {
        r.error(Code::PolicyMissingField, &at.path, "`provenance` asks for nothing");
    }
    let (level, levels) = levels(r, &object);
    Some(Provenance {
        builders: texts::globs(r, &object, "builder"),
        build_types: texts::globs(r, &object, "buildType"),
        sources: sources(r, &object),
        refs: texts::globs(r, &object, "ref"),
        commits: commits(r, &object),
        parameters: parameters(r, &object),
        no_other_parameters: others(r, &object),
        dependencies: texts::globs(r, &object, "dependencies"),
        level,
        levels,
    })
}

fn sources(r: &mut Reader, object: &Object<'_>) -> Vec<Source> {
    let Some(at) = object.get("source") else {
        return Vec::new();
    };
    let mut sources = Vec::new();
    for (text, at) in texts::some(r, &at) {
        match Source::parse(text) {
            Some(source) => sources.push(source),
            None => r.error(
                Code::PolicyInvalidValue,
                &at.path,
                format!("`{text}` is not a repository such as `git+https://github.com/acme/app`"),
            ),
        }
    }
    sources
}

fn commits(r: &mut Reader, object: &Object<'_>) -> Vec<String> {
    let Some(at) = object.get("commit") else {
        return Vec::new();
    };
    let mut commits = Vec::new();
    for (text, at) in texts::some(r, &at) {
        let hexadecimal = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if hexadecimal && matches!(text.len(), 40 | 64) {
            commits.push(text.to_owned());
        } else {
            let message = "a commit is 40 or 64 lower-case hexadecimal digits";
            r.error(Code::PolicyInvalidValue, &at.path, message);
        }
    }
    commits
}

/// By name, or by a JSON pointer: `inputs` and `/inputs/target`.
fn parameters(r: &mut Reader, object: &Object<'_>) -> Vec<Parameter> {
    let Some(at) = object.get("parameters") else {
        return Vec::new();
    };
    let members = r.map(&at);
    if members.is_empty() && at.value.is_object() {
        r.error(Code::PolicyInvalidValue, &at.path, "the object is empty");
    }
    let mut parameters = Vec::new();
    for (name, at) in members {
        if name.is_empty() {
            r.error(Code::PolicyInvalidValue, &at.path, "the name is empty");
        }
        let pointer = if name.starts_with('/') {
            name.to_owned()
        } else {
            format!("/{}", name.replace('~', "~0").replace('/', "~1"))
        };
        let values = texts::scalars(r, &at);
        parameters.push(Parameter { name: name.to_owned(), pointer, values });
    }
    parameters
}

fn others(r: &mut Reader, object: &Object<'_>) -> bool {
    let words = [("allow", false), ("deny", true)];
    object.get("otherParameters").and_then(|at| r.word(&at, &words)).unwrap_or(false)
}

fn levels(r: &mut Reader, object: &Object<'_>) -> (Option<u8>, Vec<(Glob, u8)>) {
    let level = object.get("level").and_then(|at| build_level(r, &at, 1));
    let Some(at) = object.get("levels") else {
        return (level, Vec::new());
    };
    if object.get("level").is_none() {
        r.error(Code::PolicyMissingField, &object.path, "`levels` goes with `level`");
    }
    let members = r.map(&at);
    if members.is_empty() && matches!(at.value, Value::Object(_)) {
        r.error(Code::PolicyInvalidValue, &at.path, "the object is empty");
    }
    let mut levels = Vec::new();
    for (builder, at) in members {
        let glob = Glob::parse(builder);
        if let Err(error) = &glob {
            r.error(Code::PolicyInvalidValue, &at.path, format!("the builder is {error}"));
        }
        levels.extend(glob.ok().zip(build_level(r, &at, 0)));
    }
    (level, levels)
}

fn build_level(r: &mut Reader, at: &Cursor<'_>, least: u32) -> Option<u8> {
    let level = texts::number(r, at, least, u32::from(MOST_LEVEL));
    level.and_then(|level| u8::try_from(level).ok())
}
