//! Building the explanation tree.

use super::{Reason, reason::shown};
use crate::wire::{Kind, Mark, Node};

impl Node {
    /// A node that passed.
    pub fn pass(kind: Kind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: shown(name.into()),
            mark: Mark::Pass,
            reason: None,
            detail: None,
            children: Vec::new(),
        }
    }

    /// A node that did not pass: unknown where the reason says so, else failed.
    pub fn refuse(kind: Kind, name: impl Into<String>, reason: Reason) -> Self {
        let mark = if reason.code.is_undetermined() { Mark::Unknown } else { Mark::Fail };
        Self { mark, reason: Some(reason), ..Self::pass(kind, name) }
    }

    /// A candidate that was not looked at.
    pub fn skip(kind: Kind, name: impl Into<String>, reason: Reason) -> Self {
        Self { mark: Mark::Skipped, reason: Some(reason), ..Self::pass(kind, name) }
    }

    /// With one line of detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(shown(detail.into()));
        self
    }

    /// With what it rests on.
    #[must_use]
    pub fn children(mut self, children: Vec<Self>) -> Self {
        self.children = children;
        self
    }
}

/// The reason to read first: undetermined budget reasons before all, then the most specific.
pub(crate) fn most_specific<'a>(
    reasons: impl IntoIterator<Item = &'a Reason>,
) -> Option<&'a Reason> {
    reasons.into_iter().max_by(|a, b| {
        // `max_by` keeps the last of equals; reversed, the first one wins.
        a.code.rank().cmp(&b.code.rank()).then(std::cmp::Ordering::Greater)
    })
}
