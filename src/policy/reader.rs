//! Reading a document field by field: unknown fields are errors with a suggestion, and all errors
//! are gathered.

use serde_json::{Map, Value};

use crate::{
    verdict::{Code, shown},
    wire::PolicyError,
};

/// Gathers errors.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) errors: Vec<PolicyError>,
    /// Where an authority stands in the place of its name.
    pub(super) inline: Vec<String>,
}

/// A value and where it stands.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    pub(super) value: &'a Value,
    pub(super) path: String,
}

/// An object whose members were checked against what is known.
pub(super) struct Object<'a> {
    map: &'a Map<String, Value>,
    ignore_nulls: bool,
    pub(super) path: String,
}

impl Reader {
    pub(super) fn error(&mut self, code: Code, path: &str, message: impl Into<String>) {
        self.suggest(code, path, message, None);
    }

    pub(super) fn suggest(
        &mut self,
        code: Code,
        path: &str,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        self.errors.push(PolicyError {
            code: code.as_str().to_owned(),
            path: path.to_owned(),
            message: shown(message.into()),
            suggestion: suggestion.map(shown),
        });
    }

    /// Says that something of the language is not built yet.
    pub(super) fn not_implemented(&mut self, path: &str, what: &str) {
        self.error(
            Code::PolicyNotImplemented,
            path,
            format!("{what} is not implemented in this build"),
        );
    }

    /// An object with members out of `known`; those of `later` belong to the language and are not
    /// built yet.
    pub(super) fn object<'a>(
        &mut self,
        at: &Cursor<'a>,
        known: &[&str],
        later: &[&str],
    ) -> Option<Object<'a>> {
        let Value::Object(map) = at.value else {
            self.wrong_type(at, "an object");
            return None;
        };
        for name in map.keys() {
            let path = member(&at.path, name);
            if later.contains(&name.as_str()) {
                self.not_implemented(&path, &format!("`{name}`"));
            } else if !known.contains(&name.as_str()) {
                let suggestion = nearest(name, known.iter().chain(later).copied());
                self.suggest(
                    Code::PolicyUnknownField,
                    &path,
                    format!("unknown field `{name}`"),
                    suggestion,
                );
            }
        }
        Some(Object { map, ignore_nulls: false, path: at.path.clone() })
    }

    /// Any object, member by member: names are the user's.
    pub(super) fn map<'a>(&mut self, at: &Cursor<'a>) -> Vec<(&'a str, Cursor<'a>)> {
        let Value::Object(map) = at.value else {
            self.wrong_type(at, "an object");
            return Vec::new();
        };
        map.iter()
            .map(|(name, value)| (name.as_str(), Cursor { value, path: member(&at.path, name) }))
            .collect()
    }

    /// A list that is not empty.
    pub(super) fn list<'a>(&mut self, at: &Cursor<'a>) -> Vec<Cursor<'a>> {
        let Value::Array(items) = at.value else {
            self.wrong_type(at, "a list");
            return Vec::new();
        };
        if items.is_empty() {
            self.error(Code::PolicyInvalidValue, &at.path, "the list is empty");
        }
        items
            .iter()
            .enumerate()
            .map(|(i, value)| Cursor { value, path: format!("{}/{i}", at.path) })
            .collect()
    }

    pub(super) fn text<'a>(&mut self, at: &Cursor<'a>) -> Option<&'a str> {
        match at.value {
            Value::String(text) if !text.is_empty() => Some(text),
            Value::String(_) => {
                self.error(Code::PolicyInvalidValue, &at.path, "the text is empty");
                None
            }
            _ => {
                self.wrong_type(at, "a string");
                None
            }
        }
    }

    pub(super) fn texts<'a>(&mut self, at: &Cursor<'a>) -> Vec<(&'a str, Cursor<'a>)> {
        self.list(at)
            .into_iter()
            .filter_map(|item| self.text(&item).map(|text| (text, item)))
            .collect()
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, at: &Cursor<'_>, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(at)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let names: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        self.suggest(
            Code::PolicyInvalidValue,
            &at.path,
            format!("`{text}` is not one of {}", names.join(", ")),
            nearest(text, words.iter().map(|(word, _)| *word)),
        );
        None
    }

    pub(super) fn wrong_type(&mut self, at: &Cursor<'_>, expected: &str) {
        let found = match at.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.error(
            Code::PolicyInvalidValue,
            &at.path,
            format!("expected {expected}, found {found}"),
        );
    }

    /// The one member of `names` that is there.
    pub(super) fn one_of<'a>(
        &mut self,
        object: &Object<'a>,
        names: &[&'static str],
    ) -> Option<(&'static str, Cursor<'a>)> {
        let mut there = names.iter().filter_map(|name| object.get(name).map(|c| (*name, c)));
        match (there.next(), there.next()) {
            (Some(one), None) => Some(one),
            (found, _) => {
                let names: Vec<_> = names.iter().map(|n| format!("`{n}`")).collect();
                let (code, count) = match found {
                    None => (Code::PolicyMissingField, "none"),
                    Some(_) => (Code::PolicyInvalidValue, "more than one"),
                };
                self.error(
                    code,
                    &object.path,
                    format!("exactly one of {} is needed, {count} is there", names.join(", ")),
                );
                None
            }
        }
    }
}

impl<'a> Object<'a> {
    /// As [ProtoJSON](https://protobuf.dev/programming-guides/json/) has it: `null` is a field that
    /// is not there.
    pub(super) fn without_nulls(self) -> Self {
        Self { ignore_nulls: true, ..self }
    }

    pub(super) fn get(&self, name: &str) -> Option<Cursor<'a>> {
        let value = self.map.get(name).filter(|value| !(self.ignore_nulls && value.is_null()));
        value.map(|value| Cursor { value, path: member(&self.path, name) })
    }

    pub(super) fn need(&self, reader: &mut Reader, name: &str) -> Option<Cursor<'a>> {
        let found = self.get(name);
        if found.is_none() {
            reader.error(Code::PolicyMissingField, &self.path, format!("`{name}` is missing"));
        }
        found
    }
}

/// A JSON pointer's next step ([RFC 6901 §3](https://www.rfc-editor.org/rfc/rfc6901#section-3)).
fn member(path: &str, name: &str) -> String {
    format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The word that was probably meant: at most two edits away, or equal but for case.
pub(super) fn nearest<'a>(name: &str, words: impl Iterator<Item = &'a str>) -> Option<String> {
    let lower = name.to_lowercase();
    words
        .map(|word| (strsim::damerau_levenshtein(&lower, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= 2 && *distance < word.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word.to_owned())
}
