//! Values. What comes from outside is borrowed; what an expression makes is shared.

mod compare;
mod display;
mod list;
mod map;
mod text;

use std::sync::Arc;

use serde_json::Value as Json;

use crate::{Duration, Timestamp, cost::Cost, error::Cause};

pub use list::List;
pub use map::{Entries, Key, Map};
pub use text::{Bytes, Text};

pub(crate) use compare::{compare, equal};
pub(crate) use display::write_plain;

/// Most levels of lists, maps and optionals that an expression may build: what is nested deeper
/// than the deepest JSON that serde_json reads is not data that somebody meant.
const MAX_DEPTH: u16 = 128;

/// A value of the language.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// `bool`
    Bool(bool),
    /// `bytes`
    Bytes(Bytes<'a>),
    /// `double`
    Double(f64),
    /// `google.protobuf.Duration`
    Duration(Duration),
    /// `int`
    Int(i64),
    /// `list`
    List(List<'a>),
    /// `map`
    Map(Map<'a>),
    /// `null_type`
    Null,
    /// `optional_type`
    Optional(Optional<'a>),
    /// `string`
    String(Text<'a>),
    /// `google.protobuf.Timestamp`
    Timestamp(Timestamp),
    /// `type`
    Type(Type),
    /// `uint`
    Uint(u64),
}

impl<'a> Value<'a> {
    /// Its type.
    pub const fn kind(&self) -> Type {
        match self {
            Self::Bool(_) => Type::Bool,
            Self::Bytes(_) => Type::Bytes,
            Self::Double(_) => Type::Double,
            Self::Duration(_) => Type::Duration,
            Self::Int(_) => Type::Int,
            Self::List(_) => Type::List,
            Self::Map(_) => Type::Map,
            Self::Null => Type::Null,
            Self::Optional(_) => Type::Optional,
            Self::String(_) => Type::String,
            Self::Timestamp(_) => Type::Timestamp,
            Self::Type(_) => Type::Type,
            Self::Uint(_) => Type::Uint,
        }
    }

    /// The truth of a `bool`.
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The text of a `string`.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether both are equal as `==` has it: numbers by value, whatever their type.
    pub fn equals(&self, other: &Self, cost: &mut Cost) -> Result<bool, Cause> {
        equal(self, other, cost)
    }

    /// A list of values that the caller has made.
    pub fn list(values: Vec<Self>) -> Result<Self, Cause> {
        List::new(values).map(Self::List)
    }

    /// A map with strings as keys that the caller has made.
    pub fn map(entries: impl IntoIterator<Item = (&'a str, Self)>) -> Result<Self, Cause> {
        let entries = entries.into_iter().map(|(key, value)| (Key::from(key), value));
        Map::new(entries.collect()).map(Self::Map)
    }

    /// Text that an expression has made.
    pub(crate) fn text(text: String) -> Self {
        Self::String(Text::from(text))
    }

    /// Levels of what an expression has built.
    fn depth(&self) -> u16 {
        match self {
            Self::List(list) => list.depth(),
            Self::Map(map) => map.depth(),
            Self::Optional(optional) => optional.depth,
            _ => 0,
        }
    }
}

/// One level more than the deepest of some values, or too many.
fn level<'v, 'a: 'v>(values: impl Iterator<Item = &'v Value<'a>>) -> Result<u16, Cause> {
    let depth = values.map(Value::depth).max().unwrap_or(0).saturating_add(1);
    if depth > MAX_DEPTH { Err(Cause::DepthExceeded) } else { Ok(depth) }
}

impl<'a> From<&'a Json> for Value<'a> {
    /// spec: langdef §JSON Data Conversion, but integers are `int` where they fit: see docs/cel.md
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(truth) => Self::Bool(*truth),
            Json::Number(number) => match number.as_i64() {
                Some(int) => Self::Int(int),
                None => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::String(Text::from(text.as_str())),
            Json::Array(values) => Self::List(List::from(values.as_slice())),
            Json::Object(entries) => Self::Map(Map::from(entries)),
        }
    }
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<i64> for Value<'_> {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::String(Text::from(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(timestamp: Timestamp) -> Self {
        Self::Timestamp(timestamp)
    }
}

impl From<Duration> for Value<'_> {
    fn from(duration: Duration) -> Self {
        Self::Duration(duration)
    }
}

/// A value that may be missing.
#[derive(Clone, Debug)]
pub struct Optional<'a> {
    depth: u16,
    value: Option<Arc<Value<'a>>>,
}

impl<'a> Optional<'a> {
    /// `optional.none()`
    pub const NONE: Self = Self { depth: 0, value: None };

    /// `optional.of(value)`
    pub fn of(value: Value<'a>) -> Result<Self, Cause> {
        let depth = level(std::iter::once(&value))?;
        Ok(Self { depth, value: Some(Arc::new(value)) })
    }

    /// The value.
    pub fn get(&self) -> Option<&Value<'a>> {
        self.value.as_deref()
    }
}

/// A type, which is a value as well.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Type {
    /// `bool`
    Bool,
    /// `bytes`
    Bytes,
    /// `double`
    Double,
    /// `google.protobuf.Duration`
    Duration,
    /// `int`
    Int,
    /// `list`
    List,
    /// `map`
    Map,
    /// `null_type`
    Null,
    /// `optional_type`
    Optional,
    /// `string`
    String,
    /// `google.protobuf.Timestamp`
    Timestamp,
    /// `type`
    Type,
    /// `uint`
    Uint,
}

impl Type {
    /// Every type.
    pub const ALL: [Self; 13] = [
        Self::Bool,
        Self::Bytes,
        Self::Double,
        Self::Duration,
        Self::Int,
        Self::List,
        Self::Map,
        Self::Null,
        Self::Optional,
        Self::String,
        Self::Timestamp,
        Self::Type,
        Self::Uint,
    ];

    /// Its name in the language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Bytes => "bytes",
            Self::Double => "double",
            Self::Duration => "google.protobuf.Duration",
            Self::Int => "int",
            Self::List => "list",
            Self::Map => "map",
            Self::Null => "null_type",
            Self::Optional => "optional_type",
            Self::String => "string",
            Self::Timestamp => "google.protobuf.Timestamp",
            Self::Type => "type",
            Self::Uint => "uint",
        }
    }
}
