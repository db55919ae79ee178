//! Places in a file, by JSON pointer.

use std::{collections::BTreeMap, fmt};

/// A place in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Where each value of a document stands: a member at its key, an item at itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions(BTreeMap<String, Position>);

impl Positions {
    pub(super) fn insert(&mut self, pointer: String, position: Position) {
        self.0.insert(pointer, position);
    }

    /// The place of a pointer, else of its nearest ancestor.
    pub fn nearest(&self, pointer: &str) -> Option<Position> {
        let mut pointer = pointer;
        loop {
            if let Some(position) = self.0.get(pointer) {
                return Some(*position);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }
}

/// What a parser of JSON says, without the place at its end.
pub(super) fn split(message: &str) -> (String, Option<Position>) {
    let place = message.rsplit_once(" at line ").and_then(|(words, place)| {
        let (line, column) = place.split_once(" column ")?;
        Some((words, Position { line: line.parse().ok()?, column: column.parse().ok()? }))
    });
    match place {
        Some((words, position)) => (words.to_owned(), Some(position)),
        None => (message.to_owned(), None),
    }
}

/// A key as a step of a JSON pointer (RFC 6901 §3).
pub(super) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
