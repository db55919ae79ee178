//! What a program may be, and what it may spend.

use crate::error::Cause;

/// Bytes of text that cost one unit to make, compare or search.
const BYTES_PER_UNIT: usize = 16;

/// Bounds of a program's text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Most levels of the expression; parentheses count while they are read.
    pub depth: u16,
    /// Most bytes of the text.
    pub text: usize,
}

impl Default for Limits {
    /// 96 levels and 64 KiB. The specification wants at least 32 terms in a row and 12 levels of
    /// nesting.
    fn default() -> Self {
        Self { depth: 96, text: 64 * 1024 }
    }
}

/// The units that an evaluation may spend.
///
/// One for every node that is evaluated, every element that is visited or made, and every sixteen
/// bytes of text that are made, compared or searched; a regular expression multiplies the text by
/// its size. What was spent stays spent, over all evaluations with the same `Cost`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cost {
    left: u64,
    spent: u64,
}

impl Cost {
    /// A budget.
    pub const fn new(units: u64) -> Self {
        Self { left: units, spent: 0 }
    }

    /// Units that are left.
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// Units that were spent.
    pub const fn spent(&self) -> u64 {
        self.spent
    }

    /// Spends, or ends the evaluation. A budget that was exceeded once is empty.
    pub(crate) fn spend(&mut self, units: u64) -> Result<(), Cause> {
        let Some(left) = self.left.checked_sub(units) else {
            self.spent = self.spent.saturating_add(self.left);
            self.left = 0;
            return Err(Cause::CostExceeded);
        };
        self.left = left;
        self.spent = self.spent.saturating_add(units);
        Ok(())
    }

    /// Pays for text that is made, compared or searched.
    pub(crate) fn text(&mut self, bytes: usize) -> Result<(), Cause> {
        self.elements(bytes / BYTES_PER_UNIT)
    }

    /// Pays for elements that are made or visited.
    pub(crate) fn elements(&mut self, count: usize) -> Result<(), Cause> {
        self.spend(u64::try_from(count).unwrap_or(u64::MAX))
    }
}
