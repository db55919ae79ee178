//! Lists.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{Value, level};
use crate::error::Cause;

/// A list: an array of JSON, or values that an expression has made.
#[derive(Clone, Debug)]
pub struct List<'a>(Source<'a>);

#[derive(Clone, Debug)]
enum Source<'a> {
    Json(&'a [Json]),
    Made(Arc<Made<'a>>),
}

#[derive(Debug)]
struct Made<'a> {
    depth: u16,
    values: Vec<Value<'a>>,
}

impl<'a> List<'a> {
    pub(crate) fn new(values: Vec<Value<'a>>) -> Result<Self, Cause> {
        let depth = level(values.iter())?;
        Ok(Self(Source::Made(Arc::new(Made { depth, values }))))
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Source::Json(values) => values.len(),
            Source::Made(made) => made.values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of them.
    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        match &self.0 {
            Source::Json(values) => values.get(index).map(Value::from),
            Source::Made(made) => made.values.get(index).cloned(),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + '_ {
        (0..self.len()).map_while(|index| self.get(index))
    }

    pub(super) fn depth(&self) -> u16 {
        match &self.0 {
            Source::Json(_) => 0,
            Source::Made(made) => made.depth,
        }
    }
}

impl<'a> From<&'a [Json]> for List<'a> {
    fn from(values: &'a [Json]) -> Self {
        Self(Source::Json(values))
    }
}
