//! Maps and their keys.

use std::{cmp::Ordering, fmt, sync::Arc};

use serde_json::Value as Json;

use super::{Text, Value, level};
use crate::{cost::Cost, error::Cause, order::sorted};

/// A map: an object of JSON, or entries that an expression has made.
#[derive(Clone, Debug)]
pub struct Map<'a>(Source<'a>);

#[derive(Clone, Debug)]
enum Source<'a> {
    Json(&'a serde_json::Map<String, Json>),
    Made(Arc<Made<'a>>),
}

#[derive(Debug)]
struct Made<'a> {
    depth: u16,
    /// Sorted by their keys.
    entries: Vec<(Key<'a>, Value<'a>)>,
}

impl<'a> Map<'a> {
    /// A map of entries.
    ///
    /// spec: langdef §Aggregate Values "It is an error to have duplicate keys"
    pub fn new(entries: Vec<(Key<'a>, Value<'a>)>) -> Result<Self, Cause> {
        let depth = level(entries.iter().map(|(_, value)| value))?;
        let entries = sorted(entries, |(a, _), (b, _)| a.cmp(b));
        let mut keys = entries.iter().map(|(key, _)| key);
        let mut last = keys.next();
        for key in keys {
            if last == Some(key) {
                return Err(Cause::DuplicateKey(key.to_string()));
            }
            last = Some(key);
        }
        Ok(Self(Source::Made(Arc::new(Made { depth, entries }))))
    }

    /// The same, of what an expression has made: pays for finding the order of the keys.
    pub(crate) fn paid(entries: Vec<(Key<'a>, Value<'a>)>, cost: &mut Cost) -> Result<Self, Cause> {
        let halvings = u64::from(entries.len().checked_ilog2().unwrap_or(0));
        for (key, _) in &entries {
            let text = if let Key::String(text) = key { text.len() / 16 } else { 0 };
            let compared = u64::try_from(text).unwrap_or(u64::MAX).saturating_add(1);
            cost.spend(halvings.saturating_mul(compared))?;
        }
        Self::new(entries)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Source::Json(object) => object.len(),
            Source::Made(made) => made.entries.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key.
    pub fn get(&self, key: &Key<'_>) -> Option<Value<'a>> {
        match (&self.0, key) {
            (Source::Json(object), Key::String(name)) => object.get(&**name).map(Value::from),
            (Source::Json(_), _) => None,
            (Source::Made(made), _) => {
                let found = made.entries.binary_search_by(|(known, _)| known.compare(key)).ok()?;
                made.entries.get(found).map(|(_, value)| value.clone())
            }
        }
    }

    /// All entries, in the order of their keys where an expression has made the map.
    pub fn iter(&self) -> Entries<'a> {
        match &self.0 {
            Source::Json(object) => Entries(Walk::Json(object.iter())),
            Source::Made(made) => Entries(Walk::Made(Arc::clone(made), 0)),
        }
    }

    pub(super) fn depth(&self) -> u16 {
        match &self.0 {
            Source::Json(_) => 0,
            Source::Made(made) => made.depth,
        }
    }
}

impl<'a> From<&'a serde_json::Map<String, Json>> for Map<'a> {
    fn from(object: &'a serde_json::Map<String, Json>) -> Self {
        Self(Source::Json(object))
    }
}

/// Entries of a map, one after the other.
pub struct Entries<'a>(Walk<'a>);

enum Walk<'a> {
    Json(serde_json::map::Iter<'a>),
    Made(Arc<Made<'a>>, usize),
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Key<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Walk::Json(entries) => {
                let (key, value) = entries.next()?;
                Some((Key::from(key.as_str()), Value::from(value)))
            }
            Walk::Made(made, next) => {
                let entry = made.entries.get(*next)?;
                *next = next.saturating_add(1);
                Some(entry.clone())
            }
        }
    }
}

/// A key of a map. Whole numbers are the same key whether they are `int` or `uint`.
#[derive(Clone, Debug)]
pub enum Key<'a> {
    /// `bool`
    Bool(bool),
    /// `int`
    Int(i64),
    /// `string`
    String(Text<'a>),
    /// `uint`
    Uint(u64),
}

impl<'a> Key<'a> {
    /// The key that a value is in a map literal.
    ///
    /// spec: langdef §Aggregate Values "The key entries are sub-expressions that must evaluate to
    /// values of an allowed type (`int`, `uint`, `bool`, or `string`)"
    pub(crate) fn new(value: Value<'a>) -> Result<Self, Cause> {
        match value {
            Value::Bool(truth) => Ok(Self::Bool(truth)),
            Value::Int(int) => Ok(Self::Int(int)),
            Value::String(text) => Ok(Self::String(text)),
            Value::Uint(uint) => Ok(Self::Uint(uint)),
            other => Err(Cause::UnsupportedKey(other.kind().name())),
        }
    }

    /// The key that a value finds in a map: a `double` finds the whole number that it equals.
    ///
    /// spec: langdef §Numbers
    pub(crate) fn sought(value: &Value<'a>) -> Option<Self> {
        match value {
            Value::Double(double) => whole(*double),
            other => Self::new(other.clone()).ok(),
        }
    }

    /// The total order of keys; `PartialOrd` would compare keys of one lifetime only.
    fn compare(&self, other: &Key<'_>) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Key::Bool(b)) => a.cmp(b),
            (Self::String(a), Key::String(b)) => (**a).cmp(&**b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    /// Booleans before numbers before strings, and numbers among each other.
    fn rank(&self) -> (u8, i128) {
        match self {
            Self::Bool(_) => (0, 0),
            Self::Int(int) => (1, i128::from(*int)),
            Self::Uint(uint) => (1, i128::from(*uint)),
            Self::String(_) => (2, 0),
        }
    }
}

/// The number without a fraction that a `double` is.
fn whole(double: f64) -> Option<Key<'static>> {
    if double.trunc() != double {
        return None;
    }
    // Both bounds are powers of two, and exact.
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&double) {
        return Some(Key::Int(double as i64));
    }
    (0.0..18_446_744_073_709_551_616.0).contains(&double).then_some(Key::Uint(double as u64))
}

impl Eq for Key<'_> {}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(other)
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.compare(other).is_eq()
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<'a> From<&'a str> for Key<'a> {
    fn from(text: &'a str) -> Self {
        Self::String(Text::from(text))
    }
}

impl<'a> From<Key<'a>> for Value<'a> {
    fn from(key: Key<'a>) -> Self {
        match key {
            Key::Bool(truth) => Self::Bool(truth),
            Key::Int(int) => Self::Int(int),
            Key::String(text) => Self::String(text),
            Key::Uint(uint) => Self::Uint(uint),
        }
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Int(int) => write!(f, "{int}"),
            Self::String(text) => write!(f, "\"{}\"", &**text),
            Self::Uint(uint) => write!(f, "{uint}u"),
        }
    }
}
