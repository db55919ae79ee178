//! The policy document as a file: YAML or JSON, with the place of every value kept for messages.

mod files;
mod notation;
mod positions;
mod references;
mod yaml;

use std::{
    fmt, fs,
    io::{self, Read},
    path::Path,
};

use countersign::policy::{Policy, kubewarden};
use serde_json::Value;

use files::{Inlined, Origin};
pub use notation::Artifacts;
pub use positions::{Position, Positions};
pub use references::References;

/// Bytes of one document. Trust roots are tens of kilobytes.
const MAX_BYTES: u64 = 8 << 20;

/// A policy document and where its parts stand in the file.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file's name, `<stdin>` for `-`.
    pub name: String,
    /// The document as JSON; the module validates it.
    pub value: Value,
    /// The place of each value.
    pub positions: Positions,
    files: Vec<Inlined>,
}

/// Why a file is not a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError {
    /// The file's name.
    pub name: String,
    /// Where in it, if anywhere.
    pub position: Option<Position>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "{}:{position}: {}", self.name, self.message),
            None => write!(f, "{}: {}", self.name, self.message),
        }
    }
}

impl std::error::Error for DocumentError {}

/// YAML or JSON of another kind, as strictly as a policy; the error says where.
pub(crate) fn parse_yaml(text: &str) -> Result<Value, String> {
    match yaml::parse(text) {
        Ok((value, _)) => Ok(value),
        Err(e) => Err(format!("{}: {}", e.position, e.message)),
    }
}

impl Document {
    /// Reads a policy: a document in which each `{ file: PATH }` is put in place, and each trusted
    /// root that is kept for the user. Paths are relative to the policy's own directory.
    pub fn load_policy(path: &str) -> Result<Self, DocumentError> {
        Self::load_policy_with(path, &References::of_user())
    }

    /// The same with other references.
    pub fn load_policy_with(path: &str, references: &References) -> Result<Self, DocumentError> {
        let mut document = Self::load(path)?;
        document.take_settings();
        let directory = Path::new(path).parent().filter(|_| path != "-");
        files::inline(&mut document, directory.unwrap_or_else(|| Path::new("")), references)?;
        Ok(document)
    }

    /// Settings of Kubewarden's verify-image-signatures become the policy that they are. What is wrong
    /// with them is left to be said of them.
    fn take_settings(&mut self) {
        if !kubewarden::is_settings(&self.value) || Policy::parse(&self.value).is_err() {
            return;
        }
        let Ok(translation) = kubewarden::translate(&self.value) else { return };
        let mut positions = Positions::default();
        for (ours, theirs) in [("", "")].into_iter().chain(translation.places()) {
            if let Some(position) = self.positions.nearest(theirs) {
                positions.insert(ours.to_owned(), position);
            }
        }
        self.positions = positions;
        self.value = translation.document;
    }

    /// The policy that stands in a configuration directory of Notation: trust policy document and
    /// trust stores.
    pub fn load_notation(directory: &str, artifacts: Artifacts) -> Result<Self, DocumentError> {
        let value = notation::policy_of(directory, artifacts).map_err(|message| DocumentError {
            name: directory.to_owned(),
            position: None,
            message,
        })?;
        let (name, positions) = (directory.to_owned(), Positions::default());
        let mut document = Self { name, value, positions, files: Vec::new() };
        files::inline(&mut document, Path::new(""), &References::default())?;
        Ok(document)
    }

    /// Reads a file, or standard input for `-`.
    pub fn load(path: &str) -> Result<Self, DocumentError> {
        let name = if path == "-" { "<stdin>" } else { path };
        Self::parse(name, &Self::text(path, MAX_BYTES)?)
    }

    fn text(path: &str, most: u64) -> Result<String, DocumentError> {
        let name = if path == "-" { "<stdin>" } else { path };
        let error =
            |message: String| DocumentError { name: name.to_owned(), position: None, message };
        let mut bytes = Vec::new();
        let read = if path == "-" {
            io::stdin().lock().take(most + 1).read_to_end(&mut bytes)
        } else {
            fs::File::open(path).and_then(|f| f.take(most + 1).read_to_end(&mut bytes))
        };
        read.map_err(|e| error(format!("cannot be read: {e}")))?;
        if bytes.len() as u64 > most {
            return Err(error(format!("is larger than {} MiB", most >> 20)));
        }
        String::from_utf8(bytes).map_err(|_| error("is not UTF-8".to_owned()))
    }

    /// Parses a text that is JSON and nothing else.
    fn parse_json(name: &str, text: &str) -> Result<Self, DocumentError> {
        let name = name.to_owned();
        // YAML only says where its parts are, and of members that are there twice which is the second.
        let parsed = yaml::parse(text);
        match countersign::json::parse(text.as_bytes()) {
            Ok(value) => {
                let positions = parsed.map(|(_, positions)| positions).unwrap_or_default();
                Ok(Self { name, value, positions, files: Vec::new() })
            }
            Err(e) => {
                let (message, position) = positions::split(&e.to_string());
                Err(match parsed {
                    Err(e) if position.is_none_or(|position| e.position < position) => {
                        DocumentError { name, position: Some(e.position), message: e.message }
                    }
                    _ => DocumentError { name, position, message },
                })
            }
        }
    }

    /// Parses a text.
    pub fn parse(name: &str, text: &str) -> Result<Self, DocumentError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let parsed = yaml::parse(text);
        // YAML reads most JSON, but not all of it: what looks like JSON is read as JSON, and YAML
        // only says where its parts are.
        if text.trim_start().starts_with('{')
            && let Ok(value) = countersign::json::parse(text.as_bytes())
        {
            let positions = parsed.map(|(_, positions)| positions).unwrap_or_default();
            return Ok(Self { name: name.to_owned(), value, positions, files: Vec::new() });
        }
        match parsed {
            Ok((value, positions)) => {
                Ok(Self { name: name.to_owned(), value, positions, files: Vec::new() })
            }
            Err(e) => Err(DocumentError {
                name: name.to_owned(),
                position: Some(e.position),
                message: e.message,
            }),
        }
    }

    /// `file:line:column` of a JSON pointer, or of the nearest thing around it.
    pub fn locate(&self, pointer: &str) -> String {
        for Inlined { pointer: place, position, from } in &self.files {
            let Some(rest) = pointer.strip_prefix(place) else { continue };
            if !rest.is_empty() && !rest.starts_with('/') {
                continue;
            }
            return match from {
                Origin::Document(document) => document.locate(rest),
                Origin::Named(name) => match position {
                    Some(_) => format!("{} ({name})", self.place(*position)),
                    // The policy is no file.
                    None => name.clone(),
                },
                Origin::Policy => self.place(*position),
            };
        }
        self.place(self.positions.nearest(pointer))
    }

    fn place(&self, position: Option<Position>) -> String {
        match position {
            Some(position) => format!("{}:{position}", self.name),
            None => self.name.clone(),
        }
    }
}
