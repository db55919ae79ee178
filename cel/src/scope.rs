//! The variables that a program is evaluated with.

use crate::Value;

/// Named values.
#[derive(Clone, Debug, Default)]
pub struct Scope<'a> {
    variables: Vec<(&'a str, Value<'a>)>,
}

impl<'a> Scope<'a> {
    /// No variables.
    pub const fn new() -> Self {
        Self { variables: Vec::new() }
    }

    /// The same, with one more variable, or with another value for it.
    #[must_use]
    pub fn with(mut self, name: &'a str, value: impl Into<Value<'a>>) -> Self {
        self.set(name, value);
        self
    }

    /// Gives a variable its value.
    pub fn set(&mut self, name: &'a str, value: impl Into<Value<'a>>) {
        let value = value.into();
        match self.variables.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.variables.push((name, value)),
        }
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}
