//! What is read, and which name was probably meant.

use strsim::damerau_levenshtein;

use crate::order::sorted;

/// Longer names are not compared: that takes the product of the lengths.
const MAX_COMPARED: usize = 64;

/// The variables that a program names, and their fields.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    variables: Vec<String>,
    /// As they are found, and so more than once.
    fields: Vec<(usize, Option<String>)>,
}

impl Reads {
    /// Variables by their places.
    pub(crate) fn variables(&self) -> &[String] {
        &self.variables
    }

    /// Variables and fields, sorted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let named: Vec<_> = self
            .fields
            .iter()
            .filter_map(|(place, field)| {
                Some((self.variables.get(*place)?.as_str(), field.as_deref()))
            })
            .collect();
        let mut named = sorted(named, Ord::cmp);
        named.dedup();
        named.into_iter()
    }

    /// The place of a variable.
    pub(super) fn place(&mut self, name: &str) -> usize {
        let known = self.variables.iter().position(|variable| variable == name);
        known.unwrap_or_else(|| {
            self.variables.push(name.into());
            self.variables.len().saturating_sub(1)
        })
    }

    pub(super) fn add(&mut self, place: usize, field: Option<&str>) {
        self.fields.push((place, field.map(Into::into)));
    }
}

/// The most similar of some names: at most two edits away, or equal but for case.
pub(super) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<String> {
    if name.len() > MAX_COMPARED {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    known
        .filter(|known| known.len() <= MAX_COMPARED)
        .map(|known| (damerau_levenshtein(&lower, &known.to_ascii_lowercase()), known))
        .filter(|(distance, known)| *distance <= 2 && *distance < known.len())
        .min()
        .map(|(_, known)| known.into())
}
