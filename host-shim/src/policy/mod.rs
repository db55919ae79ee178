//! The policy document as a file: YAML or JSON, with the place of every value kept for messages.

mod positions;
mod yaml;

use std::{
    fmt, fs,
    io::{self, Read},
};

use serde_json::Value;

pub use positions::{Position, Positions};

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

impl Document {
    /// Reads a file, or standard input for `-`.
    pub fn load(path: &str) -> Result<Self, DocumentError> {
        let name = if path == "-" { "<stdin>" } else { path };
        let error =
            |message: String| DocumentError { name: name.to_owned(), position: None, message };
        let mut bytes = Vec::new();
        let read = if path == "-" {
            io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)
        } else {
            fs::File::open(path).and_then(|f| f.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        };
        read.map_err(|e| error(format!("cannot be read: {e}")))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(error(format!("is larger than {} MiB", MAX_BYTES >> 20)));
        }
        let text = String::from_utf8(bytes).map_err(|_| error("is not UTF-8".to_owned()))?;
        Self::parse(name, &text)
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
            return Ok(Self { name: name.to_owned(), value, positions });
        }
        match parsed {
            Ok((value, positions)) => Ok(Self { name: name.to_owned(), value, positions }),
            Err(e) => Err(DocumentError {
                name: name.to_owned(),
                position: Some(e.position),
                message: e.message,
            }),
        }
    }

    /// `file:line:column` of a JSON pointer, or of the nearest thing around it.
    pub fn locate(&self, pointer: &str) -> String {
        match self.positions.nearest(pointer) {
            Some(position) => format!("{}:{position}", self.name),
            None => self.name.clone(),
        }
    }
}
