//! The first few of what may be many.

use std::fmt;

/// How many are shown: a reason is read by people.
const MOST: usize = 5;

/// What was found, as far as it is shown, and how many there were.
#[derive(Clone, Debug, Default)]
pub(super) struct Few {
    shown: Vec<String>,
    count: usize,
}

impl Few {
    pub(super) fn push(&mut self, text: impl FnOnce() -> String) {
        self.count += 1;
        if self.shown.len() < MOST {
            self.shown.push(text());
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }
}

impl fmt::Display for Few {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown.join(", "))?;
        match self.count - self.shown.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
